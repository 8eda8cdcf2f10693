"""What agreement is in force for one purpose and one doctor. No agreement, no sending."""

from collections.abc import Iterable, Mapping
from typing import Final

from engine.decide.reasons import Reason
from engine.model.consent import (
    MEDECIN_TRAITANT,
    RESTRICTIVENESS,
    ConsentState,
    ConsentStated,
    Purpose,
    Voice,
)
from engine.model.policy import IfNotAsked
from engine.model.stay import Consent

_NO: Final = (Reason.CONSENT_REFUSED, Reason.CONSENT_WITHDRAWN)


def may_know(
    statements: Iterable[ConsentStated],
    ever: Iterable[ConsentStated],
    rpps: str,
    gp_meant: Mapping[ConsentStated, str | None],
    *,
    if_not_asked: IfNotAsked,
) -> bool:
    """Whether letters to this doctor may tell the detention.

    ``statements``: those of the stay; ``ever``: those of all stays. A "yes" for this doctor in
    force tells it; whatever else the patient said of it in this stay does not. While nothing was
    said, the site's setting decides, unless the last word of an earlier stay was "no".
    """
    now = [one for one in statements if one.purpose is Purpose.DETENTION_TOLD]
    if in_force(now, Purpose.DETENTION_TOLD, rpps, gp_meant)[1] is None:
        return True
    if any(one.state is not ConsentState.NOT_ASKED for one in now):
        return False
    before = [one for one in ever if one.state is not ConsentState.NOT_ASKED]
    last_word = in_force(before, Purpose.DETENTION_TOLD, rpps, gp_meant)[1]
    return if_not_asked is IfNotAsked.TOLD and last_word not in _NO


def in_force(
    statements: Iterable[ConsentStated],
    purpose: Purpose,
    rpps: str,
    gp_meant: Mapping[ConsentStated, str | None],
    voice: Voice = Voice.PATIENT,
) -> tuple[Consent, Reason | None]:
    """The consent that counts, and why nothing may be said (None: it may).

    The last statement about this doctor counts; of two at the same instant the more restrictive.
    ``gp_meant`` gives, for each statement about "the médecin traitant", the RPPS of the doctor
    declared as such when it was made: an agreement to write to one doctor covers no other.
    A refusal or a withdrawal about "the médecin traitant" covers every doctor. Only what this
    ``voice`` said counts: who else must agree is decide.capacity.
    """
    last: ConsentStated | None = None
    no_stands = False  # a "no" that no dated "yes" has taken back
    other_doctor = False
    ordered = sorted(
        (one for one in statements if one.purpose is purpose and _speaks(one, voice)),
        key=lambda one: (one.at, RESTRICTIVENESS[one.state]),
    )
    for said in ordered:
        meant = gp_meant.get(said) if said.recipient == MEDECIN_TRAITANT else said.recipient
        if said.state is ConsentState.GRANTED and meant != rpps:
            other_doctor = True
            continue
        if said.recipient not in (MEDECIN_TRAITANT, rpps):
            continue  # a refusal about another doctor
        if said.state is ConsentState.GRANTED:
            if no_stands and not said.dated:
                continue  # a record that repeats an old "yes" without its date takes back no "no"
            no_stands = False
        elif said.state is not ConsentState.NOT_ASKED:
            no_stands = True
        last = said
    if last is None:
        reason = Reason.CONSENT_OTHER_DOCTOR if other_doctor else Reason.CONSENT_NOT_ASKED
        return Consent(state=ConsentState.NOT_ASKED), reason
    match last.state:
        case ConsentState.GRANTED:
            return Consent(state=last.state, said=last), None
        case ConsentState.NOT_ASKED:
            return Consent(state=last.state, said=last), Reason.CONSENT_NOT_ASKED
        case ConsentState.REFUSED:
            return Consent(state=last.state, said=last), Reason.CONSENT_REFUSED
        case ConsentState.WITHDRAWN:
            return Consent(state=last.state, said=last), Reason.CONSENT_WITHDRAWN
        case ConsentState.COULD_NOT_BE_ASKED:
            return Consent(state=last.state, said=last), Reason.CONSENT_COULD_NOT_BE_ASKED


def _speaks(said: ConsentStated, voice: Voice) -> bool:
    """Whether a statement is of this voice. A trusted person tells what the patient does not
    want, and agrees in nobody's stead."""
    if said.voice is Voice.TRUSTED_PERSON:
        return voice is Voice.PATIENT and said.state is not ConsentState.GRANTED
    return said.voice is voice
