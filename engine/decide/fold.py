"""The fold: all facts of a patient → the record. Any order, any repetition: the same record."""

from collections.abc import Sequence, Set
from datetime import datetime, timedelta

from engine.decide.movements import (
    cancelled_arrivals,
    current_movements,
    sender_order,
    unmatched_cancels,
)
from engine.decide.person import fold_person
from engine.decide.stays import walk
from engine.model.consent import ConsentStated
from engine.model.fact import (
    AccountMoved,
    DocumentAction,
    DocumentPublished,
    ExitKind,
    GpConfirmed,
    Heard,
    MovementStated,
)
from engine.model.movement import Family, event_of
from engine.model.stay import Document, Record, Stay


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
    documents = _documents(counted)
    consents = [heard.fact for heard in counted if isinstance(heard.fact, ConsentStated)]
    confirmed = [heard.fact for heard in counted if isinstance(heard.fact, GpConfirmed)]
    unmatched, undone = unmatched_cancels(counted), cancelled_arrivals(counted)
    arrived = {
        one.stated.visit for one in movements if event_of(one.stated.event).family is Family.ARRIVAL
    }
    stays = [_with_doubts(stay, unmatched, undone - arrived) for stay in stays]
    furnished = [
        stay.model_copy(
            update={
                "documents": tuple(
                    one for visit, one in documents if _in_stay(stay, stays, visit, one.written_at)
                ),
                "consents": tuple(
                    sorted(
                        {one for one in consents if _in_stay(stay, stays, one.visit, one.at)},
                        key=lambda one: (one.at, one.model_dump_json()),
                    )
                ),
                # As an agreement does, a confirmation ends with the stay: doctors retire.
                "gp_confirmed": any(
                    person.gp is not None
                    and one.rpps == person.gp.rpps
                    and _in_stay(stay, stays, None, one.at)
                    for one in confirmed
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


def _with_doubts(stay: Stay, unmatched: Set[str], undone: Set[str]) -> Stay:
    """Add what a person must look at before anything is said of a stay."""
    found = list(stay.doubts)
    if unmatched & set(stay.visits):
        found.append("cancel-of-an-unknown-movement")
    if undone & set(stay.visits):
        found.append("arrival-cancelled-but-a-movement-stands")
    return stay.model_copy(update={"doubts": tuple(found)})


def _in_stay(stay: Stay, stays: Sequence[Stay], visit: str | None, at: datetime) -> bool:
    """Whether a statement or a document belongs to a stay.

    By its visit number where it has one that we know. Else by its time: from the arrival until
    the next stay begins, since letters are written and wills change after the release too.
    """
    if visit is not None and any(visit in one.visits for one in stays):
        if visit not in stay.visits:
            return False
        same_visit = [one for one in stays if visit in one.visits]
        if len(same_visit) == 1:
            return True
    begins = stay.arrived_at - timedelta(hours=12)  # forms are often dated before the admission
    place = stays.index(stay)
    ends = stays[place + 1].arrived_at if place + 1 < len(stays) else None
    return begins <= at and (ends is None or at < ends)


def _documents(facts: Sequence[Heard]) -> list[tuple[str | None, Document]]:
    """Documents in force: the last statement of each number, without replaced and withdrawn."""
    last: dict[str, tuple[Heard, DocumentPublished]] = {}
    replaced: set[str] = set()
    for heard in sorted(facts, key=sender_order):
        if isinstance(heard.fact, DocumentPublished):
            last[heard.fact.document] = (heard, heard.fact)
            if heard.fact.replaces and heard.fact.replaces != heard.fact.document:
                replaced.add(heard.fact.replaces)
    found = [
        (
            said.visit,
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
                author=said.author,
            ),
        )
        for heard, said in last.values()
        if said.action is not DocumentAction.WITHDRAW and said.document not in replaced
    ]
    return sorted(found, key=lambda pair: (pair[1].written_at, pair[1].document))
