"""What the worker writes: commits 3a (before dialing) and 3b (after), and the recovery at start.

Each function runs inside one write transaction: a move, its attempt row, its audit line and the
task that follows are on the disk together or not at all.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from engine.decide.answers import GO_ON
from engine.decide.reasons import Reason
from engine.decide.retry import Close, Step, TryAgain, delay, next_step
from engine.model.config import Retry
from engine.model.flow import (
    Accepted,
    Deferred,
    Delivery,
    DeliveryState,
    Outcome,
    Rejected,
    Unknown,
    outcome_word,
)
from engine.model.task import TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.outbound.permission import (
    Cancel,
    Firewall,
    Hold,
    Leave,
    MayLeave,
    Permission,
    Screened,
    Wait,
)
from engine.store.interface import Tx

PAUSED = "paused"  # name of the meta value; any text but "" pauses all sending
_LONGEST_WHY = 900  # characters of places in the audit line
_READ_WITHIN = timedelta(seconds=1)  # what was acknowledged longer ago must have been read


@dataclass(frozen=True, slots=True)
class Opened:
    """An attempt that is on the disk and may now be dialed."""

    delivery: Delivery
    number: int
    digest: str = ""  # SHA-256 of the bytes that the firewall read; "": it read none


@dataclass(frozen=True, slots=True)
class NotOpened:
    """Nothing may be dialed. ``word`` says what became of it, ``reason`` why."""

    word: str  # cancelled, held, postponed, gone
    reason: str


def paused(tx: Tx) -> bool:
    """Whether an operator has stopped all sending."""
    return bool(tx.meta.get(PAUSED))


def behind(tx: Tx, now: datetime) -> bool:
    """Whether a message that was acknowledged some time ago is still unread: it may say that the
    patient no longer wants the letter. Nothing leaves until it was read."""
    since = tx.journal.unread_since()
    return since is not None and since <= now - _READ_WITHIN


def open_attempt(
    tx: Tx,
    delivery_id: str,
    now: datetime,
    may_leave: MayLeave,
    screened: Screened | None = None,
    firewall: Firewall | None = None,
) -> Opened | NotOpened:
    """Commit 3a. The gate is asked on the rows of this transaction, nothing older; what the
    firewall found before counts only for these very bytes and the rules of now."""
    row = tx.outbox.get(delivery_id)
    if row is None or row.state is not DeliveryState.QUEUED or row.due_at > now:
        return NotOpened("gone", "moved")  # an operator was faster
    if paused(tx):
        return NotOpened("gone", "paused")
    if behind(tx, now):
        return NotOpened("gone", "unread-messages")
    permission = may_leave(tx, row, now)
    if isinstance(permission, Leave) and firewall is not None:
        if screened is None or not _of_now(tx, row, screened, firewall):
            return NotOpened("gone", "to-be-read-again")
        permission = _leak(tx, row, screened, firewall, now)
    match permission:
        case Leave():
            number = tx.outbox.open_attempt(row.id, now)
            _audit(tx, AuditKind.ATTEMPT_OPENED, row, now, number=number, channel=row.channel)
            return Opened(row, number, screened.digest if screened else "")
        case Cancel(reason=reason):
            tx.outbox.move(row.id, DeliveryState.CANCELLED, now, reason=reason)
            _audit(
                tx,
                AuditKind.DELIVERY_MOVED,
                row,
                now,
                to=DeliveryState.CANCELLED.value,
                reason=reason,
            )
            return NotOpened("cancelled", reason)
        case Hold(reason=reason):
            tx.outbox.move(row.id, DeliveryState.HELD, now, reason=reason)
            _audit(
                tx, AuditKind.DELIVERY_MOVED, row, now, to=DeliveryState.HELD.value, reason=reason
            )
            return NotOpened("held", reason)
        case Wait(until=until, reason=reason):
            tx.outbox.move(row.id, DeliveryState.QUEUED, now, due_at=until, reason=reason)
            _audit(
                tx,
                AuditKind.DELIVERY_MOVED,
                row,
                now,
                to=DeliveryState.QUEUED.value,
                reason=reason,
                until=until.isoformat(),
            )
            return NotOpened("postponed", reason)
        case unreachable:
            assert_never(unreachable)


def _of_now(tx: Tx, row: Delivery, screened: Screened, firewall: Firewall) -> bool:
    same = screened.digest == hashlib.sha256(tx.outbox.mime(row.id)).hexdigest()
    return same and screened.rules == firewall.version


def _leak(
    tx: Tx, row: Delivery, screened: Screened, firewall: Firewall, now: datetime
) -> Permission:
    """Hold what says too much, and ask; unless a person has looked at just that and let it go."""
    if not screened.found:
        return Leave()
    # Other bytes, or other findings in them, are another question.
    told = "\0".join((screened.digest, *(f"{place}\0{rule}" for place, rule in screened.found)))
    key = f"leak:{row.id}:{hashlib.sha256(told.encode()).hexdigest()[:24]}"
    asked = [one for one in tx.tasks.of_patient(row.patient) if one.key.partition("#")[0] == key]
    if any(one.answer == GO_ON for one in asked if not one.open):
        return Leave()
    if not any(one.open for one in asked):
        where = "; ".join(f"{firewall.sentence(rule)} ({rule}): {place}"
                          for place, rule in screened.found)  # fmt: skip
        tx.tasks.raise_(
            WantedTask(
                key=f"{key}#{len(asked)}" if asked else key,
                kind=TaskKind.LEAK,
                patient=row.patient,
                stay=row.stay,
                about=row.id,
            ),
            now,
            why=where[:_LONGEST_WHY],
        )
    return Hold(Reason.LEAK_SUSPECTED.value)


def close_attempt(
    tx: Tx, opened: Opened, outcome: Outcome, now: datetime, *, policy: Retry, dice: float
) -> Step:
    """Commit 3b: how it ended, and what follows."""
    row = tx.outbox.get(opened.delivery.id) or opened.delivery
    tx.outbox.close_attempt(row.id, opened.number, outcome, now)
    step = next_step(
        outcome, attempt=opened.number, age=now - row.created_at, policy=policy, dice=dice
    )
    _audit(
        tx,
        AuditKind.ATTEMPT_CLOSED,
        row,
        now,
        number=opened.number,
        outcome=outcome_word(outcome),
        **_particulars(outcome),
    )
    if row.state is not DeliveryState.SENDING:
        return step  # somebody moved it meanwhile: what happened is kept, their word stands
    reason = _reason(outcome)
    match step:
        case TryAgain(delay=wait, possibly_sent=maybe):
            tx.outbox.move(
                row.id,
                DeliveryState.QUEUED,
                now,
                due_at=now + wait,
                reason=reason,
                possibly_sent=True if maybe else None,
            )
        case Close(state=state, possibly_sent=maybe):
            tx.outbox.move(row.id, state, now, reason=reason, possibly_sent=True if maybe else None)
            if state is not DeliveryState.RELAYED:
                _raise_task(tx, row, opened.number, now, uncertain=maybe or row.possibly_sent)
        case _:
            assert_never(step)
    return step


def recover(tx: Tx, now: datetime, *, policy: Retry, dice: float) -> int:
    """At start-up: rows in SENDING were cut by a crash. Gives how many.

    The mail may have left: it goes again with the same Message-ID, after the wait that a failed
    attempt would have had, so that a daemon that keeps dying does not hammer the peer.
    """
    rows = tx.outbox.sending()
    for row in rows:
        number = 0
        for attempt in tx.outbox.attempts(row.id):
            number = max(number, attempt.number)
            if attempt.closed_at is None:
                tx.outbox.close_attempt(row.id, attempt.number, None, now)
        wait: timedelta = delay(max(1, number), policy=policy, dice=dice)
        tx.outbox.move(
            row.id,
            DeliveryState.QUEUED,
            now,
            due_at=now + wait,
            reason="cut",
            possibly_sent=True,
        )
        _audit(tx, AuditKind.ATTEMPT_CLOSED, row, now, number=number, outcome="cut")
    return len(rows)


def _raise_task(tx: Tx, row: Delivery, number: int, now: datetime, *, uncertain: bool) -> None:
    kind = TaskKind.DELIVERY_UNCERTAIN if uncertain else TaskKind.DELIVERY_FAILED
    if row.about:
        kind = TaskKind.RECORD_NOT_TOLD
    # The attempt is part of the key: a letter sent anew by hand that fails again asks again.
    tx.tasks.raise_(
        WantedTask(
            key=f"delivery:{row.id}:{number}",
            kind=kind,
            patient=row.patient,
            stay=row.stay,
            about=row.id,
        ),
        now,
    )


def _reason(outcome: Outcome) -> str:
    """Why it did not go, in words of ours: "busy 451 4.7.1"."""
    match outcome:
        case Accepted(reason=reason):
            return reason
        case (
            Deferred(cause=cause, code=code, status=status)
            | Rejected(cause=cause, code=code, status=status)
        ):
            return " ".join(str(part) for part in (cause.value, code, status) if part is not None)
        case Unknown(cause=cause):
            return cause.value
        case _:
            assert_never(outcome)


def _particulars(outcome: Outcome) -> dict[str, str | int | bool | None]:
    match outcome:
        case Accepted(reply=reply):
            return {"reply": reply}
        case (
            Deferred(cause=cause, code=code, status=status)
            | Rejected(cause=cause, code=code, status=status)
        ):
            return {"cause": cause.value, "code": code, "status": status}
        case Unknown(cause=cause):
            return {"cause": cause.value}
        case _:
            assert_never(outcome)


def _audit(
    tx: Tx, kind: AuditKind, row: Delivery, now: datetime, **detail: str | int | bool | None
) -> None:
    tx.audit.append(
        kind,
        now=now,
        actor="relais",
        patient=row.patient,
        stay=row.stay,
        subject=f"delivery {row.id}",
        **detail,
    )
