"""A zip that a stranger made, opened by an own reader of its directory; Python's then unpacks.

What can go wrong
    An archive may lie about sizes, unpack to a thousand times itself, hold entries that overlap,
    two files of one name, names that leave the folder, links, or bytes that another program would
    unpack differently. Each is refused before a byte is unpacked; unpacking stops at the size that
    the directory told.

Source  PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.verify.report import Fault

MOST_ENTRIES: Final = 100
MOST_BYTES: Final = 60 * 1024 * 1024  # unpacked, all together
MOST_RATIO: Final = 200  # unpacked against packed, for an entry of some size
_SOME_SIZE: Final = 1024 * 1024
_END: Final = struct.Struct("<4s4H2IH")
_ENTRY: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_SHOWN: Final = re.compile(r"[A-Z0-9_]{1,8}(?:\.[A-Z0-9_]{1,3})?")
_LINK: Final = 0o120000
_KINDS: Final = 0o170000


class ZipError(Exception):
    """The archive cannot be read; ``rule`` and the text say why."""

    def __init__(self, rule: str, sentence: str) -> None:
        self.rule = rule
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive, as the directory tells it."""

    number: int  # from 1
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int  # Unix mode, 0 when made elsewhere
    at: int

    @property
    def shown(self) -> str:
        """The name, if it is of the plain form of the profile; else the number in the archive."""
        plain = all(_SHOWN.fullmatch(part) for part in self.name.rstrip("/").split("/"))
        return self.name if plain else f"entry {self.number}"


def entries(data: bytes) -> list[Entry]:
    """The directory. Raises ZipError."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - 66_000))
    if at < 0 or at + _END.size > len(data):
        raise ZipError("zip-form", "the archive is cut: its directory is missing")
    _, disk, first, here, count, size, start, comment = _END.unpack_from(data, at)
    if disk or first or here != count or 0xFFFF in (count,) or 0xFFFFFFFF in (size, start):
        raise ZipError("zip-form", "an archive in several parts, or of the 64-bit form")
    if at + _END.size + comment != len(data) or start + size != at:
        raise ZipError("zip-form", "there are bytes before, behind or inside the archive's own")
    if count > MOST_ENTRIES:
        raise ZipError("zip-entries", f"more than {MOST_ENTRIES} files")
    found = []
    place = start
    for number in range(1, count + 1):
        if place + _ENTRY.size > at:
            raise ZipError("zip-form", "the archive's directory is malformed")
        (mark, made, _, flags, method, _, _, crc, packed, full, named, extra, note, _, _, outer,
         offset) = _ENTRY.unpack_from(data, place)  # fmt: skip
        if mark != b"PK\x01\x02":
            raise ZipError("zip-form", "the archive's directory is malformed")
        raw = data[place + _ENTRY.size : place + _ENTRY.size + named]
        name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")
        mode = outer >> 16 if made >> 8 == 3 else 0
        found.append(Entry(number, name, flags, method, crc, packed, full, mode, offset))
        place += _ENTRY.size + named + extra + note
    if found and min(one.at for one in found) != 0:
        raise ZipError("zip-form", "there are bytes before, behind or inside the archive's own")
    if place != at:
        raise ZipError("zip-form", "the archive's directory is malformed")
    return found


def judge(data: bytes, found: list[Entry]) -> Iterator[Fault]:
    """What in a directory would harm who unpacks it."""
    names: set[str] = set()
    for one in found:
        here = one.shown
        if one.name.lower() in names:
            yield Fault("zip-twice", here, "two files have this name")
        names.add(one.name.lower())
        parts = re.split(r"[/\\]", one.name.rstrip("/"))
        if ".." in parts or "" in parts or "\\" in one.name or ":" in one.name or "\0" in one.name:
            yield Fault("zip-path", here, "the name leaves the folder that it is unpacked in")
        if one.mode & _KINDS == _LINK:
            yield Fault("zip-link", here, "a link, not a file")
        if one.flags & 1:
            yield Fault("zip-encrypted", here, "encrypted")
        if one.method not in (0, 8):
            yield Fault("zip-method", here, "packed by a method that few programs know")
        if one.size > _SOME_SIZE and one.size > MOST_RATIO * max(one.packed, 1):
            yield Fault("zip-bomb", here, f"it would unpack to more than {MOST_RATIO} times itself")
    if sum(one.size for one in found) > MOST_BYTES:
        yield Fault("zip-bomb", "", f"it would unpack to more than {MOST_BYTES // 1024 // 1024} MB")
    edge = 0
    for one in sorted(found, key=lambda entry: entry.at):
        start, end = _extent(data, one)
        if start < 0:
            yield Fault("zip-local", one.shown, "the directory and the file's own head disagree")
        elif one.at < edge:
            yield Fault("zip-overlap", one.shown, "it overlaps another file of the archive")
        edge = max(edge, end)


def _extent(data: bytes, one: Entry) -> tuple[int, int]:
    """Where the packed bytes start and end; (-1, edge) when the local head says otherwise."""
    if one.at + _LOCAL.size > len(data):
        return -1, one.at
    mark, _, flags, method, _, _, crc, packed, full, named, extra = _LOCAL.unpack_from(data, one.at)
    start = one.at + _LOCAL.size + named + extra
    raw = data[one.at + _LOCAL.size : one.at + _LOCAL.size + named]
    name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")
    # Bit 3: sizes and sum follow the bytes, and are 0 here.
    later = flags & 8 and (crc, packed, full) == (0, 0, 0)
    same = (crc, packed, full) == (one.crc, one.packed, one.size)
    held = mark == b"PK\x03\x04" and name == one.name and method == one.method and (later or same)
    end = start + one.packed
    return (start, end) if held and end <= len(data) else (-1, end)


def unpack(data: bytes, one: Entry) -> bytes:
    """The bytes of a file whose archive was judged and found without fault. Raises ZipError."""
    start, end = _extent(data, one)
    packed = data[start:end]
    if one.method == 0:
        content = packed
    else:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(packed, one.size + 1)
        except zlib.error:
            raise ZipError("zip-content", "its packed bytes are damaged") from None
    if len(content) != one.size or zlib.crc32(content) != one.crc:
        raise ZipError("zip-content", "it does not unpack to what the directory says")
    return content
