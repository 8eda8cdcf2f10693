"""Gives the values of a TOML table the shape that a type asks for, and lists what does not fit.

Handles what TOML has no word for: durations ("30m"), paths relative to the file, secret
references. Types are checked strictly: a port in quotes is a mistake, not a number.
"""

import difflib
import os
import re
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from engine.model.channel import SecretRef
from engine.model.value import Value
from engine.runtime import toml_positions
from engine.runtime.secrets import parse_reference

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_KINDS: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
# Beyond it, an instant plus a duration no longer fits a date.
_LONGEST: Final = timedelta(days=36_500)
_PATH_MOST, _NAME_MOST = 4095, 255  # bytes: PATH_MAX without its end, NAME_MAX (limits.h)
_ABSENT: Final = object()  # stands for a value that is already among the mistakes


def parse_duration(text: str) -> timedelta | None:
    """Read "10s", "30m", "2h", "1d", "250ms". None: it is not one, or longer than a century."""
    found = _DURATION.fullmatch(text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else None
    if seconds is None or seconds > _LONGEST.total_seconds():
        return None
    return timedelta(seconds=seconds)


def duration_text(value: timedelta) -> str:
    """Write a duration as the largest unit that keeps it whole."""
    for unit in ("d", "h", "m", "s"):
        if value and value % timedelta(seconds=_UNITS[unit]) == timedelta(0):
            return f"{value // timedelta(seconds=_UNITS[unit])}{unit}"
    return f"{value // timedelta(milliseconds=1)}ms"


@dataclass(frozen=True, slots=True)
class Misfit:
    """A setting that does not fit its type."""

    path: toml_positions.Path
    what: str
    cure: str


@dataclass
class Fitted:
    """What could be built of a table: values by field, elements by path, and the misfits."""

    values: dict[str, Any] = field(default_factory=dict)
    misfits: list[Misfit] = field(default_factory=list)
    unusable: set[str] = field(default_factory=set)  # fields absent because of a mistake

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return not self.misfits


def fit(model: type[Value], raw: dict[str, Any], base: Path) -> Fitted:
    """Build each field of `model` that can be built, so that what is right is checked further.

    Elements of a table of tables, or of an array of tables, stand each by itself: a mistake in
    one leaves the others usable (in an array, its place is None).
    """
    fitted = Fitted()
    fitted.misfits += _unknown_keys(model, raw, ())
    for name, info in model.model_fields.items():
        if name not in raw:
            if info.is_required():
                fitted.misfits.append(_missing((name,), info.annotation))
                fitted.unusable.add(name)
            else:
                fitted.values[name] = info.get_default(call_default_factory=True)
            continue
        before = len(fitted.misfits)
        value = _field(info, raw[name], (name,), base, fitted.misfits)
        if len(fitted.misfits) > before and value is _ABSENT:
            fitted.unusable.add(name)
        else:
            fitted.values[name] = value
    return fitted


def _field(
    info: FieldInfo, raw: Any, path: toml_positions.Path, base: Path, out: list[Misfit]
) -> Any:
    wanted = info.annotation
    if _element_model(wanted) is not None:
        return _elements(wanted, raw, path, base, out)
    return _build(wanted, raw, path, base, out)


def _elements(
    wanted: Any, raw: Any, path: toml_positions.Path, base: Path, out: list[Misfit]
) -> Any:
    element = get_args(wanted)[-1] if get_origin(wanted) is dict else get_args(wanted)[0]
    if get_origin(wanted) is dict:
        if not isinstance(raw, dict):
            out.append(_wrong(path, raw, f"a table: [{dotted(path)}.NAME]"))
            return _ABSENT
        built = {key: _build(element, value, (*path, key), base, out) for key, value in raw.items()}
        return {key: value for key, value in built.items() if value is not _ABSENT}
    if not isinstance(raw, list):
        out.append(_wrong(path, raw, f"an array of tables: [[{dotted(path)}]]"))
        return _ABSENT
    places = [
        _build(element, value, (*path, number), base, out) for number, value in enumerate(raw)
    ]
    return tuple(None if value is _ABSENT else value for value in places)


def _build(wanted: Any, raw: Any, path: toml_positions.Path, base: Path, out: list[Misfit]) -> Any:
    found: list[Misfit] = []
    value = _convert(wanted, raw, path, base, found)
    told = {misfit.path for misfit in found}
    try:
        built = TypeAdapter(wanted).validate_python(value)
    except ValidationError as error:
        built = _ABSENT
        for one in error.errors():
            place = (*path, *_steps(one["loc"], value))
            if not any(place[: len(known)] == known for known in told):
                found.append(_refusal(place, dict(one)))
    out += found
    return _ABSENT if found else built


def _steps(loc: Sequence[str | int], value: Any) -> toml_positions.Path:
    """The part of a pydantic location that exists in the file: union branches are left out."""
    steps: list[str | int] = []
    for step in loc:
        if isinstance(value, dict) and isinstance(step, str):
            steps.append(step)
            value = value.get(step)
        elif isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
            steps.append(step)
            value = value[step]
    return tuple(steps)


def _convert(
    wanted: Any, raw: Any, path: toml_positions.Path, base: Path, out: list[Misfit]
) -> Any:
    origin, args = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        choices = [arg for arg in args if arg is not type(None)]
        return _convert(choices[0], raw, path, base, out) if len(choices) == 1 else raw
    if origin is tuple:
        if not isinstance(raw, list):
            out.append(_wrong(path, raw, 'a list: ["…", "…"]'))
            return raw
        return [_convert(args[0], v, (*path, n), base, out) for n, v in enumerate(raw)]
    if origin is Literal:
        return _one_of([str(arg) for arg in args], raw, path, out)
    if not isinstance(wanted, type):
        return raw
    if issubclass(wanted, SecretRef):
        return _secret(raw, path, base, out)
    if issubclass(wanted, Value):
        return _table(wanted, raw, path, base, out)
    if issubclass(wanted, Enum):
        return _one_of([str(member.value) for member in wanted], raw, path, out)
    return _scalar(wanted, raw, path, base, out)


def _scalar(
    wanted: type, raw: Any, path: toml_positions.Path, base: Path, out: list[Misfit]
) -> Any:
    if issubclass(wanted, timedelta):
        value = parse_duration(raw) if isinstance(raw, str) else None
        if value is None:
            cure = 'write it as "10s", "30m", "2h" or "1d", at most "36500d"'
            out.append(Misfit(path, "not a duration", cure))
        return raw if value is None else value
    if issubclass(wanted, Path):
        if not isinstance(raw, str) or not raw or "\0" in raw:
            out.append(_wrong(path, raw, "a path in quotes"))
            return raw
        whole = base / raw
        parts = (len(os.fsencode(part)) for part in whole.parts)
        if len(os.fsencode(whole)) > _PATH_MOST or max(parts, default=0) > _NAME_MOST:
            out.append(Misfit(path, "too long for a path", "check the path"))
        return whole
    if wanted in _KINDS and type(raw) is not wanted:
        if wanted is float and type(raw) is int:
            return float(raw)
        out.append(_wrong(path, raw, _KINDS[wanted]))
    return raw


def _secret(raw: Any, path: toml_positions.Path, base: Path, out: list[Misfit]) -> Any:
    reference = parse_reference(raw, base) if isinstance(raw, str) else None
    if reference is None:
        out.append(
            Misfit(
                path,
                "a secret in clear, or not a reference",
                'put the secret in a file of its own and write "file:/path" '
                '(or "env:NAME", "credential:NAME"); change a secret that stood here',
            )
        )
        return raw
    return reference


def _table(
    model: type[Value], raw: Any, path: toml_positions.Path, base: Path, out: list[Misfit]
) -> Any:
    if not isinstance(raw, dict):
        out.append(_wrong(path, raw, f"a table: [{dotted(path)}]"))
        return raw
    out += _unknown_keys(model, raw, path)
    given: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if name in raw:
            given[name] = _convert(info.annotation, raw[name], (*path, name), base, out)
        elif info.is_required():
            out.append(_missing((*path, name), info.annotation))
    return given


def _unknown_keys(
    model: type[Value], raw: dict[str, Any], path: toml_positions.Path
) -> list[Misfit]:
    known = list(model.model_fields)
    misfits = []
    for key in raw:
        if key in model.model_fields:
            continue
        close = difflib.get_close_matches(key, known, n=1)
        cure = f"did you mean {close[0]}?" if close else f"remove it; known: {', '.join(known)}"
        misfits.append(Misfit((*path, key), "unknown setting", cure))
    return misfits


def _missing(path: toml_positions.Path, wanted: Any) -> Misfit:
    if _element_model(wanted) is not None or (_is_table(wanted)):
        name = dotted(path) + (".NAME" if get_origin(wanted) is dict else "")
        return Misfit(path, "missing", f"add the table [{name}]; see: relais config describe")
    return Misfit(path, "missing", f"add {path[-1]} = …; see: relais config describe")


def _one_of(allowed: list[str], raw: Any, path: toml_positions.Path, out: list[Misfit]) -> Any:
    if raw not in allowed:
        by_small = {one.lower(): one for one in allowed}
        close = difflib.get_close_matches(str(raw).lower(), by_small, n=1)
        hint = f"did you mean {by_small[close[0]]}? " if close else ""
        out.append(Misfit(path, "not one of the choices", f"{hint}one of: {', '.join(allowed)}"))
    return raw


def _wrong(path: toml_positions.Path, raw: Any, wanted: str) -> Misfit:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    kinds |= {list: "a list", dict: "a table"}
    return Misfit(path, f"this is {kinds.get(type(raw), 'a date')}", f"write {wanted}")


def _refusal(path: toml_positions.Path, error: dict[str, Any]) -> Misfit:
    """Turn pydantic's refusal into ours. Its own sentence would quote the value: left out."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal":
            return Misfit(path, "too small", f"at least {limits['ge']}")
        case "less_than_equal":
            return Misfit(path, "too large", f"at most {limits['le']}")
        case "string_pattern_mismatch":
            return Misfit(path, "not in the expected form", f"it must match {limits['pattern']}")
        case kind if kind.startswith("ip_"):
            return Misfit(path, "not a network", 'write it as "10.1.0.0/16"')
        case kind:
            return Misfit(path, f"refused ({kind})", "see: relais config describe")


def _element_model(wanted: Any) -> type[Value] | None:
    """The table type of a ``dict[str, Table]`` or ``tuple[Table, ...]``; else None."""
    args = get_args(wanted)
    if get_origin(wanted) not in (dict, tuple):
        return None
    element = args[-1] if get_origin(wanted) is dict else args[0]
    return element if _is_table(element) else None


def _is_table(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, Value) and wanted is not SecretRef


def dotted(path: toml_positions.Path) -> str:
    """``("listener", 0, "port")`` as ``listener.1.port``: people count from 1."""
    return ".".join(str(step + 1) if isinstance(step, int) else step for step in path)
