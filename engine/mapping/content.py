"""OBX-5 of a document: Base64 undone, CDA and RTF opened; text, a PDF or the items of a summary.

The content is hostile until read: sizes are bounded, the first bytes must be those of the type
that is announced, and nothing is kept but plain text, the bytes of a PDF, or items read out of a
structured CDA. Nothing is run, and nothing is fetched.
"""

from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.mapping.cda_content import read_items
from engine.mapping.cda_marks import is_joint
from engine.mapping.rtf import rtf_text
from engine.model.fact import DocumentForm
from engine.model.text import clean_text
from engine.wire.cda import NAMESPACE, CdaHeader, header_of, open_cda
from engine.wire.encapsulated import ContentError, undo_base64
from engine.wire.hl7 import Segment

MOST_TEXT: Final = 200_000  # characters: some sixty pages
_TEXT_TYPES: Final = frozenset({"TX", "FT", "ST"})
_PLAIN: Final = frozenset({"text/", "text/plain", "text/text", "tx/", "/"})

__all__ = ["Content", "ContentError", "is_text", "read_encapsulated", "read_text"]


@dataclass(frozen=True, slots=True)
class Content:
    """What a document says, and the header of its CDA where it is one."""

    form: DocumentForm
    data: bytes
    header: CdaHeader | None = None
    joint: bool = False  # a letter of ours, of more than one part: no half answers for it all


def is_text(segment: Segment) -> bool:
    """An OBX that carries a line of a text."""
    return segment.value(2) in _TEXT_TYPES


def read_text(segments: list[Segment]) -> Content:
    """Join the lines of TX, FT and ST segments. Raises ContentError."""
    text = "\n".join(part for one in segments for part in _text_lines(one))
    return Content(DocumentForm.TEXT, _kept(text))


def _text_lines(segment: Segment) -> list[str]:
    return [one.whole() for one in segment.repetitions(5)] or [""]


def read_encapsulated(segment: Segment) -> Content:
    """Open the document of an OBX of type ED. Raises ContentError."""
    if segment.value(5, 4).lower() != "base64":
        raise ContentError("the encoding in component 4 is not Base64")
    data = undo_base64(segment.value(5, 5))
    kind = f"{segment.value(5, 2)}/{segment.value(5, 3)}".lower()
    if data.startswith(b"%PDF-"):
        return Content(DocumentForm.PDF, data)
    if kind.endswith("/pdf"):
        raise ContentError("it is announced as PDF and is none")
    if (
        kind.endswith("/xml")
        or data.lstrip()[:5] == b"<?xml"
        or b"<ClinicalDocument" in data[:2000]
    ):
        root = open_cda(data)
        return Content(*_of_cda(root), header_of(root), is_joint(root))
    if kind.endswith("/rtf") or data.startswith(b"{\\rtf"):
        return Content(DocumentForm.TEXT, _kept(rtf_text(data)))
    if kind in _PLAIN:
        return Content(DocumentForm.TEXT, _kept(_decode(data)))
    raise ContentError("the type in components 2 and 3 is none of text, RTF, PDF, CDA")


def _decode(data: bytes) -> str:
    # ISO 8859-15 gives a character to every byte: a picture would be read as a text.
    if any(byte < 0x20 and byte not in b"\t\n\r\f\v" for byte in data):
        raise ContentError("it is announced as text and holds binary data")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("iso-8859-15")  # the French default of PAM


def _kept(text: str) -> bytes:
    if len(text) > MOST_TEXT:
        raise ContentError("the text is longer than any letter")
    text = clean_text(text).strip()
    if not text:
        raise ContentError("the document is empty")
    return text.encode()


def _of_cda(root: etree._Element) -> tuple[DocumentForm, bytes]:
    body = root.find(f"{NAMESPACE}component/{NAMESPACE}nonXMLBody/{NAMESPACE}text")
    if body is not None:
        if body.get("representation", "B64") != "B64":
            raise ContentError("the body of the CDA is not Base64")
        inner = undo_base64(body.text or "")
        if inner.startswith(b"%PDF-"):
            return DocumentForm.PDF, inner
        if inner.startswith(b"{\\rtf"):
            return DocumentForm.TEXT, _kept(rtf_text(inner))
        if body.get("mediaType", "").startswith("text/plain"):
            return DocumentForm.TEXT, _kept(_decode(inner))
        raise ContentError("the body of the CDA is neither text nor PDF")
    items = read_items(root)
    written = items.model_dump_json(exclude_defaults=True)
    if written == "{}":
        raise ContentError("the document is empty")
    if len(written) > MOST_TEXT:
        raise ContentError("the text is longer than any letter")
    return DocumentForm.SUMMARY, written.encode()
