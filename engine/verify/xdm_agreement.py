"""METADATA.XML against the header of the CDA that it describes: the same facts, told twice.

Source  ANS, "Transmission d'un document CDA-R2": mapping of the header to the XDM metadata; tables
ASS_X04, ASS_A11 and ASS_A12.
"""

import re
from collections.abc import Iterator
from datetime import UTC
from typing import Final

from engine.verify.cda import level_1_text
from engine.verify.cda_body import instant, templates
from engine.verify.cda_codes import CLASSES, FORMATS, MEDIA
from engine.verify.cda_header import INS_ROOTS
from engine.verify.report import Fault
from engine.verify.rim import R, codes, identifier, slot, slots
from engine.verify.rules import V3, path
from engine.verify.xdm_metadata import CODE, ENTRY_AUTHOR, PATIENT_ID, UNIQUE_ID
from engine.verify.xml import Element, place_of

_C: Final = f"{{{V3}}}"
_ROLE: Final = f"{_C}recordTarget/{_C}patientRole"
_EVENT: Final = f"{_C}documentationOf/{_C}serviceEvent/"
_AUTHORS: Final = path("c:author/c:assignedAuthor")
_SIGNER: Final = f"{_C}legalAuthenticator/{_C}assignedEntity"
_PLACE: Final = f"{_C}componentOf/{_C}encompassingEncounter/{_C}location/{_C}healthCareFacility/"
_SECTOR: Final = path(
    "c:documentationOf[1]/c:serviceEvent/c:performer/c:assignedEntity/c:representedOrganization"
    "/c:standardIndustryClassCode"
)
Slots = dict[str, list[str]]
_DELIMITERS: Final = re.compile(r"[\^|&~\\\s]+")


def judge(entry: Element, document: Element) -> Iterator[Fault]:
    """Where an entry does not say what the header says."""
    here, told = place_of(entry), slots(entry)
    for rule, same, sentence in (
        ("agree-mime", entry.get("mimeType") == "text/xml", "the mimeType of a CDA is text/xml"),
        ("agree-id", _same_id(entry, document), "the uniqueId is not the document's id"),
        ("agree-title", _same_title(entry, document), "the title is not the document's"),
        ("agree-language", _is(told, document, "languageCode"), "the languageCode differs"),
        ("agree-creation", _same_time(told, document, "creationTime", _C + "effectiveTime"),
         "the creationTime is not the document's effectiveTime, in UTC"),
        ("agree-start", _same_time(told, document, "serviceStartTime",
                                   f"{_EVENT}{_C}effectiveTime/{_C}low"),
         "the serviceStartTime is not the start of the main act, in UTC"),
        ("agree-stop", _same_time(told, document, "serviceStopTime",
                                  f"{_EVENT}{_C}effectiveTime/{_C}high"),
         "the serviceStopTime is not the end of the main act, in UTC"),
        ("agree-type", _same_code(entry, "type", document.find(_C + "code")),
         "the typeCode is not the document's code"),
        ("agree-confidentiality",
         _same_code(entry, "confidentiality", document.find(_C + "confidentialityCode")),
         "the first confidentialityCode is not the document's"),
        ("agree-facility", _same_code(entry, "facility type", document.find(_PLACE + _C + "code")),
         "the healthcareFacilityTypeCode is not that of the encounter's place"),
        ("agree-sector", _same_code(entry, "practice setting", _first(_SECTOR(document))),
         "the practiceSettingCode is not that of the main act's performer"),
        ("agree-class", _class(entry, document), "the classCode is not that of the type (ASS_X04)"),
        ("agree-format", _format(entry, document),
         "the formatCode is not that of the document's model (ASS_A11, ASS_A12)"),
        ("agree-signer", _people(told.get("legalAuthenticator", []))
         == _numbers(document.findall(_SIGNER)),
         "the legalAuthenticator is not the document's"),
        ("agree-authors", _same_authors(entry, document),
         "the authors are not those of the document"),
        ("agree-patient", _same_patient(entry, document),
         "the patientId is not the INS of the document, or its local number when it has none"),
        ("agree-source-patient", _among(told.get("sourcePatientId", []), document),
         "the sourcePatientId is no number of the document's patient"),
        ("agree-birth", _told(told, "PID-7") in (None, _birth(document)),
         "the birth date (PID-7) is not the document's"),
        ("agree-sex", _told(told, "PID-8") in (None, _sex(document)),
         "the sex (PID-8) is not the document's"),
        ("agree-name", _same_name(told, document),
         "the birth name (PID-5, L) is not the document's"),
    ):  # fmt: skip
        if not same:
            yield Fault(rule, here, sentence)


def _first(found: object) -> Element | None:
    return found[0] if isinstance(found, list) and found else None


def _attribute(document: Element, where: str, name: str) -> str:
    found = document.find(where)
    return "" if found is None else found.get(name, "")


