"""The XMP of a PDF/A-1 file: what it claims, and that the old information dictionary agrees.

Source  ISO 19005-1, 6.7 (metadata) and Table 1 of its Corrigendum 1.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from engine.verify.pdf_syntax import File, Stream
from engine.verify.report import Fault
from engine.verify.xml import Element, XmlError, parse

MOST_XMP: Final = 1024 * 1024
_PDFAID: Final = "{http://www.aiim.org/pdfa/ns/id/}"
_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC: Final = "{http://purl.org/dc/elements/1.1/}"
_PDF: Final = "{http://ns.adobe.com/pdf/1.3/}"
_XMP: Final = "{http://ns.adobe.com/xap/1.0/}"
_SAME: Final = (
    ("Title", _DC + "title"),
    ("Author", _DC + "creator"),
    ("Subject", _DC + "description"),
    ("Keywords", _PDF + "Keywords"),
    ("Producer", _PDF + "Producer"),
    ("Creator", _XMP + "CreatorTool"),
    ("CreationDate", _XMP + "CreateDate"),
    ("ModDate", _XMP + "ModifyDate"),
)


def judge_metadata(file: File, catalog: dict[str, Any]) -> Iterator[Fault]:
    """Part 1, level A or B; information that agrees."""
    stream = file.value(catalog.get("Metadata"))
    if not isinstance(stream, Stream):
        yield Fault("pdf-xmp", "catalog", "there is no XMP, which says that a file is PDF/A")
        return
    if "Filter" in stream.dictionary:
        yield Fault("pdf-xmp-filter", "XMP", "the XMP is compressed: archives read it as text")
    content = file.content(stream, MOST_XMP)
    try:
        root = parse(_trimmed(content or b""))
    except XmlError as error:
        yield Fault("pdf-xmp", "XMP", str(error))
        return
    if _property(root, _PDFAID + "part") != "1":
        yield Fault("pdf-part", "XMP", "pdfaid:part is not 1: the file does not claim PDF/A-1")
    elif _property(root, _PDFAID + "conformance") not in ("A", "B"):
        yield Fault("pdf-conformance", "XMP", "pdfaid:conformance is neither A nor B")
    yield from _agreement(root, file.dictionary(file.trailer.get("Info")), file)


def _trimmed(content: bytes) -> bytes:
    return content.strip(b"\0\t\r\n ")


def _property(root: Element, name: str) -> str | None:
    """A property, written as an element or as an attribute; of several values, the first."""
    for one in root.iter(_RDF + "Description"):
        if (value := one.get(name)) is not None:
            return value.strip()
        found = one.find(name)
        if found is not None:
            item = found.find(f".//{_RDF}li")
            return "".join((found if item is None else item).itertext()).strip()
    return None


def _agreement(root: Element, info: dict[str, Any], file: File) -> Iterator[Fault]:
    for key, name in _SAME:
        told = file.value(info.get(key))
        if not isinstance(told, bytes):
            continue
        old, new = _text(told).strip("\0 "), _property(root, name)
        if key.endswith("Date"):
            same = new is not None and _digits(old) == _digits(new)
        else:
            same = old == (new or "")
        if not same:
            yield Fault(
                "pdf-info", "information dictionary", f"{key} is not what the XMP says of it"
            )


def _digits(moment: str) -> str:
    """Year to second, without the zone, which the two forms write differently."""
    return re.sub(r"[^0-9]", "", re.split(r"[Z+]|(?<=\d\d:\d\d)-", moment.removeprefix("D:"))[0])[
        :14
    ]


def _text(told: bytes) -> str:
    """A text string: UTF-16 with its mark, or PDFDocEncoding, near enough Latin-1."""
    if told.startswith(b"\xfe\xff"):
        return told[2:].decode("utf-16-be", "replace")
    return told.decode("latin-1")
