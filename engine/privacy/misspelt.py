"""Words with one letter wrong, too many, missing or out of place: "condanné", "tribunaI".

Source  Damerau's four mistakes (Communications of the ACM 7, 1964); they are found by striking one
letter from both words, so that a word is looked up as often as it has letters.
"""

from collections.abc import Iterable, Iterator
from typing import Final

SHORTEST: Final = 5


class Misspelt:
    """Words to be recognised, each by all that remains when one letter is struck."""

    __slots__ = ("_firsts", "_longest", "_real", "_struck")

    def __init__(self, words: Iterable[str], real: Iterable[str]) -> None:
        """``real``: words that are taken for themselves, however near they are to another."""
        told = sorted({one for one in words if len(one) >= SHORTEST})
        self._real = frozenset(real) | frozenset(told)
        self._firsts = frozenset(one[0] for one in told)
        self._longest = max(map(len, told), default=0) + 1
        self._struck: dict[str, tuple[str, ...]] = {}
        for one in told:
            for key in (one, *_struck(one)):
                self._struck[key] = (*self._struck.get(key, ()), one)

    def meant(self, word: str) -> str | None:
        """The word that another one, which is no word, stands for; None: none of these.

        The first letter is never the wrong one: "rétention" is not "détention".
        """
        if (
            word[0] not in self._firsts
            or not SHORTEST <= len(word) <= self._longest
            or word in self._real
        ):
            return None
        for key in (word, *_struck(word)):
            for one in self._struck.get(key, ()):
                if one[0] == word[0] and near(one, word):
                    return one
        return None


def _struck(word: str) -> Iterator[str]:
    return (word[:i] + word[i + 1 :] for i in range(len(word)))


def near(one: str, other: str) -> bool:
    """Whether one mistake at most parts two words."""
    if len(one) > len(other):
        one, other = other, one
    at = next((i for i, sign in enumerate(one) if sign != other[i]), len(one))
    if len(other) - len(one) == 1:
        return one[at:] == other[at + 1 :]
    if len(one) != len(other):
        return False
    return one[at + 1 :] == other[at + 1 :] or (
        one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    )