def _same_id(entry: Element, document: Element) -> bool:
    root, extension = (_attribute(document, _C + "id", name) for name in ("root", "extension"))
    return identifier(entry, UNIQUE_ID) == (f"{root}^{extension}" if extension else root)


def _same_title(entry: Element, document: Element) -> bool:
    name = entry.find(f"{R}Name/{R}LocalizedString")
    title = document.find(_C + "title")
    told = name.get("value", "") if name is not None else ""
    return title is not None and told.split() == "".join(title.itertext()).split()


def _is(told: Slots, document: Element, name: str) -> bool:
    return told.get(name) == [_attribute(document, _C + name, "code")]


def _same_time(told: Slots, document: Element, name: str, where: str) -> bool:
    values, header = told.get(name, []), _attribute(document, where, "value")
    if not values or not header:
        return not values and not header
    at = instant(header)
    wanted = at.astimezone(UTC).strftime("%Y%m%d%H%M%S") if at else re.split("[+.-]", header)[0]
    return bool(values[0]) and (wanted.startswith(values[0]) or values[0].startswith(wanted))


def _same_code(entry: Element, name: str, header: Element | None) -> bool:
    found = codes(entry, CODE[name])
    if header is None:
        return False
    return bool(found) and found[0] == (header.get("codeSystem"), header.get("code"))


def _class(entry: Element, document: Element) -> bool:
    wanted = CLASSES.get(_attribute(document, _C + "code", "code"))
    return wanted is None or [code for _, code in codes(entry, CODE["class"])] == [wanted]


def _format(entry: Element, document: Element) -> bool:
    text = level_1_text(document)
    if text is not None:
        wanted = MEDIA.get(text.get("mediaType", ""))
    else:
        wanted = next((FORMATS[one] for one in templates(document) if one in FORMATS), None)
    if wanted is None:
        return True
    scheme = "1.3.6.1.4.1.19376.1.2.3" if wanted.startswith("urn:ihe:") else None
    found = codes(entry, CODE["format"])
    return [code for _, code in found] == [wanted] and scheme in (None, found[0][0])


def _people(told: list[str]) -> set[str]:
    return {one.partition("^")[0] for one in told}


def _numbers(people: list[Element]) -> set[str]:
    return {
        found.get("extension", "") for one in people if (found := one.find(_C + "id")) is not None
    }


def _same_authors(entry: Element, document: Element) -> bool:
    listed = [
        one
        for one in entry.findall(R + "Classification")
        if one.get("classificationScheme") == ENTRY_AUTHOR
    ]
    people = _people([value for one in listed for value in slot(one, "authorPerson")])
    houses = {
        value.rpartition("^")[2] for one in listed for value in slot(one, "authorInstitution")
    }
    authors = _AUTHORS(document)
    wanted = {
        found.get("extension", "")
        for one in authors
        if (found := one.find(f"{_C}representedOrganization/{_C}id")) is not None
    }
    return people == _numbers(authors) and houses == wanted


def _ids(document: Element) -> list[tuple[str, str]]:
    return [
        (one.get("root", ""), _DELIMITERS.sub(" ", one.get("extension", "")))
        for one in document.iterfind(f"{_ROLE}/{_C}id")
    ]


def _cx(told: str) -> tuple[str, str]:
    number, _, rest = told.partition("^^^&")
    return rest.partition("&")[0], number


def _same_patient(entry: Element, document: Element) -> bool:
    told, ids = _cx(identifier(entry, PATIENT_ID) or ""), _ids(document)
    qualified = [one for one in ids if one[0] in INS_ROOTS]
    return told in (qualified or ids)


def _among(told: list[str], document: Element) -> bool:
    return bool(told) and _cx(told[0]) in _ids(document)


def _told(told: Slots, field: str) -> str | None:
    for one in told.get("sourcePatientInfo", []):
        name, _, value = one.partition("|")
        if name == field:
            return value
    return None


def _birth(document: Element) -> str:
    return _attribute(document, f"{_ROLE}/{_C}patient/{_C}birthTime", "value")[:8]


def _sex(document: Element) -> str:
    code = _attribute(document, f"{_ROLE}/{_C}patient/{_C}administrativeGenderCode", "code")
    return "U" if code == "UN" else code


def _same_name(told: Slots, document: Element) -> bool:
    names = [
        parts
        for one in told.get("sourcePatientInfo", [])
        if one.startswith("PID-5|") and (parts := one[6:].split("^"))[-1] == "L"
    ]
    family = document.find(f"{_ROLE}/{_C}patient/{_C}name/{_C}family[@qualifier='BR']")
    if not names or family is None:
        return not names and family is None
    header = _DELIMITERS.sub(" ", "".join(family.itertext())).strip()
    return _DELIMITERS.sub(" ", names[0][0]).strip().casefold() == header.casefold()
