"""Transport: one .eml file a mail, in a folder that a gateway empties. For drills too.

A file appears whole or not at all: it is written beside, flushed to the disk, then renamed. Its
name is the delivery id: no patient and no mailbox can be read from a listing.
"""

import asyncio
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from engine.model.flow import Accepted, Cause, Deferred, Delivery, Outcome, Rejected

SAFE_ID: Final = re.compile(r"[a-z0-9]{1,64}", re.ASCII)  # of a delivery: fit for a file name
_MODE: Final = 0o640  # the gateway reads by the folder's group; nobody else


class OneAtATime:
    """Runs work on files in threads, one after the other. What was begun ends, even when nobody
    waits for it any more: the next attempt then finds a whole file, never one half written."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._begun: set[asyncio.Task[Outcome]] = set()

    async def run(self, work: Callable[[], Outcome]) -> Outcome:
        """Give what ``work`` gives. Cancelled, it lets ``work`` finish and raises at once."""
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return await asyncio.shield(task)

    async def _run(self, work: Callable[[], Outcome]) -> Outcome:
        async with self._turn:
            return await asyncio.to_thread(work)


class FolderTransport:
    """Writes into `path`, which must exist: a gateway's folder that is not mounted is a fault
    (FOLDER, deferred), never a folder to be made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = OneAtATime()

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        """Put the file there. A file that is there already, with these bytes, is a success."""
        if SAFE_ID.fullmatch(delivery.id) is None:
            return Rejected(Cause.INTERNAL)
        # A cancelled attempt lets its thread finish: the next one then finds the file.
        return await self._files.run(partial(self._put, f"{delivery.id}.eml", mime))

    async def close(self) -> None:
        """Nothing waits."""

    def _put(self, name: str, mime: bytes) -> Outcome:
        target = self._path / name
        beside = self._path / f".{name}.part"
        try:
            if target.exists():
                return self._found(target, mime)
            try:
                write_through(beside, mime)
                beside.rename(target)
            except OSError:
                beside.unlink(missing_ok=True)
                raise
            flush_folder(self._path)
        except OSError:
            return Deferred(Cause.FOLDER)
        return Accepted(reply="file written")

    def _found(self, target: Path, mime: bytes) -> Outcome:
        # A crash after the rename and before the commit: the file is ours and the same. Another
        # content under our name is never overwritten, since the gateway may be reading it.
        if target.read_bytes() != mime:
            return Rejected(Cause.INTERNAL)
        flush_folder(self._path)
        return Accepted(reply="file was there")


def write_through(path: Path, data: bytes) -> None:
    """Write a file to the disk itself. Never through a link. OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Have the names in a folder on the disk itself. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
