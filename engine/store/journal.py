"""Received messages, on SQLite."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import apsw

from engine.model.errors import DamagedError, StoreError
from engine.model.flow import AckCode, JournalState
from engine.store.cipher import fresh_key
from engine.store.connection import executor, storable
from engine.store.instants import instant, maybe_instant, micros
from engine.store.interface import Earlier, Entry, NewEntry
from engine.store.vault import PATIENT, Vault, closed, opened

_EARLIER: Final = (
    "SELECT id, content_hash, ack FROM journal WHERE identity = ? AND state <> 'duplicate'"
)
_ADD: Final = (
    "INSERT INTO journal (received_at, source, content_hash, identity, state, ack, reason, size, "
    "salt) VALUES (?,?,?,?,?,?,?,?,?)"
)
_ADD_RAW: Final = "INSERT INTO journal_raw (journal_id, raw) VALUES (?, ?)"
_CLOSE: Final = (
    "UPDATE journal SET state = ?, processed_at = ?, note = ?, patient = ?, said = ? WHERE id = ?"
)
_REOPEN: Final = (
    "UPDATE journal SET state = 'received', processed_at = NULL, note = '' "
    "WHERE id = ? AND salt IS NOT NULL"
)
_COLUMNS: Final = (
    "id, received_at, source, said, state, ack, reason, size, processed_at, note, salt"
)
_GET: Final = (
    f"SELECT {_COLUMNS}, raw FROM journal LEFT JOIN journal_raw ON journal_id = id WHERE id = ?"
)
_UNPROCESSED: Final = (
    f"SELECT {_COLUMNS}, raw FROM journal JOIN journal_raw ON journal_id = id "
    "WHERE state = 'received' AND state <> 'processed' ORDER BY id LIMIT ?"
)
_UNREAD_SINCE: Final = (
    "SELECT min(received_at) FROM journal JOIN journal_raw ON journal_id = id "
    "WHERE state = 'received' AND state <> 'processed'"
)
# The labels of a message that was not read yet are with its bytes.
_LISTED: Final = (
    f"SELECT {_COLUMNS}, CASE WHEN said IS NULL THEN "
    "(SELECT raw FROM journal_raw WHERE journal_id = id) END FROM journal"
)
_LISTING: Final = f"{_LISTED} WHERE id < ? ORDER BY id DESC LIMIT ?"
_LISTING_OF_STATE: Final = (
    f"{_LISTED} WHERE state = ? AND state <> 'processed' AND id < ? ORDER BY id DESC LIMIT ?"
)
_LISTING_PROCESSED: Final = (
    f"{_LISTED} WHERE state = 'processed' AND id < ? ORDER BY id DESC LIMIT ?"
)
# Rows are never deleted, so the last id is how many there are.
_ALL: Final = "SELECT ifnull(max(id), 0) FROM journal"
_COUNTS: Final = "SELECT state, count(*) FROM journal WHERE state <> 'processed' GROUP BY state"
_END: Final = 1 << 62
_SAID: Final = b"journal.said"
_RAW: Final = b"journal_raw.raw"
_NO_LABELS: Final = b"0,0,0,0\n"


class SqliteJournal:
    """See store.interface.JournalVerbs."""

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        self._connection = connection
        self._run = executor(connection)
        self._vault = vault

    def earlier(self, sender: str, control_id: str) -> Sequence[Earlier]:
        if not control_id:
            return ()
        rows = self._run(_EARLIER, (self._vault.mark(f"{sender}\n{control_id}"),)).fetchall()
        if not rows:
            return ()
        # Nearly always empty. ORDER BY would have SQLite set up a sorter each time: 5 µs of 6.
        rows.sort()
        asked = (storable(sender), storable(control_id))
        return [
            Earlier(row[0], row[1], AckCode(row[2]))
            for row in rows
            if _read_labels(self.labels(row[0]))[1:3] == asked
        ]

    def add(self, entry: NewEntry, now: datetime) -> int:
        salt, control_id = fresh_key(), entry.control_id
        row = (
            micros(now),
            entry.source,
            entry.content_hash,
            self._vault.mark(f"{entry.sender}\n{control_id}") if control_id else None,
            entry.state,
            entry.ack,
            entry.reason,
            len(entry.raw),
            salt,
        )
        try:
            self._run(_ADD, row)
        except UnicodeEncodeError:
            self._run(_ADD, [storable(v) if isinstance(v, str) else v for v in row])
        journal_id = self._connection.last_insert_rowid()
        labels = _labels(
            entry.peer, entry.sender, control_id, entry.message_type, entry.processing_id
        )
        whole = b"%d\n%b%b" % (len(labels), labels, entry.raw)
        sealed = closed(self._vault.key_of(salt), whole, _RAW, b"%d" % journal_id)
        self._run(_ADD_RAW, (journal_id, sealed))
        return journal_id

    def close(
        self,
        journal_id: int,
        state: JournalState,
        now: datetime,
        note: str = "",
        *,
        patient: str | None = None,
    ) -> None:
        whose = None if patient is None else self._vault.token(patient, PATIENT)
        said = self.sealed_labels(journal_id, self._labels_left(journal_id))
        self._run(_CLOSE, (state, micros(now), note, whose, said, journal_id))
        self._must_exist(journal_id)

    def reopen(self, journal_id: int) -> None:
        self._run(_REOPEN, (journal_id,))
        self._must_exist(journal_id)

    def get(self, journal_id: int) -> Entry | None:
        rows = self._run(_GET, (journal_id,)).fetchall()
        return self._entry(rows[0]) if rows else None

    def unprocessed(self, limit: int) -> Sequence[Entry]:
        return [self._unread(row) for row in self._run(_UNPROCESSED, (limit,)).fetchall()]

    def unread_since(self) -> datetime | None:
        return maybe_instant(self._run(_UNREAD_SINCE).fetchall()[0][0])

    def listing(
        self, *, state: JournalState | None = None, limit: int = 50, before: int | None = None
    ) -> Sequence[Entry]:
        end = _END if before is None else before
        if state is None:
            rows = self._run(_LISTING, (end, limit)).fetchall()
        elif state is JournalState.PROCESSED:
            rows = self._run(_LISTING_PROCESSED, (end, limit)).fetchall()
        else:
            rows = self._run(_LISTING_OF_STATE, (state, end, limit)).fetchall()
        return [self._entry(row, listed=True) for row in rows]

    def counts(self) -> dict[JournalState, int]:
        found: dict[str, int] = dict(self._run(_COUNTS).fetchall())
        found[JournalState.PROCESSED] = self._run(_ALL).fetchall()[0][0] - sum(found.values())
        return {state: found.get(state, 0) for state in JournalState}

    def labels(self, journal_id: int) -> bytes:
        """What a message says of itself; see `sealed_labels`."""
        rows = self._run(_GET, (journal_id,)).fetchall()
        return self._opened(rows[0])[0] if rows else b""

    def sealed_labels(self, journal_id: int, labels: bytes) -> bytes:
        """The labels alone, sealed with the store's own key: they outlive the bytes."""
        return self._vault.close(labels, _SAID, b"%d" % journal_id)

    def _labels_left(self, journal_id: int) -> bytes:
        """The labels; empty ones where the row was damaged: it can be put aside all the same."""
        try:
            return self.labels(journal_id) or _NO_LABELS
        except DamagedError:
            return _NO_LABELS

    def _unread(self, row: tuple[Any, ...]) -> Entry:
        """An entry to be read. One that does not open has no bytes: it must not stop the others."""
        try:
            return self._entry(row)
        except DamagedError:
            return self._entry((*row[:3], None, *row[4:10], None, None))

    def _entry(self, row: tuple[Any, ...], *, listed: bool = False) -> Entry:
        labels, raw = self._opened(row)
        peer, sender, control_id, message_type, processing_id = _read_labels(labels)
        return Entry(
            id=row[0],
            received_at=instant(row[1]),
            source=row[2],
            peer=peer,
            sender=sender,
            control_id=control_id,
            message_type=message_type,
            processing_id=processing_id,
            state=JournalState(row[4]),
            ack=AckCode(row[5]),
            reason=row[6],
            size=row[7],
            processed_at=maybe_instant(row[8]),
            note=row[9],
            raw=b"" if listed else raw,
            kept=row[10] is not None,
        )

    def _opened(self, row: tuple[Any, ...]) -> tuple[bytes, bytes]:
        """The labels, and the bytes if they are in the row."""
        said, salt, sealed, number = row[3], row[10], row[11], b"%d" % row[0]
        labels, raw = _NO_LABELS, b""
        if sealed is not None and salt is not None:
            whole = opened(self._vault.key_of(salt), sealed, _RAW, number)
            length, _, rest = whole.partition(b"\n")
            labels, raw = rest[: int(length)], rest[int(length) :]
        return (labels if said is None else self._vault.open(said, _SAID, number)), raw

    def _must_exist(self, journal_id: int) -> None:
        if not self._connection.changes():
            raise StoreError(
                what="There is no such journal entry.",
                where=f"journal {journal_id}",
                effect="nothing was changed",
                remedy="see `relais journal list`",
            )


def without_peer(labels: bytes) -> bytes:
    """The labels of a message, but for who brought it."""
    return _labels("", *_read_labels(labels)[1:])


def _labels(peer: str, sender: str, control_id: str, message_type: str, last: str) -> bytes:
    """What a message says of itself, and who brought it: a file name may name a patient."""
    head = f"{len(peer)},{len(sender)},{len(control_id)},{len(message_type)}"
    text = f"{head}\n{peer}{sender}{control_id}{message_type}{last}"
    return text.encode("utf-8", "replace")


def _read_labels(labels: bytes) -> tuple[str, str, str, str, str]:
    lengths, _, text = labels.decode().partition("\n")
    one, two, three, four = (int(length) for length in lengths.split(","))
    two, three, four = one + two, one + two + three, one + two + three + four
    return text[:one], text[one:two], text[two:three], text[three:four], text[four:]
