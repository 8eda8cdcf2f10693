"""What MDM and ORU messages say of the document they carry: claim, flags, participants, numbers.

Source: ANS CI-SIS "Transmission d'un document CDA-R2 en HL7 v2" 2.1.2 (volet A), and
"Transmission au LPS d'un document CDA provenant d'un courriel MSSanté" (volet B).
Reading only; whether it may be taken is decided in decide.documents.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

from pydantic import Field

from engine.model.value import Value
from engine.wire.cda import CdaHeader, document_key
from engine.wire.hl7 import Header, Message, Repetition, Segment


class Flag(StrEnum):
    """OBX-3.1 of table MetaDMPMSS."""

    @staticmethod
    def _generate_next_value_(name: str, *_: object) -> str:
        return name

    MASQUE_PS = auto()
    INVISIBLE_PATIENT = auto()
    INVISIBLE_REP_LEGAUX = auto()
    CONNEXION_SECRETE = auto()
    MODIF_CONF_CODE = auto()
    DESTDMP = auto()
    DESTMSSANTEPS = auto()
    DESTMSSANTEPAT = auto()
    ACK_RECEPTION = auto()
    ACK_LECTURE_MSS = auto()


# Without the last two, which the volet marks as an optional group: absent, they mean "no".
REQUIRED_FLAGS: Final = tuple(Flag)[:8]
# Version 1.2 of the volet, and examples of later ones, write some codes in another way.
_CODES: Final = {flag.value: flag for flag in Flag} | {
    "INVISIBLE_REPRESENTANTS_LEGAUX": Flag.INVISIBLE_REP_LEGAUX,
    "MODIF_CONFIDENTIALITYCODE": Flag.MODIF_CONF_CODE,
    "ACK_LECTURE": Flag.ACK_LECTURE_MSS,
}
_TABLE: Final = "MetaDMPMSS"
# No document comes in so many lines; looking through more would hold all senders up.
MOST_SEGMENTS: Final = 5000
_MAIL_TEXTS: Final = frozenset({"CORPSMAIL_PS", "CORPSMAIL_PATIENT"})


class Audiences(StrEnum):
    """Which combinations of flags are taken."""

    TOLERANT = "tolerant"
    STRICT = "strict"


class DocumentRules(Value):
    """What a site asks of messages that claim volet A in MSH-21. Others are read as they are."""

    audiences: Audiences = Field(
        default=Audiences.TOLERANT,
        description="'strict': the national table of audiences, which is exhaustive and forbids "
        "ordinary cases. 'tolerant': what contradicts itself is refused, the rest is taken.",
    )
    masked_to_doctors: bool = Field(
        default=False,
        description="Whether MASQUE_PS = Y with DESTMSSANTEPS = Y is taken, and kept from every "
        "doctor, instead of being refused. 'tolerant' only.",
    )


class Volet(StrEnum):
    """A national profile named in MSH-21.2."""

    DOCUMENT = "CISIS_CDA_HL7_V2"  # volet A: a document to transmit
    MAIL = "CISIS_CDA_HL7_LPS"  # volet B: a document that came by mail, for the record


@dataclass(frozen=True, slots=True)
class Claim:
    """What a message says that it conforms to."""

    volet: Volet
    version: str  # MSH-21.1: 2.1

    @property
    def orders(self) -> bool:
        """Whether ORC and OBR are part of it: version 2.0 knew no agreement of ORC-1."""
        return self.version != "2.0"


_CLAIMED: Final = {
    Volet.DOCUMENT: re.compile(r"2(\.\d{1,3}){0,2}"),
    Volet.MAIL: re.compile(r"\d(\.\d{1,3}){0,2}"),
}


def claim_of(header: Header) -> Claim | None:
    """The first profile of MSH-21 that is one of ours; other versions are no claim."""
    separators = header.separators
    for profile in header.field(21).split(separators.repetition)[:20]:
        parts = [part.strip() for part in profile.split(separators.component)]
        for volet, version in _CLAIMED.items():
            if len(parts) > 1 and parts[1] == volet and version.fullmatch(parts[0]):
                return Claim(volet, parts[0])
    return None


@dataclass(frozen=True, slots=True)
class FlagSaid:
    """One metadata OBX."""

    flag: Flag
    value: str  # OBX-5.1: Y or N
    order: int  # which OBX of the message, from 1


@dataclass(frozen=True, slots=True)
class Carried:
    """One OBX that carries a document, with what its group says."""

    segment: Segment
    order: int  # which OBX of the message, from 1
    orc: Segment | None
    orc_order: int  # which ORC of the message, from 1; 0: none stands before
    obr: Segment | None

    @property
    def type_code(self) -> str:
        """OBX-3.1."""
        return self.segment.value(3)

    @property
    def state(self) -> str:
        """OBX-11."""
        return self.segment.value(11)


def flags_of(message: Message) -> list[FlagSaid]:
    """The metadata OBX, found by their code: neither their place nor OBX-3.3 is relied on."""
    said = []
    for order, one in enumerate(message.all("OBX"), 1):
        flag = _CODES.get(one.value(3).strip())
        if flag is not None and one.value(2) != "ED":
            said.append(FlagSaid(flag, one.value(5).strip().upper(), order))
    return said


def kept_from_doctors(flags: list[FlagSaid], claim: Claim | None) -> bool:
    """Whether the author lets no doctor have it: MASQUE_PS = Y, or DESTMSSANTEPS = N.

    A message that uses the flags, or claims to, must say so itself: an absent or odd value is no
    permission. One that knows nothing of them is not hidden.
    """
    if not flags and claim is None:
        return False
    masked = {one.value for one in flags if one.flag is Flag.MASQUE_PS}
    meant = {one.value for one in flags if one.flag is Flag.DESTMSSANTEPS}
    return masked != {"N"} or not (meant == {"Y"} or (claim is None and not meant))


def is_metadata(obx: Segment) -> bool:
    """Whether an OBX says something of the document instead of carrying it."""
    code = obx.value(3).strip()
    return code in _CODES or code in _MAIL_TEXTS or obx.value(3, 3) == _TABLE


def carried_by(message: Message) -> list[Carried]:
    """The OBX of type ED that carry documents, in order."""
    found, order, orc_order = [], 0, 0
    orc: Segment | None = None
    obr: Segment | None = None
    for one in message.segments:
        match one.name:
            case "ORC":
                orc, obr, orc_order = one, None, orc_order + 1
            case "OBR":
                obr = one
            case "OBX":
                order += 1
                if one.value(2) == "ED" and not is_metadata(one):
                    found.append(Carried(one, order, orc, orc_order, obr))
            case _:
                pass
    return found


class Role(StrEnum):
    """PRT-4.1."""

    SENDER = "SB"
    RECIPIENT = "RCT"
    REPLY = "REPLY"


@dataclass(frozen=True, slots=True)
class Participant:
    """One PRT; the address is where the sender wants the document to go, not where it goes."""

    role: Role
    segment: Segment
    order: int  # which PRT of the message, from 1
    address: str

    @property
    def patient(self) -> bool:
        """The patient's own secure mailbox."""
        return self.address.rpartition("@")[2].lower() == PATIENT_DOMAIN


