"""What OBX-5 may hold, and what hostile content gets."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.content import ContentError, clean_text, read_content
from engine.model.fact import DocumentForm
from engine.wire.hl7 import Segment, read

CDA = (
    '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><component>{}</component>'
    "</ClinicalDocument>"
)


def encapsulated(data: bytes, kind: str = "text", subtype: str = "XML") -> list[Segment]:
    text = base64.b64encode(data).decode()
    return obx(f"OBX|1|ED|11490-0||^{kind}^{subtype}^Base64^{text}")


def obx(*lines: str) -> list[Segment]:
    message = read(("\r".join(["MSH|^~\\&|A|B|C|D|1||MDM^T02|1|P|2.6", *lines]) + "\r").encode())
    return list(message.all("OBX"))


def test_text_segments_are_joined_line_by_line() -> None:
    form, data = read_content(
        obx("OBX|1|TX|c||Première ligne", "OBX|2|TX|c||", "OBX|3|TX|c||A \\T\\ B")
    )
    assert form is DocumentForm.TEXT
    assert data.decode() == "Première ligne\n\nA & B"


def test_a_pdf_is_known_by_its_first_bytes() -> None:
    assert read_content(encapsulated(b"%PDF-1.4 x", "AP", "PDF")) == (
        DocumentForm.PDF,
        b"%PDF-1.4 x",
    )


def test_a_cda_level_1_gives_the_pdf_or_the_text_in_it() -> None:
    inner = base64.b64encode(b"%PDF-1.4 x").decode()
    text = f'<text mediaType="application/pdf" representation="B64">{inner}</text>'
    body = f"<nonXMLBody>{text}</nonXMLBody>"
    assert read_content(encapsulated(CDA.format(body).encode()))[0] is DocumentForm.PDF


def test_a_structured_cda_gives_its_narrative() -> None:
    section = (
        "<structuredBody><component><section><title>Traitements</title><text><table><tbody>"
        "<tr><td>MÉTHADONE</td><td>40 mg</td></tr><tr><td>Naloxone</td><td>remis</td></tr>"
        "</tbody></table></text></section></component></structuredBody>"
    )
    _, data = read_content(encapsulated(CDA.format(section).encode()))
    assert data.decode().splitlines() == [
        "TRAITEMENTS",
        "MÉTHADONE ; 40 mg",
        "Naloxone ; remis",
    ]


@pytest.mark.parametrize(
    ("data", "kind", "why"),
    [
        (b"<a>", ("text", "XML"), "not well-formed"),
        (b"<?xml version='1.0'?><a/>", ("text", "XML"), "no CDA"),
        (b"not a pdf", ("AP", "PDF"), "announced as PDF"),
        (b"{\\rtf1 x}", ("text", "RTF"), "RTF"),
        (b"\x00\x01", ("image", "JPEG"), "none of text, PDF, CDA"),
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
        read_content(encapsulated(data, *kind))


@pytest.mark.parametrize("text", ["%%%", "AAAA=AAA", "é"])
def test_broken_base64_is_refused(text: str) -> None:
    with pytest.raises(ContentError, match="Base64"):
        read_content(obx(f"OBX|1|ED|c||^AP^PDF^Base64^{text}"))


def test_unpadded_base64_is_read() -> None:
    text = base64.b64encode(b"%PDF-1.4 xy").decode().rstrip("=")
    assert read_content(obx(f"OBX|1|ED|c||^AP^PDF^Base64^{text}"))[1] == b"%PDF-1.4 xy"


@given(st.text())
def test_kept_text_never_holds_a_control_character(text: str) -> None:
    assert not any(c != "\n" and (c < " " or "\x7f" <= c <= "\x9f") for c in clean_text(text))


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
        read_content(encapsulated(cda.encode()))


def test_a_text_longer_than_any_letter_is_refused() -> None:
    with pytest.raises(ContentError, match="longer"):
        read_content(obx("OBX|1|TX|c||" + "x" * 300_000))
