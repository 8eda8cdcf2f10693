"""What the patient agreed to: purposes, recipients, states.

Consent comes from the patient's own statement (art. L1110-4 CSP), recorded by a person or by a
mapped segment. ZFA (the DMP's consents) and ZFD-3 (SMS) are never read as one.
"""

from enum import StrEnum
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from engine.model.value import Value


class Purpose(StrEnum):
    """What the patient may agree to, each by itself."""

    ARRIVAL_NOTICE = "arrival-notice"
    EXIT_NOTICE = "exit-notice"
    EXIT_LETTER_SOMATIC = "exit-letter-somatic"
    EXIT_LETTER_PSYCHIATRIC = "exit-letter-psychiatric"
    COORDINATOR = "coordinator"
    DMP = "dmp"
    PATIENT_MAILBOX = "patient-mailbox"
    # That a letter be written at all: after a refusal none is asked for. Silence is no refusal.
    LETTER_WRITTEN = "letter-written"
    # That staff look the médecin traitant up on the insurer's portal (AMELIPRO).
    GP_LOOKUP = "gp-lookup"
    # No letter hangs on it: it says whether those to a doctor may tell where they come from.
    DETENTION_TOLD = "detention-told"


class ConsentState(StrEnum):
    """What is known of the patient's will for one purpose and one recipient."""

    NOT_ASKED = "not-asked"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    COULD_NOT_BE_ASKED = "could-not-be-asked"


# Two statements of the same instant: the one that keeps silence counts.
RESTRICTIVENESS: Final = {
    ConsentState.GRANTED: 0,
    ConsentState.NOT_ASKED: 1,
    ConsentState.COULD_NOT_BE_ASKED: 2,
    ConsentState.REFUSED: 3,
    ConsentState.WITHDRAWN: 4,
}


class Collected(StrEnum):
    """How the statement was collected."""

    UNKNOWN = "unknown"
    FORM = "form"  # signed
    ORAL = "oral"
    INTERPRETER = "interpreter"
    REPRESENTATIVE = "representative"  # brought by whoever represents the patient


class Voice(StrEnum):
    """Who speaks. An agreement counts for the voice that gave it, and for no other."""

    PATIENT = "patient"
    PARENT = "parent"  # a holder of parental authority
    REPRESENTATIVE = "representative"  # of a protected adult: tuteur, mandataire…
    # Personne de confiance (art. L1111-6 CSP): bears witness, and agrees in nobody's stead.
    TRUSTED_PERSON = "trusted-person"


MEDECIN_TRAITANT: Final = "medecin-traitant"


class ConsentStated(Value):
    """One statement of will, about one patient, for one purpose and one recipient."""

    kind: Literal["consent"] = "consent"
    purpose: Purpose
    recipient: str = Field(
        default=MEDECIN_TRAITANT,
        repr=False,
        description="An RPPS, or 'medecin-traitant': the doctor known as such at that moment.",
    )
    state: ConsentState
    at: AwareDatetime = Field(description="When the patient said it.")
    dated: bool = Field(
        default=True, description="False: the source gives no date; `at` is when it was told."
    )
    by: str = Field(repr=False, description="Who collected it, or the segment it was read in.")
    visit: str | None = Field(
        default=None, repr=False, description="PV1-19; None counts for the stay in course at `at`."
    )
    how: Collected = Collected.UNKNOWN
    language: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2,3}$",
        description="ISO 639 code of the language in which the patient was asked.",
    )
    voice: Voice = Voice.PATIENT
