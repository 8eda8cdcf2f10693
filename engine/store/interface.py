"""What the stages ask of the store: rows, the verbs of one transaction, and the store itself.

Stages meet here and nowhere else. ``Tx`` verbs run inside the one writing transaction (or, for
the ``Read`` part, on a read-only snapshot); a change of state, its audit line and the work that
follows from it are verbs of the same ``Tx``, so they commit together or not at all.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from engine.model.fact import Heard
from engine.model.flow import Delivery, DeliveryState, JournalState, Outcome
from engine.model.recipient import DoctorNote
from engine.model.task import Task, TaskKind, WantedTask
from engine.model.trail import AuditEntry, AuditKind, SignedRoot
from engine.store.keeping import Forgotten, KeyVerbs, RetentionVerbs
from engine.store.receipt_verbs import NewReceipt, ReceiptVerbs, Relayed
from engine.store.rows import Attempt, Earlier, Entry, NewEntry, StayRow

__all__ = [
    "Attempt",
    "AuditEntry",
    "AuditVerbs",
    "DoctorVerbs",
    "Earlier",
    "Entry",
    "FactVerbs",
    "Forgotten",
    "JournalVerbs",
    "KeyVerbs",
    "MetaVerbs",
    "NewEntry",
    "NewReceipt",
    "OutboxVerbs",
    "ReceiptVerbs",
    "Relayed",
    "RetentionVerbs",
    "SignedRoot",
    "StayRow",
    "Store",
    "TaskVerbs",
    "Tx",
]

T = TypeVar("T")


class JournalVerbs(Protocol):
    """Received messages."""

    def earlier(self, sender: str, control_id: str) -> Sequence[Earlier]:
        """Rows of the same sender and MSH-10, oldest first, duplicates left out."""
        ...

    def add(self, entry: NewEntry, now: datetime) -> int:
        """Store a message; gives its journal id."""
        ...

    def close(
        self,
        journal_id: int,
        state: JournalState,
        now: datetime,
        note: str = "",
        *,
        patient: str | None = None,
    ) -> None:
        """Say how processing ended, and whose the message is: it is forgotten with them."""
        ...

    def reopen(self, journal_id: int) -> None:
        """Make an entry RECEIVED again, for `journal replay`."""
        ...

    def get(self, journal_id: int) -> Entry | None:
        """One row, raw bytes included."""
        ...

    def unprocessed(self, limit: int) -> Sequence[Entry]:
        """RECEIVED rows, oldest first, raw bytes included."""
        ...

    def unread_since(self) -> datetime | None:
        """When the oldest RECEIVED row arrived; None: all was read."""
        ...

    def listing(
        self, *, state: JournalState | None = None, limit: int = 50, before: int | None = None
    ) -> Sequence[Entry]:
        """Newest first, raw bytes left out."""
        ...

    def counts(self) -> dict[JournalState, int]:
        """How many rows are in each state."""
        ...


class FactVerbs(Protocol):
    """Facts, patients and the links between patient keys, documents' bytes, stays."""

    def add(self, facts: Iterable[Heard]) -> int:
        """Keep facts; one that is already there (same patient, content, sender's order) is not
        added twice. Gives how many were new."""
        ...

    def drop_of_journal(self, journal_id: int) -> None:
        """Forget what an entry said, before it is read anew (`journal replay`)."""
        ...

    def link(self, eliminated: str, surviving: str) -> bool:
        """Record that one patient key leads to another. False, and no effect: it would close a
        cycle."""
        ...

    def root(self, patient: str) -> str:
        """The surviving key of a patient (itself, when never merged)."""
        ...

    def cluster(self, patient: str) -> Sequence[str]:
        """All keys that lead to the same surviving key, that one included."""
        ...

    def of_patient(self, patient: str) -> Sequence[Heard]:
        """All facts of the cluster, in any order."""
        ...

    def patients_like(self, text: str) -> Sequence[str]:
        """Surviving keys whose identifier part (before the first '|') equals `text`."""
        ...

    def put_traces(self, patient: str, traces: Iterable[str]) -> Sequence[str]:
        """Replace the traces of a surviving key by which those who are alike are found, hashed.
        Gives, where they changed, the surviving keys of others who shared one before or do now."""
        ...

    def alike(self, patient: str, traces: Iterable[str]) -> Sequence[str]:
        """Surviving keys of other patients who share one of these traces."""
        ...

    def put_blob(self, data: bytes, patient: str) -> str:
        """Keep bytes once a patient; gives their SHA-256 in hex."""
        ...

    def blob(self, digest: str) -> bytes:
        """The bytes. KeyError when absent, or no longer kept."""
        ...

    def put_stay(self, row: StayRow) -> None:
        """Insert or replace what is remembered of a stay."""
        ...

    def stays_of(self, patient: str) -> Sequence[StayRow]:
        """Stays remembered for the cluster of a patient."""
        ...

    def due_patients(self, now: datetime, limit: int) -> Sequence[str]:
        """Surviving keys with a stay whose next look is due, most overdue first."""
        ...

    def stays_released(self, since: datetime, until: datetime) -> Sequence[StayRow]:
        """Stays whose release lies in [since, until), of patients who are still known."""
        ...

    def all_stays(self) -> Sequence[StayRow]:
        """Every stay, for reports."""
        ...


