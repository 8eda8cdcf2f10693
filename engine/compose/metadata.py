"""METADATA.XML of an XDM submission: one submission set, one document entry, their link.

Source  OASIS ebRIM 3.0; IHE ITI TF-3 section 4; ANS models DocumentEntry and SubmissionSet. Order
of the children of a registry object (rim.xsd): Slot*, Name, Description, VersionInfo,
Classification*, ExternalIdentifier*.
"""

import hashlib
import re
import uuid
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from engine.compose.cda import structured
from engine.compose.cda_people import (
    PEOPLE,
    SPECIALTIES,
    STRUCTURES,
    Element,
    authors,
    national_id,
    structure_id,
)
from engine.compose.identity import birth_date, shown_ins
from engine.compose.shop import Coded, Shop
from engine.model.letter import Letter, LetterKind, Signatory

RIM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
LCM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
OBJECT_TYPE: Final = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:"
APPROVED: Final = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"

SUBMISSION_SET: Final = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
DOCUMENT_ENTRY: Final = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
SET_AUTHOR: Final = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
SET_CONTENT_TYPE: Final = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
SET_PATIENT_ID: Final = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SET_SOURCE_ID: Final = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
SET_UNIQUE_ID: Final = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"
ENTRY_AUTHOR: Final = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
ENTRY_CLASS: Final = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
ENTRY_TYPE: Final = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
ENTRY_FORMAT: Final = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
ENTRY_CONFIDENTIALITY: Final = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
ENTRY_FACILITY: Final = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
ENTRY_PRACTICE: Final = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
ENTRY_PATIENT_ID: Final = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
ENTRY_UNIQUE_ID: Final = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"


def entry_uuid(document_oid: str, role: str) -> str:
    """A registry id that is always the same for the same document and role."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{document_oid}/{role}')}"


def submission_oid(document_oid: str) -> str:
    """The submission's own OID (ITU-T X.667: 2.25 and a UUID as a number)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{document_oid}/submission').int}"


def render_metadata(letter: Letter, cda: bytes, uri: str, shop: Shop) -> bytes:
    """Describe the CDA, as it lies in the zip under ``uri``. From a letter that is clean."""
    set_id = entry_uuid(letter.document_oid, "set")
    entry_id = entry_uuid(letter.document_oid, "entry")
    root = etree.Element(f"{{{LCM}}}SubmitObjectsRequest", nsmap={"lcm": LCM, "rim": RIM})
    objects = _put(root, "RegistryObjectList")
    _put_set(objects, letter, set_id, shop)
    _put(
        objects,
        "Classification",
        id="cl-node",
        classifiedObject=set_id,
        classificationNode=SUBMISSION_SET,
        objectType=OBJECT_TYPE + "Classification",
    )
    entry = _put_entry(objects, entry_id)
    _put_facts(entry, letter, cda, uri)
    _put_codes(entry, letter, shop)
    link = _put(
        objects,
        "Association",
        id="as-1",
        associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember",
        sourceObject=set_id,
        targetObject=entry_id,
        objectType=OBJECT_TYPE + "Association",
    )
    _slot(link, "SubmissionSetStatus", "Original")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _put_set(objects: Element, letter: Letter, set_id: str, shop: Shop) -> None:
    package = _put(
        objects,
        "RegistryPackage",
        id=set_id,
        objectType=OBJECT_TYPE + "RegistryPackage",
        status=APPROVED,
    )
    _slot(package, "submissionTime", _utc(letter.issued_at))
    _name(package, shop.patterns[letter.kind].sheet.title)
    _put_author(_classify(package, "cl-s1", SET_AUTHOR), letter, letter.unit.responsible)
    _classify(package, "cl-s2", SET_CONTENT_TYPE, shop.xdm.content_type)
    for number, (scheme, named) in enumerate(
        (
            (SET_PATIENT_ID, ("XDSSubmissionSet.patientId", _patient_id(letter))),
            (SET_SOURCE_ID, ("XDSSubmissionSet.sourceId", shop.source_oid)),
            (
                SET_UNIQUE_ID,
                ("XDSSubmissionSet.uniqueId", submission_oid(letter.document_oid)),
            ),
        ),
        start=1,
    ):
        _identify(package, f"ei-s{number}", scheme, named)


def _put_entry(objects: Element, entry_id: str) -> Element:
    return _put(
        objects,
        "ExtrinsicObject",
        id=entry_id,
        lid=entry_id,
        objectType=DOCUMENT_ENTRY,
        mimeType="text/xml",
        status=APPROVED,
    )


def _put_facts(entry: Element, letter: Letter, cda: bytes, uri: str) -> None:
    _slot(entry, "URI", uri)
    # SHA-1 is what XDS defines (ITI TF-3 4.2.3.2.10); it guards against accidents only.
    _slot(entry, "hash", hashlib.sha1(cda, usedforsecurity=False).hexdigest())
    _slot(entry, "size", str(len(cda)))
    _slot(entry, "creationTime", _utc(letter.issued_at))
    _slot(entry, "languageCode", "fr-FR")
    _slot(entry, "legalAuthenticator", _person(letter, letter.unit.responsible))
    _slot(entry, "serviceStartTime", _utc(letter.arrived_at))
    if letter.kind is not LetterKind.ARRIVAL_NOTICE and letter.left_at is not None:
        _slot(entry, "serviceStopTime", _utc(letter.left_at))
    _slot(entry, "sourcePatientId", _local_id(letter))
    _slot(entry, "sourcePatientInfo", *_patient_info(letter))


