"""The index of a handful of people, in memory: what a search looks into, without a file."""

from array import array
from collections.abc import Iterable, Sequence

from engine.directory.folding import near_keys
from engine.directory.index import IndexMaker
from engine.model.directory import Listed, NamingRow, Person, Word, WordKind


class SmallIndex:
    """Made by the real IndexMaker, of people whose numbers it gives anew."""

    def __init__(self, people: Sequence[Person]) -> None:
        by_holder = {one.holder: one for one in sorted(people, key=lambda one: one.holder)}
        maker = IndexMaker()
        listed = list(maker.people(row for one in by_holder.values() for row in _rows(one)))
        self._people = {
            one.id: Person(one, by_holder[one.holder].boxes, by_holder[one.holder].practices)
            for one in listed
        }
        self._words: dict[int, Word] = {}
        self._numbers: dict[int, array[int]] = {}
        for number, kind, text, count, packed in maker.words():
            self._words[number] = Word(number, WordKind(kind), text, count)
            self._numbers[number] = array("I", packed)
        self._phones = maker.phones

    def near(self, kind: WordKind, keys: Iterable[int]) -> list[Word]:
        wanted = set(keys)
        return [
            word
            for word in self._words.values()
            if word.kind is kind and wanted & near_keys(kind, word.text)
        ]

    def word(self, kind: WordKind, text: str) -> Word | None:
        same = (one for one in self._words.values() if (one.kind, one.text) == (kind, text))
        return next(same, None)

    def people_of(self, word: int) -> "array[int]":
        return self._numbers[word]

    def people_with_phone(self, number: str) -> "array[int]":
        return array("I", sorted(who for phone, who in self._phones if phone == int(number)))

    def listed(self, people: Sequence[int]) -> list[Listed]:
        return [self._people[one].listed for one in people]

    def person(self, listed: Listed) -> Person:
        return self._people[listed.id]

    def people(self) -> int:
        return len(self._people)

    def by_rpps(self, rpps: str) -> Person | None:
        return next((one for one in self._people.values() if one.rpps == rpps), None)


def _rows(who: Person) -> Iterable[NamingRow]:
    for one in who.practices:
        yield NamingRow(
            one.holder, one.family, one.given, one.profession, one.town, one.postal, one.phones,
            one.skill, one.skill_label, one.mode, one.sector_label,
        )  # fmt: skip
    for other in who.boxes:
        yield NamingRow(
            other.holder, other.family, other.given, other.profession, other.town, other.postal,
            "", other.skill, other.skill_label, "", "",
        )  # fmt: skip
