"""From the state of a patient to what must be sent, held, cancelled or asked.

``plan`` is pure and total: the record, the outbox's rows, the tasks that a person cleared, the
directory, the policy and the clock go in; what to do about each stay comes out. The same
function is asked again in the transaction that opens an attempt (``verdict_on``), so a consent
withdrawn one second before stops the send.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from engine.decide.arrival import arrival_wish
from engine.decide.departure import departure_wish
from engine.decide.incidents import incidents
from engine.decide.reasons import Reason
from engine.decide.recall import is_cancellation, recall, target_of, wanted
from engine.decide.release import Asked
from engine.decide.scene import Scene, left, on_its_way
from engine.decide.threads import (
    Cancel,
    Send,
    Standing,
    ThreadPlan,
    can_cancel,
    take_back,
    thread_plan,
)
from engine.decide.versions import describes, says_the_same, told_of_void
from engine.decide.wish import Say, task
from engine.model.flow import Delivery
from engine.model.letter import THREAD_OF, Thread
from engine.model.task import TaskKind, WantedTask

__all__ = ["Cancel", "Plan", "Send", "Standing", "ThreadPlan", "plan", "verdict_on"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a patient's state comes to."""

    threads: tuple[ThreadPlan, ...]
    cancels: tuple[Cancel, ...]
    tasks: tuple[WantedTask, ...]
    around: tuple[Asked, ...] = ()

    def look_at(self, stay: str) -> datetime | None:
        """When to look at a stay again without being told anything new."""
        told: tuple[ThreadPlan | Asked, ...] = (*self.threads, *self.around)
        moments = [one.until for one in told if one.stay == stay and one.until]
        return min(moments, default=None)

    def with_around(self, asked: tuple[Asked, ...]) -> "Plan":
        """The same, and what is asked around releases (decide.release)."""
        tasks = (*self.tasks, *(wanted for one in asked for wanted in one.tasks))
        return replace(self, tasks=tasks, around=asked)


def plan(scene: Scene) -> Plan:
    """Decide everything about one patient."""
    threads: list[ThreadPlan] = []
    for stay in scene.record.stays:
        threads.append(thread_plan(scene, stay, Thread.ARRIVAL, arrival_wish(scene, stay)))
        threads.append(thread_plan(scene, stay, Thread.EXIT, departure_wish(scene, stay)))
    threads.extend(_taken_back(scene))
    cancels, tasks = _void_stays(scene)
    tasks = (*tasks, *_orphans(scene), *incidents(scene))
    # One move a delivery: the store refuses a second one. The thread's reason tells more.
    once = {one.delivery: one for one in cancels}
    once.update({one.delivery: one for thread in threads for one in thread.cancels})
    return Plan(
        threads=tuple(threads),
        cancels=tuple(once.values()),
        tasks=(*tasks, *(wanted for one in threads for wanted in one.tasks)),
    )


def verdict_on(scene: Scene, delivery: Delivery) -> Reason | datetime | None:
    """May this delivery leave at this instant?

    None: yes. A Reason: never (it is cancelled). A datetime: not before it.
    """
    if is_cancellation(delivery):
        return _verdict_on_notice(scene, delivery)
    stay = next((one for one in scene.record.stays if one.key == delivery.stay), None)
    if stay is None:
        return Reason.NEVER_HAPPENED
    thread = THREAD_OF[delivery.letter_kind]
    wish = arrival_wish(scene, stay) if thread is Thread.ARRIVAL else departure_wish(scene, stay)
    if isinstance(wish, Say) and says_the_same(wish, delivery) and scene.counts(delivery):
        if scene.near:
            return Reason.NEAR_IDENTITY
        return wish.not_before if wish.not_before > scene.now else None
    return Reason.SUPERSEDED if isinstance(wish, Say) else wish.reason


def _verdict_on_notice(scene: Scene, notice: Delivery) -> Reason | None:
    target = target_of(scene, notice)
    if target is None:
        return Reason.SUPERSEDED
    say = recall(scene, target)
    if isinstance(say, Reason):
        return say
    return None if says_the_same(say, notice) and scene.counts(notice) else Reason.SUPERSEDED


def _taken_back(scene: Scene) -> list[ThreadPlan]:
    """Notices that a person asked for, about stays that no longer exist."""
    known = {stay.key for stay in scene.record.stays}
    found: list[ThreadPlan] = []
    for stay in dict.fromkeys(one.stay for one in scene.deliveries if one.stay not in known):
        for thread in Thread:
            deliveries = scene.of_thread(stay, thread)
            said = [one for one in deliveries if left(one) and scene.counts(one)]
            target = wanted(scene, said)
            if target is not None:
                pending = [one for one in deliveries if on_its_way(one) and one not in said]
                found.append(take_back(scene, stay, thread, target, pending, len(deliveries)))
    return found


def _void_stays(scene: Scene) -> tuple[tuple[Cancel, ...], tuple[WantedTask, ...]]:
    """Letters about stays that no longer exist: an A11 came, or a merge moved them."""
    known = {stay.key for stay in scene.record.stays}
    cancels = tuple(
        Cancel(one.id, Reason.NEVER_HAPPENED)
        for one in scene.deliveries
        if one.stay not in known
        and on_its_way(one)
        and not left(one)
        and can_cancel(one)
        and not (is_cancellation(one) and _verdict_on_notice(scene, one) is None)
    )
    tasks = tuple(
        task(TaskKind.CORRECTION, scene.record.person.patient, one.stay, one.id, cause="void")
        for one in told_of_void(scene)
        if not any(describes(scene, stay, one) for stay in scene.record.stays)
    )
    return cancels, tasks


def _orphans(scene: Scene) -> tuple[WantedTask, ...]:
    """Discharges of stays whose arrival was never heard; it closes them when it comes."""
    patient = scene.record.person.patient
    return tuple(
        task(TaskKind.ORPHAN_EXIT, patient, patient, one.movement)
        for one in scene.record.orphans
        if scene.now - one.at <= scene.policy.notice_max_age
    )
