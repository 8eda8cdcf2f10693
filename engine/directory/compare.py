"""How like two names are, and what else speaks for a professional being the one meant."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from engine.directory.folding import (
    distance,
    fold,
    joined,
    name_words,
    parts_of,
    phone_of,
    postal_of,
    sound_of,
    town_of,
)
from engine.directory.given_names import other_forms
from engine.directory.practice import family_practice
from engine.model.directory import BoxRow, Listed, Person, PracticeRow

_LONG_NAME: Final = 9  # letters, from which two slips still leave one name in mind
_LONG_TOWN: Final = 6  # letters, from which a slip leaves one town in mind
_SHORT_NAME: Final = 4  # letters, below which one slip makes another name


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is looked for, as a message or a person says it; an empty text is not said.

    ``words`` are names in any order, of which it is not known which is the family name.
    """

    rpps: str = ""
    family: str = ""
    given: str = ""
    words: tuple[str, ...] = ()
    postal: str = ""
    town: str = ""
    phone: str = ""
    speciality: str = ""


class Likeness(StrEnum):
    """Of a name asked for and a name listed, best first."""

    SAME = "equal"
    FORM = "a usual short form"
    PART = "one part of a double name"
    MORE = "a double name, of which one part is listed"
    SLIP = "one slip apart"
    SOUND = "sounds alike"
    INITIAL = "initial alone"
    UNSAID = "not said"
    OTHER = "another name"


_WORTH_FAMILY: Final = {
    Likeness.SAME: 50, Likeness.PART: 34, Likeness.MORE: 33, Likeness.SLIP: 32, Likeness.SOUND: 28,
}  # fmt: skip
_WORTH_GIVEN: Final = {
    Likeness.SAME: 30, Likeness.FORM: 24, Likeness.PART: 20, Likeness.MORE: 19, Likeness.SLIP: 19,
    Likeness.SOUND: 16, Likeness.INITIAL: 10, Likeness.UNSAID: 0, Likeness.OTHER: -25,
}  # fmt: skip
_RANK: Final = {likeness: n for n, likeness in enumerate(Likeness)}


@dataclass(frozen=True, slots=True)
class NameLikeness:
    """Both names of one person compared; ``swapped``: family and given name change places."""

    family: Likeness
    given: Likeness
    swapped: bool = False

    @property
    def worth(self) -> int:
        """For ranking alone."""
        return (
            _WORTH_FAMILY.get(self.family, -40)
            + _WORTH_GIVEN[self.given]
            - (6 if self.swapped else 0)
        )

    @property
    def same(self) -> bool:
        """Both are equal, in their places."""
        return self.family is self.given is Likeness.SAME and not self.swapped

    @property
    def compatible(self) -> bool:
        """One person may well have both."""
        return self.family is not Likeness.OTHER and self.given is not Likeness.OTHER

    @property
    def rank(self) -> tuple[bool, int]:
        """Lower is nearer."""
        return (self.swapped, _RANK[self.family] + _RANK[self.given])


@lru_cache(maxsize=1 << 14)
def family_likeness(asked: str, listed: str) -> Likeness:
    """Of two family names, in any spelling."""
    a, b = joined(asked), joined(listed)
    if not a or not b:
        return Likeness.UNSAID if not a else Likeness.OTHER
    if a == b:
        return Likeness.SAME
    parts_a, parts_b = parts_of(asked), parts_of(listed)
    if set(parts_a) == set(parts_b):  # DUPONT-MARTIN and MARTIN-DUPONT
        return Likeness.PART
    shared = {one for one in parts_b if len(one) >= _SHORT_NAME} & set(parts_a)
    if (len(parts_a) > 1 or len(parts_b) > 1) and shared:
        return Likeness.PART if set(parts_a) <= set(parts_b) else Likeness.MORE
    # DE LA TOUR and LATOUR: the particles alone differ.
    if name_words(asked)[-1] == name_words(listed)[-1] and len(parts_a) == len(parts_b) == 1:
        return Likeness.PART
    return _near(a, b)


def _near(a: str, b: str) -> Likeness:
    shorter = min(len(a), len(b))
    if shorter >= _SHORT_NAME:
        allowed = 2 if shorter >= _LONG_NAME else 1
        if distance(a, b, allowed) <= allowed:
            return Likeness.SLIP
    if shorter >= _SHORT_NAME and sound_of(a) == sound_of(b):
        return Likeness.SOUND
    return Likeness.OTHER


