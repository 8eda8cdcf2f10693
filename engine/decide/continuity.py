"""What became of a release: need, agreement, doctor, letter. The rungs that `relais report` tells.

Need is read from what was written with items of its own; free text and PDF say nothing to a
machine, so the answer is "yes, because of" or "not known", never "no". Transfers, deaths, escapes
and expulsions are no releases.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime

from engine.decide.reasons import Reason
from engine.decide.recipients import recipient
from engine.decide.scene import Scene
from engine.decide.threads import ThreadPlan
from engine.model.consent import Purpose
from engine.model.continuity import Continuity, Need
from engine.model.fact import ExitKind
from engine.model.letter import PURPOSE_OF_HALF, LetterKind, Thread
from engine.model.people import Mailbox
from engine.model.stay import Stay
from engine.model.summary import Change, Items


def continuity(
    scene: Scene, stay: Stay, said: Callable[[], Iterable[Items]], exit_plan: ThreadPlan | None
) -> Continuity | None:
    """The rungs of one stay now; None where nobody was released (yet).

    ``said`` gives the validated items of the stay, for a release alone; ``exit_plan``: what was
    decided of its exit.
    """
    way_out = stay.exit
    if way_out is None or way_out.kind is not ExitKind.RELEASE or way_out.at > scene.now:
        return None
    if scene.record.person.dead:
        return None
    letter = scene.last_said(stay.key, Thread.EXIT)
    sent = letter is not None and letter.letter_kind is LetterKind.EXIT_LETTER
    return Continuity(
        released_at=way_out.at,
        needs=needs(said(), way_out.at),
        agreement_lacks=_agreement_lacks(scene, stay),
        gp_lacks=_gp_lacks(scene, stay),
        letter=letter.id if letter is not None and sent else None,
        letter_lacks=None if sent else _why_none(exit_plan),
    )


def needs(said: Iterable[Items], released_at: datetime) -> tuple[Need, ...]:
    """Why follow-up is needed, in the order of `Need`."""
    found = {one for items in said for one in _needs(items, released_at.date())}
    return tuple(one for one in Need if one in found)


def _needs(items: Items, day: date) -> Iterator[Need]:
    if any(one.chronic for one in items.diagnoses):
        yield Need.CHRONIC_DISEASE
    if items.tuberculosis is not None:
        yield Need.CHRONIC_DISEASE
    if any(one.change is not Change.STOPPED for one in items.treatments):
        yield Need.TREATMENT
    if items.opioid is not None or items.injections:
        yield Need.TREATMENT
    if any(one.treatment for one in items.screenings):
        yield Need.TREATMENT
    if any(one.due is not None for one in items.vaccinations):
        yield Need.VACCINATION
    if any(one.value is None for one in items.results):
        yield Need.EXAMINATION
    if any(one.due is None or one.due >= day for one in items.plan):
        yield Need.EXAMINATION
    if any(one.day is None or one.day >= day for one in items.appointments):
        yield Need.APPOINTMENT


def _agreement_lacks(scene: Scene, stay: Stay) -> str | None:
    """None: some word about the way out is agreed to, for the doctor who is declared now."""
    gp = scene.record.person.gp
    rpps = (gp.rpps or "") if gp else ""
    purposes = (*PURPOSE_OF_HALF.values(), Purpose.EXIT_NOTICE)
    refusals = [scene.refusal(stay, purpose, rpps) for purpose in purposes]
    if None in refusals:
        return None
    return next(
        (one.value for one in refusals if one is not None and one is not Reason.CONSENT_NOT_ASKED),
        Reason.CONSENT_NOT_ASKED.value,
    )


def _gp_lacks(scene: Scene, stay: Stay) -> str | None:
    found = recipient(scene.record.person, scene.answer, LetterKind.EXIT_LETTER)
    if not isinstance(found, Mailbox):
        return found.value
    return None if stay.gp_confirmed else Reason.GP_UNCONFIRMED.value


def _why_none(exit_plan: ThreadPlan | None) -> str:
    """The reason of the exit thread; a notice that left is no letter."""
    if exit_plan is None:
        return Reason.STAY_DOUBT.value
    if exit_plan.reason is Reason.SAID:
        return Reason.LETTER_MISSING.value
    return exit_plan.reason.value
