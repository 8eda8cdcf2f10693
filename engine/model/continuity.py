"""How far a release is covered: what the person needs, who agreed, who was told."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from engine.model.value import Value


class Need(StrEnum):
    """Why a released person needs follow-up. Source: the Lille study's definition (domain.md)."""

    CHRONIC_DISEASE = "chronic-disease"
    TREATMENT = "treatment"  # to be renewed or assessed anew
    VACCINATION = "vaccination"  # a schedule to complete
    EXAMINATION = "examination"  # due or awaited after the release
    APPOINTMENT = "appointment"


class Rung(StrEnum):
    """From the gate to the doctor who has read: each stands on the one before."""

    RELEASED = "released"
    AGREED = "agreed"
    GP_KNOWN = "gp-known"
    LETTER_SENT = "letter-sent"
    PROVEN = "proven"


class Continuity(Value):
    """One release. What lacks holds a word of decide.reasons; None: it does not lack."""

    released_at: AwareDatetime
    needs: tuple[Need, ...] = Field(description="(): none that a machine can read; never 'no'.")
    agreement_lacks: str | None = None
    gp_lacks: str | None = None
    letter: str | None = Field(default=None, description="The delivery that carries the letter.")
    letter_lacks: str | None = Field(default=None, description="Why none has left.")
