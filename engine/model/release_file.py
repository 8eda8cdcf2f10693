"""A file of coming releases: the list of the greffe, once the unit has put its patient numbers to
it. CSV and JSON say the same: docs/release-files.md.
"""

from datetime import date
from enum import StrEnum
from typing import Final, Literal

from pydantic import AwareDatetime, Field, model_validator

from engine.model.consent_file import MOST_LINES
from engine.model.summary import Line
from engine.model.value import Value

RELEASES: Final = "RELEASES"  # as the journal's message type


class ReleaseState(StrEnum):
    """What a line says."""

    PLANNED = "planned"
    CANCELLED = "cancelled"


class ReleaseLine(Value):
    """One release that is planned, or no longer."""

    patient: Line = Field(repr=False, description="The hospital's patient number (IPP), PID-3.1.")
    authority: Line | None = Field(
        default=None, description="Its numbering domain; else the folder's, or the only one."
    )
    visit: Line | None = Field(
        default=None, repr=False, description="PV1-19; else the stay in course at `at`."
    )
    state: ReleaseState = ReleaseState.PLANNED
    on: date | None = Field(default=None, repr=False, description="The day of the release.")
    at: AwareDatetime = Field(description="When the list was made, with its offset.")
    by: Line = Field(repr=False, description="Who made it.")

    @model_validator(mode="after")
    def _has_a_day_or_none(self) -> "ReleaseLine":
        if (self.on is None) != (self.state is ReleaseState.CANCELLED):
            raise ValueError("a planned release has a day, and a cancelled one has none")
        return self


class ReleaseFile(Value):
    """The JSON shape of such a file."""

    releases: Literal["relais-releases/1"] = Field(description="What this is, in which version.")
    statements: tuple[ReleaseLine, ...] = Field(max_length=MOST_LINES)
