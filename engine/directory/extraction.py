"""Reads the public files of the Annuaire Santé: lines of bytes in, rows and their faults out.

Spec: annuaire.sante.fr, Extraction_Correspondance_MSSante (31 columns) and
PS_LibreAcces_Personne_activite (56 named columns, each line with one more "|"): UTF-8, "|" between
cells, a header line, no quoting. Columns are found by name; their order and their number may grow.
A row that breaks a rule is left out and counted: what is in doubt reaches nobody.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from operator import itemgetter
from typing import Final, TypeVar

from engine.directory.domains import plain_address
from engine.directory.folding import fold, phone_of
from engine.model.directory import BoxRow, Origin, PracticeRow
from engine.model.people import MailboxType, rpps_ok

LONGEST_LINE: Final = 16 * 1024  # bytes; the longest real row has under 1,000
_LONGEST_CELL: Final = 500  # characters
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# IDNPS of staff without a national number: a FINESS or a SIRET, then a number of the employer's.
_INTERNAL: Final = frozenset({"3", "5"})
_TYPES: Final = frozenset(MailboxType.__members__)

Row = TypeVar("Row", BoxRow, PracticeRow)


class RowFault(StrEnum):
    """Why a row is left out."""

    NOT_UTF8 = "not UTF-8"
    TOO_LONG = "longer than any real row"
    CELLS = "another number of cells than the first line"
    CONTROL = "a control character in it"
    NUMBER = "no RPPS or ADELI number whose key holds"
    NAMELESS = "no name"
    ADDRESS = "not one plain mail address"
    TYPE = "not a mailbox type"
    DOUBLED = "the same row stands above"


class UnreadableFileError(Exception):
    """The file as a whole cannot be used; the text says why, and holds no value of it."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


@dataclass
class Tally:
    """What became of the rows of a file; `first` gives the line where each fault is seen first."""

    kept: int = 0
    passed_over: int = 0  # sound, and not wanted
    faults: Counter[RowFault] = field(default_factory=Counter)
    first: dict[RowFault, int] = field(default_factory=dict)

    def fault(self, fault: RowFault, line: int) -> None:
        """Count one."""
        self.faults[fault] += 1
        self.first.setdefault(fault, line)

    @property
    def left_out(self) -> int:
        """Rows with a fault, repeated ones included."""
        return self.faults.total()

    @property
    def damaged(self) -> int:
        """Rows with a fault that a sound file does not have: it repeats rows, and may come to have
        mailboxes of a new type."""
        return self.faults.total() - self.faults[RowFault.DOUBLED] - self.faults[RowFault.TYPE]


