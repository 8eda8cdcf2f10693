"""The fold: all facts of a patient → the record. Any order, any repetition: the same record."""

from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from engine.decide.clinical import background
from engine.decide.movements import (
    cancelled_arrivals,
    current_movements,
    sender_order,
    unmatched_cancels,
)
from engine.decide.person import fold_person
from engine.decide.planned import planned_release
from engine.decide.stays import walk
from engine.model.consent import ConsentState, ConsentStated
from engine.model.fact import (
    AccountMoved,
    DocumentAction,
    DocumentPublished,
    ExitKind,
    Fact,
    GpConfirmed,
    GpFound,
    Heard,
    MovementStated,
)
from engine.model.movement import Family, event_of
from engine.model.people import Professional
from engine.model.release import ReleasePlanned
from engine.model.stay import Document, Record, Stay

_BEFORE: Final = timedelta(hours=12)  # forms are often dated before the admission


def fold(
    patient: str,
    keys: Sequence[str],
    facts: Sequence[Heard],
    *,
    transfer_window: timedelta,
    with_tests: bool,
) -> Record:
    """Fold the facts of one patient, merged identities included.

    ``with_tests``: whether facts of test messages (MSH-11 not P) count; in production they do
    not, so that a test message never changes what is known of a real patient.
    """
    counted = _kept([heard for heard in facts if with_tests or not heard.test], keys)
    movements = current_movements(counted)
    discharged_dead = any(one.stated.exit_kind is ExitKind.DEATH for one in movements)
    person = fold_person(patient, keys, counted, discharged_dead=discharged_dead)
    stays, orphans = walk(movements, transfer_window=transfer_window)
    documents = _documents(counted, stays)
    consents = [heard.fact for heard in counted if isinstance(heard.fact, ConsentStated)]
    confirmed = [one for heard in counted if (one := _confirmation(heard.fact)) is not None]
    looked = [heard.fact for heard in counted if isinstance(heard.fact, GpFound)]
    planned = [(one, one.fact) for one in counted if isinstance(one.fact, ReleasePlanned)]
    unmatched, undone = unmatched_cancels(counted), cancelled_arrivals(counted)
    stand = [(one.stated.visit, event_of(one.stated.event)) for one in movements]
    arrived = {visit for visit, event in stand if event.family is Family.ARRIVAL and event.enters}
    stays = [_with_doubts(stay, unmatched, undone - arrived) for stay in stays]
    furnished = [
        stay.model_copy(
            update={
                "documents": tuple(
                    one for visit, one in documents if _in_stay(stay, stays, visit, one.written_at)
                ),
                "consents": tuple(
                    sorted(
                        {one for one in consents if _bears_on(stay, stays, one)},
                        key=lambda one: (one.at, one.model_dump_json()),
                    )
                ),
                "background": background(
                    counted,
                    stay,
                    partial(_in_stay, stay, stays),
                    back_at=_next_arrival(stay, stays),
                ),
                # As an agreement does, a confirmation ends with the stay: doctors retire.
                "confirmations": (
                    here := tuple(
                        sorted(
                            {who for who, at in confirmed if _in_stay(stay, stays, None, at)},
                            key=_spelled,
                        )
                    )
                ),
                "gp_confirmed": person.gp is not None
                and any(one in (person.gp, person.gp.rpps) for one in here),
                "gp_looked_up": any(_in_stay(stay, stays, None, one.at) for one in looked),
                "planned": planned_release(
                    (heard, said) for heard, said in planned if _is_planned_for(stay, stays, said)
                ),
            }
        )
        for stay in stays
    ]
    return Record(
        person=person,
        stays=tuple(furnished),
        orphans=tuple(orphans),
        consents=tuple(sorted(set(consents), key=lambda one: (one.at, one.model_dump_json()))),
    )


def _confirmation(fact: Fact) -> tuple[str | Professional, datetime] | None:
    """Of whom, and when. What a person brought back from elsewhere confirms whom it names."""
    match fact:
        case GpConfirmed(rpps=rpps, named=named, at=at):
            who = rpps or named
        case GpFound(gp=gp, at=at):
            who = (gp.rpps or gp) if gp else None
        case _:
            return None
    return (who, at) if who else None


def _spelled(who: str | Professional) -> str:
    return who if isinstance(who, str) else who.model_dump_json()


def _kept(facts: Sequence[Heard], keys: Sequence[str]) -> list[Heard]:
    """Facts without those of stays that were moved to a patient who is none of ``keys`` (A44)."""
    last: dict[str, AccountMoved] = {}
    for heard in sorted(facts, key=sender_order):
        if isinstance(heard.fact, AccountMoved):
            last[heard.fact.account] = heard.fact
    gone = {account for account, moved in last.items() if moved.to not in keys}
    visits = {
        heard.fact.visit
        for heard in facts
        if isinstance(heard.fact, MovementStated) and heard.fact.account in gone
    }
    return [heard for heard in facts if getattr(heard.fact, "visit", None) not in visits]


