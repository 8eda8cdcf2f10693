"""The people and organisations of a CDA header.

Source  CI-SIS "Volet structuration minimale de documents de santé"; rules of testContenuCDA 3.0.
"""

from datetime import datetime, tzinfo
from typing import Final

from lxml import etree

from engine.compose.faults import AddressError
from engine.compose.identity import birth_date, shown_ins
from engine.compose.shop import CdaCodes, Coded
from engine.model.cda import V3
from engine.model.fact import Half
from engine.model.letter import Letter, Signatory
from engine.model.people import Professional
from engine.model.summary import Source

PEOPLE: Final = "1.2.250.1.71.4.2.1"
STRUCTURES: Final = "1.2.250.1.71.4.2.2"
SPECIALTIES: Final = "1.2.250.1.213.1.1.4.5"
Element = etree._Element


def put(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Append one element of the CDA namespace."""
    child = etree.SubElement(parent, f"{{{V3}}}{tag}", attributes)
    child.text = text
    return child


def put_code(parent: Element, tag: str, coded: Coded) -> Element:
    """Append a code with its label and its system: the guide wants all three."""
    return put(parent, tag, code=coded.code, codeSystem=coded.system, displayName=coded.display)


def time(at: datetime, zone: tzinfo) -> str:
    """TS: YYYYMMDDhhmmss+zzzz in the hospital's zone."""
    local = at.astimezone(zone)
    # Before standard time an offset had seconds, for which TS has no room; strftime does not pad
    # the years of the first millennium.
    return f"{local.year:04}{local:%m%d%H%M%S}{local.strftime('%z')[:5]}"


def national_id(letter: Letter, rpps: str) -> str:
    """8 and the RPPS. AddressError unless it is 11 digits: the national rules do not look."""
    if not _is_rpps(rpps):
        raise AddressError(
            letter,
            what="A professional of this letter has no RPPS number of 11 digits.",
            remedy="correct `responsible` in the configuration, or the line of the directory",
        )
    return "8" + rpps


def structure_id(letter: Letter) -> str:
    """1 and the FINESS of the hospital."""
    finess = letter.unit.finess
    if not (len(finess) == 9 and finess.isascii() and finess.isalnum()):
        raise AddressError(
            letter,
            what="The FINESS of the hospital is not 9 characters.",
            remedy="correct hospital.finess in the configuration",
        )
    return "1" + finess


def authors(letter: Letter) -> list[tuple[Signatory, datetime]]:
    """Who wrote the parts, each once with the time of their last part, then who answers for all.

    An author of a part whose RPPS is unknown stays in the text: the header takes no one without a
    national identifier. What messages said in the background has no author here.
    """
    responsible = letter.unit.responsible
    written = [
        (_signatory(one.said.author), one.said.at)
        for one in sorted(letter.summary.contributions, key=lambda one: one.half is not Half.DSS)
        if one.said.source is not Source.MESSAGE
    ]
    found: dict[str, tuple[Signatory, datetime]] = {}
    for who, at in [*written, *((one.author, one.written_at) for one in letter.annexes)]:
        if who is None or not _is_rpps(who.rpps):
            continue
        known = responsible if who.rpps == responsible.rpps else who
        earlier = found.get(who.rpps)
        found[who.rpps] = (known, max(at, earlier[1]) if earlier else at)
    found.setdefault(responsible.rpps, (responsible, letter.issued_at))
    return list(found.values())


def _signatory(author: Professional | None) -> Signatory | None:
    if author is None or not author.rpps or not author.family:
        return None
    return Signatory(
        rpps=author.rpps,
        family=author.family,
        given=author.given,
        specialty_code=author.specialty_code,
        specialty=author.specialty,
    )


def _is_rpps(number: str) -> bool:
    return len(number) == 11 and number.isascii() and number.isdigit()


def put_patient(document: Element, letter: Letter, codes: CdaCodes) -> None:
    """recordTarget. INS only with all the traits that must go with it; the address is masked.

    A detained patient's address would be the prison's: MSK says that one exists and is not told.
    """
    p = letter.patient
    ins = shown_ins(letter)
    role = put(put(document, "recordTarget"), "patientRole")
    if ins is not None:
        put(role, "id", root=ins.oid, extension=ins.matricule)
    put(role, "id", root=p.ipp_oid, extension=p.ipp)
    put(role, "addr", nullFlavor="MSK")
    put(role, "telecom", nullFlavor="MSK")
    patient = put(role, "patient")
    name = put(patient, "name")
    put(name, "family", p.birth_family.upper(), qualifier="BR")
    if p.birth_given_all or p.birth_given:
        put(name, "given", p.birth_given_all or p.birth_given)
    if p.birth_given:
        put(name, "given", p.birth_given, qualifier="BR")
    if p.used_family:
        put(name, "family", p.used_family.upper(), qualifier="CL")
    if p.used_given:
        put(name, "given", p.used_given, qualifier="CL")
    put_code(patient, "administrativeGenderCode", codes.gender.get(p.sex, codes.gender["U"]))
    put(patient, "birthTime", value=birth_date(letter).hl7)
    if ins is not None and p.birth_place_code:
        place = put(put(patient, "birthplace"), "place")
        put(put(place, "addr"), "county", p.birth_place_code)


def put_person(parent: Element, tag: str, who: Signatory) -> None:
    """assignedPerson and its like: one family name, at most one given name, the title."""
    name = put(put(parent, tag), "name")
    put(name, "family", who.family.upper())
    if who.given:
        put(name, "given", who.given)
    if who.specialty_code and who.specialty_code.startswith("G15_10"):
        put(name, "suffix", "DR")


def put_identity(parent: Element, letter: Letter, who: Signatory) -> None:
    """id, code, addr, telecom of a professional of ours."""
    put(parent, "id", root=PEOPLE, extension=national_id(letter, who.rpps))
    if who.specialty_code and who.specialty:
        put_code(
            parent,
            "code",
            Coded(code=who.specialty_code, display=who.specialty, system=SPECIALTIES),
        )
    put(parent, "addr", nullFlavor="NAV")
    put(parent, "telecom", nullFlavor="NAV")


def put_hospital(parent: Element, tag: str, letter: Letter) -> Element:
    """An organisation: always the hospital. The unit's name would tell the detention to every
    reader of the metadata."""
    organisation = put(parent, tag)
    put(organisation, "id", root=STRUCTURES, extension=structure_id(letter))
    put(organisation, "name", letter.unit.hospital)
    return organisation
