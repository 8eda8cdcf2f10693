"""A copy of a letter for the hospital's record, as MDM: the bytes of the message.

Source  Volet "Transmission d'un document CDA-R2 en HL7v2" 2.1 (structures, fields, coherence of
event, ORC-1 and OBX-11; table MetaDMPMSS), for a CDA. A PDF in OBX-5 is what HL7 v2.6 allows
(chapter 9, type ED): the volet does not know it, so its profile is not claimed then.

All three destinations of the copy say N: it is told what was sent, never asked to send again.
"""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from engine.model.people import Ins
from engine.wire.hl7_write import CHARSET, components, escaped, instant, message, segment

_LOINC = "2.16.840.1.113883.6.1"
_PS = ("ASIP-SANTE-PS", "1.2.250.1.71.4.2.1")
_ST = ("ASIP-SANTE-ST", "1.2.250.1.71.4.2.2")


@dataclass(frozen=True, slots=True)
class Ends:
    """MSH-3 to 6, 11, 15, 16, 21: who speaks to whom, and how."""

    application: str
    facility: str
    to_application: str
    to_facility: str
    processing: Literal["P", "T"]
    profile: str = "2.1^CISIS_CDA_HL7_V2"
    enhanced: bool = True


@dataclass(frozen=True, slots=True)
class Copy:
    """What the message says of the letter. Names and numbers of people never show in its repr."""

    control_id: str
    at: datetime
    ipp: str = field(repr=False)
    ipp_oid: str
    assigner: str  # PID-3.4.1
    ins: Ins | None = field(repr=False)
    family: str = field(repr=False)
    given: str = field(repr=False)
    given_all: str = field(repr=False)
    birth_date: str = field(repr=False)
    sex: str
    status: str  # PID-32
    visit: str = field(repr=False)
    visit_oid: str
    type_code: str
    type_name: str
    type_system: str  # OID
    document: str  # TXA-12
    replaces: str  # TXA-13; "": nothing, an initial request
    sent_at: datetime
    content: bytes = field(repr=False)
    is_cda: bool
    hospital: str
    finess: str
    recipient_rpps: str = field(repr=False)
    recipient_name: str = field(repr=False)
    recipient_address: str = field(repr=False)  # "": on paper
    masked: bool
    hidden_from_patient: bool
    hidden_from_parents: bool


def write_mdm(copy: Copy, ends: Ends) -> bytes:
    """The message. Its event is T02, or T10 when it replaces."""
    request, state, event = ("RO", "C", "T10") if copy.replaces else ("NW", "F", "T02")
    system = "LN" if copy.type_system == _LOINC else "TRE_A05"
    kind = components(copy.type_code, copy.type_name, system)
    ed = "^text^XML^Base64^" if copy.is_cda else "^application^PDF^Base64^"
    txa = {
        1: "1",
        2: escaped(copy.type_code),
        3: "TEXT" if copy.is_cda else "AP",
        4: instant(copy.sent_at),
        12: escaped(copy.document),
        13: escaped(copy.replaces),
        17: "AU",
    }
    document = ed + base64.b64encode(copy.content).decode()
    return message(
        [
            header(f"MDM^{event}^MDM_T02", copy.control_id, copy.at, ends, claims=copy.is_cda),
            segment("EVN", {2: instant(copy.sent_at)}),
            _patient(copy),
            segment("PV1", {1: "1", 2: "N", 19: _cx(copy.visit, "", copy.visit_oid, "VN")}),
            segment("ORC", {1: request}),
            segment("OBR", {1: "1", 4: kind}),
            segment("TXA", {n: one for n, one in txa.items() if one}),
            segment("OBX", {1: "1", 2: "ED", 3: kind, 5: document, 11: state}),
            *_participants(copy),
            *_flags(copy),
        ]
    )


