"""A letter on paper was printed and posted: a person says so, and its delivery says it since."""

from datetime import datetime

from engine.model.flow import POSTED, TO_PRINT, Delivery, DeliveryState
from engine.model.trail import AuditKind
from engine.store.interface import Tx


def in_print_queue(row: Delivery) -> bool:
    """Whether a delivery waits for the mail room."""
    return row.state is DeliveryState.RELAYED and row.reason == TO_PRINT


def mark_posted(tx: Tx, row: Delivery, now: datetime, actor: str) -> bool:
    """Write it, once; False: it is not in the queue, or was posted before."""
    if not in_print_queue(row):
        return False
    tx.outbox.move(row.id, DeliveryState.RELAYED, now, reason=POSTED)
    tx.audit.append(
        AuditKind.DELIVERY_MOVED,
        now=now,
        actor=actor,
        patient=row.patient,
        stay=row.stay,
        subject=f"delivery {row.id}",
        to=DeliveryState.RELAYED.value,
        reason=POSTED,
    )
    return True
