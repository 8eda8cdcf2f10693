"""PDF/A-1, as far as it can be told without drawing a page.

Source  ISO 19005-1:2005 and its corrigenda; the numbers in the code are its sections. Not judged:
colour operators inside page contents, glyph widths, the programs of fonts.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from engine.verify.pdf_metadata import judge_metadata
from engine.verify.pdf_syntax import File, Name, PdfError, Stream
from engine.verify.report import Fault, Weight, bounded

MOST_BYTES: Final = 40 * 1024 * 1024
_HEADER: Final = re.compile(rb"%PDF-1\.[0-9][\r\n]+%[^\r\n]*[\x80-\xff]{4}")

# A structure element of the plainest form (its kind, parent, words, attributes, kids, page), and a
# row of references: half of a tagged letter, in which nothing else can be said. Possessive (++):
# "12" may be one number or two, and a hundred of them must not be tried in every way.
_STRUCTURE: Final = re.compile(
    rb"[0-9]{1,10} 0 obj\s*(?:<</Type/StructElem/S/[A-Za-z0-9]+/P [0-9]+ 0 R"
    rb"(?:/A\[<</O(?:/[A-Za-z]++(?:\[[-0-9. ]*+\]| -?[0-9.]++)?+)*+>>\]"
    rb"|/(?:T|ID|Alt|ActualText|Lang)(?:\((?:[^()\\]|\\.)*+\)|<[0-9A-F]*+>))*+"
    rb"(?:/K\[(?:[0-9]++(?: [0-9]++ R)?+ ?+)*+\])?+(?:/Pg [0-9]+ 0 R)?>>"
    rb"|\[(?:[0-9]++ 0 R ?+)*+\])\s*+endobj"
)

# 6.6.1: no action but these.
_ACTIONS: Final = frozenset({"GoTo", "GoToR", "Thread", "URI", "Named", "SubmitForm"})
# 6.5.2
_ANNOTATIONS: Final = frozenset(
    {
        "Text", "Link", "FreeText", "Line", "Square", "Circle", "Highlight", "Underline",
        "Squiggly", "StrikeOut", "Stamp", "Ink", "Popup", "Widget", "PrinterMark", "TrapNet",
    }
)  # fmt: skip
_FONTS: Final = frozenset({"Type1", "MMType1", "TrueType", "CIDFontType0", "CIDFontType2"})
# Keys that no dictionary of this Type, or of any, may have; the sentence says why.
_FORBIDDEN: Final = {
    "EF": ("pdf-embedded", "a file is embedded (6.1.11)"),
    "EmbeddedFiles": ("pdf-embedded", "a file is embedded (6.1.11)"),
    "JavaScript": ("pdf-script", "there is a script (6.6.1)"),
    "JS": ("pdf-script", "there is a script (6.6.1)"),
    "AA": ("pdf-trigger", "something is to happen by itself (6.6.2)"),
    "OCProperties": ("pdf-layers", "there are layers that can be hidden (6.1.13)"),
    "Alternates": ("pdf-image", "a picture has alternates (6.2.4)"),
    "OPI": ("pdf-image", "a picture is to be fetched elsewhere (6.2.4)"),
    "XFA": ("pdf-form", "there is an XFA form (6.9)"),
}
_SEEN_AT_ONCE: Final = frozenset(
    {*_FORBIDDEN, "S", "SMask", "CA", "ca", "BM", "Interpolate", "Subtype", "Encrypt", "TR",
     "TR2", "NeedAppearances", "Type"}
)  # fmt: skip


def judge(data: bytes) -> Iterator[Fault]:
    """Every rule of PDF/A-1 that a file breaks, as far as it can be read."""
    return bounded(_judge(data))


def _judge(data: bytes) -> Iterator[Fault]:
    if len(data) > MOST_BYTES:
        yield Fault("pdf-size", "", f"larger than {MOST_BYTES // 1024 // 1024} MB")
        return
    if not _HEADER.match(data):
        yield Fault(
            "pdf-header",
            "byte 0",
            "%PDF-1.n and a comment of four high bytes begin a PDF/A (6.1.2)",
        )
    if not re.fullmatch(rb"%%EOF\r?\n?", data[-7:].lstrip(b"\r\n0123456789")):
        yield Fault("pdf-end", "end of file", "something follows %%EOF (6.1.3)")
    try:
        file = File(data)
        yield from _file(file)
    except PdfError as error:
        yield Fault(error.rule, "", str(error))


def _file(file: File) -> Iterator[Fault]:
    trailer = file.trailer
    if "Encrypt" in trailer:
        yield Fault("pdf-encrypted", "trailer", "the file is encrypted (6.1.3)")
        return
    if "ID" not in trailer:
        yield Fault("pdf-id", "trailer", "the file has no identifier (6.1.3)")
    catalog = file.dictionary(trailer.get("Root"))
    if catalog.get("Type") != "Catalog":
        yield Fault("pdf-catalog", "trailer", "the file has no catalog")
        return
    yield from judge_metadata(file, catalog)
    yield from _intent(file, catalog)
    if not isinstance(file.value(catalog.get("Lang")), bytes):
        yield Fault(
            "pdf-lang", "catalog", "the language is not told: a voice reads it badly", Weight.OURS
        )
    if not isinstance(file.value(catalog.get("StructTreeRoot")), dict):
        yield Fault(
            "pdf-tags", "catalog", "the file is not tagged: a voice reads it badly", Weight.OURS
        )
    pages = 0
    for number in file.numbers():
        if _STRUCTURE.match(file.data, file.offsets[number]):
            continue
        value = file.object(number)
        here = f"object {number}"
        if isinstance(value, Stream):
            yield from _stream(value, here)
            value = value.dictionary
        if isinstance(value, dict) and value.get("Type") == "Page":
            pages += 1
        for one in _dictionaries(value):
            if not _SEEN_AT_ONCE.isdisjoint(one):
                yield from _dictionary(file, one, here)
    if not pages:
        yield Fault("pdf-pages", "catalog", "the file has no page")


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """The dictionaries inside a value, itself included; references are not followed."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _intent(file: File, catalog: dict[str, Any]) -> Iterator[Fault]:
    """6.2.2: what the colours mean."""
    intents = file.value(catalog.get("OutputIntents"))
    for held in intents if isinstance(intents, list) else ():
        one = file.dictionary(held)
        if one.get("S") != "GTS_PDFA1":
            continue
        profile = file.value(one.get("DestOutputProfile"))
        content = file.content(profile, 128) if isinstance(profile, Stream) else None
        if content is None or content[36:40] != b"acsp":
            yield Fault("pdf-intent", "output intent", "its profile is not an ICC profile (6.2.2)")
        return
    yield Fault("pdf-intent", "catalog", "no output intent GTS_PDFA1 says what its colours mean")


