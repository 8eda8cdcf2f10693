"""A watched folder: waits for whole files, takes their messages in, moves them after the commit.

The notifications of the system only wake us early; a sweep every so often is what makes it
certain, and the only way on network shares. A file is taken when its flag lies beside it or,
without flags, when its size and date have stayed the same for a while. Once every message in it
is on the disk it is removed, and where one was refused quarantine/ gets a .reason.txt with the
numbers of the journal, which holds the bytes, sealed. A crash in between makes it be read again,
and its messages are then recognised as duplicates. What is not wholly in the journal (too large,
no regular file) is moved to quarantine/ as it is; with ``keep`` every file is, or to done/.

A ``*.json`` file is one letter form (model.form) and no HL7. A folder of agreements, or of coming
releases, takes ``*.csv`` and ``*.json`` as such (model.consent_file, model.release_file), and
nothing else.

Names of files may hold a patient's name: they go into the journal, never into a log.
"""

import asyncio
import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import structlog
from watchfiles import awatch

from engine.inbound.door import Door, Receipt
from engine.inbound.receive import Receiver, kept_whole
from engine.model.config import WatchedFolder
from engine.wire.hl7_file import messages
from engine.wire.mllp import Fault, FaultKind

log = structlog.get_logger("inbound")

DONE: Final = "done"
QUARANTINE: Final = "quarantine"
_AT_ONCE: Final = 64  # messages of a file that are given to the store together, in their order


@dataclass(frozen=True, slots=True)
class _Found:
    """A directory entry, by what must not change while it is being written."""

    name: str
    inode: int
    size: int
    modified: int  # ns
    regular: bool


@dataclass(frozen=True, slots=True)
class _Taken:
    """A file whose messages are stored, and which is still to be moved."""

    found: _Found
    folder: str
    reason: str
    refused: int | None = None  # journal id of the first message that was refused
    sealed: bool = False  # every byte of it is in the journal


