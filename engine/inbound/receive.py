"""The door: verdict, commit 1, answer. Every way in passes here.

The raw bytes, the journal row and an audit line are on the disk before the answer is made. When
the store fails nothing is claimed: AR, code 207, and the sender keeps its message. A crash
between the commit and the answer makes the sender repeat itself: the same MSH-3, MSH-4 and
MSH-10 with the same bytes get the same answer again and no second row.

Logs hold journal ids, codes and the names of listeners; nothing that a message says.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import structlog

from engine.decide.admission import Verdict, admit
from engine.decide.form_admission import admit_consents, admit_form, admit_releases
from engine.inbound.commit import Item, Kept, keep
from engine.inbound.door import Counters, Door, Receipt
from engine.model.consent_file import CONSENTS
from engine.model.flow import AckCode, Condition
from engine.model.form import FORM
from engine.model.release_file import RELEASES
from engine.store.interface import Store, Tx
from engine.wire import hl7
from engine.wire.hl7_ack import ack
from engine.wire.hl7_errors import INTERNAL
from engine.wire.mllp import Fault, FaultKind

__all__ = ["Counters", "Door", "Receipt", "Receiver"]

log = structlog.get_logger("inbound")

_PATIENCE: Final = 0.001  # seconds; a commit costs about as much
_SLOW: Final = 0.1  # a commit that took so long must not hold the event loop again…
_SLOW_FOR: Final = 2.0  # …for so long
KEPT_OF_A_FAULT: Final = 64 * 1024  # of what can be no message; torn frames are kept whole


class Receiver:
    """Takes messages in.

    What waits is stored by one work of the store, and one such work at a time: a task, a future
    and a savepoint a message would cost as much as reading it, and the thread of the store would
    fight this one for the interpreter. After a commit the senders that were just answered mostly
    go on at once, so the next commit waits for as many messages, a millisecond at most: with ten
    senders that was a fifth more messages a second. A lone sender never waits.
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
        self._waiting: list[Item] = []
        self._storing: asyncio.Task[None] | asyncio.Handle | None = None
        self._here_again_at = 0.0  # on the loop's clock
        self._expected = 0  # how many are worth waiting for
        self._patience: asyncio.TimerHandle | None = None

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

    async def take_form(self, raw: bytes, *, door: Door, peer: str) -> Receipt:
        """As `take`, of a JSON form. It has no answer: its place and its faults are the reason."""
        return await self._take_file(raw, door, peer, FORM, admit_form)

    async def take_consents(self, raw: bytes, *, door: Door, peer: str) -> Receipt:
        """As `take_form`, of a file of agreements."""
        return await self._take_file(raw, door, peer, CONSENTS, admit_consents)

    async def take_releases(self, raw: bytes, *, door: Door, peer: str) -> Receipt:
        """As `take_form`, of a list of coming releases."""
        return await self._take_file(raw, door, peer, RELEASES, admit_releases)

    async def _take_file(
        self,
        raw: bytes,
        door: Door,
        peer: str,
        kind: str,
        judge: Callable[[bytes, datetime], Verdict],
    ) -> Receipt:
        came: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        item = self._item(raw, door, peer, _setter(came))
        item.kind = kind
        item.verdict = judge(raw, item.now)
        self._enqueue(item)
        return await came

    async def quarantine(self, fault: Fault, *, door: Door, peer: str, why: str) -> Receipt:
        """As `submit_fault`, awaited."""
        came: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.submit_fault(fault, door=door, peer=peer, why=why, done=_setter(came))
        return await came

    def submit(self, raw: bytes, *, door: Door, peer: str, done: Callable[[Receipt], None]) -> None:
        """Judge a message and queue it for the store; `done` is called on the event loop once it
        is on the disk, or has failed to get there."""
        item = self._item(raw, door, peer, done)
        item.verdict = admit(
            raw, required=door.required, aliases=door.aliases, documents=door.documents
        )
        self._enqueue(item)

    def submit_fault(
        self, fault: Fault, *, door: Door, peer: str, why: str, done: Callable[[Receipt], None]
    ) -> None:
        """Keep bytes that are no message, with the reason, for quarantine.

        Only a frame over the limit is answered, with AE even where errors are parked: it is not
        kept whole, so no one may believe that it is. A torn frame gets no answer: its sender
        either is gone or has begun another one, whose answer must not be taken for this one's.
        """
        item = Item(door, peer, self._clock(), done)
        whole = fault.kind is FaultKind.TORN
        item.raw = fault.data if whole else fault.data[:KEPT_OF_A_FAULT]
        item.digest = hashlib.sha256(item.raw).digest()
        item.verdict = Verdict(AckCode.AE, (_too_long(fault),), _peek(fault.data))
        item.fault = fault.kind
        item.reason = f"{fault.kind.value}: {why + ', ' if why else ''}{fault.size} bytes"
        if len(item.raw) < fault.size:
            item.reason += f", the first {len(item.raw)} kept"
        self._enqueue(item)

    def _item(self, raw: bytes, door: Door, peer: str, done: Callable[[Receipt], None]) -> Item:
        item = Item(door, peer, self._clock(), done)
        item.raw = raw
        item.digest = hashlib.sha256(raw).digest()
        return item

    def _enqueue(self, item: Item) -> None:
        self._waiting.append(item)
        self._gather()

    def _gather(self) -> None:
        """Store what waits, once the senders that were just answered had time to go on."""
        if self._storing is not None or not self._waiting:
            return  # the end of the present commit looks again
        loop = asyncio.get_running_loop()
        if len(self._waiting) >= self._expected:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
            self._storing = loop.call_soon(self._store_here)
        elif self._patience is None:
            self._patience = loop.call_later(_PATIENCE, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        self._expected = 0
        self._gather()

    def _store_here(self) -> None:
        """Store what waits in this very thread, if the store's own is idle and the disk is fast:
        nobody here has anything to do before the answers anyway."""
        # This runs in the next turn of the loop: all that was read in the last one is in.
        loop = asyncio.get_running_loop()
        items, self._waiting = self._waiting, []
        begun = loop.time()
        if begun >= self._here_again_at:
            with contextlib.suppress(Exception):  # the other way tells what is wrong, one by one
                kept = self._store.write_here(lambda tx: [keep(tx, item) for item in items])
                if kept is not None:
                    self._answer_all(items, kept)
                    if loop.time() - begun > _SLOW:
                        self._here_again_at = begun + _SLOW_FOR
                    self._stored_some(len(items))
                    return
        self._storing = loop.create_task(self._store_there(items))

    async def _store_there(self, items: list[Item]) -> None:
        try:
            await self._commit(items)
        finally:
            self._stored_some(len(items))

    def _stored_some(self, count: int) -> None:
        self._storing = None
        self._expected = count + len(self._waiting)
        self._gather()

    async def _commit(self, items: list[Item]) -> None:
        def work(tx: Tx) -> list[Kept]:
            return [keep(tx, item) for item in items]

        try:
            all_kept = await self._store.write(work)
        except Exception as error:
            if len(items) > 1:  # one of them may be at fault, and must fail alone
                await asyncio.gather(*(self._commit([item]) for item in items))
            else:
                self._finish(items[0], self._failed(items[0], error))
            return
        self._answer_all(items, all_kept)

    def _answer_all(self, items: list[Item], all_kept: list[Kept]) -> None:
        for item, kept in zip(items, all_kept, strict=True):
            self._finish(item, self._stored(item, kept))

    def _finish(self, item: Item, receipt: Receipt) -> None:
        try:
            item.done(receipt)
        except Exception as error:  # a fault of ours on one connection spares the others
            log.error("answer-failed", source=item.door.source, error=type(error).__name__)

    def _stored(self, item: Item, kept: Kept) -> Receipt:
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

    def _failed(self, item: Item, error: Exception) -> Receipt:
        # The text of a database error may hold the row: only its class is logged.
        log.error("store-failed", source=item.door.source, error=type(error).__name__)
        self._counters.store_failed(item.door.source)
        condition = Condition(code=INTERNAL, text="The message could not be stored. Send it again.")
        verdict = replace(item.verdict, ack=AckCode.AR, conditions=(condition,))
        control_id = f"R{item.now.timestamp() * 1_000_000:.0f}"  # there is no journal id
        answer = self._answer(item, verdict, AckCode.AR, control_id)
        return Receipt(AckCode.AR, False, False, None, verdict.reason, answer)

    def _answer(self, item: Item, verdict: Verdict, code: AckCode, control_id: str) -> bytes | None:
        if item.kind or (item.fault is not None and item.fault is not FaultKind.OVERSIZE):
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


def kept_whole(fault: Fault) -> bool:
    """Whether the journal keeps every byte of what is no message."""
    return len(fault.data) == fault.size and (
        fault.kind is FaultKind.TORN or fault.size <= KEPT_OF_A_FAULT
    )


def _setter(came: "asyncio.Future[Receipt]") -> Callable[[Receipt], None]:
    def set_receipt(receipt: Receipt) -> None:
        if not came.done():  # the caller may be gone
            came.set_result(receipt)

    return set_receipt


def _too_long(fault: Fault) -> Condition:
    text = f"The message holds {fault.size} bytes: more than this listener takes."
    return Condition(code=INTERNAL, text=text)


def _peek(data: bytes) -> hl7.Header | None:
    try:
        return hl7.peek(data)
    except hl7.UnreadableError:
        return None
