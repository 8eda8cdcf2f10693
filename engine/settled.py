"""What a decision leaves behind in the store: tasks raised and closed, stays remembered, changes
told to the audit. Each in the transaction that decided; see engine.knowledge.
"""

from collections.abc import Container, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from engine.decide.alike import pair_key
from engine.decide.continuity import continuity
from engine.decide.letters import read_items
from engine.decide.plan import Plan, ThreadPlan
from engine.decide.reasons import Reason
from engine.decide.scene import Scene
from engine.model.fact import DocumentForm
from engine.model.flow import DeliveryState
from engine.model.letter import Thread
from engine.model.stay import Stay
from engine.model.summary import Items
from engine.model.task import RETURNED_KINDS, Task, TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.store.interface import StayRow, Tx

# Tasks that hang on a delivery or a message, not on what is known of the patient.
_NOT_OF_PLAN: Final = frozenset(
    {
        TaskKind.DELIVERY_FAILED,
        TaskKind.DELIVERY_UNCERTAIN,
        TaskKind.RECORD_NOT_TOLD,
        TaskKind.RECORD_REFUSED,
        TaskKind.MESSAGE_UNREADABLE,
        TaskKind.LETTER_IMPOSSIBLE,
        TaskKind.LEAK,
        TaskKind.REPLY,
    }
)
# Raised and closed by what came back about a letter, and by the mail room.
_OF_OTHERS: Final = RETURNED_KINDS | {TaskKind.NOT_TO_BE_POSTED}


def told_record(tx: Tx, patient: str) -> frozenset[str]:
    """Messages to the record that could not be told, and are over now. Not those that were told
    and refused afterwards: a person closes that."""
    asked = [task for task in tx.tasks.of_patient(patient) if task.open]
    refused = {one.about for one in asked if one.kind is TaskKind.RECORD_REFUSED}
    rows = [
        tx.outbox.get(task.about)
        for task in asked
        if task.kind is TaskKind.RECORD_NOT_TOLD and task.about not in refused
    ]
    return frozenset(
        row.id
        for row in rows
        if row and row.about and row.state in (DeliveryState.RELAYED, DeliveryState.CANCELLED)
    )


def base_key(key: str) -> str:
    """The key of a task without the count of its returns."""
    return key.partition("#again")[0]


def reconcile_tasks(
    tx: Tx,
    patient: str,
    wanted: Iterable[WantedTask],
    over: Container[str],
    now: datetime,
    pairs: dict[str, list[Task]],
) -> None:
    """Raise what is called for now, close what no longer is. ``over``: deliveries that are;
    ``pairs``: tasks about two patients, by key, instead of those that lie with this one.

    A task that a person closed stays closed: what they did not mend is told by the verdict. One
    that closed by itself comes back under a new key when its cause comes back.
    """
    existing = [one for one in tx.tasks.of_patient(patient) if base_key(one.key) not in pairs]
    existing += (one for tasks in pairs.values() for one in tasks)
    by_base: dict[str, list[Task]] = {}
    for one in existing:
        by_base.setdefault(base_key(one.key), []).append(one)
    want = {one.key: one for one in wanted}
    for key, called_for in want.items():
        known = by_base.get(key, [])
        if any(
            task.open or (task.closed_by != "relais" and not _asks_anew(task)) for task in known
        ):
            continue
        again = WantedTask(
            key=f"{key}#again{len(known)}" if known else key,
            kind=called_for.kind,
            patient=called_for.patient,
            stay=called_for.stay,
            about=called_for.about,
        )
        tx.tasks.raise_(again, now)
    for task in existing:
        if not task.open or task.kind in _OF_OTHERS:
            continue
        if task.about in over if task.kind in _NOT_OF_PLAN else base_key(task.key) not in want:
            tx.tasks.close(task.id, now, "relais", "no-longer-needed")


def of_pair(tx: Tx, one: str, other: str) -> list[Task]:
    """The tasks ever raised about a pair of surviving keys."""
    key = pair_key(one, other)
    return [task for task in tx.tasks.of_patient(min(one, other)) if base_key(task.key) == key]


def _asks_anew(task: Task) -> bool:
    """Its answer is a fact (commands.tasks): asked for again, the sender has said more since."""
    return task.kind is TaskKind.EXIT_KIND_UNKNOWN


def remember_stays(tx: Tx, scene: Scene, decided: Plan, now: datetime) -> None:
    root = scene.record.person.patient
    before = {row.key: row for row in tx.facts.stays_of(root)}
    for stay in scene.record.stays:
        threads = [one for one in decided.threads if one.stay == stay.key]
        verdicts = {one.thread.value: f"{one.standing}: {one.reason}" for one in threads}
        old = before.pop(stay.key, None)
        asked = scene.answer.source if scene.answer else ""
        _tell_changes(tx, root, stay.key, old.verdicts if old else {}, threads, now, asked)
        due = now if any(one.send for one in threads) else decided.look_at(stay.key)
        row = StayRow(
            stay.key,
            root,
            stay.usmp,
            verdicts,
            due,
            closed=stay.exit is not None,
            continuity=continuity(
                scene,
                stay,
                partial(items_of, tx, stay),
                next((one for one in threads if one.thread is Thread.EXIT), None),
            ),
        )
        if row != old:
            tx.facts.put_stay(row)
    for old in before.values():
        # A letter about it may have to be taken back.
        due = now if any(one.send for one in decided.threads if one.stay == old.key) else None
        gone = StayRow(old.key, root, old.usmp, {"stay": Reason.NEVER_HAPPENED.value}, due, True)
        if gone.verdicts != old.verdicts:
            tx.audit.append(
                AuditKind.DECISION,
                now=now,
                patient=root,
                stay=old.key,
                reason=Reason.NEVER_HAPPENED.value,
            )
        if gone != old:
            tx.facts.put_stay(gone)


def items_of(tx: Tx, stay: Stay) -> list[Items]:
    """What was written of a stay, and validated, as far as a machine can read it."""
    items = [one.items for one in stay.background if one.said.validated]
    for one in stay.documents:
        if one.form is DocumentForm.SUMMARY and one.usable:
            with suppress(KeyError, ValueError):  # no longer kept, or of another version
                items.append(read_items(one.form, tx.facts.blob(one.content)))
    return items


def _tell_changes(
    tx: Tx,
    patient: str,
    stay: str,
    before: dict[str, str],
    threads: Iterable[ThreadPlan],
    now: datetime,
    asked: str,
) -> None:
    """``asked``: which directory answered, so that the decision can be taken again as it was."""
    for one in threads:
        if before.get(one.thread.value) != f"{one.standing}: {one.reason}":
            tx.audit.append(
                AuditKind.DECISION,
                now=now,
                patient=patient,
                stay=stay,
                thread=one.thread.value,
                standing=one.standing.value,
                reason=one.reason.value,
                until=one.until.isoformat() if one.until else None,
                directory=asked or None,
            )
