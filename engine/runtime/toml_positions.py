"""Where each setting of a TOML file stands: its path and its line. Pure.

tomllib gives values without positions. This index reads the same text again, once tomllib has
accepted it, and so may trust its syntax (TOML 1.0.0).
"""

from typing import Final

Path = tuple[str | int, ...]

_BARE_END: Final = frozenset(" \t.=]}#,\n\r")
_SPACE: Final = frozenset(" \t")
_BLANK: Final = frozenset(" \t\r\n")
_ESCAPES: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


def positions(text: str) -> dict[Path, int]:
    """Map each key, table and array element of valid TOML to its line, counted from 1.

    Elements of an array, and tables of an array of tables, are numbered from 0 in the path:
    ``("listener", 0, "port")``.
    """
    return _Index(text).read()


def line_of(index: dict[Path, int], path: Path) -> int:
    """The line of a setting; of the nearest table around it when it is not written; else 1."""
    while path:
        if path in index:
            return index[path]
        path = path[:-1]
    return 1


class _Index:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.found: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # arrays of tables: how many so far

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_blank():
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.found

    def _header(self) -> Path:
        line = self.line
        array = self.text.startswith("[[", self.at)
        self._step(2 if array else 1)
        path = self._resolve(self._key())
        for place in range(1, len(path)):
            self.found.setdefault(path[:place], line)  # [a.b] makes a, too
        if array:
            number = self.counts.get(path, 0)
            self.counts[path] = number + 1
            self.found.setdefault(path, line)
            path = (*path, number)
        self.found[path] = line
        self._step(2 if array else 1)
        return path

    def _resolve(self, keys: tuple[str, ...]) -> Path:
        """A header under an array of tables speaks of its last table."""
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            if path in self.counts and place < len(keys) - 1:
                path = (*path, self.counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        line = self.line
        path = table
        for key in self._key():
            path = (*path, key)
            self.found.setdefault(path, line)
        self._skip(_SPACE)
        self._step(1)  # =
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> tuple[str, ...]:
        keys = []
        while True:
            self._skip(_SPACE)
            keys.append(self._string() if self._peek() in "\"'" else self._bare())
            self._skip(_SPACE)
            if self._peek() != ".":
                return tuple(keys)
            self._step(1)

    def _bare(self) -> str:
        start = self.at
        while self._peek() and self._peek() not in _BARE_END:
            self._step(1)
        return self.text[start : self.at]

    def _value(self, path: Path) -> None:
        match self._peek():
            case '"' | "'":
                self._string()
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                self._bare_value()

    def _bare_value(self) -> None:
        # Dates may hold a space; a value ends at a comma, a bracket, a comment or the line's end.
        while self._peek() and self._peek() not in ",]}#\n":
            self._step(1)

    def _array(self, path: Path) -> None:
        self._step(1)
        number = 0
        while self._skip_blank() and self._peek() != "]":
            if self._peek() == ",":
                self._step(1)
                continue
            self.found[(*path, number)] = self.line
            self._value((*path, number))
            number += 1
        self._step(1)

    def _inline_table(self, path: Path) -> None:
        self._step(1)
        while self._skip_blank() and self._peek() != "}":
            if self._peek() == ",":
                self._step(1)
            else:
                self._pair(path)
        self._step(1)

    def _string(self) -> str:
        quote = self._peek()
        if self.text.startswith(quote * 3, self.at):
            return self._long_string(quote)
        self._step(1)
        out = []
        while (char := self._peek()) and char != quote:
            if char == "\\" and quote == '"':
                self._step(1)
                out.append(self._escape())
            else:
                out.append(char)
                self._step(1)
        self._step(1)
        return "".join(out)

    def _escape(self) -> str:
        char = self._peek()
        digits = {"u": 4, "U": 8}.get(char, 0)
        code = self.text[self.at + 1 : self.at + 1 + digits]
        self._step(1 + digits)
        return chr(int(code, 16)) if digits else _ESCAPES.get(char, char)

    def _long_string(self, quote: str) -> str:
        """A string over several lines is never a key: its text is not needed, its length is."""
        self._step(3)
        while self.at < len(self.text) and not self.text.startswith(quote * 3, self.at):
            self._step(2 if self._peek() == "\\" and quote == '"' else 1)
        while self._peek() == quote:  # up to two quotes may touch the closing three
            self._step(1)
        return ""

    def _skip_blank(self) -> bool:
        """Go past spaces, line ends and comments; False at the end of the text."""
        while self._peek():
            if self._peek() in _BLANK:
                self._step(1)
            elif self._peek() == "#":
                while self._peek() and self._peek() != "\n":
                    self._step(1)
            else:
                return True
        return False

    def _skip(self, chars: frozenset[str]) -> None:
        while self._peek() and self._peek() in chars:
            self._step(1)

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _step(self, count: int) -> None:
        end = min(self.at + count, len(self.text))
        self.line += self.text.count("\n", self.at, end)
        self.at = end
