"""RTF, as word processors of hospital software write it, to plain text.

striprtf does the conversion. It is never given the file itself: a first pass, linear in its size,
leaves out what is not the letter (pictures, objects, style sheets, page headers and footers,
comments), what its author took out of sight (hidden and deleted text), and what would cost more
than it is worth to a library that reads with regular expressions. What is struck through stays,
and says that it is: plain text has no other sign of it. Nothing is rendered.

Source: Rich Text Format specification 1.9.1.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Final

from striprtf.striprtf import rtf_to_text

from engine.wire.encapsulated import ContentError

MOST_DEPTH: Final = 100
MOST_TOKENS: Final = 400_000
MOST_WRITTEN: Final = 1_000_000  # characters given to the library
_MOST_FONTS: Final = 1000

_TOKEN: Final = re.compile(
    r"\\(?P<word>[A-Za-z]{1,32})(?P<number>-?\d{1,10})? ?"
    r"|\\'(?P<hex>[0-9A-Fa-f]{2})"
    r"|\\(?P<symbol>.)"
    r"|(?P<brace>[{}])"
    r"|(?P<end>[\r\n]+)"
    r"|(?P<text>[^\\{}\r\n]+)",
    re.DOTALL,
)
# Groups that are not the letter. Pictures and objects with all that is in them.
_LEFT_OUT: Final = frozenset(
    {"pict", "object", "sp", "shprslt", "stylesheet", "colortbl", "info", "listtable", "rsidtbl"}
    | {"listoverridetable", "revtbl", "filetbl", "xmlnstbl", "themedata", "datastore", "fldinst"}
    | {"header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf"}
    | {"nonesttables", "annotation", "upr", "tc", "xe", "bkmkstart", "bkmkend", "nonshppict"}
)
# Groups that a reader may leave out and whose text belongs to the letter: text frames, footnotes,
# the numbers and bullets of lists.
_KEPT: Final = frozenset(
    {"shp", "shpinst", "shpgrp", "shptxt", "do", "dptxbxtext", "footnote", "pntext"}
)
_CELLS: Final = frozenset({"cell", "nestcell"})
_ROWS: Final = frozenset({"row", "nestrow"})
_FORMAT: Final = frozenset({"f", "deff"})  # what out-of-sight text may still say: the font
_CODE_PAGES: Final = {10000: "mac_roman", 65001: "utf-8"}
_CELL_MARK: Final = " ; "
_STRUCK: Final = frozenset({"strike", "striked"})
_STRUCK_MARKS: Final = ("[barré : ", "]")
# Ends of what one pair of marks holds: a line, a cell, a page, a column.
_BREAKS: Final = _CELLS | _ROWS | {"par", "line", "page", "sect", "column", "tab"}


def rtf_text(data: bytes) -> str:
    """The text of an RTF document; cells of a row are parted by ``;``. Raises ContentError."""
    if not data.startswith(b"{\\rtf"):
        raise ContentError("it is announced as RTF and is none")
    codec = _codec(data)
    try:
        text = rtf_to_text(_Screen(data.decode("latin-1"), codec).run(), codec, "replace")
        # Characters outside the first plane come as two halves.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except (ValueError, OverflowError, LookupError):
        raise ContentError("the RTF holds characters that are none") from None
    if "\ufffd" in text:
        raise ContentError("the RTF holds bytes that its code page lacks")
    lines = [line.rstrip().removesuffix(_CELL_MARK.rstrip()).rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).replace("\xad", ""))


def _codec(data: bytes) -> str:
    """The codec of ``\\'xx`` and of bytes that stand as they are. Raises ContentError."""
    named = re.search(rb"\\ansicpg(\d{1,5})", data[:4096])
    page = int(named.group(1)) if named else 0
    if not page:
        return "mac_roman" if re.match(rb"\{\\rtf\d?\s*\\mac\b", data) else "cp1252"
    try:
        return codecs.lookup(_CODE_PAGES.get(page, f"cp{page}")).name
    except LookupError:
        raise ContentError("the code page of the RTF is unknown here") from None


@dataclass(slots=True)
class _Group:
    """What holds within one pair of braces."""

    out: bool = False  # left out, with all that is in it
    hidden: bool = False
    struck: bool = False
    fonts: bool = False  # the font table
    fresh: bool = True  # nothing was said in it yet
    starred: bool = False


