"""The next generation of the national directory: `directory.db`, beside the store.

Public data, in a file of its own: no patient is in it, and it may be deleted and imported anew at
any moment. A generation is one file. An import builds the next one under another name and puts it
in place by a rename, so that whoever reads sees the old one or the new one, whole; a crash leaves
the old one. A file in place is never written again, so readers need no lock.
"""

import fcntl
import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import apsw

from engine.model.directory import (
    BoxRow,
    Listed,
    NamingRow,
    Origin,
    PracticeRow,
    Source,
    TerritoryRow,
)
from engine.model.errors import StoreError
from engine.store.connection import as_store_error, refuse_old_sqlite, storable

FORMAT: Final = 2  # PRAGMA user_version; another one means: import again
_PAGE: Final = 8192
_BATCH: Final = 5000
_CACHE_KIB: Final = 65536

T = TypeVar("T")


def _columns(row: type[Any]) -> str:
    return ", ".join(f"{name} TEXT NOT NULL" for name in row._fields)


_SCHEMA: Final = f"""
CREATE TABLE mailbox (id INTEGER PRIMARY KEY, {_columns(BoxRow)}) STRICT;
CREATE TABLE practice (id INTEGER PRIMARY KEY, {_columns(PracticeRow)}) STRICT;
CREATE TABLE territory (id INTEGER PRIMARY KEY, {_columns(TerritoryRow)}) STRICT;
CREATE TABLE domain (name TEXT NOT NULL, operator TEXT NOT NULL) STRICT;
CREATE TABLE source (
  origin TEXT PRIMARY KEY, file TEXT NOT NULL, dated TEXT NOT NULL, imported TEXT NOT NULL,
  rows INTEGER NOT NULL, left_out INTEGER NOT NULL, sha256 TEXT NOT NULL, version TEXT NOT NULL
) STRICT;
CREATE TABLE person (
  id INTEGER PRIMARY KEY, holder TEXT NOT NULL, profession TEXT NOT NULL,
  family_doctor INTEGER NOT NULL, names TEXT NOT NULL
) STRICT;
CREATE TABLE phone (
  number INTEGER NOT NULL, person INTEGER NOT NULL, PRIMARY KEY (number, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE word (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, people INTEGER NOT NULL,
  numbers BLOB NOT NULL
) STRICT;
-- The key of a slip (31 bits) and a word (32 bits), in one number.
CREATE TABLE near (number INTEGER PRIMARY KEY) STRICT;
-- What a look-up would have to read all mailboxes for: personal addresses that are given to several
-- people, and all domains that mailboxes are in.
CREATE TABLE contested (address TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE seen (domain TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"""
_INDEXES: Final = """
CREATE INDEX mailbox_holder ON mailbox (holder);
CREATE INDEX mailbox_structure ON mailbox (structure) WHERE holder = '' AND structure <> '';
CREATE INDEX practice_holder ON practice (holder);
CREATE UNIQUE INDEX person_holder ON person (holder);
CREATE UNIQUE INDEX word_text ON word (kind, text);
INSERT INTO contested SELECT lower(address) FROM mailbox WHERE type = 'PER' GROUP BY 1
  HAVING count(DISTINCT holder) > 1;
INSERT INTO seen SELECT DISTINCT lower(substr(address, instr(address, '@') + 1)) FROM mailbox;
"""
TABLES: Final = {
    Origin.MAILBOXES: "mailbox",
    Origin.PRACTICES: "practice",
    Origin.TERRITORY: "territory",
    Origin.WHITE_LIST: "domain",
}


def directory_path(data: Path) -> Path:
    """Where the file is, in the data folder."""
    return data / "directory.db"


