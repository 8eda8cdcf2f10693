"""Patterns over words: the language of the rule files. No backtracking over characters.

    ``incarcer*``         a word that begins so
    ``(peine|fin de)``    one of several words or phrases; ``(la|sa)?`` may be missing
    ``#``                 a number
    ``@``                 any word or number
    ``..4``               up to four words, within the sentence
    ``{offence}``         one word or phrase of a list of the file

A pattern is looked for where its rarest word stands, so a text without it costs nothing. A
pattern holds at most 16 elements and 3 gaps of at most 12 words: the time is bounded whatever
the text is.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from engine.privacy.fold import Ends, fold

MOST_ELEMENTS: Final = 16
MOST_GAPS: Final = 3
MOST_GAP: Final = 12
SHORTEST_STEM: Final = 3
_FEW: Final = 6  # so many words are found as fast in a row, which takes a tenth of a set's room
# Words of every letter: a pattern is looked for by none of them when it has another.
_EVERYWHERE: Final = frozenset(
    [
        *("a", "au", "aux", "avec", "ce", "d", "dans", "de", "depuis", "des", "du", "elle", "en"),
        *("est", "et", "ete", "il", "l", "la", "le", "les", "leur", "lors", "n", "ne", "on", "ou"),
        *("par", "pas", "plus", "pour", "qu", "que", "qui", "s", "sa", "sans", "se", "ses", "son"),
        *("sous", "suite", "sur", "un", "une", "vers", "patient", "patiente", "mois", "jours"),
    ]
)
_ELEMENT: Final = re.compile(
    r"(?P<gap>\.\.(?P<most>[0-9]{1,2}))"
    r"|(?P<words>\((?P<inside>[^()]*)\)|[^\s(){}?#@]+|#|@)(?P<maybe>\?)?"
)
_LIST: Final = re.compile(r"\{([a-z-]+)\}")


class PatternError(ValueError):
    """A pattern that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Element:
    """One step. ``gap`` > 0: that many words, whatever they are."""

    words: Collection[str] = ()
    stems: tuple[str, ...] = ()
    number: bool = False
    anything: bool = False
    maybe: bool = False
    gap: int = 0
    phrases: tuple[tuple["Element", ...], ...] = ()

    def takes(self, word: str) -> bool:
        """Whether a word fits."""
        return (
            word in self.words
            or self.anything
            or (self.number and word.isdigit())
            or (bool(self.stems) and word.startswith(self.stems))
        )

    @property
    def rarity(self) -> int:
        """The shortest thing that it may be, or the most common: long words are rare."""
        if self.gap or self.number or self.anything or self.maybe:
            return 0
        singles = [1 if one in _EVERYWHERE else len(one) + 1 for one in (*self.words, *self.stems)]
        return min((*singles, *(max(one.rarity for one in row) for row in self.phrases)))

    def turned(self) -> "Element":
        """The same, for a walk to the left."""
        if not self.phrases:
            return self
        return replace(self, phrases=tuple(row[::-1] for row in self.phrases))


@dataclass(frozen=True, slots=True)
class Pattern:
    """Elements, and which of them it is looked for by."""

    before: tuple[Element, ...]  # reversed: nearest first
    anchor: Element
    after: tuple[Element, ...]

    def span(self, row: Sequence[str], ends: Ends, at: int) -> tuple[int, int] | None:
        """From where to where it stands, its anchor being the word at ``at``; None: not there."""
        if not self.anchor.takes(row[at]):
            return None
        start = _walk(row, ends, at, self.before, -1)
        if start is None:
            return None
        end = _walk(row, ends, at, self.after, 1)
        return None if end is None else (start, end)


def _walk(
    row: Sequence[str],
    ends: Ends,
    at: int,
    elements: tuple[Element, ...],
    step: int,
) -> int | None:
    """The last word that the elements take, going from ``at``; None: they do not fit."""
    if not elements:
        return at
    first, rest = elements[0], elements[1:]
    if first.gap:
        here = at
        for _ in range(first.gap + 1):
            found = _walk(row, ends, here, rest, step)
            if found is not None:
                return found
            here += step
            if not 0 <= here < len(row) or ends.apart(here, at):
                return None
        return None
    for phrase in first.phrases:
        found = _walk(row, ends, at, (*phrase, *rest), step)
        if found is not None:
            return found
    following = at + step
    if 0 <= following < len(row) and first.takes(row[following]) and not ends.parted(following, at):
        found = _walk(row, ends, following, rest, step)
        if found is not None:
            return found
    return _walk(row, ends, at, rest, step) if first.maybe else None


Kept = dict[object, tuple[Element, ...]]


