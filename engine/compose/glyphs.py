"""Which characters the shipped fonts can draw.

PDF/A refuses a missing glyph, and a letter must not be blocked by a sign nobody will miss: what
no font draws is replaced before the PDF engine sees it.
Source  OpenType 1.9, table cmap, formats 4 and 12.
"""

import struct
import unicodedata
from collections.abc import Iterable
from typing import Final

SUBSTITUTE: Final = "□"


def coverage(font: bytes) -> frozenset[int]:
    """Code points that a TrueType font maps to a glyph; ValueError when it has no Unicode cmap."""
    try:
        for i in range(struct.unpack_from(">H", font, 4)[0]):
            tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * i)
            if tag == b"cmap":
                return _read_cmap(font, offset)
    except struct.error:
        raise ValueError("the font is cut short") from None
    raise ValueError("no cmap table")


def _read_cmap(font: bytes, start: int) -> frozenset[int]:
    covered: set[int] = set()
    for i in range(struct.unpack_from(">H", font, start + 2)[0]):
        platform, encoding, offset = struct.unpack_from(">HHI", font, start + 4 + 8 * i)
        if (platform, encoding) not in {(0, 3), (0, 4), (3, 1), (3, 10)}:
            continue
        kind = struct.unpack_from(">H", font, start + offset)[0]
        if kind == 4:
            covered.update(_format_4(font, start + offset))
        elif kind == 12:
            covered.update(_format_12(font, start + offset))
    if not covered:
        raise ValueError("no Unicode cmap")
    return frozenset(covered)


def _format_4(font: bytes, at: int) -> Iterable[int]:
    count = struct.unpack_from(">H", font, at + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", font, at + 14)
    starts = struct.unpack_from(f">{count}H", font, at + 16 + 2 * count)
    deltas = struct.unpack_from(f">{count}H", font, at + 16 + 4 * count)
    ranges_at = at + 16 + 6 * count
    ranges = struct.unpack_from(f">{count}H", font, ranges_at)
    for i, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            if ranges[i] == 0:
                glyph = (code + deltas[i]) & 0xFFFF
            else:
                where = ranges_at + 2 * i + ranges[i] + 2 * (code - first)
                glyph = struct.unpack_from(">H", font, where)[0]
            if glyph:
                yield code


def _format_12(font: bytes, at: int) -> Iterable[int]:
    for i in range(struct.unpack_from(">I", font, at + 12)[0]):
        first, last, glyph = struct.unpack_from(">III", font, at + 16 + 12 * i)
        yield from range(first if glyph else first + 1, last + 1)


def drawable(text: str, covered: frozenset[int]) -> str:
    """The same text, in characters that have a glyph."""
    if text.isascii():
        return text
    return "".join(c if ord(c) in covered or c == "\n" else _instead(c, covered) for c in text)


def _instead(char: str, covered: frozenset[int]) -> str:
    near = "".join(c for c in unicodedata.normalize("NFKD", char) if ord(c) in covered)
    if near:
        return near
    return "" if unicodedata.combining(char) else SUBSTITUTE
