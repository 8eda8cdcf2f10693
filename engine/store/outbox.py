"""Letters on their way and the attempts made, on SQLite."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, assert_never

import apsw

from engine.model.errors import RefusedError
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
from engine.model.letter import LetterKind
from engine.model.people import Role
from engine.store.connection import executor, extended_code
from engine.store.instants import instant, maybe_instant, maybe_micros, micros
from engine.store.interface import Attempt
from engine.store.vault import PATIENT, Vault, closed, opened

_COLUMNS: Final = (
    "id, letter_kind, patient, version, said, discreet, channel, message_id, size, state, "
    "created_at, due_at, attempts, possibly_sent, closed_at, reason, about"
)
_ADD: Final = f"INSERT INTO delivery ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_ADD_MIME: Final = "INSERT INTO delivery_mime (delivery, mime) VALUES (?, ?)"
_ADD_FILE: Final = "INSERT INTO delivery_file (delivery, number, data) VALUES (?, ?, ?)"
_SELECT: Final = f"SELECT {_COLUMNS} FROM delivery"
_GET: Final = f"{_SELECT} WHERE id = ?"
_MIME: Final = (
    "SELECT patient, mime FROM delivery_mime JOIN delivery ON delivery.id = delivery "
    "WHERE delivery = ?"
)
_FILES: Final = (
    "SELECT patient, number, data FROM delivery_file JOIN delivery ON delivery.id = delivery "
    "WHERE delivery = ?"
)
_OF_PATIENT: Final = (
    f"{_SELECT} WHERE (patient = ?1 OR patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?1))) "
    "AND forgotten <= ?2 AND about = '' ORDER BY created_at, rowid"
)
_ABOUT: Final = f"{_SELECT} WHERE about = ? AND about <> '' ORDER BY created_at, rowid"
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
_LISTING_OF_REASON: Final = (
    f"{_SELECT} WHERE state = ? AND reason = ? ORDER BY due_at DESC, rowid DESC LIMIT ?"
)
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
_AGAIN: Final = frozenset({DeliveryState.REJECTED, DeliveryState.EXPIRED})
_SAID: Final = b"delivery.said"
_MAIL: Final = b"delivery_mime.mime"
_FILE: Final = b"delivery_file.data"
_REPLY: Final = b"attempt.reply"
CUT: Final = "cut"  # the outcome of an attempt that a crash ended


class SqliteOutbox:
    """See store.interface.OutboxVerbs."""

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        self._connection = connection
        self._run = executor(connection)
        self._vault = vault

    def add(self, delivery: Delivery, mime: bytes, files: dict[str, bytes]) -> None:
        if delivery.state not in {DeliveryState.QUEUED, DeliveryState.HELD} or delivery.attempts:
            raise _refused(delivery.id, "a letter enters QUEUED or HELD, and never tried")
        patient, seal = self._vault.made_for(delivery.patient)
        try:
            self._run(_ADD, self._row(delivery, patient))
        except apsw.ConstraintError as error:
            if extended_code(error) not in {
                apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
                apsw.SQLITE_CONSTRAINT_UNIQUE,
            }:
                raise
            raise _refused(delivery.id, "this id, or this Message-ID, was queued before") from None
        row = delivery.id.encode()
        self._run(_ADD_MIME, (delivery.id, closed(seal, mime, _MAIL, row)))
        for number, (name, data) in enumerate(files.items()):
            sealed = closed(seal, name.encode() + b"\0" + data, _FILE, b"%b\0%d" % (row, number))
            self._run(_ADD_FILE, (delivery.id, number, sealed))

    def get(self, delivery_id: str) -> Delivery | None:
        rows = self._run(_GET, (delivery_id,)).fetchall()
        return self._delivery(rows[0]) if rows else None

    def mime(self, delivery_id: str) -> bytes:
        for patient, sealed in self._run(_MIME, (delivery_id,)).fetchall():
            seal = self._vault.seal_of(patient)
            if seal is not None:
                return opened(seal, sealed, _MAIL, delivery_id.encode())
        self._existing(delivery_id)
        raise _refused(delivery_id, "its mail is no longer kept")

    def files(self, delivery_id: str) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for patient, number, sealed in self._run(_FILES, (delivery_id,)).fetchall():
            seal = self._vault.seal_of(patient)
            if seal is not None:
                row = b"%b\0%d" % (delivery_id.encode(), number)
                name, _, data = opened(seal, sealed, _FILE, row).partition(b"\0")
                files[name.decode()] = data
        return dict(sorted(files.items()))

    def of_patient(self, patient: str, *, forgotten: bool = False) -> Sequence[Delivery]:
        return self._deliveries(_OF_PATIENT, (self._vault.token(patient, PATIENT), int(forgotten)))

    def about(self, delivery_id: str) -> Sequence[Delivery]:
        return self._deliveries(_ABOUT, (delivery_id,))

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
        if to not in held.moves:
            raise _refused(delivery_id, f"{held.state} → {to} is not a move of model.flow.MOVES")
        if held.state in _AGAIN and to is DeliveryState.QUEUED:
            self.mime(delivery_id)  # refuses when there is nothing left to send
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
        cause, code, status, reply = told
        sealed = None
        if isinstance(reply, str):  # what a peer says may name a mailbox
            row = _attempt_row(delivery_id, number)
            sealed = self._vault.close(reply.encode("utf-8", "replace"), _REPLY, row)
        self._run(
            _CLOSE_ATTEMPT, (micros(now), word, cause, code, status, sealed, delivery_id, number)
        )
        if not self._connection.changes():
            raise _refused(delivery_id, f"attempt {number} is not open")

    def attempts(self, delivery_id: str) -> Sequence[Attempt]:
        return [
            Attempt(
                row[0],
                row[1],
                instant(row[2]),
                maybe_instant(row[3]),
                row[4],
                row[5],
                row[6],
                row[7],
                self._reply(row[0], row[1], row[8]),
            )
            for row in self._run(_ATTEMPTS, (delivery_id,)).fetchall()
        ]

    def listing(
        self, *, state: DeliveryState | None = None, reason: str | None = None, limit: int = 50
    ) -> Sequence[Delivery]:
        """Newest first; those of one state, last due first."""
        if state is None:
            return self._deliveries(_LISTING, (limit,))
        if reason is not None:
            return self._deliveries(_LISTING_OF_REASON, (state, reason, limit))
        return self._deliveries(_LISTING_OF_STATE, (state, limit))

    def counts(self) -> dict[DeliveryState, int]:
        found: dict[str, int] = dict(self._run(_COUNTS).fetchall())
        return {state: found.get(state, 0) for state in DeliveryState}

    def _existing(self, delivery_id: str) -> Delivery:
        delivery = self.get(delivery_id)
        if delivery is None:
            raise _refused(delivery_id, "there is no such delivery")
        return delivery

    def _reply(self, delivery_id: str, number: int, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        return self._vault.open(sealed, _REPLY, _attempt_row(delivery_id, number)).decode()

    def _deliveries(self, sql: str, bindings: tuple[int | str | bytes, ...]) -> list[Delivery]:
        return [self._delivery(row) for row in self._run(sql, bindings).fetchall()]

    def _row(self, d: Delivery, patient: bytes) -> tuple[Any, ...]:
        return (
            d.id,
            d.letter_kind,
            patient,
            d.version,
            self.sealed_said(d, patient),
            d.discreet,
            d.channel,
            d.message_id,
            d.size,
            d.state,
            micros(d.created_at),
            micros(d.due_at),
            d.attempts,
            d.possibly_sent,
            maybe_micros(d.closed_at),
            d.reason,
            d.about,
        )

    def sealed_said(self, d: Delivery, patient: bytes) -> bytes:
        """To whom, about which stay, why. With the store's own key: it outlives the payloads."""
        said = json.dumps({name: getattr(d, name) for name in _SAID_FIELDS}).encode()
        return self._vault.close(said, _SAID, d.id.encode() + b"\0" + patient)

    def _delivery(self, row: tuple[Any, ...]) -> Delivery:
        said = json.loads(self._vault.open(row[4], _SAID, row[0].encode() + b"\0" + row[2]))
        return Delivery(
            id=row[0],
            letter_kind=LetterKind(row[1]),
            patient=self._vault.text(row[2], PATIENT),
            version=row[3],
            **(
                said
                | {name: tuple(said[name]) for name in ("parts", "purposes")}
                | {"role": Role(said["role"])}
            ),
            discreet=bool(row[5]),
            channel=row[6],
            message_id=row[7],
            size=row[8],
            state=DeliveryState(row[9]),
            created_at=instant(row[10]),
            due_at=instant(row[11]),
            attempts=row[12],
            possibly_sent=bool(row[13]),
            closed_at=maybe_instant(row[14]),
            reason=row[15],
            about=row[16],
        )


_SAID_FIELDS: Final = (
    "stay",
    "rpps",
    "parts",
    "statement",
    "purposes",
    "sender",
    "address",
    "intended",
    "document_oid",
    "set_oid",
    "role",
    "postal",
)


def _attempt_row(delivery_id: str, number: int) -> bytes:
    return f"{delivery_id}\0{number}".encode()


def _refused(delivery_id: str, why: str) -> RefusedError:
    return RefusedError(
        what="The outbox refuses.",
        where=f"delivery {delivery_id}",
        effect=f"nothing was changed: {why}",
        remedy=f"see `relais outbox show {delivery_id}`",
    )
