"""The audit trail, on SQLite. Append-only here, and guarded by triggers in the schema."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import apsw

from engine.audit import GENESIS, detail_text, line_hash
from engine.model.errors import StoreError
from engine.model.trail import AuditEntry, AuditKind, SignedRoot
from engine.store.connection import executor, storable
from engine.store.vault import PATIENT, Vault

_HEAD: Final = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
_HEAD_BEFORE: Final = "SELECT seq, hash FROM audit WHERE at < ? ORDER BY seq DESC LIMIT 1"
_APPEND: Final = (
    "INSERT INTO audit (seq, at, kind, actor, patient, said, previous, hash) "
    "VALUES (?,?,?,?,?,?,?,?)"
)
_COLUMNS: Final = "seq, at, kind, actor, patient, said, previous, hash"
_ENTRIES: Final = f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
_OF_PATIENT: Final = (
    f"SELECT {_COLUMNS} FROM audit WHERE patient = ?1 OR patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?1)) "
    "ORDER BY seq DESC LIMIT ?2"
)
_ADD_ROOT: Final = "INSERT INTO audit_root (day, seq, hash, key_id, signature) VALUES (?,?,?,?,?)"
_SAID: Final = b"audit.said"
_ROOTS: Final = "SELECT day, seq, hash, key_id, signature FROM audit_root ORDER BY day"


def utc_text(at: datetime) -> str:
    """Write an instant as the trail does: ISO 8601, UTC, microseconds always there."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")


class SqliteAuditLog:
    """See store.interface.AuditVerbs.

    The head of the chain is kept in memory between two lines of one transaction; `forget` has it
    read anew, which the writer asks for at each transaction and each undone work.
    """

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        self._run = executor(connection)
        self._vault = vault
        self._head: tuple[int, bytes] | None = None

    def forget(self) -> None:
        """Read the head from the table at the next use."""
        self._head = None

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
        seq, previous = self._head or self.head()
        seq += 1
        at = utc_text(now)
        text = detail_text(detail)
        try:
            digest = line_hash(seq, (at, kind, actor, patient, stay, subject, text), previous)
        except UnicodeEncodeError:
            return self.append(
                kind,
                now=now,
                actor=storable(actor),
                patient=None if patient is None else storable(patient),
                stay=None if stay is None else storable(stay),
                subject=storable(subject),
                **detail,
            )
        whose = None if patient is None else self._vault.token(patient, PATIENT)
        said = self._vault.close(_joined(stay, subject, text), _SAID, b"%d" % seq)
        self._run(_APPEND, (seq, at, kind, actor, whose, said, previous, digest))
        self._head = seq, digest
        return seq

    def entries(self, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        return [self._line(row) for row in self._run(_ENTRIES, (after, limit)).fetchall()]

    def of_patient(self, patient: str, limit: int = 500) -> Sequence[AuditEntry]:
        """The last lines of the cluster of a patient, oldest first."""
        rows = self._run(_OF_PATIENT, (self._vault.token(patient, PATIENT), limit)).fetchall()
        return [self._line(row) for row in reversed(rows)]

    def head(self) -> tuple[int, bytes]:
        rows = self._run(_HEAD).fetchall()
        return (rows[0][0], rows[0][1]) if rows else (0, GENESIS)

    def head_before(self, instant: datetime) -> tuple[int, bytes]:
        rows = self._run(_HEAD_BEFORE, (utc_text(instant),)).fetchall()
        return (rows[0][0], rows[0][1]) if rows else (0, GENESIS)

    def add_root(self, root: SignedRoot) -> None:
        self._run(_ADD_ROOT, (root.day, root.seq, root.hash, root.key_id, root.signature))

    def roots(self) -> Sequence[SignedRoot]:
        return [SignedRoot(*row) for row in self._run(_ROOTS).fetchall()]

    def _line(self, row: tuple[Any, ...]) -> AuditEntry:
        """A line whose bytes do not open is shown as one that nobody wrote: its hash tells."""
        seq, at, kind, actor, whose, said, previous, digest = row
        try:
            patient = self._vault.maybe_text(whose, PATIENT)
            stay, subject, text = _parted(self._vault.open(said, _SAID, b"%d" % seq))
            detail = json.loads(text)
        except StoreError:
            patient, stay, subject, detail = None, None, "", {"unreadable": True}
        return AuditEntry(seq, at, kind, actor, patient, stay, subject, detail, previous, digest)


def _joined(stay: str | None, subject: str, detail: str) -> bytes:
    length = "-" if stay is None else len(stay)
    return f"{length},{len(subject)}\n{stay or ''}{subject}{detail}".encode()


def _parted(data: bytes) -> tuple[str | None, str, str]:
    lengths, _, text = data.decode().partition("\n")
    of_stay, _, of_subject = lengths.partition(",")
    stay = None
    if of_stay != "-":
        stay, text = text[: int(of_stay)], text[int(of_stay) :]
    return stay, text[: int(of_subject)], text[int(of_subject) :]
