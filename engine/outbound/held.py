"""What is held, and goes to the gate again once its cause is gone.

Each function runs inside one write transaction. Nothing leaves by it: the gate and the firewall are
asked as for any letter.
"""

from collections.abc import Container
from datetime import datetime
from typing import Final

from engine.decide.reasons import Reason
from engine.model.flow import Delivery, DeliveryState
from engine.model.trail import AuditKind
from engine.store.interface import Tx

NO_CHANNEL: Final = "channel-not-configured"  # its channel is not in the settings

_RULES: Final = "privacy-rules"  # name of the meta value: the rules that what is held was read by
_AT_ONCE: Final = 100_000


def let_go(tx: Tx, delivery_id: str, now: datetime, actor: str) -> bool:
    """A person answered ``go-on``: what is held for a leak goes to the gate again."""
    row = tx.outbox.get(delivery_id)
    if row is None or not _held_for_leak(row):
        return False
    _to_gate(tx, row, now, actor, reason="released")
    return True


def read_again(tx: Tx, now: datetime, version: str) -> int:
    """With other rules than before, what is held for a leak goes to the gate again; gives how
    many."""
    if tx.meta.get(_RULES) == version:
        return 0
    tx.meta.put(_RULES, version)
    held = [
        row
        for row in tx.outbox.listing(state=DeliveryState.HELD, limit=_AT_ONCE)
        if _held_for_leak(row)
    ]
    for row in held:
        _to_gate(tx, row, now, "relais", reason="rules-changed")
    return len(held)


def channels_returned(tx: Tx, now: datetime, channels: Container[str]) -> int:
    """What was held for want of a channel that is configured now; gives how many."""
    held = tx.outbox.listing(state=DeliveryState.HELD, reason=NO_CHANNEL, limit=_AT_ONCE)
    back = [row for row in held if row.channel in channels]
    for row in back:
        _to_gate(tx, row, now, "relais", reason="channel-returned")
    return len(back)


def _held_for_leak(row: Delivery) -> bool:
    return row.state is DeliveryState.HELD and row.reason == Reason.LEAK_SUSPECTED.value


def _to_gate(tx: Tx, row: Delivery, now: datetime, actor: str, *, reason: str) -> None:
    tx.outbox.move(row.id, DeliveryState.QUEUED, now, due_at=now, reason=reason)
    tx.audit.append(
        AuditKind.DELIVERY_MOVED,
        now=now,
        actor=actor,
        patient=row.patient,
        stay=row.stay,
        subject=f"delivery {row.id}",
        to=DeliveryState.QUEUED.value,
        reason=reason,
    )
