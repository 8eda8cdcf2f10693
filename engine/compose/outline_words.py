"""Values of a summary as French words, each in a cell that knows its item; rows as blocks."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, time
from typing import Final, TypeVar

from engine.compose.blocks import Block, Cell, Pairs, Paragraphs, Table, Topic
from engine.compose.text import NBSP
from engine.model.summary import Change, Code, Contact, RightKind, Virus, is_blank

T = TypeVar("T")

SYSTEMS: Final = {
    "2.16.840.1.113883.6.3": "CIM-10",
    "2.16.840.1.113883.6.96": "SNOMED CT",
    "2.16.840.1.113883.6.1": "LOINC",
    "2.16.840.1.113883.6.73": "ATC",
    "1.2.250.1.213.2.3.1": "CIS",
    "1.2.250.1.213.2.3.2": "CIP",
    "1.2.250.1.213.2.61": "UCD",
    "1.2.250.1.213.2.59": "MV",
    "1.2.250.1.213.2.68": "EMDN",
    "1.2.250.1.213.2.12": "CCAM",
    "1.2.250.1.215.300.1": "CCAM",
}
CHANGES: Final = {
    Change.STARTED: "débuté",
    Change.CHANGED: "modifié",
    Change.CONTINUED: "poursuivi",
    Change.STOPPED: "arrêté",
}
VIRUSES: Final = {
    Virus.HBV: "Hépatite B (VHB)",
    Virus.HCV: "Hépatite C (VHC)",
    Virus.HIV: "VIH",
}
RIGHTS: Final = {
    RightKind.C2S: "Complémentaire santé solidaire (C2S)",
    RightKind.AME: "Aide médicale de l'État (AME)",
    RightKind.ALD: "Affection de longue durée (ALD)",
    RightKind.CNPE: "Rattachement au CNPE",
    RightKind.OTHER: "Autre droit",
}
EMPTY: Final = Cell("")


def day(value: date | None) -> str | None:
    """24/11/2026."""
    return None if value is None else f"{value:%d/%m}/{value.year:04}"


def hour(value: time | None) -> str | None:
    """10 h 30."""
    return None if value is None else f"{value.hour} h {value.minute:02}"


def yes_no(value: bool | None) -> str | None:
    """Oui, Non; None stays what it is: nothing was said."""
    return None if value is None else "Oui" if value else "Non"


def code_name(code: Code) -> str:
    """``CIM-10 E11.9``; a system without a short name is told by its OID."""
    return f"{SYSTEMS.get(code.system, code.system)} {code.code}"


def beside(code: Code, label: str) -> str:
    """A code that stands beside the words it codes: its own label only where it differs."""
    told = code.display
    if told is None or told.casefold() == label.casefold():
        return code_name(code)
    return f"{code_name(code)}, {told}"


def alone(code: Code | None) -> str | None:
    """A code that stands for itself: ``allergie médicamenteuse (SNOMED CT 416098002)``."""
    if code is None:
        return None
    return f"{code.display} ({code_name(code)})" if code.display else code_name(code)


def cell(text: str | None, path: str) -> Cell:
    """The cell of one item; the empty cell where there is none."""
    return EMPTY if text is None else Cell(text, path)


def joined(between: str, *cells: Cell) -> Cell:
    """One cell out of several, empty ones left out, with words between the others."""
    full = [one for one in cells if one.text]
    if len(full) < 2:
        return full[0] if full else EMPTY
    leaves: list[Cell] = []
    for one in full:
        leaves += [Cell(between)] if leaves else []
        leaves += one.leaves()
    return whole(*leaves)


def whole(*leaves: Cell) -> Cell:
    """One cell out of leaves that follow each other."""
    return Cell("".join(one.text for one in leaves), None, leaves)


def around(before: str, one: Cell, after: str = "") -> Cell:
    """Words before and after a cell, unless it is empty."""
    if not one.text:
        return EMPTY
    return whole(
        *([Cell(before)] if before else []), *one.leaves(), *([Cell(after)] if after else [])
    )


def with_codes(label: Cell, codes: Sequence[tuple[Code, str]]) -> Cell:
    """A label and, in brackets, its codes with their paths."""
    told = joined(" ; ", *(Cell(beside(code, label.text), path) for code, path in codes))
    return joined(" ", label, around("(", told, ")"))


def period(start: Cell, end: Cell) -> Cell:
    """``du … au …``, ``depuis le …``, ``jusqu'au …``."""
    if start.text and end.text:
        return joined(" ", around(f"du{NBSP}", start), around(f"au{NBSP}", end))
    return around(f"depuis le{NBSP}", start) if start.text else around(f"jusqu'au{NBSP}", end)


def contact(who: Contact | None, path: str) -> Cell:
    """A person or a place in one cell: name, role, address, telephone."""
    if who is None:
        return EMPTY
    return joined(
        ", ",
        cell(who.name, f"{path}.name"),
        cell(who.role, f"{path}.role"),
        cell(who.address, f"{path}.address"),
        around(f"tél.{NBSP}", cell(who.phone, f"{path}.phone")),
        around(f"depuis le{NBSP}", cell(day(who.since), f"{path}.since")),
    )


def text(topic: Topic, heading: str, body: str | None, path: str) -> Iterator[Block]:
    """Free text under a heading; one that shows nothing is none."""
    if body is not None and not is_blank(body):
        yield Paragraphs(topic, heading, Cell(body, path))


def pairs(topic: Topic, heading: str, *rows: tuple[str, Cell]) -> Iterator[Block]:
    """Labels and values, without the rows that say nothing."""
    told = tuple((label, one) for label, one in rows if one.text)
    if told:
        yield Pairs(topic, heading, told)


def rows_of(
    items: Sequence[T], path: str, row: Callable[[T, str], tuple[Cell, ...]]
) -> list[tuple[Cell, ...]]:
    """A row for each of a list; ``row`` is given the item and its path."""
    return [row(one, f"{path}.{i}") for i, one in enumerate(items)]


def coded(label: str, code: Code | None, at: str) -> Cell:
    """The label of an item at a path and, in brackets, the code it may have."""
    return with_codes(Cell(label, f"{at}.label"), [(code, f"{at}.code")] if code else [])


def table(
    topic: Topic, heading: str, head: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]
) -> Iterator[Block]:
    """A table without the columns that no row fills."""
    kept = [i for i in range(len(head)) if any(row[i].text for row in rows)]
    if kept:
        yield Table(
            topic,
            heading,
            tuple(head[i] for i in kept),
            tuple(tuple(row[i] for i in kept) for row in rows),
        )
