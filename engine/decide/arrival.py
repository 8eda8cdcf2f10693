"""The arrival notice: what a stay calls for. It carries no clinical content."""

from datetime import datetime

from engine.decide import gate
from engine.decide.capacity import REFUSALS, asking, infant, infant_wish
from engine.decide.reasons import Reason
from engine.decide.recipients import recipient
from engine.decide.scene import Scene
from engine.decide.statement import statement_of
from engine.decide.wish import Ask, Say, Silent, Wait, Wish, task
from engine.decide.without_gp import alternatives, instead
from engine.model.consent import Purpose
from engine.model.letter import CANCELLATIONS, LetterKind, Thread
from engine.model.people import Mailbox
from engine.model.stay import Stay, unit_of_key
from engine.model.task import TaskKind, WantedTask


def arrival_wish(scene: Scene, stay: Stay) -> Wish:
    """What the arrival calls for now."""
    patient = scene.record.person.patient
    if scene.record.person.dead:
        return Silent(reason=Reason.DEATH)
    # A release recorded ahead of its time leaves the notice to be sent.
    if stay.exit is not None and stay.exit.at <= scene.now:
        return Silent(reason=Reason.LEFT_BEFORE_NOTICE)
    identity = gate.identity(scene.record.person, scene.policy, scene.cleared)
    if identity is not None:
        return identity_wish(scene, stay, identity)
    if infant(scene.record.person, scene.now):
        return infant_wish(scene.record.person, stay.key)
    if stay.usmp not in scene.policy.units:
        return unit_not_set_up(scene, stay)
    if scene.now - stay.arrived_at > scene.policy.notice_max_age:
        late = task(TaskKind.LATE_ARRIVAL, patient, stay.key)
        if late.key not in scene.cleared:
            return Ask(reason=Reason.TOO_OLD, tasks=(late,))
    doubts = uncleared_doubts(scene, stay)
    if doubts:
        return Ask(reason=Reason.STAY_DOUBT, tasks=doubts)
    delays = scene.policy.delays_of(stay.usmp)
    found = recipient(scene.record.person, scene.answer, LetterKind.ARRIVAL_NOTICE)
    if isinstance(found, Mailbox) and _already_told(scene, stay, found.rpps):
        return Silent(reason=Reason.ALREADY_TOLD)
    refusal = _agreement(scene, stay, found)
    if isinstance(found, Reason) or refusal is not None:
        reason = refusal or (found if isinstance(found, Reason) else Reason.GP_UNKNOWN)
        return _not_yet(scene, stay, reason, stay.arrival_heard_at + delays.consultation)
    discreet = scene.discreet(stay, found.rpps)
    if scene.faceless(stay.usmp, discreet):
        return neutral_face_missing(scene, stay)
    return Say(
        kind=LetterKind.ARRIVAL_NOTICE,
        mailbox=found,
        discreet=discreet,
        purposes=(Purpose.ARRIVAL_NOTICE,),
        statement=statement_of(scene, stay),
        not_before=max(stay.arrival_heard_at + delays.arrival, stay.arrived_at),
    )


def _agreement(scene: Scene, stay: Stay, found: Mailbox | Reason) -> Reason | None:
    """Consent first: a refusal is told even where the doctor is unknown."""
    gp = scene.record.person.gp
    rpps = found.rpps if isinstance(found, Mailbox) else (gp.rpps or "" if gp else "")
    refusal = scene.refusal(stay, Purpose.ARRIVAL_NOTICE, rpps)
    if refusal in REFUSALS:
        return refusal
    if isinstance(found, Reason):
        return found
    if refusal is not None:
        return refusal
    return None if stay.gp_confirmed else Reason.GP_UNCONFIRMED


