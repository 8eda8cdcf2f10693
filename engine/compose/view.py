"""What one role is shown of a letter: the same source, filtered by item."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from engine.model.letter import Letter
from engine.model.summary import ExitSummary, Items

ALL: Final = frozenset(Items.model_fields)
GP: Final = "gp"  # médecin traitant
ROLES: Final = (GP, "csapa", "cmp", "nurse", "clat", "coordinator")


def view(summary: ExitSummary, fields: frozenset[str]) -> ExitSummary:
    """The summary with these items alone; a contribution with none of them is left out.

    What its author has not validated is shown to no role.
    """
    validated = tuple(one for one in summary.contributions if one.said.validated)
    if fields >= ALL:
        return ExitSummary(contributions=validated)
    hidden = {name: field.default for name, field in Items.model_fields.items()}
    hidden = {name: default for name, default in hidden.items() if name not in fields}
    shown = (
        one.model_copy(update={"items": one.items.model_copy(update=hidden)}) for one in validated
    )
    return ExitSummary(contributions=tuple(one for one in shown if one.items != Items()))


def viewed(letter: Letter, fields: frozenset[str]) -> Letter:
    """The letter as a role may read it.

    The pages of an annex are one item that cannot be parted: a role that does not see all items
    sees no annex either.
    """
    changes: dict[str, object] = {"summary": view(letter.summary, fields)}
    if not fields >= ALL:
        changes["annexes"] = ()
    before = letter.replaces
    if before is not None and before.summary is not None:
        seen = before.model_copy(update={"summary": view(before.summary, fields)})
        changes["replaces"] = seen
    return letter.model_copy(update=changes)


def read_roles(content: Mapping[str, object]) -> dict[str, frozenset[str]]:
    """roles.toml: the items of each role. ValueError with the place and, where it can, the cure."""
    found: dict[str, frozenset[str]] = {}
    for role, items in content.items():
        if role not in ROLES:
            raise ValueError(f"{role}: unknown role{_near(role, ROLES)}")
        if items == "all":
            found[role] = ALL
            continue
        if not isinstance(items, list) or not all(isinstance(one, str) for one in items):
            raise ValueError(f'{role}: neither "all" nor a list of items')
        unknown = [one for one in items if one not in ALL]
        if unknown:
            raise ValueError(f"{role}: unknown item {unknown[0]}{_near(unknown[0], sorted(ALL))}")
        found[role] = frozenset(items)
    missing = [role for role in ROLES if role not in found]
    if missing:
        raise ValueError(f"{missing[0]}: this role is missing")
    return found


def _near(name: str, known: tuple[str, ...] | list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
