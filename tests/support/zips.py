"""Zip archives written by hand: what no honest program writes."""

import struct
import zlib
from dataclasses import dataclass, field


@dataclass
class Member:
    """One file, as the directory and its own head tell it."""

    name: str
    content: bytes
    method: int = 8
    flags: int = 0
    mode: int = 0o100644
    size: int | None = None  # what the directory claims
    claimed: str | None = None  # the name in the file's own head
    at: int | None = field(default=None)  # where the directory says it lies


def packed(*members: Member, before: bytes = b"", behind: bytes = b"") -> bytes:
    """An archive of these files."""
    out, rows = bytearray(before), []
    for one in members:
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = squeeze.compress(one.content) + squeeze.flush() if one.method else one.content
        size = len(one.content) if one.size is None else one.size
        crc, at = zlib.crc32(one.content), len(out) if one.at is None else one.at
        shared = (one.method, 0, 33, crc, len(body), size)
        name = (one.claimed or one.name).encode()
        out += struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, one.flags, *shared, len(name), 0)
        out += name + body
        name = one.name.encode()
        rows.append(
            struct.pack(
                "<4s6H3I5H2I", b"PK\x01\x02", 0x0314, 20, one.flags, *shared, len(name), 0, 0, 0, 0,
                one.mode << 16, at,
            )
            + name
        )  # fmt: skip
    start = len(out)
    directory = b"".join(rows)
    end = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, len(rows), len(rows), len(directory), start, 0
    )
    return bytes(out) + directory + end + behind
