"""What we want to say, before any format."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from engine.model.consent import Purpose
from engine.model.fact import Half, Visibility
from engine.model.people import Ins, Mailbox
from engine.model.summary import ExitSummary
from engine.model.value import Value


class LetterKind(StrEnum):
    """Also the name of the template's folder in mappings/letters/."""

    ARRIVAL_NOTICE = "arrival-notice"
    EXIT_NOTICE = "exit-notice"
    EXIT_LETTER = "exit-letter"
    ARRIVAL_CANCELLED = "arrival-cancelled"
    EXIT_CANCELLED = "exit-cancelled"


class Thread(StrEnum):
    """A chain of versions: each replaces the one before (same setId)."""

    ARRIVAL = "arrival"
    EXIT = "exit"


THREAD_OF = {
    LetterKind.ARRIVAL_NOTICE: Thread.ARRIVAL,
    LetterKind.EXIT_NOTICE: Thread.EXIT,
    LetterKind.EXIT_LETTER: Thread.EXIT,
    LetterKind.ARRIVAL_CANCELLED: Thread.ARRIVAL,
    LetterKind.EXIT_CANCELLED: Thread.EXIT,
}

# The notice that takes a letter back. A notice itself is taken back by the letter that follows.
CANCELLATION_OF = {
    LetterKind.ARRIVAL_NOTICE: LetterKind.ARRIVAL_CANCELLED,
    LetterKind.EXIT_NOTICE: LetterKind.EXIT_CANCELLED,
    LetterKind.EXIT_LETTER: LetterKind.EXIT_CANCELLED,
}
CANCELLATIONS = frozenset(CANCELLATION_OF.values())

PURPOSE_OF_HALF = {
    Half.DSS: Purpose.EXIT_LETTER_SOMATIC,
    Half.DSP: Purpose.EXIT_LETTER_PSYCHIATRIC,
}


# Of the unit's leaflet in a mail. No word of the patient, nor of where the unit is: mail clients
# show the names of files before anything else.
LEAFLET_NAME = "Presentation de l'unite.pdf"

HEADINGS = {
    Half.DSS: "Prise en charge somatique",
    Half.DSP: "Prise en charge psychiatrique",
}


class LetterPatient(Value):
    """The patient as a letter names them. ``ins`` is there only when it is qualified."""

    ipp: str = Field(repr=False)
    ipp_oid: str = Field(description="OID of the hospital's own domain of patient numbers.")
    ins: Ins | None = Field(default=None, repr=False)
    birth_family: str = Field(repr=False)
    birth_given: str = Field(repr=False)
    birth_given_all: str = Field(repr=False)
    used_family: str | None = Field(default=None, repr=False)
    used_given: str | None = Field(default=None, repr=False)
    birth_date: str = Field(repr=False, description="YYYY, YYYYMM or YYYYMMDD.")
    sex: str = Field(description="F, M or U.")
    birth_place_code: str | None = Field(default=None, repr=False)


class Signatory(Value):
    """A physician who answers for a letter or wrote a part of it."""

    rpps: str = Field(repr=False)
    family: str = Field(repr=False)
    given: str = Field(repr=False)
    specialty_code: str | None = Field(default=None, description="JDV_J01, such as G15_10/SM54.")
    specialty: str | None = None


class UnitFace(Value):
    """What a letter shows of the unit that writes: letterhead, addresses, numbers."""

    hospital: str
    finess: str = Field(description="9 characters, legal entity or site of the custodian.")
    unit: str
    address: tuple[str, ...] = ()
    city: str
    name_dss: str = Field(
        default="Soins somatiques (DSS)", description="The somatic half, beside its part."
    )
    name_dsp: str = Field(
        default="Soins psychiatriques (DSP)", description="The psychiatric half, beside its part."
    )
    phone_dss: str | None = None
    phone_dsp: str | None = None
    secure_address: str = Field(description="MSSanté address of the unit, read by people.")
    signature: str = Field(default="L'équipe de l'unité sanitaire")
    responsible: Signatory
    neutral: "UnitFace | None" = Field(
        default=None, description="Instead, where the detention must not be told; None: no letter."
    )


class Annex(Value):
    """A part that the DPI gave as a PDF; it becomes pages of the letter."""

    half: Half
    heading: str
    pdf: bytes = Field(repr=False)
    author: Signatory | None = Field(default=None, repr=False)
    written_at: AwareDatetime


class Replaced(Value):
    """The version that this one annuls and replaces."""

    document_oid: str
    version: int
    message_id: str
    issued_at: AwareDatetime
    halves: tuple[Half, ...] = Field(default=(), description="Whose part it carried.")
    modified: tuple[Half, ...] = Field(
        default=(), description="Whose part both versions carry, and not with the same content."
    )
    summary: ExitSummary | None = Field(
        default=None, repr=False, description="What it said; None when that can no longer be told."
    )


class Letter(Value):
    """One version of one letter to one doctor: the only source of all its renderings."""

    kind: LetterKind
    delivery: str = Field(description="Delivery id: lower-case letters and digits.")
    document_oid: str = Field(description="CDA id/@root, an OID, new for each version.")
    set_oid: str = Field(description="CDA setId/@root, the same for all versions.")
    version: int = Field(ge=1)
    replaces: Replaced | None = None
    issued_at: AwareDatetime
    patient: LetterPatient
    recipient: Mailbox
    unit: UnitFace = Field(description="The face that is shown: the neutral one when discreet.")
    discreet: bool = Field(
        default=False, description="Nothing of the detention may show, in any rendering."
    )
    visit: str = Field(repr=False)
    visit_oid: str
    arrived_at: AwareDatetime
    left_at: AwareDatetime | None = None
    summary: ExitSummary = Field(default=ExitSummary(), repr=False)
    annexes: tuple[Annex, ...] = ()
    visibility: tuple[Visibility, ...] = Field(
        default=(), description="What the authors of its documents hid; the metadata say it on."
    )
    withheld: tuple[Half, ...] = Field(
        default=(), description="Halves whose part is still awaited; never one that was refused."
    )
