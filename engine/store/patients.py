"""Patient keys, and which of them lead to which (A40, A47), on SQLite."""

from collections.abc import Sequence
from typing import Final

import apsw

from engine.store.connection import executor
from engine.store.vault import IDENTIFIER, PATIENT, Vault

_KNOW: Final = (
    "INSERT INTO patient (key, identifier, root) VALUES (?1, ?2, ?1) ON CONFLICT (key) DO NOTHING"
)
_ROOT: Final = "SELECT root FROM patient WHERE key = ?"
_CLUSTER: Final = "SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?)"
_LIKE: Final = "SELECT DISTINCT root FROM patient WHERE identifier = ?1 OR key = ?2"
_LINK: Final = (
    "INSERT INTO patient_link (eliminated, surviving) VALUES (?, ?) ON CONFLICT DO NOTHING"
)
_LEADS_TO: Final = (
    "WITH RECURSIVE onward (key) AS (VALUES (?1) UNION "
    "SELECT surviving FROM patient_link JOIN onward ON eliminated = key) "
    "SELECT 1 FROM onward WHERE key = ?2"
)
_SURVIVORS: Final = (
    "SELECT key FROM patient WHERE root IN (?, ?) "
    "AND NOT EXISTS (SELECT 1 FROM patient_link WHERE eliminated = key)"
)
_SET_ROOT: Final = "UPDATE patient SET root = ? WHERE root IN (?, ?)"


class Patients:
    """The patient part of store.interface.FactVerbs.

    Keys that are linked, in whatever direction, are one person: one cluster. Its root is the key
    that was never eliminated; when a key was merged into two others, so that two remain, the
    first of them in the order of text. Thus the root is the same whatever the order in which the
    links were heard. It is computed when a link is made, so that reading it costs one look-up.
    """

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        self._run = executor(connection)
        self._vault = vault

    def know(self, patient: str) -> bytes:
        """Remember that a key exists; gives its token."""
        token = self._vault.token(patient, PATIENT)
        number = self._vault.token(patient.partition("|")[0], IDENTIFIER)
        self._run(_KNOW, (token, number))
        return token

    def link(self, eliminated: str, surviving: str) -> bool:
        """See FactVerbs.link. True too when the link was there already."""
        old, new = self._token(eliminated), self._token(surviving)
        if old == new or self._run(_LEADS_TO, (new, old)).fetchall():
            return False
        self.know(eliminated)
        self.know(surviving)
        self._run(_LINK, (old, new))
        roots = (self._root(old), self._root(new))
        survivors = self._texts(self._run(_SURVIVORS, roots).fetchall())
        self._run(_SET_ROOT, (self._token(survivors[0]), *roots))
        return True

    def root(self, patient: str) -> str:
        return self._vault.text(self._root(self._token(patient)), PATIENT)

    def cluster(self, patient: str) -> Sequence[str]:
        rows = self._run(_CLUSTER, (self._token(patient),)).fetchall()
        return self._texts(rows) or [patient]

    def patients_like(self, text: str) -> Sequence[str]:
        """Surviving keys of the patients one of whose keys has `text` as its identifier part, or
        is `text` as a whole."""
        number = self._vault.token(text, IDENTIFIER)
        return self._texts(self._run(_LIKE, (number, self._token(text))).fetchall())

    def _token(self, patient: str) -> bytes:
        return self._vault.token(patient, PATIENT)

    def _root(self, token: bytes) -> bytes:
        rows = self._run(_ROOT, (token,)).fetchall()
        return rows[0][0] if rows else token

    def _texts(self, rows: list[tuple[bytes]]) -> list[str]:
        """In the order of text: that of the sealed forms would differ from store to store."""
        return sorted(self._vault.text(row[0], PATIENT) for row in rows)
