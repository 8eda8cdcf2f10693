"""A letter on paper was posted, or taken out of the queue: a person says so, its delivery says it
since.
"""

from datetime import datetime

from engine.model.flow import POSTED, Delivery, DeliveryState
from engine.model.task import Task, TaskKind
from engine.model.trail import AuditKind
from engine.store.interface import Tx


def mark_posted(tx: Tx, row: Delivery, now: datetime, actor: str) -> bool:
    """Write it, once; False: it is not in the queue, or was posted before."""
    return _out_of_queue(tx, row, DeliveryState.RELAYED, now, actor, POSTED)


def mark_withdrawn(tx: Tx, row: Delivery, now: datetime, actor: str, reason: str) -> bool:
    """It is not posted: write it, once; False: it is not in the queue."""
    return _out_of_queue(tx, row, DeliveryState.CANCELLED, now, actor, reason)


def _out_of_queue(
    tx: Tx, row: Delivery, to: DeliveryState, now: datetime, actor: str, reason: str
) -> bool:
    if not row.in_print_queue:
        return False
    tx.outbox.move(row.id, to, now, reason=reason)
    tx.audit.append(
        AuditKind.DELIVERY_MOVED,
        now=now,
        actor=actor,
        patient=row.patient,
        stay=row.stay,
        subject=f"delivery {row.id}",
        to=to.value,
        reason=reason,
    )
    for task in asked_about(tx, row):
        tx.tasks.close(task.id, now, actor, reason)
    return True


def asked_about(tx: Tx, row: Delivery) -> list[Task]:
    """The open tasks that ask to keep it from being posted."""
    return [
        task
        for task in tx.tasks.of_patient(row.patient)
        if task.open and task.kind is TaskKind.NOT_TO_BE_POSTED and task.about == row.id
    ]
