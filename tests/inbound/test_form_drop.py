"""A letter form in a watched folder: on the disk first, then moved, or refused by places."""

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine.inbound.door import Door, Receipt
from engine.inbound.file_drop import FileDrop
from engine.inbound.receive import Receiver
from engine.model.config import WatchedFolder
from engine.model.flow import AckCode, JournalState
from engine.model.task import TaskKind
from engine.store.sqlite import SqliteStore
from tests.inbound.test_receive import FailingStore, journal
from tests.support.adt import adt
from tests.support.forms import EXAMPLE, encoded, form
from tests.support.mllp_peer import Tally


def dropping(folder: Path, receiver: Receiver, *, forms: bool = True) -> FileDrop:
    settings = WatchedFolder(
        name="drop", path=folder, mapping="pam-fr", settle=timedelta(0), forms=forms, keep=True
    )
    return FileDrop(settings, Door("drop"), receiver)


def made(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for name in ("done", "quarantine"):
        (folder / name).mkdir(parents=True)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.is_dir())


async def test_a_form_is_journaled_byte_for_byte_and_its_file_moved(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    (folder / "lettre.json").write_bytes(EXAMPLE)
    (folder / "a.hl7").write_bytes(adt())
    assert await dropping(folder, receiver).sweep() == 2
    by_type = {row.message_type: row for row in await journal(store)}
    assert set(by_type) == {"FORM", "ADT^A01"}
    entry = by_type["FORM"]
    assert (entry.state, entry.ack, entry.peer) == (
        JournalState.RECEIVED,
        AckCode.AA,
        "lettre.json",
    )
    raw = await store.read(lambda tx: tx.journal.get(entry.id))
    assert raw is not None
    assert raw.raw == EXAMPLE
    assert (names(folder), names(folder / "done")) == ([], ["a.hl7", "lettre.json"])


async def test_a_form_that_is_wrong_is_put_aside_with_its_places_and_a_task(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    wrong = form(items={"plan": [{"label": "HENNEBELLE", "due": "20260302"}], "HENNEBELLE": 1})
    (folder / "b.json").write_bytes(encoded(wrong))
    assert await dropping(folder, receiver).sweep() == 1
    assert names(folder / "quarantine") == ["b.json", "b.json.reason.txt"]
    reason = (folder / "quarantine/b.json.reason.txt").read_text("utf-8")
    assert "/items/plan/0/due: is no date" in reason
    assert "HENNEBELLE" not in reason
    (entry,) = await journal(store)
    assert (entry.state, entry.message_type) == (JournalState.QUARANTINE, "FORM")
    assert "HENNEBELLE" not in entry.reason
    (task,) = await store.read(lambda tx: tx.tasks.listing())
    assert (task.kind, task.about) == (TaskKind.MESSAGE_UNREADABLE, f"journal {entry.id}")


async def test_the_same_form_again_is_a_duplicate_and_another_of_the_same_number_is_not(
    tmp_path: Path, store: SqliteStore, receiver: Receiver, tally: Tally
) -> None:
    folder = made(tmp_path)
    for content in (EXAMPLE, EXAMPLE, encoded(form(validated=False))):
        (folder / "c.json").write_bytes(content)
        assert await dropping(folder, receiver).sweep() == 1
    assert len(await journal(store)) == 2
    assert names(folder / "done") == ["c.1.json", "c.2.json", "c.json"]


async def test_a_form_that_cannot_be_stored_stays_where_it_is(
    tmp_path: Path, store: SqliteStore, tally: Tally
) -> None:
    folder = made(tmp_path)
    (folder / "d.json").write_bytes(EXAMPLE)
    receiver = Receiver(FailingStore(store, lambda: True), tally, software="RELAIS")
    assert await dropping(folder, receiver).sweep() == 0
    assert names(folder) == ["d.json"]


async def test_a_folder_may_leave_json_files_alone(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    (folder / "e.json").write_bytes(EXAMPLE)
    assert await dropping(folder, receiver, forms=False).sweep() == 0
    assert names(folder) == ["e.json"]
    assert await journal(store) == []


async def test_a_file_that_trips_the_program_over_is_put_aside_and_the_next_one_is_taken(
    tmp_path: Path, store: SqliteStore, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = receiver.take_form

    async def stumble(raw: bytes, *, door: Door, peer: str) -> Receipt:
        if raw == b"{}":
            raise RecursionError("HENNEBELLE")
        return await take(raw, door=door, peer=peer)

    monkeypatch.setattr(receiver, "take_form", stumble)
    folder = made(tmp_path)
    (folder / "a.json").write_bytes(b"{}")
    (folder / "b.json").write_bytes(EXAMPLE)
    with capture_logs() as logs:
        assert await dropping(folder, receiver).sweep() == 2
    assert names(folder / "quarantine") == ["a.json", "a.json.reason.txt"]
    assert names(folder / "done") == ["b.json"]
    assert [one["error"] for one in logs if one["event"] == "file-failed"] == ["RecursionError"]
    assert "HENNEBELLE" not in str(logs)
    (put_aside,) = [one for one in await journal(store) if one.state is JournalState.QUARANTINE]
    assert (put_aside.raw, "HENNEBELLE" in put_aside.reason) == (b"", False)
    (task,) = await store.read(lambda tx: tx.tasks.listing())
    assert task.kind is TaskKind.MESSAGE_UNREADABLE


async def test_a_form_that_nests_without_end_is_put_aside_and_the_folder_goes_on(
    tmp_path: Path, store: SqliteStore, receiver: Receiver
) -> None:
    folder = made(tmp_path)
    (folder / "a.json").write_bytes(
        b'{"form":"relais-letter/1","x":' + b"[" * 900 + b"]" * 900 + b"}"
    )
    (folder / "b.json").write_bytes(EXAMPLE)
    assert await dropping(folder, receiver).sweep() == 2
    assert names(folder / "quarantine") == ["a.json", "a.json.reason.txt"]
    assert names(folder / "done") == ["b.json"]
    assert {one.ack for one in await journal(store)} == {AckCode.AE, AckCode.AA}
