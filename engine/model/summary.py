"""What an exit letter has to say, before any format: the one content model of all renderings.

Source: the national items of the discharge letter (LDL-SES 2022.01, CI-SIS), and those that matter
at a prison's door. Words are French, as the reader will see them. Every item is known by who said
it (``Contribution.said``); what its author has not validated is never shown to anybody.
"""

import unicodedata
from datetime import date, time
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from engine.model.care import Half
from engine.model.people import Professional
from engine.model.value import Value

Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=200_000)]

# A stay has tens of each; what has more was made to keep a letter from being written.
MOST_OF_A_KIND: Final = 500
MOST_CHARACTERS: Final = 200_000  # of all texts of one source: some sixty pages

_T = TypeVar("_T")
Several = Annotated[tuple[_T, ...], Field(max_length=MOST_OF_A_KIND)]


class Source(StrEnum):
    """How an item reached us."""

    DOCUMENT = "document"  # a document of the DPI: MDM or ORU
    FORM = "form"  # the documented JSON form
    MESSAGE = "message"  # a segment of an ADT, RDE, VXU or SIU message
    PERSON = "person"  # the command line


class Said(Value):
    """Provenance and validation of a contribution."""

    source: Source
    reference: str = Field(
        repr=False, description="Number of the document, or MSH-10 of the message."
    )
    at: AwareDatetime
    author: Professional | None = Field(default=None, repr=False)
    validated: bool


class Code(Value):
    """A code and the OID of its system."""

    code: Line
    system: Annotated[str, StringConstraints(pattern=r"^[0-2](\.(0|[1-9]\d*))+$")]
    display: Line | None = None


class Change(StrEnum):
    """What the stay did to a treatment."""

    STARTED = "started"
    CHANGED = "changed"
    CONTINUED = "continued"
    STOPPED = "stopped"


class Treatment(Value):
    """One medicine: at discharge, or stopped during the stay (``change`` = stopped)."""

    label: Line
    codes: tuple[Code, ...] = Field(default=(), description="CIS, CIP, UCD, ATC or MV.")
    posology: Line | None = None
    route: Line | None = None
    start: date | None = None
    end: date | None = Field(default=None, description="Last day of the prescription.")
    change: Change | None = None
    reason: Line | None = Field(default=None, description="Why it was started, changed, stopped.")


class Allergy(Value):
    """A substance that the patient does not bear. ``kind`` is SNOMED CT, JDV ...5.794."""

    label: Line
    kind: Code | None = None
    substance: Code | None = None
    reaction: Line | None = None
    since: date | None = None


class Diagnosis(Value):
    """A disease; CIM-10 (2.16.840.1.113883.6.3) where coded."""

    label: Line
    code: Code | None = None
    chronic: bool = False
    since: date | None = None


class Result(Value):
    """An examination; ``value`` is None while it is awaited."""

    label: Line
    code: Code | None = None
    value: Line | None = None
    unit: Line | None = None
    at: date | None = None
    abnormal: bool = False


class Contact(Value):
    """A person or a place that takes over."""

    name: Line
    role: Line | None = None
    address: Line | None = None
    phone: Line | None = None
    since: date | None = None


class Appointment(Value):
    """Who, where, when."""

    label: Line
    day: date | None = Field(default=None, description="None: still to be booked.")
    hour: time | None = None
    place: Line | None = None
    phone: Line | None = None


class Vaccination(Value):
    """One vaccine given, or due."""

    label: Line
    day: date | None = None
    code: Code | None = None
    due: date | None = Field(default=None, description="Next dose.")


class Device(Value):
    """A medical device that the patient wears or carries; EMDN where coded."""

    label: Line
    code: Code | None = None
    day: date | None = None


class PlannedCare(Value):
    """Something to be done after the release."""

    label: Line
    due: date | None = None


class OpioidSubstitution(Value):
    """Treatment of opioid dependence, as the next prescriber needs it."""

    drug: Line
    dose: Line | None = None
    last_dose: Line | None = Field(default=None, description="Day and hour, as the unit wrote it.")
    prescription_end: date | None = None
    pharmacy: Contact | None = None
    prescriber: Contact | None = None


