"""The bytes of a file of statements, one a line → its lines, or each place where it is wrong.

CSV with a header (comma, semicolon or tab), or JSON: told apart by their first character. A fault
names a line and a column, or a JSON pointer; it holds no value of the file, nor a name that we do
not know. A file with one fault is wrong as a whole: half of a file would look like all of it.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from engine.model.consent_file import MOST_LINES, ConsentLine
from engine.model.release_file import ReleaseLine
from engine.model.value import Value
from engine.wire.form import MOST_BYTES, FormError, FormFault, read_tree

_MARK: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = ";\t,"
# Digits alone would be read as seconds since 1970, a date alone as midnight somewhere.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_AHEAD: Final = "lies ahead"
_NO_MOMENT: Final = "is no moment: write it as 2026-03-02T10:30+01:00"
_NO_DAY: Final = "is no day: write it as 2026-03-02"


_L = TypeVar("_L", ConsentLine, ReleaseLine)


class Placed(NamedTuple, Generic[_L]):
    """A line, and where it stands in its file: ``line 3``, ``/statements/2``."""

    place: str
    said: _L


@dataclass(frozen=True)
class Shape(Generic[_L]):
    """One kind of such files: a model of its line, and one of the JSON object round the lines,
    which holds them under ``statements``, and its version under a name of its own."""

    line: type[_L]
    file: type[Value]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Of the CSV, as the guide lists them."""
        return tuple(self.line.model_fields)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Columns that no file may lack."""
        fields = self.line.model_fields
        return tuple(name for name, one in fields.items() if one.is_required())

    @cached_property
    def days(self) -> frozenset[str]:
        """Columns that hold a day."""
        fields = self.line.model_fields
        return frozenset(name for name, one in fields.items() if one.annotation == date | None)

    @cached_property
    def names(self) -> frozenset[str]:
        """Those that a fault may show."""
        return frozenset((*self.columns, *self.file.model_fields))


def read_statements(raw: bytes, shape: Shape[_L], *, now: datetime) -> tuple[Placed[_L], ...]:
    """Read one file. Raises FormError; ``now`` is when it came: nothing was said after it."""
    body = raw.removeprefix(_MARK).lstrip()
    lines = _of_json(raw, shape) if body[:1] in (b"{", b"[") else _of_csv(raw, shape)
    faults = [
        FormFault(f"{place}{_sep(place)}at", _AHEAD) for place, said in lines if said.at > now
    ]
    if faults:
        raise FormError(faults)
    return tuple(lines)


def _sep(place: str) -> str:
    return "/" if place.startswith("/") else ", "


def _of_json(raw: bytes, shape: Shape[_L]) -> list[Placed[_L]]:
    tree = read_tree(raw)
    faults = list(_odd_texts(shape, tree, ""))
    if faults:
        raise FormError(faults)
    try:
        file = shape.file.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as error:
        raise FormError([_fault(shape, one, "") for one in _errors(error)]) from None
    said: tuple[_L, ...] = dict(file)["statements"]
    if not said:
        raise FormError([FormFault("/statements", "says nothing")])
    return [Placed(f"/statements/{n}", one) for n, one in enumerate(said)]


def _of_csv(raw: bytes, shape: Shape[_L]) -> list[Placed[_L]]:
    rows = _rows(raw)
    number, header = rows[0]
    names = [name.strip().lower() for name in header]
    faults = [
        FormFault(f"line {number}, column {n}", "is a column that we do not know, or its second")
        for n, name in enumerate(names, 1)
        if name not in shape.columns or names.index(name) != n - 1
    ]
    faults += [FormFault(f"line {number}", f"lacks the column {name}")
               for name in shape.required if name not in names]  # fmt: skip
    if faults:
        raise FormError(faults)
    if len(rows) == 1:
        raise FormError([FormFault("", "holds no line but the header")])
    if len(rows) > MOST_LINES + 1:
        raise FormError([FormFault("", f"holds more than {MOST_LINES} lines")])
    found: list[Placed[_L]] = []
    for number, cells in rows[1:]:
        place = f"line {number}"
        if len(cells) > len(names):
            faults.append(FormFault(place, "holds more cells than the header"))
            continue
        values = {
            name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()
        }
        odd = list(_odd_texts(shape, values, place))
        faults += odd
        if odd:
            continue
        try:
            said = shape.line.model_validate_json(json.dumps(values), strict=True)
        except ValidationError as error:
            faults += [_fault(shape, one, place) for one in _errors(error)]
        else:
            found.append(Placed(place, said))
    if faults:
        raise FormError(faults)
    return found


def _rows(raw: bytes) -> list[tuple[int, list[str]]]:
    """Rows that hold something, each with the number of its first line."""
    if len(raw) > MOST_BYTES:
        raise FormError([FormFault("", f"larger than {MOST_BYTES} bytes")])
    try:
        text = raw.removeprefix(_MARK).decode()
    except UnicodeDecodeError:
        raise FormError([FormFault("", "is no UTF-8")]) from None
    head = text.lstrip().partition("\n")[0]
    delimiter = next((one for one in _DELIMITERS if one in head), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((before + 1, cells))
            before = reader.line_num
    except csv.Error:  # its text may quote the file
        raise FormError([FormFault(f"line {before + 1}", "is no CSV")]) from None
    if not found:
        raise FormError([FormFault("", "is empty")])
    return found


def _odd_texts(shape: Shape[Any], value: Any, place: str, name: str = "") -> Iterator[FormFault]:
    """Control characters, blanks alone, and what would be read as a moment though it is none."""
    match value:
        case dict():
            for key, one in value.items():
                shown = key if key in shape.names else ""
                inner = f"{place}{_sep(place or '/')}{shown}" if shown else place
                yield from _odd_texts(shape, one, inner, key)
        case list():
            for n, one in enumerate(value):
                yield from _odd_texts(shape, one, f"{place}/{n}", name)
        case str():
            if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
                yield FormFault(place, "holds control characters")
            elif not value.strip():
                yield FormFault(place, "is blank: leave it out")
            elif name == "at" and not _MOMENT.fullmatch(value):
                yield FormFault(place, _NO_MOMENT)
            elif name in shape.days and not _DAY.fullmatch(value):
                yield FormFault(place, _NO_DAY)
        case _:
            pass


def _errors(error: ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_context=False, include_input=False))


def _fault(shape: Shape[Any], error: Any, place: str) -> FormFault:
    steps = [str(step) for step in error["loc"] if isinstance(step, int) or step in shape.names]
    where = place
    for step in steps:
        where += f"{_sep(where or '/')}{step}"
    if error["type"] == "missing":
        return FormFault(where, "is missing")
    if error["type"] == "extra_forbidden":
        return FormFault(where, "holds a name that we do not know")
    return FormFault(where, error["msg"].removeprefix("Value error, "))