def _not_yet(scene: Scene, stay: Stay, reason: Reason, deadline: datetime) -> Wish:
    """Silence that is meant, or a wait for the arrival consultation, then a task."""
    if reason in REFUSALS:
        return Silent(reason=reason)
    if reason is Reason.GP_NONE:
        return Silent(reason=reason, tasks=alternatives(scene, stay, Thread.ARRIVAL))
    # A doctor who says "not my patient" is asked about at once.
    if scene.now < deadline and reason is not Reason.GP_DISOWNED:
        return Wait(reason=Reason.AWAITS_CONSULTATION, until=deadline)
    person = scene.record.person
    rpps = person.gp.rpps or "" if person.gp else ""
    asked = asking(reason, person.patient, stay.key, Thread.ARRIVAL, rpps)
    return Ask(reason=reason, tasks=(asked, *instead(scene, stay, Thread.ARRIVAL, reason)))


def _already_told(scene: Scene, stay: Stay, rpps: str) -> bool:
    """Back within the window, in the same unit, and this doctor was told of the first stay, and
    not of its end: who was told that care is over must hear that it goes on."""
    before = scene.previous(stay)
    if before is None or before.came_back_at != stay.arrived_at:
        return False
    if scene.last_said(before.key, Thread.EXIT) is not None:
        return False
    told = scene.last_said(before.key, Thread.ARRIVAL)
    return told is not None and told.letter_kind not in CANCELLATIONS and told.rpps == rpps


def identity_wish(scene: Scene, stay: Stay, reason: Reason) -> Wish:
    """What follows from an identity that forbids letters."""
    person = scene.record.person
    if reason is Reason.TEST_IDENTITY:
        return Silent(reason=reason)
    if reason is Reason.IDENTITY_INCOMPLETE:
        lacking = task(TaskKind.IDENTITY_INCOMPLETE, person.patient, stay.key)
        return Ask(reason=reason, tasks=(lacking,))
    veto = WantedTask(
        key=gate.veto_key(person, scene.policy.vetoes),
        kind=TaskKind.IDENTITY_VETO,
        patient=person.patient,
        stay=stay.key,
        about=", ".join(gate.evidence_of_veto(person, scene.policy.vetoes)),
    )
    return Ask(reason=reason, tasks=(veto,))


def uncleared_doubts(scene: Scene, stay: Stay) -> tuple[WantedTask, ...]:
    """Tasks of the doubts that no person has cleared."""
    patient = scene.record.person.patient
    doubts = list(stay.doubts)
    ahead = scene.policy.notice_max_age
    if stay.arrived_at - stay.arrival_heard_at > ahead:
        doubts.append(f"arrival-dated-far-ahead {stay.arrived_at:%Y-%m-%d}")
    if stay.exit is not None and stay.exit.at - stay.exit.heard_at > ahead:
        doubts.append(f"discharge-dated-far-ahead {stay.exit.at:%Y-%m-%d}")
    wanted = (task(TaskKind.STAY_DOUBT, patient, stay.key, doubt) for doubt in doubts)
    return tuple(one for one in wanted if one.key not in scene.cleared)


def neutral_face_missing(scene: Scene, stay: Stay) -> Wish:
    """The detention must not be told, and the unit can only tell it."""
    return Ask(reason=Reason.NEUTRAL_FACE_MISSING, tasks=(face_wanted(scene, stay.key),))


def face_wanted(scene: Scene, stay: str) -> WantedTask:
    """The task that asks for it: the same for both threads of a stay."""
    about = f"[units.{unit_of_key(stay)}]"
    return task(TaskKind.NEUTRAL_FACE_MISSING, scene.record.person.patient, stay, about)


def unit_not_set_up(scene: Scene, stay: Stay) -> Wish:
    """A unit that the mapping knows and the configuration does not: nobody can sign its letters.
    An operator's omission must not look like a decision."""
    patient = scene.record.person.patient
    wanted = task(TaskKind.STAY_DOUBT, patient, stay.key, f"[units.{stay.usmp}] of relais.toml")
    return Ask(reason=Reason.UNIT_NOT_SET_UP, tasks=(wanted,))
