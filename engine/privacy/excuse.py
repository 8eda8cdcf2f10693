"""Why a word that a rule looks for may stand all the same."""

import re
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Final

from engine.privacy.fold import Words, words
from engine.privacy.pattern import Pattern
from engine.privacy.report import Known
from engine.privacy.rules import Rule

_FURTHEST: Final = 12
_DATE_WITHIN: Final = 7
_DATE_HEADER: Final = re.compile(rb"^Date:[ \t]*([^\r\n]{10,60})", re.MULTILINE | re.IGNORECASE)
_MONTHS: Final = {
    name: str(number)
    for number, name in enumerate(
        [
            "janvier",
            "fevrier",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "aout",
            "septembre",
            "octobre",
            "novembre",
            "decembre",
        ],
        1,
    )
}
# Before one word of a name that the letter is known to hold.
_NAME_LABELS: Final = frozenset(
    [
        "nom",
        "noms",
        "prenom",
        "prenoms",
        "naissance",
        "usage",
        "usuel",
        "utilise",
        "famille",
        "identite",
        "patient",
        "patiente",
        "m",
        "mme",
        "mr",
        "mlle",
        "monsieur",
        "madame",
        "dr",
        "docteur",
        "pr",
        "professeur",
        "confrere",
        "consoeur",
        "family",
        "given",
        "name",
    ]
)


class Excuses:
    """What is known of one letter, made ready."""

    __slots__ = ("_addresses", "_day", "_people")

    def __init__(self, known: Known, day: date | None = None) -> None:
        """``day``: when the mail says that it was written."""
        self._day = day
        self._people = [frozenset(words(one)) for one in known.people]
        self._addresses = [row for one in known.addresses if len(row := words(one)) > 1]

    def excused(self, text: Words, at: int, span: tuple[int, int], rule: Rule) -> bool:
        """Whether what a rule found is no leak there: the word at ``at`` by which it was found,
        or another long word of the ``span`` that the pattern took, is excused."""
        first, last = span
        words = [at, *(i for i in range(first, last + 1) if i != at and len(text.row[i]) > 3)]
        return (
            any(_covers(one, text, i) for one in rule.excuses for i in words)
            or self._of_letter(text.row, at)
            or (rule.past and self._over(text, at, last))
        )

    def is_name(self, word: str) -> bool:
        """Whether a word is one of the names that the letter is known to hold."""
        return any(word in one for one in self._people)

    def _over(self, text: Words, at: int, last: int) -> bool:
        """Whether the first date behind a word, in its sentence, is not after the mail's own."""
        if self._day is None:
            return False
        row = text.row
        for i in range(at + 1, min(len(row), last + _DATE_WITHIN)):
            if text.ends.parted(at, i):
                return False
            day = _date(row[i : i + 3])
            if day is not None:
                return day <= self._day
            if row[i] in _MONTHS and i + 1 < len(row) and re.fullmatch(r"20[0-9]{2}", row[i + 1]):
                # A month alone is over when its year, or itself, is.
                return (int(row[i + 1]), int(_MONTHS[row[i]])) < (self._day.year, self._day.month)
        return False

    def _of_letter(self, row: list[str], at: int) -> bool:
        return any(_in_name(one, row, at) for one in self._people) or any(
            _in_row(one, row, at) for one in self._addresses
        )


def day_of(mime: bytes) -> date | None:
    """The day in a mail's Date header; None without one."""
    found = _DATE_HEADER.search(mime, 0, 65_536)
    try:
        return parsedate_to_datetime(found[1].decode("ascii")).date() if found else None
    except ValueError:
        return None


def _date(row: list[str]) -> date | None:
    """A date of three words, as French or ISO 8601 writes it."""
    if len(row) < 3:
        return None
    day, month, year = row
    number = _MONTHS.get(month, month)
    if len(day) == 4:
        day, year = year, day
    told = (day.removesuffix("er"), number, year)
    if not all(one.isdigit() for one in told) or len(year) not in (2, 4):
        return None
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(number), int(told[0]))
    except ValueError:
        return None


def _covers(excuse: Pattern, text: Words, at: int) -> bool:
    """Whether an excuse stands so that the word is inside it."""
    row, ends = text.row, text.ends
    for i in range(max(0, at - _FURTHEST), min(len(row), at + _FURTHEST + 1)):
        if excuse.anchor.takes(row[i]):
            span = excuse.span(row, ends, i)
            if span is not None and span[0] <= at <= span[1] and not ends.apart(*span):
                return True
    return False


def _in_name(names: frozenset[str], row: list[str], at: int) -> bool:
    """Two names of one person side by side, or one behind a word such as "Dr" or "nom"."""
    if row[at] not in names:
        return False
    if at + 1 < len(row) and row[at + 1] in names:
        return True
    return at > 0 and (row[at - 1] in names or row[at - 1] in _NAME_LABELS)


def _in_row(known: list[str], row: list[str], at: int) -> bool:
    word = row[at]
    return any(
        row[at - i : at - i + len(known)] == known
        for i, one in enumerate(known)
        if one == word and at >= i
    )
