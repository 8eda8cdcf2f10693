"""Letters on their way and the attempts made, on SQLite."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, assert_never

import apsw

from engine.model.errors import RefusedError
from engine.model.flow import (
    MOVES,
    Accepted,
    Deferred,
    Delivery,
    DeliveryState,
    Outcome,
    Rejected,
    Unknown,
    outcome_word,
)
from engine.model.letter import LetterKind
from engine.store.connection import executor, extended_code
from engine.store.instants import instant, maybe_instant, maybe_micros, micros
from engine.store.interface import Attempt

_COLUMNS: Final = (
    "id, letter_kind, patient, stay, rpps, version, parts, statement, purposes, discreet, channel, "
    "sender, address, intended, message_id, document_oid, set_oid, size, state, created_at, "
    "due_at, attempts, possibly_sent, closed_at, reason"
)
_ADD: Final = (
    f"INSERT INTO delivery ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_ADD_MIME: Final = "INSERT INTO delivery_mime (delivery, mime) VALUES (?, ?)"
_ADD_FILE: Final = "INSERT INTO delivery_file (delivery, name, data) VALUES (?, ?, ?)"
_SELECT: Final = f"SELECT {_COLUMNS} FROM delivery"
_GET: Final = f"{_SELECT} WHERE id = ?"
_MIME: Final = "SELECT mime FROM delivery_mime WHERE delivery = ?"
_FILES: Final = "SELECT name, data FROM delivery_file WHERE delivery = ? ORDER BY name"
_OF_PATIENT: Final = (
    f"{_SELECT} WHERE patient = ?1 OR patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?1)) "
    "ORDER BY created_at, rowid"
)
_DUE: Final = (
    f"{_SELECT} WHERE state = 'queued' AND due_at <= ? "
    "AND channel NOT IN (SELECT value FROM json_each(?)) ORDER BY due_at, rowid LIMIT ?"
)
_NEXT_DUE: Final = "SELECT min(due_at) FROM delivery WHERE state = 'queued'"
_SENDING: Final = f"{_SELECT} WHERE state = 'sending' ORDER BY created_at, rowid"
_MOVE: Final = (
    "UPDATE delivery SET state = ?, closed_at = ?, reason = ?, due_at = ifnull(?, due_at), "
    "possibly_sent = ifnull(?, possibly_sent) WHERE id = ?"
)
_LISTING: Final = f"{_SELECT} ORDER BY rowid DESC LIMIT ?"
_LISTING_OF_STATE: Final = f"{_SELECT} WHERE state = ? ORDER BY due_at DESC, rowid DESC LIMIT ?"
_COUNTS: Final = "SELECT state, count(*) FROM delivery GROUP BY state"
_COUNT_ATTEMPT: Final = "UPDATE delivery SET attempts = ? WHERE id = ?"
_OPEN_ATTEMPT: Final = "INSERT INTO attempt (delivery, number, opened_at) VALUES (?, ?, ?)"
_CLOSE_ATTEMPT: Final = (
    "UPDATE attempt SET closed_at = ?, outcome = ?, cause = ?, code = ?, status = ?, reply = ? "
    "WHERE delivery = ? AND number = ? AND closed_at IS NULL"
)
_HAS_OPEN: Final = "SELECT 1 FROM attempt WHERE delivery = ? AND closed_at IS NULL"
_ATTEMPTS: Final = (
    "SELECT delivery, number, opened_at, closed_at, outcome, cause, code, status, reply "
    "FROM attempt WHERE delivery = ? ORDER BY number"
)

_UNDER_WAY: Final = frozenset({DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD})
CUT: Final = "cut"  # the outcome of an attempt that a crash ended


class SqliteOutbox:
    """See store.interface.OutboxVerbs."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._run = executor(connection)

    def add(self, delivery: Delivery, mime: bytes, files: dict[str, bytes]) -> None:
        if delivery.state not in {DeliveryState.QUEUED, DeliveryState.HELD} or delivery.attempts:
            raise _refused(delivery.id, "a letter enters QUEUED or HELD, and never tried")
        try:
            self._run(_ADD, _row(delivery))
        except apsw.ConstraintError as error:
            if extended_code(error) not in {
                apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
                apsw.SQLITE_CONSTRAINT_UNIQUE,
            }:
                raise
            raise _refused(delivery.id, "this id, or this Message-ID, was queued before") from None
        self._run(_ADD_MIME, (delivery.id, mime))
        for name, data in files.items():
            self._run(_ADD_FILE, (delivery.id, name, data))

    def get(self, delivery_id: str) -> Delivery | None:
        rows = self._run(_GET, (delivery_id,)).fetchall()
        return _delivery(rows[0]) if rows else None

    def mime(self, delivery_id: str) -> bytes:
        rows = self._run(_MIME, (delivery_id,)).fetchall()
        if not rows:
            raise _refused(delivery_id, "there is no such delivery")
        mime: bytes = rows[0][0]
        return mime

    def files(self, delivery_id: str) -> dict[str, bytes]:
        return dict(self._run(_FILES, (delivery_id,)).fetchall())

    def of_patient(self, patient: str) -> Sequence[Delivery]:
        return self._deliveries(_OF_PATIENT, (patient,))

    def due(
        self, now: datetime, limit: int, *, busy_channels: Sequence[str] = ()
    ) -> Sequence[Delivery]:
        return self._deliveries(_DUE, (micros(now), json.dumps(list(busy_channels)), limit))

    def next_due(self) -> datetime | None:
        return maybe_instant(self._run(_NEXT_DUE).fetchall()[0][0])

    def sending(self) -> Sequence[Delivery]:
        return self._deliveries(_SENDING, ())

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
        held = self._existing(delivery_id)
        if to not in MOVES[held.state]:
            raise _refused(delivery_id, f"{held.state} → {to} is not a move of model.flow.MOVES")
        self._run(
            _MOVE,
            (
                to,
                None if to in _UNDER_WAY else micros(now),
                reason,
                maybe_micros(due_at),
                possibly_sent,
                delivery_id,
            ),
        )
        return self._existing(delivery_id)

    def open_attempt(self, delivery_id: str, now: datetime) -> int:
        held = self._existing(delivery_id)
        if self._run(_HAS_OPEN, (delivery_id,)).fetchall():
            raise _refused(delivery_id, "an attempt is open already")
        if held.state is not DeliveryState.SENDING:
            self.move(delivery_id, DeliveryState.SENDING, now)
        number = held.attempts + 1
        self._run(_COUNT_ATTEMPT, (number, delivery_id))
        self._run(_OPEN_ATTEMPT, (delivery_id, number, micros(now)))
        return number

    def close_attempt(
        self, delivery_id: str, number: int, outcome: Outcome | None, now: datetime
    ) -> None:
        word = CUT if outcome is None else outcome_word(outcome)
        told: tuple[str | int | None, ...]  # cause, code, status, reply
        match outcome:
            case None:
                told = (None, None, None, None)
            case Accepted():
                told = (None, None, None, outcome.reply)
            case Deferred() | Rejected():
                told = (outcome.cause, outcome.code, outcome.status, None)
            case Unknown():
                told = (outcome.cause, None, None, None)
            case _:
                assert_never(outcome)
        self._run(_CLOSE_ATTEMPT, (micros(now), word, *told, delivery_id, number))
        if not self._connection.changes():
            raise _refused(delivery_id, f"attempt {number} is not open")

    def attempts(self, delivery_id: str) -> Sequence[Attempt]:
        return [
            Attempt(row[0], row[1], instant(row[2]), maybe_instant(row[3]), *row[4:])
            for row in self._run(_ATTEMPTS, (delivery_id,)).fetchall()
        ]

    def listing(self, *, state: DeliveryState | None = None, limit: int = 50) -> Sequence[Delivery]:
        """Newest first; those of one state, last due first."""
        if state is None:
            return self._deliveries(_LISTING, (limit,))
        return self._deliveries(_LISTING_OF_STATE, (state, limit))

    def counts(self) -> dict[DeliveryState, int]:
        found: dict[str, int] = dict(self._run(_COUNTS).fetchall())
        return {state: found.get(state, 0) for state in DeliveryState}

    def _existing(self, delivery_id: str) -> Delivery:
        delivery = self.get(delivery_id)
        if delivery is None:
            raise _refused(delivery_id, "there is no such delivery")
        return delivery

    def _deliveries(self, sql: str, bindings: tuple[int | str, ...]) -> list[Delivery]:
        return [_delivery(row) for row in self._run(sql, bindings).fetchall()]


