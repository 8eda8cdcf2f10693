"""The site's own names, addresses and numbers, in discreet letters."""

import re
from collections.abc import Iterator
from typing import Final

from engine.privacy.fold import Words, words
from engine.privacy.report import OWN_ADDRESS, OWN_NAME, OWN_NUMBER, OwnTerms

_SHORTEST: Final = 6  # letters of a name that is told by itself
_TOWN: Final = re.compile(r"\s*[0-9]{5}\b")


class OwnSearch:
    """Own terms made ready: rows of words by their first, and numbers as digits alone."""

    __slots__ = ("_numbers", "_rows")

    def __init__(self, own: OwnTerms) -> None:
        self._rows: dict[str, list[tuple[list[str], str]]] = {}
        for text in own.names:
            self._keep(text, OWN_NAME)
        for text in own.addresses:
            if not _TOWN.match(text):  # patients live in that town too
                self._keep(text, OWN_ADDRESS)
        for text in own.mailboxes:
            self._keep(text, OWN_ADDRESS)
        self._numbers = {_national(one) for one in own.phones} | {
            re.sub(r"[^0-9A-Z]", "", one.upper()).lower() for one in own.finess
        }
        self._numbers = {one for one in self._numbers if len(one) >= 8}

    def _keep(self, text: str, rule_id: str) -> None:
        row = words(text)
        if sum(len(one) for one in row) >= _SHORTEST:
            self._rows.setdefault(row[0], []).append((row, rule_id))

    def hits(self, text: Words) -> Iterator[tuple[int, str]]:
        """Where they stand."""
        row = text.row
        if not self._rows.keys().isdisjoint(row):
            for at, word in enumerate(row):
                for known, rule_id in self._rows.get(word, ()):
                    if row[at : at + len(known)] == known:
                        yield at, rule_id
        if self._numbers:
            digits = text.digits()
            for number in self._numbers:
                at = digits.find(number)
                if at >= 0:
                    yield self._word(text, number), OWN_NUMBER

    @staticmethod
    def _word(text: Words, number: str) -> int:
        """The first word of a number: its digits may be several words."""
        row = text.row
        for at, word in enumerate(row):
            if word.isdigit() and (number in word or (word[-1:] and _starts(row, at, number))):
                return at
        return 0


def _starts(row: list[str], at: int, number: str) -> bool:
    joined = ""
    for word in row[at : at + 10]:
        if not word.isdigit():
            return False
        joined += word
        if number in joined:
            return True
    return False


def _national(phone: str) -> str:
    """The nine digits that +33, 0033 and 0 are followed by."""
    return re.sub(r"[^0-9]", "", phone)[-9:]
