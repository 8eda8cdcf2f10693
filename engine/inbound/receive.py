"""The door: verdict, commit 1, answer. Every way in passes here.

The raw bytes, the journal row and an audit line are on the disk before the answer is made. When
the store fails nothing is claimed: AR, code 207, and the sender keeps its message. A crash
between the commit and the answer makes the sender repeat itself: the same MSH-3, MSH-4 and
MSH-10 with the same bytes get the same answer again and no second row.

Logs hold journal ids, codes and the names of listeners; nothing that a message says.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

import structlog

from engine.decide.admission import RequiredFields, Verdict, admit
from engine.model.config import OnError
from engine.model.flow import AckCode, Condition, JournalState
from engine.store.interface import Earlier, NewEntry, Store, Tx
from engine.wire import hl7
from engine.wire.hl7_ack import AckMode, ack
from engine.wire.hl7_errors import DUPLICATE_KEY, INTERNAL
from engine.wire.mllp import Fault, FaultKind

log = structlog.get_logger("inbound")

_KEPT_OF_A_FAULT: Final = 64 * 1024  # of what can be no message; torn frames are kept whole
_LONGEST: Final = 200  # of what the journal repeats from MSH
_UNSAID: Final = Verdict(AckCode.AE)


class Counters(Protocol):
    """What the metrics want to hear. Called on the event loop: must not block."""

    def received(self, source: str, ack: AckCode) -> None:
        """A message got its verdict and is stored."""
        ...

    def duplicate(self, source: str) -> None:
        """A message that was stored before came again, and was answered as before."""
        ...

    def fault(self, source: str, kind: FaultKind) -> None:
        """Bytes that are no message went to quarantine."""
        ...

    def store_failed(self, source: str) -> None:
        """A message could not be stored; its sender was told so."""
        ...

    def connections(self, source: str, count: int) -> None:
        """How many senders a listener has now."""
        ...

    def turned_away(self, source: str, why: str) -> None:
        """A connection was closed at once: 'network' or 'too-many'."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """One way in: whose messages come by it, and how they are judged and answered."""

    source: str  # name of the listener or folder
    required: RequiredFields = field(default_factory=RequiredFields)
    aliases: Mapping[str, str] = field(default_factory=dict)
    on_error: OnError = OnError.ANSWER
    ack_mode: AckMode = "auto"


class Receipt(NamedTuple):
    """What became of a message at the door."""

    code: AckCode  # what its sender hears; AA: stored
    stored: bool  # False: the store failed, and nothing was kept
    duplicate: bool
    journal_id: int | None
    reason: str  # codes and places, never a value
    answer: bytes | None  # the ACK, unframed; None: its sender wants none


class _Kept(NamedTuple):
    journal_id: int
    verdict: Verdict
    code: AckCode
    duplicate: bool = False


class _Item:
    """A message, or a fault, on its way into the store."""

    __slots__ = ("digest", "done", "door", "fault", "now", "peer", "raw", "reason", "verdict")

    def __init__(self, door: Door, peer: str, now: datetime, done: Callable[[Receipt], None]):
        self.door = door
        self.peer = peer
        self.now = now
        self.done = done
        self.raw = b""
        self.digest = b""
        self.verdict = _UNSAID
        self.fault: FaultKind | None = None
        self.reason = ""


class Receiver:
    """Takes messages in.

    What arrives in one turn of the event loop is stored by one work of the store: at fifty
    connections the cost of a task, a future and a savepoint a message would be a third of all.
    """

    def __init__(
        self,
        store: Store,
        counters: Counters,
        *,
        software: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._counters = counters
        self._software = software
        self._clock = clock
        self._waiting: list[_Item] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, raw: bytes, *, door: Door, peer: str) -> bytes | None:
        """Store one message and give its ACK, unframed; None when the sender wants none.

        `peer` is the sender's address; it goes into the journal and nowhere else. Never raises
        for anything in `raw`, nor for a failing store.
        """
        return (await self.take(raw, door=door, peer=peer)).answer

    async def take(self, raw: bytes, *, door: Door, peer: str) -> Receipt:
        """As `receive`, with what became of the message."""
        came: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.submit(raw, door=door, peer=peer, done=_setter(came))
        return await came

    async def quarantine(self, fault: Fault, *, door: Door, peer: str, why: str) -> Receipt:
        """As `submit_fault`, awaited."""
        came: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.submit_fault(fault, door=door, peer=peer, why=why, done=_setter(came))
        return await came

    def submit(self, raw: bytes, *, door: Door, peer: str, done: Callable[[Receipt], None]) -> None:
        """Judge a message and queue it for the store; `done` is called on the event loop once it
        is on the disk, or has failed to get there."""
        item = _Item(door, peer, self._clock(), done)
        item.raw = raw
        item.digest = hashlib.sha256(raw).digest()
        item.verdict = admit(raw, required=door.required, aliases=door.aliases)
        self._enqueue(item)

    def submit_fault(
        self, fault: Fault, *, door: Door, peer: str, why: str, done: Callable[[Receipt], None]
    ) -> None:
        """Keep bytes that are no message, with the reason, for quarantine.

        Only a frame over the limit is answered, with AE even where errors are parked: it is not
        kept whole, so no one may believe that it is. A torn frame gets no answer: its sender
        either is gone or has begun another one, whose answer must not be taken for this one's.
        """
        item = _Item(door, peer, self._clock(), done)
        whole = fault.kind is FaultKind.TORN
        item.raw = fault.data if whole else fault.data[:_KEPT_OF_A_FAULT]
        item.digest = hashlib.sha256(item.raw).digest()
        item.verdict = Verdict(AckCode.AE, (_too_long(fault),), _peek(fault.data))
        item.fault = fault.kind
        item.reason = f"{fault.kind.value}: {why + ', ' if why else ''}{fault.size} bytes"
        if len(item.raw) < fault.size:
            item.reason += f", the first {len(item.raw)} kept"
        self._enqueue(item)

    def _enqueue(self, item: _Item) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(item)

    def _flush(self) -> None:
        items, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._commit(items))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _commit(self, items: list[_Item]) -> None:
        def work(tx: Tx) -> list[_Kept]:
            return [_keep(tx, item) for item in items]

        try:
            all_kept = await self._store.write(work)
        except Exception as error:
            if len(items) > 1:  # one of them may be at fault, and must fail alone
                await asyncio.gather(*(self._commit([item]) for item in items))
            else:
                self._finish(items[0], self._failed(items[0], error))
            return
        for item, kept in zip(items, all_kept, strict=True):
            self._finish(item, self._stored(item, kept))

    def _finish(self, item: _Item, receipt: Receipt) -> None:
        try:
            item.done(receipt)
        except Exception as error:  # a fault of ours on one connection spares the others
            log.error("answer-failed", source=item.door.source, error=type(error).__name__)

    def _stored(self, item: _Item, kept: _Kept) -> Receipt:
        source, code = item.door.source, kept.code
        if kept.duplicate:
            self._counters.duplicate(source)
            log.info("message-duplicate", source=source, journal=kept.journal_id)
        elif item.fault is not None:
            self._counters.fault(source, item.fault)
            log.warning(
                "frame-quarantined", source=source, journal=kept.journal_id, reason=item.reason
            )
        else:
            self._counters.received(source, code)
            if kept.verdict.conditions:
                log.warning(
                    "message-quarantined",
                    source=source,
                    journal=kept.journal_id,
                    ack=code.value,
                    reason=kept.verdict.reason,
                )
        answer = self._answer(item, kept.verdict, code, str(kept.journal_id))
        reason = item.reason or kept.verdict.reason
        return Receipt(code, True, kept.duplicate, kept.journal_id, reason, answer)

    def _failed(self, item: _Item, error: Exception) -> Receipt:
        # The text of a database error may hold the row: only its class is logged.
        log.error("store-failed", source=item.door.source, error=type(error).__name__)
        self._counters.store_failed(item.door.source)
        condition = Condition(code=INTERNAL, text="The message could not be stored. Send it again.")
        verdict = replace(item.verdict, ack=AckCode.AR, conditions=(condition,))
        control_id = f"R{item.now.timestamp() * 1_000_000:.0f}"  # there is no journal id
        answer = self._answer(item, verdict, AckCode.AR, control_id)
        return Receipt(AckCode.AR, False, False, None, verdict.reason, answer)

    def _answer(
        self, item: _Item, verdict: Verdict, code: AckCode, control_id: str
    ) -> bytes | None:
        if item.fault is not None and item.fault is not FaultKind.OVERSIZE:
            return None
        return ack(
            verdict.header,
            code,
            verdict.conditions,
            control_id=control_id,
            at=item.now,
            software=self._software,
            charset=verdict.charset,
            mode=item.door.ack_mode,
        )


def _keep(tx: Tx, item: _Item) -> _Kept:
    """Look for the same message, and add this one if there is none."""
    verdict, door = item.verdict, item.door
    if item.fault is not None:
        # Without its MSH-10: the whole message may come yet, and must not meet this one.
        entry = _entry(item, "", "", JournalState.QUARANTINE, AckCode.AE, item.reason)
        return _Kept(_write(tx, entry, item.now), verdict, AckCode.AE)
    header = verdict.header
    sender = header.sender[:_LONGEST] if header else ""
    control_id = header.control_id[:_LONGEST] if header else ""
    earlier = tx.journal.earlier(sender, control_id) if control_id else ()
    if earlier:
        same = [row for row in earlier if row.content_hash == item.digest]
        # Only what we took makes its MSH-10 ours: a sender that was refused may well repair its
        # message and send it again under the same one.
        taken = [row for row in earlier if row.ack is AckCode.AA]
        if taken and not any(row in taken for row in same):
            text = "MSH-10 was used before for another message."
            conflict = Condition(code=DUPLICATE_KEY, location="MSH^1^10", text=text)
            conditions = (conflict, *verdict.conditions)
            verdict = replace(verdict, ack=AckCode.AE, conditions=conditions)
        for row in same:
            # What was refused and would now be taken (the mapping was repaired) is new.
            if row.ack is AckCode.AA or verdict.ack is not AckCode.AA:
                return _again(tx, item, verdict, row)
    code = AckCode.AA if door.on_error is OnError.PARK else verdict.ack
    entry = _entry(item, sender, control_id, verdict.state, code, verdict.reason)
    return _Kept(_write(tx, entry, item.now), verdict, code)


def _again(tx: Tx, item: _Item, verdict: Verdict, row: Earlier) -> _Kept:
    """The same message once more: a line in the audit, and the answer it had."""
    subject = f"journal {row.id}"
    tx.audit.append(
        "message-duplicate",
        now=item.now,
        actor=item.door.source,
        subject=subject,
        ack=row.ack.value,
    )
    if row.ack is AckCode.AA:
        verdict = replace(verdict, ack=AckCode.AA, conditions=())
    return _Kept(row.id, verdict, row.ack, duplicate=True)


def _entry(
    item: _Item, sender: str, control_id: str, state: JournalState, code: AckCode, reason: str
) -> NewEntry:
    header = item.verdict.header if item.fault is None else None
    return NewEntry(
        source=item.door.source,
        peer=item.peer,
        raw=item.raw,
        content_hash=item.digest,
        sender=sender,
        control_id=control_id,
        message_type=header.message_type[:_LONGEST] if header else "",
        processing_id=header.processing_id[:_LONGEST] if header else "",
        state=state,
        ack=code,
        reason=reason,
    )


def _setter(came: "asyncio.Future[Receipt]") -> Callable[[Receipt], None]:
    def set_receipt(receipt: Receipt) -> None:
        if not came.done():  # the caller may be gone
            came.set_result(receipt)

    return set_receipt


def _write(tx: Tx, entry: NewEntry, now: datetime) -> int:
    journal_id = tx.journal.add(entry, now)
    quarantined = entry.state is JournalState.QUARANTINE
    tx.audit.append(
        "message-quarantined" if quarantined else "message-received",
        now=now,
        actor=entry.source,
        subject=f"journal {journal_id}",
        ack=entry.ack.value,
        sha256=entry.content_hash.hex(),
        **({"reason": entry.reason} if entry.reason else {}),
    )
    return journal_id


def _too_long(fault: Fault) -> Condition:
    text = f"The message holds {fault.size} bytes: more than this listener takes."
    return Condition(code=INTERNAL, text=text)


def _peek(data: bytes) -> hl7.Header | None:
    try:
        return hl7.peek(data)
    except hl7.UnreadableError:
        return None
