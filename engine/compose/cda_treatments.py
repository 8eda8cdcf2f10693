"""Treatments as FR-Traitement: those of the way out, and those that the stay ended.

Source  LDL-SES 2022.01; CI-SIS models of content, entry FR-Traitement (IHE PCC 1.4.7).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from engine.compose.cda_codes import put_item_code, put_own_code, put_uncoded
from engine.compose.cda_page import TYPE, Page, refer, ts
from engine.compose.cda_people import Element, put
from engine.compose.shop import Coded
from engine.model.cda import ABSENT, ACT_CODE, CIS, MARK, SectionCode
from engine.model.summary import Change, Code, Items

_TEMPLATES: Final = (
    "2.16.840.1.113883.10.20.1.24",
    "1.3.6.1.4.1.19376.1.5.3.1.4.7",
    "1.2.250.1.213.1.1.3.42",
    "1.3.6.1.4.1.19376.1.5.3.1.4.7.1",  # normal dosing: the free posology is in the narrative
)
_PRODUCT: Final = (
    "1.2.250.1.213.1.1.3.43",
    "2.16.840.1.113883.10.20.1.53",
    "1.3.6.1.4.1.19376.1.5.3.1.4.7.2",
)
_DRUG: Final = Coded(code="DRUG", display="Médicament", system=ACT_CODE)
_NONE: Final = Coded(
    code="no-known-medications", display="Aucun traitement médicamenteux", system=ABSENT
)
_NO_INFO: Final = Coded(
    code="no-medication-info", display="Pas d'information sur les traitements", system=ABSENT
)


@dataclass(frozen=True, slots=True)
class _Medicine:
    """One entry: ``at`` is the item it stands for, ``words`` the one that names it."""

    at: str
    words: str
    label: str
    codes: tuple[Code, ...] = ()
    route: bool = False
    start: date | None = None
    end: date | None = None
    given: bool = False  # stopped during the stay


def put_discharge(page: Page) -> None:
    """Mandatory, with one entry at least: none and unknown are told as such."""
    section, text = page.section(
        SectionCode.DISCHARGE,
        ("1.3.6.1.4.1.19376.1.5.3.1.3.22", "1.2.250.1.213.1.1.2.146"),
        "Traitements à la sortie",
        "Traitements à la sortie",
    )
    page.tell(text, SectionCode.DISCHARGE)
    found = [one for one in _medicines(page) if not one.given]
    for one in found:
        _put(page, section, one)
    if found:
        return
    none = [part.index for part in page.parts if part.contribution.items.treatments_none]
    if none:
        _put_none(page, section, _NONE, f"#{MARK}{none[0]}.treatments_none")
    else:
        words = page.say(text, "treatments", page.unknown("les traitements"))
        _put_none(page, section, _NO_INFO, words)


def put_stopped(page: Page) -> None:
    """Optional: what was given and stopped during the stay."""
    found = [one for one in _medicines(page) if one.given]
    if not found:
        return
    section, text = page.section(
        SectionCode.STOPPED,
        ("1.3.6.1.4.1.19376.1.5.3.1.3.21", "1.2.250.1.213.1.1.2.145"),
        "Traitements administrés",
        "Traitements arrêtés durant le séjour",
    )
    page.tell(text, SectionCode.STOPPED)
    for one in found:
        _put(page, section, one)


def _medicines(page: Page) -> Iterator[_Medicine]:
    for part in page.parts:
        yield from _of(part.contribution.items, str(part.index))


def _of(items: Items, root: str) -> Iterator[_Medicine]:
    for i, one in enumerate(items.treatments):
        at = f"{root}.treatments.{i}"
        yield _Medicine(
            at, f"{at}.label", one.label, one.codes, one.route is not None, one.start, one.end,
            one.change is Change.STOPPED,
        )  # fmt: skip
    # Medicines that have items of their own here are treatments of the way out there.
    if (opioid := items.opioid) is not None:
        at = f"{root}.opioid"
        yield _Medicine(at, f"{at}.drug", opioid.drug, end=opioid.prescription_end)
    for i, shot in enumerate(items.injections):
        at = f"{root}.injections.{i}"
        yield _Medicine(at, f"{at}.drug", shot.drug, start=shot.last)
    if (cure := items.tuberculosis) is not None:
        at = f"{root}.tuberculosis"
        yield _Medicine(at, f"{at}.treatment", cure.treatment, start=cure.start, end=cure.end)


def _put(page: Page, section: Element, one: _Medicine) -> None:
    # EVN: it was given; INT: it is still to be taken.
    entry = _open(page, section, one.at, "EVN" if one.given else "INT")
    put_own_code(entry, "code", _DRUG)
    # The row tells the posology and the reason too; items in label and value have no row.
    row = one.at if ".treatments." in one.at or ".injections." in one.at else one.words
    refer(entry, "text", f"#{MARK}{row}")
    put(entry, "statusCode", code="completed")
    if one.start is not None or one.end is not None:
        _put_period(entry, one.start, one.end)
    if one.route:
        put_uncoded(entry, "routeCode", f"#{MARK}{one.at}.route", [])
    material = _product(entry)
    words = f"#{MARK}{one.words}"
    codes = [(code, f"#{MARK}{one.at}.codes.{i}") for i, code in enumerate(one.codes)]
    # Only a CIS code may name the product; every other code is a translation of it.
    first = next((pair for pair in codes if pair[0].system == CIS), None)
    if first is None:
        put_uncoded(material, "code", words, codes)
    else:
        made = put_item_code(material, "code", first[0], words)
        for pair in codes:
            if pair is not first:
                put_item_code(made, "translation", *pair)
    put(material, "name", one.label)


def _put_none(page: Page, section: Element, coded: Coded, words: str) -> None:
    entry = _open(page, section, "none", "EVN")
    refer(put_own_code(entry, "code", coded), "originalText", words)
    refer(entry, "text", words)
    put(entry, "statusCode", code="completed")
    period = put(entry, "effectiveTime")
    period.set(TYPE, "IVL_TS")
    put(period, "low", nullFlavor="NA")
    put(period, "high", nullFlavor="NA")
    material = _product(entry)
    put(material, "code", nullFlavor="NA")
    put(material, "name", nullFlavor="NA")


def _open(page: Page, section: Element, place: str, mood: str) -> Element:
    entry = put(put(section, "entry"), "substanceAdministration", classCode="SBADM", moodCode=mood)
    for root in _TEMPLATES:
        put(entry, "templateId", root=root)
    put(entry, "id", root=page.uid(f"treatment/{place}"))
    return entry


def _product(entry: Element) -> Element:
    product = put(put(entry, "consumable"), "manufacturedProduct")
    for root in _PRODUCT:
        put(product, "templateId", root=root)
    return put(product, "manufacturedMaterial")


def _put_period(entry: Element, start: date | None, end: date | None) -> None:
    period = put(entry, "effectiveTime")
    period.set(TYPE, "IVL_TS")
    if start is None:
        put(period, "low", nullFlavor="UNK")
    else:
        put(period, "low", value=ts(start))
    if end is None or (start is not None and end < start):
        # An end before the beginning stays in the words: no software may compute with it.
        put(period, "high", nullFlavor="UNK")
    else:
        put(period, "high", value=ts(end))
