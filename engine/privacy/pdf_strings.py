"""Strings of a PDF, found in one walk over its bytes, and read.

A string ends at its own bracket, those inside it being in pairs or behind a backslash. One that
never ends is told, and nothing behind it is looked at: so no byte is walked over more than three
times, whatever the bytes are.

Source  ISO 32000-1, 7.3.4 (string objects), 7.9.2 (text strings).
"""

import re
from collections.abc import Iterator
from typing import Final

# Without a bracket inside, and with pairs of brackets that have none. Nothing is walked back.
FLAT: Final = rb"\((?:[^()\\]++|\\.)*+\)"
NESTED: Final = rb"\((?:[^()\\]++|\\.|" + FLAT + rb")*+\)"
HEX: Final = rb"<(?!<)[0-9A-Fa-f\s]*+>"
# Its first sign is taken before anything is asked: so it is looked for at the speed of a copy.
_TOKEN: Final = re.compile(
    rb"[(<%/](?:(?<=\()(?P<string>(?:[^()\\]++|\\.)*+\))"
    rb"|(?<=<)(?P<hex>(?!<)[0-9A-Fa-f\s]{4,}+>)"
    rb"|(?<=%)(?P<comment>[^\r\n]{4,}+)"
    rb"|(?<=/)(?P<name>[^\0-\x20()<>\[\]{}/%]{5,}+)"
    rb"|(?<=\()(?P<open>))",
    re.DOTALL,
)
_BRACKET: Final = re.compile(rb"[()]|\\.", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\([0-7]{1,3}|\r\n?|.)", re.DOTALL)


class _Escapes(dict[bytes, bytes]):
    """What stands behind a backslash, to what it means; most signs mean themselves."""

    def __missing__(self, sign: bytes) -> bytes:
        return sign


_UNESCAPED: Final = _Escapes(
    {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
    | dict.fromkeys((b"\n", b"\r", b"\r\n"), b"")
    | {
        f"{code:0{width}o}".encode(): bytes([code & 255])
        for width in (1, 2, 3)
        for code in range(8**width)
    }
)


class Token(tuple[str, bytes, int]):
    """``string`` (with its brackets), ``comment``, ``name`` or ``open``; its bytes; where."""

    __slots__ = ()


def tokens(data: bytes, start: int, end: int) -> Iterator[Token]:
    """The strings, comments and longer names of a region, in order; ``open`` last, if ever."""
    while start >= 0:
        for found in _TOKEN.finditer(data, start, end):
            kind = str(found.lastgroup)
            if kind in ("string", "hex"):
                yield Token(("string", found[0], found.start()))
            elif kind != "open":
                yield Token((kind, found[kind], found.start()))
            else:
                at, start = found.start(), closing(data, found.end(), end)
                if start < 0:
                    yield Token(("open", data[at:end], at))
                else:
                    yield Token(("string", data[at:start], at))
                break
        else:
            return


def closing(data: bytes, at: int, end: int) -> int:
    """Behind the bracket that ends the string begun before ``at``; -1: it never ends."""
    depth = 1
    for found in _BRACKET.finditer(data, at, end):
        if found[0] == b"(":
            depth += 1
        elif found[0] == b")":
            depth -= 1
            if not depth:
                return found.end()
    return -1


def raw(told: bytes) -> bytes:
    """The bytes that a string with its brackets stands for."""
    if told.startswith(b"<"):
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", told)
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
    if b"\\" not in told:
        return told[1:-1]
    parts = _ESCAPE.split(told[1:-1])
    parts[1::2] = map(_UNESCAPED.__getitem__, parts[1::2])
    return b"".join(parts)


def text_string(told: bytes) -> str:
    """A text of a dictionary: UTF-16 or UTF-8 by their marks, else Latin-1 near enough."""
    held = raw(told)
    if held.startswith(b"\xfe\xff"):
        return held[2:].decode("utf-16-be", "replace")
    if held.startswith(b"\xff\xfe"):
        return held[2:].decode("utf-16-le", "replace")
    if held.startswith(b"\xef\xbb\xbf"):
        return held[3:].decode("utf-8", "replace")
    return held.decode("latin-1")
