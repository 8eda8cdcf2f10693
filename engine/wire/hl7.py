"""Our own reader of HL7 v2 messages (ER7): a lossless, lazy segment tree.

Why not hl7apy, which checks our messages elsewhere: read with its defaults it drops every
segment that its grammar does not know (ZBE, ZFA, ZFD…, PRT) and still calls the message valid,
and it takes about 4 ms a segment. Here the segments that go in come out, byte for byte.

Delimiters always delimit (HL7 v2.5 section 2.7): text is split first and unescaped afterwards,
so ``\\T\\`` or ``\\X26\\`` never makes a subcomponent, and a lone ``\\`` never hides a field.
Values of messages stay out of every repr.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from engine.wire import hl7_charset
from engine.wire.hl7_errors import (
    BytesError,
    CharsetError,
    NoHeaderError,
    SeparatorsError,
    UnreadableError,
)
from engine.wire.hl7_header import Header, Separators, peek

__all__ = [
    "BytesError",
    "CharsetError",
    "Header",
    "Message",
    "NoHeaderError",
    "Repetition",
    "Segment",
    "Separators",
    "SeparatorsError",
    "UnreadableError",
    "peek",
    "read",
]

_NO_ALIASES: Final[Mapping[str, str]] = MappingProxyType({})

# A segment ends with CR (section 2.3), or CRLF. Where no CR stands at all, LF ends a segment, but
# only before another one with its field separator: elsewhere it is a line break that a sender left
# in a text ("VIH", "ECG" stand alone on their line in French letters), and cutting there would
# lose the rest of the field. A run of LF is looked at once, from its first.
MOST_REPETITIONS: Final = 1000
# Segments that senders of LF-ended messages are known to leave bare.
_BARE: Final = (
    "ACC|AL1|DB1|DG1|EVN|GT1|IN1|IN2|IN3|MRG|NK1|NTE|OBR|OBX|ORC|PD1|PID|PR1|PRT|PV1|PV2|ROL|"
    "SFT|TXA|UAC"
)
_CR_ENDS: Final = re.compile(r"\r[\r\n]*")
_EMPTY: Final = "\r\n"


class Repetition:
    """One occurrence of a field."""

    __slots__ = ("_charset", "_separators", "text")

    def __init__(self, text: str, separators: Separators | None, charset: str) -> None:
        self.text = text  # as it stands, escaped
        self._separators = separators  # None: MSH-1 and MSH-2, which are not split
        self._charset = charset

    def value(self, component: int = 1, subcomponent: int = 1) -> str:
        """One value, unescaped; empty when absent. ``""`` (two quotes, "delete") stays so."""
        separators = self._separators
        if separators is None:
            return self.text if component == subcomponent == 1 else ""
        parts = self.text.split(separators.component, component)
        if component > len(parts):
            return ""
        parts = parts[component - 1].split(separators.subcomponent, subcomponent)
        if subcomponent > len(parts):
            return ""
        return _unescape(parts[subcomponent - 1], separators, self._charset)

    def whole(self) -> str:
        """All of it, unescaped, unescaped delimiters left in: for the text of OBX-5 and NTE-3,
        where senders leave ``&`` and ``^`` as they are."""
        if self._separators is None:
            return self.text
        return _unescape(self.text, self._separators, self._charset)

    def __repr__(self) -> str:
        return "Repetition(…)"


class Segment:
    """One segment, without its line end."""

    __slots__ = ("_charset", "_fields", "_separators", "name", "text")

    def __init__(self, text: str, separators: Separators, charset: str) -> None:
        self.text = text
        self.name = text.split(separators.field, 1)[0]
        self._separators = separators
        self._charset = charset
        self._fields: list[str] | None = None

    def field(self, n: int) -> str:
        """Field n as it stands, repetitions and escapes included; empty when absent."""
        if n < 1:
            return ""
        fields = self._fields
        if fields is None:
            fields = self._fields = self.text.split(self._separators.field)
            if fields[0] == "MSH":  # MSH-1 is the separator itself (HL7 v2.5 section 2.15.9.1)
                fields.insert(1, self._separators.field)
        return fields[n] if n < len(fields) else ""

    def repetitions(self, n: int) -> tuple[Repetition, ...]:
        """The occurrences of field n, empty ones between ``~`` included; () when the field is
        absent or empty. Of a hostile number of them, the first `MOST_REPETITIONS`."""
        text = self.field(n)
        if not text:
            return ()
        separators, charset = self._separators, self._charset
        if n <= 2 and self.name == "MSH":
            return (Repetition(text, None, charset),)
        if separators.repetition not in text:
            return (Repetition(text, separators, charset),)
        parts = text.split(separators.repetition, MOST_REPETITIONS)[:MOST_REPETITIONS]
        return tuple(Repetition(part, separators, charset) for part in parts)

    def value(self, n: int, component: int = 1, subcomponent: int = 1) -> str:
        """A value of the first repetition of field n, unescaped; empty when absent."""
        found = self.repetitions(n)
        return found[0].value(component, subcomponent) if found else ""

    def __repr__(self) -> str:
        return f"Segment({self.name[:3]!r})"


class Message:
    """A message that was read. ``encode`` gives back exactly the bytes that came in."""

    __slots__ = ("_ends", "_lead", "charset", "header", "segments", "separators")

    def __init__(
        self,
        header: Header,
        segments: tuple[Segment, ...],
        ends: list[str],
        lead: str,
        charset: str,
    ) -> None:
        self.header = header
        self.separators = header.separators
        self.segments = segments
        self.charset = charset  # Python codec
        self._ends = ends  # what followed each segment: CR, LF, CRLF, empty lines, nothing
        self._lead = lead  # empty lines before MSH

    def encode(self) -> bytes:
        """The message as bytes in its own character set."""
        parts = [self._lead]
        for segment, end in zip(self.segments, self._ends, strict=True):
            parts += (segment.text, end)
        return "".join(parts).encode(self.charset)

    def all(self, name: str) -> tuple[Segment, ...]:
        """The segments of that name, in order."""
        return tuple(segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        for segment in self.segments:
            if segment.name == name:
                return segment
        return None

    def value(self, name: str, n: int, component: int = 1, subcomponent: int = 1) -> str:
        """A value of the first segment of that name; empty when absent."""
        segment = self.first(name)
        return segment.value(n, component, subcomponent) if segment else ""

    def __repr__(self) -> str:
        return f"Message({self.header.message_type!r}, {len(self.segments)} segments)"


def read(raw: bytes, *, aliases: Mapping[str, str] = _NO_ALIASES) -> Message:
    """Read one message.

    `aliases` leads from values of MSH-18 that a sender writes to those of table 0211. Raises
    NoHeaderError, SeparatorsError, CharsetError or BytesError, each with its ``condition``.
    """
    header = peek(raw)
    codec = hl7_charset.codec_of(header.charset, aliases)
    text, charset = hl7_charset.decode(raw, codec)
    body = text.lstrip(_EMPTY)
    lead = text[: len(text) - len(body)]
    texts, ends = _cut(body)
    separators = header.separators
    if not texts[0].isascii():
        header = Header(separators, texts[0].split(separators.field))
    segments = tuple([Segment(line, separators, charset) for line in texts])
    return Message(header, segments, ends, lead, charset)


@lru_cache(maxsize=16)
def _lf_ends(separator: str) -> re.Pattern[str]:
    field = re.escape(separator)
    return re.compile(
        rf"(?<!\n)\n+(?=[A-Z][A-Z0-9]{{2}}{field}|(?:Z[A-Z0-9]{{2}}|{_BARE})(?:\n|\Z))"
    )


def _cut(body: str) -> tuple[list[str], list[str]]:
    """Texts of the segments, and what followed each."""
    inner = body.rstrip(_EMPTY)
    tail = body[len(inner) :]
    if "\n" not in inner and "\r\r" not in inner:
        texts = inner.split("\r")
        return texts, ["\r"] * (len(texts) - 1) + [tail]
    texts, ends, at = [], [], 0
    ends_with = _CR_ENDS if "\r" in inner else _lf_ends(inner[3:4])
    for found in ends_with.finditer(inner):
        texts.append(inner[at : found.start()])
        ends.append(found.group())
        at = found.end()
    return [*texts, inner[at:]], [*ends, tail]


def _unescape(text: str, separators: Separators, charset: str) -> str:
    """Undo the escapes of HL7 v2.5 section 2.7. What is not known there stays as it stands:
    highlighting, other character sets, local ones, and a mark without its pair."""
    mark = separators.escape
    if mark not in text:
        return text
    parts = text.split(mark)
    out, at = [parts[0]], 1
    while at < len(parts):
        plain = _escaped(parts[at], separators, charset) if at + 1 < len(parts) else None
        if plain is None:
            out += (mark, parts[at])
            at += 1
        else:
            out += (plain, parts[at + 1])
            at += 2
    return "".join(out)


def _escaped(body: str, separators: Separators, charset: str) -> str | None:
    match body:
        case "F":
            return separators.field
        case "S":
            return separators.component
        case "T":
            return separators.subcomponent
        case "R":
            return separators.repetition
        case "E":
            return separators.escape
        case ".br":
            return "\n"
        case _ if body[:1] == "X" and len(body) > 1:
            return _hexadecimal(body[1:], charset)
        case _:
            return None


def _hexadecimal(digits: str, charset: str) -> str | None:
    # Control characters other than tabs and line ends stay escaped: no reader expects them, and
    # XML cannot hold them.
    try:
        text = bytes.fromhex(digits).decode(charset)
    except ValueError:
        return None
    if any(sign not in "\t\r\n" and (sign < " " or "\x7f" <= sign <= "\x9f") for sign in text):
        return None
    return text
