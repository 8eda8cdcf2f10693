"""Patients, professionals, mailboxes; their identifiers and their check keys."""

import re
import unicodedata
from enum import StrEnum
from typing import Final

from pydantic import Field

from engine.model.value import Value

QUALIFIED: Final = "VALI"  # PID-32 of an identity checked against an identity paper
INS_NIR: Final = "1.2.250.1.213.1.4.8"
INS_NIA: Final = "1.2.250.1.213.1.4.9"
INS_NIR_TEST: Final = "1.2.250.1.213.1.4.10"
INS_NIR_DEMO: Final = "1.2.250.1.213.1.4.11"
INS_REAL: Final = frozenset({INS_NIR, INS_NIA})
INS_FICTITIOUS: Final = frozenset({INS_NIR_TEST, INS_NIR_DEMO})

_LIGATURES: Final = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ẞ": "SS", "ł": "l", "Ł": "L"}
)


class Ins(Value):
    """National health identity (INS) as received in PID-3 with CX-5 ``INS``.

    Source  PID-3.1 and PID-3.4.2. Spec: PAM FR 2.11, section 3; CI-SIS annex INS.
    """

    matricule: str = Field(repr=False, description="15 characters, key included.")
    oid: str = Field(description="Namespace: 1.2.250.1.213.1.4.8 to .11.")

    @property
    def fictitious(self) -> bool:
        """True for the test and demonstration namespaces."""
        return self.oid in INS_FICTITIOUS


class Traits(Value):
    """What a message says of a person; an absent value means "unchanged".

    Source  PID, PD1, PV1-16, PV2-22. Spec: PAM FR 2.11, section 3.
    """

    ins: Ins | None = Field(default=None, repr=False)
    birth_family: str | None = Field(default=None, repr=False, description="PID-5 of type L.")
    birth_given: str | None = Field(
        default=None, repr=False, description="XPN-2: first given name."
    )
    birth_given_all: str | None = Field(default=None, repr=False, description="XPN-3: all of them.")
    used_family: str | None = Field(default=None, repr=False, description="PID-5 of type D.")
    used_given: str | None = Field(default=None, repr=False)
    birth_date: str | None = Field(
        default=None, repr=False, description="PID-7 cut to YYYY, YYYYMM or YYYYMMDD."
    )
    sex: str | None = Field(default=None, repr=False, description="PID-8: F, M or U.")
    birth_place_code: str | None = Field(default=None, repr=False, description="COG code, 5 chars.")
    identity_status: tuple[str, ...] | None = Field(default=None, description="PID-32.")
    identity_unknown: bool | None = Field(default=None, description="PID-31.")
    dead: bool | None = Field(default=None, description="PID-30, or a date in PID-29.")
    data_protected: bool | None = Field(default=None, description="PD1-12 = Y.")
    visit_protected: bool | None = Field(default=None, description="PV2-22 = Y.")
    vip: bool | None = Field(default=None, description="PV1-16 = Y.")
    contact_not_told: bool | None = Field(default=None, description="An NK1-7 is P.")
    has_no_gp: bool | None = Field(default=None, description="PV2-7 says SM: no médecin traitant.")


class Professional(Value):
    """A doctor as a message or a directory names them."""

    rpps: str | None = Field(default=None, repr=False, description="11 digits, Luhn.")
    other_id: str | None = Field(default=None, repr=False, description="ADELI or local id.")
    family: str = Field(default="", repr=False)
    given: str = Field(default="", repr=False)
    specialty_code: str | None = Field(default=None, description="JDV_J01, such as G15_10/SM54.")
    specialty: str | None = Field(default=None, description="Its label.")
    postal: str | None = Field(default=None, repr=False, description="Of the practice.")
    town: str | None = Field(default=None, repr=False)
    phone: str | None = Field(default=None, repr=False)


class MailboxType(StrEnum):
    """TRE_R257: who reads a MSSanté mailbox."""

    PER = "PER"
    ORG = "ORG"
    APP = "APP"
    CAB = "CAB"


class Role(StrEnum):
    """As what somebody reads a letter: mappings/letters/roles.toml says what each is shown."""

    GP = "gp"  # médecin traitant
    CSAPA = "csapa"  # addiction centre
    CMP = "cmp"  # psychiatric centre
    NURSE = "nurse"
    CLAT = "clat"  # tuberculosis centre
    COORDINATOR = "coordinator"


class Mailbox(Value):
    """One line of the directory file: a doctor and one address that reaches them."""

    rpps: str = Field(repr=False)
    family: str = Field(repr=False)
    given: str = Field(repr=False)
    place: str = Field(default="", repr=False)
    address: str = Field(repr=False)
    postal: tuple[str, ...] = Field(
        default=(), repr=False, description="Lines of the postal address, the name left out."
    )
    type: MailboxType
    channel: str = Field(description="Name of a [channels.*] table of the configuration.")
    role: Role = Field(default=Role.GP, description="As what its reader is shown a letter.")


def luhn_ok(digits: str) -> bool:
    """Check the Luhn key that an RPPS carries over its 11 digits, a FINESS over its 9."""
    if not digits.isascii() or not digits.isdigit():
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        n = int(digit)
        if place % 2:
            n = n * 2 - 9 if n > 4 else n * 2
        total += n
    return total % 10 == 0


def rpps_ok(rpps: str) -> bool:
    """Eleven digits whose Luhn key holds."""
    return len(rpps) == 11 and luhn_ok(rpps)


def nir_key_ok(matricule: str) -> bool:
    """Check the key of a NIR or NIA: 97 - (13 characters mod 97), 2A read 19 and 2B read 18."""
    if not re.fullmatch(r"[0-9]{5}(?:[0-9]{2}|2[AB])[0-9]{8}", matricule):
        return False
    body = matricule[:13].replace("2A", "19").replace("2B", "18")
    return int(matricule[13:]) == 97 - int(body) % 97


def unaccented(text: str) -> str:
    """Fold accents and ligatures: ``Lefèvre-Cœur`` gives ``Lefevre-Coeur``."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def comparable_name(name: str) -> str:
    """Fold a name so that two spellings of it compare equal: letters only, upper case."""
    return re.sub(r"[^A-Z]", "", unaccented(name).upper())
