"""Reads the site's own file: services of the territory that are nobody's médecin traitant.

CSV in UTF-8, separated by ``;`` or ``,``. A first line ``# version: …`` says which state of the
list it is; a header names the columns kind, name, area, postal, town, phone, mailbox, note in any
order, of which kind and name are needed. A row with a mistake is left out and told.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.directory.domains import plain_address
from engine.directory.extraction import UnreadableFileError
from engine.directory.folding import fold, phone_of, postal_of
from engine.model.directory import TerritoryRow

COLUMNS: Final = ("kind", "name", "area", "postal", "town", "phone", "mailbox", "note")
_NEEDED: Final = ("kind", "name")
# CPTS and DAC: who coordinates care in a territory. CSAPA: addictions. CMP: psychiatry. CLAT:
# tuberculosis. EMOT, EMPP: mobile psychiatric teams. MEDICAL-HOME: takes patients without a doctor.
KINDS: Final = (
    "CPTS", "DAC", "CSAPA", "CMP", "CLAT", "EMOT", "EMPP", "MEDICAL-HOME", "REGIONAL-UNION",
    "PHARMACY", "USMP", "DIRECT-LINE", "OTHER",
)  # fmt: skip
_VERSION: Final = "# version:"
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class TerritoryMistake:
    """A row that is left out. ``line`` counts from 1."""

    line: int
    column: str
    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Territory:
    """What the file says."""

    version: str
    rows: tuple[TerritoryRow, ...]
    mistakes: tuple[TerritoryMistake, ...]


def is_territory(first_line: str) -> bool:
    """Whether a file begins as this one does."""
    return first_line.lstrip("\ufeff").lower().startswith(_VERSION)


def read_territory(text: str) -> Territory:
    """Give the services, and the rows left out. Raises UnreadableFileError."""
    head, _, body = text.lstrip("\ufeff").partition("\n")
    version = head[len(_VERSION) :].strip().strip(";,").strip()
    if not is_territory(head) or not version:
        raise UnreadableFileError(
            "it does not say which version of the list it is",
            "begin the file with a line such as: # version: 2026-11",
        )
    header_line = body.partition("\n")[0]
    delimiter = ";" if header_line.count(";") >= header_line.count(",") else ","
    rows = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        lacking = [name for name in _NEEDED if name not in header]
        if lacking or len(set(header)) != len(header):
            raise UnreadableFileError(
                "its second line does not name the columns", f"such as: {';'.join(COLUMNS)}"
            )
        read = list(_rows(rows, header))
    except csv.Error:
        raise UnreadableFileError(
            f"line {rows.line_num + 1} is not valid CSV",
            "close the quotes, and keep one separator in the whole file",
        ) from None
    kept = tuple(dict.fromkeys(one for one in read if isinstance(one, TerritoryRow)))
    return Territory(version, kept, tuple(one for one in read if isinstance(one, TerritoryMistake)))


def _rows(
    rows: Iterator[list[str]], header: list[str]
) -> Iterator[TerritoryRow | TerritoryMistake]:
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        line = getattr(rows, "line_num", 0) + 1  # the version's line
        if len(cells) != len(header):
            yield TerritoryMistake(
                line, "", "another number of cells than the header", "quote a cell that holds the "
                "separator",
            )  # fmt: skip
            continue
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        yield _row(line, row)


def _row(line: int, row: dict[str, str]) -> TerritoryRow | TerritoryMistake:
    kind = fold(row["kind"]).replace(" ", "-")
    if kind not in KINDS:
        return TerritoryMistake(line, "kind", "not a kind of service", f"one of {', '.join(KINDS)}")
    if not row["name"]:
        return TerritoryMistake(line, "name", "empty", "give the service's name")
    if any(len(cell) > _LONGEST or not cell.isprintable() for cell in row.values()):
        return TerritoryMistake(line, "", "a cell is too long or not plain text", "shorten it")
    phone, mailbox, postal = row.get("phone", ""), row.get("mailbox", ""), row.get("postal", "")
    if phone and not phone_of(phone):
        return TerritoryMistake(line, "phone", "not a French number", "give ten digits")
    if mailbox and not plain_address(mailbox):
        return TerritoryMistake(line, "mailbox", "not one plain mail address", "give one address")
    if postal and postal_of(postal) != postal:
        return TerritoryMistake(line, "postal", "not a postal code", "give five digits, as text")
    return TerritoryRow(
        kind, row["name"], row.get("area", ""), postal, row.get("town", ""), phone, mailbox,
        row.get("note", ""),
    )  # fmt: skip
