import base64
import io
import re
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.privacy.fold import words
from engine.privacy.markup import html_segments
from engine.privacy.report import UNREADABLE, Known, OwnTerms
from engine.privacy.rules import load
from engine.privacy.search import search
from engine.privacy.unpack import unpack
from tests.support import leaky
from tests.support.letters import ROOT
from tests.support.pdf_files import endless
from tests.support.zips import Member, packed

WORDS = "Sapristi, le canari"


def texts(mime: bytes) -> str:
    return "\n".join(piece.text for piece in unpack(mime).pieces)


def unreadable(mime: bytes) -> bool:
    return any(hit.rule_id == UNREADABLE for hit in unpack(mime).hits)


@pytest.mark.parametrize("place", leaky.PLACES)
def test_the_words_of_every_place_are_unpacked(place: str) -> None:
    found = " ".join(words(texts(leaky.PLACES[place](WORDS))))
    assert "sapristi le canari" in found or "sapristi" in found.replace(" ", "")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "application/gzip"),
        (b"{\\rtf1 \\'e9crou}", "text/rtf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "application/msword"),
        (b"%PDF-1.7\n1 0 obj\n<</Encrypt 2 0 R>>\nendobj\n", "application/pdf"),
        (b"PK\x03\x04 cut", "application/zip"),
        (packed(Member("A.TXT", b"x", flags=1)), "application/zip"),
        (packed(Member("A.TXT", bytes(40_000_000))), "application/zip"),
        (packed(Member("A.TXT", b"x", size=5)), "application/zip"),
        (b"<a><b></a>", "text/xml"),
    ],
    ids=["picture", "gzip", "rtf", "ole", "encrypted-pdf", "cut-zip", "encrypted-zip", "bomb",
         "lying-zip", "broken-xml"],
)  # fmt: skip
def test_what_cannot_be_read_is_told(data: bytes, kind: str) -> None:
    assert unreadable(leaky.mail(leaky.text(), leaky.attached(data, kind)))


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nabc",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Content-Type: text/plain; charset=x-nobody\r\n\r\n\xe9crou",
        b"Content-Type: text/plain; charset=hex\r\n\r\n\xe9crou",
    ],
    ids=["uuencode", "no-base64", "unknown-charset", "no-charset"],
)
def test_an_encoding_that_nobody_knows_is_told(part: bytes) -> None:
    assert unreadable(leaky.mail(part))


def test_zips_in_zips_end() -> None:
    data = leaky.zipped({"A.TXT": WORDS.encode()})
    for _ in range(12):
        data = leaky.zipped({"A.ZIP": data})
    assert unreadable(leaky.mail(leaky.attached(data, "application/zip")))


def test_a_few_zips_in_zips_are_read() -> None:
    data = leaky.zipped({"A.ZIP": leaky.zipped({"A.TXT": WORDS.encode()})})
    assert WORDS in texts(leaky.mail(leaky.attached(data, "application/zip")))


def test_words_that_a_pdf_no_longer_shows_are_read() -> None:
    whole = leaky.pdf(WORDS)
    updated = whole + b"\n4 0 obj\n<</Title(neuf)>>\nendobj\n%%EOF\n"
    assert "canari" in texts(leaky.mail(leaky.attached(updated, "application/pdf")))


def test_objects_in_object_streams_are_read() -> None:
    inner = b"7 0 <</Title(le canari)>>"
    packed_stream = zlib.compress(inner)
    data = (
        b"%PDF-1.7\n1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length "
        + str(len(packed_stream)).encode()
        + b">>\nstream\n" + packed_stream + b"\nendstream\nendobj\n%%EOF\n"
    )  # fmt: skip
    assert "canari" in texts(leaky.mail(leaky.attached(data, "application/pdf")))


def test_text_in_a_font_that_does_not_say_what_its_codes_mean_is_told() -> None:
    whole = leaky.pdf(WORDS).replace(b"/ToUnicode", b"/ToNothing")
    assert unreadable(leaky.mail(leaky.attached(whole, "application/pdf")))


