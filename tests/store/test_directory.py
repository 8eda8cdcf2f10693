"""A generation of the directory is seen whole, or not at all."""

import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from engine.directory.index import IndexMaker
from engine.model.directory import BoxRow, Origin, Source, TerritoryRow, WordKind
from engine.model.errors import StoreError
from engine.store.directory import NextGeneration, directory_path
from engine.store.directory_reader import DirectoryReader
from tests.support.directories import box, practice, reader_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def source(origin: Origin, rows: int = 1) -> Source:
    return Source(origin, "f.txt", NOW, NOW, rows, 0, "00")


def build(path: Path, *boxes: BoxRow, publish: bool = True) -> None:
    with NextGeneration.begin(path) as building:
        building.add_boxes(boxes)
        building.add_practices([practice()])
        building.add_source(source(Origin.MAILBOXES, len(boxes)))
        maker = IndexMaker()
        building.add_people(maker.people(building.naming_rows()))
        building.add_index(maker.words(), sorted(maker.phones), maker.near())
        if publish:
            building.publish()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return directory_path(tmp_path / "data")


def test_what_was_built_is_read_back(path: Path) -> None:
    build(path, box(), box(type="ORG", holder="", structure="S1", address="o@x.example"))
    with reader_of(path.parent) as reader:
        who = reader.by_rpps("10999990012")
        assert who is not None
        assert (who.boxes, who.practices) == ((box(),), (practice(),))
        assert who.family_doctor
        assert reader.boxes_of(["S1"])[0].address == "o@x.example"
        assert list(reader.people_with_phone("320000001")) == [1]
        word = reader.word(WordKind.FAMILY, "MARTEL")
        assert word is not None
        assert (word.people, list(reader.people_of(word.id))) == (1, [1])
        assert reader.people() == 1
        assert reader.sources()[Origin.MAILBOXES].dated == NOW
        assert reader.seen_domains() == {"cabinets.mssante.example", "x.example"}


def test_there_is_nothing_before_the_first_import(path: Path) -> None:
    assert DirectoryReader.open(path) is None


def test_the_file_is_closed_to_other_users(path: Path) -> None:
    build(path, box())
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_generation_that_is_not_published_is_never_seen_and_leaves_nothing(path: Path) -> None:
    build(path, box())
    build(path, box(given="AUTRE"), publish=False)
    with reader_of(path.parent) as reader:
        assert reader.by_rpps("10999990012").given == "CLAIRE"  # type: ignore[union-attr]
    assert {one.name for one in path.parent.iterdir()} == {path.name, path.name + ".lock"}


def test_who_reads_goes_on_reading_the_old_one_and_is_told(path: Path) -> None:
    build(path, box())
    with reader_of(path.parent) as reader:
        build(path, box(family="DUBOIS"))
        assert reader.by_rpps("10999990012").boxes[0].family == "MARTEL"  # type: ignore[union-attr]
        assert reader.stale
    with reader_of(path.parent) as reader:
        assert reader.by_rpps("10999990012").boxes[0].family == "DUBOIS"  # type: ignore[union-attr]
        assert not reader.stale


def test_files_that_are_not_imported_again_are_carried_over(path: Path) -> None:
    build(path, box())
    with NextGeneration.begin(path) as building:
        building.carry([Origin.MAILBOXES])
        building.add_territory([TerritoryRow("CMP", "x", "", "", "", "", "", "")])
        building.add_domains([("a.example", "CN=x")])
        building.publish()
    with reader_of(path.parent) as reader:
        assert reader.counts()["mailbox"] == 1
        assert reader.counts()["practice"] == 0  # not asked for
        assert set(reader.sources()) == {Origin.MAILBOXES}
        assert reader.territory()[0].name == "x"
        assert reader.listed_domains() == {"a.example"}


def test_two_imports_at_once_are_refused(path: Path) -> None:
    with NextGeneration.begin(path), pytest.raises(StoreError, match="Another import"):
        NextGeneration.begin(path)
    build(path, box())


def test_a_file_of_another_version_is_told_and_not_read(path: Path) -> None:
    build(path, box())
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="another version"):
        DirectoryReader.open(path)
    with NextGeneration.begin(path) as building, pytest.raises(StoreError, match="another version"):
        building.carry([Origin.MAILBOXES])


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0" * 64])
def test_a_damaged_file_is_told_and_replaced(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError):
        DirectoryReader.open(path)
    build(path, box())
    reader_of(path.parent).close()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(StoreError, match="cannot be written"):
        NextGeneration.begin(directory_path(blocked))


def test_killed_at_any_moment_the_old_generation_stays(path: Path) -> None:
    build(path, box())
    before = path.read_bytes()
    script = textwrap.dedent(
        """
        import itertools, sys
        from pathlib import Path
        from engine.store.directory import NextGeneration
        from tests.support.directories import box
        with NextGeneration.begin(Path(sys.argv[1])) as building:
            def rows():
                for n in itertools.count():
                    if n == 20_000:
                        print("half way", flush=True)
                    yield box(address=f"a{n}@x.example")
            building.add_boxes(rows())
        """
    )
    root = Path(__file__).parents[2]
    running = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"half way\n"
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert path.read_bytes() == before
    left = path.with_name(path.name + ".next")
    assert left.exists()
    build(path, box(family="DUBOIS"))
    assert not left.exists()
