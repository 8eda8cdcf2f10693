"""Makes the index of names: which people have which word, and which words are near a slip of one.

An inverted index: for each word of a family name, given name, town, postal code or speciality the
ascending numbers of the people who have it, packed; and for each word the numbers (`near_keys`)
under which a misspelling of it meets it. Rows come sorted by holder, so people are numbered in
that order and each list is ascending without a sort.
"""

from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Final

from engine.directory.folding import fold, name_words, near_keys, postal_of, town_of
from engine.directory.practice import family_practice
from engine.model.directory import GENERAL_PRACTICE, Listed, NamingRow, WordKind

_NEAR_KINDS: Final = (WordKind.FAMILY, WordKind.GIVEN, WordKind.TOWN)
_SHORTEST_SKILL: Final = 4  # letters: leaves "en", "et", "des" out
_SHELVES: Final = 64
_BY_HOLDER = itemgetter(0)

_Key = tuple[WordKind, str]


class IndexMaker:
    """Collects words while people pass through `people`; gives them afterwards."""

    def __init__(self) -> None:
        self._words: dict[_Key, array[int]] = {}
        self.phones: list[tuple[int, int]] = []  # number, person; taken away by who writes them

    def people(self, rows: Iterable[NamingRow]) -> Iterator[Listed]:
        """Number the people, and remember their words. ``rows`` are sorted by holder."""
        for number, (holder, own) in enumerate(groupby(rows, key=_BY_HOLDER), 1):
            names: dict[tuple[str, str], None] = {}
            words: set[_Key] = set()
            phones: set[str] = set()
            profession = ""
            general = False
            practices: set[bool] = set()
            for row in own:
                names[row.family, row.given] = None
                profession = profession or row.profession
                general = general or row.skill in GENERAL_PRACTICE
                if row.mode or row.sector_label:
                    practices.add(family_practice(row.mode, row.sector_label))
                words.update(_named(WordKind.FAMILY, row.family))
                words.update(_named(WordKind.GIVEN, row.given))
                words.update(_placed(row.town, row.postal))
                words.update(_skilled(row.skill, row.skill_label))
                if row.phones:
                    phones.update(row.phones.split())
            for word in words:
                self._words.setdefault(word, array("I")).append(number)
            self.phones += [(int(one), number) for one in phones]
            family_doctor = general and (True in practices or not practices)
            yield Listed(number, holder, profession, family_doctor, tuple(names))

    def words(self) -> Iterator[tuple[int, str, str, int, bytes]]:
        """Number, kind, text, how many people, their numbers packed (32 bits, little-endian)."""
        for number, ((kind, text), people) in enumerate(self._words.items(), 1):
            yield number, kind.value, text, len(people), packed(people)

    def near(self) -> "array[int]":
        """For each word and each of its keys one number, ascending: the key, then the word."""
        shelves = [array("Q") for _ in range(_SHELVES)]  # sorted one by one, for the memory
        for number, (kind, text) in enumerate(self._words, 1):
            if kind in _NEAR_KINDS:
                for key in near_keys(kind, text):
                    shelves[key * _SHELVES >> 31].append(key << 32 | number)
        found = array("Q")
        for shelf in shelves:
            found.extend(sorted(shelf))
        return found


@lru_cache(maxsize=1 << 15)
def _named(kind: WordKind, name: str) -> tuple[_Key, ...]:
    return tuple((kind, one) for one in name_words(name))


@lru_cache(maxsize=1 << 15)
def _placed(town_line: str, postal_line: str) -> tuple[_Key, ...]:
    town, postal = town_of(town_line), postal_of(postal_line) or postal_of(town_line)
    return tuple(one for one in ((WordKind.TOWN, town), (WordKind.POSTAL, postal)) if one[1])


@lru_cache(maxsize=1 << 12)
def _skilled(code: str, label: str) -> tuple[_Key, ...]:
    texts = (code, *skill_words(label)) if code else skill_words(label)
    return tuple((WordKind.SKILL, one) for one in texts)


def skill_words(label: str) -> tuple[str, ...]:
    """The words under which a speciality is found: of ``Médecine générale`` the two."""
    return tuple(word for word in fold(label).split() if len(word) >= _SHORTEST_SKILL)


def packed(people: "array[int]") -> bytes:
    """The numbers, 32 bits each, little-endian."""
    if people.itemsize != 4:  # "I" has 4 bytes on every platform that Python is built for today
        raise AssertionError("an unsigned int has no 4 bytes here")
    return people.tobytes()
