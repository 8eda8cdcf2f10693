"""Letter forms: the example of the guide, changed at will, and any items that a form may hold."""

import json
from datetime import UTC, date, datetime, time
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from engine.model.summary import Items
from engine.model.value import Value

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 3, tzinfo=UTC)  # the day after the example was written
EXAMPLE = (ROOT / "fixtures/inbound/clinical/form.json").read_bytes()
# Blanks within a text stay; those around it, and other line ends, do not.
WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=6),
    min_size=1,
    max_size=3,
).map(" ".join)


def form(**changes: Any) -> dict[str, Any]:
    """The example with other values; ``...`` leaves a field out."""
    made: dict[str, Any] = json.loads(EXAMPLE)
    return {name: one for name, one in (made | changes).items() if one is not ...}


def encoded(content: Any) -> bytes:
    """A form as a file holds it."""
    return json.dumps(content, ensure_ascii=False).encode()


def some_items() -> st.SearchStrategy[Items]:
    """Items that say something."""
    return _values(Items).filter(lambda items: items != Items())


def _values(kind: type[Value]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{name: _of(name, hints[name]) for name in kind.model_fields})


def _of(name: str, hint: Any) -> st.SearchStrategy[Any]:
    if get_origin(hint) is Annotated and get_origin(get_args(hint)[0]) is tuple:
        hint = get_args(hint)[0]
    origin = get_origin(hint)
    if name == "system":
        return st.sampled_from(("2.16.840.1.113883.6.3", "2.999.1"))
    if origin in (Union, UnionType):
        return st.one_of(*(_of(name, one) for one in get_args(hint)))
    if origin is tuple:
        return st.lists(_of(name, get_args(hint)[0]), max_size=2).map(tuple)
    kind = get_args(hint)[0] if origin is Annotated else hint
    if kind is type(None):
        return st.none()
    if kind is int:
        return st.integers(0, 366)
    if kind is str:
        return WORDS
    if kind is date:
        return st.dates(date(1900, 1, 1), date(2100, 1, 1))
    if kind is time:
        return st.times().map(lambda at: at.replace(microsecond=0))
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    return _values(kind) if issubclass(kind, Value) else st.from_type(kind)