PATIENT_DOMAIN: Final = "patient.mssante.fr"
_ADDRESS: Final = re.compile(r"[^\s@^&|~<>\"]{1,64}@[A-Za-z0-9.-]{1,255}")


def participants_of(message: Message) -> Iterator[Participant]:
    """PRT segments whose role is known. Fields may be shifted by one, as in published examples."""
    for order, one in enumerate(message.all("PRT"), 1):
        try:
            role = Role(one.value(4).strip().upper())
        except ValueError:
            continue
        address = ""
        for field in (15, 14, 16):
            found = _ADDRESS.search(one.field(field)[:2000])
            if found:
                address = found.group()
                break
        yield Participant(role, one, order, address)


def number_of(entity: Repetition) -> str:
    """TXA-12, TXA-13: ``ext^^root^ISO``, or a full OID alone. The namespace (.2) is not read."""
    return document_key(entity.value(3).strip(), entity.value(1).strip())


def txa_number(txa: Segment | None, field: int) -> str:
    """TXA-12 or TXA-13; empty when absent."""
    if txa is None:
        return ""
    found = txa.repetitions(field)
    return number_of(found[0]) if found and found[0].value() not in ("", '""') else ""


def same_patient(message: Message, header: CdaHeader) -> bool | None:
    """Whether PID-3 and the CDA's recordTarget are of one person.

    True: a number is shared, and none contradicts. False: one domain, two numbers. None: they
    have no domain in common.
    """
    by_root: dict[str, set[str]] = {}
    bare: set[str] = set()
    pid = message.first("PID")
    for one in pid.repetitions(3) if pid else ():
        value, root = one.value(1).strip(), one.value(4, 2).strip()
        if not value or value == '""':
            continue
        if "." in root:
            by_root.setdefault(root, set()).add(value)
        else:
            bare.add(value)  # the domain is told by name or FINESS: no OID to compare
    shared = False
    for root in {root for root, _ in header.patients} & by_root.keys():
        numbers = {number for of, number in header.patients if of == root}
        if not numbers & by_root[root]:
            return False
        shared = True
    if shared or bare & {number for of, number in header.patients if of not in by_root}:
        return True
    return None
