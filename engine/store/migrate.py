"""Applies migrations/<database>/NNN_*.sql in order, once each, and remembers what it applied."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import apsw

from engine.model.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations" / "sqlite"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: ``number`` counts from 1 without a gap."""

    number: int
    name: str
    sql: str
    checksum: str  # SHA-256 of the file, in hex


def load(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read the migrations of one database, in order. ``StoreError`` on a gap in the numbers."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9][0-9]_*.sql")):
        data = path.read_bytes()
        number = int(path.name[:3])
        found.append(Migration(number, path.stem, data.decode(), sha256(data).hexdigest()))
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise StoreError(
            where=str(folder),
            effect="migrations are missing, so the store was not opened",
            remedy="install the program again",
        )
    return tuple(found)


def migrate(connection: apsw.Connection, migrations: tuple[Migration, ...]) -> int:
    """Bring the schema up to date; give how many migrations were applied.

    All that are due run in one transaction: a failure leaves the schema as it was. Raises
    ``StoreError`` when the file was made by a newer program, or by another text of a migration.
    """
    with connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration "
            "(number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT"
        )
        done = check(connection, migrations)
        for migration in migrations[done:]:
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO migration (number, name, checksum) VALUES (?, ?, ?)",
                (migration.number, migration.name, migration.checksum),
            )
    return len(migrations) - done


def check(connection: apsw.Connection, migrations: tuple[Migration, ...]) -> int:
    """Compare what was applied with what we have; give how many were applied."""
    applied = connection.execute(
        "SELECT number, name, checksum FROM migration ORDER BY number"
    ).fetchall()
    for at, (_, name, checksum) in enumerate(applied):
        if at >= len(migrations):
            raise StoreError(
                where=f"migration {name}",
                effect="a newer version of the program made this store; it was not opened",
                remedy="start that version, or restore the backup made before it",
            )
        if checksum != migrations[at].checksum:
            raise StoreError(
                where=f"migration {name}",
                effect="its text is not the one that was applied; the store was not opened",
                remedy="install the program again",
            )
    return len(applied)
