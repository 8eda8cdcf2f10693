"""Imports files of the national directory: reads them, makes the index, puts it in place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from engine.directory.extraction import Tally, UnreadableFileError, read_boxes, read_practices
from engine.directory.index import IndexMaker
from engine.directory.territory import TerritoryMistake, read_territory
from engine.directory.white_list import read_white_list
from engine.model.directory import PHYSICIAN, Origin, Source
from engine.model.errors import OperationError
from engine.runtime.directory_source import Opened, Progress, look_into
from engine.store.directory import NextGeneration, directory_path
from engine.store.directory_reader import DirectoryReader

# A true fall of 10 % in 11 weeks has been seen; a broken extraction falls in a day.
_MOST_FALL: Final = 0.15
_FALL_FROM: Final = 100  # rows: below, a share says nothing
_MOST_DAMAGED: Final = 0.01


@dataclass(frozen=True)
class Wish:
    """What the operator asks of an import."""

    professions: frozenset[str] = frozenset({PHYSICIAN})  # of the professionals' file; empty: all
    accept_fall: bool = False
    authorities: tuple[x509.Certificate, ...] = ()  # that issued the signer of the white list


@dataclass
class Imported:
    """What became of one file."""

    source: Source
    tally: Tally = field(default_factory=Tally)
    mistakes: tuple[TerritoryMistake, ...] = ()


def authorities_in(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file. Raises OperationError."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError):
        raise OperationError(
            what="The authorities' certificates cannot be read.",
            where=str(path),
            effect="nothing was imported; the directory stays as it is",
            remedy="give a PEM file with the chain of IGC-Santé",
        ) from None


def sizes(opened: Sequence[Opened]) -> int:
    """Bytes that an import of them reads, for a progress bar."""
    return sum(one.size for one in opened)


def open_all(files: Sequence[Path]) -> list[Opened]:
    """Find out which files they are. Raises OperationError: one is none, or two are the same."""
    opened: list[Opened] = []
    for path in files:
        try:
            one = look_into(path)
        except UnreadableFileError as error:
            raise _refused(path.name, error) from None
        if any(other.origin is one.origin for other in opened):
            raise _refused(
                path.name,
                UnreadableFileError("another file given here is of the same kind", "give one"),
            )
        opened.append(one)
    return opened


def import_all(
    data: Path,
    opened: Sequence[Opened],
    *,
    now: datetime,
    wish: Wish,
    progress: Progress,
    stage: Callable[[str], None],
) -> list[Imported]:
    """Build a generation in the data folder, of these files and of what the present one has of the
    others.

    Raises OperationError or StoreError; the present generation is then untouched.
    """
    target = directory_path(data)
    before = _present(target)
    given = {one.origin for one in opened}
    with NextGeneration.begin(target) as building:
        building.carry([origin for origin in before if origin not in given])
        done = []
        for one in opened:
            stage(f"reading {one.name}")
            try:
                imported = _read(building, one, now, wish, progress)
                _sound(imported, before.get(one.origin), wish)
            except UnreadableFileError as error:
                raise _refused(one.name, error) from None
            building.add_source(imported.source)
            done.append(imported)
        stage("making the index")
        _index(building)
        stage("putting it in place")
        building.publish()
    return done


def _present(target: Path) -> dict[Origin, Source]:
    reader = DirectoryReader.open(target)
    if reader is None:
        return {}
    with reader:
        return reader.sources()


def _read(
    building: NextGeneration, one: Opened, now: datetime, wish: Wish, progress: Progress
) -> Imported:
    tally = Tally()
    version = ""
    mistakes: tuple[TerritoryMistake, ...] = ()
    dated = one.dated
    match one.origin:
        case Origin.MAILBOXES:
            building.add_boxes(read_boxes(one.lines(progress), tally))
        case Origin.PRACTICES:
            rows = read_practices(one.lines(progress), tally, wish.professions)
            building.add_practices(rows)
        case Origin.TERRITORY:
            territory = read_territory(one.text(progress))
            version, mistakes = territory.version, territory.mistakes
            tally.kept = len(territory.rows)
            building.add_territory(territory.rows)
        case Origin.WHITE_LIST:
            white_list = read_white_list(one.content(progress), wish.authorities)
            tally.kept = len(white_list.domains)
            dated = white_list.generated
            building.add_domains(white_list.domains)
    source = Source(
        one.origin, one.name, min(dated, now), now, tally.kept,
        tally.left_out + len(mistakes), one.sha256, version,
    )  # fmt: skip
    return Imported(source, tally, mistakes)


def _sound(imported: Imported, before: Source | None, wish: Wish) -> None:
    """Refuse a file that cannot be the whole one."""
    source, tally = imported.source, imported.tally
    if source.rows == 0:
        raise UnreadableFileError("no row of it can be used", "check which file it is")
    if tally.damaged > _MOST_DAMAGED * (tally.kept + tally.damaged):
        worst, count = tally.faults.most_common(1)[0]
        raise UnreadableFileError(
            f"{tally.damaged} of {tally.kept + tally.damaged} rows are damaged; "
            f"{count} of them: {worst.value} (the first at line {tally.first[worst]})",
            "download it again, and do not open it in a spreadsheet",
        )
    if source.origin is Origin.TERRITORY or before is None or wish.accept_fall:
        return
    if before.rows >= _FALL_FROM and source.rows < before.rows * (1 - _MOST_FALL):
        raise UnreadableFileError(
            f"it has {source.rows} rows and the one before it {before.rows}",
            "download it again; if it is right, import it with --accept-fall",
        )


def _index(building: NextGeneration) -> None:
    maker = IndexMaker()
    building.add_people(maker.people(building.naming_rows()))
    phones, maker.phones = sorted(maker.phones), []
    building.add_index(maker.words(), phones, maker.near())


def _refused(name: str, error: UnreadableFileError) -> OperationError:
    return OperationError(
        what=f"The file cannot be imported: {error.what}.",
        where=name,
        effect="nothing was imported; the directory stays as it is",
        remedy=error.cure,
    )
