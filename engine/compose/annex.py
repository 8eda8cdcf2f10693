"""A PDF that the hospital's record gave becomes pages of the letter.

PDF/A-1 takes no PDF inside (the engine refuses it in every archival mode), and the file given
is seldom PDF/A itself. So each page is drawn, once, as an opaque bitmap. Text in it can no longer
be searched; it is read as it was written, fonts and all.
"""

import base64
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from engine.compose.faults import TooManyPagesError, UnusableAnnexError
from engine.compose.identity import written_by
from engine.compose.layout import Sheets
from engine.compose.pdf import (
    Checkpoint,
    EngineRefusedError,
    Press,
    forget,
    rasterise,
    render_pdf,
)
from engine.compose.template import LetterText
from engine.model.letter import Letter

MAX_PAGES: Final = 30  # of all annexes of one letter
MAX_BYTES: Final = 10 * 1024 * 1024  # of one PDF
_COUNTING_DPI: Final = 6

# A4 at 200 dpi is 1654 x 2339 pixels; more pages, fewer pixels, so that the mail stays sendable.
_RESOLUTIONS: Final = ((8, 200), (16, 150), (MAX_PAGES, 110))

_SVG: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="210" height="297" viewBox="0 0 210 297"><image width="210" height="297" '
    'xlink:href="data:image/png;base64,{}"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Paper:
    """The letter as PDF/A-1a, and how many pages each of its annexes has."""

    pdf: bytes
    annex_pages: tuple[int, ...]


Printer = Callable[[LetterText, Letter, Press, tzinfo, Checkpoint], Paper]


def print_letter(
    text: LetterText, letter: Letter, press: Press, zone: tzinfo, checkpoint: Checkpoint
) -> Paper:
    """Draw the annexes, then print the letter with them, in this process.

    The engine can be kept busy for hours, or aborted, by a file made for it: a service that must
    live prints letters that have annexes with `engine.printer`. Raises AnnexError, PaperError.
    """
    sheets = print_annexes(letter, press, zone, checkpoint)
    checkpoint()
    pdf = render_pdf(text, letter, sheets, press, zone)
    return Paper(pdf, tuple(len(one.pages) for one in sheets))


def print_annexes(
    letter: Letter, press: Press, zone: tzinfo, checkpoint: Checkpoint
) -> tuple[Sheets, ...]:
    """Draw every annex. ``checkpoint`` is called before each page and may raise to stop.

    Raises AnnexError for a file that is broken, encrypted, too large, empty or too long.
    """
    counts = [_count(letter, annex.pdf, press, checkpoint) for annex in letter.annexes]
    total = sum(counts)
    if total > MAX_PAGES:
        raise TooManyPagesError(letter, total, MAX_PAGES)
    dpi = next((dpi for most, dpi in _RESOLUTIONS if total <= most), _RESOLUTIONS[-1][1])
    printed = []
    for annex, count in zip(letter.annexes, counts, strict=True):
        pages = []
        for number in range(1, count + 1):
            checkpoint()
            png = opaque(rasterise(annex.pdf, number, dpi, press))
            forget(press)
            pages.append(_SVG.format(base64.b64encode(png).decode("ascii")))
        printed.append(
            Sheets(annex.heading, written_by(annex.author, annex.written_at, zone), tuple(pages))
        )
    return tuple(printed)


def _count(letter: Letter, pdf: bytes, press: Press, checkpoint: Checkpoint) -> int:
    if len(pdf) > MAX_BYTES or b"%PDF-" not in pdf[:1024]:
        raise UnusableAnnexError(letter)
    for number in range(1, MAX_PAGES + 2):
        checkpoint()
        try:
            rasterise(pdf, number, _COUNTING_DPI, press)
        except IndexError:
            if number == 1:
                raise UnusableAnnexError(letter) from None
            return number - 1
        except EngineRefusedError:
            raise UnusableAnnexError(letter) from None
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
