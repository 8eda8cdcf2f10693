"""A folder of coming releases: on the disk first, then removed, or refused as a whole."""

from datetime import timedelta
from pathlib import Path

from engine.inbound.door import Door
from engine.inbound.file_drop import FileDrop
from engine.inbound.receive import Receiver
from engine.model.config import WatchedFolder
from engine.model.flow import JournalState
from engine.store.sqlite import SqliteStore
from tests.inbound.test_form_drop import made, names
from tests.inbound.test_receive import journal
from tests.support.adt import adt

FOLDER = Path(__file__).resolve().parents[2] / "fixtures/inbound/releases"
CSV = (FOLDER / "releases.csv").read_bytes()
JSON = (FOLDER / "releases.json").read_bytes()


def dropping(folder: Path, receiver: Receiver) -> FileDrop:
    settings = WatchedFolder(
        name="drop", path=folder, mapping="pam-fr", settle=timedelta(0), releases=True
    )
    return FileDrop(settings, Door("drop"), receiver)


async def test_both_shapes_are_journaled_byte_for_byte_and_removed(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    (folder / "a.csv").write_bytes(CSV)
    (folder / "b.json").write_bytes(JSON)
    (folder / "c.hl7").write_bytes(adt())
    assert await dropping(folder, receiver).sweep() == 2
    rows = await journal(store)
    assert {(row.message_type, row.state) for row in rows} == {("RELEASES", JournalState.RECEIVED)}
    kept = await store.read(lambda tx: [tx.journal.get(row.id) for row in rows])
    assert {row.raw for row in kept if row} == {CSV, JSON}
    assert (names(folder), names(folder / "done")) == (["c.hl7"], [])


async def test_a_file_with_a_column_of_penal_data_is_put_aside_and_its_reason_quotes_nothing(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    (folder / "a.csv").write_bytes(CSV.replace(b";by\n", b";ecrou\n"))
    assert await dropping(folder, receiver).sweep() == 1
    reason = (folder / "quarantine/journal-1.reason.txt").read_text("utf-8")
    assert "line 1, column 7: is a column that we do not know" in reason
    assert "2026-03-16" not in reason
    assert "ecrou" not in reason
    (entry,) = await journal(store)
    assert (entry.state, entry.message_type) == (JournalState.QUARANTINE, "RELEASES")
    (task,) = await store.read(lambda tx: tx.tasks.listing())
    assert task.about == f"journal {entry.id}"
