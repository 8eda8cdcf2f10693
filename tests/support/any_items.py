"""Any Items at all, drawn from the types of the model: a field added there is drawn here."""

import types
from datetime import date, time
from enum import Enum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from annotated_types import Ge, Le
from hypothesis import strategies as st
from pydantic import StringConstraints

from engine.compose.text import clean_line, clean_text
from engine.model.summary import Code, Items, Prose, is_blank
from engine.model.value import Value

# Letters as `compose.text.cleaned` leaves them: NFC, no control or unassigned character.
_CHARACTERS = st.characters(exclude_categories=("C",)) | st.sampled_from("\u00a0'’\"<>&;%-é œ中")
_LINES = st.text(_CHARACTERS, min_size=1, max_size=20).map(clean_line).filter(str.strip)
_PROSES = (
    st.text(_CHARACTERS | st.just("\n"), min_size=1, max_size=60)
    .map(lambda text: clean_text(text).strip(" \n"))
    .filter(lambda text: not is_blank(text))  # what shows nothing is not shown
)
_OIDS = st.lists(st.integers(0, 9999), min_size=1, max_size=4).map(
    lambda arcs: ".".join(["2", "999", *map(str, arcs)])
)
_SYSTEMS = _OIDS | st.sampled_from(
    (
        "1.2.250.1.213.2.3.1",
        "1.2.250.1.213.2.61",
        "2.16.840.1.113883.6.73",
        "2.16.840.1.113883.6.96",
    )
)


@cache
def any_items() -> st.SearchStrategy[Items]:
    """Items of which every field may be there or not."""
    return _value(Items)


@cache
def _value(kind: type[Value]) -> st.SearchStrategy[Any]:
    if kind is Code:
        return st.builds(Code, code=_LINES, system=_SYSTEMS, display=st.none() | _LINES)
    must, may = {}, {}
    for name, info in kind.model_fields.items():
        (must if info.is_required() else may)[name] = _of(info.annotation, info.metadata)
    made = st.fixed_dictionaries(must, optional=may).map(lambda fields: kind(**fields))
    if kind is Items or must:
        return made
    # Nothing said is nothing, whether the whole is absent or each of its fields.
    return made.filter(lambda one: one != kind())


def _of(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        kind, *more = get_args(annotation)
        return _of(kind, more)
    if origin in (Union, types.UnionType):
        arms = [arm for arm in get_args(annotation) if arm is not type(None)]
        return st.one_of(*(_of(arm, metadata) for arm in arms))
    if origin is tuple:
        return st.lists(_of(get_args(annotation)[0], []), max_size=2).map(tuple)
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return _value(annotation)
    return _plain(annotation, metadata)


def _plain(kind: type, metadata: list[Any]) -> st.SearchStrategy[Any]:
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if kind is bool:
        return st.booleans()
    if kind is int:
        low = next((one.ge for one in metadata if isinstance(one, Ge)), None)
        high = next((one.le for one in metadata if isinstance(one, Le)), None)
        return st.integers(low, high)
    if kind is date:
        return st.dates()
    if kind is time:
        return st.times().map(lambda at: at.replace(microsecond=0))
    if kind is str:
        limits = next(one for one in metadata if isinstance(one, StringConstraints))
        longest = next(one for one in get_args(Prose) if isinstance(one, StringConstraints))
        return _PROSES if limits.max_length == longest.max_length else _LINES
    raise TypeError(kind)