def read(
    text: str, lists: Mapping[str, Sequence[str]], kept: Kept | None = None
) -> Iterator[Pattern]:
    """The patterns that a line of a rule file stands for. Raises PatternError.

    ``kept``: what was read before, so that patterns share what they have in common.
    """
    whole = _LIST.sub(partial(_listed, lists=lists, text=text), text)
    elements = list(_elements(whole, {} if kept is None else kept))
    while elements and elements[-1].gap:
        elements.pop()
    if not elements or elements[0].gap:
        raise PatternError("a pattern begins with a word")
    if len(elements) > MOST_ELEMENTS or sum(bool(one.gap) for one in elements) > MOST_GAPS:
        raise PatternError(f"more than {MOST_ELEMENTS} words, or {MOST_GAPS} gaps")
    yield from _anchored(elements)


def _listed(found: re.Match[str], lists: Mapping[str, Sequence[str]], text: str) -> str:
    """A list, as the choices of a pair of brackets; within brackets, as further choices."""
    if found[1] not in lists:
        raise PatternError(f"no list is called {{{found[1]}}}")
    choices = "|".join(lists[found[1]])
    inside = text.count("(", 0, found.start()) > text.count(")", 0, found.start())
    return choices if inside else f"({choices})"


def _anchored(elements: list[Element]) -> Iterator[Pattern]:
    """Choose what to look for it by; a phrase there becomes a pattern of its own."""
    rarity = max(one.rarity for one in elements)
    if rarity == 0:
        raise PatternError("nothing but numbers, gaps and words that may be missing")
    at = next(i for i, one in enumerate(elements) if one.rarity == rarity)
    anchor = elements[at]
    for phrase in anchor.phrases:
        yield from _anchored([*elements[:at], *phrase, *elements[at + 1 :]])
    if anchor.words or anchor.stems:
        before = tuple(one.turned() for one in elements[:at])[::-1]
        yield Pattern(before, replace(anchor, phrases=()), tuple(elements[at + 1 :]))


def _elements(text: str, kept: Kept) -> Iterator[Element]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _ELEMENT.match(text, at)
        if found is None:
            raise PatternError(f"{text[at:]!r} is no word, list, number or gap")
        at = found.end()
        if found[0] not in kept:
            kept[found[0]] = tuple(_shared(one, kept) for one in _steps(found, kept))
        yield from kept[found[0]]


def _shared(one: Element, kept: Kept) -> Element:
    """The same element, as it was read before."""
    return kept.setdefault(one, (one,))[0]


def _steps(found: re.Match[str], kept: Kept) -> Iterator[Element]:
    if found["gap"]:
        most = int(found["most"])
        if not 1 <= most <= MOST_GAP:
            raise PatternError(f"a gap is of 1 to {MOST_GAP} words")
        yield Element(gap=most)
    elif found["inside"] is None:
        row = tuple(_phrase(found["words"], kept))
        if found["maybe"] and len(row) != 1:
            raise PatternError(f"{found['words']!r} is not one word")
        yield from (replace(one, maybe=bool(found["maybe"])) for one in row)
    else:
        yield from _choice(found["inside"], bool(found["maybe"]), kept)


def _choice(inside: str, maybe: bool, kept: Kept) -> Iterator[Element]:
    words: set[str] = set()
    stems: list[str] = []
    phrases: list[tuple[Element, ...]] = []
    number = anything = False
    for told in inside.split("|"):
        row = tuple(one for word in told.split() for one in _phrase(word, kept))
        if len(row) == 1:
            words.update(row[0].words)
            stems += row[0].stems
            number |= row[0].number
            anything |= row[0].anything
        elif row:
            phrases.append(row)
    if words or stems or phrases or number or anything:
        few = tuple(sorted(words)) if len(words) <= _FEW else frozenset(words)
        yield Element(few, tuple(sorted(stems)), number, anything, maybe, 0, tuple(phrases))


def _phrase(word: str, kept: Kept) -> Iterator[Element]:
    """What one piece between blanks is: "d'arrêt" is two words."""
    if word == "#":
        yield Element(number=True)
        return
    if word == "@":
        yield Element(anything=True)
        return
    parts = re.findall("[a-z]+|[0-9]+", fold(word.removesuffix("*")))
    if "*" in word.removesuffix("*"):
        raise PatternError(f"{word!r}: a star stands at the end of a word")
    for part in parts[:-1] if word.endswith("*") else parts:
        yield kept.setdefault(part, (Element(words=(part,)),))[0]
    if word.endswith("*"):
        if not parts or len(parts[-1]) < SHORTEST_STEM:
            raise PatternError(f"{word!r}: a stem has {SHORTEST_STEM} letters at least")
        yield kept.setdefault(f"{parts[-1]}*", (Element(stems=(parts[-1],)),))[0]