# The names of the columns, folded; a second name is one seen in other descriptions of the file.
_BOX_COLUMNS: Final = {
    "type": ("TYPE DE BAL",),
    "address": ("ADRESSE BAL",),
    "id_type": ("TYPE IDENTIFIANT PP",),
    "id": ("IDENTIFIANT PP",),
    "structure": ("IDENTIFICATION STRUCTURE",),
    "service": ("SERVICE DE RATTACHEMENT",),
    "civility": ("CIVILITE D EXERCICE",),
    "family": ("NOM D EXERCICE",),
    "given": ("PRENOM D EXERCICE",),
    "profession": ("CODE PROFESSION",),
    "profession_label": ("LIBELLE PROFESSION",),
    "skill": ("CODE SAVOIR FAIRE",),
    "skill_label": ("LIBELLE SAVOIR FAIRE",),
    "paperless": ("DEMATERIALISATION",),
    "structure_name": ("RAISON SOCIALE STRUCTURE BAL",),
    "structure_sign": ("ENSEIGNE COMMERCIALE STRUCTURE BAL",),
    "number": ("L4NUMEROVOIE STRUCTURE BAL",),
    "way": ("NL4TYPEVOIE STRUCTURE BAL", "L4TYPEVOIE STRUCTURE BAL"),
    "street": ("L4LIBELLEVOIE STRUCTURE BAL",),
    "town": ("L6LIGNEACHEMINEMENT STRUCTURE BAL",),
    "postal": ("CODE POSTAL STRUCTURE BAL",),
    "department": ("DEPARTEMENT STRUCTURE BAL",),
    "country": ("PAYS STRUCTURE BAL",),
}
_PRACTICE_COLUMNS: Final = {
    "id_type": ("TYPE D IDENTIFIANT PP",),
    "id": ("IDENTIFIANT PP",),
    "civility": ("LIBELLE CIVILITE D EXERCICE",),
    "family": ("NOM D EXERCICE",),
    "given": ("PRENOM D EXERCICE",),
    "profession": ("CODE PROFESSION",),
    "profession_label": ("LIBELLE PROFESSION",),
    "skill": ("CODE SAVOIR FAIRE",),
    "skill_label": ("LIBELLE SAVOIR FAIRE",),
    "mode": ("CODE MODE EXERCICE",),
    "siret": ("NUMERO SIRET SITE",),
    "finess": ("NUMERO FINESS SITE",),
    "finess_legal": ("NUMERO FINESS ETABLISSEMENT JURIDIQUE",),
    "technical": ("IDENTIFIANT TECHNIQUE DE LA STRUCTURE",),
    "structure_name": ("RAISON SOCIALE SITE",),
    "structure_sign": ("ENSEIGNE COMMERCIALE SITE",),
    "number": ("NUMERO VOIE",),
    "way": ("LIBELLE TYPE DE VOIE",),
    "street": ("LIBELLE VOIE",),
    "office": ("BUREAU CEDEX",),
    "postal": ("CODE POSTAL",),
    "commune": ("CODE COMMUNE",),
    "town": ("LIBELLE COMMUNE",),
    "department": ("CODE DEPARTEMENT",),
    "phone": ("TELEPHONE",),
    "phone_2": ("TELEPHONE 2",),
    "sector": ("CODE SECTEUR D ACTIVITE",),
    "sector_label": ("LIBELLE SECTEUR D ACTIVITE",),
}
_SUFFIXES: Final = (" COORD STRUCTURE", " STRUCTURE")


def origin_of(header: bytes) -> Origin | None:
    """Which of the two files begins with that line; None: neither."""
    names = set(_names(header))
    if "ADRESSE BAL" in names:
        return Origin.MAILBOXES
    return Origin.PRACTICES if {"CODE MODE EXERCICE", "NOM D EXERCICE"} <= names else None


def _names(header: bytes) -> list[str]:
    try:
        text = header.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableFileError(
            "its first line is not UTF-8", "download it again, and do not open it in a spreadsheet"
        ) from None
    return [fold(cell) for cell in text.rstrip("\r\n").split("|")]


def _places(header: bytes, wanted: Mapping[str, tuple[str, ...]]) -> tuple[int, list[int]]:
    names = _names(header)
    known: dict[str, int] = {}
    for place, name in enumerate(names):
        for suffix in _SUFFIXES:
            known.setdefault(name.removesuffix(suffix), place)
        known.setdefault(name, place)
    places: list[int] = []
    for spellings in wanted.values():
        found = [known[one] for one in spellings if one in known]
        if not found:
            raise UnreadableFileError(
                f"its first line lacks the column {spellings[0].capitalize()!r}",
                "give the file as annuaire.sante.fr publishes it; if its columns have changed, "
                "a newer Relais is needed",
            )
        places.append(found[0])
    return len(names), places


def read_boxes(lines: Iterable[bytes], tally: Tally) -> Iterator[BoxRow]:
    """Rows of the extraction of mailboxes. Raises UnreadableFileError before the first one."""
    yield from _read(lines, _BOX_COLUMNS, _box, tally)


def read_practices(
    lines: Iterable[bytes], tally: Tally, professions: Collection[str]
) -> Iterator[PracticeRow]:
    """Rows of the professionals' file, of these professions (TRE_G15) alone; none: of all."""
    wanted = frozenset(professions)

    profession = list(_PRACTICE_COLUMNS).index("profession")

    def practice(cells: Sequence[str]) -> PracticeRow | RowFault | None:
        return None if wanted and cells[profession] not in wanted else _practice(cells)

    yield from _read(lines, _PRACTICE_COLUMNS, practice, tally)


