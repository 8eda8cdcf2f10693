"""What came back about letters, on SQLite.

What a receipt says, and when, is proof: it outlives the patient's payloads, as the delivery does.
The mail that it came in quotes the letter, so it is sealed with the key of the patient, and goes
with the letter or with the patient.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import apsw

from engine.model.errors import RefusedError
from engine.model.letter import LetterKind
from engine.model.receipt import Kept, Receipt, ReceiptKind, ReceiptSource
from engine.store.connection import executor
from engine.store.instants import instant, maybe_instant, maybe_micros, micros
from engine.store.receipt_verbs import NewReceipt, Relayed
from engine.store.vault import RECEIPT, Vault, closed, opened

_COLUMNS: Final = (
    "id, delivery, kind, source, status, code, by_machine, said_at, other_box, received_at, "
    "digest, origin"
)
_ADD: Final = (
    "INSERT INTO receipt (delivery, identity, kind, source, status, code, by_machine, said_at, "
    "other_box, received_at, digest, origin) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) "
    f"ON CONFLICT (delivery, identity) DO NOTHING RETURNING {_COLUMNS}"
)
_ADD_MAIL: Final = (
    "INSERT INTO receipt_mail (delivery, digest, mail) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)
_WHOSE: Final = "SELECT patient, forgotten FROM delivery WHERE id = ?"
_OF_DELIVERY: Final = f"SELECT {_COLUMNS} FROM receipt WHERE delivery = ? ORDER BY id"
_MAIL: Final = (
    "SELECT patient, receipt_mail.digest, mail FROM receipt "
    "JOIN receipt_mail USING (delivery, digest) JOIN delivery ON delivery.id = receipt.delivery "
    "WHERE receipt.id = ?"
)
_RELAYED: Final = (
    "SELECT closed_at, id FROM delivery WHERE state = 'relayed' AND forgotten = 0 "
    "AND about = '' AND letter_kind = ? AND (closed_at, id) > (?, ?) AND closed_at <= ? "
    "ORDER BY closed_at, id LIMIT ?"
)
# The kinds by name, so that the index of relayed letters serves.
_LEFT_SINCE: Final = (
    "SELECT id FROM delivery WHERE state = 'relayed' AND forgotten = 0 AND about = '' "
    f"AND letter_kind IN ({', '.join('?' * len(LetterKind))}) AND closed_at >= ? "
    "ORDER BY closed_at DESC, id LIMIT ?"
)
_COUNTS: Final = "SELECT kind, count(*) FROM receipt GROUP BY kind"
_EVIDENCE: Final = b"receipt_mail.mail"


class SqliteReceipts:
    """See store.interface.ReceiptVerbs."""

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        self._run = executor(connection)
        self._vault = vault

    def add(self, new: NewReceipt, now: datetime) -> Kept | None:
        said = new.receipt
        digest = self._vault.token_once(sha256(new.evidence).hexdigest(), RECEIPT)
        rows = self._run(
            _ADD,
            (
                new.delivery,
                self._vault.token_once(new.identity, RECEIPT),
                said.kind,
                said.source,
                said.status,
                said.code,
                said.by_machine,
                maybe_micros(said.said_at),
                new.other_box,
                micros(now),
                digest,
                new.origin,
            ),
        ).fetchall()
        if not rows:
            return None
        ((patient, forgotten),) = self._run(_WHOSE, (new.delivery,)).fetchall()
        seal = None if forgotten else self._vault.seal_of(patient)
        if seal is not None:
            mail = closed(seal, new.evidence, _EVIDENCE, _row(new.delivery, digest))
            self._run(_ADD_MAIL, (new.delivery, digest, mail))
        return self._kept(rows[0])

    def of_delivery(self, delivery_id: str) -> Sequence[Kept]:
        return [self._kept(row) for row in self._run(_OF_DELIVERY, (delivery_id,)).fetchall()]

    def evidence(self, kept: Kept) -> bytes:
        for patient, digest, mail in self._run(_MAIL, (kept.id,)).fetchall():
            seal = self._vault.seal_of(patient)
            if seal is not None:
                return opened(seal, mail, _EVIDENCE, _row(kept.delivery, digest))
        raise RefusedError(
            what="The mail of this receipt is no longer kept.",
            where=f"delivery {kept.delivery}, receipt {kept.id}",
            effect="what it said, when it came and its digest are kept",
            remedy="look in the mailbox that it came to, or in a backup of before",
        )

    def forgotten(self, delivery_id: str) -> bool:
        return any(row[1] for row in self._run(_WHOSE, (delivery_id,)).fetchall())

    def relayed(
        self, kind: LetterKind, after: Relayed, until: datetime, limit: int
    ) -> Sequence[Relayed]:
        bindings = (kind, micros(after.at), after.delivery, micros(until), limit)
        return [Relayed(instant(at), one) for at, one in self._run(_RELAYED, bindings).fetchall()]

    def left_since(self, since: datetime, limit: int) -> Sequence[str]:
        bindings = (*LetterKind, micros(since), limit)
        return [row[0] for row in self._run(_LEFT_SINCE, bindings).fetchall()]

    def counts(self) -> dict[ReceiptKind, int]:
        found: dict[str, int] = dict(self._run(_COUNTS).fetchall())
        return {kind: found.get(kind, 0) for kind in ReceiptKind}

    def _kept(self, row: tuple[Any, ...]) -> Kept:
        return Kept(
            id=row[0],
            delivery=row[1],
            receipt=Receipt(
                kind=ReceiptKind(row[2]),
                source=ReceiptSource(row[3]),
                status=row[4],
                code=row[5],
                by_machine=None if row[6] is None else bool(row[6]),
                said_at=maybe_instant(row[7]),
            ),
            other_box=bool(row[8]),
            received_at=instant(row[9]),
            evidence=self._vault.text(row[10], RECEIPT),
            origin=row[11],
        )


def _row(delivery_id: str, digest: bytes) -> bytes:
    return delivery_id.encode() + b"\0" + digest
