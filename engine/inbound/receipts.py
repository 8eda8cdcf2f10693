"""Commit 4: a report tied to its delivery, with its evidence, its audit line and what follows.

Each function runs inside one write transaction. What follows is a task, or the end of one; and,
for a letter that was only possibly sent, the end of its attempts: a report proves that it left.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.decide.ladder import (
    ARRIVED,
    Match,
    Standing,
    Watch,
    by_box_alone,
    candidates,
    match,
    match_by_box,
    reply_wanted,
    standing,
    task_wanted,
)
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import LetterKind
from engine.model.receipt import Kept, Receipt, ReceiptKind, ReceiptSource, Reported, Returned
from engine.model.task import RETURNED_KINDS, WantedTask
from engine.model.trail import AuditKind
from engine.store.interface import NewReceipt, Relayed, Tx

# A report that names a mailbox alone is about a letter of the last days: operators try for 4 to 5
# (RFC 5321 section 4.5.4.1).
_RECENT: Final = timedelta(days=5)
_CLOCKS: Final = timedelta(hours=1)  # how far the clocks of two servers may be apart
_MOST_RECENT: Final = 2000  # letters looked at for a mailbox: some 100 ms of the writer
_PAGE: Final = 256
_WATCHED: Final = "proof-watched"  # meta: how far silence was looked at, by kind of letter
PROVED: Final = "proved-by-receipt"

# Told of a delivery whose state a receipt has changed, in the same transaction.
Moved = Callable[[Tx, Delivery, datetime], None]
# Told of each report that was kept, once, in the same transaction.
Came = Callable[[Tx, Delivery, Kept, datetime], None]


def nobody(_tx: Tx, _row: Delivery, _kept: Kept, _now: datetime) -> None:
    """Nobody else is told."""


def take(
    tx: Tx,
    returned: Returned,
    raw: bytes,
    *,
    origin: str,
    watch: Watch,
    now: datetime,
    arrived: datetime | None = None,
    moved: Moved = lambda _tx, _row, _now: None,
    came: Came = nobody,
) -> tuple[Kept, ...] | None:
    """Keep what a mail says of letters of ours; None: of none, and nothing was done.

    () when all of it was known: the same mail came again. ``arrived``: when it came into the
    mailbox. A mail that was there before the letter is about another one: ids are derived, so a
    store that was begun anew (a trial) writes letters of the same id.
    """
    kept: list[Kept] = []
    tied = False
    for report in returned.reports:
        found = tie(tx, report, now)
        row = None if found is None else tx.outbox.get(found.delivery)
        if found is None or row is None:
            continue
        if arrived is not None and arrived < row.created_at - _CLOCKS:
            continue
        if report.clue.writer == row.sender.lower():
            continue  # our own people, who answered an answer
        tied = True
        new = NewReceipt(
            delivery=found.delivery,
            identity=_identity(report, returned.own_id, raw),
            receipt=report.receipt,
            other_box=found.other_box,
            evidence=raw,
            origin=origin,
        )
        added = _keep(tx, new, "relais", watch, now, moved, came)
        if added is not None:
            kept.append(added)
    return tuple(kept) if tied else None


def tie(tx: Tx, report: Reported, now: datetime) -> Match | None:
    """The one delivery that a report is about: by ENVID, Message-ID, or, for bad news, mailbox."""
    clue = report.clue
    rows = (tx.outbox.get(one) for one in candidates(clue))
    # What the record was told went by no mail: no mail can say anything of it.
    known = {row.id: row for row in rows if row is not None and not row.about}
    found = match(clue, known)
    named = clue.envelope_id or clue.original_id or clue.thread
    if found is not None or named or not by_box_alone(report.receipt.kind):
        return found
    recent = tx.receipts.left_since(now - _RECENT, _MOST_RECENT)
    if len(recent) == _MOST_RECENT:
        return None  # another one may have gone there: people have the mail
    rows = (tx.outbox.get(one) for one in recent)
    return match_by_box(clue, [row for row in rows if row is not None])


def told_by_person(
    tx: Tx,
    delivery: str,
    kind: ReceiptKind,
    *,
    by: str,
    watch: Watch,
    now: datetime,
    moved: Moved,
) -> None:
    """A person asked the doctor, who told: the last rung. Who and when is its proof.

    ``kind``: CONFIRMED, the doctor has the letter; DISOWNED, the patient is none of theirs.
    """
    said = {"by": by, "said": kind.value, "at": now.astimezone(UTC).isoformat()}
    raw = json.dumps(said, sort_keys=True).encode()
    new = NewReceipt(
        delivery=delivery,
        identity=hashlib.sha256(raw).hexdigest(),
        receipt=Receipt(kind, ReceiptSource.PERSON, said_at=now),
        other_box=False,
        evidence=raw,
        origin=by,
    )
    _keep(tx, new, by, watch, now, moved)


def reconcile(tx: Tx, row: Delivery, watch: Watch, now: datetime) -> Standing:
    """Raise the task that a letter's standing calls for; close those that it no longer does."""
    now_at = standing(row, tx.receipts.of_delivery(row.id))
    wanted = task_wanted(row, now_at, overdue=watch.overdue(row, now), enough=watch.enough)
    if wanted is not None:
        tx.tasks.raise_(wanted, now)
    for task in tx.tasks.of_patient(row.patient):
        if not task.open or task.kind not in RETURNED_KINDS or task.about != row.id:
            continue
        if wanted is None or task.key != wanted.key:
            tx.tasks.close(task.id, now, "relais", now_at.rung.value)
    return now_at


