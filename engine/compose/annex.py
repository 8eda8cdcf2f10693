"""A PDF that the hospital's record gave becomes pages of the letter.

PDF/A-1 takes no PDF inside (the engine refuses it in every archival mode), and the file given
is seldom PDF/A itself. So each page is drawn, once, as an opaque bitmap. Text in it can no longer
be searched; it is read as it was written, fonts and all.
"""

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from engine.compose.paper import (
    MAX_BYTES,
    MAX_PAGES,
    Paper,
    PrintOrder,
    TooManyError,
    UnusableError,
)
from engine.compose.typeset import (
    EngineRefusedError,
    Fonts,
    compile_pdf,
    forget,
    rasterise,
)

_COUNTING_DPI: Final = 6

# A4 at 200 dpi is 1654 x 2339 pixels; more pages, fewer pixels, so that the mail stays sendable.
_RESOLUTIONS: Final = ((8, 200), (16, 150), (MAX_PAGES, 110))

_SVG: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="210" height="297" viewBox="0 0 210 297"><image width="210" height="297" '
    'xlink:href="data:image/png;base64,{}"/></svg>'
)


def print_order(order: PrintOrder, fonts: Fonts) -> Paper:
    """Draw the annexes, then print the letter with them, in this process. Raises PrintError."""
    sheets = draw_annexes(order.annexes, fonts)
    data = json.loads(order.data)
    for annex, pages in zip(data["annexes"], sheets, strict=True):
        annex["sheets"] = pages
    pdf = compile_pdf(order.template, json.dumps(data), order.issued, fonts)
    return Paper(pdf, tuple(len(pages) for pages in sheets))


def draw_annexes(annexes: tuple[bytes, ...], fonts: Fonts) -> list[list[str]]:
    """Draw every page of every PDF: an SVG each, which holds an opaque bitmap.

    Raises UnusableError for a file that is broken, encrypted, too large or empty; TooManyError.
    """
    counts = [_count(pdf, fonts) for pdf in annexes]
    total = sum(counts)
    if total > MAX_PAGES:
        raise TooManyError(total)
    dpi = next((dpi for most, dpi in _RESOLUTIONS if total <= most), _RESOLUTIONS[-1][1])
    return [
        [_page(pdf, number, dpi, fonts) for number in range(1, count + 1)]
        for pdf, count in zip(annexes, counts, strict=True)
    ]


def _page(pdf: bytes, number: int, dpi: int, fonts: Fonts) -> str:
    png = opaque(rasterise(pdf, number, dpi, fonts))
    forget(fonts)
    return _SVG.format(base64.b64encode(png).decode("ascii"))


def _count(pdf: bytes, fonts: Fonts) -> int:
    if len(pdf) > MAX_BYTES or b"%PDF-" not in pdf[:1024]:
        raise UnusableError
    for number in range(1, MAX_PAGES + 2):
        try:
            rasterise(pdf, number, _COUNTING_DPI, fonts)
        except IndexError:
            if number == 1:
                raise UnusableError from None
            return number - 1
        except EngineRefusedError:
            raise UnusableError from None
    return MAX_PAGES + 1


def opaque(png: bytes) -> bytes:
    """Drop the alpha channel of an 8-bit RGBA PNG, and two channels more when all is grey.

    PDF/A-1 forbids transparency (ISO 19005-1, 6.4), and the engine counts any alpha channel as
    such. The filters of a PNG work on each channel apart (PNG third edition, section 9.2), so
    channels can be taken out of the filtered bytes as they are.
    """
    header, body = b"", []
    for kind, content in _chunks(png):
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            body.append(content)
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if (depth, colour, interlace) != (8, 6, 0):
        raise ValueError("not the kind of PNG that the engine draws")
    raw = zlib.decompress(b"".join(body))
    step = 1 + 4 * width
    starts = range(0, height * step, step)
    grey = all(
        raw[at + 1 : at + step : 4] == raw[at + 2 : at + step : 4] == raw[at + 3 : at + step : 4]
        for at in starts
    )
    packer = zlib.compressobj(1)  # the engine packs it again: the same PDF, in half the time
    lines = [
        packer.compress(
            raw[at : at + 1] + raw[at + 1 : at + step : 4] if grey else _rgb(raw, at, width)
        )
        for at in starts
    ]
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if grey else 2, 0, 0, 0)
    return (
        png[:8]
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", b"".join(lines) + packer.flush())
        + _chunk(b"IEND", b"")
    )


def _rgb(raw: bytes, at: int, width: int) -> bytes:
    out = bytearray(1 + 3 * width)
    out[0] = raw[at]
    for channel in (1, 2, 3):
        out[channel::3] = raw[at + channel : at + 1 + 4 * width : 4]
    return bytes(out)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )  # fmt: skip
