"""Allergies, devices, the plan of care and the copy in PDF: the other sections with entries.

Source  LDL-SES 2022.01; CI-SIS models of content, entries FR-Liste-des-allergies-et-intolerances,
FR-Dispositif-medical, FR-Rencontre, FR-Demande-d-examen-ou-de-suivi, section FR-Document-PDF-copie.
"""

import base64
from datetime import date, datetime, tzinfo
from typing import Final

from engine.compose.cda_codes import put_item_code, put_own_code, put_uncoded
from engine.compose.cda_page import TYPE, Page, put_table, refer, ts
from engine.compose.cda_people import Element, put, time
from engine.compose.shop import Coded
from engine.compose.template import contacts
from engine.model.cda import ABSENT, ANS, EMDN, FOLLOW_UP, LOINC, MARK, SNOMED, SectionCode
from engine.model.summary import Allergy, Appointment, Device, PlannedCare

_NONE: Final = Coded(code="no-known-allergies", display="Aucune allergie connue", system=ABSENT)
_NO_INFO: Final = Coded(
    code="no-allergy-info", display="Pas d'information sur les allergies", system=ABSENT
)
_PLANNED: Final = "2.16.840.1.113883.10.20.1.25"


def put_allergies(page: Page) -> None:
    """One list; none and unknown are told as such, since an absent section says nothing."""
    section, text = page.section(
        SectionCode.ALLERGIES,
        (
            "2.16.840.1.113883.10.20.1.2",
            "1.3.6.1.4.1.19376.1.5.3.1.3.13",
            "1.2.250.1.213.1.1.2.137",
        ),
        "Allergies et hypersensibilités",
        "Allergies et hypersensibilités",
    )
    page.tell(text, SectionCode.ALLERGIES)
    found = [
        (f"{part.index}.allergies.{i}", one)
        for part in page.parts
        for i, one in enumerate(part.contribution.items.allergies)
    ]
    none = [part.index for part in page.parts if part.contribution.items.allergies_none]
    act = put(put(section, "entry"), "act", classCode="ACT", moodCode="EVN")
    for root in (
        "2.16.840.1.113883.10.20.1.27",
        "1.3.6.1.4.1.19376.1.5.3.1.4.5.1",
        "1.3.6.1.4.1.19376.1.5.3.1.4.5.3",
        "1.2.250.1.213.1.1.3.40",
    ):
        put(act, "templateId", root=root)
    put(act, "id", root=page.uid("allergies"))
    put(act, "code", nullFlavor="NA")
    put(act, "statusCode", code="active")
    put(put(act, "effectiveTime"), "low", nullFlavor="UNK")
    for at, one in found:
        _put_allergy(page, act, at, one)
    if found:
        return
    if none:
        _put_no_allergy(page, act, _NONE, f"#{MARK}{none[0]}.allergies_none")
    else:
        words = page.say(text, "allergies", page.unknown("les allergies"))
        _put_no_allergy(page, act, _NO_INFO, words)


def _put_allergy(page: Page, act: Element, at: str, one: Allergy) -> None:
    observation = _allergy(page, act, at)
    codes = page.shop.cda.allergy
    if one.kind is not None and one.kind.system == SNOMED and one.kind.code in codes.kinds:
        put_item_code(observation, "code", one.kind, f"#{MARK}{at}.kind")
    else:
        code = put_own_code(observation, "code", codes.general)
        if one.kind is not None:
            put_item_code(code, "translation", one.kind, f"#{MARK}{at}.kind")
    _put_facts(observation, f"#{MARK}{at}", one.since)
    value = put(observation, "value")
    value.set(TYPE, "CD")
    refer(value, "originalText", f"#{MARK}{at}.label")
    if one.substance is not None:
        participant = put(observation, "participant", typeCode="CSM")
        role = put(participant, "participantRole", classCode="MANU")
        entity = put(role, "playingEntity", classCode="MMAT")
        put_item_code(entity, "code", one.substance, f"#{MARK}{at}.label")
        put(entity, "name", one.label)