def _stream(stream: Stream, here: str) -> Iterator[Fault]:
    entries = stream.dictionary
    if stream.length < 0:
        yield Fault("pdf-stream", here, "a stream is longer or shorter than it says (6.1.7)")
    if not {"F", "FFilter", "FDecodeParms"}.isdisjoint(entries):
        yield Fault("pdf-stream-file", here, "a stream lies in another file (6.1.7)")
    filters = entries.get("Filter")
    named = filters if isinstance(filters, list) else [filters]
    if "LZWDecode" in named or "LZW" in named:
        yield Fault("pdf-lzw", here, "a stream is packed with LZW (6.1.10)")
    if "Crypt" in named:
        yield Fault("pdf-encrypted", here, "a stream is encrypted (6.1.10)")
    kind = entries.get("Type")
    if kind in ("ObjStm", "XRef"):
        yield Fault("pdf-object-stream", here, "objects lie in a stream (PDF 1.5); PDF/A-1 is 1.4")
    if entries.get("Subtype") == "PS" or entries.get("Subtype2") == "PS" or "PS" in entries:
        yield Fault("pdf-postscript", here, "there is PostScript (6.2.5, 6.2.7)")
    if entries.get("Subtype") == "Form" and "Ref" in entries:
        yield Fault("pdf-reference", here, "a drawing lies in another file (6.2.6)")


def _dictionary(file: File, one: dict[str, Any], here: str) -> Iterator[Fault]:
    for key in _FORBIDDEN.keys() & one.keys():
        rule, sentence = _FORBIDDEN[key]
        yield Fault(rule, here, sentence)
    yield from _transparency(file, one, here)
    if file.value(one.get("Interpolate")) is True:
        yield Fault("pdf-interpolate", here, "a picture is to be smoothed (6.2.4)")
    transfers = "TR" in one or one.get("TR2", "Default") != "Default"
    if transfers and one.get("Type", "ExtGState") == "ExtGState":
        yield Fault("pdf-transfer", here, "a transfer function changes the colours (6.2.8)")
    if file.value(one.get("NeedAppearances")) is True:
        yield Fault("pdf-form", here, "fields are drawn by the reader (6.9)")
    kind, subtype = one.get("Type"), file.value(one.get("Subtype"))
    acts = kind == "Action" or not {"URI", "JS", "Next"}.isdisjoint(one)
    action = file.value(one.get("S")) if acts else None
    if isinstance(action, Name) and action not in _ACTIONS:
        yield Fault("pdf-action", here, "an action that an archive must not do (6.6.1)")
    if (kind == "Annot" or ("Rect" in one and subtype is not None)) and "FontBBox" not in one:
        yield from _annotation(file, one, here)
    if kind == "Font" and subtype in _FONTS:
        descriptor = file.dictionary(one.get("FontDescriptor"))
        if {"FontFile", "FontFile2", "FontFile3"}.isdisjoint(descriptor):
            yield Fault("pdf-font", here, "a font is not embedded (6.3.4)")


def _transparency(file: File, one: dict[str, Any], here: str) -> Iterator[Fault]:
    """6.4. A StructElem has an S and no colour; a group is told by its own dictionary."""
    mask = file.value(one.get("SMask")) if "SMask" in one else None
    solid = all(
        file.value(one.get(key, 1)) == 1 for key in ("CA", "ca") if one.get("Subtype") is None
    )
    if (
        (mask is not None and mask != "None")
        or one.get("S") == "Transparency"
        or not solid
        or file.value(one.get("BM", "Normal")) not in ("Normal", "Compatible")
    ):
        yield Fault("pdf-transparency", here, "something is transparent (6.4)")


def _annotation(file: File, one: dict[str, Any], here: str) -> Iterator[Fault]:
    """6.5"""
    if file.value(one.get("Subtype")) not in _ANNOTATIONS:
        yield Fault(
            "pdf-annotation", here, "a note of a kind that an archive must not hold (6.5.2)"
        )
        return
    flags = file.value(one.get("F"))
    # Print (4) set; Invisible (1), Hidden (2) and NoView (32) clear.
    if not isinstance(flags, int) or not flags & 4 or flags & (1 | 2 | 32):
        yield Fault("pdf-annotation-flags", here, "a note is hidden, or is not printed (6.5.3)")
    if file.value(one.get("CA", 1)) != 1:
        yield Fault("pdf-transparency", here, "something is transparent (6.4)")
