import re
from pathlib import Path

import apsw
import pytest

from engine.model.errors import StoreError
from engine.store.migrate import MIGRATIONS, load, migrate


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name.lstrip('_')}.sql").write_text(text)
    return folder


def test_migrations_run_in_order_and_once(tmp_path: Path) -> None:
    connection = apsw.Connection(":memory:")
    folder = files(tmp_path, _001_a="CREATE TABLE t (x); INSERT INTO t VALUES (1);")
    assert migrate(connection, load(folder)) == 1
    files(folder, _002_b="ALTER TABLE t ADD COLUMN y; INSERT INTO t VALUES (2, 3);")
    assert migrate(connection, load(folder)) == 1
    assert migrate(connection, load(folder)) == 0
    assert connection.execute("SELECT * FROM t").fetchall() == [(1, None), (2, 3)]


def test_a_migration_that_fails_leaves_the_schema_as_it_was(tmp_path: Path) -> None:
    connection = apsw.Connection(":memory:")
    folder = files(tmp_path, _001_a="CREATE TABLE t (x);", _002_b="CREATE TABLE u (x); nonsense;")
    with pytest.raises(apsw.SQLError):
        migrate(connection, load(folder))
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == []


def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, load(files(tmp_path, _001_a="", _002_b="")))
    with pytest.raises(StoreError, match="newer version"):
        migrate(connection, load(tmp_path)[:1])


def test_another_text_of_an_applied_migration_is_refused(tmp_path: Path) -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, load(files(tmp_path, _001_a="CREATE TABLE t (x);")))
    with pytest.raises(StoreError, match="001_a"):
        migrate(connection, load(files(tmp_path, _001_a="CREATE TABLE t (y);")))


def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        load(files(tmp_path, _001_a="", _003_c=""))


def test_the_migrations_that_ship_are_numbered_and_named() -> None:
    names = sorted(path.name for path in MIGRATIONS.iterdir())
    assert names
    assert [name for name in names if not re.fullmatch(r"\d{3}_[a-z_]+\.sql", name)] == []
    assert [m.number for m in load()] == list(range(1, len(names) + 1))
