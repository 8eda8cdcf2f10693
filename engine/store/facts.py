"""Facts and the bytes of documents, on SQLite; patients and stays beside them."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import apsw
from pydantic import ValidationError

from engine.model.errors import StoreError
from engine.model.fact import Heard
from engine.store.instants import micros
from engine.store.likeness import Likenesses
from engine.store.patients import Patients
from engine.store.stays import Stays

_ADD: Final = (
    "INSERT INTO fact (patient, digest, journal_id, kind, heard) VALUES (?,?,?,?,?) "
    "ON CONFLICT (patient, digest) DO NOTHING"
)
_DROP: Final = "DELETE FROM fact WHERE journal_id = ?"
_OF_PATIENT: Final = (
    "SELECT id, heard FROM fact WHERE patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?)) ORDER BY id"
)
_PUT_BLOB: Final = "INSERT INTO blob (digest, data) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
_BLOB: Final = "SELECT data FROM blob WHERE digest = ?"


class SqliteFacts(Patients, Stays, Likenesses):
    """See store.interface.FactVerbs."""

    def __init__(self, connection: apsw.Connection) -> None:
        Patients.__init__(self, connection)
        Stays.__init__(self, connection, self)
        Likenesses.__init__(self, connection, self)
        self._connection = connection

    def add(self, facts: Iterable[Heard]) -> int:
        new = 0
        for heard in facts:
            self.know(heard.patient)
            self._run(
                _ADD,
                (
                    heard.patient,
                    identity(heard),
                    heard.journal_id,
                    heard.fact.kind,
                    heard.model_dump_json(),
                ),
            )
            new += self._connection.changes()
        return new

    def drop_of_journal(self, journal_id: int) -> None:
        self._run(_DROP, (journal_id,))

    def of_patient(self, patient: str) -> Sequence[Heard]:
        rows = self._run(_OF_PATIENT, (patient,)).fetchall()
        return [_heard(number, text) for number, text in rows]

    def put_blob(self, data: bytes) -> str:
        digest = sha256(data).hexdigest()
        self._run(_PUT_BLOB, (digest, data))
        return digest

    def blob(self, digest: str) -> bytes:
        rows = self._run(_BLOB, (digest,)).fetchall()
        if not rows:
            raise KeyError(digest)
        data: bytes = rows[0][0]
        return data


def identity(heard: Heard) -> bytes:
    """What makes a fact the same as another of the same patient: what it says, and the sender's
    order; not when we heard it, nor in which message. A test message is never the same as a
    real one, for the fold must see that there was a test.

    Values left at their default are not part of it, so that a field that a later version adds
    does not make old facts look new.
    """
    said = heard.fact.model_dump_json(exclude_defaults=True)
    order = f"{micros(heard.recorded_at)}\n{int(heard.test)}\n{len(heard.sender_order)}"
    return sha256(f"{heard.fact.kind}\n{order}\n{heard.sender_order}{said}".encode()).digest()


def _heard(number: int, text: str) -> Heard:
    try:
        return Heard.model_validate_json(text)
    except ValidationError:
        # The error of pydantic quotes values: it must not travel.
        raise StoreError(
            what="A fact of the store cannot be read.",
            where=f"fact {number}",
            effect="its patient's state cannot be told, so nothing is decided for that patient",
            remedy="report it: this version of the program should read what it wrote",
        ) from None