def notice_silence(tx: Tx, watch: Watch, now: datetime) -> int:
    """Raise a task for each letter whose wait is over without proof. Gives how many were looked
    at: a full page means that there may be more.

    Each letter is looked at once, when its wait ends; what it stands on is kept in the store, so
    a restart neither forgets one nor asks twice. Letters whose wait was over before the first
    look ever are left alone: the site has just begun to hear of receipts.
    """
    looked = 0
    if not watch.channels:
        return looked
    for kind in LetterKind:
        name = f"{_WATCHED}:{kind.value}"
        until = now - watch.wait(kind)
        told = tx.meta.get(name)
        if told is None:
            tx.meta.put(name, f"{until.isoformat()} ")
            continue
        at, _, last = told.partition(" ")
        due = tx.receipts.relayed(kind, Relayed(datetime.fromisoformat(at), last), until, _PAGE)
        for one in due:
            row = tx.outbox.get(one.delivery)
            if row is not None:
                reconcile(tx, row, watch, now)
        if due:
            tx.meta.put(name, f"{due[-1].at.isoformat()} {due[-1].delivery}")
        looked = max(looked, len(due))
    return looked


def more_silence(looked: int) -> bool:
    """Whether `notice_silence` should be called again at once."""
    return looked >= _PAGE


def _keep(
    tx: Tx,
    new: NewReceipt,
    actor: str,
    watch: Watch,
    now: datetime,
    moved: Moved,
    came: Came = nobody,
) -> Kept | None:
    kept = tx.receipts.add(new, now)
    row = tx.outbox.get(new.delivery)
    if kept is None or row is None:
        return None
    if tx.receipts.forgotten(row.id):
        now_at = standing(row, tx.receipts.of_delivery(row.id))
    else:
        row = _prove(tx, row, kept, now, moved)
        now_at = reconcile(tx, row, watch, now)
        answer = reply_wanted(row, kept)
        if answer is not None and not _asked(tx, answer):
            tx.tasks.raise_(answer, now)
        came(tx, row, kept, now)
    said = kept.receipt
    tx.audit.append(
        AuditKind.RECEIPT,
        now=now,
        actor=actor,
        patient=row.patient,
        stay=row.stay,
        subject=f"delivery {row.id}",
        receipt=said.kind.value,
        source=said.source.value,
        code=said.code,
        status=said.status,
        other_box=kept.other_box,
        stands=now_at.rung.value,
        evidence=kept.evidence,
        origin=kept.origin,
    )
    return kept


def _asked(tx: Tx, wanted: WantedTask) -> bool:
    """Whether somebody is to look already: ten answers are one look at the mailbox."""
    return any(
        one.open and one.kind is wanted.kind and one.about == wanted.about
        for one in tx.tasks.of_patient(wanted.patient or "")
    )


def _prove(tx: Tx, row: Delivery, kept: Kept, now: datetime, moved: Moved) -> Delivery:
    """A letter that was possibly sent, and was: it is not sent a second time."""
    proof = kept.receipt.kind in ARRIVED and not kept.other_box
    waits = row.state in (DeliveryState.QUEUED, DeliveryState.EXPIRED)
    if not (proof and waits and row.possibly_sent and row.attempts):
        return row
    row = tx.outbox.move(row.id, DeliveryState.RELAYED, now, reason=PROVED)
    tx.audit.append(
        AuditKind.DELIVERY_MOVED,
        now=now,
        patient=row.patient,
        stay=row.stay,
        subject=f"delivery {row.id}",
        to=DeliveryState.RELAYED.value,
        reason=PROVED,
    )
    moved(tx, row, now)
    return row


def _identity(report: Reported, own_id: str, raw: bytes) -> str:
    """The same for the same report: a mail that comes twice has one Message-ID, whatever lines
    the systems on its way have added. A mail without one is known by its bytes."""
    said, clue = report.receipt, report.clue
    of = own_id or hashlib.sha256(raw).hexdigest()
    told = [of, said.kind, said.source, said.status, said.code, *clue.recipients]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
