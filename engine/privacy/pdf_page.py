"""The words that a page's content shows.

Source  ISO 32000-1, 9.4.3 (operators that show text), 14.9.4 (replacement text).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from engine.privacy.pdf_fonts import Font
from engine.privacy.pdf_strings import FLAT, HEX, NESTED, closing, raw, text_string
from engine.verify.pdf_syntax import Name

# No alternative walks back over what it took, so each takes no more than its own bytes.
_SHOWING: Final = re.compile(
    rb"[/\s\[(<T'\"](?:"
    rb"(?<=/)(?P<font>[^\0-\x20()<>\[\]{}/%]++)\s++[-+.0-9]++\s++Tf\b"
    rb"|(?<=\s)(?P<move>[-+.0-9]++)(?=\s++(?:Tm|cm|T[dD])\b)"
    rb"|(?P<next>(?<=T)\*|(?<=[\s)>]['\"])(?=\s))"
    rb"|(?<=\[)(?P<row>(?:[^\[\]()\\<>]++|" + NESTED + rb"|" + HEX + rb")*+\])(?=\s*+TJ)"
    rb"|(?<=\()(?P<one>(?:[^()\\]++|\\.|" + FLAT + rb")*+\))"
    rb"|(?<=<)(?P<hex>(?!<)[0-9A-Fa-f\s]*+>)(?=\s*+(?:Tj|['\"]))"
    rb"|(?<=\()(?P<open>))",
    re.DOTALL,
)
_IN_ROW: Final = re.compile(rb"(" + NESTED + rb"|" + HEX + rb")|(-?[0-9.]++)", re.DOTALL)
_GAP: Final = 180  # thousandths of the font's size that a reader takes for a blank
_SHOWN: Final = (b"Tj", b"' ", b"'\n", b"'\r", b'" ')


class Page:
    """One content, read. ``readable`` False: a font does not say what its codes mean, or a string
    never ends."""

    __slots__ = ("_font", "_last", "_out", "readable")

    def __init__(self, content: bytes, fonts: Mapping[str, Font]) -> None:
        self.readable = True
        self._font: Font | None = None
        self._last = b""
        self._out: list[str] = []
        for found in self._steps(content):
            match found.lastgroup:
                case "font":
                    self._font = fonts.get(Name(found["font"].decode("latin-1")))
                case "move":
                    self._move(found["move"])
                case "next":
                    self._out.append("\n")
                case "row":
                    self._row(found["row"])
                case _:
                    self._one(found[0], content[found.end() : found.end() + 8])

    @property
    def text(self) -> str:
        """All words, blanks and line ends where a reader sees them."""
        return "".join(self._out)

    def _steps(self, content: bytes) -> Iterator[re.Match[bytes]]:
        start = 0
        while start >= 0:
            for found in _SHOWING.finditer(content, start):
                if found.lastgroup != "open":
                    yield found
                    continue
                start = closing(content, found.end(), len(content))
                if start < 0:
                    self.readable = False
                else:  # brackets in brackets in brackets
                    self._one(content[found.start() : start], content[start : start + 8])
                break
            else:
                return

    def _move(self, at: bytes) -> None:
        still = at in (b"0", b"0.0")
        self._out.append(" " if still or at == self._last else "\n")
        self._last = self._last if still else at

    def _row(self, row: bytes) -> None:
        """Strings and gaps; those with no wide gap between them are one."""
        held: list[bytes] = []
        for told, gap in _IN_ROW.findall(row):
            if told:
                held.append(raw(told))
            elif _wide(gap):
                self._show(held)
                self._out.append(" ")
                held = []
        self._show(held)

    def _one(self, told: bytes, behind: bytes) -> None:
        # A string in the marks round a text (ActualText) is in no font.
        if behind.lstrip()[:2] in _SHOWN:
            self._show([raw(told)])
        else:
            self.readable &= self._font is None or self._font.readable
            self._out.append(f" {text_string(told)} ")

    def _show(self, held: list[bytes]) -> None:
        if not held:
            return
        font = self._font
        if font is None:
            self._out.append(b"".join(held).decode("cp1252", "replace"))
            return
        self.readable &= font.readable
        if font.wide:
            held = [codes[: len(codes) & ~1] for codes in held]
        self._out.append(font.text(b"".join(held)))


def _wide(gap: bytes) -> bool:
    try:
        return float(gap) < -_GAP
    except ValueError:
        return False
