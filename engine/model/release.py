"""A release still to come: who said for which day, and what is known of it now.

It is penal data: it serves those who organise the way out, and stands in no letter, log, metric or
name of a file. What follows from it is decide.release.
"""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from engine.model.value import Value

PREPARE: Final = timedelta(days=14)
COORDINATOR: Final = timedelta(hours=48)
CHECK: Final = timedelta(days=7)


class ReleaseSource(StrEnum):
    """Who said it. Two sources that disagree contradict each other: none overrides the other."""

    RECORD = "record"  # the hospital's record: PV2-9, A16, A25, as the mapping declares
    REGISTRY = "registry"  # the list of the greffe
    PERSON = "person"  # the command line


class ReleasePlanned(Value):
    """One statement about the day of a release still to come."""

    kind: Literal["release-planned"] = "release-planned"
    on: date | None = Field(repr=False, description="None: no release is planned any more.")
    source: ReleaseSource
    at: AwareDatetime = Field(description="When it was said.")
    by: str = Field(repr=False, description="Who said it, or the field it was read in.")
    visit: str | None = Field(
        default=None, repr=False, description="PV1-19; None: of the stay in course at `at`."
    )


class PlannedRelease(Value):
    """What a stay's statements come to."""

    days: tuple[date, ...] = Field(
        default=(), repr=False, description="Those that stand; several contradict each other."
    )
    withdrawn: bool = Field(
        default=False, description="Some source says that none is planned, against others."
    )
    said: tuple[ReleasePlanned, ...] = Field(
        default=(), repr=False, description="The statements that stand, one or more a source."
    )

    @property
    def contradicted(self) -> bool:
        """Whether the statements that stand disagree."""
        return len(self.days) + self.withdrawn > 1

    @property
    def on(self) -> date | None:
        """The day, where there is one and nothing contradicts it."""
        return None if self.contradicted or not self.days else self.days[0]


class ToldCoordinator(NamedTuple):
    """What a coordinator was told of one stay, as those who called have answered."""

    week: str = ""  # "week of 2026-03-23"; empty: nothing that still stands
    recalls: int = 0  # how often they were told that it no longer holds


class Around(Value):
    """How long before and after a release a person is asked for something."""

    prepare: timedelta = Field(
        default=PREPARE,
        ge=timedelta(0),
        description="Before a planned release: call the doctor, book appointments.",
    )
    coordinator: timedelta = Field(
        default=COORDINATOR,
        ge=timedelta(0),
        description="Before a planned release: the coordinator is told, if the patient agreed. "
        "'0s': the territory has none.",
    )
    check: timedelta = Field(
        default=CHECK,
        ge=timedelta(days=1),
        description="After a release with need: were the appointments kept?",
    )
