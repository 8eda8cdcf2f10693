"""The patient's traits and médecin traitant as known now, out of all that was said."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, cast

from engine.decide.gp import gp_known
from engine.decide.movements import sender_order
from engine.model.capacity import Protection, ProtectionStated, Regime
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose
from engine.model.fact import (
    GpFound,
    GpStated,
    Heard,
    IdentifierChanged,
    IdentityStatusSeen,
    PersonStated,
)
from engine.model.people import QUALIFIED, Professional, Traits, comparable_name
from engine.model.stay import Person

NOBODY: Final[Mapping[Professional, str]] = {}
# The traits by which a letter names a person: decide.statement.
_NAMING: Final = (
    *("birth_family", "birth_given", "used_family", "used_given", "birth_date", "sex"),
)

_Moment = tuple[datetime, str, str]  # when it was recorded, MSH-7, MSH-10


def fold_person(
    patient: str, keys: Sequence[str], facts: Sequence[Heard], *, discharged_dead: bool
) -> Person:
    """Field by field the last statement counts; an absent field leaves what was known.

    ``discharged_dead``: a movement in force is a discharge by death.
    """
    traits: dict[str, object] = {}
    named: dict[tuple[object, ...], None] = {}
    for heard in sorted(facts, key=sender_order):
        match heard.fact:
            case PersonStated() as said:
                traits.update(said.traits.model_dump(exclude_none=True, round_trip=True))
                for name in said.removed:
                    traits.pop(name, None)
                now = tuple(traits.get(name) for name in _NAMING)
                named.pop(now, None)
                named[now] = None
            case IdentityStatusSeen(status=seen):
                known = cast("tuple[str, ...]", traits.get("identity_status") or ())
                doubts = tuple(one for one in known if one != QUALIFIED)
                traits["identity_status"] = tuple(dict.fromkeys((*doubts, *seen)))
            case IdentifierChanged(ins_removed=True):
                traits.pop("ins", None)
            case _:
                pass
    dead = discharged_dead or bool(traits.get("dead"))
    doctor = gp_known(facts, has_no_gp=bool(traits.get("has_no_gp")))
    return Person(
        patient=patient,
        keys=tuple(sorted(keys)),
        traits=Traits.model_validate(traits),
        dead=dead,
        in_doubt=_contradictions(facts, dead=dead),
        gp=doctor.gp,
        gp_said=doctor.said,
        gp_disputed=doctor.disputed,
        no_gp=doctor.none,
        disowned=doctor.disowned,
        reinstated=doctor.reinstated,
        test=any(heard.test for heard in facts),
        protection=_protection(facts),
        known_as=tuple(
            Traits.model_validate(dict(zip(_NAMING, values, strict=True))) for values in named
        ),
    )


def _protection(facts: Sequence[Heard]) -> Protection:
    """What each statement fills counts until the next one of it, by the time of the saying; of two
    at one time the one that asks more."""
    said = [heard.fact for heard in facts if isinstance(heard.fact, ProtectionStated)]
    said.sort(key=lambda one: (one.at, one.model_dump_json()))
    regime, representative = Regime.NONE, None
    secret_since: datetime | None = None
    emancipated = infant = False
    for one in said:
        regime = one.regime or regime
        representative = one.representative or representative
        if one.secret_care is not None:
            secret_since = (secret_since or one.at) if one.secret_care else None
        emancipated = emancipated if one.emancipated is None else one.emancipated
        infant = infant if one.infant is None else one.infant
    return Protection(
        regime=regime,
        representative=representative,
        secret_since=secret_since,
        emancipated=emancipated,
        infant=infant,
    )


def _contradictions(facts: Sequence[Heard], *, dead: bool) -> tuple[str, ...]:
    """Where the record contradicts itself so that a person must look before anything leaves."""
    by_key: dict[str, dict[str, str]] = {}
    told_dead = False
    for heard in sorted(facts, key=sender_order):
        if isinstance(heard.fact, PersonStated):
            said = heard.fact.traits
            told_dead = told_dead or bool(said.dead)
            strict = {
                "PID-5": comparable_name(said.birth_family or ""),
                "PID-5.2": comparable_name((said.birth_given or "").partition(" ")[0]),
                "PID-7": said.birth_date or "",
                "PID-8": said.sex or "",
            }
            known = by_key.setdefault(heard.patient, {})
            known.update({name: value for name, value in strict.items() if value})
    found = ["PID-30"] if told_dead and not dead else []
    for name in ("PID-5", "PID-5.2", "PID-7", "PID-8"):
        if len({known[name] for known in by_key.values() if name in known}) > 1:
            found.append(f"A40 {name}")
    return tuple(found)


def gp_meant(
    facts: Sequence[Heard], known: Mapping[Professional, str] = NOBODY
) -> dict[ConsentStated, str | None]:
    """For each agreement about "the médecin traitant", the RPPS of the doctor it meant.

    ``known`` gives the number of a doctor whom messages name without one.

    The one declared when the agreement was first recorded (the message that brings it often
    brings the doctor too); where none was declared yet, the first one declared afterwards. A
    doctor declared later in place of that one is another doctor, and is asked about anew.
    """
    declared = [
        (_moment(heard), known.get(gp, gp.rpps) if (gp := heard.fact.gp) else None)
        for heard in sorted(facts, key=sender_order)
        if isinstance(heard.fact, GpStated) or (isinstance(heard.fact, GpFound) and heard.fact.gp)
    ]
    first_said: dict[ConsentStated, _Moment] = {}
    for heard in facts:
        if isinstance(heard.fact, ConsentStated):
            before = first_said.get(heard.fact)
            if before is None or _moment(heard) < before:
                first_said[heard.fact] = _moment(heard)
    meant: dict[ConsentStated, str | None] = {}
    repeated: dict[tuple[Purpose, str | None], str | None] = {}
    for said, at in sorted(first_said.items(), key=lambda one: (one[1], one[0].model_dump_json())):
        which = (said.purpose, said.visit)
        if said.recipient != MEDECIN_TRAITANT:
            meant[said] = _declared_at(declared, at)
        elif said.state is ConsentState.GRANTED and not said.dated:
            # A record that repeats its "yes" without a date means whom it meant the first time.
            meant[said] = repeated.setdefault(which, _declared_at(declared, at))
        else:
            repeated.pop(which, None)
            meant[said] = _declared_at(declared, at)
    return meant


def _moment(heard: Heard) -> _Moment:
    """Of two messages of one second the sender's numbers tell which was first; what one message
    says is of one moment."""
    told, _, number = heard.sender_order.partition("|")
    return heard.recorded_at, told, number


def _declared_at(declared: Sequence[tuple[_Moment, str | None]], moment: _Moment) -> str | None:
    before = [rpps for at, rpps in declared if at <= moment]
    if before and before[-1] is not None:
        return before[-1]
    return next((rpps for at, rpps in declared if at > moment and rpps), None)
