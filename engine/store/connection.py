"""One SQLite connection, set the way this house needs it; and SQLite's errors put in our words."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol, cast

import apsw

from engine.model.errors import RefusedError, StoreError

# Below it, two connections that write and checkpoint the same WAL can lose committed pages
# (the "WAL reset" defect). APSW brings its own SQLite, so this refuses a broken installation.
OLDEST_SQLITE: Final = (3, 51, 3)

# 8 KiB: three messages of 2 KB to a page, where 4 KiB would hold one and waste the rest.
_PAGE: Final = 8192
_CACHED_STATEMENTS: Final = 256

# The file itself is at fault: nothing that is written after these can be believed.
UNRECOVERABLE: Final = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)


class Rows(Protocol):
    """What a statement gave."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All of it; the statement is then done with, and holds no snapshot."""
        ...


class Execute(Protocol):
    """Runs one statement of SQL."""

    def __call__(self, sql: str, bindings: Sequence[object] = ..., /) -> Rows: ...


def executor(connection: apsw.Connection) -> Execute:
    """Give `execute` of one cursor, kept for good: a tenth of the cost of a cursor a statement.

    The schema is STRICT, so the columns have the types that the readers of rows expect.
    """
    return cast(Execute, connection.cursor().execute)


def refuse_old_sqlite(version: str) -> None:
    """Raise ``StoreError`` for a SQLite that may lose committed pages."""
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        raise StoreError(
            what="This SQLite may lose committed rows.",
            where=f"SQLite {version}",
            effect="the store was not opened",
            remedy="install the locked dependencies again: apsw brings SQLite 3.51.3 or newer",
        )


def open_writing(path: Path) -> apsw.Connection:
    """Open, or make, the store's file: WAL, every commit on the disk, closed to other users."""
    refuse_old_sqlite(apsw.sqlite_lib_version())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives the WAL and its index the mode of the main file.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    connection = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_CACHED_STATEMENTS
    )
    connection.set_busy_timeout(5000)
    connection.execute(f"PRAGMA page_size = {_PAGE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts before the first table alone
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchall()[0][0]
    if mode != "wal":
        raise StoreError(
            where=str(path),
            effect="SQLite refused its write-ahead log there, so nothing was opened",
            remedy="put the data folder on a local disk",
        )
    for pragma in (
        "synchronous = FULL",  # fsync at each commit: an acknowledgement is a promise
        "wal_autocheckpoint = 0",  # the writer does it when idle, never within a commit
        "journal_size_limit = 67108864",
        "foreign_keys = ON",
        "recursive_triggers = ON",
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "secure_delete = ON",  # a destroyed key is overwritten
        "temp_store = MEMORY",
        "cache_size = -16384",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def open_reading(path: Path) -> apsw.Connection:
    """Open the store's file for reads alone."""
    refuse_old_sqlite(apsw.sqlite_lib_version())
    connection = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=_CACHED_STATEMENTS
    )
    connection.set_busy_timeout(5000)
    for pragma in ("query_only = ON", "trusted_schema = OFF", "cache_size = -8192"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def as_store_error(error: apsw.Error) -> StoreError:
    """Put an error of SQLite in our words. Its text names tables and columns, never a value."""
    name = type(error).__name__
    match error:
        case apsw.FullError():
            effect, remedy = "the disk is full; nothing of this work was kept", "make room"
        case apsw.ReadOnlyError():
            effect, remedy = "a read tried to write; nothing was changed", "use Store.write"
        case apsw.ConstraintError():
            effect = "the row goes against a rule of the store; nothing of this work was kept"
            remedy = "report it: this is a fault of the program"
        case apsw.IOError():
            effect = "the disk failed; nothing of this work was kept"
            remedy = "look at the system's log and at the disk"
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            effect = "the file is damaged; the store refuses everything from now on"
            remedy = "stop the daemon and restore the last backup"
        case _:
            effect, remedy = "nothing of this work was kept", "see the cause in the log"
    kind = RefusedError if isinstance(error, apsw.ConstraintError) else StoreError
    return kind(
        where=f"SQLite, {name} {extended_code(error)}",
        effect=effect,
        remedy=remedy,
        what=str(error) or None,
    )


def storable(text: str) -> str:
    """Replace what UTF-8 cannot hold by "?": half a surrogate pair, as in the name of a file
    whose bytes are no UTF-8. The message itself is kept as it came; its labels may not lose it."""
    return text.encode("utf-8", "replace").decode()


def extended_code(error: apsw.Error) -> int:
    """SQLite's extended result code: which constraint, which call of the system."""
    code: int = getattr(error, "extendedresult", 0)  # missing from apsw's type stubs
    return code
