"""The national directory in tests: a small invented country, imported for real."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.directory.domains import TrustedDomains, trusted_domains
from engine.directory.index import IndexMaker
from engine.model.directory import (
    BoxRow,
    Listed,
    Origin,
    Person,
    PracticeRow,
    Source,
    TerritoryRow,
)
from engine.runtime.directory_import import Imported, Wish, import_all, open_all
from engine.store.directory import NextGeneration, directory_path
from engine.store.directory_reader import DirectoryReader
from tests.support.annuaire import BOX_HEADER, PRACTICE_HEADER, Country

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
TRUSTED: TrustedDomains = trusted_domains(["cabinets.mssante.example", "chu.mssante.example"])
_KEPT: list[TemporaryDirectory[str]] = []


@cache
def small_country() -> Country:
    """Some 1,200 doctors."""
    return Country(doctors=1200, others=600, organisations=300)


@cache
def small_data() -> Path:
    """A data folder whose directory holds the small country, both files."""
    folder = TemporaryDirectory(prefix="relais-directory-")
    _KEPT.append(folder)  # taken away when the process ends
    path = Path(folder.name)
    do_import(path, *small_country().write(path))
    return path


def do_import(data: Path, *files: Path, wish: Wish = Wish()) -> list[Imported]:  # noqa: B008
    """Import files, telling nobody of the progress."""
    return import_all(
        data,
        open_all(files),
        now=NOW,
        wish=wish,
        progress=lambda _: None,
        stage=lambda _: None,
    )


def reader_of(data: Path) -> DirectoryReader:
    """The directory of a data folder, which must be there."""
    reader = DirectoryReader.open(directory_path(data))
    assert reader is not None
    return reader


def write_boxes(path: Path, rows: Sequence[str]) -> Path:
    """An extraction of mailboxes with these rows."""
    path.write_text("\n".join([BOX_HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def write_practices(path: Path, rows: Sequence[str]) -> Path:
    """A professionals' file with these rows."""
    path.write_text("\n".join([PRACTICE_HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def box(**given: str) -> BoxRow:
    """A mailbox of an invented general practitioner."""
    row = dict.fromkeys(BoxRow._fields, "") | {
        "type": "PER", "address": "claire.martel@cabinets.mssante.example",
        "holder": "810999990012", "family": "MARTEL", "given": "CLAIRE", "profession": "10",
        "skill": "SM26", "skill_label": "Qualifié en Médecine Générale (SM)", "paperless": "O",
    }  # fmt: skip
    return BoxRow(**(row | given))


def practice(**given: str) -> PracticeRow:
    """An activity of the same, in private practice."""
    row = dict.fromkeys(PracticeRow._fields, "") | {
        "holder": "810999990012", "family": "MARTEL", "given": "CLAIRE", "profession": "10",
        "skill": "SM26", "skill_label": "Qualifié en Médecine Générale (SM)", "mode": "L",
        "structures": "R10000000001", "structure_name": "CABINET DU DR MARTEL",
        "postal": "59000", "town": "EXEMPLEVILLE", "phones": "320000001", "sector": "SA07",
        "sector_label": "Cabinet individuel",
    }  # fmt: skip
    return PracticeRow(**(row | given))


def person(
    *boxes: BoxRow,
    practices: Sequence[PracticeRow] = (),
    number: int = 1,
    family_doctor: bool = True,
) -> Person:
    """Somebody with these rows."""
    rows = (*practices, *boxes)
    names = dict.fromkeys((one.family, one.given) for one in rows)
    return Person(
        Listed(number, rows[0].holder, rows[0].profession, family_doctor, tuple(names)),
        boxes,
        tuple(practices),
    )


def generation(
    data: Path,
    boxes: Sequence[BoxRow],
    practices: Sequence[PracticeRow] = (),
    territory: Sequence[TerritoryRow] = (),
    domains: Sequence[str] = (),
    mark: str = "1",
) -> None:
    """Put a generation with these rows in place; ``mark`` stands for what its files held."""
    with NextGeneration.begin(directory_path(data)) as building:
        for origin, rows, add in (
            (Origin.MAILBOXES, boxes, lambda: building.add_boxes(boxes)),
            (Origin.PRACTICES, practices, lambda: building.add_practices(practices)),
            (Origin.TERRITORY, territory, lambda: building.add_territory(territory)),
            (
                Origin.WHITE_LIST,
                domains,
                lambda: building.add_domains((one, "") for one in domains),
            ),
        ):
            if rows:
                add()
                at = Source(origin, "f.txt", NOW, NOW, len(rows), 0, f"{mark}{origin.value}")
                building.add_source(at)
        maker = IndexMaker()
        building.add_people(maker.people(building.naming_rows()))
        building.add_index(maker.words(), sorted(maker.phones), maker.near())
        building.publish()
