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

from engine.agreements import place_lines
from engine.forms import FormRefusedError, place
from engine.heard import also_concerned, keep, tell_agreements
from engine.knowledge import Knowledge
from engine.mapping.apply import apply
from engine.mapping.reading import Gap, Reading
from engine.mapping.schema import Dialect
from engine.model.consent_file import CONSENTS, ConsentLine
from engine.model.errors import MessageError, RefusedError, StoreError
from engine.model.flow import JournalState
from engine.model.form import FORM, LetterForm
from engine.model.policy import Mode
from engine.model.release_file import RELEASES, ReleaseLine
from engine.model.task import TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.record import answered
from engine.store.interface import Entry, Store, Tx
from engine.wire import hl7
from engine.wire.consent_file import read_consents
from engine.wire.form import FormError, read_form
from engine.wire.release_file import read_releases
from engine.wire.zam import Zam, read_zam

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
    form: LetterForm | None = None  # placed in the transaction: it names a patient
    lines: tuple[tuple[str, ConsentLine | ReleaseLine], ...] | None = None  # so do these
    receipt: Zam | None = None  # and receipts: they name a message of ours


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
        except Exception as error:
            if isinstance(error, StoreError) and not isinstance(error, RefusedError):
                raise  # the store is out of order: the message waits
            # A fault of ours in what follows from this message: it is put aside, a person hears of
            # it, and the next one is read.
            log.error("process-fault", journal=read.entry.id, exc_info=error)
            fault = f"fault of the engine: {type(error).__name__}"
            return await self._store.write(partial(self._take, Read(read.entry, None, fault)))

    def _read(self, entry: Entry) -> Read:
        try:
            if entry.message_type == FORM:
                return Read(entry, None, form=read_form(entry.raw, now=entry.received_at))
            if entry.message_type == CONSENTS:
                return Read(entry, None, lines=read_consents(entry.raw, now=entry.received_at))
            if entry.message_type == RELEASES:
                return Read(entry, None, lines=read_releases(entry.raw, now=entry.received_at))
            dialect = self._dialects(entry.source)
            message = hl7.read(entry.raw, aliases=dialect.mapping.charset)
            if message.header.message_code == "ZAM":
                said = read_zam(message)
                fault = "" if said else "a receipt that does not say of what, or how it ended"
                return Read(entry, None, fault, receipt=said)
            return Read(
                entry,
                apply(message, dialect, heard_at=entry.received_at, journal_id=entry.id),
            )
        except MessageError as error:
            return Read(entry, None, f"{error.code} {error.where}")
        except FormError as error:
            return Read(entry, None, str(error))
        except Exception as error:  # one message must never stop the others
            log.error("process-fault", journal=entry.id, error=type(error).__name__)
            return Read(entry, None, f"fault of the engine: {type(error).__name__}")

    def _take(self, read: Read, tx: Tx) -> JournalState:
        """The whole of commit 2; gives where the entry stands after it."""
        now, entry = self._now(), read.entry
        if entry.processed_at is not None:
            tx.facts.drop_of_journal(entry.id)  # a replay: what it said before is said anew
        if read.form is not None:
            read = self._placed(tx, entry, read.form, now)
        elif read.lines is not None:
            read = self._told(tx, entry, read.lines)
        reading = read.reading
        state, note = JournalState.PARKED, read.fault
        patient: str | None = None
        if read.receipt is not None:
            told = answered(tx, read.receipt, now, entry.source)
            state = JournalState.PROCESSED if told else JournalState.LEFT
            note = "" if told else "about no message of ours"
            if told and not tx.receipts.forgotten(told.id):
                patient = told.patient
        if reading is not None:
            state, note = self._state_of(entry, reading)
            patient = reading.facts[0].patient if reading.facts else None
            if not keep(tx, reading):
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
            tell_agreements(tx, entry, reading, now)
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
            for other in also_concerned(tx, patient, reading):
                self._knowledge().settle(tx, other, now)
            self._knowledge().settle(tx, patient, now)
        return state

    def _placed(self, tx: Tx, entry: Entry, form: LetterForm, now: datetime) -> Read:
        """What a form says of whom; a fault when no stay is known that it could be about."""
        try:
            found = place(
                tx,
                self._knowledge(),
                form,
                heard_at=entry.received_at,
                now=now,
                journal_id=entry.id,
            )
        except FormRefusedError as error:
            return Read(entry, None, f"{error.where}: {error.what}")
        blobs = {found.digest: found.content}
        return Read(entry, Reading(FORM, (found.heard,), blobs, (), handled=True))

    def _told(
        self, tx: Tx, entry: Entry, lines: tuple[tuple[str, ConsentLine | ReleaseLine], ...]
    ) -> Read:
        """What a file of agreements, or of coming releases, says; the entry is parked for the
        lines that name nobody."""
        facts, waiting = place_lines(
            tx,
            lines,
            authority=self._dialects(entry.source).mapping.patient.authority,
            heard_at=entry.received_at,
            journal_id=entry.id,
        )
        gaps = tuple(Gap(where, what, grave=True) for where, what in waiting)
        return Read(entry, Reading(entry.message_type, tuple(facts), {}, gaps, handled=True))

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
