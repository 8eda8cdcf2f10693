"""Words, codes and days of clinical segments, and the fact that they make."""

import unicodedata
from collections.abc import Iterable
from datetime import date, time
from typing import Final

from engine.mapping.reading import Notes, is_delete
from engine.model.clinical import ClinicalStated, Topic
from engine.model.fact import Half
from engine.model.summary import Code, Items
from engine.wire.hl7 import Repetition

MOST: Final = 500  # characters of summary.Line
_DAY: Final = len("YYYYMMDD")
_MINUTE: Final = len("YYYYMMDDHHMM")


def state(
    notes: Notes,
    topic: Topic,
    items: Items | None,
    *,
    validated: bool,
    key: str = "",
    half: Half = Half.DSS,
) -> None:
    """Add one fact."""
    notes.facts.append(
        ClinicalStated(
            topic=topic,
            key=key,
            visit=notes.message.value("PV1", 19) or None,
            half=half,
            validated=validated,
            reference=notes.message.value("MSH", 10),
            items=items,
        )
    )


def half_of_unit(notes: Notes) -> Half | None:
    """The half whose unit the message names; None: none of ours."""
    for path in notes.dialect.mapping.unit:
        for code in path.values(notes.message):
            care = notes.dialect.units.care_of(code)
            if care is not None:
                return care.half
    return None


def line(notes: Notes, place: str, text: str) -> str | None:
    """One line of words: white space folded, control and direction marks gone; None without any.

    Nothing is cut: half a posology is worse than none.
    """
    if is_delete(text):
        return None
    plain = "".join(
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    folded = " ".join(plain.split())
    if len(folded) > MOST:
        notes.missing(place, f"longer than {MOST} characters: it is left out")
        return None
    return folded or None


def code_of(notes: Notes, spellings: Iterable[Repetition]) -> Code | None:
    """The first code of a known system."""
    return next(iter(codes_of(notes, spellings)), None)


def codes_of(notes: Notes, spellings: Iterable[Repetition]) -> tuple[Code, ...]:
    """Codes of CE and CWE fields, alternates included, whose system the mapping knows."""
    systems = notes.dialect.clinical.systems
    found: dict[tuple[str, str], Code] = {}
    for one in spellings:
        for first in (1, 4):
            code, system = one.value(first).strip(), systems.get(one.value(first + 2).strip())
            if system and code and not is_delete(code) and len(code) <= MOST:
                display = line(notes, "a code's label", one.value(first + 1))
                found.setdefault((system, code), Code(code=code, system=system, display=display))
    return tuple(found.values())


def day(notes: Notes, place: str, text: str) -> date | None:
    """A day; None for a year or a month alone, which must not pass for the first of it."""
    if not text or is_delete(text):
        return None
    at = notes.time(text)
    if at is None:
        notes.missing(place, "is no date of the calendar")
        return None
    return at.date() if _precision(text) >= _DAY else None


def day_and_hour(notes: Notes, place: str, text: str) -> tuple[date | None, time | None]:
    """A day and, where the sender gives minutes, an hour; in the hospital's zone."""
    found = day(notes, place, text)
    at = notes.time(text) if found else None
    return found, at.time() if at is not None and _precision(text) >= _MINUTE else None


def _precision(text: str) -> int:
    """How many digits of the calendar and the clock a time gives, its offset left out."""
    return len(text.strip()) - len(text.strip().lstrip("0123456789"))