class NextGeneration:
    """A generation that is being built. Nobody sees it before `publish`.

    A context manager: left without `publish`, it takes its file away.
    """

    def __init__(self, path: Path, lock: int, connection: apsw.Connection) -> None:
        self._path = path
        self._lock = lock
        self._connection = connection
        self._published = False

    @classmethod
    def begin(cls, path: Path) -> Self:
        """Take the right to import, and start an empty file.

        Raises ``StoreError`` when another import runs, or the folder cannot be written.
        """
        refuse_old_sqlite(apsw.sqlite_lib_version())
        lock = _take_lock(path)
        try:
            building = _building(path)
            building.unlink(missing_ok=True)  # of an import that was killed
            os.close(os.open(building, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = apsw.Connection(str(building), flags=apsw.SQLITE_OPEN_READWRITE)
            for pragma in (
                f"page_size = {_PAGE}",
                "journal_mode = OFF",  # a crash leaves a file that nobody will read
                "synchronous = OFF",  # publish() flushes it once, before the rename
                "locking_mode = EXCLUSIVE",
                "trusted_schema = OFF",
                "temp_store = FILE",
                f"cache_size = -{_CACHE_KIB}",
                f"user_version = {FORMAT}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(_SCHEMA)
            connection.execute("BEGIN")
        except BaseException as error:
            os.close(lock)
            raise _told(error, path) from error
        return cls(path, lock, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._published:
            self._connection.close(True)
            _building(self._path).unlink(missing_ok=True)
        os.close(self._lock)

    def carry(self, origins: Iterable[Origin]) -> None:
        """Take over from the present generation the rows of files that are not imported now."""
        wanted = [one for one in origins if self._path.exists()]
        if not wanted:
            return
        if _format_of(self._path) != FORMAT:
            raise StoreError(
                what="The directory was made by another version of Relais.",
                where=str(self._path),
                effect="nothing was imported; the directory stays as it is",
                remedy="delete that file, then import all files again, in one command",
            )
        self._connection.execute("COMMIT")  # ATTACH is not allowed inside a transaction
        self._connection.execute("ATTACH ? AS old", (str(self._path),))
        self._connection.execute("BEGIN")
        for origin in wanted:
            table = TABLES[origin]
            self._connection.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")
            self._connection.execute(
                "INSERT INTO main.source SELECT * FROM old.source WHERE origin = ?",
                (origin.value,),
            )
        self._connection.execute("COMMIT")
        self._connection.execute("DETACH old")
        self._connection.execute("BEGIN")

    def add_boxes(self, rows: Iterable[BoxRow]) -> None:
        """Add rows of the extraction of mailboxes."""
        self._insert("mailbox", BoxRow._fields, rows)

    def add_practices(self, rows: Iterable[PracticeRow]) -> None:
        """Add rows of the professionals' file."""
        self._insert("practice", PracticeRow._fields, rows)

    def add_territory(self, rows: Iterable[TerritoryRow]) -> None:
        """Add rows of the site's own file."""
        self._insert("territory", TerritoryRow._fields, rows)

    def add_domains(self, rows: Iterable[tuple[str, str]]) -> None:
        """Add domains of the white list, each with an operator's distinguished name."""
        self._insert("domain", ("name", "operator"), rows)

    def add_source(self, source: Source) -> None:
        """Say which file the rows of an origin came from."""
        row = (
            source.origin.value, storable(source.file), source.dated.isoformat(),
            source.imported.isoformat(), source.rows, source.left_out, source.sha256,
            source.version,
        )  # fmt: skip
        self._connection.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def naming_rows(self) -> Iterator[NamingRow]:
        """What the index is made of, sorted by holder; the professionals' file first."""
        shared = "holder, family, given, profession, town, postal"
        skill = "skill, skill_label"
        rows = self._connection.cursor().execute(
            f"SELECT {shared}, phones, {skill}, mode, sector_label FROM ("
            f"  SELECT 0 AS turn, {shared}, phones, {skill}, mode, sector_label FROM practice"
            f"  UNION ALL SELECT 1, {shared}, '', {skill}, '', '' FROM mailbox WHERE holder <> ''"
            ") ORDER BY holder, turn"
        )
        for row in rows:
            yield NamingRow._make(row)

    def add_people(self, people: Iterable[Listed]) -> None:
        """Add the people that the index numbered."""
        rows = (
            (
                number,
                holder,
                profession,
                family_doctor,
                "\n".join("\t".join(name) for name in names),
            )
            for number, holder, profession, family_doctor, names in people
        )
        self._insert("person", Listed._fields, rows)

    def add_index(
        self,
        words: Iterable[tuple[int, str, str, int, bytes]],
        phones: Iterable[tuple[int, int]],
        near: "array[int]",
    ) -> None:
        """Add the index itself; ``near`` is ascending."""
        self._insert("phone", ("number", "person"), phones)
        self._insert("word", ("id", "kind", "text", "people", "numbers"), words)
        self._insert("near", ("number",), ((one,) for one in near))

    def publish(self) -> None:
        """Put it in place of the present generation, whole and on the disk.

        Raises ``StoreError`` when the disk refuses; the present one then stays.
        """
        building = _building(self._path)
        try:
            self._connection.execute(_INDEXES)
            self._connection.execute("COMMIT")
            self._connection.close(True)
            _flush(building)
            building.replace(self._path)
            self._published = True
            _flush(self._path.parent)
        except (apsw.Error, OSError) as error:
            raise _told(error, self._path) from error

    def _insert(self, table: str, columns: tuple[str, ...], rows: Iterable[Any]) -> None:
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        try:
            cursor = self._connection.cursor()
            for batch in _batches(rows):
                cursor.executemany(sql, batch)
        except apsw.Error as error:
            raise _told(error, self._path) from error


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    """A list at a time: what reads the rows may use the same connection."""
    source = iter(rows)
    while batch := list(islice(source, _BATCH)):
        yield batch


def _building(path: Path) -> Path:
    return path.with_name(path.name + ".next")


def _take_lock(path: Path) -> int:
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _told(error, path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(
            what="Another import of the directory runs.",
            where=str(path),
            effect="nothing was imported",
            remedy="wait until it has ended",
        ) from None
    return descriptor


def _format_of(path: Path) -> int:
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            found: int = connection.pragma("user_version")
            return found
        finally:
            connection.close(True)
    except apsw.Error:
        return -1


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(error: BaseException, path: Path) -> BaseException:
    if isinstance(error, apsw.Error):
        return as_store_error(error)
    if isinstance(error, OSError):
        return StoreError(
            what=f"It cannot be written: {(error.strerror or 'unknown reason').lower()}.",
            where=str(path.parent),
            effect="nothing was imported; the directory stays as it is",
            remedy="run as the account of the daemon (sudo -u relais), and look at the disk",
        )
    return error
