"""Words as a search sees them: without case, accents, ligatures, look-alikes, invisible signs.

Source  Unicode 15, UAX #15 (compatibility decomposition), UTS #39 (confusables: those of the Latin
letters that Greek, Cyrillic, Armenian and the small capitals have).
"""

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from operator import add
from typing import Final, NamedTuple

# Ends the text of one element, header or object; the search counts them to tell a place.
SEGMENT: Final = "\x1d"

_LOOK_ALIKE: Final = {
    **dict(zip("авеёзкмнорсту" "хъьіїјѕһԁԛԝүӏ", "abee3kmhopcty" "xbbiijshdqwyl", strict=True)),
    **dict(zip("αβγεζηικνορτυχωϲϳ", "abyeznikvoptuxwcj", strict=True)),
    **dict(zip("ոսցհօզկյ", "nughoqyj", strict=True)),
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟ", "abcdefghijkl", strict=True)),
    **dict(zip("ᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "mnoprstuvwyz", strict=True)),
    **dict(zip("ıłøđħŧɑɡɩɛɔəℓʼ", "ilodhtagieoel ", strict=True)),
    "œ": "oe", "ŋ": "n", "ſ": "s", "ĸ": "k", "¡": "i",
}  # fmt: skip
_WIDE: Final = re.compile(r"[^\x00-\xff]+")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});?")
_HYPHEN_BREAK: Final = re.compile(r"(?<=\w)[-\u2010\u2011\xad][ \t]*\r?\n[ \t]*(?=\w)")
_WORD: Final = re.compile(r"[a-z]+|[0-9]+")
# A full stop: behind a word of three letters, or behind a number and before no other. The end of
# a sentence: also a blank line, and the end of a segment.
_STOP: Final = re.compile(
    r"((?<![a-z])[a-z]{3,}+|[0-9](?=\.[^0-9]))\.|\n[ ]*+\n|\x1d"  # no letter is walked over twice
)
_LETTERS_APART: Final = re.compile(r"(?<![a-z0-9])[a-z](?:[ .\n]{1,4}[a-z](?![a-z0-9])){3,60}")
_DIGIT_INSIDE: Final = re.compile(
    r"(?<![a-z0-9])(?:[a-z]+[0-9]+[a-z][a-z0-9]{0,20}|[0-9][a-z]{2}[a-z0-9]{0,20})"
)
# A point behind them ends no sentence.
_SHORTENED: Final = frozenset(
    [
        "ecr",
        "num",
        "ref",
        "art",
        "bat",
        "cell",
        "surv",
        "tel",
        "mat",
        "det",
        "penit",
        "pen",
        "cond",
        "cie",
        "perm",
        "perms",
        "incarc",
        "lib",
        "prov",
        "condit",
        "extr",
        "jug",
        "trib",
        "corr",
        "proc",
        "prev",
        "transf",
    ]
)
_AS_LETTER: Final = str.maketrans("013457", "oieast")
_HUMP: Final = re.compile(r"[a-zà-ÿ][A-ZÀ-Þ]")
_LETTERS: Final = re.compile(r"[A-Za-zÀ-ÿ]{1,30}")
_LETTERS_BEFORE: Final = re.compile(r"[A-Za-zÀ-ÿ]{1,30}\Z")
_HUMP_EDGE: Final = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])")
_DOTTED: Final = re.compile(
    r"(?<![\w.])(?:[A-Za-zÀ-ÿ]\.[ ]?){1,6}(?:[A-Za-zÀ-ÿ]\.|[A-ZÀ-Þ]\b(?!['’]))"
)
_BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])[ .\n]+(?=[0-9])")


class Ends(NamedTuple):
    """The words that are the first behind a full stop, and behind the end of a sentence. A line, a
    cell or an element that ends is no full stop: "statut | prévenu" is one phrase."""

    stops: Sequence[int]
    sentences: Sequence[int]

    def parted(self, one: int, other: int) -> bool:
        """Whether a full stop stands between two words."""
        return bisect_right(self.stops, one) != bisect_right(self.stops, other)

    def apart(self, one: int, other: int) -> bool:
        """Whether two words stand in two sentences."""
        return bisect_right(self.sentences, one) != bisect_right(self.sentences, other)


def _table() -> bytes:
    """For each byte of Latin-1: a letter, a digit, one of the signs that are kept, or a blank."""
    table = bytearray(b" " * 256)
    for code in range(256):
        for sign in unicodedata.normalize("NFKD", chr(code)).lower():
            if sign.isascii() and sign.isalnum():
                table[code] = ord(sign)
                break
    for sign in "ªº":
        table[ord(sign)] = ord(" ")
    for sign in ".!?;":
        table[ord(sign)] = ord(".")
    for sign in ("\n", SEGMENT):
        table[ord(sign)] = ord(sign)
    table[ord("ø")] = table[ord("Ø")] = ord("o")
    table[ord("ð")] = table[ord("Ð")] = ord("d")
    return bytes(table)


_TABLE: Final = _table()


def _plain(found: re.Match[str]) -> str:
    """Characters beyond Latin-1, as near to Latin letters as a reader would take them."""
    out = []
    for sign in found[0]:
        kind = unicodedata.category(sign)
        if kind in ("Cf", "Mn", "Me", "Cn"):  # invisible, or sits on the letter before
            continue
        low = _LOOK_ALIKE.get(sign) or _LOOK_ALIKE.get(sign.lower())
        if low is None:
            low = "".join(
                _LOOK_ALIKE.get(one, one if one < "\u0100" else "")
                for one in unicodedata.normalize("NFKD", sign).lower()
                if unicodedata.category(one) not in ("Mn", "Me")
            )
        out.append(low or ("?" if sign == "\ufffd" else " "))
    return "".join(out)


