"""Reads the present generation of the national directory."""

import json
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import apsw

from engine.model.directory import (
    BoxRow,
    Listed,
    Origin,
    Person,
    PracticeRow,
    Source,
    TerritoryRow,
    Word,
    WordKind,
)
from engine.model.errors import DamagedError, StoreError
from engine.store.connection import UNRECOVERABLE, as_store_error, executor, refuse_old_sqlite
from engine.store.directory import FORMAT

_BOX: Final = ", ".join(BoxRow._fields)
_PRACTICE: Final = ", ".join(PracticeRow._fields)
_IDS: Final = "(SELECT value FROM json_each(?))"
_MAPPED: Final = 2 * 1024**3  # bytes: pages are read in place, and shared by all readers
_NONE: Final = array("I")


class DirectoryReader:
    """The generation that was in place when it was opened; see `stale`. One thread at a time."""

    def __init__(self, path: Path, connection: apsw.Connection, inode: int) -> None:
        self._path = path
        self._connection = connection
        self._inode = inode
        self._execute = executor(connection)

    @classmethod
    def open(cls, path: Path, *, frugal: bool = False) -> Self | None:
        """None: nothing was imported yet. Raises ``StoreError`` for a file that is no directory
        of this version. ``frugal``: pages are read through a small cache, and count for no memory
        of the process; a search then takes longer."""
        refuse_old_sqlite(apsw.sqlite_lib_version())
        try:
            inode = path.stat().st_ino
        except FileNotFoundError:
            return None
        try:
            # A generation in place is never written again: no lock, no journal to look for.
            connection = apsw.Connection(
                f"file:{quote(str(path.absolute()))}?immutable=1",
                flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            )
            try:
                reading = "cache_size = -2048" if frugal else f"mmap_size = {_MAPPED}"
                for pragma in ("query_only = ON", "trusted_schema = OFF", reading):
                    connection.execute(f"PRAGMA {pragma}")
                made_by = connection.pragma("user_version")
            except BaseException:
                connection.close(True)
                raise
        except apsw.Error as error:
            raise as_store_error(error) from error
        if made_by != FORMAT:
            connection.close(True)
            raise StoreError(
                what="The directory was made by another version of Relais.",
                where=str(path),
                effect="nothing was read",
                remedy="delete that file, then import all files again: relais directory import",
            )
        return cls(path, connection, inode)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
        if isinstance(error, apsw.Error):
            raise as_store_error(error) from error

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Put an error of SQLite in our words: ``StoreError``; ``DamagedError`` where this file is
        at fault: the store is another one, and sound."""
        try:
            yield
        except UNRECOVERABLE as error:
            raise DamagedError(
                what="The directory's file is damaged.",
                where=str(self._path),
                effect="no doctor is found in it",
                remedy="delete that file, then import all files again: relais directory import",
            ) from error
        except apsw.Error as error:
            raise as_store_error(error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close(True)

    @property
    def stale(self) -> bool:
        """Another generation is in place by now."""
        try:
            return os.stat(self._path).st_ino != self._inode
        except OSError:
            return True

    def near(self, kind: WordKind, keys: Iterable[int]) -> list[Word]:
        """The words of a kind that have one of these keys (directory.folding.near_keys)."""
        found: set[int] = set()
        for key in keys:
            rows = self._execute(
                "SELECT number & 4294967295 FROM near WHERE number BETWEEN ? AND ?",
                (key << 32, key << 32 | 0xFFFFFFFF),
            ).fetchall()
            found.update(row[0] for row in rows)
        return self._words(
            f"SELECT id, kind, text, people FROM word WHERE id IN {_IDS} AND +kind = ?",
            (json.dumps(sorted(found)), kind.value),
        )

    def word(self, kind: WordKind, text: str) -> Word | None:
        """The word itself, if anybody has it."""
        found = self._words(
            "SELECT id, kind, text, people FROM word WHERE kind = ? AND text = ?",
            (kind.value, text),
        )
        return found[0] if found else None

    def _words(self, sql: str, bindings: Sequence[object]) -> list[Word]:
        return [
            Word(number, WordKind(kind), text, people)
            for number, kind, text, people in self._execute(sql, bindings).fetchall()
        ]

    def people_of(self, word: int) -> "array[int]":
        """Ascending numbers of those who have a word."""
        rows = self._execute("SELECT numbers FROM word WHERE id = ?", (word,)).fetchall()
        return array("I", rows[0][0]) if rows else _NONE

    def people_with_phone(self, number: str) -> "array[int]":
        """Ascending numbers of those who practise under a telephone number of nine digits."""
        rows = self._execute(
            "SELECT person FROM phone WHERE number = ? ORDER BY person", (int(number),)
        ).fetchall()
        return array("I", [row[0] for row in rows])

    def listed(self, people: Sequence[int]) -> list[Listed]:
        """Numbers and names, in no order."""
        rows = self._execute(
            f"SELECT id, holder, profession, family_doctor, names FROM person WHERE id IN {_IDS}",
            (json.dumps(list(people)),),
        ).fetchall()
        return [_listed(row) for row in rows]

    def person(self, listed: Listed) -> Person:
        """The same with all mailboxes and practices."""
        boxes = self._execute(
            f"SELECT {_BOX} FROM mailbox WHERE holder = ? ORDER BY id", (listed.holder,)
        ).fetchall()
        practices = self._execute(
            f"SELECT {_PRACTICE} FROM practice WHERE holder = ? ORDER BY id", (listed.holder,)
        ).fetchall()
        return Person(
            listed, tuple(map(BoxRow._make, boxes)), tuple(map(PracticeRow._make, practices))
        )

    def people(self) -> int:
        """How many people there are."""
        last = self._execute("SELECT max(id) FROM person").fetchall()[0][0]
        return last or 0

    def by_rpps(self, rpps: str) -> Person | None:
        """The professional of that number."""
        rows = self._execute(
            "SELECT id, holder, profession, family_doctor, names FROM person WHERE holder = ?",
            ("8" + rpps,),
        ).fetchall()
        return self.person(_listed(rows[0])) if rows else None

    def at_postal(self, beginning: str) -> list[Word]:
        """The postal codes that begin so: two digits are a department."""
        return self._words(
            "SELECT id, kind, text, people FROM word WHERE kind = ? AND text BETWEEN ? AND ?",
            (WordKind.POSTAL.value, beginning, beginning + "~"),
        )

    def contested(self) -> frozenset[str]:
        """Personal addresses, in lower case, that the extraction gives to several people."""
        rows = self._execute("SELECT address FROM contested").fetchall()
        return frozenset(row[0] for row in rows)

    def boxes_of(self, structures: Iterable[str]) -> list[BoxRow]:
        """Mailboxes of organisations with one of these identifiers."""
        rows = self._execute(
            f"SELECT {_BOX} FROM mailbox INDEXED BY mailbox_structure"
            f" WHERE holder = '' AND structure <> '' AND structure IN {_IDS} ORDER BY id",
            (json.dumps(sorted(set(structures))),),
        ).fetchall()
        return [BoxRow._make(row) for row in rows]

    def territory(self) -> list[TerritoryRow]:
        """The site's own file, in its order."""
        columns = ", ".join(TerritoryRow._fields)
        rows = self._execute(f"SELECT {columns} FROM territory ORDER BY id").fetchall()
        return [TerritoryRow._make(row) for row in rows]

    def listed_domains(self) -> frozenset[str]:
        """Names of the white list, as it writes them; empty when none was imported."""
        return frozenset(row[0] for row in self._execute("SELECT name FROM domain").fetchall())

    def seen_domains(self) -> frozenset[str]:
        """Domains of the mailboxes in the extraction, which publishes those of the trust space."""
        rows = self._execute("SELECT domain FROM seen").fetchall()
        return frozenset(row[0] for row in rows)

    def sources(self) -> dict[Origin, Source]:
        """Which files this generation was made of."""
        rows = self._execute(
            "SELECT origin, file, dated, imported, rows, left_out, sha256, version FROM source"
        ).fetchall()
        return {
            Origin(origin): Source(
                Origin(origin), file, datetime.fromisoformat(dated),
                datetime.fromisoformat(imported), *rest,
            )
            for origin, file, dated, imported, *rest in rows
        }  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Rows by table, people included."""
        tables = ("person", "mailbox", "practice", "territory", "domain")
        return {
            table: self._execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            for table in tables
        }


def shared_of(reader: DirectoryReader, person: Person) -> list[BoxRow]:
    """Mailboxes of organisations at the places where somebody practises."""
    structures = {one for row in person.practices for one in row.structures.split()}
    known = structures | {kind + one for one in structures for kind in "13"}
    return reader.boxes_of(known) if structures else []


def _listed(row: tuple[int, str, str, int, str]) -> Listed:
    number, holder, profession, family_doctor, names = row
    pairs = (line.split("\t") for line in names.split("\n"))
    return Listed(
        number, holder, profession, bool(family_doctor), tuple((one[0], one[1]) for one in pairs)
    )