class OutboxVerbs(Protocol):
    """Letters on their way, and the attempts made."""

    def add(self, delivery: Delivery, mime: bytes, files: dict[str, bytes]) -> None:
        """Queue a letter; `files` are its renderings by name (letter.pdf, cda.xml, …), kept as
        evidence. A delivery id that exists already raises StoreError."""
        ...

    def get(self, delivery_id: str) -> Delivery | None: ...

    def mime(self, delivery_id: str) -> bytes:
        """The mail. StoreError when it is no longer kept."""
        ...

    def files(self, delivery_id: str) -> dict[str, bytes]:
        """Its renderings; none when they are no longer kept."""
        ...

    def of_patient(self, patient: str, *, forgotten: bool = False) -> Sequence[Delivery]:
        """Letters of the cluster, oldest first; ``forgotten`` adds those from before the patient
        was forgotten, which are proof and nothing else. Without the messages about them: `about`"""
        ...

    def about(self, delivery_id: str) -> Sequence[Delivery]:
        """The messages to the hospital's record that tell of a letter, oldest first."""
        ...

    def due(
        self, now: datetime, limit: int, *, busy_channels: Sequence[str] = ()
    ) -> Sequence[Delivery]:
        """QUEUED rows whose time has come, most overdue first."""
        ...

    def next_due(self) -> datetime | None:
        """When the next QUEUED row is due."""
        ...

    def sending(self) -> Sequence[Delivery]:
        """Rows in SENDING: at start-up these were cut by a crash."""
        ...

    def move(
        self,
        delivery_id: str,
        to: DeliveryState,
        now: datetime,
        *,
        due_at: datetime | None = None,
        reason: str = "",
        possibly_sent: bool | None = None,
    ) -> Delivery:
        """Change state along Delivery.moves; another move raises StoreError."""
        ...

    def open_attempt(self, delivery_id: str, now: datetime) -> int:
        """Write the attempt before dialing; gives its number, from 1. The row is SENDING after."""
        ...

    def close_attempt(
        self, delivery_id: str, number: int, outcome: Outcome | None, now: datetime
    ) -> None:
        """Write how it ended; None: cut by a crash."""
        ...

    def attempts(self, delivery_id: str) -> Sequence[Attempt]: ...

    def listing(
        self, *, state: DeliveryState | None = None, reason: str | None = None, limit: int = 50
    ) -> Sequence[Delivery]:
        """Newest first; ``reason`` counts with a state alone."""
        ...

    def counts(self) -> dict[DeliveryState, int]: ...


