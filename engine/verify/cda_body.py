"""A CDA body: the sections of an exit letter, the words that entries point at, periods, labels.

Source  LDL-SES 2022.01; and what the national kit lets through: entries of the summary that are
missing or given twice, value sets, references that point nowhere, codes with another's label.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Final

from engine.verify.cda_codes import (
    ENTRY_MODES,
    EXIT_MODES,
    LABELS,
    LOINC,
    MEDICINES,
    SECTIONS,
    SIMPLE,
    SUMMARY,
)
from engine.verify.report import Fault, Weight
from engine.verify.rules import V3, is_moment, is_oid, is_uuid, path
from engine.verify.xml import XSI_TYPE, Element, place_of, tag_of

_C: Final = f"{{{V3}}}"
_SECTIONS: Final = path("c:component/c:structuredBody//c:section")
_REFERENCES: Final = path("//c:text/c:reference | //c:originalText/c:reference")
_EVENTS: Final = (_C + "serviceEvent", _C + "encompassingEncounter")
_CODED: Final = path("//*[@codeSystem or @code]")
_ID: Final = re.compile(r"[^\W\d][\w.-]*")
_TRANSLATIONS: Final = path("//c:manufacturedMaterial/c:code//c:translation")
_MATERIALS: Final = path("//c:manufacturedMaterial/c:code[@code]")
_TREATMENTS: Final = "1.2.250.1.213.1.1.3.42"
_LIST: Final = "1.2.250.1.213.1.1.3.40"
# Entries that a section of this code takes, by their template.
_ONLY: Final = {
    "10183-2": ("substanceAdministration", _TREATMENTS, "a treatment"),
    "18610-6": ("substanceAdministration", _TREATMENTS, "a treatment"),
    "48765-2": ("act", _LIST, "a list of allergies"),
    "33557-0": ("observation", SIMPLE + ".16", "the status"),
}


def templates(element: Element) -> set[str]:
    """The roots of the templates that an element announces."""
    return {one.get("root", "") for one in element.findall(_C + "templateId")}


def judge_sections(root: Element) -> Iterator[Fault]:
    """The sections of an exit letter: present, once, with what each must hold."""
    counts: Counter[str] = Counter()
    for section in _SECTIONS(root):
        code = section.find(_C + "code")
        told = code.get("code", "") if code is not None else ""
        counts[told] += 1
        if counts[told] == 2 and told in SECTIONS:
            yield Fault("section-twice", place_of(section), "this section is given twice")
        yield from _section(section, code, told)
        known = SECTIONS.get(told)
        if known is None:
            continue
        if not templates(section).issuperset(known.templates):
            yield Fault(
                "section-templates",
                place_of(section),
                f"the section {told} announces {', '.join(known.templates)}",
            )
        entries = section.findall(_C + "entry")
        if known.entries == "none" and entries:
            yield Fault("section-no-entry", place_of(section), "this section takes no entry")
        if known.entries == "some" and not entries:
            yield Fault("section-entry", place_of(section), "this section has no entry")
        yield from _only(told, entries)
        if told == "42545-4":
            yield from _summary(section)
        if told == "33557-0" and len(entries) > 1:
            yield Fault("status-once", place_of(section), "a document has one status")
    for code_, known in SECTIONS.items():
        if known.required and not counts[code_]:
            yield Fault(
                "section-missing",
                "ClinicalDocument/component/structuredBody",
                f"the section {code_} ({known.name}) is missing",
            )


def _section(section: Element, code: Element | None, told: str) -> Iterator[Fault]:
    if code is not None and (code.get("codeSystem") != LOINC or not told):
        yield Fault("section-code", place_of(section), "a section has a code of LOINC")
    id_ = section.find(_C + "id")
    if id_ is None:
        yield Fault("section-id", place_of(section), "a section has an identifier", Weight.OURS)
    elif not (is_uuid(id_.get("root", "")) or is_oid(id_.get("root", ""))):
        yield Fault(
            "section-id-form", place_of(section), "the identifier is a UUID in capitals, or an OID"
        )
    title, text = section.find(_C + "title"), section.find(_C + "text")
    if title is not None and not _words(title):
        yield Fault("section-title", place_of(section), "the section has no title")
    if text is not None and not _words(text) and text.find(f".//{_C}renderMultiMedia") is None:
        yield Fault(
            "section-text", place_of(section), "the section says nothing: its words are the content"
        )
    if told == "55108-5" and title is not None and _words(title) != "Copie du document":
        yield Fault(
            "section-copy", place_of(section), "the title of this section is: Copie du document"
        )


def _words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _only(told: str, entries: list[Element]) -> Iterator[Fault]:
    wanted = _ONLY.get(told)
    if wanted is None:
        return
    name, template, words = wanted
    for entry in entries:
        held = entry.find(_C + name)
        if held is None or template not in templates(held):
            yield Fault(
                "section-entries", place_of(entry), f"this section takes {words} ({template}) alone"
            )


def _summary(section: Element) -> Iterator[Fault]:
    """The kit does not count these entries: without the mode of exit a document passes it."""
    found: Counter[str] = Counter()
    for one in section.iterfind(f"{_C}entry/{_C}observation"):
        roots = templates(one)
        suffix = next((key for key in SUMMARY if f"{SIMPLE}.{key}" in roots), None)
        if suffix is None:
            continue
        known = SUMMARY[suffix]
        found[suffix] += 1
        if found[suffix] == 2:
            yield Fault("summary-twice", place_of(one), f"{known.name} is given twice")
        code = one.find(_C + "code")
        if code is not None and code.get("code") != known.code:
            yield Fault("summary-code", place_of(code), f"the code of {known.name} is {known.code}")
        value = one.find(_C + "value")
        if value is not None:
            yield from _summary_value(value, suffix)
    for suffix, known in SUMMARY.items():
        if known.required and not found[suffix]:
            yield Fault(
                "summary-missing", place_of(section), f"{known.name} ({known.code}) is missing"
            )


def _summary_value(value: Element, suffix: str) -> Iterator[Fault]:
    known = SUMMARY[suffix]
    kind = (value.get(XSI_TYPE) or known.type).rpartition(":")[2]
    if kind != known.type:
        yield Fault(
            "summary-type", place_of(value), f"the value of {known.name} is of type {known.type}"
        )
    elif known.type == "BL":
        if value.get("value") not in ("true", "false") and not value.get("nullFlavor"):
            yield Fault("summary-bool", place_of(value), "the value is true, false, or null")
    elif known.type == "ST":
        if not _words(value) and not value.get("nullFlavor"):
            yield Fault("summary-text", place_of(value), f"{known.name} is empty")
    else:
        pair = (value.get("codeSystem", ""), value.get("code", ""))
        if pair not in (ENTRY_MODES if suffix == "6" else EXIT_MODES):
            yield Fault("summary-mode", place_of(value), f"{known.name} is not of its value set")


def judge_references(root: Element) -> Iterator[Fault]:
    """Narrative IDs are unique, and every entry points at one: the kit ignores the target."""
    ids = Counter(value for one in root.iter(_C + "*") if (value := one.get("ID")) is not None)
    for one in root.iter(_C + "*"):
        if (value := one.get("ID")) is not None and ids[value] > 1:
            ids[value] = 1  # told once
            yield Fault("narrative-id", place_of(one), "this ID is given to two pieces of text")
        if value is not None and not _ID.fullmatch(value):
            yield Fault("narrative-id-form", place_of(one), "an ID begins with a letter")
    for reference in _REFERENCES(root):
        value = reference.get("value", "")
        if not value.startswith("#"):
            yield Fault("reference-form", place_of(reference), "a reference begins with #")
        elif value[1:] not in ids:
            yield Fault("reference-target", place_of(reference), "it points at words that are not")


def judge_periods(root: Element) -> Iterator[Fault]:
    """Both ends exist, and no period ends before it begins."""
    for period in root.iter(_C + "effectiveTime"):
        holder = period.getparent()
        # The header's rules look at these ends themselves.
        told = holder is not None and tag_of(holder) in _EVENTS
        ends = [one.get("value") for one in (period.find(_C + "low"), period.find(_C + "high"))
                if one is not None]  # fmt: skip
        values = [value for value in ends if value is not None]
        if not all(is_moment(value) for value in values):
            if not told:
                yield Fault("period-date", place_of(period), "not a date that exists")
        elif len(values) == 2 and not in_order(values[0], values[1]):
            yield Fault("period-order", place_of(period), "the period ends before it begins")


def in_order(low: str, high: str) -> bool:
    """Whether one moment is not after another; as far as both are told."""
    first, second = instant(low), instant(high)
    if first is not None and second is not None:
        return first <= second
    digits = min(len(re.split(r"[+.-]", one)[0]) for one in (low, high))
    return low[:digits] <= high[:digits]


def instant(text: str) -> datetime | None:
    """The moment of a TS that has an hour and an offset; None of another."""
    found = re.fullmatch(r"([0-9]{12,14})(?:\.[0-9]+)?([+-])([0-9]{2})([0-9]{2})", text)
    if found is None or not is_moment(text):
        return None
    digits, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    return datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=timezone(offset))


# The record's word, which no letter waits for: the national kit does not look at it either.
_ODD_CODE: Final = "not of the form of its system's codes"


def judge_codes(root: Element) -> Iterator[Fault]:
    """Systems that are none; labels of another code; medicine codes of the wrong shape."""
    for one in _CODED(root):
        pair = (one.get("codeSystem", ""), one.get("code", ""))
        if one.get("code") is not None and (not pair[1] or pair[1].split() != [pair[1]]):
            yield Fault("code-empty", place_of(one), "a code is one word")
        if one.get("codeSystem") is not None and not is_oid(pair[0]):
            yield Fault("code-system", place_of(one), "a system of codes is told by its OID")
        label, told = LABELS.get(pair), one.get("displayName")
        if label is not None and told is not None and told.casefold() != label.casefold():
            yield Fault(
                "code-label", place_of(one), f"the label of this code is: {label}", Weight.OURS
            )
    for one in _MATERIALS(root):
        system = one.get("codeSystem", "")
        if system in MEDICINES and not re.fullmatch(MEDICINES[system], one.get("code", "")):
            yield Fault("medicine-code", place_of(one), _ODD_CODE, Weight.ADVICE)
    for one in _TRANSLATIONS(root):
        shape = MEDICINES.get(one.get("codeSystem", ""))
        if shape is None:
            yield Fault(
                "translation-system",
                place_of(one),
                "a translation is CIP, UCD, ATC, CIS or MV",
                Weight.ADVICE,
            )
        elif not re.fullmatch(shape, one.get("code", "")):
            yield Fault("medicine-code", place_of(one), _ODD_CODE, Weight.ADVICE)