def _with_doubts(stay: Stay, unmatched: Set[tuple[str, str]], undone: Set[str]) -> Stay:
    """Add what a person must look at before anything is said of a stay."""
    found = list(stay.doubts)
    found += [
        f"cancel-of-an-unknown-movement {movement}"
        for visit, movement in sorted(unmatched)
        if visit in stay.visits
    ]
    if undone & set(stay.visits):
        found.append("arrival-cancelled-but-a-movement-stands")
    return stay.model_copy(update={"doubts": tuple(found)})


def _bears_on(stay: Stay, stays: Sequence[Stay], said: ConsentStated) -> bool:
    """A "yes" is of one stay. A "no" stops whatever is still to be sent, of earlier stays too, and
    whatever visit the form names (art. L1110-4 CSP): silence when in doubt."""
    if said.state in (ConsentState.REFUSED, ConsentState.WITHDRAWN) and (
        stay.arrived_at - _BEFORE <= said.at
    ):
        return True
    return _in_stay(stay, stays, said.visit, said.at)


def _is_planned_for(stay: Stay, stays: Sequence[Stay], said: ReleasePlanned) -> bool:
    """A visit that is no stay here, the hospital's own for one, tells of no release from here."""
    if said.visit is not None and said.visit not in stay.visits:
        return False
    return _in_stay(stay, stays, said.visit, said.at)


def _in_stay(stay: Stay, stays: Sequence[Stay], visit: str | None, at: datetime) -> bool:
    """Whether a statement or a document belongs to a stay.

    By its visit number where it has one that we know. Else by its time: from the arrival until
    the next stay begins, since letters are written and wills change after the release too.
    """
    named = [one for one in stays if visit in one.visits]
    # A second visit that was begun in the unit meanwhile is of that stay alone.
    named = named or [one for one in stays if visit in one.others]
    if named:
        if stay not in named:
            return False
        if len(named) == 1:
            return True
    begins = stay.arrived_at - _BEFORE
    ends = _next_arrival(stay, stays)
    return begins <= at and (ends is None or at < ends)


def _next_arrival(stay: Stay, stays: Sequence[Stay]) -> datetime | None:
    place = stays.index(stay)
    return stays[place + 1].arrived_at if place + 1 < len(stays) else None


# A document: its number, and the stay whose visit it names where several stays have that number.
_Key = tuple[str, str | None]


def _documents(facts: Sequence[Heard], stays: Sequence[Stay]) -> list[tuple[str | None, Document]]:
    """Documents in force: the last statement of each number, without replaced and withdrawn.

    A record may count its documents anew with each visit: a number that several stays use is a
    document of each. What takes back or replaces one of them says which by its visit; without
    one that we know, it is meant of all of them: silence when in doubt.
    """
    told = [
        (heard, heard.fact)
        for heard in sorted(facts, key=sender_order)
        if isinstance(heard.fact, DocumentPublished)
    ]
    places = _places(stays)
    holders: dict[str, set[str]] = {}  # number → the stays that have a document of it
    for _, said in told:
        place = places.get(said.visit)
        if place is not None and said.action is not DocumentAction.WITHDRAW:
            for number in (said.document, *said.also):
                holders.setdefault(number, set()).add(place)

    def keys(number: str, visit: str | None) -> list[_Key]:
        known, place = holders.get(number, set()), places.get(visit)
        if len(known) < 2:
            return [(number, None)]
        return [(number, place)] if place in known else [(number, one) for one in sorted(known)]

    last: dict[_Key, tuple[Heard, DocumentPublished]] = {}
    replaced: set[_Key] = set()
    by_also: dict[_Key, _Key] = {}  # number of the other level → the document

    def spoken(key: _Key) -> tuple[object, ...]:
        return sender_order(last[key][0]) if key in last else ()

    for heard, said in told:
        own, gone = keys(said.document, said.visit), []
        if said.action is DocumentAction.WITHDRAW:
            gone = own
        else:
            # One document is in one stay: without a visit, in the one that spoke of it last.
            own = [max(own, key=spoken)]
            if said.replaces and said.replaces != said.document:
                gone = keys(said.replaces, said.visit)
                replaced.update(gone)
        last.update((key, (heard, said)) for key in own)
        for key in gone:
            if key in by_also and by_also[key] not in own:
                last.pop(by_also[key], None)
        for number in said.also:
            by_also.update((key, own[0]) for key in keys(number, said.visit))
    found = [
        (
            # Said under a visit that we do not know, it is in the stay that it was put in.
            said.visit if places.get(said.visit) or key[1] is None else key[1],
            Document(
                document=said.document,
                half=said.half,
                form=said.form,
                content=said.content,
                type_code=said.type_code,
                written_at=said.written_at,
                heard_at=heard.heard_at,
                validated=said.validated,
                masked=said.masked,
                visibility=said.visibility,
                author=said.author,
                source=said.source,
            ),
        )
        for key, (heard, said) in last.items()
        if said.action is not DocumentAction.WITHDRAW and key not in replaced
    ]
    return sorted(found, key=lambda pair: (pair[1].written_at, pair[1].document))


def _places(stays: Sequence[Stay]) -> dict[str | None, str]:
    """Visit → its stay, named by a visit: stays that share a visit count as one here."""
    places: dict[str | None, str] = {}
    for stay in stays:
        known = next((places[one] for one in stay.visits if one in places), stay.visits[0])
        for one in stay.visits:
            places.setdefault(one, known)
    return places