def test_a_pdf_that_draws_itself_without_end_is_read_once() -> None:
    unpack(leaky.mail(leaky.attached(endless(), "application/pdf")))


def test_a_bold_syllable_does_not_part_a_word() -> None:
    cda = leaky.cda(inner="<paragraph>un ca<content styleCode='Bold'>na</content>ri</paragraph>")
    made = leaky.mail(leaky.attached(leaky.xdm(cda=cda), "application/zip"))
    assert "canari" in texts(made)


def test_bytes_in_the_wrong_character_set_are_read_as_both() -> None:
    part = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n" + "détresse".encode()
    assert "détresse" in texts(leaky.mail(part))


def test_a_file_inside_an_element_is_read() -> None:
    held = base64.b64encode(("x" * 100 + " " + WORDS).encode()).decode()
    cda = leaky.cda(inner=f"<paragraph>{held}</paragraph>")
    made = leaky.mail(leaky.attached(leaky.xdm(cda=cda), "application/zip"))
    assert WORDS in texts(made)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["application/pdf", "application/zip", "text/xml"]))
def test_no_bytes_make_it_raise(data: bytes, kind: str) -> None:
    starts = {"application/pdf": b"%PDF-1.4\n1 0 obj\n<<", "application/zip": b"PK\x03\x04"}
    unpack(leaky.mail(leaky.attached(starts.get(kind, b"<a>") + data, kind)))
    unpack(data)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_change_of_a_pdf_makes_it_raise(data: st.DataObject) -> None:
    whole = bytearray(leaky.pdf(WORDS))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    unpack(leaky.mail(leaky.attached(bytes(whole), "application/pdf")))


def test_the_numbers_that_tell_one_pdf_from_another_are_no_words() -> None:
    title = "cjs8O3ijjAaKsuTYd5yZgg=="
    made = leaky.pdf("Bonjour.", title=title)
    told = texts(leaky.mail(leaky.text(), leaky.attached(made, "application/pdf", "a.pdf")))
    number = re.search(rb"/ID\s*\[\((.{24})\)", made)
    assert number is not None
    assert number[1].decode() not in told
    assert title in told  # but a title of that form is one


def test_of_an_archives_directory_the_words_are_read_and_the_sums_are_not() -> None:
    number = next(n for n in range(500) if _spells(zlib.crc32(b"%d" % n)))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        entry = zipfile.ZipInfo("A_FILE.TXT", (2026, 3, 9, 12, 33, 10))  # "%da" and a letter more
        entry.comment = b"said of the file"
        archive.writestr(entry, b"%d" % number)
        archive.comment = b"said of the archive"
    mime = leaky.mail(leaky.text(), leaky.attached(made.getvalue(), "application/zip"))
    told = [one.text for one in unpack(mime).pieces if one.place == "part 2 > comments"]
    assert told == ["said of the archive\nA_FILE.TXT\nsaid of the file"]


def _spells(crc: int) -> bool:
    return all(0x20 <= byte < 0x7F for byte in crc.to_bytes(4, "little"))


@pytest.mark.timeout(60)  # a square of this length would take an hour
@pytest.mark.parametrize("row", ["<a ", '<a "', "<!--", "<script>", "<style "])
def test_a_row_of_openings_ends(row: str) -> None:
    assert html_segments(row * 500_000)


def test_what_cannot_be_read_is_a_hit_of_the_search_in_open_letters_too() -> None:
    mime = (
        b"MIME-Version: 1.0\r\nContent-Type: application/zip\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nUEsDBGJyb2tlbg==\r\n"
    )
    assert unreadable(mime)
    rules = load(ROOT / "mappings/privacy")
    found = search(mime, rules, discreet=False, own=OwnTerms(), known=Known())
    assert UNREADABLE in {hit.rule_id for hit in found}