class FileDrop:
    """One watched folder. `door` may be replaced while it runs."""

    def __init__(self, folder: WatchedFolder, door: Door, receiver: Receiver) -> None:
        self.folder = folder
        self.door = door
        self._receiver = receiver
        self._since: dict[_Found, float] = {}  # first seen like that, on the loop's clock
        self._taken: dict[str, _Taken] = {}
        self._first = True

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set. Raises OSError when the folder cannot be made or read."""
        for name in ("", DONE, QUARANTINE):
            (self.folder.path / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        woken = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wake(woken, stop))
            while not stop.is_set():
                woken.clear()
                try:
                    await self.sweep()
                except OSError as error:  # a share that is away comes back
                    log.error("folder-unread", source=self.folder.name, error=type(error).__name__)
                await _first_of(woken, stop, seconds=self._pause())

    async def sweep(self) -> int:
        """Look once; take what is whole. Gives how many files were moved away."""
        if self._first:
            await asyncio.to_thread(self._drop_orphan_flags)
            self._first = False
        moved = 0
        for found in await asyncio.to_thread(self._whole_files, asyncio.get_running_loop().time()):
            taken = self._taken.get(found.name)
            if taken is None or taken.found != found:
                taken = await self._take(found)
            if taken is None:
                continue
            self._taken[found.name] = taken
            if await asyncio.to_thread(self._move, taken):
                del self._taken[found.name]
                moved += 1
        return moved

    async def _wake(self, woken: asyncio.Event, stop: asyncio.Event) -> None:
        try:
            # A short debounce: the default one delays a lone file by two thirds of a second.
            async for _ in awatch(
                self.folder.path,
                watch_filter=None,
                debounce=50,
                step=10,
                stop_event=stop,
                recursive=False,
            ):
                woken.set()
        except (OSError, RuntimeError) as error:  # no notifications here: the sweep will do
            log.warning("watch-failed", source=self.folder.name, error=type(error).__name__)

    def _pause(self) -> float:
        sweep = self.folder.sweep.total_seconds()
        if self._since and self.folder.flag is None:
            return min(sweep, self.folder.settle.total_seconds())
        return sweep

    async def _take(self, found: _Found) -> _Taken | None:
        """Store what the file holds; None: not now, look again at the next sweep.

        A file that trips the program over goes to quarantine: it must not end the service, nor
        stop it again at every start.
        """
        try:
            return await self._take_in(found)
        except Exception as error:  # its text may quote the file
            log.error("file-failed", source=self.folder.name, error=type(error).__name__)
        why = "a fault of this program: report it"
        fault = Fault(FaultKind.FILE, b"", found.size)
        try:
            receipt = await self._quarantine(fault, found, why)
        except Exception as error:
            log.error("file-failed", source=self.folder.name, error=type(error).__name__)
            return None
        return _Taken(found, QUARANTINE, receipt.reason or why) if receipt.stored else None

    async def _take_in(self, found: _Found) -> _Taken | None:
        refusal, sealed = "", False
        if not found.regular:
            refusal = "no regular file (a symbolic link?)"
        elif found.size > self.folder.max_file:
            refusal = f"larger than {self.folder.max_file} bytes"
        if refusal:
            fault = Fault(FaultKind.FILE, b"", found.size)
            receipts = [await self._quarantine(fault, found, refusal)]
        else:
            data = await asyncio.to_thread(self._read, found)
            if data is None:
                return None
            sealed = True
            if self.folder.consents:
                taking = self._receiver.take_consents(data, door=self.door, peer=found.name)
                receipts = [await taking]
            elif self.folder.releases:
                taking = self._receiver.take_releases(data, door=self.door, peer=found.name)
                receipts = [await taking]
            elif self._is_form(found.name):
                receipts = [await self._receiver.take_form(data, door=self.door, peer=found.name)]
            else:
                pieces = messages(data)
                sealed = all(isinstance(one, bytes) or kept_whole(one) for one in pieces)
                receipts = await self._store(pieces, found)
        if not all(receipt.stored for receipt in receipts):
            return None
        wrong = [
            f"message {n} of {len(receipts)}: {receipt.reason} (journal {receipt.journal_id})"
            for n, receipt in enumerate(receipts, 1)
            if receipt.reason
        ]
        log.info("file-taken", source=self.folder.name, messages=len(receipts), refused=len(wrong))
        refused = next((one.journal_id for one in receipts if one.reason), None)
        return _Taken(found, QUARANTINE if wrong else DONE, "\n".join(wrong), refused, sealed)

    async def _store(self, pieces: list[bytes | Fault], found: _Found) -> list[Receipt]:
        receipts: list[Receipt] = []
        for start in range(0, len(pieces), _AT_ONCE):
            together = [
                self._receiver.take(piece, door=self.door, peer=found.name)
                if isinstance(piece, bytes)
                else self._quarantine(piece, found, "in a file")
                for piece in pieces[start : start + _AT_ONCE]
            ]
            receipts += await asyncio.gather(*together)
            if not all(receipt.stored for receipt in receipts):
                break
        return receipts

    async def _quarantine(self, fault: Fault, found: _Found, why: str) -> Receipt:
        return await self._receiver.quarantine(fault, door=self.door, peer=found.name, why=why)

    # What follows touches the disk, and runs in a thread.

    def _whole_files(self, now: float) -> list[_Found]:
        """Files that are whole, oldest first."""
        folder = self.folder
        present = self._entries()
        names = {found.name for found in present}
        candidates = [found for found in present if self._wanted(found.name)]
        if folder.flag is not None:
            flag = folder.flag
            whole = [found for found in candidates if _flags(found.name, flag) & names]
        else:
            settle = folder.settle.total_seconds()
            self._since = {found: self._since.get(found, now) for found in candidates}
            whole = [found for found, since in self._since.items() if now - since >= settle]
        return sorted(whole, key=lambda found: (found.modified, found.name))

    def _wanted(self, name: str) -> bool:
        if self.folder.consents or self.folder.releases:
            return name.lower().endswith((".csv", ".json"))
        return fnmatch(name, self.folder.pattern) or self._is_form(name)

    def _is_form(self, name: str) -> bool:
        return self.folder.forms and name.lower().endswith(".json")

    def _entries(self) -> list[_Found]:
        entries: list[_Found] = []
        with os.scandir(self.folder.path) as scan:
            for entry in scan:
                try:
                    seen = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # its sender renamed it meanwhile
                    continue
                if not stat.S_ISDIR(seen.st_mode):
                    regular = stat.S_ISREG(seen.st_mode)
                    entries.append(
                        _Found(entry.name, seen.st_ino, seen.st_size, seen.st_mtime_ns, regular)
                    )
        return entries

    def _read(self, found: _Found) -> bytes | None:
        """The bytes of the very file that was found; None: it changed, or cannot be opened."""
        try:
            descriptor = os.open(
                self.folder.path / found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
            with os.fdopen(descriptor, "rb") as file:
                data = file.read(found.size + 1)
                after = os.fstat(descriptor)
        except OSError as error:
            log.warning("file-unread", source=self.folder.name, error=type(error).__name__)
            return None
        same = (after.st_ino, after.st_size, after.st_mtime_ns) == (
            found.inode,
            found.size,
            found.modified,
        )
        return data if same and len(data) == found.size else None

    def _move(self, taken: _Taken) -> bool:
        """Move a file whose messages are stored; remove it, if all of it is in the journal and
        nobody wants it in clear. False: it stays, to be moved at a later sweep."""
        source = self.folder.path / taken.found.name
        if taken.sealed and not self.folder.keep:
            return self._remove(source, taken)
        target = _free(self.folder.path / taken.folder, taken.found.name)
        try:
            if taken.reason:
                reason = target.with_name(f"{target.name}.reason.txt")
                reason.write_text(f"{taken.reason}\n", "utf-8")
            source.rename(target)
            _sync(self.folder.path / taken.folder)
            _sync(self.folder.path)
            self._drop_flags(taken)
        except OSError as error:
            log.error("file-not-moved", source=self.folder.name, error=type(error).__name__)
            return False
        return True

    def _remove(self, source: Path, taken: _Taken) -> bool:
        try:
            if taken.reason:  # named after the journal: the file's own name may be a patient's
                reason = self.folder.path / taken.folder / f"journal-{taken.refused}.reason.txt"
                reason.write_text(f"{taken.reason}\n", "utf-8")
                _sync(reason.parent)
            source.unlink()
            _sync(self.folder.path)
            self._drop_flags(taken)
        except OSError as error:
            log.error("file-not-removed", source=self.folder.name, error=type(error).__name__)
            return False
        return True

    def _drop_flags(self, taken: _Taken) -> None:
        if self.folder.flag is not None:
            for flag in _flags(taken.found.name, self.folder.flag):
                (self.folder.path / flag).unlink(missing_ok=True)

    def _drop_orphan_flags(self) -> None:
        """A crash may leave the flag of a file that was moved; it must not pass for the flag of
        the next file of that name. Only at the start: later a flag may belong to a rename."""
        flag = self.folder.flag
        if flag is None:
            return
        names = {found.name for found in self._entries()}
        owned = {own for name in names if self._wanted(name)
                 for own in _flags(name, flag)}  # fmt: skip
        for name in names - owned:
            if name.endswith(flag):
                (self.folder.path / name).unlink(missing_ok=True)


def _flags(name: str, suffix: str) -> set[str]:
    """``a.hl7`` is whole when ``a.hl7.ok`` or ``a.ok`` lies beside it."""
    return {f"{name}{suffix}", f"{Path(name).stem}{suffix}"} - {name}


def _free(folder: Path, name: str) -> Path:
    """A name in the folder that no file has: nothing that was moved there is overwritten."""
    target, n = folder / name, 1
    while os.path.lexists(target):
        target = folder / f"{Path(name).stem}.{n}{Path(name).suffix}"
        n += 1
    return target


def _sync(folder: Path) -> None:
    """Make a rename last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _first_of(woken: asyncio.Event, stop: asyncio.Event, *, seconds: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in (woken, stop)]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
