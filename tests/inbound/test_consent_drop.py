"""A folder of agreements: on the disk first, then moved, or refused by line as a whole."""

from datetime import timedelta
from pathlib import Path

from engine.inbound.door import Door
from engine.inbound.file_drop import FileDrop
from engine.inbound.receive import Receiver
from engine.model.config import WatchedFolder
from engine.model.flow import AckCode, JournalState
from engine.model.task import TaskKind
from engine.store.sqlite import SqliteStore
from tests.inbound.test_form_drop import made, names
from tests.inbound.test_receive import FailingStore, journal
from tests.support.adt import adt
from tests.support.forms import EXAMPLE
from tests.support.mllp_peer import Tally

FOLDER = Path(__file__).resolve().parents[2] / "fixtures/inbound/consents"
CSV = (FOLDER / "agreements.csv").read_bytes()
JSON = (FOLDER / "agreements.json").read_bytes()


def dropping(folder: Path, receiver: Receiver) -> FileDrop:
    settings = WatchedFolder(
        name="drop", path=folder, mapping="pam-fr", settle=timedelta(0), consents=True
    )
    return FileDrop(settings, Door("drop"), receiver)


async def test_both_shapes_are_journaled_byte_for_byte_and_moved(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    (folder / "a.csv").write_bytes(CSV)
    (folder / "b.JSON").write_bytes(JSON)
    assert await dropping(folder, receiver).sweep() == 2
    rows = await journal(store)
    assert {row.message_type for row in rows} == {"CONSENTS"}
    assert {(row.state, row.ack) for row in rows} == {(JournalState.RECEIVED, AckCode.AA)}
    kept = await store.read(lambda tx: [tx.journal.get(row.id) for row in rows])
    assert {row.raw for row in kept if row} == {CSV, JSON}
    assert (names(folder), names(folder / "done")) == ([], [])


async def test_one_wrong_line_puts_the_whole_file_aside_with_reasons_by_line_and_a_task(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    (folder / "a.csv").write_bytes(CSV.replace(b"refused", b"LAMBERT"))
    assert await dropping(folder, receiver).sweep() == 1
    assert names(folder / "quarantine") == ["journal-1.reason.txt"]
    reason = (folder / "quarantine/journal-1.reason.txt").read_text("utf-8")
    assert "line 3, state: " in reason
    assert "LAMBERT" not in reason
    (entry,) = await journal(store)
    assert (entry.state, entry.message_type) == (JournalState.QUARANTINE, "CONSENTS")
    (task,) = await store.read(lambda tx: tx.tasks.listing())
    assert (task.kind, task.about) == (TaskKind.MESSAGE_UNREADABLE, f"journal {entry.id}")


async def test_a_folder_of_agreements_takes_nothing_else(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    (folder / "a.hl7").write_bytes(adt())
    (folder / "lettre.json").write_bytes(EXAMPLE)
    assert await dropping(folder, receiver).sweep() == 1
    assert names(folder) == ["a.hl7"]
    assert names(folder / "quarantine") == ["journal-1.reason.txt"]
    (entry,) = await journal(store)
    assert entry.message_type == "CONSENTS"


async def test_what_cannot_be_stored_stays_where_it_is(
    tmp_path: Path, store: SqliteStore, tally: Tally
) -> None:
    folder = made(tmp_path)
    (folder / "a.csv").write_bytes(CSV)
    receiver = Receiver(FailingStore(store, lambda: True), tally, software="RELAIS")
    assert await dropping(folder, receiver).sweep() == 0
    assert names(folder) == ["a.csv"]


async def test_the_same_file_again_is_a_duplicate(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    for _ in range(2):
        (folder / "a.csv").write_bytes(CSV)
        assert await dropping(folder, receiver).sweep() == 1
    assert len(await journal(store)) == 1