def _put_no_allergy(page: Page, act: Element, coded: Coded, words: str) -> None:
    observation = _allergy(page, act, "none")
    put_own_code(observation, "code", page.shop.cda.allergy.general)
    _put_facts(observation, words, None)
    value = put_own_code(observation, "value", coded, "CD")
    refer(value, "originalText", words)


def _allergy(page: Page, act: Element, place: str) -> Element:
    relation = put(act, "entryRelationship", typeCode="SUBJ", inversionInd="false")
    observation = put(relation, "observation", classCode="OBS", moodCode="EVN")
    for root in (
        "2.16.840.1.113883.10.20.1.28",
        "2.16.840.1.113883.10.20.1.18",
        "1.3.6.1.4.1.19376.1.5.3.1.4.5",
        "1.3.6.1.4.1.19376.1.5.3.1.4.6",
        "1.2.250.1.213.1.1.3.41",
    ):
        put(observation, "templateId", root=root)
    put(observation, "id", root=page.uid(f"allergy/{place}"))
    return observation


def _put_facts(observation: Element, words: str, since: date | None) -> None:
    refer(observation, "text", words)
    put(observation, "statusCode", code="completed")
    period = put(observation, "effectiveTime")
    period.set(TYPE, "IVL_TS")
    if since is None:
        put(period, "low", nullFlavor="UNK")
    else:
        put(period, "low", value=ts(since))


def put_devices(page: Page) -> None:
    """Optional: what the patient wears or carries."""
    found = [
        (f"{part.index}.devices.{i}", one)
        for part in page.parts
        for i, one in enumerate(part.contribution.items.devices)
    ]
    if not found:
        return
    section, text = page.section(
        SectionCode.DEVICES,
        (
            "2.16.840.1.11383.10.20.1.7",  # so spelt by the national model
            "1.3.6.1.4.1.19376.1.5.3.1.1.5.3.5",
            "1.2.250.1.213.1.1.2.1",
        ),
        "Dispositifs médicaux",
        "Dispositifs médicaux",
    )
    page.tell(text, SectionCode.DEVICES)
    for at, one in found:
        _put_device(page, section, at, one)


def _put_device(page: Page, section: Element, at: str, one: Device) -> None:
    supply = put(put(section, "entry"), "supply", classCode="SPLY", moodCode="EVN")
    for root in ("2.16.840.1.113883.10.20.1.34", "1.2.250.1.213.1.1.3.20"):
        put(supply, "templateId", root=root)
    put(supply, "id", root=page.uid(f"device/{at}"))
    refer(supply, "text", f"#{MARK}{at}")
    if one.day is None:
        put(supply, "effectiveTime", nullFlavor="UNK")
    else:
        period = put(supply, "effectiveTime")
        period.set(TYPE, "IVL_TS")
        put(period, "low", value=ts(one.day))
    participant = put(supply, "participant", typeCode="DEV")
    role = put(participant, "participantRole", classCode="MANU")
    device = put(role, "playingDevice", classCode="DEV", determinerCode="INSTANCE")
    words = f"#{MARK}{at}.label"
    if one.code is not None and one.code.system == EMDN:
        put_item_code(device, "code", one.code, words)
    else:
        others = [] if one.code is None else [(one.code, f"#{MARK}{at}.code")]
        put_uncoded(device, "code", words, others)


def put_plan(page: Page) -> None:
    """What is to follow, appointments and planned care as entries; how to reach the unit."""
    section, text = page.section(
        SectionCode.PLAN,
        (
            "2.16.840.1.113883.10.20.1.10",
            "1.3.6.1.4.1.19376.1.5.3.1.3.36",
            "1.2.250.1.213.1.1.2.158",
        ),
        "Plan de soins",
        "Suites à donner",
    )
    page.tell(text, SectionCode.PLAN)
    rows = put_table(text, f"Joindre {page.letter.unit.unit}", ())
    for label, value in contacts(page.letter):
        row = put(rows, "tr")
        put(row, "th", label)
        put(row, "td", value)
    for part in page.parts:
        items, root = part.contribution.items, part.index
        for i, meeting in enumerate(items.appointments):
            _put_appointment(page, section, f"{root}.appointments.{i}", meeting)
        for i, care in enumerate(items.plan):
            _put_planned(page, section, f"{root}.plan.{i}", care)


