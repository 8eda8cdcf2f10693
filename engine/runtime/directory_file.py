"""Reads the directory file: which mailbox reaches which doctor.

CSV in UTF-8, separated by ``;`` or ``,``, with a header line that names the columns
rpps, family, given, place, mailbox, type, channel and role in any order; place and role may be
left out. A row that is not beyond doubt is: a mail to the wrong doctor is the worst failure there
is. Reasons hold no value of a row.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from engine.model.people import Mailbox, MailboxType, Role, rpps_ok

COLUMNS: Final = ("rpps", "family", "given", "place", "mailbox", "type", "channel")
ROLE: Final = (
    "role"  # as what its reader is shown a letter; most files have médecins traitants only
)
_OPTIONAL: Final = frozenset({"place"})
# The lines of a postal address, separated by "|": for a channel that prints, beside or instead of
# a mailbox. Six lines with the name, 38 characters each (NF Z10-011).
POSTAL: Final = "postal"
# Stands for the mailbox of a doctor who has none. No mail can go there (RFC 2606, section 2).
NO_MAILBOX: Final = "paper.invalid"
# One address, no display name, no quoting: what annuaire.sante.fr publishes. An accented local
# part would need SMTPUTF8, which relays of the trust space do not offer.
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_ROLES: Final = tuple(role.value for role in Role)
_MOST = 256 * 1024 * 1024  # bytes

Directory = dict[str, tuple[Mailbox, ...]]


@dataclass(frozen=True, slots=True)
class RowMistake:
    """A row that is left out. ``line`` counts from 1, the header included."""

    line: int
    column: str
    what: str
    cure: str


class _Rows(Protocol):
    """What csv.reader gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


class DirectoryError(Exception):
    """The file as a whole cannot be used; the text says why, and holds no value of it."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


def is_address(text: str) -> bool:
    """Whether a text is one plain mail address."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def fits_envelope(postal: tuple[str, ...]) -> bool:
    """Whether the lines of an address, below a name, are as NF Z10-011 has them."""
    return len(postal) <= 5 and all(len(line) <= 38 for line in postal)


def read_directory(
    path: Path, channels: Collection[str]
) -> tuple[Directory, tuple[RowMistake, ...]]:
    """Give the mailboxes by RPPS, and the rows left out.

    Raises DirectoryError when there is no such file, it is not UTF-8 CSV, or a column lacks.
    """
    text = _text(path)
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") >= first.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return _rows(rows, frozenset(channels))
    except csv.Error:
        raise DirectoryError(
            f"line {rows.line_num} is not valid CSV",
            "close the quotes, and keep one separator in the whole file",
        ) from None


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST:
            raise DirectoryError("the file is too large", "give an extract of at most 256 MB")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DirectoryError(
            (error.strerror or "it cannot be read").lower(), "put the directory file there"
        ) from None
    except UnicodeDecodeError:
        raise DirectoryError("it is not UTF-8", "save it again as UTF-8") from None


def _rows(rows: "_Rows", channels: frozenset[str]) -> tuple[Directory, tuple[RowMistake, ...]]:
    header = [name.strip().lower() for name in next(rows, [])]
    lacking = [name for name in COLUMNS if name not in header and name not in _OPTIONAL]
    if lacking:
        raise DirectoryError(
            f"the first line lacks the column {', '.join(lacking)}",
            f"start the file with: {';'.join(COLUMNS)}",
        )
    known = (*COLUMNS, ROLE, POSTAL)
    places: dict[str, int] = {name: header.index(name) for name in known if name in header}
    kept: list[tuple[int, Mailbox]] = []
    mistakes: list[RowMistake] = []
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        read = _row(cells, len(header), places, channels, rows.line_num)
        if isinstance(read, RowMistake):
            mistakes.append(read)
        else:
            kept.append((rows.line_num, read))
    kept, doubled = _without_doubt(kept)
    directory: dict[str, list[Mailbox]] = {}
    for _, mailbox in kept:
        directory.setdefault(mailbox.rpps, []).append(mailbox)
    return (
        {rpps: tuple(boxes) for rpps, boxes in directory.items()},
        tuple(sorted([*mistakes, *doubled], key=lambda mistake: mistake.line)),
    )


def _row(
    cells: list[str], width: int, places: Mapping[str, int], channels: frozenset[str], line: int
) -> Mailbox | RowMistake:
    if len(cells) != width:
        return RowMistake(
            line,
            "",
            f"the row has {len(cells)} cells and the first line {width}",
            "quote a cell that holds the separator",
        )
    row = {name: cells[place].strip() for name, place in places.items()}
    if not rpps_ok(row["rpps"]):
        return RowMistake(
            line,
            "rpps",
            "not an RPPS number: 11 digits whose Luhn key holds",
            "copy it again from annuaire.sante.fr, as text",
        )
    if not row["family"]:
        return RowMistake(line, "family", "empty", "give the doctor's family name")
    postal = tuple(" ".join(one.split()) for one in row.get(POSTAL, "").split("|") if one.strip())
    if postal and not fits_envelope(postal):
        return RowMistake(
            line,
            POSTAL,
            "more than five lines, or a line of more than 38 characters",
            "write it as it stands on an envelope, lines separated by |",
        )
    if postal and not row["mailbox"]:
        row["mailbox"] = f"{row['rpps']}@{NO_MAILBOX}"
    if not is_address(row["mailbox"]):
        return RowMistake(
            line,
            "mailbox",
            "not one plain mail address",
            "give one address, such as a@b.mssante.fr",
        )
    if row["type"].upper() not in MailboxType.__members__:
        return RowMistake(
            line, "type", "not a mailbox type", f"one of {', '.join(MailboxType.__members__)}"
        )
    if row["channel"] not in channels:
        return RowMistake(
            line,
            "channel",
            "no [channels.*] of relais.toml has that name",
            f"one of {', '.join(sorted(channels)) or 'none is configured'}",
        )
    role = row.get(ROLE, "").lower() or Role.GP.value
    if role not in _ROLES:
        return RowMistake(line, ROLE, "not a role of a reader", f"one of {', '.join(_ROLES)}")
    return Mailbox(
        rpps=row["rpps"],
        family=row["family"],
        given=row["given"],
        place=row.get("place", ""),
        address=row["mailbox"],
        postal=postal,
        type=MailboxType(row["type"].upper()),
        channel=row["channel"],
        role=Role(role),
    )


def _without_doubt(
    rows: list[tuple[int, Mailbox]],
) -> tuple[list[tuple[int, Mailbox]], list[RowMistake]]:
    """Leave out repeated rows, and a personal mailbox that two doctors are said to own."""
    owners: dict[str, set[str]] = {}
    for _, box in rows:
        if box.type is MailboxType.PER:
            owners.setdefault(box.address.lower(), set()).add(box.rpps)
    seen: set[tuple[str, str]] = set()
    kept: list[tuple[int, Mailbox]] = []
    mistakes: list[RowMistake] = []
    for line, box in rows:
        key = (box.rpps, box.address.lower())
        if len(owners.get(box.address.lower(), ())) > 1:
            mistakes.append(
                RowMistake(
                    line,
                    "mailbox",
                    "a personal mailbox that the file gives to two doctors",
                    "keep the row of its owner alone, or correct the type",
                )
            )
        elif key in seen:
            mistakes.append(
                RowMistake(line, "mailbox", "the same doctor and mailbox stand above", "remove it")
            )
        else:
            seen.add(key)
            kept.append((line, box))
    return kept, mistakes
