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
from engine.store.vault import DOCUMENT, FACT, PATIENT, Vault, closed, opened

_ADD: Final = (
    "INSERT INTO fact (patient, digest, journal_id, kind, heard_at, heard) VALUES (?,?,?,?,?,?) "
    "ON CONFLICT (patient, digest) DO NOTHING"
)
_DROP: Final = "DELETE FROM fact WHERE journal_id = ?"
_OF_PATIENT: Final = (
    "SELECT id, patient, digest, heard FROM fact WHERE patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?)) ORDER BY id"
)
_HAS_BLOB: Final = "SELECT 1 FROM blob WHERE patient = ? AND digest = ?"
_PUT_BLOB: Final = "INSERT INTO blob (patient, digest, data) VALUES (?, ?, ?)"
_BLOB: Final = "SELECT patient, data FROM blob WHERE digest = ?"
_HEARD: Final = b"fact.heard"
_DATA: Final = b"blob.data"


class SqliteFacts(Patients, Stays, Likenesses):
    """See store.interface.FactVerbs."""

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        Patients.__init__(self, connection, vault)
        Stays.__init__(self, connection, vault)
        Likenesses.__init__(self, connection, vault, self)
        self._connection = connection

    def add(self, facts: Iterable[Heard]) -> int:
        new = 0
        for heard in facts:
            patient, seal = self._vault.made_for(heard.patient)
            digest = self._vault.token_once(identity(heard).hex(), FACT)
            text = heard.model_dump_json().encode()
            self._run(
                _ADD,
                (
                    patient,
                    digest,
                    heard.journal_id,
                    heard.fact.kind,
                    micros(heard.heard_at),
                    closed(seal, text, _HEARD, patient + digest),
                ),
            )
            new += self._connection.changes()
        return new

    def drop_of_journal(self, journal_id: int) -> None:
        self._run(_DROP, (journal_id,))

    def of_patient(self, patient: str) -> Sequence[Heard]:
        token = self._vault.token(patient, PATIENT)
        facts = []
        for number, whose, digest, sealed in self._run(_OF_PATIENT, (token,)).fetchall():
            seal = self._vault.seal_of(whose)
            if seal is not None:
                facts.append(_heard(number, opened(seal, sealed, _HEARD, whose + digest)))
        return facts

    def put_blob(self, data: bytes, patient: str) -> str:
        digest = sha256(data).hexdigest()
        whose, seal = self._vault.made_for(patient)
        token = self._vault.token_once(digest, DOCUMENT)
        if not self._run(_HAS_BLOB, (whose, token)).fetchall():
            self._run(_PUT_BLOB, (whose, token, closed(seal, data, _DATA, whose + token)))
        return digest

    def blob(self, digest: str) -> bytes:
        token = self._vault.token_once(digest, DOCUMENT)
        for whose, sealed in self._run(_BLOB, (token,)).fetchall():
            seal = self._vault.seal_of(whose)
            if seal is not None:
                return opened(seal, sealed, _DATA, whose + token)
        raise KeyError(digest)


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


def _heard(number: int, text: bytes) -> Heard:
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
