"""Who may be taken for whom: an index of sealed traits, on SQLite.

A trace (decide.likeness) is kept as the first half of its sealed form: it is found again with the
store's key, and cannot be opened.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import apsw

from engine.store.connection import executor
from engine.store.patients import Patients
from engine.store.vault import PATIENT, TRACE, Vault

# Of people who share one trace. Each is compared; past these, somebody writes one name for all:
# those who are compared hold the letter all the same.
_MOST: Final = 20
_OF_PATIENT: Final = "SELECT trace FROM likeness WHERE patient = ?"
_ADD: Final = "INSERT INTO likeness (trace, patient) VALUES (?, ?)"
_DROP: Final = "DELETE FROM likeness WHERE patient = ?"
_SHARING: Final = "SELECT patient FROM likeness WHERE trace = ? ORDER BY patient LIMIT ?"


class Likenesses:
    """The likeness part of store.interface.FactVerbs."""

    def __init__(self, connection: apsw.Connection, vault: Vault, patients: Patients) -> None:
        self._run = executor(connection)
        self._vault = vault
        self._patients = patients

    def put_traces(self, patient: str, traces: Iterable[str]) -> Sequence[str]:
        whose = self._vault.token(patient, PATIENT)
        old = {row[0] for row in self._run(_OF_PATIENT, (whose,)).fetchall()}
        wanted = {self._sealed(one) for one in traces}
        if wanted == old:
            return ()
        before = self._sharing(old)
        self._patients.know(patient)
        self._run(_DROP, (whose,))
        for one in sorted(wanted):
            self._run(_ADD, (one, whose))
        return sorted((before | self._sharing(wanted)) - {self._patients.root(patient)})

    def alike(self, patient: str, traces: Iterable[str]) -> Sequence[str]:
        found = self._sharing(self._sealed(one) for one in traces)
        return sorted(found - {self._patients.root(patient)})

    def _sharing(self, traces: Iterable[bytes]) -> set[str]:
        return {
            self._patients.root(self._vault.text(row[0], PATIENT))
            for one in traces
            for row in self._run(_SHARING, (one, _MOST)).fetchall()
        }

    def _sealed(self, trace: str) -> bytes:
        return self._vault.token(trace, TRACE)[:16]  # of AES-SIV, its keyed hash (RFC 5297)
