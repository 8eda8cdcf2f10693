"""The door of this package: the bytes of a mail in, places and rules out.

What can go wrong
    Whatever the bytes are, the search ends and raises nothing: what could not be read is a hit.
    A word that is a picture, or said in words that no rule knows, is not found.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from engine.privacy.excuse import Excuses, day_of
from engine.privacy.fold import Ends, Words, variants
from engine.privacy.own import OwnSearch
from engine.privacy.pattern import Pattern
from engine.privacy.pieces import Piece
from engine.privacy.report import UNREADABLE, Hit, Known, OwnTerms
from engine.privacy.rules import Rule, Rules, Scope
from engine.privacy.unpack import unpack

MOST_HITS: Final = 60
_LONGEST: Final = 25  # letters of a word with digits for letters: French has none longer
_TELLING: Final = 5  # letters of a word that says something inside another
_MOST_ALIKE: Final = 1000  # places of one text at which the same word in pieces is looked at


def search(
    mime: bytes, rules: Rules, *, discreet: bool, own: OwnTerms, known: Known
) -> tuple[Hit, ...]:
    """Where a mail says what it must not; nothing: it may leave as far as this goes.

    Penal facts are looked for always; with ``discreet``, whatever says prison as well, the rules'
    and the site's ``own``. ``known`` is what belongs to this letter. Each place and rule is told
    once, in the order of the mail, at most MOST_HITS of them.
    """
    found = unpack(mime)
    reader = _Reader(rules, discreet, Excuses(known, day_of(mime)), own)
    hits: dict[Hit, None] = dict.fromkeys(found.hits)
    for piece in found.pieces:
        if not discreet and piece.file and piece.file in known.files:
            continue
        for hit in reader.piece(piece):
            hits.setdefault(hit)
        if len(hits) >= MOST_HITS:
            break
    return tuple(hits)[:MOST_HITS]


class _Reader:
    """One search: rules in force, and what they make of each word, kept for its next place."""

    __slots__ = ("_discreet", "_excuses", "_meant", "_rules", "_site", "_told")

    def __init__(self, rules: Rules, discreet: bool, excuses: Excuses, own: OwnTerms) -> None:
        self._rules = rules
        self._discreet = discreet
        self._excuses = excuses
        self._site = OwnSearch(own) if discreet else None
        self._told: dict[str, tuple[tuple[Rule, Pattern], ...]] = {}
        self._meant: dict[str, str] = {}

    def piece(self, piece: Piece) -> Iterator[Hit]:
        """What a text says too much, as it stands and as it may be read."""
        yield from self._hits(piece, Words(piece.text))
        # A reading that differs from the text has no lines of its own: the piece alone is told.
        for other in variants(piece.text):
            for hit in self._hits(piece, Words(other)):
                yield Hit(piece.place or "mail", hit.rule_id)

    def _hits(self, piece: Piece, text: Words) -> Iterator[Hit]:
        for word in {*text.row} - self._told.keys():
            self._look_up(word)
        yield from self._in_force(piece, text)
        if not self._meant.keys().isdisjoint(text.row):
            yield from self._in_force(piece, text.read_as(self._meant))
        for at, rule_id in self._in_pieces(text):
            yield _hit(piece, text, at, rule_id)
        if self._site is not None:
            for at, rule_id in self._site.hits(text):
                yield _hit(piece, text, at, rule_id)

    def _look_up(self, word: str) -> None:
        """Keep the patterns that a word may be the anchor of, and what it is a mistake for."""
        patterns = self._rules.of_word(word)
        if patterns:
            self._told[word] = tuple(
                one for one in patterns if self._discreet or one[0].scope is Scope.ALWAYS
            )
        else:
            self._told[word] = ()
            other = self._rules.misspelt.meant(word)
            if other is not None and not self._excuses.is_name(word):
                self._meant[word] = other
                self._look_up(other)

    def _in_force(self, piece: Piece, text: Words) -> Iterator[Hit]:
        told = self._told
        for at, word in enumerate(text.row):
            if told[word]:
                for rule_id in self._rules_at(text, at, told[word]):
                    yield _hit(piece, text, at, rule_id)

    def _rules_at(
        self, text: Words, at: int, patterns: Iterable[tuple[Rule, Pattern]]
    ) -> Iterator[str]:
        done: set[str] = set()
        row, ends = text.row, text.ends
        for rule, pattern in patterns:
            if rule.id in done:
                continue
            span = pattern.span(row, ends, at)
            if span is None or self._excuses.excused(text, at, span, rule):
                continue
            done.add(rule.id)
            yield rule.id

    def _in_pieces(self, text: Words) -> Iterator[tuple[int, str]]:
        """Words cut in two or three, spelled letter by letter, or with digits for letters."""
        rules = self._rules
        for at, word in self._joined(text, text.pairs(), 2):
            if word in rules.whole:
                yield from self._alone(word, at)
            self._look_up(word)
            for rule_id in self._rules_at(text.merged(at, word), at, self._told[word]):
                yield at, rule_id
        for at, word in self._joined(text, text.triples(), 3):
            yield from self._alone(word, at)
        for offset, run in text.letters_apart():
            for word in rules.whole:
                if word in run:
                    yield from self._alone(word, text.word_at(offset))
        for offset, told in text.digits_inside():
            if len(told) > _LONGEST:
                continue  # an identifier: any two letters stand somewhere in it
            for word in rules.whole:
                if word == told or (len(word) >= _TELLING and word in told):
                    yield from self._alone(word, text.word_at(offset))

    def _joined(self, text: Words, joined: list[str], pieces: int) -> Iterator[tuple[int, str]]:
        """Where neighbours are a word in pieces, which not all of them are words by themselves."""
        rules = self._rules
        told = (rules.whole if pieces > 2 else rules.in_two).intersection(joined)
        for word in told:
            at = -1
            for _ in range(_MOST_ALIKE):
                try:
                    at = joined.index(word, at + 1)
                except ValueError:
                    break
                if not rules.common.issuperset(text.row[at : at + pieces]):
                    yield at, word
                    break

    def _alone(self, word: str, at: int) -> Iterator[tuple[int, str]]:
        """The first rule that a word breaks by itself."""
        self._look_up(word)
        for rule, pattern in self._told[word]:
            if pattern.span([word], Ends((), ()), 0) is not None:
                yield at, rule.id
                return


def _hit(piece: Piece, text: Words, at: int, rule_id: str) -> Hit:
    place = piece.place_of(text.segment(at), text.line(at)) if at < len(text.row) else piece.place
    return Hit(place or "mail", rule_id)


__all__ = ["UNREADABLE", "Hit", "Known", "OwnTerms", "search"]