class _Screen:
    """The first pass."""

    def __init__(self, text: str, codec: str) -> None:
        self._text = text
        self._codec = codec
        self._written: list[str] = []
        self._length = 0
        self._groups = [_Group()]
        self._fonts: dict[str, str] = {}
        self._font = ""
        self._open = False  # a mark of what is struck through

    def run(self) -> str:
        """The document without what must not reach the library. Raises ContentError."""
        at = 0
        for _ in range(MOST_TOKENS):
            found = _TOKEN.match(self._text, at)
            if found is None:
                if at < len(self._text) or len(self._groups) > 1:
                    raise ContentError("the RTF is cut off before its end")
                return "".join(self._written)
            at = found.end() + self._take(found)
            if len(self._groups) > MOST_DEPTH:
                break
        raise ContentError("the RTF is longer, or nests its groups deeper, than any letter")

    def _take(self, found: re.Match[str]) -> int:
        """Handle one token; gives how many characters after it are to be passed over."""
        group = self._groups[-1]
        match found.lastgroup:
            case "brace":
                self._brace(found["brace"])
            case "word" | "number":
                number = found["number"]
                if found["word"] == "bin":  # raw bytes follow, braces and marks among them
                    return max(int(number or 0), 0)
                if not group.out:
                    self._word(group, found["word"], number)
            case "symbol" if found["symbol"] == "*" and group.fresh:
                group.starred = True
                return 0
            case "end":
                return 0
            case "text" if not (group.out or group.hidden or group.fonts):
                if found["text"].strip():
                    self._mark(group.struck)
                self._write(self._plain(found["text"]))
            case "hex" | "symbol" if not (group.out or group.hidden or group.fonts):
                self._mark(group.struck)
                self._write(found.group())
            case _:
                pass
        if found.lastgroup != "brace":
            group.fresh = False
        return 0

    def _brace(self, brace: str) -> None:
        if brace == "{":
            above = self._groups[-1]
            above.fresh = False
            self._groups.append(_Group(above.out, above.hidden, above.struck, above.fonts))
            if not (above.out or above.fonts):
                self._write("{")
            return
        if len(self._groups) == 1:
            return
        closed, above = self._groups.pop(), self._groups[-1]
        if closed.fonts and not above.fonts:
            fonts = (f"{{\\f{one}\\fcharset{of} x;}}" for one, of in self._fonts.items())
            self._write("\\fonttbl" + "".join(fonts))
        if not (above.out or above.fonts):
            if not above.struck:
                self._mark(False)
            self._write("}")

    def _mark(self, struck: bool) -> None:
        """Say that struck words begin, or end, where they do."""
        if struck is not self._open:
            self._open = struck
            self._write(_STRUCK_MARKS[0 if struck else 1])

    def _word(self, group: _Group, word: str, number: str | None) -> None:
        if group.fresh and self._opens(group, word):
            return
        if group.fonts:
            self._font_word(word, number)
        elif word in ("v", "deleted"):
            group.hidden = number is None or int(number) != 0
        elif word == "plain":
            group.hidden = group.struck = False
        elif word in _STRUCK:
            group.struck = number is None or int(number) != 0
        elif group.hidden:
            if word in _FORMAT:
                self._write(f"\\{word}{number or ''} ")
        else:
            self._seen_word(group, word, number)

    def _seen_word(self, group: _Group, word: str, number: str | None) -> None:
        """A word of the letter itself."""
        if word in _BREAKS:
            self._mark(False)
        elif word == "u":  # a character
            self._mark(group.struck)
        if word in _CELLS:
            self._write(_CELL_MARK)
        elif word in _ROWS or word == "column":
            self._write("\\line ")
        elif word == "uc":
            if number is None or not 0 <= int(number) <= 8:
                raise ContentError("the RTF replaces its characters in a way that cannot be read")
            self._write(f"\\uc{number} ")
        elif word != "ansicpg":
            self._write(f"\\{word}{number or ''} ")

    def _opens(self, group: _Group, word: str) -> bool:
        """The first word of a group says what it is; True: nothing more is to be done with it."""
        if word == "fonttbl":
            group.fonts = True
        elif word in _KEPT:
            if word == "footnote":
                self._write(" ")
        elif word == "nesttableprops":
            group.out = True
            self._write("\\line ")  # it holds the end of a row
        elif word in _LEFT_OUT or group.starred:  # `\*`: whoever does not know it passes it over
            group.out = True
        else:
            return False
        return True

    def _font_word(self, word: str, number: str | None) -> None:
        if word == "f" and number:
            self._font = number
        elif (
            word == "fcharset"
            and (number or "").isdecimal()
            and self._font.isdecimal()
            and len(self._fonts) < _MOST_FONTS
        ):
            self._fonts[self._font] = number or ""

    def _plain(self, text: str) -> str:
        """Bytes above ASCII, which should not be there: UTF-8, or the document's code page."""
        if text.isascii():
            return text
        raw = text.encode("latin-1")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode(self._codec, "replace")

    def _write(self, text: str) -> None:
        self._length += len(text)
        if self._length > MOST_WRITTEN:
            raise ContentError("the text is longer than any letter")
        self._written.append(text)
