"""The settings that decisions read. Values only; runtime.settings builds them from files."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import Field

from engine.model.capacity import Capacity
from engine.model.care import Half
from engine.model.letter import Thread, UnitFace
from engine.model.people import Role
from engine.model.release import Around
from engine.model.stay import GpState
from engine.model.value import Value


class Mode(StrEnum):
    """In test mode every mail goes to the declared test mailboxes only."""

    PRODUCTION = "production"
    TEST = "test"


class IfNotAsked(StrEnum):
    """Whether letters tell the detention while nobody recorded what the patient wants of that."""

    TOLD = "told"
    DISCREET = "discreet"


class Delays(Value):
    """How long to hold back, so that corrections arrive before anything leaves."""

    arrival: timedelta = Field(default=timedelta(minutes=30), description="After an arrival.")
    release: timedelta = Field(default=timedelta(hours=2), description="After a release.")
    version: timedelta = Field(
        default=timedelta(minutes=15), description="After a further document, before a new version."
    )
    consultation: timedelta = Field(
        default=timedelta(hours=72),
        description="After an arrival: how long to wait for consent and the GP before a task.",
    )


# Defaults that a site may change in relais.toml.
NOTICE_MAX_AGE: Final = timedelta(days=30)
TRANSFER_WINDOW: Final = timedelta(hours=24)
AWAY_MAX: Final = timedelta(days=60)
VETOED_STATUS: Final = (
    *("ANOM", "FICT", "USUR", "DOUB", "DESA", "COLP", "COLV", "CACH", "DOUT", "HOMA", "DPOT"),
    "DOUA",
)


class Vetoes(Value):
    """Which flags of a person silence everything until a person has looked. Each is on at first:
    a site that uses one for something else turns it off."""

    data_protected: bool = Field(default=True, description="PD1-12 is Y.")
    visit_protected: bool = Field(default=True, description="PV2-22 is Y.")
    vip: bool = Field(default=True, description="PV1-16 is Y.")
    contact_not_told: bool = Field(default=True, description="An NK1-7 is P.")
    identity_unknown: bool = Field(default=True, description="PID-31 is Y.")


class WithoutGp(Value):
    """Whom a person may turn to for a patient without a médecin traitant: mappings/rules/."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="Of the rule.")
    gp: tuple[GpState, ...] = Field(
        default=(GpState.NONE, GpState.NOT_RECORDED), description="States in which it is meant."
    )
    thread: tuple[Thread, ...] = Field(
        default=(Thread.EXIT,), description="arrival, exit: when it is told."
    )
    units: tuple[str, ...] = Field(default=(), description="USMP keys; empty: every unit.")
    halves: tuple[Half, ...] = Field(
        default=(), description="A half that saw the patient; empty: whichever."
    )
    items: tuple[str, ...] = Field(
        default=(),
        description="Items of the summary of which one was told by a trusted message; empty: "
        "whatever was told.",
    )
    service: str = Field(description="Kind of service, as the territory file has it.")
    areas: tuple[str, ...] = Field(default=(), description="Of the territory file; empty: all.")
    role: Role = Field(description="What of a letter that service may be shown: roles.toml.")


class Policy(Value):
    """Everything `decide` needs to know of the site."""

    mode: Mode
    delays: Delays = Delays()
    unit_delays: dict[str, Delays] = Field(default_factory=dict, description="By USMP key.")
    units: dict[str, UnitFace] = Field(default_factory=dict, description="By USMP key.")
    detention_if_not_asked: IfNotAsked = IfNotAsked.TOLD
    test_mailboxes: tuple[str, ...] = ()
    notice_max_age: timedelta = Field(
        default=NOTICE_MAX_AGE,
        description="An arrival or exit older than this is not told about: a person decides.",
    )
    transfer_window: timedelta = Field(
        default=TRANSFER_WINDOW,
        description="An exit followed within this by an arrival in another USMP is a transfer.",
    )
    away_max: timedelta = Field(
        default=AWAY_MAX,
        description="A patient away (hospital, leave) for longer is asked about.",
    )
    vetoed_status: tuple[str, ...] = Field(
        default=VETOED_STATUS,
        description="PID-32 values that silence everything until a person has looked.",
    )
    vetoes: Vetoes = Vetoes()
    capacity: Capacity = Capacity()
    without_gp: tuple[WithoutGp, ...] = ()
    time_zone: str = Field(default="Europe/Paris", description="Of days without an hour.")
    around: Around = Around()

    def delays_of(self, usmp: str) -> Delays:
        """The delays of one unit, or the general ones."""
        return self.unit_delays.get(usmp, self.delays)
