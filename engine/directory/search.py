"""Finds people in the directory by what is known of them, best first, typing errors allowed.

The index (store.directory_reader) gives, for a word, the words near it and the ascending numbers
of those who have it. The rarest of the asked words is the base; the others, and the place, order
it; the first of them are compared in full.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final, Protocol

from engine.directory.compare import Asked, Evidence, NameLikeness, evidence, name_likeness
from engine.directory.folding import (
    fold,
    joined,
    name_words,
    near_keys,
    phone_of,
    postal_of,
    sound_of,
    town_of,
)
from engine.directory.given_names import other_forms
from engine.directory.index import skill_words
from engine.model.directory import Listed, Person, Word, WordKind
from engine.model.people import rpps_ok

MOST_COMPARED: Final = 250  # people whose names are compared in full
MOST_OPENED: Final = 24  # people whose mailboxes and practices are read
_MOST_BASE: Final = 20_000  # people with the rarest word or one near it
_MOST_OTHERS: Final = 2  # further words that narrow
_MOST_TOWNS: Final = 5  # near a town that nobody is in
_SPARSE: Final = 12  # a list that much longer than what is looked for is searched, not read


class Index(Protocol):
    """What a search looks into."""

    def near(self, kind: WordKind, keys: Iterable[int]) -> list[Word]: ...
    def word(self, kind: WordKind, text: str) -> Word | None: ...
    def people_of(self, word: int) -> "array[int]": ...
    def people_with_phone(self, number: str) -> "array[int]": ...
    def listed(self, people: Sequence[int]) -> list[Listed]: ...
    def person(self, listed: Listed) -> Person: ...
    def people(self) -> int: ...
    def by_rpps(self, rpps: str) -> Person | None: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be meant, and what speaks for it."""

    person: Person
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gives.

    ``compared`` is everybody whose name was compared. ``whole`` is False when so many have such a
    name that not all were, ``whole_at_place`` when not all at the place asked for. ``family_known``
    and ``given_known`` say that somebody in the directory bears exactly that name. The
    crowds are the shares of everybody who are at the postal code, and in the town, asked for.
    """

    candidates: tuple[Candidate, ...]
    compared: tuple[tuple[Listed, NameLikeness], ...]
    whole: bool
    whole_at_place: bool
    family_known: bool
    given_known: bool
    postal_crowd: float = 1.0
    town_crowd: float = 1.0


def search(index: Index, asked: Asked, limit: int = 0) -> Found:
    """The people who may be meant, best first: `MOST_OPENED`, or ``limit`` if that is more."""
    if asked.rpps:
        person = index.by_rpps(asked.rpps) if rpps_ok(asked.rpps) else None
        if person is not None:
            name = name_likeness(asked, person.listed)
            one = Candidate(person, evidence(asked, person, name))
            return Found((one,), ((person.listed, name),), True, True, True, True)
        if not (asked.family or asked.words):
            return Found((), (), True, True, False, False)
    words = _NameWords(index, asked)
    places = _Places(index, asked)
    numbers, at_place, whole, whole_at_place = _chosen(index, words, places)
    compared = [(one, name_likeness(asked, one)) for one in index.listed(numbers)]
    compared.sort(key=lambda one: (-one[1].worth, one[0].holder))
    named = bool(asked.family or asked.words)
    fitting = [one for one in compared if one[1].compatible or not named]
    # Whoever fits and is at the place is opened before any namesake elsewhere.
    here = [one for one in fitting if one[0].id in at_place]
    away = [one for one in fitting if one[0].id not in at_place]
    candidates = []
    for listed, name in [*here, *away][: max(limit, MOST_OPENED)]:
        person = index.person(listed)
        told = evidence(asked, person, name, town_unknown=places.town_unknown)
        candidates.append(Candidate(person, told))
    candidates.sort(key=lambda one: (-one.evidence.worth, one.person.holder))
    return Found(
        tuple(candidates),
        tuple(compared),
        whole,
        whole_at_place and len(here) <= MOST_OPENED,
        words.family_known,
        words.given_known,
        places.postal_crowd,
        places.town_crowd,
    )


class _Places:
    """Who is at the asked place, or of the asked speciality. Lists stay packed: a large town has
    tens of thousands, and a few of them are asked about."""

    def __init__(self, index: Index, asked: Asked) -> None:
        phone, postal, town = phone_of(asked.phone), postal_of(asked.postal), town_of(asked.town)
        self._at: list[array[int]] = [index.people_with_phone(phone)] if phone else []
        at_postal = index.word(WordKind.POSTAL, postal) if postal else None
        in_town: list[Word] = []
        self.town_unknown = False
        if town:
            exact = index.word(WordKind.TOWN, town)
            near = [exact] if exact else index.near(WordKind.TOWN, near_keys(WordKind.TOWN, town))
            self.town_unknown = exact is None
            in_town = near[:_MOST_TOWNS]
        words = [*([at_postal] if at_postal else []), *in_town]
        self._at += [index.people_of(word.id) for word in words]
        everybody = max(index.people(), 1)
        self.postal_crowd = at_postal.people / everybody if at_postal else 1.0
        self.town_crowd = sum(one.people for one in in_town) / everybody if in_town else 1.0
        self._skills: list[array[int]] | None = None
        if asked.speciality:
            texts = dict.fromkeys((joined(asked.speciality), *skill_words(asked.speciality)))
            skills = [word for one in texts if (word := index.word(WordKind.SKILL, one))]
            self._skills = [index.people_of(word.id) for word in skills]

    def at(self, people: set[int]) -> set[int]:
        """Those of them who are at the place asked for."""
        found: set[int] = set()
        for numbers in self._at:
            found |= _among(people, numbers)
        return found

    def skilled(self, people: set[int]) -> set[int]:
        """Those of them who have the speciality asked for; without one, all."""
        if self._skills is None:
            return people
        for numbers in self._skills:
            people = _among(people, numbers)
        return people if self._skills else set()

    def everybody(self) -> set[int]:
        """All at the place, or all with the speciality when no place was asked for."""
        lists = self._at or (self._skills or [])[:1]
        return self.skilled({one for numbers in lists for one in numbers[:_MOST_BASE]})


class _NameWords:
    """For each asked word, those who have it or one near it, nearest first."""

    def __init__(self, index: Index, asked: Asked) -> None:
        family = name_words(asked.family) if not asked.words else ()
        given = name_words(asked.given) if not asked.words else ()
        self.family_known = bool(family) and index.word(WordKind.FAMILY, family[0]) is not None
        self.given_known = bool(given) and index.word(WordKind.GIVEN, given[0]) is not None
        self.groups: list[list[Word]] = []
        if asked.words:
            for text in dict.fromkeys(word for one in asked.words for word in name_words(one)):
                both = _near(index, WordKind.FAMILY, text) + _near(index, WordKind.GIVEN, text)
                self.groups.append(both)
            if len(asked.words) > 1:
                whole = joined(" ".join(asked.words))
                self.groups.append(_near(index, WordKind.FAMILY, whole))
        else:
            for name, kinds in (
                (family, (WordKind.FAMILY, WordKind.GIVEN)),
                (given, (WordKind.GIVEN, WordKind.FAMILY)),
            ):
                if name:
                    self.groups.append(
                        [
                            word
                            for kind in kinds
                            for text in name
                            for word in _near(index, kind, text)
                        ]
                    )
        self.groups = [group for group in self.groups if group]


def _near(index: Index, kind: WordKind, text: str) -> list[Word]:
    """The word, its short forms, then the words a slip away, then those that sound alike."""
    found = index.near(kind, near_keys(kind, text))
    if kind is WordKind.GIVEN:
        forms = (index.word(kind, one) for one in other_forms(text))
        found += [one for one in forms if one is not None]
    sound = sound_of(text)

    def order(word: Word) -> tuple[bool, bool, int]:
        return word.text != text, sound_of(word.text) != sound, abs(len(word.text) - len(text))

    return sorted({one.id: one for one in found}.values(), key=order)


def _chosen(
    index: Index, words: _NameWords, places: _Places
) -> tuple[list[int], set[int], bool, bool]:
    """Whom to compare in full, most promising first; who of them is at the place; whether all
    whose words are near were taken, and all of those at the place."""
    if not words.groups:
        people = places.everybody()
        return sorted(people)[:MOST_COMPARED], people, len(people) <= MOST_COMPARED, True
    base_words, *others = sorted(words.groups, key=lambda group: sum(one.people for one in group))
    nearest = set(index.people_of(base_words[0].id))
    base = set(nearest)
    for word in base_words[1:]:
        if len(base) + word.people <= _MOST_BASE:
            base.update(index.people_of(word.id))
    nearest, base = places.skilled(nearest), places.skilled(base)
    best, fit = nearest, base
    for group in others[:_MOST_OTHERS]:
        best = _among(best, index.people_of(group[0].id))
        fitting: set[int] = set()
        for word in group:
            fitting |= _among(fit, index.people_of(word.id))
        fit = fitting or fit
    at_place = places.at(base)
    order = [best & at_place, fit & at_place, best, fit, at_place]
    if not fit & at_place:
        # More than one slip in the rarest word: the place and another word may do.
        order += [places.at(set(index.people_of(group[0].id))) for group in others[:1]]
    order.append(nearest)
    taken: dict[int, None] = {}
    for people in order:
        room = MOST_COMPARED - len(taken)
        taken.update(dict.fromkeys(nsmallest(room, people - taken.keys())))
    return (
        list(taken),
        places.at(set(taken)),
        len(best | fit) <= MOST_COMPARED,
        len(fit & at_place) <= MOST_COMPARED,
    )


def _among(people: set[int], numbers: "array[int]") -> set[int]:
    """Those of `people` who stand in an ascending list."""
    if len(numbers) > _SPARSE * len(people):
        return {one for one in people if _holds(numbers, one)}
    return people.intersection(numbers)


def _holds(people: "array[int]", number: int) -> bool:
    at = bisect_left(people, number)
    return at < len(people) and people[at] == number


def words_of(text: str) -> tuple[str, ...]:
    """Free text, parted into names: a particle stays with what follows."""
    return tuple(fold(text).split())
