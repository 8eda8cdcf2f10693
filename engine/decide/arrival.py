"""The arrival notice: what a stay calls for. It carries no clinical content."""

from datetime import datetime

from engine.decide import gate
from engine.decide.reasons import Reason
from engine.decide.recipients import recipient
from engine.decide.scene import Scene, left
from engine.decide.statement import statement_of
from engine.decide.wish import TASK_OF_REASON, Ask, Say, Silent, Wait, Wish, task
from engine.model.consent import Purpose
from engine.model.letter import LetterKind, Thread
from engine.model.people import Mailbox
from engine.model.stay import Stay
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
    if stay.usmp not in scene.policy.units:
        return unit_not_set_up(scene, stay)
    if scene.now - stay.arrived_at > scene.policy.notice_max_age:
        late = task(TaskKind.LATE_ARRIVAL, patient, stay.key)
        if late.key not in scene.cleared:
            return Ask(reason=Reason.TOO_OLD, tasks=(late,))
    doubts = uncleared_doubts(scene, stay)
    if doubts:
        return Ask(reason=Reason.STAY_DOUBT, tasks=doubts)
    if _already_told(scene, stay):
        return Silent(reason=Reason.ALREADY_TOLD)
    delays = scene.policy.delays_of(stay.usmp)
    found = recipient(scene.record.person, scene.directory)
    refusal = _agreement(scene, stay, found)
    if isinstance(found, Reason) or refusal is not None:
        reason = refusal or (found if isinstance(found, Reason) else Reason.GP_UNKNOWN)
        return _not_yet(scene, stay, reason, stay.arrival_heard_at + delays.consultation)
    return Say(
        kind=LetterKind.ARRIVAL_NOTICE,
        mailbox=found,
        purposes=(Purpose.ARRIVAL_NOTICE,),
        statement=statement_of(scene, stay),
        not_before=max(stay.arrival_heard_at + delays.arrival, stay.arrived_at),
    )


def _agreement(scene: Scene, stay: Stay, found: Mailbox | Reason) -> Reason | None:
    """Consent first: a refusal is told even where the doctor is unknown."""
    gp = scene.record.person.gp
    rpps = found.rpps if isinstance(found, Mailbox) else (gp.rpps or "" if gp else "")
    refusal = scene.refusal(stay, Purpose.ARRIVAL_NOTICE, rpps)
    if refusal in (Reason.CONSENT_REFUSED, Reason.CONSENT_WITHDRAWN):
        return refusal
    if isinstance(found, Reason):
        return found
    if refusal is not None:
        return refusal
    return None if stay.gp_confirmed else Reason.GP_UNCONFIRMED


def _not_yet(scene: Scene, stay: Stay, reason: Reason, deadline: datetime) -> Wish:
    """Silence that is meant, or a wait for the arrival consultation, then a task."""
    if reason in (Reason.CONSENT_REFUSED, Reason.CONSENT_WITHDRAWN, Reason.GP_NONE):
        return Silent(reason=reason)
    if scene.now < deadline:
        return Wait(reason=Reason.AWAITS_CONSULTATION, until=deadline)
    asked = task(TASK_OF_REASON[reason], scene.record.person.patient, stay.key, Thread.ARRIVAL)
    return Ask(reason=reason, tasks=(asked,))


def _already_told(scene: Scene, stay: Stay) -> bool:
    """Back within the window, in the same unit, and the doctor was told of the first stay, and
    not of its end: who was told that care is over must hear that it goes on."""
    before = scene.previous(stay)
    if before is None or before.came_back_at != stay.arrived_at:
        return False
    if any(left(one) for one in scene.of_thread(before.key, Thread.EXIT)):
        return False
    return any(left(one) for one in scene.of_thread(before.key, Thread.ARRIVAL))


def identity_wish(scene: Scene, stay: Stay, reason: Reason) -> Wish:
    """What follows from an identity that forbids letters."""
    person = scene.record.person
    if reason is Reason.TEST_IDENTITY:
        return Silent(reason=reason)
    if reason is Reason.IDENTITY_INCOMPLETE:
        lacking = task(TaskKind.IDENTITY_INCOMPLETE, person.patient, stay.key)
        return Ask(reason=reason, tasks=(lacking,))
    veto = WantedTask(
        key=gate.veto_key(person),
        kind=TaskKind.IDENTITY_VETO,
        patient=person.patient,
        stay=stay.key,
        about=", ".join(gate.evidence_of_veto(person)),
    )
    return Ask(reason=reason, tasks=(veto,))


def uncleared_doubts(scene: Scene, stay: Stay) -> tuple[WantedTask, ...]:
    """Tasks of the doubts that no person has cleared."""
    patient = scene.record.person.patient
    wanted = (task(TaskKind.STAY_DOUBT, patient, stay.key, doubt) for doubt in stay.doubts)
    return tuple(one for one in wanted if one.key not in scene.cleared)


def unit_not_set_up(scene: Scene, stay: Stay) -> Wish:
    """A unit that the mapping knows and the configuration does not: nobody can sign its letters.
    An operator's omission must not look like a decision."""
    patient = scene.record.person.patient
    wanted = task(TaskKind.STAY_DOUBT, patient, stay.key, f"[units.{stay.usmp}] of relais.toml")
    return Ask(reason=Reason.UNIT_NOT_SET_UP, tasks=(wanted,))
