"""Small named values, on SQLite."""

from typing import Final

import apsw

from engine.store.connection import executor

_GET: Final = "SELECT value FROM meta WHERE name = ?"
_PUT: Final = (
    "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = ?2"
)
_DROP: Final = "DELETE FROM meta WHERE name = ?"


class SqliteMeta:
    """See store.interface.MetaVerbs."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._run = executor(connection)

    def get(self, name: str) -> str | None:
        rows = self._run(_GET, (name,)).fetchall()
        return rows[0][0] if rows else None

    def put(self, name: str, value: str | None) -> None:
        if value is None:
            self._run(_DROP, (name,))
        else:
            self._run(_PUT, (name, value))