def fold(text: str) -> str:
    """Lower-case ASCII: letters, digits, blanks, line ends, ``.`` for what ends a sentence, and
    SEGMENT."""
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if not text.isascii():
        text = _WIDE.sub(_plain, text)
        for sign, letters in (("æ", "ae"), ("Æ", "ae"), ("ß", "ss"), ("\xad", "")):
            if sign in text:
                text = text.replace(sign, letters)
    return text.encode("latin-1", "replace").translate(_TABLE).decode("ascii")


def words(text: str) -> list[str]:
    """The words and numbers of a text."""
    return _WORD.findall(fold(text))


class Words:
    """A text taken apart. ``row`` is its words and numbers; the rest is made when asked for."""

    __slots__ = ("_ends", "_folded", "_starts", "row")

    def __init__(self, text: str) -> None:
        self._folded = fold(text)
        self._ends: Ends | None = None
        self._starts: list[int] | None = None
        self.row: list[str] = _WORD.findall(self._folded)

    @property
    def _begun(self) -> list[int]:
        """Where each word starts."""
        if self._starts is None:
            self._starts = [found.start() for found in _WORD.finditer(self._folded)]
        return self._starts

    @property
    def ends(self) -> Ends:
        """What ended before which words."""
        if self._ends is None:
            stops: list[int] = []
            others: list[int] = []
            seen = at = 0  # words, and as far as where
            for found in _STOP.finditer(self._folded):
                seen += len(_WORD.findall(self._folded, at, at := found.end()))
                if found[1] is None:
                    others.append(seen)
                elif found[1] not in _SHORTENED:
                    stops.append(seen)
                    others.append(seen)
            self._ends = Ends(stops, others)
        return self._ends

    def line(self, word: int) -> int:
        """The line that a word stands in, from 1."""
        return self._folded.count("\n", 0, self._begun[word]) + 1

    def segment(self, word: int) -> int:
        """How many segments ended before a word."""
        return self._folded.count(SEGMENT, 0, self._begun[word])

    def read_as(self, meant: Mapping[str, str]) -> "Words":
        """The same text, some words being read as others."""
        other = Words("")
        other._folded, other._starts, other._ends = self._folded, self._starts, self._ends
        other.row = [meant.get(word, word) for word in self.row]
        return other

    def merged(self, at: int, word: str) -> "Words":
        """The same text, the two words at a place being one."""
        other = Words("")
        other.row = [*self.row[:at], word, *self.row[at + 2 :]]
        other._ends = Ends(*([i - (i > at) for i in held] for held in self.ends))
        return other

    def pairs(self) -> list[str]:
        """Each word and the next, joined: one may have been cut in two."""
        return list(map(add, self.row, self.row[1:]))

    def triples(self) -> list[str]:
        """Each word and the next two, joined: or in three."""
        return list(map(add, self.pairs(), self.row[2:]))

    def letters_apart(self) -> Iterator[tuple[int, str]]:
        """Runs of single letters, put together: where, and the run."""
        for found in _LETTERS_APART.finditer(self._folded):
            yield found.start(), re.sub(r"[ .\n]", "", found[0])

    def digits_inside(self) -> Iterator[tuple[int, str]]:
        """Words with digits for letters, read as letters."""
        for found in _DIGIT_INSIDE.finditer(self._folded):
            yield found.start(), found[0].translate(_AS_LETTER)

    def word_at(self, offset: int) -> int:
        """The number of the word that starts at a place of the folded text."""
        return sum(1 for _ in _WORD.finditer(self._folded, 0, offset))

    def digits(self) -> str:
        """The text with its numbers closed up: ``03 20 00`` becomes ``032000``."""
        return _BETWEEN_DIGITS.sub("", self._folded)


def variants(text: str) -> Iterator[str]:
    """Other readings of a text: words joined at the end of a line, ``M.A.`` closed up,
    ``numEcrou`` parted, bytes decoded in the wrong character set, ``%C3%A9`` undone."""
    if "." in text and _DOTTED.search(text):
        yield _DOTTED.sub(lambda found: re.sub(r"[. ]", "", found[0]) + " ", text)
    if "\n" in text and _HYPHEN_BREAK.search(text):
        yield _HYPHEN_BREAK.sub("", text)
    if _HUMP.search(text):
        yield SEGMENT.join(_HUMP_EDGE.sub(" ", one) for one in sorted(_humped(text)))
    if "Ã" in text or "Â" in text:
        yield "".join(_undone(one) for one in re.split(r"(\s+)", text))
    if re.search(r"(?:%|=)[0-9A-Fa-f]{2}", text):
        yield re.sub(r"(?:(?:%|=)[0-9A-Fa-f]{2})+", _unquoted, text)


def _humped(text: str) -> set[str]:
    """The words, of sixty letters at most, with a capital behind a small letter."""
    found: set[str] = set()
    hump = _HUMP.search(text)
    while hump is not None:
        before = _LETTERS_BEFORE.search(text, max(0, hump.end() - 30), hump.end())
        after = _LETTERS.match(text, hump.start())
        start = before.start() if before else hump.start()
        end = after.end() if after else hump.end()
        found.add(text[start:end])
        hump = _HUMP.search(text, end)
    return found


def _undone(word: str) -> str:
    try:
        return word.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return word


def _unquoted(found: re.Match[str]) -> str:
    raw = bytes.fromhex(re.sub("[%=]", "", found[0]))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
