"""CDA R2 of the French kind: header, level 1, and the exit letter at level 3.

Mirrors what testContenuCDA 3.0 enforces of these documents, and adds what it lets through. A
level 3 document of another model gets the rules of the header, and of entries that it shares.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from engine.verify import pdf
from engine.verify.cda_body import (
    judge_codes,
    judge_periods,
    judge_references,
    judge_sections,
    templates,
)
from engine.verify.cda_codes import FORMATS, LDL_SES, MEDIA
from engine.verify.cda_entries import ENTRIES
from engine.verify.cda_header import DOCUMENT, EVENTS, PATIENT
from engine.verify.cda_models import MODELS
from engine.verify.cda_people import PEOPLE_RULES
from engine.verify.report import Fault, Weight, bounded
from engine.verify.rules import V3, Book
from engine.verify.xml import Element, place_of

ROOT: Final = f"{{{V3}}}ClinicalDocument"
_C: Final = f"{{{V3}}}"
_HEADER: Final = Book((*DOCUMENT, *PATIENT, *EVENTS, *PEOPLE_RULES))
_ENTRIES: Final = Book(ENTRIES)
_SCHEMA: Final = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"

RULES: Final = (*_HEADER.rules, *_ENTRIES.rules)


def judge(root: Element, file: bytes | None = None) -> Iterator[Fault]:
    """Every rule that a document breaks. ``root`` is of an opened file; ``file`` is what
    `level_1_file` gives of it, where that is known already."""
    return bounded(_judge(root, file))


def _judge(root: Element, file: bytes | None) -> Iterator[Fault]:
    if root.tag != ROOT:
        yield Fault(
            "doc-root", place_of(root), "the root is not ClinicalDocument of urn:hl7-org:v3"
        )
        return
    yield from _wrapping(root)
    yield from _HEADER.judge(root)
    yield from judge_periods(root)
    yield from judge_codes(root)
    if (body := level_1_text(root)) is not None:
        yield from MODELS.judge(root)
        yield from _level_1(body, file)
        return
    if LDL_SES in templates(root):
        yield from MODELS.judge(root)
        yield from judge_references(root)
        yield from _ENTRIES.judge(root)
        yield from judge_sections(root)
    else:  # the body is of a model that is not known here: advice
        yield from (_of_header(one) for one in MODELS.judge(root))
        yield from (replace(one, weight=Weight.ADVICE) for one in judge_references(root))
    for media in root.iter(_C + "observationMedia"):
        value = media.find(_C + "value")
        if value is not None and value.get("mediaType") == "application/pdf":
            yield from _pdf(value)


def _of_header(fault: Fault) -> Fault:
    inside = "/structuredBody/" in fault.place
    return replace(fault, weight=Weight.ADVICE) if inside else fault


def said_of(root: Element) -> str:
    """What a document is, in words: its level and its model."""
    if root.tag != ROOT:
        return "XML"
    found = templates(root)
    if level_1_text(root) is not None:
        return "CDA R2, level 1"
    if LDL_SES in found:
        return "CDA R2, level 3, exit letter (LDL-SES)"
    known = found & FORMATS.keys()
    return "CDA R2, level 3" + (f", model {known.pop()}" if known else ", a model unknown here")


def level_1_text(root: Element) -> Element | None:
    """The element that holds the file of a level 1 document."""
    return root.find(f"{_C}component/{_C}nonXMLBody/{_C}text")


def level_1_file(root: Element) -> bytes | None:
    """The file inside a level 1 document, or None."""
    text = level_1_text(root)
    return None if text is None else _decoded(text)


def _wrapping(root: Element) -> Iterator[Fault]:
    if root.get(_SCHEMA) is not None:
        yield Fault(
            "doc-schema-location",
            "ClinicalDocument",
            "no xsi:schemaLocation is wanted",
            Weight.OURS,
        )
    before = root.getprevious()
    while before is not None:
        if before.tag not in (None,) and getattr(before, "target", "") == "xml-stylesheet":
            yield Fault(
                "doc-stylesheet", "ClinicalDocument", "no xml-stylesheet is wanted", Weight.OURS
            )
        before = before.getprevious()
    if (root.getroottree().docinfo.encoding or "UTF-8").upper() != "UTF-8":
        yield Fault("doc-encoding", "ClinicalDocument", "the encoding is UTF-8")


def _level_1(text: Element, file: bytes | None) -> Iterator[Fault]:
    here, media = place_of(text), text.get("mediaType", "")
    if media not in MEDIA:
        yield Fault("body-media", here, "the media type is application/pdf, or another of level 1")
        return
    if text.get("representation") != "B64":
        yield Fault("body-representation", here, "the representation is B64")
        return
    if media == "application/pdf":
        yield from _pdf(text, file)
    elif not _decoded(text):
        yield Fault("body-base64", here, "the body is empty, or is not Base64")


def _pdf(holder: Element, file: bytes | None = None) -> Iterator[Fault]:
    here, content = place_of(holder), _decoded(holder) if file is None else file
    if not content:
        yield Fault("body-base64", here, "the body is empty, or is not Base64")
        return
    if not content.startswith(b"%PDF-"):
        yield Fault("body-pdf", here, "announced as a PDF, and is none")
        return
    for fault in pdf.judge(content):
        yield fault.within(f"{here} > PDF")


def _decoded(holder: Element) -> bytes | None:
    if len(holder):
        return None
    try:
        return base64.b64decode("".join((holder.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return None
