import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.inbound.door import Door
from engine.inbound.file_drop import FileDrop
from engine.inbound.receive import Receiver
from engine.model.config import WatchedFolder
from engine.model.flow import JournalState
from engine.store.sqlite import SqliteStore
from engine.wire.mllp import frame
from tests.inbound.test_receive import FailingStore, journal
from tests.support.adt import adt
from tests.support.mllp_peer import Tally

Dropping = Callable[..., FileDrop]
AT_ONCE = timedelta(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    for name in ("done", "quarantine"):
        (path / name).mkdir(parents=True)
    return path


@pytest.fixture
def dropping(folder: Path, receiver: Receiver) -> Dropping:
    def make(receiver: Receiver = receiver, **settings: Any) -> FileDrop:
        values = {"name": "drop", "path": folder, "mapping": "pam-fr", "settle": AT_ONCE}
        values |= {"keep": True} | settings
        return FileDrop(WatchedFolder(**values), Door("drop"), receiver)

    return make


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.is_dir())


async def test_the_messages_of_a_file_are_taken_in_order_and_the_file_moved(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    numbers = [str(n) for n in range(150)]
    (folder / "a.hl7").write_bytes(b"".join(adt(number=number) for number in numbers))
    assert await dropping().sweep() == 1
    found = await journal(store)
    assert [row.control_id for row in found] == numbers
    assert {(row.source, row.peer) for row in found} == {("drop", "a.hl7")}
    assert (names(folder), names(folder / "done")) == ([], ["a.hl7"])


async def test_what_was_taken_is_not_left_in_clear_unless_asked_for(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    (folder / "a.hl7").write_bytes(adt(number="1"))
    (folder / "b.hl7").write_bytes(adt(number="2"))
    (folder / "b.ok").touch()
    assert await dropping(keep=False, flag=".ok").sweep() == 1
    assert names(folder) == ["a.hl7"]
    assert await dropping(keep=False).sweep() == 1
    assert (names(folder), names(folder / "done"), len(await journal(store))) == ([], [], 2)
    # A person must look at what was refused: its bytes are in the journal, and the number is told.
    (folder / "LAMBERT.hl7").write_bytes(b"MSH|^~no message")
    assert await dropping(keep=False).sweep() == 1
    assert (names(folder), names(folder / "quarantine")) == ([], ["journal-3.reason.txt"])
    assert "journal 3" in (folder / "quarantine/journal-3.reason.txt").read_text("utf-8")
    entry = await store.read(lambda tx: tx.journal.get(3))
    assert entry is not None
    assert (entry.raw, entry.peer) == (b"MSH|^~no message", "LAMBERT.hl7")


async def test_what_the_journal_does_not_hold_whole_stays_as_it_is(
    dropping: Dropping, folder: Path
) -> None:
    data = adt() * 100
    (folder / "a.hl7").write_bytes(data)
    assert await dropping(keep=False, max_file=1024).sweep() == 1
    assert names(folder / "quarantine") == ["a.hl7", "a.hl7.reason.txt"]
    assert (folder / "quarantine/a.hl7").read_bytes() == data


async def test_a_torn_frame_in_a_file_is_in_the_journal_whole(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    torn = adt() + b"x" * 70_000
    (folder / "a.hl7").write_bytes(b"\x0b" + torn)
    assert await dropping(keep=False).sweep() == 1
    assert names(folder / "quarantine") == ["journal-1.reason.txt"]
    entry = await store.read(lambda tx: tx.journal.get(1))
    assert entry is not None
    assert entry.raw.endswith(torn)


async def test_a_file_of_frames_is_taken(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    (folder / "a.hl7").write_bytes(frame(adt(number="1")) + frame(adt(number="2")))
    assert await dropping().sweep() == 1
    assert [row.control_id for row in await journal(store)] == ["1", "2"]


async def test_files_are_taken_oldest_first(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    for name, at in (("b.hl7", 1), ("a.hl7", 2), ("c.hl7", 3)):
        (folder / name).write_bytes(adt(number=name))
        os.utime(folder / name, (at, at))
    assert await dropping().sweep() == 3
    assert [row.control_id for row in await journal(store)] == ["b.hl7", "a.hl7", "c.hl7"]


async def test_a_file_that_still_grows_is_not_read(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    drop = dropping(settle=timedelta(milliseconds=30))
    path = folder / "a.hl7"
    for n in range(4):
        with path.open("ab") as file:
            file.write(adt(number=str(n)))
        assert await drop.sweep() == 0
        await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        while not await drop.sweep():
            await asyncio.sleep(0.01)
    assert len(await journal(store)) == 4


@pytest.mark.parametrize("flag", ["a.hl7.ok", "a.ok"])
async def test_with_flags_a_file_waits_for_its_own(
    dropping: Dropping, folder: Path, store: SqliteStore, flag: str
) -> None:
    drop = dropping(flag=".ok")
    (folder / "a.hl7").write_bytes(adt())
    (folder / "b.hl7").write_bytes(adt(number="2"))
    assert await drop.sweep() == 0
    (folder / flag).touch()
    assert await drop.sweep() == 1
    assert names(folder) == ["b.hl7"]
    assert [row.control_id for row in await journal(store)] == ["1"]


async def test_the_flag_that_a_crash_left_does_not_pass_for_the_next_files(
    dropping: Dropping, folder: Path
) -> None:
    (folder / "a.hl7.ok").touch()
    drop = dropping(flag=".ok")
    assert await drop.sweep() == 0
    assert names(folder) == []
    (folder / "a.hl7").write_bytes(adt())
    assert await drop.sweep() == 0


async def test_other_names_are_left_alone(dropping: Dropping, folder: Path) -> None:
    for name in ("a.tmp", "a.hl7.part", "readme"):
        (folder / name).write_bytes(adt())
    assert await dropping().sweep() == 0
    assert len(names(folder)) == 3


async def test_a_file_with_a_refused_message_goes_to_quarantine_and_says_why(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    wrong = adt(number="2", family="CANARY").replace(b"0001^^^CHU", b"^^^CHU")
    (folder / "a.hl7").write_bytes(adt(number="1") + wrong + adt(number="3"))
    assert await dropping().sweep() == 1
    assert names(folder / "quarantine") == ["a.hl7", "a.hl7.reason.txt"]
    reason = (folder / "quarantine" / "a.hl7.reason.txt").read_text("utf-8")
    assert reason == "message 2 of 3: 101 PID^1^3 (journal 2)\n"
    assert [row.state for row in await journal(store)] == [
        JournalState.RECEIVED,
        JournalState.QUARANTINE,
        JournalState.RECEIVED,
    ]


@pytest.mark.parametrize("data", [b"", b"no message", b"\x0bMSH|"])
async def test_a_file_without_a_message_goes_to_quarantine(
    dropping: Dropping, folder: Path, store: SqliteStore, data: bytes
) -> None:
    (folder / "a.hl7").write_bytes(data)
    assert await dropping().sweep() == 1
    assert names(folder / "quarantine") == ["a.hl7", "a.hl7.reason.txt"]
    assert [row.state for row in await journal(store)] == [JournalState.QUARANTINE]


async def test_a_symbolic_link_is_never_followed(
    dropping: Dropping, folder: Path, store: SqliteStore, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(adt())
    (folder / "a.hl7").symlink_to(secret)
    assert await dropping().sweep() == 1
    (row,) = await journal(store)
    assert (row.state, row.size) == (JournalState.QUARANTINE, 0)
    assert "symbolic link" in row.reason
    assert (folder / "quarantine" / "a.hl7").is_symlink()
    assert secret.exists()


async def test_a_file_over_the_limit_is_refused_unread(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    (folder / "a.hl7").write_bytes(adt() * 100)
    assert await dropping(max_file=1024).sweep() == 1
    (row,) = await journal(store)
    assert row.reason.startswith("refused-file: larger than 1024 bytes")
    assert names(folder / "quarantine") == ["a.hl7", "a.hl7.reason.txt"]


async def test_nothing_that_was_moved_is_overwritten(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    drop = dropping()
    for number in ("1", "2", "3"):
        (folder / "a.hl7").write_bytes(adt(number=number))
        assert await drop.sweep() == 1
    assert names(folder / "done") == ["a.1.hl7", "a.2.hl7", "a.hl7"]


async def test_a_file_read_again_after_a_crash_gives_no_second_row(
    dropping: Dropping, folder: Path, store: SqliteStore, tally: Tally
) -> None:
    data = adt(number="1") + adt(number="2")
    (folder / "a.hl7").write_bytes(data)
    await dropping().sweep()
    (folder / "a.hl7").write_bytes(data)  # as if the crash had come before the move
    assert await dropping().sweep() == 1
    assert len(await journal(store)) == 2
    assert tally.seen == {"received AA": 2, "duplicate": 2}
    assert names(folder / "done") == ["a.1.hl7", "a.hl7"]


async def test_while_the_store_fails_the_file_stays_and_is_taken_later(
    dropping: Dropping, folder: Path, store: SqliteStore, tally: Tally
) -> None:
    broken = True
    receiver = Receiver(FailingStore(store, lambda: broken), tally, software="RELAIS")
    drop = dropping(receiver)
    (folder / "a.hl7").write_bytes(adt(number="1") + adt(number="2"))
    assert await drop.sweep() == 0
    assert names(folder) == ["a.hl7"]
    broken = False
    assert await drop.sweep() == 1
    assert len(await journal(store)) == 2


async def test_a_file_that_cannot_be_moved_is_not_taken_twice(
    dropping: Dropping, folder: Path, store: SqliteStore, tally: Tally
) -> None:
    drop = dropping()
    (folder / "a.hl7").write_bytes(adt())
    (folder / "done").rmdir()
    assert await drop.sweep() == 0
    assert await drop.sweep() == 0
    (folder / "done").mkdir()
    assert await drop.sweep() == 1
    assert tally.seen == {"received AA": 1}


async def test_a_file_dropped_while_it_runs_is_taken_at_once_and_it_stops_when_told(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    drop = dropping(sweep=timedelta(minutes=5), settle=timedelta(milliseconds=20))
    stop = asyncio.Event()
    running = asyncio.create_task(drop.run(stop))
    try:
        for number in ("1", "2"):
            (folder / f"{number}.part").write_bytes(adt(number=number))
            (folder / f"{number}.part").rename(folder / f"{number}.hl7")
            async with asyncio.timeout(10):
                while len(await journal(store)) < int(number):
                    await asyncio.sleep(0.01)
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)


async def test_no_name_of_a_file_reaches_the_log(
    dropping: Dropping, folder: Path, tmp_path: Path
) -> None:
    (folder / "CANARY1.hl7").write_bytes(adt())
    (folder / "CANARY2.hl7").symlink_to(tmp_path)
    (folder / "CANARY3.hl7").write_bytes(b"x")
    with capture_logs() as logs:
        assert await dropping().sweep() == 3
    assert logs
    assert "CANARY" not in str(logs)


async def test_a_folder_that_vanishes_is_told_and_watched_for(
    dropping: Dropping, folder: Path, store: SqliteStore
) -> None:
    drop = dropping()
    hidden = folder.rename(folder.with_name("away"))
    with pytest.raises(OSError, match="No such file"):
        await drop.sweep()
    hidden.rename(folder)
    (folder / "a.hl7").write_bytes(adt())
    assert await drop.sweep() == 1
