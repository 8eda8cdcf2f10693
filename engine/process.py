"""Commit 2: one journal entry → facts → decisions. The entry, its facts, what was decided and
the audit lines are one transaction, so an entry is either wholly read or not at all.

What can go wrong
    The message cannot be read, or gives no fact where it should: the entry is PARKED, a task is
    raised, nothing is sent. A fault of ours in reading one message parks it in the same way, so
    that one message never stops the others. The store fails: the entry stays RECEIVED and is
    tried again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from engine.knowledge import Knowledge
from engine.mapping.apply import apply
from engine.mapping.reading import Reading
from engine.mapping.schema import Dialect
from engine.model.consent import ConsentStated
from engine.model.errors import MessageError, StoreError
from engine.model.fact import GpConfirmed, IdentifierChanged, PatientsMerged
from engine.model.flow import JournalState
from engine.model.policy import Mode
from engine.model.task import TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.store.interface import Entry, Store, Tx
from engine.wire import hl7

log = structlog.get_logger()

_BATCH: Final = 16
_POLL: Final = 2.0
# Acknowledge first, think afterwards: while messages pour in, reading waits, but never longer
# than this before it takes one entry.
_PATIENCE: Final = 0.25
_QUIET: Final = 0.03


@dataclass(frozen=True, slots=True)
class Read:
    """An entry and what its message says; `fault` is set when it could not be read."""

    entry: Entry
    reading: Reading | None
    fault: str = ""


class Processor:
    """Reads the journal, oldest first, and settles each patient concerned."""

    def __init__(
        self,
        store: Store,
        *,
        dialects: Callable[[str], Dialect],
        knowledge: Callable[[], Knowledge],
        now: Callable[[], datetime],
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        """``dialects`` gives the mapping of a source (listener or folder); ``settled`` is called
        after each batch that may have made a letter due."""
        self._store = store
        self._dialects = dialects
        self._knowledge = knowledge
        self._now = now
        self._settled = settled
        self._woken = asyncio.Event()
        self._last_wake = 0.0
        self._stopping = False

    def wake(self) -> None:
        """A message was stored."""
        self._last_wake = time.monotonic()
        self._woken.set()

    def stop(self) -> None:
        """Finish the batch in hand, then return from `run`."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Until `stop`."""
        quiet = True
        while not self._stopping:
            self._woken.clear()
            try:
                taken = await self.run_once(_BATCH if quiet else 1)
            except StoreError as error:
                log.error("process-store-failed", code=error.code)
                taken = 0
            if taken:
                quiet = await self._give_way()
                continue
            try:
                await asyncio.wait_for(self._woken.wait(), _POLL)
            except TimeoutError:
                continue

    async def _give_way(self) -> bool:
        """Wait until no message pours in; False: patience ran out before."""
        started = time.monotonic()
        while not self._stopping and time.monotonic() - started < _PATIENCE:
            if time.monotonic() - self._last_wake > _QUIET and not self._store.backlog:
                return True
            await asyncio.sleep(_QUIET / 3)
        return False

    async def run_once(self, limit: int = _BATCH) -> int:
        """Process up to `limit` entries; gives how many were taken."""
        entries = await self._store.read(lambda tx: tx.journal.unprocessed(limit))
        for entry in entries:
            state = await self._taken(self._read(entry))
            log.debug("message-processed", journal=entry.id, state=state.value)
            await asyncio.sleep(0)
        if entries:
            self._settled()
        return len(entries)

    async def _taken(self, read: Read) -> JournalState:
        try:
            return await self._store.write(partial(self._take, read))
        except StoreError:
            raise
        except Exception as error:
            # A fault of ours in what follows from this message: it is put aside, a person hears of
            # it, and the next one is read.
            log.error("process-fault", journal=read.entry.id, exc_info=error)
            fault = f"fault of the engine: {type(error).__name__}"
            return await self._store.write(partial(self._take, Read(read.entry, None, fault)))

    def _read(self, entry: Entry) -> Read:
        try:
            dialect = self._dialects(entry.source)
            message = hl7.read(entry.raw, aliases=dialect.mapping.charset)
            return Read(
                entry,
                apply(message, dialect, heard_at=entry.received_at, journal_id=entry.id),
            )
        except MessageError as error:
            return Read(entry, None, f"{error.code} {error.where}")
        except Exception as error:  # one message must never stop the others
            log.error("process-fault", journal=entry.id, error=type(error).__name__)
            return Read(entry, None, f"fault of the engine: {type(error).__name__}")

    def _take(self, read: Read, tx: Tx) -> JournalState:
        """The whole of commit 2; gives where the entry stands after it."""
        now, entry, reading = self._now(), read.entry, read.reading
        if entry.processed_at is not None:
            tx.facts.drop_of_journal(entry.id)  # a replay: what it said before is said anew
        state, note = JournalState.PARKED, read.fault
        patient: str | None = None
        if reading is not None:
            state, note = self._state_of(entry, reading)
            patient = reading.facts[0].patient if reading.facts else None
            if not self._keep(tx, reading):
                state, note = JournalState.PARKED, "MRG-1: the merge would close a circle"
        tx.journal.close(entry.id, state, now, note, patient=patient)
        tx.audit.append(
            AuditKind.MESSAGE_PROCESSED,
            now=now,
            patient=patient,
            subject=f"journal {entry.id}",
            state=state.value,
            facts=len(reading.facts) if reading else 0,
        )
        if reading is not None and state is not JournalState.LEFT:
            _tell_agreements(tx, entry, reading, now)
        if state is JournalState.PARKED:
            tx.tasks.raise_(
                WantedTask(
                    key=f"message:{entry.id}",
                    kind=TaskKind.MESSAGE_UNREADABLE,
                    about=f"journal {entry.id}",
                ),
                now,
            )
        if patient is not None:
            self._knowledge().settle(tx, patient, now)
        return state

    def _state_of(self, entry: Entry, reading: Reading) -> tuple[JournalState, str]:
        note = "; ".join(f"{gap.place}: {gap.what}" for gap in reading.gaps)
        if not reading.handled:
            return JournalState.LEFT, note
        if reading.grave:
            return JournalState.PARKED, note
        test = entry.processing_id not in ("P", "")
        if test and self._knowledge().policy.mode is Mode.PRODUCTION:
            return JournalState.LEFT, "; ".join(filter(None, ("a test message (MSH-11)", note)))
        return JournalState.PROCESSED, note

    @staticmethod
    def _keep(tx: Tx, reading: Reading) -> bool:
        """Links, documents' bytes, facts. False: a link was refused, and nothing was kept of it."""
        for heard in reading.facts:
            match heard.fact:
                case PatientsMerged(eliminated=old) | IdentifierChanged(eliminated=str(old)):
                    # A test message never joins two real patients.
                    if not heard.test and not tx.facts.link(old, heard.patient):
                        return False
                case _:
                    pass
        for data in reading.blobs.values():
            tx.facts.put_blob(data, reading.facts[0].patient)
        tx.facts.add(reading.facts)
        return True


def _tell_agreements(tx: Tx, entry: Entry, reading: Reading, now: datetime) -> None:
    """Each agreement, and each doctor confirmed, that a message states has its own audit line."""
    for heard in reading.facts:
        said = {"patient": heard.patient, "subject": f"journal {entry.id}"}
        match heard.fact:
            case ConsentStated() as consent:
                tx.audit.append(
                    AuditKind.CONSENT_RECORDED,
                    now=now,
                    actor=entry.source,
                    purpose=consent.purpose.value,
                    state=consent.state.value,
                    said_at=consent.at.isoformat(),
                    **said,
                )
            case GpConfirmed():
                tx.audit.append(AuditKind.GP_CONFIRMED, now=now, actor=entry.source, **said)
            case _:
                pass


def dialects_of(by_source: Mapping[str, Dialect]) -> Callable[[str], Dialect]:
    """Look a source up; an unknown one (removed from the configuration) is a MessageError."""

    def look(source: str) -> Dialect:
        if source not in by_source:
            raise MessageError(
                what="The message came by a way in that the configuration no longer has.",
                where="the journal's source",
                effect="the message is parked",
                remedy="put the listener or folder back, then run: relais journal replay",
            )
        return by_source[source]

    return look