class TaskVerbs(Protocol):
    """What people must do."""

    def raise_(self, wanted: WantedTask, now: datetime, *, why: str | None = None) -> Task:
        """Raise it, with its audit line, or give the one of the same key (open or closed)."""
        ...

    def get(self, task_id: int) -> Task | None: ...

    def close(self, task_id: int, now: datetime, by: str, answer: str) -> None:
        """Close it, with its audit line. StoreError when there is no such open task."""
        ...

    def of_patient(self, patient: str) -> Sequence[Task]:
        """All tasks of the cluster, open and closed."""
        ...

    def listing(self, *, only_open: bool = True, limit: int = 100) -> Sequence[Task]: ...

    def open_of(self, kind: TaskKind) -> Sequence[Task]: ...  # oldest first

    def open_count(self) -> dict[str, int]:
        """Open tasks by kind."""
        ...


class AuditVerbs(Protocol):
    """The chain. Append-only: there is no verb that changes a line."""

    def append(
        self,
        kind: AuditKind,
        *,
        now: datetime,
        actor: str = "relais",
        patient: str | None = None,
        stay: str | None = None,
        subject: str = "",
        **detail: str | int | bool | None,
    ) -> int:
        """Add a line, chained to the one before; gives its sequence number."""
        ...

    def entries(self, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """In order of sequence."""
        ...

    def of_patient(self, patient: str, limit: int = 500) -> Sequence[AuditEntry]: ...

    def head(self) -> tuple[int, bytes]:
        """Last sequence number and hash; (0, 32 zero bytes) at the start."""
        ...

    def head_before(self, instant: datetime) -> tuple[int, bytes]:
        """The last line written before an instant, as `head` gives it."""
        ...

    def add_root(self, root: SignedRoot) -> None: ...

    def roots(self) -> Sequence[SignedRoot]: ...


class DoctorVerbs(Protocol):
    """What was learnt of doctors, whoever the patient is. What one doctor said of one patient is a
    fact of that patient (model.fact.GpDisowned)."""

    def note(self, rpps: str) -> DoctorNote | None: ...

    def notes(self) -> Sequence[DoctorNote]:
        """All of them, by number."""
        ...

    def remember(self, note: DoctorNote) -> None:
        """Put it in place of what was known of that doctor."""
        ...

    def forget(self, rpps: str) -> None: ...


class MetaVerbs(Protocol):
    """Small named values: whether sending is paused, the audit's public key."""

    def get(self, name: str) -> str | None: ...

    def put(self, name: str, value: str | None) -> None: ...


class Tx(Protocol):
    """The verbs of one transaction."""

    @property
    def journal(self) -> JournalVerbs: ...

    @property
    def facts(self) -> FactVerbs: ...

    @property
    def outbox(self) -> OutboxVerbs: ...

    @property
    def receipts(self) -> ReceiptVerbs: ...

    @property
    def tasks(self) -> TaskVerbs: ...

    @property
    def audit(self) -> AuditVerbs: ...

    @property
    def doctors(self) -> DoctorVerbs: ...

    @property
    def meta(self) -> MetaVerbs: ...

    @property
    def retention(self) -> RetentionVerbs: ...

    @property
    def keys(self) -> KeyVerbs: ...


class Store(Protocol):
    """A durable store with one writer."""

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in the writer's next transaction, under its own savepoint, and give its
        value once the transaction is on the disk. An exception in `work` undoes that work alone
        and is raised here."""
        ...

    def write_here(self, work: Callable[[Tx], T]) -> T | None:
        """As `write`, in the calling thread, which waits for the disk; None, and nothing done,
        when the writer is busy. `work` must not give None."""
        ...

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on a read-only snapshot. Its writing verbs raise."""
        ...

    @property
    def backlog(self) -> int:
        """How many works wait for the writer now."""
        ...

    def close(self) -> None:
        """Finish what is queued, checkpoint, and close."""
        ...
