import base64
import struct
import zlib
from contextlib import suppress

import page
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compose.annex import draw_annexes, opaque
from engine.compose.faults import AnnexError
from engine.compose.paper import MAX_BYTES, MAX_PAGES, PrintError, TooManyError
from engine.compose.render import render
from engine.compose.typeset import load_fonts, rasterise
from engine.model.letter import Letter, LetterKind
from tests.support.letters import FACE, annex, letter, shop, summary
from tests.support.pdf_a import faults

# A page with one red square, under AES-256; the password is "user".
ENCRYPTED = base64.b64decode(
    "JVBERi0xLjcKJb/3ov4KMSAwIG9iago8PCAvRXh0ZW5zaW9ucyA8PCAvQURCRSA8PCAvQmFzZVZlcnNpb24gLzEu"
    "NyAvRXh0ZW5zaW9uTGV2ZWwgOCA+PiA+PiAvUGFnZXMgMiAwIFIgL1R5cGUgL0NhdGFsb2cgPj4KZW5kb2JqCjIg"
    "MCBvYmoKPDwgL0NvdW50IDEgL0tpZHMgWyAzIDAgUiBdIC9UeXBlIC9QYWdlcyA+PgplbmRvYmoKMyAwIG9iago8"
    "PCAvQ29udGVudHMgNCAwIFIgL01lZGlhQm94IFsgMCAwIDIwMCAxMDAgXSAvUGFyZW50IDIgMCBSIC9SZXNvdXJj"
    "ZXMgPDwgPj4gL1R5cGUgL1BhZ2UgPj4KZW5kb2JqCjQgMCBvYmoKPDwgL0xlbmd0aCA0OCAvRmlsdGVyIC9GbGF0"
    "ZURlY29kZSA+PgpzdHJlYW0K/HqAp/bcdvfKFj67rygGoIp6gjIHvrNWRH+cARJgIZ+FjH6ji89e1afa4SISuL0E"
    "ZW5kc3RyZWFtCmVuZG9iago1IDAgb2JqCjw8IC9DRiA8PCAvU3RkQ0YgPDwgL0F1dGhFdmVudCAvRG9jT3BlbiAv"
    "Q0ZNIC9BRVNWMyAvTGVuZ3RoIDMyID4+ID4+IC9GaWx0ZXIgL1N0YW5kYXJkIC9MZW5ndGggMjU2IC9PIDw4N2Fk"
    "MzRmODEzYTQ3ZGU0NjQxNDNkY2M3MDgxYWUwNDkxNmM2Njk5MzIzODY5NzIzM2ZhMmViOWEyNmFhODRiYmQ2ZjIx"
    "OGQ1ZjcyNDk3MDBkOTkxZGQyMjc0OWMzYjA+IC9PRSA8OThlY2YwOThhZjJjMTY2YmJlMTFkOWZjZDA1NDUwZjAz"
    "NjdlNWU3MDhlZjNjZjM1ZDdiODFjZTBlNjZiM2I1OT4gL1AgLTQgL1Blcm1zIDw3NjI0OWMxZWRmOWU1MTE5NmU5"
    "Mzk2MjY4NjI4ODVjZD4gL1IgNiAvU3RtRiAvU3RkQ0YgL1N0ckYgL1N0ZENGIC9VIDwxNTg1OTRmYTdkMDZlOTQy"
    "ZTRlY2FjZDcwNjM1ZTRjNTAyZjJiZWNiOTQ1MGJmMjBhMmE4NmMwN2M5OWEzNzg2YTQ3NDMwZTc1MDA5N2Y1ZWZi"
    "NjIwODYzMzJlNzliNzQ+IC9VRSA8NThmMmM3MTIxNzlkMDIzYzk1M2NkZWI3MzMxYmU5MDgzOGI3MTExNDljMzUy"
    "MGRhYTdjMTE3YzA3YzY2ODc2ND4gL1YgNSA+PgplbmRvYmoKeHJlZgowIDYKMDAwMDAwMDAwMCA2NTUzNSBmIAow"
    "MDAwMDAwMDE1IDAwMDAwIG4gCjAwMDAwMDAxMzAgMDAwMDAgbiAKMDAwMDAwMDE4OSAwMDAwMCBuIAowMDAwMDAw"
    "Mjk1IDAwMDAwIG4gCjAwMDAwMDA0MTMgMDAwMDAgbiAKdHJhaWxlciA8PCAvUm9vdCAxIDAgUiAvU2l6ZSA2IC9J"
    "RCBbPGRjNmFhYWU2ZGZhMjAwYTgwNjE1ZGU1MWVjYWYwNWZkPjxkYzZhYWFlNmRmYTIwMGE4MDYxNWRlNTFlY2Fm"
    "MDVmZD5dIC9FbmNyeXB0IDUgMCBSID4+CnN0YXJ0eHJlZgo5NjAKJSVFT0YK"
)
MINIMAL = annex(1).pdf


