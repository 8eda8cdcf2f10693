"""The médecin traitant: what each source says, and which doctor to go by.

The record (ROL, PV2-7) and a person who looked elsewhere (the insurer's portal, the patient) each
keep their own value, with its date. Where they agree, or one is silent, that is the doctor. Where
they disagree nobody is, until a person confirms one of them: none overrides another silently.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.decide.movements import sender_order
from engine.model.fact import GpConfirmed, GpDisowned, GpFound, GpStated, Heard, PersonStated
from engine.model.people import Professional, comparable_name
from engine.model.recipient import Answer
from engine.model.stay import GpSaid, GpState, Person, Record, Stay

RECORD: Final = "record"
GP_STATES: Final = {
    GpState.CONFIRMED: "known, and confirmed for this stay",
    GpState.UNCONFIRMED: "known, not confirmed for this stay",
    GpState.NOT_RECORDED: "not recorded",
    GpState.NONE: "the patient has none",
}


@dataclass(frozen=True, slots=True)
class GpKnown:
    """What the sources come to."""

    gp: Professional | None
    said: tuple[GpSaid, ...]
    disputed: bool
    none: bool
    disowned: tuple[str, ...]
    reinstated: tuple[str, ...]


def gp_known(facts: Sequence[Heard], *, has_no_gp: bool) -> GpKnown:
    """Fold what was said of the médecin traitant. ``has_no_gp``: PV2-7, as it stands now."""
    record: GpSaid | None = None
    found: dict[str, GpSaid] = {}
    chosen: list[tuple[datetime, str]] = []
    denials: dict[str, datetime] = {}
    since_none: datetime | None = None
    for heard in sorted(facts, key=sender_order):
        match heard.fact:
            case PersonStated(traits=traits) if traits.has_no_gp is not None:
                since_none = (since_none or heard.recorded_at) if traits.has_no_gp else None
            case GpStated(gp=None):
                record = None
            case GpStated(gp=gp):
                if record is None or record.doctor != gp:
                    record = GpSaid(source=RECORD, doctor=gp, at=heard.recorded_at)
            case GpFound() as fact:
                before = found.get(fact.source)
                if before is None or before.at <= fact.at:
                    found[fact.source] = GpSaid(
                        source=fact.source, doctor=fact.gp, none=fact.none, at=fact.at, by=fact.by
                    )
            case GpConfirmed() as fact:
                # Only who says so here decides: a record repeats its flag with each message.
                if fact.rpps and heard.journal_id is None:
                    chosen.append((fact.at, fact.rpps))
            case GpDisowned() as fact:
                denials[fact.rpps] = max(fact.at, denials.get(fact.rpps, fact.at))
            case _:
                pass
    said = [record] if record else []
    if has_no_gp and since_none is not None:
        said.append(GpSaid(source=RECORD, none=True, at=since_none))
    said += sorted(
        (one for one in found.values() if one.doctor or one.none), key=lambda one: one.source
    )
    gp, disputed, none = _agreed(said, chosen)
    back = {
        rpps
        for rpps, at in denials.items()
        if any(who == rpps and when > at for when, who in chosen)
    }
    return GpKnown(
        gp, tuple(said), disputed, none, tuple(sorted(denials)), tuple(sorted(back))
    )  # fmt: skip


def _agreed(
    said: Sequence[GpSaid], chosen: Sequence[tuple[datetime, str]]
) -> tuple[Professional | None, bool, bool]:
    """The doctor to go by, whether the sources disagree, whether the patient has none."""
    doctors = [one.doctor for one in said if one.doctor is not None]
    none = any(one.none for one in said)
    if not doctors:
        return None, False, none
    gp = max(doctors, key=lambda one: bool(one.rpps))  # of one doctor, the naming with a number
    if not none and all(_same(gp, one) for one in doctors):
        return gp, False, False
    # A person who confirms one of them after all was said has decided.
    last = max(one.at for one in said)
    for at, rpps in sorted(chosen, reverse=True):
        for one in doctors:
            if at >= last and one.rpps == rpps:
                return one, False, False
    return doctors[0], True, none


def _same(one: Professional, other: Professional) -> bool:
    """One doctor: by number where both have one; else by family name."""
    if one.rpps and other.rpps:
        return one.rpps == other.rpps
    return comparable_name(one.family) == comparable_name(other.family) != ""


def gp_state(person: Person, stay: Stay) -> GpState:
    """In which of the four states the médecin traitant is, for a stay."""
    if person.gp is None:
        return GpState.NONE if person.no_gp else GpState.NOT_RECORDED
    sure = stay.gp_confirmed and not person.gp_disputed
    return GpState.CONFIRMED if sure else GpState.UNCONFIRMED


def identified(record: Record, answer: Answer) -> Record:
    """The record, with the number of a doctor whom the message named without one, or with a
    damaged one, where the directory tells who that is beyond doubt."""
    gp = record.person.gp
    if gp is None or not answer.rpps or gp.rpps == answer.rpps:
        return record
    person = record.person.model_copy(
        update={"gp": gp.model_copy(update={"rpps": answer.rpps}), "gp_named": gp}
    )
    stays = tuple(
        stay.model_copy(
            update={"gp_confirmed": any(one in (gp, answer.rpps) for one in stay.confirmations)}
        )
        for stay in record.stays
    )
    return record.model_copy(update={"person": person, "stays": stays})