class LongActingInjection(Value):
    """A depot treatment."""

    drug: Line
    dose: Line | None = None
    last: date | None = None
    next_due: date | None = None


class Tuberculosis(Value):
    """Treatment under way, and who follows it (CLAT)."""

    treatment: Line
    start: date | None = None
    end: date | None = None
    clat: Contact | None = None


class Virus(StrEnum):
    """Screenings that are offered on arrival."""

    HBV = "HBV"
    HCV = "HCV"
    HIV = "HIV"


class Screening(Value):
    """Offered, done, told to the patient, treated."""

    virus: Virus
    offered: bool | None = None
    result: Line | None = None
    told: bool | None = Field(default=None, description="The patient was given the result.")
    treatment: Line | None = None


class Prescription(Value):
    """What the patient left with."""

    days: int | None = Field(default=None, ge=0, le=366)
    covered_until: date | None = None
    pharmacy: Contact | None = None


class RightKind(StrEnum):
    """Social rights that care depends on."""

    C2S = "C2S"
    AME = "AME"
    ALD = "ALD"
    CNPE = "CNPE"
    OTHER = "other"


class Right(Value):
    """One right, and how it stands."""

    kind: RightKind
    state: Line
    until: date | None = None


class Narrative(Value):
    """A part of a document that has no item of its own here: nothing is lost."""

    heading: Line | None = None
    text: Prose


class Items(Value):
    """What one source says. An absent item says nothing; ``*_none`` says that there is none."""

    reason: Prose | None = Field(default=None, description="Why the unit took the patient in.")
    synthesis: Prose | None = Field(default=None, description="Medical synthesis of the stay.")
    events: Several[Line] = ()
    diagnoses: Several[Diagnosis] = ()
    treatments: Several[Treatment] = ()
    treatments_none: bool = False
    allergies: Several[Allergy] = ()
    allergies_none: bool = False
    results: Several[Result] = ()
    vaccinations: Several[Vaccination] = ()
    devices: Several[Device] = ()
    plan: Several[PlannedCare] = ()
    appointments: Several[Appointment] = ()
    opioid: OpioidSubstitution | None = None
    naloxone: bool | None = Field(default=None, description="A kit was given.")
    injections: Several[LongActingInjection] = ()
    tuberculosis: Tuberculosis | None = None
    screenings: Several[Screening] = ()
    addictions: Prose | None = None
    csapa: Contact | None = None
    psychiatric_follow_up: Prose | None = None
    cmp: Contact | None = None
    suicide_risk: Prose | None = None
    prescription: Prescription | None = None
    rights: Several[Right] = ()
    housing: Prose | None = Field(default=None, description="As far as care depends on it.")
    relays: Several[Contact] = ()
    told: Prose | None = Field(default=None, description="What the patient was told and agreed to.")
    multiresistant: bool | None = Field(default=None, description="Micro-organisms looked for.")
    transfusion: bool | None = None
    blood_products: bool | None = None
    narratives: Several[Narrative] = ()

    @model_validator(mode="after")
    def _is_a_letter(self) -> "Items":
        if _characters(self) > MOST_CHARACTERS:
            raise ValueError(f"its texts hold more than {MOST_CHARACTERS} characters")
        return self


def is_blank(text: str) -> bool:
    """Whether nothing of a text would be seen: white space, control and zero-width signs alone."""
    return all(unicodedata.category(char)[0] in "CZ" for char in text)


def _characters(value: Any) -> int:
    match value:
        case str():
            return len(value)
        case tuple():
            return sum(map(_characters, value))
        case Value():
            return sum(_characters(getattr(value, name)) for name in type(value).model_fields)
        case _:
            return 0


class Contribution(Value):
    """What one source said, and which half of the unit answers for it."""

    half: Half
    said: Said
    items: Items = Field(repr=False)


class ExitSummary(Value):
    """All that a letter says of the stay, each item with its provenance: DSS first."""

    contributions: tuple[Contribution, ...] = ()
