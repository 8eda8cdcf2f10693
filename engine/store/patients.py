"""Patient keys, and which of them lead to which (A40, A47), on SQLite."""

from collections.abc import Sequence
from typing import Final

import apsw

from engine.store.connection import executor

_KNOW: Final = (
    "INSERT INTO patient (key, identifier, root) VALUES (?1, ?2, ?1) ON CONFLICT (key) DO NOTHING"
)
_ROOT: Final = "SELECT root FROM patient WHERE key = ?"
_CLUSTER: Final = (
    "SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?) ORDER BY key"
)
_LIKE: Final = "SELECT DISTINCT root FROM patient WHERE identifier = ?1 OR key = ?1 ORDER BY root"
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
    "AND NOT EXISTS (SELECT 1 FROM patient_link WHERE eliminated = key) ORDER BY key"
)
_SET_ROOT: Final = "UPDATE patient SET root = ? WHERE root IN (?, ?)"


class Patients:
    """The patient part of store.interface.FactVerbs.

    Keys that are linked, in whatever direction, are one person: one cluster. Its root is the key
    that was never eliminated; when a key was merged into two others, so that two remain, the
    first of them in the order of text. Thus the root is the same whatever the order in which the
    links were heard. It is computed when a link is made, so that reading it costs one look-up.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._run = executor(connection)

    def know(self, patient: str) -> None:
        """Remember that a key exists."""
        self._run(_KNOW, (patient, patient.partition("|")[0]))

    def link(self, eliminated: str, surviving: str) -> bool:
        """See FactVerbs.link. True too when the link was there already."""
        if eliminated == surviving or self._run(_LEADS_TO, (surviving, eliminated)).fetchall():
            return False
        self.know(eliminated)
        self.know(surviving)
        self._run(_LINK, (eliminated, surviving))
        roots = (self.root(eliminated), self.root(surviving))
        survivors = self._run(_SURVIVORS, roots).fetchall()
        self._run(_SET_ROOT, (survivors[0][0], *roots))
        return True

    def root(self, patient: str) -> str:
        rows = self._run(_ROOT, (patient,)).fetchall()
        return rows[0][0] if rows else patient

    def cluster(self, patient: str) -> Sequence[str]:
        return [row[0] for row in self._run(_CLUSTER, (patient,)).fetchall()] or [patient]

    def patients_like(self, text: str) -> Sequence[str]:
        """Surviving keys of the patients one of whose keys has `text` as its identifier part, or
        is `text` as a whole."""
        return [row[0] for row in self._run(_LIKE, (text,)).fetchall()]
