"""What the daemon and its printing process say to each other, over a pair of sockets.

A message is its size, 8 bytes, big-endian, then a row of frames: length, 4 bytes, big-endian;
content.

    order   folder of the fonts, seconds of the date, template, data, then the annexes
    answer  "drawn", pages of each annex (one byte each), the PDF
            "too-many", the number of pages
            "unusable"   an annex is
            "refused"    by the engine, for the letter itself
"""

import struct
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.compose.paper import (
    MAX_PAGES,
    BeyondLimitsError,
    Paper,
    PrintError,
    PrintOrder,
    RefusedError,
    TooManyError,
    UnusableError,
)

_SIZE = struct.Struct(">Q")
_LENGTH = struct.Struct(">I")


def message(frames: Iterable[bytes]) -> bytes:
    """Frames as one message."""
    row = b"".join(_LENGTH.pack(len(one)) + one for one in frames)
    return _SIZE.pack(len(row)) + row


def read_message(read: Callable[[int], bytes], most: int) -> list[bytes] | None:
    """The frames of the next message; None at the end, or when it is torn or above ``most`` bytes.

    ``read`` gives up to so many bytes, none at the end.
    """
    head = _exactly(read, _SIZE.size)
    if head is None or (size := _SIZE.unpack(head)[0]) > most:
        return None
    row = _exactly(read, size)
    return None if row is None else frames_of(row)


def frames_of(row: bytes) -> list[bytes] | None:
    """The frames of a row; None when it is torn."""
    found, at = [], 0
    while at < len(row):
        if len(row) - at < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(row, at)
        at += _LENGTH.size
        if size > len(row) - at:
            return None
        found.append(row[at : at + size])
        at += size
    return found


def _exactly(read: Callable[[int], bytes], size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        more = read(min(size - len(content), 1 << 20))
        if not more:
            return None
        content += more
    return bytes(content)


def write_order(order: PrintOrder) -> bytes:
    """An order as a message."""
    return message(
        (
            str(order.fonts).encode(),
            str(order.issued).encode(),
            order.template,
            order.data,
            *order.annexes,
        )
    )


def read_order(frames: list[bytes]) -> PrintOrder:
    """The order of a message of the daemon's."""
    fonts, issued, template, data, *annexes = frames
    return PrintOrder(Path(fonts.decode()), template, int(issued), data, tuple(annexes))


def write_answer(outcome: Paper | PrintError) -> bytes:
    """What came of an order, as a message."""
    match outcome:
        case Paper():
            return message((b"drawn", bytes(outcome.annex_pages), outcome.pdf))
        case TooManyError():
            return message((b"too-many", str(outcome.total).encode()))
        case UnusableError():
            return message((b"unusable",))
        case _:
            return message((b"refused",))


def read_answer(frames: list[bytes] | None, annexes: int) -> Paper:
    """The paper of an answer. Raises PrintError; BeyondLimitsError when it is no answer."""
    match frames:
        case [b"drawn", pages, pdf] if _sound(pages, annexes) and pdf.startswith(b"%PDF-"):
            return Paper(pdf, tuple(pages))
        case [b"too-many", total] if total.isdigit() and len(total) < 6:
            raise TooManyError(int(total))
        case [b"unusable"]:
            raise UnusableError
        case [b"refused"]:
            raise RefusedError
        case _:
            raise BeyondLimitsError


def _sound(pages: bytes, annexes: int) -> bool:
    return len(pages) == annexes and all(pages) and sum(pages) <= MAX_PAGES
