"""Who must agree besides the patient: what is recorded of a person's legal capacity.

The rules are decide.capacity. Nothing here is ever written in a letter.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from engine.model.value import Value


class Regime(StrEnum):
    """A measure of protection of an adult (Code civil, art. 425 to 494-12)."""

    NONE = "none"
    TUTELLE = "tutelle"
    CURATELLE = "curatelle"
    SAUVEGARDE = "sauvegarde"
    HABILITATION_FAMILIALE = "habilitation-familiale"
    MANDAT_DE_PROTECTION_FUTURE = "mandat-de-protection-future"
    UNKNOWN = "unknown"  # there is one, and the record does not say which


# With representation (art. L1111-4 CSP speaks of these); a regime that is not named may be one.
REPRESENTED: Final = (
    *(Regime.TUTELLE, Regime.HABILITATION_FAMILIALE, Regime.MANDAT_DE_PROTECTION_FUTURE),
    Regime.UNKNOWN,
)


class ProtectionStated(Value):
    """Something recorded of a person's capacity; an absent value means "unchanged"."""

    kind: Literal["protection"] = "protection"
    regime: Regime | None = None
    representative: str | None = Field(
        default=None, repr=False, max_length=200, description="Who represents the patient."
    )
    secret_care: bool | None = Field(
        default=None,
        description="A minor's care is kept from the holders of parental authority "
        "(art. L1111-5 CSP).",
    )
    emancipated: bool | None = Field(default=None, description="A minor who acts as an adult.")
    infant: bool | None = Field(
        default=None, description="A child who lives with a detained mother: no patient of a unit."
    )
    at: AwareDatetime
    by: str = Field(repr=False, description="Who recorded it, or the segment it was read in.")


class Protection(Value):
    """What is known now of a person's capacity."""

    regime: Regime = Regime.NONE
    representative: str | None = Field(default=None, repr=False)
    secret_since: AwareDatetime | None = Field(
        default=None, description="Since when the care is secret; None: it is not."
    )
    emancipated: bool = False
    infant: bool = False


class Capacity(Value):
    """Where the law leaves a choice to the site."""

    represented: tuple[Regime, ...] = Field(
        default=REPRESENTED, description="Regimes of which the representative must agree, too."
    )
    secret_care_letters: bool = Field(
        default=True,
        description="Of a minor whose care is secret, letters may leave once the minor named the "
        "doctor and a person has looked. false: none ever does.",
    )


ADULT: Final = 18  # years; Code civil, art. 388
# Nobody younger is sentenced (Code de la justice pénale des mineurs, art. L11-4): whom a unit
# registers below this age lives there with a detained mother, or has a wrong birth date.
YOUNGEST_DETAINED: Final = 13
INCIDENT_CLOCK: Final = timedelta(hours=72)  # GDPR, art. 33 § 1
