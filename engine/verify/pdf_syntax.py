"""The objects of a PDF 1.4 file: cross-reference table, dictionaries, streams; nothing drawn.

Source  ISO 32000-1 section 7 and PDF Reference 1.4. Cross-reference streams and object streams
are not read: PDF/A-1 has none.

What can go wrong
    A file may point everywhere at once. Objects, bytes and nesting that are read are bounded, so
    the time is too, whatever the file says.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

MOST_OBJECTS: Final = 100_000
MOST_DEPTH: Final = 60
MOST_TOKENS: Final = 2_000_000
MOST_UPDATES: Final = 100
_TIMES: Final = 3  # an honest file is read once; one that overlaps itself, so often

_SPACE: Final = rb"[\0\t\n\f\r ]"
_GAPS: Final = frozenset(bytes([sign]) for sign in b"\0\t\n\f\r %")
_GAP: Final = re.compile(rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)++")
_TOKEN: Final = re.compile(
    rb"(?P<numbers>\[[0-9+\-. \r\n]*\])"
    rb"|(?P<name>/[^\0\t\n\f\r ()<>\[\]{}/%]*)"
    rb"|(?P<ref>[0-9]{1,10}[\0\t\n\f\r ]+[0-9]{1,5}[\0\t\n\f\r ]+R(?![A-Za-z0-9]))"
    rb"|(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    rb"|(?P<open><<)|(?P<close>>>)|(?P<begin>\[)|(?P<end>\])"
    rb"|(?P<hex><[0-9A-Fa-f\0\t\n\f\r ]*>)|(?P<string>\()|(?P<word>[A-Za-z*'\"]+)"
)
_PARENS: Final = re.compile(rb"[()]|\\.", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\([0-7]{1,3}|\r\n?|[^\r])", re.DOTALL)
_LETTERS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_OBJECT: Final = re.compile(rb"([0-9]{1,10})%s+([0-9]{1,5})%s+obj" % (_SPACE, _SPACE))
_ENTRY: Final = re.compile(rb"([0-9]{10}) ([0-9]{5}) ([nf])")
_SECTION: Final = re.compile(rb"%s*([0-9]{1,10}) ([0-9]{1,10})%s*" % (_SPACE, _SPACE))
_STREAM: Final = re.compile(rb"%s*stream(\r\n|\n|\r)" % _SPACE)


class PdfError(Exception):
    """The file cannot be read further; ``rule`` and the text say why."""

    def __init__(self, rule: str, sentence: str) -> None:
        self.rule = rule
        super().__init__(sentence)


class Name(str):
    """``/Name``, its ``#`` escapes undone."""

    __slots__ = ()


