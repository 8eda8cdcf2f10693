"""Questions about invented doctors, asked the way people write: with slips, swaps, old places."""

import random
from dataclasses import dataclass

from engine.directory.compare import Asked
from engine.directory.given_names import other_forms
from tests.support.annuaire import GIVEN, SURNAMES, Country, Doctor, Place

_KEYS = {
    "A": "QZS", "E": "ZRD", "I": "UO", "O": "IP", "U": "YI", "N": "BM", "R": "ET", "T": "RY",
    "L": "KM", "S": "QD",
}  # fmt: skip
_ACCENTS = {"E": "éè", "A": "à", "U": "û", "I": "î", "C": "ç", "O": "ô"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, who is meant ("" for nobody in the directory), and how it was spoilt."""

    asked: Asked
    rpps: str
    spoilt: str
    corroborated: bool


def slip(word: str, dice: random.Random) -> str:
    """One letter left out, doubled, swapped with its neighbour, or the key beside it."""
    at = dice.randrange(1, len(word) - 1) if len(word) > 3 else len(word) - 1
    match dice.randrange(4):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + word[at] + word[at:]
        case 2 if at + 1 < len(word):
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case _:
            return word[:at] + dice.choice(_KEYS.get(word[at], "XW")) + word[at + 1 :]


def accented(word: str, dice: random.Random) -> str:
    """As a person writes it: lower case, accents here and there, a blank for a hyphen."""
    letters = (
        dice.choice(_ACCENTS[one]) if one in _ACCENTS and dice.random() < 0.3 else one.lower()
        for one in word
    )  # fmt: skip
    return "".join(letters).replace("-", dice.choice((" ", "-", "-"))).title()


def questions(country: Country, count: int, seed: int = 11) -> list[Question]:
    """Questions in fixed shares; a fifth is about a doctor who moved, is unknown, or has no place
    given, and must not be answered but by chance of a namesake, which must be refused."""
    dice = random.Random(seed)
    kinds = (
        "clean", "accents", "slip in family", "slip in given", "swapped", "short form",
        "half of double name", "two slips", "moved", "no place", "unknown", "unknown near",
    )  # fmt: skip
    shares = (16, 22, 18, 11, 6, 3, 3, 3, 8, 4, 4, 2)
    general = [one for one in country.doctors if one.general and _own(one)]
    special = [one for one in country.doctors if not one.general]
    taken = {(one.family, one.given) for one in country.doctors}
    return [
        _question(
            dice.choices(kinds, shares)[0],
            # A médecin traitant is a general practitioner, nineteen times in twenty.
            dice.choice(general if dice.random() < 0.95 else special),
            country,
            taken,
            dice,
        )
        for _ in range(count)
    ]


def _own(who: Doctor) -> list[Place]:
    """Where they are somebody's family doctor."""
    return [one for one in who.places if one.kind == "practice"]


def _question(
    kind: str,
    who: Doctor,
    country: Country,
    taken: set[tuple[str, str]],
    dice: random.Random,
) -> Question:
    family, given = who.family, who.given
    place = dice.choice(_own(who) or who.places)
    rpps, corroborated = who.rpps, True
    match kind:
        case "slip in family":
            family = slip(family, dice)
        case "slip in given":
            given = slip(given, dice)
        case "swapped":
            family, given = given, family
        case "short form":
            given = min(other_forms(given.split("-")[0]) or {given}, key=len)
        case "half of double name":
            family, given = family.split("-")[0], given.split("-")[0]
        case "two slips":
            family, given = slip(family, dice), slip(given, dice)
        case "moved":
            place = dice.choice(country.places)
            corroborated = place.postal in {one.postal for one in who.places}
        case "no place":
            corroborated = False
        case "unknown":
            foreign = [one for one in SURNAMES if one not in family]
            family = dice.choice(foreign) + "-" + slip(dice.choice(foreign), dice)
            rpps, corroborated = "", False
        case "unknown near":  # the same family in the same town, and not listed
            # Nobody's name: a doctor who is not listed and has the name and the town of one who is
            # cannot be told from him by anybody.
            free = [one for one in GIVEN if one not in who.given and (who.family, one) not in taken]
            given = dice.choice(free)
            rpps, corroborated = "", False
    family, given = accented(family, dice), accented(given, dice)
    if kind == "no place":
        return Question(Asked(family=family, given=given), rpps, kind, corroborated)
    turn = dice.random()
    town = place.town.name if turn < 0.7 else place.town.name.replace("SAINT", "St").title()
    asked = Asked(
        family=family,
        given=given,
        postal=place.postal if turn < 0.85 else "",
        town=town if turn > 0.3 else "",
        phone=place.phone if dice.random() < 0.35 else "",
    )
    return Question(asked, rpps, kind, corroborated)
