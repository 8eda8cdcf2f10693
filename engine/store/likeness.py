"""Who may be taken for whom: an index of hashed traits, on SQLite.

A trace (decide.likeness) is kept as an HMAC under a key of this store alone. The key is drawn at
the first write and lies in ``meta``; who encrypts the store passes it by there.
"""

import hmac
import secrets
from collections.abc import Iterable, Sequence
from typing import Final

import apsw

from engine.store.connection import executor
from engine.store.meta import SqliteMeta
from engine.store.patients import Patients

KEY: Final = "likeness-key"
# Of people who share one trace. Each is compared; past these, somebody writes one name for all.
_MOST: Final = 100
_OF_PATIENT: Final = "SELECT trace FROM likeness WHERE patient = ?"
_ADD: Final = "INSERT INTO likeness (trace, patient) VALUES (?, ?)"
_DROP: Final = "DELETE FROM likeness WHERE patient = ?"
_SHARING: Final = "SELECT patient FROM likeness WHERE trace = ? ORDER BY patient LIMIT ?"


class Likenesses:
    """The likeness part of store.interface.FactVerbs."""

    def __init__(self, connection: apsw.Connection, patients: Patients) -> None:
        self._run = executor(connection)
        self._meta = SqliteMeta(connection)
        self._patients = patients
        self._key: bytes | None = None

    def put_traces(self, patient: str, traces: Iterable[str]) -> Sequence[str]:
        old = {row[0] for row in self._run(_OF_PATIENT, (patient,)).fetchall()}
        key = self._known_key() or self._drawn_key()
        wanted = {_hashed(key, one) for one in traces}
        if wanted == old:
            return ()
        before = self._sharing(old)
        self._patients.know(patient)
        self._run(_DROP, (patient,))
        for one in sorted(wanted):
            self._run(_ADD, (one, patient))
        return sorted((before | self._sharing(wanted)) - {self._patients.root(patient)})

    def alike(self, patient: str, traces: Iterable[str]) -> Sequence[str]:
        key = self._known_key()
        if key is None:
            return ()
        found = self._sharing(_hashed(key, one) for one in traces)
        return sorted(found - {self._patients.root(patient)})

    def _sharing(self, traces: Iterable[bytes]) -> set[str]:
        return {
            self._patients.root(row[0])
            for one in traces
            for row in self._run(_SHARING, (one, _MOST)).fetchall()
        }

    def _known_key(self) -> bytes | None:
        if self._key is None:
            told = self._meta.get(KEY)
            self._key = bytes.fromhex(told) if told else None
        return self._key

    def _drawn_key(self) -> bytes:
        # Not remembered here: the work that draws it may yet be undone.
        key = secrets.token_bytes(32)
        self._meta.put(KEY, key.hex())
        return key


def _hashed(key: bytes, trace: str) -> bytes:
    return hmac.digest(key, trace.encode(), "sha256")[:16]
