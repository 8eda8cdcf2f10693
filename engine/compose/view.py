"""What one role is shown of a letter: the same source, filtered by item."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from engine.compose.faults import NothingShownError
from engine.model.letter import Letter
from engine.model.people import Role
from engine.model.summary import ExitSummary, Items

ALL: Final = frozenset(Items.model_fields)
Roles = Mapping[Role, frozenset[str]]  # the items that each is shown
ROLES: Final = tuple(role.value for role in Role)


def view(summary: ExitSummary, fields: frozenset[str]) -> ExitSummary:
    """The summary with these items alone; a contribution with none of them is left out.

    What its author has not validated is shown to no role.
    """
    validated = tuple(one for one in summary.contributions if one.said.validated)
    if fields >= ALL:
        return ExitSummary(contributions=validated)
    shown = (one.model_copy(update={"items": seen(one.items, fields)}) for one in validated)
    return ExitSummary(contributions=tuple(one for one in shown if one.items != Items()))


def seen(items: Items, fields: frozenset[str]) -> Items:
    """These of the items alone."""
    if fields >= ALL:
        return items
    hidden = {
        name: field.default for name, field in Items.model_fields.items() if name not in fields
    }
    return items.model_copy(update=hidden)


def viewed(letter: Letter, fields: frozenset[str]) -> Letter:
    """The letter as a role may read it.

    The pages of an annex are one item that cannot be parted: a role that does not see all items
    sees no annex either. Raises NothingShownError for an exit letter of which nothing is left.
    """
    changes: dict[str, object] = {"summary": view(letter.summary, fields)}
    if not fields >= ALL:
        changes["annexes"] = ()
    before = letter.replaces
    if before is not None and before.summary is not None:
        changes["replaces"] = before.model_copy(update={"summary": view(before.summary, fields)})
    shown = letter.model_copy(update=changes)
    had = letter.summary.contributions or letter.annexes
    if had and not shown.summary.contributions and not shown.annexes:
        raise NothingShownError(letter)
    return shown


def read_roles(content: Mapping[str, object]) -> dict[Role, frozenset[str]]:
    """roles.toml: the items of each role. ValueError with the place and, where it can, the cure."""
    found: dict[Role, frozenset[str]] = {}
    for name, items in content.items():
        if name not in ROLES:
            raise ValueError(f"{name}: unknown role{_near(name, ROLES)}")
        if items == "all":
            found[Role(name)] = ALL
            continue
        if not isinstance(items, list) or not all(isinstance(one, str) for one in items):
            raise ValueError(f'{name}: neither "all" nor a list of items')
        unknown = [one for one in items if one not in ALL]
        if unknown:
            raise ValueError(f"{name}: unknown item {unknown[0]}{_near(unknown[0], sorted(ALL))}")
        found[Role(name)] = frozenset(items)
    missing = [role.value for role in Role if role not in found]
    if missing:
        raise ValueError(f"{missing[0]}: this role is missing")
    return found


def _near(name: str, known: tuple[str, ...] | list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