class Ref(NamedTuple):
    """``12 0 R``"""

    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its dictionary, and where its bytes lie (``-1``: its length does not hold)."""

    dictionary: dict[str, Any]
    start: int
    length: int


class File:
    """A file whose cross-references were read. Objects are parsed when asked for."""

    __slots__ = ("_allowance", "_parsed", "_tokens", "data", "offsets", "trailer")

    def __init__(self, data: bytes) -> None:
        """Raises PdfError."""
        self.data = data
        self.offsets: dict[int, int] = {}
        self.trailer: dict[str, Any] = {}
        self._parsed: dict[int, Any] = {}
        self._tokens = MOST_TOKENS
        self._allowance = _TIMES * len(data) + 10_000
        self._read_tables()

    def numbers(self) -> Iterator[int]:
        """The numbers of all objects in use."""
        return iter(sorted(self.offsets))

    def object(self, number: int) -> Any:
        """An object by its number; None when it is not there. Raises PdfError."""
        if number not in self._parsed:
            self._parsed[number] = None  # a length that refers to its own stream ends here
            self._parsed[number] = self._object(number)
        return self._parsed[number]

    def value(self, held: Any) -> Any:
        """What a value is, a reference followed. Raises PdfError."""
        for _ in range(8):
            if not isinstance(held, Ref):
                return held
            held = self.object(held.number)
        return None

    def dictionary(self, held: Any) -> dict[str, Any]:
        """A dictionary, or that of a stream, or an empty one."""
        value = self.value(held)
        if isinstance(value, Stream):
            return value.dictionary
        return value if isinstance(value, dict) else {}

    def content(self, stream: Stream, most: int) -> bytes | None:
        """The bytes of a stream, as far as ``most``; None when its filter is not Flate or none."""
        raw = self.data[stream.start : stream.start + max(stream.length, 0)]
        match self.value(stream.dictionary.get("Filter")):
            case None | []:
                return raw[:most]
            case "FlateDecode" | ["FlateDecode"]:
                try:
                    return zlib.decompressobj().decompress(raw, most)
                except zlib.error:
                    return None
            case _:
                return None

    def _read_tables(self) -> None:
        tail = self.data[-2048:]
        found = re.findall(rb"startxref[\0\t\n\f\r ]+([0-9]{1,12})", tail)
        if not found:
            raise PdfError("pdf-xref", "startxref is missing: the file is cut, or no PDF")
        at: int | None = int(found[-1])
        seen: set[int] = set()
        while at is not None:
            if at in seen or len(seen) > MOST_UPDATES:
                raise PdfError("pdf-xref", "the cross-reference tables refer to one another")
            seen.add(at)
            trailer = self._read_table(at)
            self.trailer = {**trailer, **self.trailer}
            before = trailer.get("Prev")
            at = int(before) if isinstance(before, int | float) else None
        if len(set(self.offsets.values())) != len(self.offsets):
            raise PdfError("pdf-xref", "two objects lie at one place")

    def _read_table(self, at: int) -> dict[str, Any]:
        data = self.data
        if _OBJECT.match(data, at):
            raise PdfError(
                "pdf-xref-stream", "the cross-references are a stream (PDF 1.5); PDF/A-1 is PDF 1.4"
            )
        if data[at : at + 4] != b"xref":
            raise PdfError("pdf-xref", "there is no cross-reference table where one is announced")
        at += 4
        while section := _SECTION.match(data, at):
            first, count = int(section[1]), int(section[2])
            if first + count > MOST_OBJECTS or len(self.offsets) > MOST_OBJECTS:
                raise PdfError("pdf-size", f"more than {MOST_OBJECTS} objects")
            at = section.end()
            for number in range(first, first + count):
                entry = _ENTRY.match(data, at)
                if entry is None:
                    raise PdfError("pdf-xref", "the cross-reference table is malformed")
                if entry[3] == b"n":
                    self.offsets.setdefault(number, int(entry[1]))
                at += 20
        gap = _GAP.match(data, at)
        at = gap.end() if gap else at
        if data[at : at + 7] != b"trailer":
            raise PdfError("pdf-xref", "the trailer is missing")
        trailer, _ = self.parse(at + 7)
        if not isinstance(trailer, dict):
            raise PdfError("pdf-xref", "the trailer is malformed")
        return trailer

    def _object(self, number: int) -> Any:
        at = self.offsets.get(number)
        if at is None:
            return None
        found = _OBJECT.match(self.data, at)
        if found is None or int(found[1]) != number:
            raise PdfError("pdf-xref", f"object {number} is not where the table says")
        value, end = self.parse(found.end())
        begun = _STREAM.match(self.data, end) if isinstance(value, dict) else None
        if begun is None:
            return value
        start, length = begun.end(), self.value(value.get("Length"))
        if not isinstance(length, int) or length < 0:
            return Stream(value, start, -1)
        after = self.data[start + length : start + length + 11]
        held = after.lstrip(b"\r\n").startswith(b"endstream") and begun[1] != b"\r"
        return Stream(value, start, length if held else -1)

    def parse(self, at: int) -> tuple[Any, int]:
        """The value at a place, and where it ends. Raises PdfError."""
        data, start = self.data, at
        stack: list[list[Any]] = [[]]
        opened: list[str] = []
        while True:
            if data[at : at + 1] in _GAPS and (gap := _GAP.match(data, at)):
                at = gap.end()
            token = _TOKEN.match(data, at)
            if token is None:
                raise PdfError("pdf-syntax", f"byte {at}: nothing that a PDF may hold")
            at, kind, text = token.end(), token.lastgroup, token[0]
            self._tokens -= 1
            if self._tokens < 0:
                raise PdfError("pdf-size", f"more than {MOST_TOKENS} words: not read any further")
            match kind:
                case "open" | "begin":
                    if len(opened) >= MOST_DEPTH:
                        raise PdfError("pdf-syntax", f"nested more than {MOST_DEPTH} deep")
                    opened.append(kind)
                    stack.append([])
                case "close" | "end":
                    if not opened or opened.pop() != ("open" if kind == "close" else "begin"):
                        raise PdfError("pdf-syntax", f"byte {at}: closed, and never opened")
                    items = stack.pop()
                    stack[-1].append(_dictionary(items) if kind == "close" else items)
                case "string":
                    value, at = _string(data, at)
                    stack[-1].append(value)
                case _:
                    stack[-1].append(_simple(str(kind), text))
            if not opened:
                self._allowance -= at - start
                if self._allowance < 0:
                    raise PdfError("pdf-size", "its objects overlap: it is not read any further")
                return stack[0][0], at


def _dictionary(items: list[Any]) -> dict[str, Any]:
    keys = items[::2]
    if len(items) % 2 or not all(isinstance(key, Name) for key in keys):
        raise PdfError("pdf-syntax", "a dictionary without pairs of name and value")
    return dict(zip(keys, items[1::2], strict=True))


def _simple(kind: str, text: bytes) -> Any:
    match kind:
        case "numbers":
            return []  # no rule asks for them
        case "name":
            if b"#" in text:
                text = re.sub(rb"#([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), text)
            return Name(text[1:].decode("latin-1"))
        case "ref":
            number, generation = re.findall(rb"[0-9]+", text)
            return Ref(int(number), int(generation))
        case "number":
            return float(text) if b"." in text else int(text[:20])
        case "hex":
            digits = re.sub(_SPACE, b"", text[1:-1])
            return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
        case _:
            return {b"true": True, b"false": False}.get(text)


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    start, depth = at, 1
    for found in _PARENS.finditer(data, at):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if depth == 0:
            return _ESCAPE.sub(_unescaped, data[start : found.start()]), found.end()
    raise PdfError("pdf-syntax", f"byte {at}: a text that never ends")


def _unescaped(found: re.Match[bytes]) -> bytes:
    sign = found[1]
    if sign[:1].isdigit():
        return bytes([int(sign, 8) & 255])
    if sign[:1] in (b"\r", b"\n"):
        return b""
    return _LETTERS.get(sign, sign)