@lru_cache(maxsize=1 << 14)
def given_likeness(asked: str, listed: str) -> Likeness:
    """Of two given names: ``J.-P.``, ``Jean Pierre``, ``JEAN-PIERRE``, ``Fred``."""
    a, b = fold(asked).split(), fold(listed).split()
    if not a:
        return Likeness.UNSAID
    if not b:
        return Likeness.UNSAID
    one, other = "".join(a), "".join(b)
    if one == other:
        return Likeness.SAME
    if all(len(part) == 1 for part in a) or all(len(part) == 1 for part in b):
        initials = zip(a, b, strict=False)
        return Likeness.INITIAL if all(x[0] == y[0] for x, y in initials) else Likeness.OTHER
    if other in other_forms(one) or one in other_forms(other):
        return Likeness.FORM
    if (len(a) > 1 or len(b) > 1) and set(a) & set(b):
        return Likeness.PART if set(a) <= set(b) else Likeness.MORE
    return _near(one, other)


def name_likeness(asked: Asked, listed: Listed) -> NameLikeness:
    """The best of every name listed and both orders."""
    found: list[NameLikeness] = []
    for family, given in listed.names:
        if asked.words:
            found += _of_words(asked.words, family, given)
            continue
        found.append(
            NameLikeness(family_likeness(asked.family, family), given_likeness(asked.given, given))
        )
        if asked.given and not found[-1].same:
            found.append(
                NameLikeness(
                    family_likeness(asked.given, family), given_likeness(asked.family, given), True
                )
            )
    return max(found, key=lambda one: one.worth)


def _of_words(words: tuple[str, ...], family: str, given: str) -> Iterable[NameLikeness]:
    """Each way to part the words into a family name and a given name."""
    if len(words) == 1:
        yield NameLikeness(family_likeness(words[0], family), Likeness.UNSAID)
        return
    for cut in range(1, len(words)):
        head, tail = " ".join(words[:cut]), " ".join(words[cut:])
        yield NameLikeness(family_likeness(head, family), given_likeness(tail, given))
        yield NameLikeness(family_likeness(tail, family), given_likeness(head, given))
    yield NameLikeness(family_likeness(" ".join(words), family), Likeness.UNSAID)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one candidate, or against. None: not asked, or the directory is silent."""

    name: NameLikeness
    phone: bool | None = None
    postal: bool | None = None
    town: bool | None = None
    department: bool | None = None
    speciality: bool | None = None
    family_doctor: bool = False
    private: bool = False

    @property
    def corroborated(self) -> bool:
        """Something beside the name says that it is they: a telephone number or a place."""
        return bool(self.phone or self.postal or self.town)

    @property
    def worth(self) -> int:
        """For ranking alone."""
        return (
            self.name.worth
            + 30 * bool(self.phone)
            + (16 if self.postal else 13 if self.town else 5 if self.department else 0)
            + 8 * bool(self.speciality)
            + 3 * self.family_doctor
            + 2 * self.private
        )

    def sentences(self) -> tuple[str, ...]:
        """In words, for the person who chooses."""
        said = [
            f"family name: {self.name.family.value}",
            f"given name: {self.name.given.value}",
        ]
        if self.name.swapped:
            said.append("family and given name change places")
        for what, found in (
            ("telephone", self.phone), ("postal code", self.postal), ("town", self.town),
            ("speciality", self.speciality),
        ):  # fmt: skip
            if found is not None:
                said.append(f"{what}: {'equal' if found else 'differs'}")
        if self.department and not self.corroborated:
            said.append("same department")
        if self.family_doctor:
            said.append("family doctor")
        return tuple(said)


def evidence(
    asked: Asked, person: Person, name: NameLikeness, *, town_unknown: bool = False
) -> Evidence:
    """Compare everything that was said with everything that is listed.

    ``town_unknown``: no town has the name asked for, so that it is a slip for another's.
    """
    places: tuple[PracticeRow | BoxRow, ...] = (*person.practices, *person.boxes)
    phones = {one for row in person.practices for one in row.phones.split()}
    postals = {postal_of(one.postal) or postal_of(one.town) for one in places} - {""}
    towns = {town_of(one.town) for one in places if one.town} - {""}
    postal, town, phone = postal_of(asked.postal), town_of(asked.town), phone_of(asked.phone)
    words = set(fold(asked.speciality).split())
    skills = {one.skill for one in places} | {
        word for one in places for word in fold(one.skill_label).split()
    }
    return Evidence(
        name=name,
        phone=phone in phones if phone and phones else None,
        postal=postal in postals if postal and postals else None,
        town=_town_among(town, towns, town_unknown) if town and towns else None,
        department=postal[:2] in {one[:2] for one in postals} if postal and postals else None,
        speciality=words <= skills if words else None,
        family_doctor=person.family_doctor,
        private=any(family_practice(one.mode, one.sector_label) for one in person.practices),
    )


def _town_among(town: str, towns: set[str], unknown: bool) -> bool:
    return town in towns or (
        unknown and len(town) >= _LONG_TOWN and any(distance(town, one, 1) <= 1 for one in towns)
    )
