"""CDA R2: the header, then a structured body (level 3, LDL-SES) or the letter's PDF (level 1).

Source  HL7 CDA R2; CI-SIS structuration minimale and LDL-SES 2022.01. The order of the header's
children is the schema's.
"""

import base64
from typing import Final

from lxml import etree

from engine.compose import cda_people as people
from engine.compose.cda_body import put_body
from engine.compose.cda_people import Element, put, put_code, time
from engine.compose.shop import CdaCodes, Coded, Shop
from engine.compose.template import LetterSheet
from engine.model.cda import LDL_SES, LEVEL_1, V3, XSI
from engine.model.letter import Letter, LetterKind, Signatory
from engine.model.people import Role
from engine.model.summary import Source

TEMPLATES: Final = (
    "2.16.840.1.113883.2.8.2.1",  # French header
    "1.2.250.1.213.1.1.1.1",  # CI-SIS, structuration minimale
)


def structured(letter: Letter) -> bool:
    """Whether a letter has content for level 3.

    Notices have none, nor have letters that the hospital's record gave as PDF alone: theirs is
    level 1, and the national model of the exit letter is not claimed. What messages said in the
    background is no content of its own: the medical synthesis would be missing.
    """
    return letter.kind is LetterKind.EXIT_LETTER and any(
        one.said.source is not Source.MESSAGE for one in letter.summary.contributions
    )


def render_cda(letter: Letter, pdf: bytes, shop: Shop) -> bytes:
    """Build the document, UTF-8, from a letter whose strings are clean.

    ``pdf`` is the whole letter on paper: the body at level 1, a copy at level 3 where annexed
    pages exist in no other form.

    Raises IdentityError without a year of birth, AddressError for an RPPS or a FINESS of the
    wrong shape.
    """
    codes, zone = shop.cda, shop.zone
    sheet = shop.patterns[letter.kind].sheet
    issued = time(letter.issued_at, zone)
    document = etree.Element(f"{{{V3}}}ClinicalDocument", nsmap={None: V3, "xsi": XSI})
    _put_head(document, letter, sheet, codes, issued)
    people.put_patient(document, letter, codes)
    for who, at in people.authors(letter):
        author = put(document, "author")
        put(author, "time", value=time(at, zone))
        assigned = put(author, "assignedAuthor")
        people.put_identity(assigned, letter, who)
        people.put_person(assigned, "assignedPerson", who)
        people.put_hospital(assigned, "representedOrganization", letter)
    _put_custodian(document, letter)
    _put_recipient(document, letter)
    _put_authenticator(document, "legalAuthenticator", letter, letter.unit.responsible, issued)
    for who, at in people.authors(letter):
        if who.rpps != letter.unit.responsible.rpps:
            # One person answers for the document; every other author attests to a part of it.
            _put_authenticator(document, "authenticator", letter, who, time(at, zone))
    if letter.recipient.role is Role.GP:
        _put_attending_physician(document, letter, codes)
    _put_event(document, letter, shop)
    _put_replaced(document, letter)
    _put_encounter(document, letter, shop)
    component = put(document, "component")
    if structured(letter):
        put_body(component, letter, pdf, shop)
    else:
        body = put(component, "nonXMLBody")
        text = base64.b64encode(pdf).decode("ascii")
        put(body, "text", text, mediaType="application/pdf", representation="B64")
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8")


def _put_head(
    document: Element, letter: Letter, sheet: LetterSheet, codes: CdaCodes, issued: str
) -> None:
    put(document, "realmCode", code="FR")
    put(document, "typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040")
    for root in TEMPLATES:
        put(document, "templateId", root=root)
    if structured(letter):
        put(document, "templateId", root=LDL_SES, extension="2022.01")
    else:  # exactly these three: the model's own templateId would make level 1 invalid
        put(document, "templateId", root=LEVEL_1)
    # XDM takes its uniqueId from @root: the whole identifier lies there.
    put(document, "id", root=letter.document_oid)
    kind = sheet.type
    code = put_code(
        document, "code", Coded(code=kind.code, display=kind.display, system=kind.system)
    )
    code.set("codeSystemName", kind.system_name)
    put(document, "title", sheet.title)
    put(document, "effectiveTime", value=issued)
    put_code(document, "confidentialityCode", codes.confidentiality)
    put(document, "languageCode", code="fr-FR")
    put(document, "setId", root=letter.set_oid)
    put(document, "versionNumber", value=str(letter.version))


