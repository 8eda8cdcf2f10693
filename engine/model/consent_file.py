"""A file of agreements: what a unit's own form, or another program, says of the patients' will.

CSV and JSON say the same: docs/consent-files.md.
"""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints, field_validator

from engine.model.consent import MEDECIN_TRAITANT, Collected, ConsentState, Purpose, Voice
from engine.model.people import rpps_ok
from engine.model.summary import Line
from engine.model.value import Value

CONSENTS: Final = "CONSENTS"  # as the journal's message type
MOST_LINES: Final = 5_000


class ConsentLine(Value):
    """One statement of will, by one person, about one patient."""

    patient: Line = Field(repr=False, description="The hospital's patient number (IPP), PID-3.1.")
    authority: Line | None = Field(
        default=None, description="Its numbering domain; else the folder's, or the only one."
    )
    visit: Line | None = Field(
        default=None, repr=False, description="PV1-19; else the stay in course at `at`."
    )
    purpose: Purpose
    recipient: str = Field(
        default=MEDECIN_TRAITANT, repr=False, description="An RPPS, or 'medecin-traitant'."
    )
    state: ConsentState
    at: AwareDatetime = Field(description="When it was said, with its offset.")
    by: Line = Field(repr=False, description="Who collected it.")
    how: Collected = Collected.UNKNOWN
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None
    voice: Voice = Voice.PATIENT

    @field_validator("recipient")
    @classmethod
    def _is_a_doctor(cls, recipient: str) -> str:
        if recipient != MEDECIN_TRAITANT and not rpps_ok(recipient):
            raise ValueError("is no RPPS, nor 'medecin-traitant'")
        return recipient


class ConsentFile(Value):
    """The JSON shape of such a file."""

    consents: Literal["relais-consents/1"] = Field(description="What this is, in which version.")
    statements: tuple[ConsentLine, ...] = Field(max_length=MOST_LINES)
