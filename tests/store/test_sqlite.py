import os
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from engine.model.errors import StoreError
from engine.store.connection import refuse_old_sqlite
from engine.store.sqlite import SqliteStore
from tests.support.stores import NOW, entry, opened


def test_the_files_are_closed_to_other_users(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with opened(tmp_path / "data") as store:
            store.write_sync(lambda tx: tx.meta.put("a", "b"))
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "data").iterdir()}
            folder = stat.S_IMODE((tmp_path / "data").stat().st_mode)
    finally:
        os.umask(old)
    assert folder == 0o700
    assert modes == dict.fromkeys(
        ("relais.db", "relais.db-wal", "relais.db-shm", "relais.db.lock", "master.key"), 0o600
    )


def test_the_disk_is_asked_to_keep_each_commit(tmp_path: Path) -> None:
    def settings(tx: object) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        run = tx.meta._run
        return [run(f"PRAGMA {name}").fetchall()[0][0] for name in names]

    with opened(tmp_path) as store:
        assert store.write_sync(settings) == ["wal", 2, 1, 1]


def test_every_table_of_ours_is_strict(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        loose = store.read_sync(
            lambda tx: tx.meta._run(
                "SELECT name FROM pragma_table_list "
                "WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite%'"
            ).fetchall()
        )
    assert loose == []


def test_a_second_writer_is_told_that_the_daemon_runs(tmp_path: Path) -> None:
    with opened(tmp_path):
        with pytest.raises(StoreError, match="the daemon runs"):
            SqliteStore.open(tmp_path / "relais.db")
        script = (
            "import sys; from pathlib import Path; from engine.store.sqlite import SqliteStore; "
            "SqliteStore.open(Path(sys.argv[1]))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "relais.db")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "go through the daemon" in done.stderr
    with opened(tmp_path):
        pass  # and once it stopped, the way is free


def test_two_writers_that_agree_to_share_keep_one_chain(tmp_path: Path) -> None:
    stores = [SqliteStore.open(tmp_path / "relais.db", exclusive=False) for _ in range(2)]
    for turn in range(6):
        stores[turn % 2].write_sync(lambda tx: tx.audit.append("x", now=NOW))
    lines = stores[0].read_sync(lambda tx: tx.audit.entries())
    assert [line.seq for line in lines] == [1, 2, 3, 4, 5, 6]
    for store in stores:
        store.close()


async def test_a_store_is_read_while_another_process_writes_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        await store.write(lambda tx: tx.journal.add(entry(), NOW))
        offline = SqliteStore.open_readonly(tmp_path / "relais.db")
        row = await offline.read(lambda tx: tx.journal.get(1))
        assert row is not None
        assert row.raw == entry().raw
        with pytest.raises(StoreError):
            await offline.write(lambda tx: None)
        assert offline.backlog == 0
        offline.close()


def test_a_closed_store_is_read_without_changing_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(lambda tx: tx.meta.put("a", "b"))
    before = (tmp_path / "relais.db").read_bytes()
    offline = SqliteStore.open_readonly(tmp_path / "relais.db")
    assert offline.read_sync(lambda tx: tx.meta.get("a")) == "b"
    offline.close()
    assert (tmp_path / "relais.db").read_bytes() == before


def test_reading_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        SqliteStore.open_readonly(tmp_path / "relais.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("open_", [SqliteStore.open, SqliteStore.open_readonly])
def test_a_file_that_is_no_store_is_refused_and_the_lock_let_go(
    tmp_path: Path, open_: object
) -> None:
    path = tmp_path / "relais.db"
    path.write_bytes(b"this is no database, whatever its name says " * 400)
    for _ in range(2):
        with pytest.raises(StoreError, match="not a database"):
            open_(path)


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "2.9.9", "3.6.20"])
def test_an_old_sqlite_is_refused(version: str) -> None:
    with pytest.raises(StoreError, match=version):
        refuse_old_sqlite(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "4.0.0", apsw.sqlite_lib_version()])
def test_a_sound_sqlite_is_taken(version: str) -> None:
    refuse_old_sqlite(version)


def test_closing_twice_does_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.close()
