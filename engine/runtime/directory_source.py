"""Opens a file of the national directory, zip or plain, within bounds that a real one keeps.

What arrives is hostile until proven: a zip may unpack to terabytes, a line may never end.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final
from zoneinfo import ZoneInfo

from engine.directory.extraction import UnreadableFileError, origin_of
from engine.directory.territory import is_territory
from engine.model.directory import Origin

# The professionals' file, the largest, unpacks to 0.8 GB; the extraction packs 4 to 1.
_MOST_BYTES: Final = 4 * 1024**3
_MOST_RATIO: Final = 60
_RATIO_FROM: Final = 64 * 1024**2  # bytes: below, a ratio says nothing
_MOST_MEMBERS: Final = 32
_MOST_LINE: Final = 256 * 1024
_MOST_SMALL: Final = 32 * 1024**2  # the site's own file; the white list has some 6 MB
_STAMP: Final = re.compile(r"(?<!\d)20\d{10}(?!\d)")
_CHUNK: Final = 1024 * 1024

_ZONE: Final = ZoneInfo("Europe/Paris")  # of the stamps in the names of national files

Progress = Callable[[int], None]  # told how many bytes more were read


@dataclass(frozen=True)
class Opened:
    """A file that is one of those we know; ``size`` is in bytes, unpacked."""

    origin: Origin
    path: Path
    member: str | None  # in the zip
    dated: datetime
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Without folders."""
        return Path(self.member or self.path.name).name

    def lines(self, progress: Progress) -> Iterator[bytes]:
        """Its lines. Raises UnreadableFileError when a bound is passed or the zip is damaged."""
        with _stream(self.path, self.member, progress) as stream:
            try:
                while line := stream.readline(_MOST_LINE):
                    if len(line) == _MOST_LINE and not line.endswith(b"\n"):
                        raise UnreadableFileError(
                            "a line in it does not end", "download the file again"
                        )
                    yield line
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
                raise _damaged() from None

    def content(self, progress: Progress) -> bytes:
        """All of a small file. Raises UnreadableFileError."""
        with _stream(self.path, self.member, progress) as stream:
            try:
                data = stream.read(_MOST_SMALL + 1)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
                raise _damaged() from None
        if len(data) > _MOST_SMALL:
            raise UnreadableFileError("it is too large", "check which file it is")
        return data

    def text(self, progress: Progress) -> str:
        """The same as text. Raises UnreadableFileError."""
        try:
            return self.content(progress).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnreadableFileError("it is not UTF-8", "save it again as UTF-8") from None


def look_into(path: Path) -> Opened:
    """Find out which file it is, by its content. Raises UnreadableFileError."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        packed = zipfile.is_zipfile(path)
        changed = datetime.fromtimestamp(path.stat().st_mtime, _ZONE)
    except OSError as error:
        raise UnreadableFileError(
            f"it cannot be read: {(error.strerror or 'unknown reason').lower()}", "check the path"
        ) from None
    if packed:
        return _look_into_zip(path, sha256)
    with _stream(path, None, _unheard) as stream:
        origin = _origin(stream)
    if origin is None:
        raise _unknown()
    dated = _stamp(path.name) or changed
    return Opened(origin, path, None, dated, path.stat().st_size, sha256)


def _look_into_zip(path: Path, sha256: str) -> Opened:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        raise _damaged() from None
    if len(members) > _MOST_MEMBERS:
        raise UnreadableFileError("the zip holds too many files", "check which file it is")
    found: list[Opened] = []
    for member in members:
        if member.flag_bits & 1:
            raise UnreadableFileError("the zip is encrypted", "unpack it, and give the file in it")
        try:
            with _stream(path, member.filename, _unheard) as stream:
                origin = _origin(stream)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise _damaged() from None
        if origin is not None:
            try:
                packed_at = datetime(*member.date_time, tzinfo=_ZONE)
            except ValueError:
                packed_at = datetime.fromtimestamp(path.stat().st_mtime, _ZONE)
            dated = _stamp(member.filename) or _stamp(path.name) or packed_at
            found.append(
                Opened(origin, path, member.filename, dated, member.file_size, sha256)
            )  # fmt: skip
    if len(found) != 1:
        raise (
            _unknown()
            if not found
            else UnreadableFileError(
                "the zip holds several of the files", "give them one at a time"
            )
        )
    return found[0]


def _origin(stream: "io.BufferedReader") -> Origin | None:
    first = stream.readline(_MOST_LINE)
    if b"\0" in first:
        return None  # no text at all: a zip in a zip, a spreadsheet
    if first.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return Origin.WHITE_LIST if b"ListeBlanche" in first + stream.read(4096) else None
    try:
        text = first.decode("utf-8-sig")
    except UnicodeDecodeError:
        if b"|" not in first and b"," not in first and b";" not in first:
            return None
        raise UnreadableFileError(
            "it is not UTF-8", "download it again, and do not open it in a spreadsheet"
        ) from None
    return Origin.TERRITORY if is_territory(text) else origin_of(first)


def _stamp(name: str) -> datetime | None:
    """``…_202611240730.txt``: when it was extracted."""
    found = _STAMP.search(name)
    try:
        return datetime.strptime(found[0], "%Y%m%d%H%M").replace(tzinfo=_ZONE) if found else None
    except ValueError:
        return None


def _stream(path: Path, member: str | None, progress: Progress) -> io.BufferedReader:
    try:
        if member is None:
            return io.BufferedReader(_Bounded(path.open("rb"), 0, progress), _CHUNK)
        archive = zipfile.ZipFile(path)
        info = archive.getinfo(member)
        inner = archive.open(info)
        return io.BufferedReader(_Bounded(inner, info.compress_size, progress, archive), _CHUNK)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, KeyError):
        raise _damaged() from None
    except OSError as error:
        raise UnreadableFileError(
            f"it cannot be read: {(error.strerror or 'unknown reason').lower()}", "check the path"
        ) from None


class _Bounded(io.RawIOBase):
    """Counts what passes. What a zip says of its sizes is not believed."""

    def __init__(
        self,
        inner: IO[bytes],
        compressed: int,
        progress: Progress,
        archive: zipfile.ZipFile | None = None,
    ) -> None:
        self._inner = inner
        self._compressed = compressed
        self._progress = progress
        self._archive = archive
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._inner.read(len(buffer))
        buffer[: len(data)] = data
        self._read += len(data)
        self._progress(len(data))
        packed = self._compressed and self._read > max(_RATIO_FROM, self._compressed * _MOST_RATIO)
        if packed or self._read > _MOST_BYTES:
            raise UnreadableFileError(
                "it unpacks to far more than the real file", "download the file again"
            )
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            if self._archive is not None:
                self._archive.close()
        super().close()


def _unheard(_: int) -> None:
    """No progress to tell: a look at the first line."""


def _damaged() -> UnreadableFileError:
    return UnreadableFileError("the zip is damaged", "download the file again")


def _unknown() -> UnreadableFileError:
    return UnreadableFileError(
        "it is none of the files that can be imported",
        "give the extraction of MSSanté mailboxes, PS_LibreAcces, the white list, or a territory "
        "file (its first line: # version: …), zip or plain",
    )