def _put_codes(entry: Element, letter: Letter, shop: Shop) -> None:
    sheet = shop.patterns[letter.kind].sheet
    _name(entry, sheet.title)
    _put(entry, "VersionInfo", versionName="1")
    for number, (who, _) in enumerate(authors(letter), start=1):
        author = _classify(entry, f"cl-a{number}", ENTRY_AUTHOR)
        _put_author(author, letter, who)
    kind = sheet.type
    for number, (scheme, coded) in enumerate(
        (
            (ENTRY_CLASS, shop.xdm.class_code[kind.class_code]),
            (ENTRY_CONFIDENTIALITY, shop.cda.confidentiality),
            (ENTRY_FORMAT, shop.xdm.format_ldl_ses if structured(letter) else shop.xdm.format),
            (ENTRY_FACILITY, shop.cda.facility),
            (ENTRY_PRACTICE, shop.cda.practice_setting),
            (ENTRY_TYPE, Coded(code=kind.code, display=kind.display, system=kind.system)),
        ),
        start=1,
    ):
        _classify(entry, f"cl-d{number}", scheme, coded)
    # After the code of the document itself: what its authors hid.
    for number, hidden in enumerate(letter.visibility, start=1):
        _classify(entry, f"cl-v{number}", ENTRY_CONFIDENTIALITY, shop.xdm.visibility[hidden])
    _identify(entry, "ei-d1", ENTRY_PATIENT_ID, ("XDSDocumentEntry.patientId", _patient_id(letter)))
    _identify(entry, "ei-d2", ENTRY_UNIQUE_ID, ("XDSDocumentEntry.uniqueId", letter.document_oid))


def _put_author(author: Element, letter: Letter, who: Signatory) -> None:
    hospital = _component(letter.unit.hospital)
    _slot(
        author,
        "authorInstitution",
        f"{hospital}^^^^^&{STRUCTURES}&ISO^IDNST^^^{structure_id(letter)}",
    )
    _slot(author, "authorPerson", _person(letter, who))
    if who.specialty_code and who.specialty:
        code, label = _component(who.specialty_code), _component(who.specialty)
        _slot(author, "authorSpecialty", f"{code}^{label}^{SPECIALTIES}")


def _classify(owner: Element, id_: str, scheme: str, coded: Coded | None = None) -> Element:
    """A Classification of ``owner``: by a code, or by slots that the caller adds."""
    made = _put(
        owner,
        "Classification",
        id=id_,
        classifiedObject=owner.attrib["id"],
        classificationScheme=scheme,
        nodeRepresentation=coded.code if coded else "",
        objectType=OBJECT_TYPE + "Classification",
    )
    if coded is not None:
        _slot(made, "codingScheme", coded.system)
        _name(made, coded.display)
    return made


def _identify(owner: Element, id_: str, scheme: str, named: tuple[str, str]) -> None:
    name, value = named
    made = _put(
        owner,
        "ExternalIdentifier",
        id=id_,
        registryObject=owner.attrib["id"],
        identificationScheme=scheme,
        value=value,
        objectType=OBJECT_TYPE + "ExternalIdentifier",
    )
    _name(made, name)


def _person(letter: Letter, who: Signatory) -> str:
    """XCN of a professional."""
    number = national_id(letter, who.rpps)
    name = f"{_component(who.family.upper())}^{_component(who.given)}"
    return f"{number}^{name}^^^^^^&{PEOPLE}&ISO^D^^^IDNPS"


def _patient_id(letter: Letter) -> str:
    """CX: the INS, or the local number when the INS does not go out."""
    if (ins := shown_ins(letter)) is not None:
        return f"{ins.matricule}^^^&{ins.oid}&ISO^NH"
    return _local_id(letter)


def _local_id(letter: Letter) -> str:
    return f"{_component(letter.patient.ipp)}^^^&{letter.patient.ipp_oid}&ISO^PI"


def _patient_info(letter: Letter) -> list[str]:
    p = letter.patient
    given = _component(p.birth_given)
    info = [f"PID-5|{_component(p.birth_family.upper())}^{given}^^^^^L"]
    if p.used_family or p.used_given:
        used = _component((p.used_family or p.birth_family).upper())
        info.append(f"PID-5|{used}^{_component(p.used_given or p.birth_given)}^^^^^D")
    sex = p.sex if p.sex in {"F", "M"} else "U"
    return [*info, f"PID-7|{birth_date(letter).hl7}", f"PID-8|{sex}"]


def _component(text: str) -> str:
    """A value inside an HL7 field: the delimiters would cut it, and have no escape in XDS."""
    return re.sub(r"[\^|&~\\]", " ", text)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def _put(parent: Element, tag: str, **attributes: str) -> Element:
    return etree.SubElement(parent, f"{{{RIM}}}{tag}", attributes)


def _slot(parent: Element, name: str, *values: str) -> None:
    held = _put(_put(parent, "Slot", name=name), "ValueList")
    for value in values:
        _put(held, "Value").text = value


def _name(parent: Element, value: str) -> None:
    _put(_put(parent, "Name"), "LocalizedString", value=value)
