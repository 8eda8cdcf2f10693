"""One thread of one stay: what was said of it, what should be, and what to do about the two."""

import hashlib
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from engine.decide.alike import tell_apart
from engine.decide.arrival import face_wanted
from engine.decide.reasons import Reason
from engine.decide.recall import is_cancellation, recall, wanted
from engine.decide.scene import Scene, left, on_its_way
from engine.decide.statement import same_person
from engine.decide.versions import (
    adopted,
    may_follow,
    misstates,
    says_the_same,
    stands_cancelled,
    told_the_same,
)
from engine.decide.wish import Ask, Say, Silent, Wait, Wish, task
from engine.model.fact import ExitKind
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import Thread
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


def delivery_id(stay: str, thread: Thread, rpps: str, ordinal: int) -> str:
    """26 letters and digits, the same for the same letter whatever happens in between."""
    digest = hashlib.sha256(f"{stay}\0{thread}\0{rpps}\0{ordinal}".encode()).digest()
    return b32encode(digest).decode().lower()[:26]


def thread_plan(scene: Scene, stay: Stay, thread: Thread, wish: Wish) -> ThreadPlan:
    deliveries = scene.of_thread(stay.key, thread)
    # What was diverted to a test mailbox never reached the doctor, once the mode is production.
    real = [one for one in deliveries if scene.counts(one)]
    own = [one for one in real if left(one)]
    said = [*adopted(scene, stay, thread), *own]
    pending = [one for one in deliveries if on_its_way(one) and one not in own]
    target = wanted(scene, own)
    # A notice that cannot be said keeps nothing from another doctor who should hear.
    elsewhere = isinstance(wish, Say) and target is not None and wish.mailbox.rpps != target.rpps
    if target is not None and not (elsewhere and isinstance(recall(scene, target), Reason)):
        return take_back(scene, stay.key, thread, target, pending, len(deliveries))
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
    cancels = tuple(Cancel(one.id, reason) for one in pending if can_cancel(one))
    if said:
        return _after_the_fact(scene, stay, thread, reason, said[-1], cancels, tasks)
    return ThreadPlan(stay.key, thread, standing, reason, when, None, cancels, tasks)


def take_back(
    scene: Scene,
    stay: str,
    thread: Thread,
    target: Delivery,
    pending: list[Delivery],
    count: int,
) -> ThreadPlan:
    """A person asked for the notice of cancellation; nothing else is said meanwhile."""
    say = recall(scene, target)
    if isinstance(say, Reason):
        cancels = tuple(Cancel(one.id, say) for one in pending if can_cancel(one))
        if say is Reason.DEATH:
            return ThreadPlan(stay, thread, Standing.SILENT, say, cancels=cancels)
        # Somebody was promised that the doctor would hear: who asked must know that none will.
        patient = scene.record.person.patient
        told = task(TaskKind.CORRECTION, patient, stay, target.id, cause=f"recall-{say}")
        faceless = say is Reason.NEUTRAL_FACE_MISSING
        tasks = [told, *([face_wanted(scene, stay)] if faceless else [])]
        tasks += tell_apart(scene) if say is Reason.NEAR_IDENTITY else ()
        return ThreadPlan(stay, thread, Standing.ASKING, say, cancels=cancels, tasks=tuple(tasks))
    under_way = next(
        (one for one in pending if says_the_same(say, one) and scene.counts(one)), None
    )
    stale = tuple(
        Cancel(one.id, Reason.SUPERSEDED)
        for one in pending
        if one is not under_way and can_cancel(one)
    )
    if under_way is not None:
        standing, reason = _pending_standing(under_way)
        return ThreadPlan(stay, thread, standing, reason, cancels=stale)
    if any(one.state is DeliveryState.SENDING for one in scene.of_thread(stay, thread)):
        return ThreadPlan(stay, thread, Standing.SENDING, Reason.QUEUED, cancels=stale)
    cancelled = stands_cancelled(scene, stay, thread, say)
    if cancelled is not None:
        return _as_cancelled(scene, stay, thread, say, cancelled)
    number = delivery_id(stay, thread, target.rpps, count + 1)
    if number in scene.impossible:
        return ThreadPlan(stay, thread, Standing.ASKING, Reason.LETTER_IMPOSSIBLE)
    send = Send(number, stay, say, target.version + 1, target)
    return ThreadPlan(stay, thread, Standing.SENDING, Reason.QUEUED, None, send, stale)


def _held_by_person(delivery: Delivery) -> bool:
    return delivery.state is DeliveryState.HELD and delivery.reason == Reason.HELD_BY_PERSON