def _put_custodian(document: Element, letter: Letter) -> None:
    keeper = put(put(document, "custodian"), "assignedCustodian")
    hospital = people.put_hospital(keeper, "representedCustodianOrganization", letter)
    put(hospital, "telecom", nullFlavor="NAV")
    put(hospital, "addr", nullFlavor="NAV")


def _put_recipient(document: Element, letter: Letter) -> None:
    # The doctor is a medical fact; the mailbox is transport, and is not written here: the ANS
    # volet on the transmission of documents calls that a bad practice.
    doctor = letter.recipient
    intended = put(put(document, "informationRecipient"), "intendedRecipient")
    put(intended, "id", root=people.PEOPLE, extension=people.national_id(letter, doctor.rpps))
    name = put(put(intended, "informationRecipient"), "name")
    put(name, "family", doctor.family.upper())
    if doctor.given:
        put(name, "given", doctor.given)


def _put_authenticator(
    document: Element, tag: str, letter: Letter, who: Signatory, at: str
) -> None:
    authenticator = put(document, tag)
    put(authenticator, "time", value=at)
    put(authenticator, "signatureCode", code="S")
    entity = put(authenticator, "assignedEntity")
    people.put_identity(entity, letter, who)
    people.put_person(entity, "assignedPerson", who)
    people.put_hospital(entity, "representedOrganization", letter)


def _put_attending_physician(document: Element, letter: Letter, codes: CdaCodes) -> None:
    doctor = letter.recipient
    participant = put(document, "participant", typeCode="INF")
    put_code(participant, "functionCode", codes.attending_physician)
    put(participant, "time", nullFlavor="NA")
    entity = put(participant, "associatedEntity", classCode="PROV")
    put(entity, "id", root=people.PEOPLE, extension=people.national_id(letter, doctor.rpps))
    put(entity, "addr", nullFlavor="NAV")
    put(entity, "telecom", nullFlavor="NAV")
    name = put(put(entity, "associatedPerson"), "name")
    put(name, "family", doctor.family.upper())
    if doctor.given:
        put(name, "given", doctor.given)


def _put_event(document: Element, letter: Letter, shop: Shop) -> None:
    event = put(put(document, "documentationOf"), "serviceEvent")
    put_code(event, "code", shop.cda.encounter)
    _put_period(event, letter, shop)
    entity = put(put(event, "performer", typeCode="PRF"), "assignedEntity")
    people.put_identity(entity, letter, letter.unit.responsible)
    people.put_person(entity, "assignedPerson", letter.unit.responsible)
    hospital = people.put_hospital(entity, "representedOrganization", letter)
    put_code(hospital, "standardIndustryClassCode", shop.cda.practice_setting)


def _put_replaced(document: Element, letter: Letter) -> None:
    if letter.replaces is None:
        return
    # No setId here: the national rules report it. Same set, told once, in the head.
    parent = put(put(document, "relatedDocument", typeCode="RPLC"), "parentDocument")
    put(parent, "id", root=letter.replaces.document_oid)
    put(parent, "versionNumber", value=str(letter.replaces.version))


def _put_encounter(document: Element, letter: Letter, shop: Shop) -> None:
    encounter = put(put(document, "componentOf"), "encompassingEncounter")
    put(encounter, "id", root=letter.visit_oid, extension=letter.visit)
    put_code(encounter, "code", shop.cda.encounter)
    _put_period(encounter, letter, shop)
    facility = put(put(encounter, "location"), "healthCareFacility")
    # SA01, public hospital: there is no value for a prison, and the place has no name here.
    put_code(facility, "code", shop.cda.facility)


def _put_period(parent: Element, letter: Letter, shop: Shop) -> None:
    period = put(parent, "effectiveTime")
    put(period, "low", value=time(letter.arrived_at, shop.zone))
    if letter.kind is not LetterKind.ARRIVAL_NOTICE and letter.left_at is not None:
        put(period, "high", value=time(letter.left_at, shop.zone))
