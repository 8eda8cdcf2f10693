"""Where text lies in a mail: pieces of text with their places, and what could not be read.

A place names parts, elements and lines, by words of this package or of a standard, never by a
word of the letter: a file's own name may be the leak.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.privacy.fold import SEGMENT
from engine.privacy.report import UNREADABLE, Hit

MOST_TEXT: Final = 12 * 1024 * 1024  # characters, all pieces together
MOST_BYTES: Final = 160 * 1024 * 1024  # unpacked, all together
MOST_FILES: Final = 400
MOST_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A text. ``inner`` tells the place of its n-th segment; without it, the line is told."""

    place: str
    text: str = field(repr=False)
    inner: Callable[[int], str] | None = field(default=None, repr=False)
    file: str = ""  # SHA-256 of the attachment that it came out of

    def place_of(self, segment: int, line: int) -> str:
        """Where a word of it stands, for people."""
        if self.inner is None:
            return f"{self.place}, line {line}"
        return " > ".join(part for part in (self.place, self.inner(segment)) if part)


class Budget:
    """How much may still be unpacked; what is beyond is told as unreadable."""

    __slots__ = ("_bytes", "_files", "_seen", "_text", "hits", "pieces")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.hits: list[Hit] = []
        self._bytes = MOST_BYTES
        self._files = MOST_FILES
        self._text = MOST_TEXT
        self._seen: set[bytes] = set()

    def seen(self, data: bytes) -> bool:
        """Whether the very same file was read before, at another place."""
        key = hashlib.sha256(data).digest()
        before = key in self._seen
        self._seen.add(key)
        return before

    def unreadable(self, place: str) -> None:
        """Something there could not be read: silence when in doubt."""
        self.hits.append(Hit(place, UNREADABLE))

    def opens(self, place: str, size: int, depth: int) -> bool:
        """Whether a file of that size, that deep, may be opened."""
        self._bytes -= size
        self._files -= 1
        if self._bytes < 0 or self._files < 0 or depth > MOST_DEPTH:
            self.unreadable(place)
            return False
        return True

    def add(
        self,
        place: str,
        text: str,
        inner: Callable[[int], str] | None = None,
        file: str = "",
    ) -> None:
        """Keep a text."""
        if not text or text.isspace():
            return
        self._text -= len(text)
        if self._text < 0:
            self.unreadable(place)
            return
        self.pieces.append(Piece(place, text, inner, file))

    def add_segments(self, place: str, segments: list[tuple[str, str]], file: str = "") -> None:
        """Keep several texts, each with the rest of its place."""
        told = [inner for inner, _ in segments]
        self.add(
            place,
            SEGMENT.join(text.replace(SEGMENT, " ") for _, text in segments),
            lambda number: told[min(number, len(told) - 1)],
            file,
        )


def decoded(raw: bytes, charset: str) -> list[str]:
    """Every reading of bytes that a program may give: as told, as UTF-8, as Windows-1252.

    Raises LookupError for a character set that nobody knows.
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return [raw.decode("utf-16", "replace")]
    body = raw.removeprefix(b"\xef\xbb\xbf")
    if charset.replace("_", "-") in ("utf-7", "utf7") or charset.startswith(("utf-16", "utf-32")):
        return [body.decode(charset, "replace"), body.decode("latin-1")]
    if body.isascii() and (not charset or charset in _PLAIN):
        return [body.decode("ascii")]
    readings: list[str] = []
    if charset:
        readings.append(_text_of(body, charset))
    try:
        readings.append(body.decode("utf-8"))
    except UnicodeDecodeError:
        readings.append(body.decode("cp1252", "replace"))
    return list(dict.fromkeys(readings))


_PLAIN: Final = frozenset(
    {"us-ascii", "ascii", "utf-8", "utf8", "iso-8859-1", "iso-8859-15", "windows-1252", "latin-1"}
)


def _text_of(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except (LookupError, UnicodeError, ValueError):
        raise LookupError(charset) from None
    except Exception:  # a codec that is none of text: "hex", "zlib"
        raise LookupError(charset) from None
