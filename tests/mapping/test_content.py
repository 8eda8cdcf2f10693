"""What OBX-5 may hold, and what hostile content gets."""

import base64
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.content import (
    Content,
    ContentError,
    read_encapsulated,
    read_text,
)
from engine.model.fact import DocumentForm
from engine.model.summary import Items
from engine.wire.hl7 import Segment, read
from tests.support.documents import N3, Cda

CDA = (
    '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><component>{}</component>'
    "</ClinicalDocument>"
)


def opened(data: bytes, kind: str = "text", subtype: str = "XML") -> Content:
    text = base64.b64encode(data).decode()
    return read_encapsulated(obx(f"OBX|1|ED|11490-0||^{kind}^{subtype}^Base64^{text}")[0])


def obx(*lines: str) -> list[Segment]:
    message = read(("\r".join(["MSH|^~\\&|A|B|C|D|1||MDM^T02|1|P|2.6", *lines]) + "\r").encode())
    return list(message.all("OBX"))


def test_text_segments_are_joined_line_by_line() -> None:
    content = read_text(obx("OBX|1|TX|c||Première ligne", "OBX|2|TX|c||", "OBX|3|TX|c||A \\T\\ B"))
    assert content.form is DocumentForm.TEXT
    assert content.data.decode() == "Première ligne\n\nA & B"


def test_a_pdf_is_known_by_its_first_bytes() -> None:
    assert opened(b"%PDF-1.4 x", "AP", "PDF") == Content(DocumentForm.PDF, b"%PDF-1.4 x")


def level_1(data: bytes, media: str = "application/pdf", as_: str = "B64") -> bytes:
    inner = base64.b64encode(data).decode()
    text = f'<text mediaType="{media}" representation="{as_}">{inner}</text>'
    return CDA.format(f"<nonXMLBody>{text}</nonXMLBody>").encode()


def test_a_cda_level_1_gives_the_pdf_or_the_text_in_it() -> None:
    assert opened(level_1(b"%PDF-1.4 x")).form is DocumentForm.PDF
    assert opened(level_1("Été".encode(), "text/plain")).data == "Été".encode()
    assert opened(level_1(b"{\\rtf1 \\'c9t\\'e9}", "text/rtf")).data == "Été".encode()
    with pytest.raises(ContentError, match="neither text nor PDF"):
        opened(level_1(b"\x89PNG", "image/png"))
    with pytest.raises(ContentError, match="not Base64"):
        opened(level_1(b"%PDF-1.4 x", as_="TXT"))


def test_a_structured_cda_gives_its_items_and_loses_no_word() -> None:
    content = opened(Cda(N3, structured=True).bytes())
    assert content.form is DocumentForm.SUMMARY
    items = Items.model_validate_json(content.data)
    assert items.reason == "Suivi d'un asthme ancien."
    (rest,) = items.narratives
    assert (rest.heading, rest.text) == ("Consignes de l'unité", "SALBUTAMOL ; à la demande")
    assert content.data == items.model_dump_json(exclude_defaults=True).encode()
    assert content.header is not None
    assert content.header.document == N3


def test_a_structured_cda_that_says_nothing_is_empty() -> None:
    with pytest.raises(ContentError, match="empty"):
        opened(CDA.format("<structuredBody/>").encode())


@pytest.mark.parametrize(
    ("data", "kind", "why"),
    [
        (b"<a>", ("text", "XML"), "not well-formed"),
        (b"<?xml version='1.0'?><a/>", ("text", "XML"), "no CDA"),
        (b"not a pdf", ("AP", "PDF"), "announced as PDF"),
        (b"%!PS", ("text", "RTF"), "announced as RTF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ("text", "plain"), "binary"),
        (b"{\\rtf1 x", ("text", "RTF"), "cut off"),
        (b"\x00\x01", ("image", "JPEG"), "none of text, RTF, PDF, CDA"),
        (
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>',
            ("text", "XML"),
            "DOCTYPE",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(
    data: bytes, kind: tuple[str, str], why: str
) -> None:
    with pytest.raises(ContentError, match=why):
        opened(data, *kind)


@pytest.mark.parametrize("text", ["%%%", "AAAA=AAA", "é"])
def test_broken_base64_is_refused(text: str) -> None:
    with pytest.raises(ContentError, match="Base64"):
        read_encapsulated(obx(f"OBX|1|ED|c||^AP^PDF^Base64^{text}")[0])


def test_unpadded_base64_is_read() -> None:
    text = base64.b64encode(b"%PDF-1.4 xy").decode().rstrip("=")
    segment = obx(f"OBX|1|ED|c||^AP^PDF^Base64^{text}")[0]
    assert read_encapsulated(segment).data == b"%PDF-1.4 xy"


def plain_text(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return read_encapsulated(obx(f"OBX|1|ED|c||^text^PLAIN^Base64^{text}")[0]).data.decode()


@pytest.mark.parametrize("end", ["\x0c", "\x0b", "\r\n", "\r"])
def test_the_end_of_a_page_or_of_a_column_never_joins_two_words(end: str) -> None:
    assert plain_text(f"fin{end}début".encode()) == "fin\ndébut"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_kept_text_never_holds_a_character_that_no_letter_may_hold(text: str) -> None:
    try:
        kept = plain_text(text.encode())
    except ContentError:
        return
    assert not any(c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn") for c in kept)


@pytest.mark.parametrize(
    "body",
    [
        "<section><text>" * 200 + "x" + "</text></section>" * 200,
        "<section><text>" + "<br/>" * 50_000 + "</text></section>",
        "<section><text>" + "x" * 300_000 + "</text></section>",
    ],
    ids=["deep", "many", "long"],
)
def test_what_no_letter_is_is_refused_before_it_holds_anybody_up(body: str) -> None:
    cda = CDA.format(f"<structuredBody><component>{body}</component></structuredBody>")
    with pytest.raises(ContentError):
        opened(cda.encode())


def test_a_text_longer_than_any_letter_is_refused() -> None:
    with pytest.raises(ContentError, match="longer"):
        read_text(obx("OBX|1|TX|c||" + "x" * 300_000))