def can_cancel(delivery: Delivery) -> bool:
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
    # A doctor who says "not my patient" was told nothing that counts; another one is told anew.
    said = [one for one in said if one.rpps not in scene.record.person.not_theirs]
    taken_back = said and (is_cancellation(said[-1]) or said[-1].id in scene.recalled)
    if taken_back and said[-1].rpps != say.mailbox.rpps:
        # Who had the letter was told to disregard it; another doctor is told anew, in that
        # doctor's own set of versions.
        said = [one for one in said if one.rpps == say.mailbox.rpps]
    if said and told_the_same(say, said[-1]):
        same = said[-1]
        cancels = tuple(Cancel(one.id, Reason.SUPERSEDED) for one in pending if can_cancel(one))
        reason = Reason.SAID if same.state is DeliveryState.RELAYED else Reason.POSSIBLY_SAID
        return ThreadPlan(stay.key, thread, Standing.SAID, reason, cancels=cancels, tasks=say.tasks)
    under_way = next(
        (one for one in pending if says_the_same(say, one) and scene.counts(one)), None
    )
    # What a person holds is theirs to let go: it is neither replaced nor overtaken meanwhile.
    held = [one for one in pending if one is not under_way and _held_by_person(one)]
    stale = tuple(
        Cancel(one.id, Reason.SUPERSEDED)
        for one in pending
        if one is not under_way and one not in held and can_cancel(one)
    )
    if scene.near and not (said and not may_follow(say, said[-1])):
        cancels = tuple(
            Cancel(one.id, Reason.NEAR_IDENTITY)
            for one in pending
            if one not in held and can_cancel(one)
        )
        tasks = (*say.tasks, *tell_apart(scene))
        return ThreadPlan(
            stay.key, thread, Standing.ASKING, Reason.NEAR_IDENTITY, cancels=cancels, tasks=tasks
        )
    if under_way is not None:
        standing, reason = _pending_standing(under_way)
        return ThreadPlan(stay.key, thread, standing, reason, None, None, stale, say.tasks)
    if held:
        standing, reason = Standing.WAITING, Reason.HELD_BY_PERSON
        return ThreadPlan(stay.key, thread, standing, reason, None, None, stale, say.tasks)
    if any(one.state is DeliveryState.SENDING for one in scene.of_thread(stay.key, thread)):
        # Its outcome is not known yet: look again when it is.
        return ThreadPlan(
            stay.key, thread, Standing.SENDING, Reason.QUEUED, None, None, stale, say.tasks
        )
    if said and not may_follow(say, said[-1]):
        # A date that changes long afterwards is nobody's business; another identity always is.
        old = scene.now - said[-1].created_at > scene.policy.notice_max_age
        if old and same_person(say.statement, said[-1].statement):
            return ThreadPlan(stay.key, thread, Standing.SAID, Reason.SAID, cancels=stale)
        wrong = task(
            TaskKind.CORRECTION,
            scene.record.person.patient,
            stay.key,
            said[-1].id,
            cause=f"{say.mailbox.rpps}.{say.statement}",
        )
        return ThreadPlan(
            stay.key,
            thread,
            Standing.SAID,
            Reason.CORRECTION,
            None,
            None,
            stale,
            (*say.tasks, wrong),
        )
    cancelled = stands_cancelled(scene, stay.key, thread, say)
    if cancelled is not None:
        return _as_cancelled(scene, stay.key, thread, say, cancelled)
    if scene.now < say.not_before:
        standing = Standing.SAID if said else Standing.WAITING
        return ThreadPlan(
            stay.key, thread, standing, Reason.HOLD_BACK, say.not_before, None, stale, say.tasks
        )
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


def _as_cancelled(
    scene: Scene, stay: str, thread: Thread, say: Say, cancelled: Delivery
) -> ThreadPlan:
    """A person cancelled this letter: none is written. Where it would say something else now, they
    are told, and may ask for it."""
    reason, tasks = Reason.CANCELLED_BY_PERSON, say.tasks
    if says_the_same(say, cancelled):
        return ThreadPlan(stay, thread, Standing.SILENT, reason, tasks=tasks)
    parts = "+".join(sorted(str(part) for part in say.parts))
    content = f"{say.statement}.{parts}.{say.mailbox.address}.{say.mailbox.channel}.{say.discreet}"
    changed = task(
        TaskKind.CANCELLED_LETTER,
        scene.record.person.patient,
        stay,
        cancelled.id,
        cause=hashlib.sha256(content.encode()).hexdigest()[:24],
    )
    return ThreadPlan(stay, thread, Standing.ASKING, reason, tasks=(*tasks, changed))


def _pending_standing(delivery: Delivery) -> tuple[Standing, Reason]:
    match delivery.state:
        case DeliveryState.HELD if delivery.reason == Reason.LEAK_SUSPECTED:
            return Standing.WAITING, Reason.LEAK_SUSPECTED
        case DeliveryState.HELD:
            return Standing.WAITING, Reason.HELD_BY_PERSON
        case DeliveryState.REJECTED | DeliveryState.EXPIRED:
            return Standing.FAILED, Reason.FAILED
        case _:
            return Standing.SENDING, Reason.QUEUED


# What a person is asked even where all that was said is right.
_ASKED_AFTERWARDS: Final = (Reason.IDENTITY_VETO, Reason.STAY_DOUBT, Reason.GP_DISOWNED)


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
    if is_cancellation(last):
        return ThreadPlan(stay.key, thread, Standing.SAID, Reason.TAKEN_BACK, cancels=cancels)
    # Death may come, or be told, after a release that was one.
    died_later = (
        reason is Reason.DEATH and stay.exit is not None and stay.exit.kind is ExitKind.RELEASE
    )
    no_release = thread is Thread.EXIT and reason in (
        Reason.STAY_GOES_ON,
        Reason.WHEREABOUTS,
        Reason.DEATH,
        Reason.TRANSFER,
        Reason.ESCAPE,
        Reason.EXPULSION,
        Reason.EXIT_KIND_UNKNOWN,
    )
    harmless = died_later or not (no_release or misstates(scene, stay, last))
    if harmless:
        asked = tasks if reason in _ASKED_AFTERWARDS else ()
        return ThreadPlan(stay.key, thread, Standing.SAID, Reason.SAID, None, None, cancels, asked)
    wrong = task(TaskKind.CORRECTION, scene.record.person.patient, stay.key, last.id, cause=reason)
    return ThreadPlan(
        stay.key, thread, Standing.SAID, Reason.CORRECTION, None, None, cancels, (*tasks, wrong)
    )