def _put_appointment(page: Page, section: Element, at: str, one: Appointment) -> None:
    # ARQ, a request: PRMS, a promise, is misspelt and refused by the national rules.
    encounter = put(put(section, "entry"), "encounter", classCode="ENC", moodCode="ARQ")
    for root in (_PLANNED, "1.3.6.1.4.1.19376.1.5.3.1.4.14", "1.2.250.1.213.1.1.3.58"):
        put(encounter, "templateId", root=root)
    put(encounter, "id", root=page.uid(f"appointment/{at}"))
    put_own_code(encounter, "code", page.shop.cda.appointment)
    refer(encounter, "text", f"#{MARK}{at}")
    if one.day is not None:
        put(encounter, "effectiveTime", value=_at(one, one.day, page.shop.zone))
    else:
        put_own_code(encounter, "priorityCode", page.shop.cda.to_schedule)


def _at(one: Appointment, day: date, zone: tzinfo) -> str:
    if one.hour is None:
        return ts(day)
    return time(datetime.combine(day, one.hour.replace(tzinfo=None), zone), zone)


def _put_planned(page: Page, section: Element, at: str, one: PlannedCare) -> None:
    observation = put(put(section, "entry"), "observation", classCode="OBS", moodCode="INT")
    for root in (_PLANNED, "1.3.6.1.4.1.19376.1.5.3.1.1.20.3.1", "1.2.250.1.213.1.1.3.27"):
        put(observation, "templateId", root=root)
    put(observation, "id", root=page.uid(f"plan/{at}"))
    asked = Coded(code=FOLLOW_UP, display="Demande d'examen ou de suivi", system=ANS)
    put_own_code(observation, "code", asked)
    refer(observation, "text", f"#{MARK}{at}")
    put(observation, "statusCode", code="active")
    if one.due is None:
        put(observation, "effectiveTime", nullFlavor="UNK")
    else:
        put(observation, "effectiveTime", value=ts(one.due))
    put(observation, "value", one.label).set(TYPE, "ST")


def put_copy(page: Page, pdf: bytes) -> None:
    """The whole letter in PDF, with the pages that exist in no other form."""
    section, text = page.section(
        SectionCode.PDF, ("1.2.250.1.213.1.1.2.243",), "Document PDF", "Copie du document"
    )
    put(text, "renderMultiMedia", referencedObject=f"{MARK}pdf")
    words = page.say(text, "pdf", "Lettre au format PDF.")
    organizer = put(put(section, "entry"), "organizer", classCode="CLUSTER", moodCode="EVN")
    put(organizer, "templateId", root="1.2.250.1.213.1.1.3.18")
    put(organizer, "id", root=page.uid("pdf"))
    code = Coded(code="55107-7", display="Document PDF", system=LOINC)
    put_own_code(organizer, "code", code)
    put(organizer, "statusCode", code="completed")
    observation = put(put(organizer, "component"), "observation", classCode="OBS", moodCode="EVN")
    for root in (
        "1.3.6.1.4.1.19376.1.5.3.1.4.13",
        "1.2.250.1.213.1.1.3.48",
        "1.2.250.1.213.1.1.3.48.18",
    ):
        put(observation, "templateId", root=root)
    put(observation, "id", root=page.uid("pdf/type"))
    put_own_code(
        observation, "code", Coded(code="69764-9", display="Type de document", system=LOINC)
    )
    refer(observation, "text", words)
    put(observation, "statusCode", code="completed")
    put(observation, "effectiveTime", value=time(page.letter.issued_at, page.shop.zone))
    copied = Coded(code="55108-5", display="Document PDF", system=LOINC)
    put_own_code(observation, "value", copied, "CD")
    media = put(
        put(organizer, "component"), "observationMedia",
        classCode="OBS", moodCode="EVN", ID=f"{MARK}pdf",
    )  # fmt: skip
    put(media, "id", root=page.uid("pdf/file"))
    content = base64.b64encode(pdf).decode("ascii")
    put(media, "value", content, mediaType="application/pdf", representation="B64")
