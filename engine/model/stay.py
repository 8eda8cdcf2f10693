"""One patient as known now, and each stay under a unit's care: what the fold gives.

Values only. How facts become these is decide.fold; what must be said of them is decide.plan.
"""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from engine.model.capacity import Protection
from engine.model.consent import ConsentState, ConsentStated
from engine.model.fact import DocumentForm, ExitKind, Half, Visibility
from engine.model.people import Professional, Traits
from engine.model.release import PlannedRelease
from engine.model.summary import Contribution, Source
from engine.model.value import Value


class Presence(StrEnum):
    """Where the patient of a stay is."""

    INSIDE = "inside"
    HOSPITAL = "hospital"
    ON_LEAVE = "on-leave"
    OUT = "out"


class Exit(Value):
    """The way out of a stay, as known now."""

    kind: ExitKind
    at: AwareDatetime
    movement: str
    heard_at: AwareDatetime = Field(description="Last time anything was said of this movement.")
    evidence: tuple[str, ...] = ()


class Document(Value):
    """A document of the DPI in force: not replaced, not withdrawn."""

    document: str = Field(repr=False)
    half: Half | None
    form: DocumentForm
    content: str = Field(description="SHA-256 (hex) of the bytes kept in the store.")
    type_code: str
    written_at: AwareDatetime
    heard_at: AwareDatetime
    validated: bool
    masked: bool
    visibility: tuple[Visibility, ...] = ()
    author: Professional | None = Field(default=None, repr=False)
    source: Source = Source.DOCUMENT

    @property
    def usable(self) -> bool:
        """Validated by its author, of a known half, and not hidden from professionals."""
        return self.validated and not self.masked and self.half is not None

    @property
    def part(self) -> str:
        """``DSS:<sha256>``: what a letter carries of it (``Delivery.parts``)."""
        return f"{self.half}:{self.content}"


class Consent(Value):
    """What is in force for one purpose and one doctor."""

    state: ConsentState
    said: ConsentStated | None = Field(default=None, description="The statement that counts.")


class Stay(Value):
    """A time under the care of one USMP.

    ``key`` is stable under any order of arrival, and no merge changes it: patient key of the
    arrival, visit, USMP, and the how-many-eth stay of that visit in that USMP. Deliveries,
    documents and tasks are named after it.
    """

    key: str = Field(repr=False)
    usmp: str
    visit: str = Field(repr=False, description="The visit whose discharge ends the stay.")
    visits: tuple[str, ...] = Field(repr=False)
    others: tuple[str, ...] = Field(
        default=(), repr=False, description="Visits begun in the unit while the stay lasted."
    )
    account: str | None = Field(default=None, repr=False)
    arrived_at: AwareDatetime
    arrival_heard_at: AwareDatetime
    halves: tuple[Half, ...] = ()
    presence: Presence = Presence.INSIDE
    away_since: AwareDatetime | None = Field(
        default=None, description="Since when the patient is elsewhere."
    )
    left_hospital_at: AwareDatetime | None = Field(
        default=None, description="The hospital's own visit ended, and nobody came back."
    )
    exit: Exit | None = None
    came_back_at: AwareDatetime | None = Field(
        default=None, description="Start of the next stay in the same USMP, if there is one."
    )
    doubts: tuple[str, ...] = Field(default=(), description="Names of what a person must look at.")
    documents: tuple[Document, ...] = ()
    consents: tuple[ConsentStated, ...] = Field(default=(), description="All that bear on it.")
    background: tuple[Contribution, ...] = Field(
        default=(),
        description="What messages said besides: it enriches a letter, and never calls for one.",
    )
    gp_confirmed: bool = Field(
        default=False, description="A person confirmed, for this stay, the doctor declared now."
    )
    confirmations: tuple[str | Professional, ...] = Field(
        default=(), repr=False, description="Doctors confirmed for it: RPPS, or as a message names."
    )
    gp_looked_up: bool = Field(
        default=False, description="Somebody brought an answer of the portal back, for this stay."
    )
    planned: PlannedRelease = PlannedRelease()


def unit_of_key(stay: str) -> str:
    """The USMP in the key of a stay, which outlives the stay itself. See ``Stay``."""
    return stay.rpartition("@")[2].rpartition("#")[0]


def visit_of_key(stay: str) -> str:
    """The visit number in the key of a stay."""
    return stay.rpartition("@")[0].rpartition("/")[2]


class GpSaid(Value):
    """One thing that was said of the médecin traitant; what is said again counts from the first
    time, until something else is said there."""

    source: str = Field(description="'record', or a model.fact.GpSource.")
    doctor: Professional | None = Field(default=None, repr=False)
    none: bool = Field(default=False, description="The patient has none.")
    at: AwareDatetime
    by: str = Field(default="", repr=False)


class GpState(StrEnum):
    """What is known of the médecin traitant: four states, none of which is another."""

    CONFIRMED = "known-confirmed"
    UNCONFIRMED = "known-unconfirmed"
    NOT_RECORDED = "not-recorded"
    NONE = "none"  # the patient has none


class Person(Value):
    """The patient's traits as known now."""

    patient: str = Field(repr=False, description="Patient key that survives.")
    keys: tuple[str, ...] = Field(repr=False, description="All keys, merged ones included.")
    traits: Traits
    gp: Professional | None = Field(
        default=None, repr=False, description="The doctor to go by: see decide.gp."
    )
    gp_named: Professional | None = Field(
        default=None,
        repr=False,
        description="The same as a message names them, where the directory gave the number.",
    )
    gp_said: tuple[GpSaid, ...] = Field(
        default=(), repr=False, description="What each source says now; silent ones are left out."
    )
    gp_disputed: bool = Field(
        default=False, description="The sources disagree, and nobody decided since."
    )
    no_gp: bool = Field(default=False, description="A source says that the patient has none.")
    disowned: tuple[str, ...] = Field(
        default=(), repr=False, description="Doctors who said 'not my patient', by RPPS."
    )
    reinstated: tuple[str, ...] = Field(
        default=(), repr=False, description="Those of them whom a person confirmed afterwards."
    )
    dead: bool = Field(default=False, description="PID-30, PID-29, or a discharge by death.")
    in_doubt: tuple[str, ...] = Field(
        default=(),
        description="Fields in which the record contradicts itself: a death taken back, two "
        "merged records of people who differ.",
    )
    test: bool = Field(default=False, description="Some fact came from a test message.")
    protection: Protection = Protection()
    known_as: tuple[Traits, ...] = Field(
        default=(),
        repr=False,
        description="What the traits were before, each once, oldest first; the present ones last.",
    )

    @property
    def not_theirs(self) -> frozenset[str]:
        """Doctors whose patient this is not: they said so, and nobody confirmed them since."""
        return frozenset(self.disowned) - frozenset(self.reinstated)


class Orphan(Value):
    """An exit, or a change, of a stay whose arrival was never heard."""

    movement: str
    event: str
    at: AwareDatetime
    heard_at: AwareDatetime


class Record(Value):
    """All that is known of one patient."""

    person: Person
    stays: tuple[Stay, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    consents: tuple[ConsentStated, ...] = Field(
        default=(), description="All of them: a stay that was taken back has none of its own."
    )
