"""What is left of a patient's movements once updates, cancels and repeats are applied.

Facts come in any order and any number of times; everything here depends on their set alone. The
sender's own order (EVN-2, MSH-7, MSH-10) says which of two statements of one movement is the last.
ZBE-1 alone names no movement: some senders reuse it, and some write the visit's number there.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from engine.model.fact import Action, ExitKind, ExitKindDecided, Heard, MovementStated
from engine.model.movement import Family, event_of


class Which(NamedTuple):
    """What names a movement."""

    visit: str
    movement: str  # ZBE-1
    family: Family


class Movement(NamedTuple):
    """One movement as it stands now."""

    stated: MovementStated
    patient: str  # key under which it was first stated; no merge changes it
    inserted: bool  # an INSERT was heard; else it is known by an update alone
    heard_at: datetime  # the last time anything was said of it
    decided: bool  # a person told what the way out means


def sender_order(heard: Heard) -> tuple[datetime, str, str, bool, str, str, str]:
    """Total order of facts that no order of arrival changes.

    Where the times are equal, numbers that count tell the order; other MSH-10 tell none, and then
    a cancel is taken as the last word: silence when in doubt.
    """
    told, _, number = heard.sender_order.partition("|")
    cancels = isinstance(heard.fact, MovementStated) and heard.fact.action is Action.CANCEL
    counted = number if number.isdecimal() else ""
    said = heard.fact.model_dump_json()
    return (heard.recorded_at, told, counted, cancels, number, said, heard.patient)


def current_movements(facts: Iterable[Heard]) -> list[Movement]:
    """Movements in force, in the order in which they take effect."""
    facts = list(facts)
    by_id, _ = _by_id(facts)
    decided: dict[Which, list[ExitKindDecided]] = {}
    for heard in facts:
        if isinstance(heard.fact, ExitKindDecided):
            which = Which(heard.fact.visit, heard.fact.movement, Family.EXIT)
            decided.setdefault(which, []).append(heard.fact)
    for cancel, meant in _astray(by_id).items():
        if meant is not None:
            by_id[meant].extend(by_id[cancel])
    standing = (_standing(heard, decided.get(which, [])) for which, heard in by_id.items())
    return sorted((one for one in standing if one), key=_effect)


def unmatched_cancels(facts: Iterable[Heard]) -> frozenset[tuple[str, str]]:
    """Visit and ZBE-1 of each cancel, or update, that can mean no single movement: a person
    looks."""
    by_id, nameless = _by_id(facts)
    astray = {
        (which.visit, which.movement) for which, meant in _astray(by_id).items() if meant is None
    }
    return frozenset(astray | nameless)


def cancelled_arrivals(facts: Iterable[Heard]) -> frozenset[str]:
    """Visits of which an arrival was cancelled at some time."""
    return frozenset(
        heard.fact.visit
        for heard in facts
        if isinstance(heard.fact, MovementStated)
        and heard.fact.action is Action.CANCEL
        and event_of(heard.fact.event).family is Family.ARRIVAL
    )


def _by_id(facts: Iterable[Heard]) -> tuple[dict[Which, list[Heard]], set[tuple[str, str]]]:
    """Statements by the movement they are about; visit and ZBE-1 of those that name no single
    one."""
    found: dict[Which, list[Heard]] = {}
    unsaid: list[tuple[Heard, MovementStated]] = []  # Z99 without ZBE-6
    for heard in facts:
        if isinstance(heard.fact, MovementStated):
            said = heard.fact
            if said.event:
                family = event_of(said.event).family
                found.setdefault(Which(said.visit, said.movement, family), []).append(heard)
            else:
                unsaid.append((heard, said))
    nameless: set[tuple[str, str]] = set()
    meant: list[tuple[Which, Heard]] = []
    for heard, said in unsaid:
        named = [
            which for which in found if (which.visit, which.movement) == (said.visit, said.movement)
        ]
        several = len(named) > 1
        if several:  # one number for several movements: the date must tell
            named = [which for which in named if any(_at(one) == said.at for one in found[which])]
        if len(named) == 1:
            meant.append((named[0], heard))
        elif several:
            nameless.add((said.visit, said.movement))
    for which, heard in meant:
        found[which].append(heard)
    return found, nameless


def _at(heard: Heard) -> datetime | None:
    return heard.fact.at if isinstance(heard.fact, MovementStated) else None


def _astray(by_id: dict[Which, list[Heard]]) -> dict[Which, Which | None]:
    """Cancels whose ZBE-1 names no movement, and the one movement of the same visit, event and
    instant that each must mean; None: none, or several (PAM FR reference, section 8)."""
    found: dict[Which, Which | None] = {}
    for which, heard in by_id.items():
        said = [one.fact for one in heard if isinstance(one.fact, MovementStated)]
        if all(one.action is Action.CANCEL for one in said):
            wanted = {(one.event, one.at) for one in said}
            meant = [
                other
                for other, statements in by_id.items()
                if other[0] == which[0]
                and any(
                    isinstance(one.fact, MovementStated)
                    and one.fact.action is not Action.CANCEL
                    and (one.fact.event, one.fact.at) in wanted
                    for one in statements
                )
            ]
            found[which] = meant[0] if len(meant) == 1 else None
    return found


def _standing(statements: list[Heard], decided: list[ExitKindDecided]) -> Movement | None:
    """One movement out of all that was said of it; None: cancelled."""
    statements.sort(key=sender_order)
    patient = statements[0].patient
    last: MovementStated | None = None
    inserted = False
    for heard in statements:
        stated = heard.fact
        assert isinstance(stated, MovementStated)
        match stated.action:
            case Action.CANCEL:
                last, inserted = None, False
            case Action.INSERT:
                last, inserted = stated, True
            case Action.UPDATE:
                last = _updated(last, stated)
    if last is None or not last.event:
        return None
    heard_at = max(heard.heard_at for heard in statements)
    answer = max(decided, key=lambda one: (one.at, one.exit_kind), default=None)
    if (
        answer is not None
        and event_of(last.event).family is Family.EXIT
        and last.exit_kind in (ExitKind.UNKNOWN, ExitKind.RELEASE, None)
        and answer.at >= statements[-1].recorded_at
    ):
        # A person has read the file; only what the sender says later counts more.
        last = last.model_copy(update={"exit_kind": answer.exit_kind, "exit_evidence": ("person",)})
        return Movement(last, patient, inserted, heard_at, decided=True)
    return Movement(last, patient, inserted, heard_at, decided=False)


def _updated(before: MovementStated | None, update: MovementStated) -> MovementStated:
    """An update says anew what it fills, and leaves the rest."""
    if before is None:
        return update
    changed = {
        name: value
        for name in ("at", "unit", "care", "patient_class", "exit_kind", "exit_evidence", "account")
        if (value := getattr(update, name)) not in (None, ())
    }
    if update.unit is not None:
        changed["care"] = update.care
    if update.exit_kind is ExitKind.UNKNOWN and not update.exit_evidence:
        changed.pop("exit_kind", None)  # no field said anything of it
    return before.model_copy(update=changed)


def _effect(movement: Movement) -> tuple[datetime, int, str, str]:
    stated = movement.stated
    return (stated.at, event_of(stated.event).rank, stated.visit, stated.movement)