FONTS = load_fonts(shop().press.fonts)


def exit_letter(*pdfs: bytes) -> Letter:
    annexes = tuple(annex(1).model_copy(update={"pdf": pdf}) for pdf in pdfs)
    return letter(LetterKind.EXIT_LETTER, annexes=annexes)


def drawn(*pdfs: bytes) -> list[int]:
    return [len(pages) for pages in draw_annexes(pdfs, FONTS)]


def test_each_page_of_each_pdf_becomes_a_page_of_the_letter_and_the_whole_is_pdf_a() -> None:
    of = letter(LetterKind.EXIT_LETTER, annexes=(annex(2), annex(1)))
    pdf = render(of, shop(), FACE).files["letter.pdf"]
    assert faults(pdf) == []
    assert page.validate_pdf_bytes(pdf, profile="1b").document.page_count == 1 + 2 + 1


def test_an_exit_letter_may_be_made_of_pdfs_alone() -> None:
    of = letter(LetterKind.EXIT_LETTER, summary=summary(), annexes=(annex(1),))
    made = render(of, shop(), FACE)
    assert "dans les pages suivantes" in made.files["letter.txt"].decode().replace("\n", " ")
    assert faults(made.files["letter.pdf"]) == []


@pytest.mark.parametrize(
    "pdf",
    [
        b"",
        b"junk",
        b"%PDF-1.4\n",
        MINIMAL[: len(MINIMAL) // 2],
        ENCRYPTED,
        MINIMAL + bytes(MAX_BYTES),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
    ids=["empty", "junk", "head alone", "cut", "encrypted", "too large", "not a PDF"],
)
def test_a_pdf_that_cannot_be_drawn_is_refused(pdf: bytes) -> None:
    with pytest.raises(AnnexError) as caught:
        render(exit_letter(pdf), shop(), FACE)
    assert "ESSAI" not in str(caught.value)


def test_thirty_pages_are_the_most_over_all_pdfs() -> None:
    assert drawn(annex(3).pdf) == [3]
    half = annex(16).pdf
    with pytest.raises(TooManyError):
        drawn(half, half)
    with pytest.raises(AnnexError, match="LE-106") as caught:
        render(exit_letter(half, half), shop(), FACE)
    assert f"32 pages; {MAX_PAGES} at most" in str(caught.value)


def pixels(png: bytes) -> tuple[int, int, int, bytes]:
    """An own decoder, all five filters, of an 8-bit PNG: (width, height, channels, samples)."""
    at, body, head = 8, b"", b""
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + content) == struct.unpack_from(">I", png, at + 8 + size)[0]
        head = content if kind == b"IHDR" else head
        body += content if kind == b"IDAT" else b""
        at += 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", head[:10])
    assert depth == 8
    n = {0: 1, 2: 3, 6: 4}[colour]
    raw, step, above, out = zlib.decompress(body), 1 + width * n, bytes(width * n), bytearray()
    for y in range(height):
        row = bytearray(raw[y * step + 1 : (y + 1) * step])
        for x in range(len(row)):
            a = row[x - n] if x >= n else 0
            b, c = above[x], above[x - n] if x >= n else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            add = (0, a, b, (a + b) // 2, paeth)[raw[y * step]]
            row[x] = (row[x] + add) & 255
        above = bytes(row)
        out += row
    return width, height, n, bytes(out)


@pytest.mark.parametrize("number", [1, 2], ids=["grey", "coloured"])
def test_taking_the_alpha_away_changes_no_colour(number: int) -> None:
    drawing = rasterise(annex(2).pdf, number, 20, FONTS)
    width, height, channels, before = pixels(drawing)
    assert channels == 4
    assert set(before[3::4]) == {255}
    after = pixels(opaque(drawing))
    assert after[:2] == (width, height)
    assert after[2] == (1 if number == 1 else 3)
    for channel in range(3):
        assert before[channel::4] == after[3][channel % after[2] :: after[2]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(MINIMAL) - 1), st.binary(min_size=1, max_size=40))
def test_a_damaged_pdf_is_drawn_or_refused_and_never_anything_else(at: int, noise: bytes) -> None:
    damaged = MINIMAL[:at] + noise + MINIMAL[at + len(noise) :]
    with suppress(PrintError):
        assert drawn(damaged) in ([1], [2])


def test_a_landscape_page_is_turned_to_fill_the_sheet() -> None:
    width, height, channels, samples = pixels(rasterise(annex(3).pdf, 3, 20, FONTS))
    assert height > width
    red = [
        divmod(i, width)
        for i in range(width * height)
        if samples[i * channels] > 200 and samples[i * channels + 1] < 120
    ]
    # The square at the top left of the page stands at the bottom left once it is turned.
    assert red
    assert all(y > height * 0.8 and x < width * 0.3 for y, x in red)
