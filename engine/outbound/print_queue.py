"""Transport: a folder of letters to be printed, and its manifest. For doctors without a mailbox.

    <id>.pdf          one letter, its address page first; whole or not there
    manifest.jsonl    one line a letter, appended: {"v":1,"id":…,"file":…,"pages":…,
                      "address_page":1,"sha256":…}; nothing in it identifies anybody
    done/             a PDF that is moved here was printed and posted

Accepted means: it is in the queue, on the disk. That it was posted, a person says: see posted().

What can go wrong
    A crash leaves the PDF without its line, or half a line: the next attempt finds the file, which
    must be the same, and adds the line that lacks, on a line of its own.
"""

import hashlib
import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from engine.model.channel import PrintQueue
from engine.model.flow import TO_PRINT, Accepted, Cause, Deferred, Delivery, Outcome, Rejected
from engine.outbound.folder import SAFE_ID, OneAtATime, flush_folder, write_through
from engine.wire.paper_mail import ADDRESS_PAGE, PaperLetter, paper_letter

MANIFEST: Final = "manifest.jsonl"
DONE: Final = "done"
VERSION: Final = 1
_MODE: Final = 0o640


class PrintQueueTransport:
    """Puts letters into `settings.path`, which must exist, as the folder transport's must."""

    def __init__(self, settings: PrintQueue) -> None:
        self._path = settings.path
        self._files = OneAtATime()  # the manifest has one writer

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        """Put it in the queue. One that is there already, or done, with these bytes, is accepted.

        A cancelled attempt lets its work finish: the next one then finds the file."""
        letter = paper_letter(mime)
        if letter is None or SAFE_ID.fullmatch(delivery.id) is None:
            return Rejected(Cause.INTERNAL)
        return await self._files.run(partial(self._put, delivery.id, letter))

    async def close(self) -> None:
        """Nothing waits."""

    def _put(self, name: str, letter: PaperLetter) -> Outcome:
        target = self._path / f"{name}.pdf"
        known = [path for path in (target, self._path / DONE / target.name) if path.exists()]
        try:
            if known:
                # Another content under our name is never overwritten: it may be printing.
                if any(path.read_bytes() != letter.pdf for path in known):
                    return Rejected(Cause.INTERNAL)
                flush_folder(self._path)
            else:
                self._write(target, letter.pdf)
            if not (known and name in manifest_ids(self._path)):
                self._tell(name, letter)
        except OSError:
            return Deferred(Cause.FOLDER)
        return Accepted("was in the print queue" if known else "in the print queue", TO_PRINT)

    def _write(self, target: Path, pdf: bytes) -> None:
        beside = target.with_name(f".{target.name}.part")
        try:
            write_through(beside, pdf)
            beside.rename(target)
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        flush_folder(self._path)

    def _tell(self, name: str, letter: PaperLetter) -> None:
        line = json.dumps(
            {
                "v": VERSION,
                "id": name,
                "file": f"{name}.pdf",
                "pages": letter.pages,
                "address_page": ADDRESS_PAGE,
                "sha256": hashlib.sha256(letter.pdf).hexdigest(),
            },
            separators=(",", ":"),
        ).encode()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path / MANIFEST, flags, _MODE)
        try:
            size = os.fstat(descriptor).st_size
            torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
            # One write: a reader sees the whole line or nothing of it.
            whole = (b"\n" if torn else b"") + line + b"\n"
            if os.write(descriptor, whole) != len(whole):
                raise OSError("short write")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        flush_folder(self._path)


def manifest_ids(folder: Path) -> set[str]:
    """The letters that the manifest names; lines that are torn are passed over. OSError, but for a
    manifest that is not there yet."""
    try:
        content = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return set()
    found: set[str] = set()
    for line in content.splitlines():
        with suppress(ValueError, TypeError, KeyError):
            found.add(str(json.loads(line)["id"]))
    return found


def posted(folder: Path) -> list[str]:
    """Ids of the letters that somebody moved to done/, oldest name first. OSError."""
    try:
        names = sorted(os.listdir(folder / DONE))
    except FileNotFoundError:
        return []
    stems = [name.removesuffix(".pdf") for name in names if name.endswith(".pdf")]
    return [stem for stem in stems if SAFE_ID.fullmatch(stem)]


def waiting(folder: Path) -> list[str]:
    """Ids of the letters whose PDF waits, oldest name first. OSError."""
    stems = [name.removesuffix(".pdf") for name in sorted(os.listdir(folder)) if name[0] != "."]
    return [stem for stem in stems if SAFE_ID.fullmatch(stem) and (folder / f"{stem}.pdf").exists()]


def forget(folder: Path, name: str) -> None:
    """Take a letter that was posted, or is not to be, out of the queue. OSError."""
    if SAFE_ID.fullmatch(name) is None:
        return
    for path in (folder / f"{name}.pdf", folder / DONE / f"{name}.pdf"):
        path.unlink(missing_ok=True)
