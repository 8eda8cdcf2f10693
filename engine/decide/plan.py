"""From the state of a patient to what must be sent, held, cancelled or asked.

``plan`` is pure and total: the record, the outbox's rows, the tasks that a person cleared, the
directory, the policy and the clock go in; what to do about each stay comes out. The same
function is asked again in the transaction that opens an attempt (``verdict_on``), so a consent
withdrawn one second before stops the send.
"""

import hashlib
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from engine.decide.arrival import arrival_wish
from engine.decide.departure import departure_wish
from engine.decide.reasons import Reason
from engine.decide.scene import Scene, left, on_its_way
from engine.decide.versions import (
    adopted,
    describes,
    may_follow,
    says_the_same,
    told_of_void,
    told_the_same,
)
from engine.decide.wish import Ask, Say, Silent, Wait, Wish, task
from engine.model.fact import ExitKind
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import THREAD_OF, Thread
from engine.model.stay import Stay
from engine.model.task import TaskKind, WantedTask


class Standing(StrEnum):
    """How one thread of one stay stands."""

    WAITING = "waiting"
    ASKING = "asking"
    SILENT = "silent"
    SENDING = "sending"
    SAID = "said"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Send:
    """A letter to write and queue now."""

    delivery: str
    stay: str
    say: Say
    version: int
    replaces: Delivery | None  # the version that this one annuls


