"""The door of this package: the bytes of a mail in, places and rules out.

What can go wrong
    Whatever the bytes are, the search ends and raises nothing: what could not be read is a hit.
    A word that is a picture, or said in words that no rule knows, is not found.
"""

from collections.abc import Iterator
from typing import Final

from engine.privacy.excuse import Excuses, day_of
from engine.privacy.fold import Ends, Words, variants
from engine.privacy.own import OwnSearch
from engine.privacy.pieces import Piece
from engine.privacy.report import UNREADABLE, Hit, Known, OwnTerms
from engine.privacy.rules import Rules, Scope
from engine.privacy.unpack import unpack

MOST_HITS: Final = 60


def search(
    mime: bytes, rules: Rules, *, discreet: bool, own: OwnTerms, known: Known
) -> tuple[Hit, ...]:
    """Where a mail says what it must not; nothing: it may leave as far as this goes.

    Penal facts are looked for always; with ``discreet``, whatever says prison as well, the rules'
    and the site's ``own``. ``known`` is what belongs to this letter. Each place and rule is told
    once, in the order of the mail, at most MOST_HITS of them.
    """
    found = unpack(mime)
    excuses = Excuses(known, day_of(mime))
    site = OwnSearch(own) if discreet else None
    hits: dict[Hit, None] = dict.fromkeys(found.hits)
    for piece in found.pieces:
        if not discreet and piece.file and piece.file in known.files:
            continue
        for hit in _piece(piece, rules, discreet, excuses, site):
            hits.setdefault(hit)
        if len(hits) >= MOST_HITS:
            break
    return tuple(hits)[:MOST_HITS]


def _piece(
    piece: Piece, rules: Rules, discreet: bool, excuses: Excuses, site: OwnSearch | None
) -> Iterator[Hit]:
    text = Words(piece.text)
    yield from _hits(piece, text, rules, discreet, excuses, site)
    # A reading that differs from the text has no lines of its own: the piece alone is told.
    for other in variants(piece.text):
        for hit in _hits(piece, Words(other), rules, discreet, excuses, site):
            yield Hit(piece.place or "mail", hit.rule_id)


def _hits(
    piece: Piece,
    text: Words,
    rules: Rules,
    discreet: bool,
    excuses: Excuses,
    site: OwnSearch | None,
) -> Iterator[Hit]:
    told, meant = _looked_at(text, rules, excuses)
    yield from _told(piece, text, told, rules, discreet, excuses)
    if meant:
        yield from _told(
            piece, text.read_as(meant), told | {*meant.values()}, rules, discreet, excuses
        )
    for at, rule_id in _in_pieces(text, rules, discreet, excuses):
        yield _hit(piece, text, at, rule_id)
    if site is not None:
        for at, rule_id in site.hits(text):
            yield _hit(piece, text, at, rule_id)


def _looked_at(text: Words, rules: Rules, excuses: Excuses) -> tuple[set[str], dict[str, str]]:
    """The words that a rule looks at, and those that are one with a letter wrong."""
    told: set[str] = set()
    meant: dict[str, str] = {}
    for word in {*text.row}:
        if rules.knows(word):
            told.add(word)
        else:
            other = rules.misspelt.meant(word)
            if other is not None and not excuses.is_name(word):
                meant[word] = other
    return told, meant


def _told(
    piece: Piece, text: Words, told: set[str], rules: Rules, discreet: bool, excuses: Excuses
) -> Iterator[Hit]:
    if told:
        for at, word in enumerate(text.row):
            if word in told:
                for rule_id in _rules_at(text, at, word, rules, discreet, excuses):
                    yield _hit(piece, text, at, rule_id)


def _hit(piece: Piece, text: Words, at: int, rule_id: str) -> Hit:
    place = piece.place_of(text.segment(at), text.line(at)) if at < len(text.row) else piece.place
    return Hit(place or "mail", rule_id)


def _rules_at(
    text: Words, at: int, word: str, rules: Rules, discreet: bool, excuses: Excuses
) -> Iterator[str]:
    done: set[str] = set()
    row, ends = text.row, text.ends
    for rule, pattern in rules.of_word(word):
        if rule.id in done or (rule.scope is Scope.DISCREET and not discreet):
            continue
        span = pattern.span(row, ends, at)
        if span is None or excuses.excused(text, at, span, rule):
            continue
        done.add(rule.id)
        yield rule.id


def _in_pieces(
    text: Words, rules: Rules, discreet: bool, excuses: Excuses
) -> Iterator[tuple[int, str]]:
    """Words cut in two or three, spelled letter by letter, or with digits for letters."""
    row, pairs = text.row, text.pairs()
    for cut in [*(pairs & rules.pieces.keys()), *(text.triples() & rules.pieces.keys())]:
        yield from _alone(rules.pieces[cut], _at(row, cut), rules, discreet)
    for cut in pairs & rules.halves.keys():
        at, word = _at(row, cut), rules.halves[cut]
        for rule_id in _rules_at(text.merged(at, word), at, word, rules, discreet, excuses):
            yield at, rule_id
    for offset, run in text.letters_apart():
        for word in rules.whole:
            if word in run:
                yield from _alone(word, text.word_at(offset), rules, discreet)
    for offset, word in text.digits_inside():
        for told in rules.whole:
            if told in word:
                yield from _alone(told, text.word_at(offset), rules, discreet)


def _at(row: list[str], cut: tuple[str, ...]) -> int:
    return next(i for i in range(len(row)) if tuple(row[i : i + len(cut)]) == cut)


def _alone(word: str, at: int, rules: Rules, discreet: bool) -> Iterator[tuple[int, str]]:
    """The rules that a word breaks by itself."""
    for rule, pattern in rules.of_word(word):
        if (discreet or rule.scope is Scope.ALWAYS) and pattern.span(
            [word], Ends((), ()), 0
        ) is not None:
            yield at, rule.id
            return


__all__ = ["UNREADABLE", "Hit", "Known", "OwnTerms", "search"]
