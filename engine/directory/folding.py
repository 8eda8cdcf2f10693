"""Names, towns and numbers, folded so that two spellings of one thing compare equal."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from zlib import crc32

from engine.model.directory import WordKind
from engine.model.people import unaccented

# Letters and digits survive; apostrophes, blanks and all dashes part words.
_PARTS: Final = re.compile(r"[^A-Z0-9]+")
_PARTICLES: Final = frozenset(
    ("DE", "DU", "DES", "D", "L", "LE", "LA", "LES", "VAN", "VON", "DER", "DEN", "DOS", "DA", "DI",
     "DEL", "EL", "AL", "BEN", "BIN", "SAINT", "SAINTE")
)  # fmt: skip
_LONG_FORMS: Final = {"ST": "SAINT", "STE": "SAINTE", "STS": "SAINTS", "STES": "SAINTES"}
# What a town's line holds beside the town: "59037 LILLE CEDEX 2", "PARIS 12E ARRONDISSEMENT".
_NOT_OF_TOWN: Final = re.compile(
    r"\b(?:CEDEX(?: \d{1,2})?|CS \d+|BP \d+|\d{1,2}(?:E|ER|EME)?(?: ARRONDISSEMENT)?|\d{5})\b"
)
_TOWN_ALONE: Final = frozenset("0123456789X")  # none of these: nothing but a town
_SHORTEST_WITH_A_SLIP: Final = 4  # letters: below, one slip makes any name of any other
_LONGEST: Final = 60  # letters of a word of the index


@lru_cache(maxsize=1 << 16)
def fold(text: str) -> str:
    """Upper case, no accents, one blank between words: ``L'Haÿ-les-Roses`` → ``L HAY LES ROSES``.

    ``ST`` and ``STE`` are written out, as towns and names have them both ways.
    """
    words = _PARTS.split(unaccented(text).upper())
    return " ".join(_LONG_FORMS.get(word, word) for word in words if word)


def joined(text: str) -> str:
    """A name as one word: ``de La Tour``, ``DELATOUR`` and ``De-La-Tour`` give ``DELATOUR``."""
    return fold(text).replace(" ", "")


@lru_cache(maxsize=1 << 16)
def name_words(name: str) -> tuple[str, ...]:
    """The words under which a name is found: the whole as one word, then its parts.

    Particles are no parts of their own: ``LE GALL`` gives ``LEGALL`` and ``GALL``.
    """
    parts = fold(name).split()
    whole = "".join(parts)
    if len(parts) < 2:
        return (whole[:_LONGEST],) if whole else ()
    found = [whole[:_LONGEST]]
    carried = ""
    for part in parts:
        if part in _PARTICLES:
            carried += part
            continue
        # "DUPONT LE GALL" is found by LEGALL, too.
        found += [part[:_LONGEST], (carried + part)[:_LONGEST]] if carried else [part[:_LONGEST]]
        carried = ""
    return tuple(dict.fromkeys(found))


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a double name, each with the particles before it: ``LEGALL``, ``DUPONT``."""
    found: list[str] = []
    carried = ""
    for part in fold(name).split():
        carried += part
        if part not in _PARTICLES:
            found.append(carried)
            carried = ""
    if carried:  # a name made of particles alone, such as LE
        found.append(carried)
    return tuple(found)


@lru_cache(maxsize=1 << 16)
def town_of(line: str) -> str:
    """The town of an address line, without postal code, CEDEX or arrondissement, as one word."""
    folded = fold(line)
    if not _TOWN_ALONE.isdisjoint(folded):
        folded = _NOT_OF_TOWN.sub(" ", folded)
    return folded.replace(" ", "")[:_LONGEST]


def postal_of(line: str) -> str:
    """The postal code that a line begins with, or is: ``59000``; else ""."""
    found = re.match(r"\s*([0-9]{5}|2[AB][0-9]{3})\b", line)
    return found[1] if found else ""


def phone_of(text: str) -> str:
    """Nine significant digits of a French number: ``+33 (0)3 20 00 00 01`` → ``320000001``."""
    digits = re.sub(r"[^0-9]", "", text.replace("(0)", ""))
    for prefix in ("0033", "33"):
        if digits.startswith(prefix) and len(digits) == len(prefix) + 9:
            return digits[len(prefix) :]
    return digits[1:] if len(digits) == 10 and digits[0] == "0" else ""


_SOUNDS: Final = (
    (re.compile(r"PH"), "F"),
    (re.compile(r"(?<!C)(?<!S)H"), ""),  # mute, but for CH and SH
    (re.compile(r"EAUX?|AULT|AUD|AUT|AU|OT$|AUX"), "O"),
    (re.compile(r"AIS?$|AY|EY|AI|EI"), "E"),
    (re.compile(r"QU?|CK|K|C(?![EIYH])"), "K"),
    (re.compile(r"SCH|SH"), "CH"),
    (re.compile(r"C(?=[EIY])|Z"), "S"),
    (re.compile(r"Y"), "I"),
    (re.compile(r"W"), "V"),
    (re.compile(r"(.)\1+"), r"\1"),
    (re.compile(r"(?<=..)(?:ES?|[SXTD])$"), ""),
)


@lru_cache(maxsize=1 << 16)
def sound_of(word: str) -> str:
    """A rough French sound: DUPONT, DUPOND and DUPON give one, as PHILIPPE and FILIPE do."""
    sound = word
    for pattern, instead in _SOUNDS:
        sound = pattern.sub(instead, sound)
    return sound or word


def slips(word: str) -> Iterator[str]:
    """A word and all that one letter left out makes of it. Two words that differ by one letter
    added, left out, changed or swapped with its neighbour have one of these in common."""
    yield word
    if len(word) >= _SHORTEST_WITH_A_SLIP:
        for n in range(len(word)):
            if n == 0 or word[n] != word[n - 1]:
                yield word[:n] + word[n + 1 :]


def near_keys(kind: WordKind, word: str) -> frozenset[int]:
    """The numbers (31 bits) under which the index keeps a word, and under which a word with a
    slip is looked up: of its letters with one slip, and of its sound with one slip."""
    prefix = kind.value.encode()
    keys = {crc32(prefix + b"=" + one.encode()) & 0x7FFFFFFF for one in slips(word)}
    if kind in (WordKind.FAMILY, WordKind.GIVEN):
        keys |= {crc32(prefix + b"~" + one.encode()) & 0x7FFFFFFF for one in slips(sound_of(word))}
    return frozenset(keys)


def distance(a: str, b: str, most: int = 2) -> int:
    """Letters added, left out, changed, or swapped with a neighbour, between two words.

    Anything above ``most`` is given as ``most + 1``. Restricted Damerau-Levenshtein.
    """
    if a == b:
        return 0
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        earlier, before, row = before, row, [i] + [0] * len(b)
        for j, y in enumerate(b, 1):
            cost = before[j - 1] if x == y else 1 + min(before[j - 1], before[j], row[j - 1])
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, earlier[j - 2] + 1)
            row[j] = cost
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