def header(kind: str, control_id: str, at: datetime, ends: Ends, *, claims: bool = True) -> str:
    """MSH of version 2.6; ``claims``: MSH-21 names the profile."""
    acks = {15: "AL", 16: "AL"} if ends.enhanced else {}
    profile = {21: components(*ends.profile.split("^"))} if claims and ends.profile else {}
    return segment(
        "MSH",
        {
            3: escaped(ends.application),
            4: escaped(ends.facility),
            5: escaped(ends.to_application),
            6: escaped(ends.to_facility),
            7: instant(at),
            9: kind,
            10: escaped(control_id),
            11: ends.processing,
            12: "2.6",
            **acks,
            17: "FRA",
            18: CHARSET,
            **profile,
        },
    )


def _cx(number: str, name: str, oid: str, kind: str) -> str:
    return f"{escaped(number)}^^^{escaped(name)}&{escaped(oid)}&ISO^{kind}"


def _patient(copy: Copy) -> str:
    numbers = [_cx(copy.ipp, copy.assigner, copy.ipp_oid, "PI")]
    if copy.ins is not None:
        name = "ASIP-SANTE-INS-NIA" if copy.ins.oid.endswith(".9") else "ASIP-SANTE-INS-NIR"
        numbers.append(_cx(copy.ins.matricule, name, copy.ins.oid, "INS"))
    name = f"{components(copy.family, copy.given, copy.given_all)}^^^^L"
    if not copy.given_all:
        name = f"{escaped(copy.family)}^{escaped(copy.given)}^^^^^L"
    return segment(
        "PID",
        {
            3: "~".join(numbers),
            5: name,
            7: escaped(copy.birth_date),
            8: escaped(copy.sex),
            32: escaped(copy.status),
        },
    )


def _participants(copy: Copy) -> list[str]:
    """PRT of who sent and of who got it. The address is an evidence, and asks for nothing: see the
    flags."""
    sent_by = {
        2: "UC",
        4: "SB^Send by^participation",
        8: f"{escaped(copy.hospital)}^^^^^{_ST[0]}&{_ST[1]}&ISO^FINEG^^^{escaped(copy.finess)}",
    }
    family, _, given = copy.recipient_name.partition("^")
    who = f"8{escaped(copy.recipient_rpps)}^{escaped(family)}^{escaped(given)}"
    got = {
        2: "UC",
        4: "RCT^Result Copies To^participation",
        5: f"{who}^^^^^^{_PS[0]}&{_PS[1]}&ISO^D^^^IDNPS",
    }
    if copy.recipient_address:
        got[15] = f"^^X.400^{escaped(copy.recipient_address)}"
    return [segment("PRT", sent_by), segment("PRT", got)]


def _flags(copy: Copy) -> list[str]:
    said = (
        ("MASQUE_PS", "Masqué aux professionnels de Santé", copy.masked),
        ("INVISIBLE_PATIENT", "Document Non Visible par le patient", copy.hidden_from_patient),
        (
            "INVISIBLE_REP_LEGAUX",
            "Non visible par les représentants Légaux du patient",
            copy.hidden_from_parents,
        ),
        ("CONNEXION_SECRETE", "Connexion Secrete", False),
        ("MODIF_CONF_CODE", "Modification Confidentiality Code", False),
        ("DESTDMP", "Destinataire DMP", False),
        (
            "DESTMSSANTEPS",
            "Destinataire (Professionnel de Santé, organisation ou BAL applicative)",
            False,
        ),
        ("DESTMSSANTEPAT", "Destinataire Patient", False),
        ("ACK_RECEPTION", "Accusé de réception", False),
        ("ACK_LECTURE_MSS", "Accusé de lecture", False),
    )
    return [
        segment(
            "OBX",
            {
                1: str(number),
                2: "CWE",
                3: f"{code}^{escaped(words)}^MetaDMPMSS",
                5: f"{'Y' if value else 'N'}^^expandedYes-NoIndicator",
                11: "F",
            },
        )
        for number, (code, words, value) in enumerate(said, 2)
    ]
