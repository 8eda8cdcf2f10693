"""From the codes of a page's text to characters.

Source  ISO 32000-1, 9.6.6 (encodings), 9.10 (ToUnicode); Adobe Technical Note 5411.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from engine.privacy.pdf_objects import unpacked
from engine.verify.pdf_syntax import File, Name, Stream

MOST_RANGE: Final = 65_536
_EDGE: Final = re.compile(rb"(begin|end)(bfchar|bfrange)")
_CHAR: Final = re.compile(rb"<([0-9A-Fa-f\s]++)>\s*+<([0-9A-Fa-f\s]*+)>")
_RANGE: Final = re.compile(
    rb"<([0-9A-Fa-f\s]++)>\s*+<([0-9A-Fa-f\s]++)>\s*+(?:<([0-9A-Fa-f\s]*+)>|\[([^\[\]]*+)\])"
)
_SPACE: Final = re.compile(rb"begincodespacerange\s*<([0-9A-Fa-f]+)>")
_ACCENTS: Final = {
    "acute": "\u0301", "grave": "\u0300", "circumflex": "\u0302", "dieresis": "\u0308",
    "cedilla": "\u0327", "tilde": "\u0303", "ring": "\u030a", "caron": "\u030c",
}  # fmt: skip
_NAMED: Final = {
    "space": " ", "nbspace": " ", "oe": "œ", "OE": "Œ", "ae": "æ", "AE": "Æ", "hyphen": "-",
    "sfthyphen": "", "softhyphen": "", "period": ".", "comma": ",", "colon": ":",
    "semicolon": ";", "quotesingle": "'", "quoteright": "'", "degree": "°", "slash": "/",
    "underscore": "_", "fi": "fi", "fl": "fl", "ff": "ff", "ffi": "ffi", "ffl": "ffl",
    "f_i": "fi", "f_f": "ff", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "germandbls": "ß",
    "endash": "-", "emdash": "-", "parenleft": "(", "parenright": ")", "at": "@",
}  # fmt: skip


class Font:
    """How the codes of one font are read. ``readable`` False: its codes mean nothing to us."""

    __slots__ = ("_map", "readable", "wide")

    def __init__(self, mapping: dict[int, str], *, wide: bool, readable: bool) -> None:
        self._map = mapping
        self.wide = wide
        self.readable = readable

    def text(self, codes: bytes) -> str:
        """The characters of a shown string."""
        if self.wide:
            raw = codes[: len(codes) & ~1].decode("utf-16-be", "surrogatepass")
            if any(one > "\uffff" for one in raw):  # two codes that look like one pair
                raw = "".join(
                    chr(int.from_bytes(codes[i : i + 2])) for i in range(0, len(codes) - 1, 2)
                )
            return raw.translate(self._map)
        return codes.decode("latin-1").translate(self._map)


def font_of(file: File, held: Any) -> Font:
    """Read the font of a resource. Raises PdfError."""
    font = file.dictionary(held)
    wide = font.get("Subtype") == "Type0"
    stream = file.value(font.get("ToUnicode"))
    if isinstance(stream, Stream):
        content = unpacked(file, stream)
        if content is not None:
            space = _SPACE.search(content)
            mapping = _to_unicode(content)
            if space is not None:
                wide = len(space[1]) > 2
            base = {} if wide else _simple(file, font)
            return Font(base | mapping, wide=wide, readable=bool(mapping))
    if wide:
        return Font({}, wide=True, readable=False)
    mapping = _simple(file, font)
    symbolic = font.get("Subtype") == "Type3" and not any(one.isalpha() for one in mapping.values())
    return Font(mapping, wide=False, readable=not symbolic)


def _blocks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each block of a table: its kind, and where its lines lie. One that never ends is none."""
    begun: tuple[bytes, int] | None = None
    for edge in _EDGE.finditer(content):
        if edge[1] == b"begin":
            begun = begun or (edge[2], edge.end())
        elif begun is not None:
            yield *begun, edge.start()
            begun = None


def _to_unicode(content: bytes) -> dict[int, str]:
    mapping: dict[int, str] = {}
    for kind, start, end in _blocks(content):
        if kind == b"bfchar":
            for one in _CHAR.finditer(content, start, end):
                mapping[int(re.sub(rb"\s", b"", one[1]), 16)] = _utf16(one[2])
            continue
        for one in _RANGE.finditer(content, start, end):
            low, high = (int(re.sub(rb"\s", b"", end), 16) for end in (one[1], one[2]))
            if one[4] is not None:
                targets = re.findall(rb"<([0-9A-Fa-f\s]*)>", one[4])
                mapping.update({low + i: _utf16(told) for i, told in enumerate(targets)})
                continue
            first = _utf16(one[3])
            for code in range(low, min(high, low + MOST_RANGE) + 1):
                step = chr(min(ord(first[-1]) + code - low, 0x10FFFF)) if first else ""
                mapping[code] = first[:-1] + step
    return mapping


def _utf16(digits: bytes) -> str:
    packed = re.sub(rb"\s", b"", digits)
    raw = bytes.fromhex((packed + b"0" * (-len(packed) % 4)).decode("ascii"))
    return raw.decode("utf-16-be", "replace")


def _simple(file: File, font: dict[str, Any]) -> dict[int, str]:
    """A one-byte encoding; its differences by the names of glyphs."""
    encoding = file.value(font.get("Encoding"))
    base = encoding
    differences: Any = None
    if isinstance(encoding, dict):
        base = encoding.get("BaseEncoding")
        differences = file.value(encoding.get("Differences"))
    codec = "mac-roman" if base == "MacRomanEncoding" else "cp1252"
    mapping = {code: bytes([code]).decode(codec, "ignore") or " " for code in range(0x80, 0x100)}
    code = 0
    for one in differences if isinstance(differences, list) else ():
        if isinstance(one, int):
            code = one
        elif isinstance(one, Name):
            mapping[code] = glyph(one)
            code += 1
    return mapping


def glyph(name: str) -> str:
    """The character that a glyph's name says (Adobe Glyph List, as far as French goes)."""
    told = name.partition(".")[0]
    if len(told) == 1:
        return told
    if told in _NAMED:
        return _NAMED[told]
    if found := re.fullmatch(r"uni((?:[0-9A-F]{4})+)|u([0-9A-F]{4,6})", told):
        if found[1]:
            return bytes.fromhex(found[1]).decode("utf-16-be", "replace")
        return chr(min(int(found[2], 16), 0x10FFFF))
    accent = _ACCENTS.get(told[1:].lower())
    return unicodedata.normalize("NFC", told[0] + accent) if accent else " "
