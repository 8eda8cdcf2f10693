"""MLLP, the framing of HL7 v2 over TCP: bytes in any cut → whole messages and named faults.

A block is ``0x0B``, the message, ``0x1C 0x0D`` (HL7 Transport Specification: MLLP, release 1,
section 2). The events depend on the bytes alone, never on how the network cut them.

A start byte inside a block means that the sender broke off and began anew: what came before is
torn, and is never delivered as a message. Neither byte can occur in a text of the character sets
that we read (a continuation byte of UTF-8 is above 0x7F).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

START: Final = 0x0B
START_BLOCK: Final = b"\x0b"
END_BLOCK: Final = b"\x1c\x0d"
_BETWEEN: Final = b"\r\n"


class FaultKind(StrEnum):
    """What can be wrong with a frame. Closed; the words are written in the journal."""

    TORN = "torn-frame"  # another start byte, or the end of the stream, before the end of the block
    OVERSIZE = "oversize-frame"  # longer than the limit; it came to its end all the same
    GARBAGE = "garbage"  # bytes that are in no block
    FILE = "refused-file"  # not a frame: a file of a watched folder that is not to be read


@dataclass(frozen=True, slots=True)
class Fault:
    """Bytes that are no message. ``data`` is what was kept of them, ``size`` how many came."""

    kind: FaultKind
    data: bytes = field(repr=False)
    size: int


def frame(message: bytes) -> bytes:
    """The block that carries a message."""
    return START_BLOCK + message + END_BLOCK


class Deframer:
    """Takes bytes as they come and gives whole messages and faults, in order.

    ``limit`` is the longest message, in bytes. Memory stays under that, and one read: of longer
    blocks, and of garbage, the first ``limit`` bytes are kept and the rest is counted.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()  # of the block, or of the garbage, that is under way
        self._dropped = 0  # bytes of it beyond the limit
        self._inside = False  # in a block
        self._tail = b""  # last byte that was dropped, when it may begin the end of the block

    @property
    def pending(self) -> int:
        """Bytes received that belong to no event yet."""
        return len(self._buffer) + self._dropped + self._inside

    @property
    def garbage(self) -> int:
        """Bytes received outside a block since the last event."""
        return 0 if self._inside else self.pending

    def feed(self, data: bytes) -> list[bytes | Fault]:
        """Take what was read; give what is complete now."""
        if (
            not self._buffer
            and not self._inside
            and len(data) > 2
            and data[0] == START
            and data.find(END_BLOCK) == len(data) - 2
            and data.find(START_BLOCK, 1) < 0
            and len(data) - 3 <= self._limit
        ):  # the usual read: one block, neither more nor less
            return [data[1:-2]]
        events: list[bytes | Fault] = []
        at = 0
        while at < len(data):
            at = self._block(data, at, events) if self._inside else self._outside(data, at, events)
        return events

    def end(self) -> list[bytes | Fault]:
        """The stream ended, or its silence lasted too long: what is under way is a fault."""
        events: list[bytes | Fault] = []
        if self._inside:
            events.append(self._fault(FaultKind.TORN))
            self._inside = False
        elif self._buffer:
            events.append(self._fault(FaultKind.GARBAGE))
        return events

    def _outside(self, data: bytes, at: int, events: list[bytes | Fault]) -> int:
        start = data.find(START_BLOCK, at)
        stop = len(data) if start < 0 else start
        stray = data[at:stop]
        if not self._buffer:
            stray = stray.lstrip(_BETWEEN)  # a lone CR or LF between blocks is met in the field
        self._keep(stray)
        if start < 0:
            return stop
        if self._buffer:
            events.append(self._fault(FaultKind.GARBAGE))
        self._inside = True
        return start + 1

    def _block(self, data: bytes, at: int, events: list[bytes | Fault]) -> int:
        start = data.find(START_BLOCK, at)
        stop = len(data) if start < 0 else start
        if self._ends_here(data, at):
            events.append(self._whole(1))
            return at + 1
        end = data.find(END_BLOCK, at, stop)
        if end >= 0:
            self._keep(data[at:end])
            events.append(self._whole(0))
            return end + 2
        self._keep(data[at:stop])
        if start < 0:
            return stop
        events.append(self._fault(FaultKind.TORN))
        return start + 1

    def _ends_here(self, data: bytes, at: int) -> bool:
        """The end of the block was cut in two by the network."""
        last = self._tail or self._buffer[-1:]
        return data[at] == END_BLOCK[1] and last == END_BLOCK[:1]

    def _keep(self, data: bytes) -> None:
        # One byte beyond the limit is kept: it may be the first half of the end of the block.
        room = self._limit + 1 - len(self._buffer)
        self._buffer += data[:room]
        if len(data) > room:
            self._dropped += len(data) - room
            self._tail = data[-1:]

    def _whole(self, surplus: int) -> bytes | Fault:
        """The block is complete; ``surplus`` bytes of its end were kept or counted with it."""
        size = len(self._buffer) + self._dropped - surplus
        if size > self._limit:
            self._inside = False
            return self._fault(FaultKind.OVERSIZE, surplus)
        message = bytes(self._buffer[:size])
        self._reset()
        self._inside = False
        return message

    def _fault(self, kind: FaultKind, surplus: int = 0) -> Fault:
        size = len(self._buffer) + self._dropped - surplus
        fault = Fault(kind, bytes(self._buffer[: min(size, self._limit)]), size)
        self._reset()
        return fault

    def _reset(self) -> None:
        self._buffer.clear()
        self._dropped = 0
        self._tail = b""
