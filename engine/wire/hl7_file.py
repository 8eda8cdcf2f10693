"""The bytes of a file → the messages in it.

A file holds one message, or several that each start with MSH at the start of a line, or blocks
of MLLP. The envelope of the batch protocol (FHS, BHS, BTS, FTS; HL7 v2.5 section 2.10.3) and a
byte order mark are left out. Nothing else is: what cannot be a message comes out as a piece, for
the door to refuse.
"""

import re
from typing import Final

from engine.wire.mllp import START_BLOCK, Deframer, Fault

_MARK: Final = b"\xef\xbb\xbf"
_START: Final = re.compile(rb"(?:(?<=[\r\n])|\A)MSH[^A-Za-z0-9\s]")
_ENVELOPE: Final = re.compile(
    rb"(?:(?<=[\r\n])|\A)(?:FHS|BHS|BTS|FTS)(?:[^A-Za-z0-9\s][^\r\n]*)?(?:\r\n?|\n|\Z)"
)
_BLANK: Final = b" \t\r\n"


def messages(data: bytes) -> list[bytes | Fault]:
    """Cut a file into messages, in order; at least one piece, however odd the file."""
    data = data.removeprefix(_MARK)
    if data.lstrip(_BLANK).startswith(START_BLOCK):
        deframer = Deframer(len(data))
        return [*deframer.feed(data), *deframer.end()]
    data = _ENVELOPE.sub(b"", data)
    starts = [found.start() for found in _START.finditer(data)]
    if not starts:
        return [data]
    pieces: list[bytes | Fault] = []
    if data[: starts[0]].strip(_BLANK):
        pieces.append(data[: starts[0]])
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        pieces.append(data[start:end])
    return pieces