def _refused(delivery_id: str, why: str) -> RefusedError:
    return RefusedError(
        what="The outbox refuses.",
        where=f"delivery {delivery_id}",
        effect=f"nothing was changed: {why}",
        remedy=f"see `relais outbox show {delivery_id}`",
    )


def _row(d: Delivery) -> tuple[Any, ...]:
    return (
        d.id,
        d.letter_kind,
        d.patient,
        d.stay,
        d.rpps,
        d.version,
        json.dumps(d.parts),
        d.statement,
        json.dumps(d.purposes),
        d.discreet,
        d.channel,
        d.sender,
        d.address,
        d.intended,
        d.message_id,
        d.document_oid,
        d.set_oid,
        d.size,
        d.state,
        micros(d.created_at),
        micros(d.due_at),
        d.attempts,
        d.possibly_sent,
        maybe_micros(d.closed_at),
        d.reason,
    )


def _delivery(row: tuple[Any, ...]) -> Delivery:
    return Delivery(
        row[0],
        LetterKind(row[1]),
        row[2],
        row[3],
        row[4],
        row[5],
        tuple(json.loads(row[6])),
        row[7],
        tuple(json.loads(row[8])),
        bool(row[9]),
        row[10],
        row[11],
        row[12],
        row[13],
        row[14],
        row[15],
        row[16],
        row[17],
        DeliveryState(row[18]),
        instant(row[19]),
        instant(row[20]),
        row[21],
        bool(row[22]),
        maybe_instant(row[23]),
        row[24],
    )
