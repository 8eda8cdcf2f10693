"""Around a release: what a person is asked to do before it, and one week after.

Before, where a day is known and nothing is in doubt: call the doctor, if that doctor may know;
book appointments; tell the coordinator, if the patient agreed to that. After a release with need:
were the appointments kept, until when is the treatment covered? Nothing here writes to anybody,
and no key and no word of a task holds the day: the coordinator is told the week, and told anew
when it no longer holds.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from engine.decide import gate
from engine.decide.arrival import uncleared_doubts
from engine.decide.capacity import infant
from engine.decide.continuity import needs
from engine.decide.reasons import Reason
from engine.decide.recipients import recipient
from engine.decide.scene import Scene
from engine.decide.wish import TASK_OF_REASON, task
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, Purpose
from engine.model.fact import ExitKind
from engine.model.letter import LetterKind
from engine.model.people import Mailbox
from engine.model.release import ToldCoordinator
from engine.model.stay import Stay
from engine.model.summary import Items
from engine.model.task import TaskKind, WantedTask

Said = Callable[[Stay], Iterable[Items]]

# What can still be asked of somebody; every other refusal is silence.
_TO_ASK: Final = {
    Reason.CONSENT_NOT_ASKED: TaskKind.CONSENT_MISSING,
    Reason.CONSENT_OTHER_DOCTOR: TaskKind.CONSENT_MISSING,
    Reason.PARENT_NOT_ASKED: TASK_OF_REASON[Reason.PARENT_NOT_ASKED],
    Reason.REPRESENTATIVE_NOT_ASKED: TASK_OF_REASON[Reason.REPRESENTATIVE_NOT_ASKED],
}
_WEEK_OF: Final = "week of "


@dataclass(frozen=True, slots=True)
class Asked:
    """What one stay calls for around its release, and when to look again."""

    stay: str
    tasks: tuple[WantedTask, ...] = ()
    until: datetime | None = None


def around_release(scene: Scene, said: Said) -> tuple[Asked, ...]:
    """Decide for every stay. ``said`` gives the validated items of a stay; it is asked of those
    alone for which it matters."""
    return tuple(
        _before(scene, stay, said) if stay.exit is None else _after(scene, stay, said)
        for stay in scene.record.stays
    )


def coordinator_refusal(scene: Scene, stay: Stay) -> Reason | None:
    """Why the coordinator may not be told; None: everyone who must agree does.

    A coordinator is no doctor: a "yes" that names one is about that one alone, and does not count;
    a "no" counts whomever it names.
    """
    hearing = scene.hearing(stay.key)
    statements = tuple(
        one
        if one.state is ConsentState.GRANTED
        else one.model_copy(update={"recipient": MEDECIN_TRAITANT})
        for one in hearing.statements
    )
    meant = {one: "" for one in statements if one.recipient == MEDECIN_TRAITANT}
    heard = replace(hearing, statements=statements, gp_meant=meant)
    return heard.refusal(Purpose.COORDINATOR, "")


def gp_to_call(scene: Scene, stay: Stay) -> Mailbox | None:
    """The confirmed doctor who may know that the patient leaves; None: nobody is called."""
    found = recipient(scene.record.person, scene.answer, LetterKind.EXIT_LETTER)
    if not isinstance(found, Mailbox) or not stay.gp_confirmed:
        return None
    refused = scene.refusal(stay, Purpose.EXIT_NOTICE, found.rpps) is not None
    return None if refused else found


def week_of(day: date) -> date:
    """The Monday of its week: all that a coordinator is told."""
    return day - timedelta(days=day.weekday())


def _in_doubt(scene: Scene, stay: Stay) -> bool:
    """Whether a person must look first: tasks of their own say at what."""
    person = scene.record.person
    return (
        gate.identity(person, scene.policy, scene.cleared) is not None
        or bool(scene.near)
        or infant(person, scene.now)
        or stay.usmp not in scene.policy.units
        or bool(uncleared_doubts(scene, stay))
    )


def _before(scene: Scene, stay: Stay, said: Said) -> Asked:
    planned, nothing = stay.planned, Asked(stay.key)
    over = scene.record.person.dead or stay.key != scene.record.stays[-1].key
    if over or _in_doubt(scene, stay):
        return nothing
    patient, around = scene.record.person.patient, scene.policy.around
    if not planned.days:
        return Asked(stay.key, *_recall(scene, stay, ""))
    ends = _start_of(scene, max(planned.days) + timedelta(days=1))
    if scene.now >= ends:
        return nothing  # what became of it the record tells
    if planned.contradicted:
        days = (stay.key, *map(str, planned.days), str(planned.withdrawn))
        which = sha256("\n".join(days).encode()).hexdigest()[:16]
        doubt = task(TaskKind.RELEASE_DATE_DOUBT, patient, stay.key, cause=which)
        return Asked(stay.key, (doubt,), ends)
    day = planned.days[0]
    begins = _start_of(scene, day)
    moments = [begins - around.prepare, begins - around.coordinator, ends]
    recall, lapses = _recall(scene, stay, _week(day))
    wanted = list(recall)
    moments += [lapses] if lapses else []
    if scene.now >= begins - around.prepare:
        wanted += _preparation(scene, stay, day, said)
    if around.coordinator and scene.now >= begins - max(around.prepare, around.coordinator):
        wanted += _coordinator(scene, stay, day, told=scene.now >= begins - around.coordinator)
    return Asked(stay.key, tuple(wanted), min(one for one in moments if one > scene.now))


def _preparation(scene: Scene, stay: Stay, day: date, said: Said) -> list[WantedTask]:
    patient = scene.record.person.patient
    wanted: list[WantedTask] = []
    if gp_to_call(scene, stay) is not None:
        wanted.append(task(TaskKind.RELEASE_CALL, patient, stay.key))
    booked = any(
        one.day is not None and one.day >= day for items in said(stay) for one in items.appointments
    )
    if not booked:
        wanted.append(task(TaskKind.RELEASE_APPOINTMENTS, patient, stay.key))
    return wanted


def _coordinator(scene: Scene, stay: Stay, day: date, *, told: bool) -> list[WantedTask]:
    """Ask for the agreement while there is time; with it, and not before its hour, have the week
    told."""
    patient, why = scene.record.person.patient, coordinator_refusal(scene, stay)
    if why is None:
        recalls = scene.coordinator.get(stay.key, ToldCoordinator()).recalls
        cause = f"after {recalls}" if recalls else ""
        tell = task(TaskKind.RELEASE_COORDINATOR, patient, stay.key, _week(day), cause=cause)
        return [tell] if told else []
    asks = _TO_ASK.get(why)
    return [] if asks is None else [task(asks, patient, stay.key, Purpose.COORDINATOR.value)]


def _recall(scene: Scene, stay: Stay, week: str) -> tuple[tuple[WantedTask, ...], datetime | None]:
    """Where a coordinator still expects another week than this one: the task to say so, and when
    that week is over. A patient who no longer agrees is not spoken of."""
    told = scene.coordinator.get(stay.key, ToldCoordinator())
    if not told.week or told.week == week:
        return (), None
    monday = date.fromisoformat(told.week.removeprefix(_WEEK_OF))
    over = _start_of(scene, monday + timedelta(days=7))
    if scene.now >= over or coordinator_refusal(scene, stay) is not None:
        return (), None
    kind, patient = TaskKind.RELEASE_COORDINATOR_RECALL, scene.record.person.patient
    return (task(kind, patient, stay.key, told.week, cause=f"after {told.recalls}"),), over


def _week(day: date) -> str:
    return f"{_WEEK_OF}{week_of(day)}"


def _after(scene: Scene, stay: Stay, said: Said) -> Asked:
    """One week after: it stops by itself on death, on a new arrival, and with the release."""
    nothing, way_out = Asked(stay.key), stay.exit
    if way_out is None or way_out.kind is not ExitKind.RELEASE:
        return nothing
    over = scene.record.person.dead or stay.key != scene.record.stays[-1].key
    due = way_out.at + scene.policy.around.check
    ends = due + scene.policy.notice_max_age
    if over or scene.now >= ends:
        return nothing
    if scene.now < due:
        return Asked(stay.key, (), due)
    person = scene.record.person
    if infant(person, scene.now) or stay.usmp not in scene.policy.units:
        return nothing
    if gate.identity(person, scene.policy, scene.cleared) is Reason.TEST_IDENTITY:
        return nothing
    if uncleared_doubts(scene, stay) or not needs(said(stay), way_out.at):
        return Asked(stay.key, (), ends)
    check = task(TaskKind.WEEK_CHECK, person.patient, stay.key, way_out.movement)
    return Asked(stay.key, (check,), ends)


def _start_of(scene: Scene, day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(scene.policy.time_zone))
