"""Commit 1: look for the same message, and store this one if there is none. One transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from engine.decide.admission import Verdict
from engine.inbound.door import Door, Receipt
from engine.model.config import OnError
from engine.model.consent_file import CONSENTS
from engine.model.flow import AckCode, JournalState
from engine.model.form import FORM
from engine.model.release_file import RELEASES
from engine.model.task import TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.store.interface import Earlier, NewEntry, Tx
from engine.wire.mllp import FaultKind

_LONGEST: Final = 200  # of what the journal repeats from MSH
_UNSAID: Final = Verdict(AckCode.AE)


class Kept(NamedTuple):
    journal_id: int
    verdict: Verdict
    code: AckCode
    duplicate: bool = False


class Item:
    """A message, or a fault, on its way into the store."""

    __slots__ = (
        "digest", "done", "door", "fault", "kind", "now", "peer", "raw", "reason", "verdict",
    )  # fmt: skip

    def __init__(self, door: Door, peer: str, now: datetime, done: Callable[[Receipt], None]):
        self.door = door
        self.peer = peer
        self.now = now
        self.done = done
        self.raw = b""
        self.digest = b""
        self.verdict = _UNSAID
        self.fault: FaultKind | None = None
        self.kind = ""  # FORM, CONSENTS or RELEASES: what it is, where it is no HL7
        self.reason = ""


def keep(tx: Tx, item: Item) -> Kept:
    """Look for the same message, and add this one if there is none."""
    verdict, door = item.verdict, item.door
    if item.fault is not None:
        # Without its MSH-10: the whole message may come yet, and must not meet this one.
        entry = _entry(item, "", "", JournalState.QUARANTINE, AckCode.AE, item.reason)
        alone = item.fault is FaultKind.FILE
        return Kept(_write(tx, entry, item.now, alone=alone), verdict, AckCode.AE)
    header = verdict.header
    if item.kind:
        # It has no MSH: the same bytes are the same form, and others are another one.
        sender, control_id = item.kind, item.digest.hex()
    else:
        sender = header.sender[:_LONGEST] if header else ""
        control_id = header.control_id[:_LONGEST] if header else ""
    earlier = tx.journal.earlier(sender, control_id) if control_id else ()
    if earlier:
        same = [row for row in earlier if row.content_hash == item.digest]
        for row in same:
            # What was refused and would now be taken (the mapping was repaired) is new.
            if row.ack is AckCode.AA or verdict.ack is not AckCode.AA:
                return _again(tx, item, verdict, row)
    # The same MSH-10 with other content is a new message: senders begin their numbers anew, or
    # number by day (two of the national examples share one). What it says is judged by itself;
    # refusing it would lose it, since a sender does not send again under another number.
    code = AckCode.AA if door.on_error is OnError.PARK else verdict.ack
    reused = f"MSH-10 was journal {earlier[-1].id}'s before" if earlier else ""
    reason = "; ".join(filter(None, (verdict.reason, reused)))
    entry = _entry(item, sender, control_id, verdict.state, code, reason)
    return Kept(_write(tx, entry, item.now), verdict, code)


def _again(tx: Tx, item: Item, verdict: Verdict, row: Earlier) -> Kept:
    """The same message once more: a line in the audit, and the answer it had."""
    subject = f"journal {row.id}"
    tx.audit.append(
        AuditKind.MESSAGE_DUPLICATE,
        now=item.now,
        actor=item.door.source,
        subject=subject,
        ack=row.ack.value,
    )
    if row.ack is AckCode.AA:
        verdict = replace(verdict, ack=AckCode.AA, conditions=())
    return Kept(row.id, verdict, row.ack, duplicate=True)


def _entry(
    item: Item, sender: str, control_id: str, state: JournalState, code: AckCode, reason: str
) -> NewEntry:
    header = item.verdict.header if item.fault is None else None
    return NewEntry(
        source=item.door.source,
        peer=item.peer,
        raw=item.raw,
        content_hash=item.digest,
        sender=sender,
        control_id=control_id,
        message_type=item.kind or (header.message_type[:_LONGEST] if header else ""),
        processing_id=header.processing_id[:_LONGEST] if header else "",
        state=state,
        ack=code,
        reason=reason,
    )


def _write(tx: Tx, entry: NewEntry, now: datetime, *, alone: bool = False) -> int:
    """``alone``: nobody waits for an answer."""
    journal_id = tx.journal.add(entry, now)
    quarantined = entry.state is JournalState.QUARANTINE
    tx.audit.append(
        AuditKind.MESSAGE_QUARANTINED if quarantined else AuditKind.MESSAGE_RECEIVED,
        now=now,
        actor=entry.source,
        subject=f"journal {journal_id}",
        ack=entry.ack.value,
        sha256=entry.content_hash.hex(),
        **({"reason": entry.reason} if entry.reason else {}),
    )
    alone = alone or entry.message_type in (FORM, CONSENTS, RELEASES)
    if quarantined and (alone or entry.ack is AckCode.AA):
        # "AA always", or nobody who waits for an answer: so a person must know.
        tx.tasks.raise_(
            WantedTask(
                key=f"message:{journal_id}",
                kind=TaskKind.MESSAGE_UNREADABLE,
                about=f"journal {journal_id}",
            ),
            now,
        )
    return journal_id