@dataclass(frozen=True, slots=True)
class Cancel:
    """A delivery that must not leave."""

    delivery: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class ThreadPlan:
    """What one thread of one stay comes to."""

    stay: str
    thread: Thread
    standing: Standing
    reason: Reason
    until: datetime | None = None
    send: Send | None = None
    cancels: tuple[Cancel, ...] = ()
    tasks: tuple[WantedTask, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a patient's state comes to."""

    threads: tuple[ThreadPlan, ...]
    cancels: tuple[Cancel, ...]
    tasks: tuple[WantedTask, ...]

    def look_at(self, stay: str) -> datetime | None:
        """When to look at a stay again without being told anything new."""
        moments = [one.until for one in self.threads if one.stay == stay and one.until]
        return min(moments, default=None)


def delivery_id(stay: str, thread: Thread, rpps: str, ordinal: int) -> str:
    """26 letters and digits, the same for the same letter whatever happens in between."""
    digest = hashlib.sha256(f"{stay}\0{thread}\0{rpps}\0{ordinal}".encode()).digest()
    return b32encode(digest).decode().lower()[:26]


def plan(scene: Scene) -> Plan:
    """Decide everything about one patient."""
    threads: list[ThreadPlan] = []
    for stay in scene.record.stays:
        threads.append(_thread(scene, stay, Thread.ARRIVAL, arrival_wish(scene, stay)))
        threads.append(_thread(scene, stay, Thread.EXIT, departure_wish(scene, stay)))
    cancels, tasks = _void_stays(scene)
    tasks = (*tasks, *_orphans(scene))
    return Plan(
        threads=tuple(threads),
        cancels=(*cancels, *(cancel for one in threads for cancel in one.cancels)),
        tasks=(*tasks, *(wanted for one in threads for wanted in one.tasks)),
    )


def verdict_on(scene: Scene, delivery: Delivery) -> Reason | datetime | None:
    """May this delivery leave at this instant?

    None: yes. A Reason: never (it is cancelled). A datetime: not before it.
    """
    stay = next((one for one in scene.record.stays if one.key == delivery.stay), None)
    if stay is None:
        return Reason.NEVER_HAPPENED
    thread = THREAD_OF[delivery.letter_kind]
    wish = arrival_wish(scene, stay) if thread is Thread.ARRIVAL else departure_wish(scene, stay)
    if isinstance(wish, Say) and says_the_same(wish, delivery) and scene.counts(delivery):
        return wish.not_before if wish.not_before > scene.now else None
    return Reason.SUPERSEDED if isinstance(wish, Say) else wish.reason


def _thread(scene: Scene, stay: Stay, thread: Thread, wish: Wish) -> ThreadPlan:
    deliveries = scene.of_thread(stay.key, thread)
    # What was diverted to a test mailbox never reached the doctor, once the mode is production.
    real = [one for one in deliveries if scene.counts(one)]
    own = [one for one in real if left(one)]
    said = [*adopted(scene, stay, thread), *own]
    pending = [one for one in deliveries if on_its_way(one) and one not in own]
    when: datetime | None = None
    match wish:
        case Say():
            return _say(scene, stay, thread, wish, said, pending, len(deliveries))
        case Wait(reason=reason, until=until):
            standing, when, tasks = Standing.WAITING, until, ()
        case Ask(reason=reason, tasks=tasks):
            standing = Standing.ASKING
        case Silent(reason=reason, tasks=tasks, until=when):
            standing = Standing.SILENT
        case _:
            assert_never(wish)
    cancels = tuple(Cancel(one.id, reason) for one in pending if _can_cancel(one))
    if said:
        return _after_the_fact(scene, stay, thread, reason, said[-1], cancels, tasks)
    return ThreadPlan(stay.key, thread, standing, reason, when, None, cancels, tasks)


def _can_cancel(delivery: Delivery) -> bool:
    return delivery.state is not DeliveryState.SENDING


def _say(
    scene: Scene,
    stay: Stay,
    thread: Thread,
    say: Say,
    said: list[Delivery],
    pending: list[Delivery],
    count: int,
) -> ThreadPlan:
    """Something should be said: has it been, is it on its way, or is it to be written now?"""
    if said and told_the_same(say, said[-1]):
        same = said[-1]
        cancels = tuple(Cancel(one.id, Reason.SUPERSEDED) for one in pending if _can_cancel(one))
        reason = Reason.SAID if same.state is DeliveryState.RELAYED else Reason.POSSIBLY_SAID
        return ThreadPlan(stay.key, thread, Standing.SAID, reason, cancels=cancels, tasks=say.tasks)
    under_way = next(
        (one for one in pending if says_the_same(say, one) and scene.counts(one)), None
    )
    stale = tuple(
        Cancel(one.id, Reason.SUPERSEDED)
        for one in pending
        if one is not under_way and _can_cancel(one)
    )
    if under_way is not None:
        standing, reason = _pending_standing(under_way)
        return ThreadPlan(stay.key, thread, standing, reason, None, None, stale, say.tasks)
    if any(one.state is DeliveryState.SENDING for one in pending):
        # Its outcome is not known yet: look again when it is.
        return ThreadPlan(stay.key, thread, Standing.SENDING, Reason.QUEUED, None, None, stale)
    if said and not may_follow(say, said[-1]):
        if scene.now - said[-1].created_at > scene.policy.notice_max_age:
            return ThreadPlan(stay.key, thread, Standing.SAID, Reason.SAID, cancels=stale)
        wrong = task(TaskKind.CORRECTION, scene.record.person.patient, stay.key, thread)
        return ThreadPlan(
            stay.key, thread, Standing.SAID, Reason.CORRECTION, None, None, stale, (wrong,)
        )
    if any(
        one.reason == Reason.CANCELLED_BY_PERSON and says_the_same(say, one)
        for one in scene.of_thread(stay.key, thread)
    ):
        return ThreadPlan(stay.key, thread, Standing.SILENT, Reason.CANCELLED_BY_PERSON)
    if scene.now < say.not_before:
        standing = Standing.SAID if said else Standing.WAITING
        return ThreadPlan(stay.key, thread, standing, Reason.HOLD_BACK, say.not_before, None, stale)
    earlier = said[-1] if said else None
    number = delivery_id(stay.key, thread, say.mailbox.rpps, count + 1)
    if number in scene.impossible:
        return ThreadPlan(stay.key, thread, Standing.ASKING, Reason.LETTER_IMPOSSIBLE)
    send = Send(
        delivery=number,
        stay=stay.key,
        say=say,
        version=earlier.version + 1 if earlier else 1,
        replaces=earlier,
    )
    return ThreadPlan(
        stay.key, thread, Standing.SENDING, Reason.QUEUED, None, send, stale, say.tasks
    )


def _pending_standing(delivery: Delivery) -> tuple[Standing, Reason]:
    match delivery.state:
        case DeliveryState.HELD:
            return Standing.WAITING, Reason.HELD_BY_PERSON
        case DeliveryState.REJECTED | DeliveryState.EXPIRED:
            return Standing.FAILED, Reason.FAILED
        case _:
            return Standing.SENDING, Reason.QUEUED


def _after_the_fact(
    scene: Scene,
    stay: Stay,
    thread: Thread,
    reason: Reason,
    last: Delivery,
    cancels: tuple[Cancel, ...],
    tasks: tuple[WantedTask, ...],
) -> ThreadPlan:
    """Something was said, and now nothing should be: is what was said still right?

    An arrival told and then followed by a release, or an agreement withdrawn afterwards, leaves
    what was said right. A release that turns out to be none does not.
    """
    # Death may come, or be told, after a release that was one.
    died_later = (
        reason is Reason.DEATH and stay.exit is not None and stay.exit.kind is ExitKind.RELEASE
    )
    harmless = (
        died_later
        or thread is Thread.ARRIVAL
        or reason
        not in (
            Reason.STAY_GOES_ON,
            Reason.WHEREABOUTS,
            Reason.DEATH,
            Reason.TRANSFER,
            Reason.ESCAPE,
            Reason.EXPULSION,
            Reason.EXIT_KIND_UNKNOWN,
        )
    )
    if harmless:
        return ThreadPlan(stay.key, thread, Standing.SAID, Reason.SAID, None, None, cancels)
    wrong = task(TaskKind.CORRECTION, scene.record.person.patient, stay.key, last.id)
    return ThreadPlan(
        stay.key, thread, Standing.SAID, Reason.CORRECTION, None, None, cancels, (*tasks, wrong)
    )


def _void_stays(scene: Scene) -> tuple[tuple[Cancel, ...], tuple[WantedTask, ...]]:
    """Letters about stays that no longer exist: an A11 came, or a merge moved them."""
    known = {stay.key for stay in scene.record.stays}
    cancels = tuple(
        Cancel(one.id, Reason.NEVER_HAPPENED)
        for one in scene.deliveries
        if one.stay not in known and on_its_way(one) and not left(one) and _can_cancel(one)
    )
    tasks = tuple(
        task(TaskKind.CORRECTION, scene.record.person.patient, one.stay, one.id)
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
