"""Two patients so alike that one may have been taken for the other. Never linked by machine.

Twins, swapped names, a slip of the pen in a name, the same name and birth date under two numbers,
a birth date with day and month swapped. A person tells them apart, or the record merges them.

``traces`` finds candidates by equality alone, so that the store may keep them hashed; ``near``
then compares the traits themselves, of people who share a trace.
"""

import re
from typing import Final

from engine.model.people import Traits, comparable_name, unaccented

_SHORT: Final = 3  # letters: a name that short is compared whole


def traces(traits: Traits) -> frozenset[str]:
    """What the store looks for: of two people who are near, at least one is the same."""
    date = traits.birth_date or ""
    families, given = _families(traits), _given(traits)
    first = _first(traits)
    if not date or not (families or given):
        return frozenset()
    found = {f"date-name\0{date}\0{name}" for name in (*families, given, first) if name}
    for family in families if given else ():
        low, high = sorted((family, given))
        # Where the slip is in the date: it leaves the year, or the day and month.
        found |= {f"names-{half}\0{low}\0{high}" for half in (date[:4], f"day-{date[4:]}")}
        found.add(f"initials\0{date}\0{low[0]}{high[0]}")  # where both names have one
    return frozenset(found)


def near(one: Traits, other: Traits) -> bool:
    """Whether a person must look before anything is said of either. Symmetric."""
    if not (one.birth_date and other.birth_date and _given(one) and _given(other)):
        return False
    if not traces(one) & traces(other):
        return False  # first letters that differ in both names: no slip of the pen
    if one.birth_date == other.birth_date:
        return _same_date(one, other)
    return _slip_in_date(one.birth_date, other.birth_date) and _same_names(one, other)


def another_person(before: Traits, now: Traits) -> bool:
    """Whether a correction of the identity made somebody else of it: two or more of family name,
    first name, birth date and sex differ by more than a slip of the pen."""
    differ = [
        not any(similar(a, b) for a in _families(before) for b in _families(now)),
        not _similar_given(before, now),
        before.birth_date != now.birth_date,
        before.sex != now.sex,
    ]
    return sum(differ) >= 2


def similar(one: str, other: str) -> bool:
    """The same but for a slip of the pen, or a part left out. Folded names (comparable_name)."""
    if not one or not other:
        return False
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) <= _SHORT:
        return False
    return short in long or _edits(short, long) <= (1 if len(short) < 6 else 2)


def _same_date(one: Traits, other: Traits) -> bool:
    families, others = _families(one), _families(other)
    if len(one.birth_date or "") == len("YYYYMMDD") and set(families) & set(others):
        return True  # twins, or one person under two numbers
    swapped = any(
        similar(family, _given(other)) and any(similar(_given(one), name) for name in others)
        for family in families
    )
    if swapped:
        return True
    if one.sex and other.sex and one.sex != other.sex and "U" not in (one.sex, other.sex):
        return False
    alike = any(similar(a, b) for a in families for b in others)
    return alike and _similar_given(one, other)


def _same_names(one: Traits, other: Traits) -> bool:
    given, theirs = _given(one), _given(other)
    return any(
        {family, given} == {name, theirs} for family in _families(one) for name in _families(other)
    )


def _similar_given(one: Traits, other: Traits) -> bool:
    first, second = _first(one), _first(other)
    return similar(_given(one), _given(other)) or (bool(first) and first == second)


def _slip_in_date(one: str, other: str) -> bool:
    """Day and month swapped, or one digit that differs."""
    if len(one) != len(other):
        return False
    if len(one) == 8 and (one[:4], one[4:6], one[6:]) == (other[:4], other[6:], other[4:6]):
        return True
    return sum(a != b for a, b in zip(one, other, strict=True)) == 1


def _families(traits: Traits) -> tuple[str, ...]:
    names = (comparable_name(name or "") for name in (traits.birth_family, traits.used_family))
    return tuple(dict.fromkeys(name for name in names if name))


def _given(traits: Traits) -> str:
    return comparable_name(traits.birth_given or "")


def _first(traits: Traits) -> str:
    """The first of several first names: JEAN of Jean-Pierre."""
    return comparable_name(re.split(r"[\s-]+", unaccented(traits.birth_given or "").strip())[0])


def _edits(short: str, long: str) -> int:
    """Letters to change, add, drop, or swap with their neighbour (Damerau)."""
    before: list[int] = []
    row = list(range(len(long) + 1))
    for i, a in enumerate(short, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(long, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == long[j - 2] and short[i - 2] == b:
                least = min(least, older[j - 2] + 1)
            row.append(least)
    return row[-1]
