"""OBX-5 of a document: Base64 undone, CDA opened, text or PDF given.

The content is hostile until read: sizes are bounded, XML is parsed without entities or network,
and nothing is kept but plain text or the bytes of a PDF.
"""

import base64
import binascii
import re
from typing import Final

from lxml import etree

from engine.model.fact import DocumentForm
from engine.wire.hl7 import Segment

MOST_BYTES: Final = 20 * 1024 * 1024
MOST_TEXT: Final = 200_000  # characters: some sixty pages
MOST_ELEMENTS: Final = 20_000
MOST_DEPTH: Final = 60
_CDA: Final = "{urn:hl7-org:v3}"
_TEXT_TYPES: Final = frozenset({"TX", "FT", "ST"})
_BLOCKS: Final = frozenset({"paragraph", "item", "tr", "caption", "title", "list", "table", "br"})


class ContentError(Exception):
    """The document cannot be taken; the text says why, in words that hold nothing of it."""


def is_document(segment: Segment) -> bool:
    """An OBX that carries a document, or a part of its text."""
    return segment.value(2) in _TEXT_TYPES or segment.value(2) == "ED"


def read_content(segments: list[Segment]) -> tuple[DocumentForm, bytes]:
    """Join the text of TX/FT/ST segments, or open the one ED. Raises ContentError."""
    encapsulated = [one for one in segments if one.value(2) == "ED"]
    if len(encapsulated) > 1:
        raise ContentError("more than one encapsulated document in one message")
    if encapsulated:
        return _encapsulated(encapsulated[0])
    text = "\n".join(part for one in segments for part in _text_lines(one))
    return DocumentForm.TEXT, _kept(text)


def _text_lines(segment: Segment) -> list[str]:
    return [one.whole() for one in segment.repetitions(5)] or [""]


def _encapsulated(segment: Segment) -> tuple[DocumentForm, bytes]:
    if segment.value(5, 4).lower() != "base64":
        raise ContentError("the encoding in component 4 is not Base64")
    data = _base64(segment.value(5, 5))
    kind = f"{segment.value(5, 2)}/{segment.value(5, 3)}".lower()
    if data.startswith(b"%PDF-"):
        return DocumentForm.PDF, data
    if kind.endswith("/pdf"):
        raise ContentError("it is announced as PDF and is none")
    if (
        kind.endswith("/xml")
        or data.lstrip()[:5] == b"<?xml"
        or b"<ClinicalDocument" in data[:2000]
    ):
        return _cda(data)
    if kind.endswith("/rtf") or data.startswith(b"{\\rtf"):
        raise ContentError("RTF is not read yet; the DPI must send text, PDF or CDA")
    if kind in ("text/", "text/plain", "text/text", "tx/", "/"):
        return DocumentForm.TEXT, _kept(_decode(data))
    raise ContentError("the type in components 2 and 3 is none of text, PDF, CDA")


def _base64(text: str) -> bytes:
    compact = re.sub(r"\s+", "", text)
    if len(compact) > MOST_BYTES * 4 // 3 + 4:
        raise ContentError("the document is larger than 20 MiB")
    try:
        # Padding is often left out; the alphabet is checked all the same.
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ContentError("the Base64 is broken") from None


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("iso-8859-15")  # the French default of PAM


def _kept(text: str) -> bytes:
    if len(text) > MOST_TEXT:
        raise ContentError("the text is longer than any letter")
    text = clean_text(text)
    if not text:
        raise ContentError("the document is empty")
    return text.encode()


def clean_text(text: str) -> str:
    """Line ends to ``\\n``; control characters gone."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(c for c in text if c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f")).strip()


def _cda(data: bytes) -> tuple[DocumentForm, bytes]:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        raise ContentError("the CDA is not well-formed XML") from None
    if root.getroottree().docinfo.doctype:
        raise ContentError("the CDA carries a DOCTYPE")
    if root.tag != _CDA + "ClinicalDocument":
        raise ContentError("the XML is no CDA R2 document")
    body = root.find(f"{_CDA}component/{_CDA}nonXMLBody/{_CDA}text")
    if body is not None:
        inner = _base64(body.text or "")
        if inner.startswith(b"%PDF-"):
            return DocumentForm.PDF, inner
        if body.get("mediaType", "").startswith("text/plain"):
            return DocumentForm.TEXT, _kept(_decode(inner))
        raise ContentError("the body of the CDA is neither text nor PDF")
    return DocumentForm.TEXT, _kept(_narrative(root))


def _narrative(root: etree._Element) -> str:
    """Titles and narrative of the sections, in order: the legal content of a structured CDA."""
    _bound(root)
    parts: list[str] = []
    for section in root.iter(_CDA + "section"):
        if any(above.tag == _CDA + "text" for above in section.iterancestors()):
            continue  # no section stands in a narrative; its words are read with it
        title, text = section.find(_CDA + "title"), section.find(_CDA + "text")
        lines: list[str] = []
        if title is not None:
            lines.append(" ".join("".join(_strings(title)).split()).upper())
        if text is not None:
            lines.extend(
                " ".join(line.split()).removesuffix(" ;")
                for line in "".join(_strings(text)).split("\n")
            )
        parts.append("\n".join(line for line in lines if line))
    return "\n\n".join(part for part in parts if part)


def _bound(root: etree._Element) -> None:
    """Refuse what no letter is: reading it would hold everybody up."""
    depth = most = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        most, count = max(most, depth), count + 1
        if most > MOST_DEPTH or count > 2 * MOST_ELEMENTS:
            raise ContentError("the CDA has more elements, or nests them deeper, than any letter")


def _strings(element: etree._Element) -> list[str]:
    """Text in document order; a block ends its line, a cell is parted from the next."""
    found = [element.text or ""]
    for child in element:
        if not isinstance(child.tag, str):
            found.append(child.tail or "")
            continue
        name = etree.QName(child).localname
        found.extend(_strings(child))
        if name in _BLOCKS:
            found.append("\n")
        elif name in ("td", "th"):
            found.append(" ; ")
        found.append(child.tail or "")
    return found