def _read(
    lines: Iterable[bytes],
    columns: Mapping[str, tuple[str, ...]],
    read: Callable[[Sequence[str]], Row | RowFault | None],
    tally: Tally,
) -> Iterator[Row]:
    rows = iter(lines)
    width, places = _places(next(rows, b""), columns)
    pick = itemgetter(*places)
    seen: set[int] = set()
    for number, line in enumerate(rows, 2):
        row = _row(line, width, pick, read)
        if row is None:
            tally.passed_over += bool(line.strip())
        elif isinstance(row, RowFault):
            tally.fault(row, number)
        else:
            digest = int.from_bytes(blake2b(repr(row).encode(), digest_size=7).digest())
            if digest in seen:
                tally.fault(RowFault.DOUBLED, number)
                continue
            seen.add(digest)
            tally.kept += 1
            yield row


def _row(
    line: bytes,
    width: int,
    pick: Callable[[Sequence[str]], tuple[str, ...]],
    read: Callable[[Sequence[str]], Row | RowFault | None],
) -> Row | RowFault | None:
    if len(line) > LONGEST_LINE:
        return RowFault.TOO_LONG
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return RowFault.NOT_UTF8
    text = text.rstrip("\r\n")
    if not text:
        return None
    cells = text.split("|")
    # The professionals' file closes each line with one more separator than its header has.
    if len(cells) != width and (len(cells) != width + 1 or cells[-1]):
        return RowFault.CELLS
    if not text.isprintable() and _CONTROL.search(text):
        return RowFault.CONTROL
    if max(map(len, cells)) > _LONGEST_CELL:
        return RowFault.TOO_LONG
    return read([cell.strip() for cell in pick(cells)])


def _box(cells: Sequence[str]) -> BoxRow | RowFault | None:
    (
        kind, address, id_type, number, structure, service, civility, family, given, profession,
        profession_label, skill, skill_label, paperless, structure_name, structure_sign, street_no,
        way, street, town, postal, department, country,
    ) = cells  # fmt: skip
    kind = kind.upper()
    if kind not in _TYPES:
        return RowFault.TYPE
    if not plain_address(address):
        return RowFault.ADDRESS
    holder: str | None = ""
    if kind == MailboxType.PER or number:
        if id_type in _INTERNAL:
            return None
        holder = _holder(id_type, number)
        if holder is None:
            return RowFault.NUMBER
        if kind == MailboxType.PER and not family:
            return RowFault.NAMELESS
    return BoxRow(
        kind, address, holder or "", structure, service, civility, family, given, profession,
        profession_label, skill, skill_label, paperless.upper(), structure_name, structure_sign,
        _street(street_no, way, street), postal, town, department, country,
    )  # fmt: skip


def _practice(cells: Sequence[str]) -> PracticeRow | RowFault:
    (
        id_type, number, civility, family, given, profession, profession_label, skill, skill_label,
        mode, siret, finess, finess_legal, technical, structure_name, structure_sign, street_no,
        way, street, office, postal, commune, town, department, phone, phone_2, sector,
        sector_label,
    ) = cells  # fmt: skip
    holder = _holder(id_type, number)
    if holder is None:
        return RowFault.NUMBER
    if not family:
        return RowFault.NAMELESS
    phones = dict.fromkeys(filter(None, (phone_of(phone), phone_of(phone_2))))
    return PracticeRow(
        holder, civility, family, given, profession, profession_label, skill, skill_label, mode,
        " ".join(filter(None, (finess, siret, finess_legal, technical))), structure_name,
        structure_sign, _street(street_no, way, street), postal, commune, town or office,
        department, " ".join(phones), sector, sector_label,
    )  # fmt: skip


def _street(number: str, way: str, name: str) -> str:
    return " ".join(filter(None, (number, way, name)))


def _holder(kind: str, number: str) -> str | None:
    """The IDNPS: a digit for the kind, then the number. None: no number to believe."""
    if kind in ("8", "RPPS") and rpps_ok(number):
        return "8" + number
    if kind in ("0", "ADELI") and len(number) == 9 and number.isalnum():
        return "0" + number
    return None
