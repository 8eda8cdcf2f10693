"""Reads mappings/rules/without-gp.toml: whom to turn to where there is no médecin traitant."""

import difflib
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

from engine.compose.view import ALL
from engine.directory.territory import KINDS
from engine.model.policy import WithoutGp
from engine.model.value import Value

_FILE: Final = Path("rules") / "without-gp.toml"
_CURE: Final = "see the head of that file; the one shipped has every setting"


class _File(Value):
    version: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[0-9]+)?$")
    rule: tuple[WithoutGp, ...] = ()


class RulesError(Exception):
    """The file cannot be used: ``faults`` are sentences with their cures."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__(faults[0][0])
        self.faults = faults


def read_without_gp(mappings: Path, units: Collection[str]) -> tuple[WithoutGp, ...]:
    """The rules; none where the site has no such file. ``units``: USMP keys of the mappings in use;
    empty: no mapping can be read, which is told in its own place.

    Raises RulesError with everything that is wrong.
    """
    try:
        raw: dict[str, Any] = tomllib.loads((mappings / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        raise RulesError([(f"{_FILE} is no readable TOML", "correct it")]) from None
    try:
        read = _File.model_validate(raw)
    except ValidationError as error:
        raise RulesError(
            [
                (f"{_FILE}: {'.'.join(map(str, one['loc']))}: {one['msg'].lower()}", _CURE)
                for one in error.errors(include_input=False)
            ]
        ) from None
    faults = [fault for one in read.rule for fault in _faults(one, units)]
    names = [one.name for one in read.rule]
    faults += [
        (f"{_FILE}: two rules are called {name}", "give each a name of its own")
        for name in sorted({one for one in names if names.count(one) > 1})
    ]
    if faults:
        raise RulesError(faults)
    return read.rule


def _faults(rule: WithoutGp, units: Collection[str]) -> Iterator[tuple[str, str]]:
    for what, said, known in (
        ("service", (rule.service,), KINDS),
        ("item", rule.items, sorted(ALL)),
        ("unit", rule.units if units else (), sorted(units)),
    ):
        for one in said:
            if one not in known:
                close = difflib.get_close_matches(one, known, 1)
                cure = f"did you mean {close[0]}?" if close else f"one of: {', '.join(known)}"
                yield f"{_FILE}: rule {rule.name}: no such {what}", cure
