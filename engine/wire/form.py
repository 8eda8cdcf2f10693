"""The bytes of a JSON form → the form, or each place where it is wrong.

A fault names its place as a JSON pointer (RFC 6901) and holds no value of the form, nor a name
that the schema does not know: people write names of patients anywhere.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from engine.model.form import LetterForm, contradictions
from engine.model.summary import is_blank

MOST_BYTES: Final = 512 * 1024
MOST_FAULTS: Final = 20
AHEAD: Final = timedelta(minutes=15)  # by which the writer's clock may differ from ours
MOST_DEPTH: Final = 32  # of lists and objects in one another; the schema has six
_MARK: Final = b"\xef\xbb\xbf"
# What is read as a number of seconds where a date should stand.
_NUMBER: Final = re.compile(r"[\s+-]*\d+(?:\.\d*)?\s*")


class FormFault(NamedTuple):
    """One thing that is wrong."""

    pointer: str  # RFC 6901; "" is the whole form
    what: str


class FormError(Exception):
    """The form cannot be taken. Its text is its first fault."""

    def __init__(self, faults: list[FormFault]) -> None:
        self.faults = tuple(faults[:MOST_FAULTS])
        super().__init__(told(self.faults[0]))


def told(fault: FormFault) -> str:
    """``/items/treatments/0/end: is no date``."""
    return f"{fault.pointer or '/'}: {fault.what}"


def read_form(raw: bytes, *, now: datetime) -> LetterForm:
    """Read one form, UTF-8. Line ends become ``\\n``, blanks at the ends of texts go.

    ``now`` is when it came: nothing was written after it. Raises FormError.
    """
    tree = read_tree(raw)
    faults = list(_texts(tree, ""))
    if faults:
        raise FormError(faults)
    try:
        # From JSON again: strict, where "true" is no boolean and 20260302 is no date.
        form = LetterForm.model_validate_json(json.dumps(_tidy(tree)), strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise FormError([_fault(one["type"], one["loc"], one["msg"]) for one in found]) from None
    wrong = [FormFault(*one) for one in contradictions(form)]
    if form.written_at > now + AHEAD:
        wrong.insert(0, FormFault("/written_at", "lies ahead"))
    if wrong:
        raise FormError(wrong)
    return form


def read_tree(raw: bytes) -> Any:
    """UTF-8 JSON, of a bounded size and depth, in which no name stands twice. Raises FormError."""
    if len(raw) > MOST_BYTES:
        raise FormError([FormFault("", f"larger than {MOST_BYTES} bytes")])
    try:
        text = raw.removeprefix(_MARK).decode()
    except UnicodeDecodeError:
        raise FormError([FormFault("", "is no UTF-8")]) from None
    try:
        tree = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FormError([FormFault("", f"is no JSON: {where}")]) from None
    except _TwiceError:
        raise FormError([FormFault("", "a name stands twice in one object")]) from None
    except (ValueError, RecursionError):  # numbers without end, nesting without end, NaN
        raise FormError([FormFault("", "is no JSON that a form could be")]) from None
    if _deeper(tree, MOST_DEPTH):
        raise FormError([FormFault("", f"is nested deeper than {MOST_DEPTH} lists and objects")])
    return tree


def _deeper(tree: Any, most: int) -> bool:
    """Whether lists and objects lie deeper than that; without recursion, which is what it guards
    everything that walks the tree from."""
    level = [tree]
    for _ in range(most + 1):
        level = [
            one
            for holder in level
            if isinstance(holder, dict | list)
            for one in (holder.values() if isinstance(holder, dict) else holder)
        ]
    return bool(level)


class _TwiceError(ValueError):
    """The second of two values would win in silence (RFC 8259 section 4)."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


def _no_constant(_: str) -> Any:
    raise ValueError


def _texts(value: Any, pointer: str, name: str = "") -> Iterator[FormFault]:
    """What no schema says of a text: control characters, blanks alone, seconds for a date."""
    match value:
        case dict():
            for key, one in value.items():
                yield from _texts(one, f"{pointer}/{_step(key)}", key)
        case list():
            for n, one in enumerate(value):
                yield from _texts(one, f"{pointer}/{n}", name)
        case str():
            if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\r\t" for c in value):
                yield FormFault(_shown(pointer), "holds control characters")
            elif is_blank(value):
                yield FormFault(_shown(pointer), "is blank: leave it out")
            elif name in _DATES and _NUMBER.fullmatch(value):
                yield FormFault(_shown(pointer), "is no date: write it as 2026-03-02")
        case _:
            pass


def _tidy(value: Any) -> Any:
    match value:
        case dict():
            return {key: _tidy(one) for key, one in value.items()}
        case list():
            return [_tidy(one) for one in value]
        case str():
            return value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()
        case _:
            return value


def _step(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _properties(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for one in schema.values():
            yield from _properties(one)


_SCHEMA: Final = LetterForm.model_json_schema()
_KNOWN: Final = frozenset(name for name, _ in _properties(_SCHEMA))
_DATES: Final = frozenset(
    name
    for name, one in _properties(_SCHEMA)
    if any("format" in part for part in (one, *one.get("anyOf", ())))
)


def _shown(pointer: str) -> str:
    """A pointer as far as the schema knows its names."""
    steps: list[str] = []
    for step in pointer.split("/")[1:]:
        if step not in _KNOWN and not step.isdecimal():
            break
        steps.append(step)
    return "".join(f"/{step}" for step in steps)


def _fault(kind: str, place: tuple[int | str, ...], message: str) -> FormFault:
    steps = place[:-1] if kind == "extra_forbidden" else place
    pointer = _shown("".join(f"/{_step(str(step))}" for step in steps))
    if kind == "extra_forbidden":
        return FormFault(pointer, "holds a name that the schema does not know")
    if kind == "missing":
        return FormFault(pointer, "is missing")
    return FormFault(pointer, message.removeprefix("Value error, "))
