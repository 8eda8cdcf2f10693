"""Each gate of the decisions, seen from outside: what it keeps back does not leave."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.decide.plan import verdict_on
from engine.decide.reasons import Reason
from engine.decide.recall import recall
from engine.model.consent import ConsentState, Purpose
from engine.model.fact import (
    Action,
    ExitKind,
    GpConfirmed,
    GpStated,
    Half,
    IdentifierChanged,
    IdentityStatusSeen,
    PersonStated,
)
from engine.model.flow import Delivery
from engine.model.letter import LetterKind
from engine.model.people import INS_NIR, Ins, Traits
from engine.model.task import TaskKind
from tests.support.patients import (
    BOX,
    DSP,
    GP,
    OTHER_BOX,
    OTHER_GP,
    START,
    TRAITS,
    World,
    agreed,
    arrived,
    moved,
    released,
    written,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def tasks_of(world: World) -> set[TaskKind]:
    return {one.kind for one in world.plan().tasks}


def kinds(world: World) -> list[LetterKind]:
    return [one.letter_kind for _, one in world.left]


def test_a_doctor_declared_in_the_second_of_an_agreement_but_after_it_is_another_doctor() -> None:
    world = arrived(consents=None)
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now))
    world.tell(GpStated(gp=OTHER_GP), GpConfirmed(rpps=OTHER_GP.rpps or "", at=START, by="form"))
    world.wait(timedelta(days=4))
    assert world.left == []
    assert tasks_of(world) == {TaskKind.CONSENT_OTHER_DOCTOR}


def test_an_agreement_to_the_letters_alone_tells_no_exit_by_itself() -> None:
    world = arrived(consents=None)
    world.tell(agreed(Purpose.EXIT_LETTER_SOMATIC, ConsentState.GRANTED, START))
    world.wait(HOUR)
    released(world)
    world.wait(3 * HOUR)
    assert world.left == []
    assert TaskKind.LETTER_MISSING in tasks_of(world)


def test_a_release_that_nobody_agreed_to_tell_asks_for_the_agreement() -> None:
    world = arrived(consents=None)
    world.wait(HOUR)
    released(world)
    world.wait(3 * HOUR)
    assert world.left == []
    assert [one.reason for one in world.plan().threads] == [
        Reason.LEFT_BEFORE_NOTICE,
        Reason.CONSENT_NOT_ASKED,
    ]


def test_what_was_agreed_in_one_stay_is_asked_anew_in_the_next() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.wait(timedelta(days=20))
    told = kinds(world)
    world.tell(
        moved("A01", world.now, "in-again", visit="V2"),
        GpConfirmed(rpps=GP.rpps or "", at=world.now, by="form"),
    )
    world.wait(timedelta(days=4))
    assert kinds(world) == told
    assert TaskKind.CONSENT_MISSING in tasks_of(world)


def test_who_was_confirmed_in_one_stay_is_asked_about_anew_in_the_next() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.wait(timedelta(days=20))
    told = kinds(world)
    world.tell(
        moved("A01", world.now, "in-again", visit="V2"),
        *(agreed(purpose, ConsentState.GRANTED, world.now) for purpose in Purpose),
    )
    world.wait(timedelta(days=4))
    assert kinds(world) == told
    assert TaskKind.GP_UNCONFIRMED in tasks_of(world)


def test_a_release_heard_of_too_late_is_told_by_a_person_or_not_at_all() -> None:
    world = arrived()
    world.wait(HOUR)
    told = kinds(world)
    world.now = START + timedelta(days=60)
    world.tell(moved("A03", START + timedelta(days=1), "out", exit_kind=ExitKind.RELEASE))
    world.wait(3 * HOUR)
    assert kinds(world) == told
    (asked,) = [one for one in world.plan().tasks if one.kind is TaskKind.LATE_ARRIVAL]
    world.cleared = frozenset({asked.key})
    world.wait(3 * HOUR)
    assert kinds(world) == [*told, LetterKind.EXIT_NOTICE]


def with_ins(world: World) -> None:
    """The identity is qualified: its INS is told from now on."""
    traits = TRAITS.model_copy(
        update={
            "ins": Ins(matricule=f"1900459350001{97 - 1900459350001 % 97:02}", oid=INS_NIR),
            "identity_status": ("VALI",),
            "birth_place_code": "59350",
        }
    )
    world.tell(PersonStated(traits=traits))


def queued_with_ins() -> tuple[World, Delivery]:
    """The notice lies in the outbox, and carries the INS."""
    world = arrived()
    with_ins(world)
    world.now += HOUR
    (send,) = [one.send for one in world.plan().threads if one.send]
    queued = world.delivery(send)
    world.deliveries[queued.id] = queued
    assert queued.statement.split(".")[1] != "-"
    return world, queued


@pytest.mark.parametrize(
    "said",
    [
        PersonStated(traits=Traits(identity_status=("PROV",))),
        IdentityStatusSeen(status=("PROV",)),
        IdentifierChanged(eliminated=None, ins_removed=True),
    ],
    ids=["PID-32", "PID-32 of a document", "A47"],
)
def test_a_letter_with_an_ins_that_is_no_longer_qualified_is_written_anew_without(
    said: PersonStated | IdentityStatusSeen | IdentifierChanged,
) -> None:
    world, queued = queued_with_ins()
    world.tell(said)
    world.deliver()
    assert world.left == []
    world.act()
    (_, letter) = world.left[0]
    assert letter.id != queued.id
    assert letter.statement.split(".")[1] == "-"


def test_a_death_told_after_a_release_silences_the_exit_notice_that_waits() -> None:
    world = arrived()
    world.wait(HOUR)
    told = kinds(world)
    released(world)
    world.wait(MINUTE)
    world.tell(PersonStated(traits=Traits(dead=True)))
    world.wait(3 * HOUR)
    assert kinds(world) == told
    assert [one.reason for one in world.plan().threads][-1] is Reason.DEATH


def test_a_death_told_before_the_notice_silences_it() -> None:
    world = arrived()
    world.tell(PersonStated(traits=Traits(dead=True)))
    world.wait(HOUR)
    assert world.left == []
    assert world.plan().threads[0].reason is Reason.DEATH


def test_who_left_within_the_hold_back_is_told_as_gone_and_not_as_arrived() -> None:
    world = arrived()
    world.wait(5 * MINUTE)
    released(world)
    world.wait(5 * HOUR)
    assert kinds(world) == [LetterKind.EXIT_NOTICE]


def test_a_release_is_not_told_to_a_doctor_whom_nobody_confirmed() -> None:
    world = arrived()
    world.facts = [one for one in world.facts if not isinstance(one.fact, GpConfirmed)]
    world.wait(HOUR)
    released(world)
    world.wait(5 * HOUR)
    assert world.left == []
    assert TaskKind.GP_UNCONFIRMED in tasks_of(world)


def test_a_later_version_goes_to_no_other_doctor_than_the_first() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    released(world)
    world.wait(3 * HOUR)
    told = kinds(world)
    assert told[-1] is LetterKind.EXIT_LETTER
    world.tell(
        GpStated(gp=OTHER_GP),
        GpConfirmed(rpps=OTHER_GP.rpps or "", at=world.now, by="form"),
        *(
            agreed(purpose, ConsentState.GRANTED, world.now, OTHER_GP.rpps or "")
            for purpose in Purpose
        ),
        written(Half.DSS, world.now, "D2", "b"),
    )
    world.wait(3 * HOUR)
    assert kinds(world) == told
    assert TaskKind.CORRECTION in tasks_of(world)


def test_a_letter_is_taken_back_at_no_mailbox_of_several() -> None:
    world = arrived()
    world.wait(HOUR)
    ((_, sent),) = world.left
    scene = replace(world.scene(), recalled=frozenset({sent.id}))
    assert not isinstance(recall(scene, sent), Reason)
    second = BOX.model_copy(update={"address": "another@cabinets.mssante.example"})
    world.directory = {BOX.rpps: (BOX, second)}
    two = replace(world.scene(), recalled=frozenset({sent.id}))
    assert recall(two, sent) is Reason.MAILBOX_DOUBT


def queued() -> tuple[World, Delivery]:
    """The notice lies in the outbox."""
    world = arrived()
    world.now += HOUR
    (send,) = [one.send for one in world.plan().threads if one.send]
    letter = world.delivery(send)
    world.deliveries[letter.id] = letter
    assert verdict_on(world.scene(), letter) is None
    return world, letter


def test_a_letter_about_an_arrival_that_never_was_does_not_leave() -> None:
    world, letter = queued()
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    assert verdict_on(world.scene(), letter) is Reason.NEVER_HAPPENED
    world.deliver()
    assert world.left == []


def test_a_letter_leaves_for_no_mailbox_that_is_no_longer_the_doctors() -> None:
    world, letter = queued()
    moved_on = BOX.model_copy(update={"address": "claire.martel@clinique.mssante.example"})
    world.directory = {BOX.rpps: (moved_on,)}
    assert verdict_on(world.scene(), letter) is Reason.SUPERSEDED


def test_a_letter_leaves_for_no_other_doctor_of_the_same_mailbox() -> None:
    world, letter = queued()
    world.tell(
        GpStated(gp=OTHER_GP),
        GpConfirmed(rpps=OTHER_GP.rpps or "", at=world.now, by="form"),
        *(
            agreed(purpose, ConsentState.GRANTED, world.now, OTHER_GP.rpps or "")
            for purpose in Purpose
        ),
    )
    shared = OTHER_BOX.model_copy(update={"address": BOX.address})
    world.directory = {BOX.rpps: (BOX,), OTHER_BOX.rpps: (shared,)}
    assert verdict_on(world.scene(), letter) is Reason.SUPERSEDED


def test_no_version_takes_a_part_away_unless_a_person_sees_to_it() -> None:
    world = arrived()
    world.tell(moved("A02", START + MINUTE, "inner", care=DSP, unit="5150"))
    world.wait(HOUR)
    world.tell(
        written(Half.DSS, world.now, "D1", "a"),
        written(Half.DSP, world.now, "D2", "b"),
    )
    released(world)
    world.wait(3 * HOUR)
    ((_, letter),) = [one for one in world.left if one[1].letter_kind is LetterKind.EXIT_LETTER]
    assert len(letter.parts) == 2
    told = kinds(world)
    world.tell(agreed(Purpose.EXIT_LETTER_PSYCHIATRIC, ConsentState.WITHDRAWN, world.now))
    world.tell(written(Half.DSS, world.now, "D3", "c", replaces="D1"))
    world.wait(3 * HOUR)
    assert kinds(world) == told
    assert TaskKind.CORRECTION in tasks_of(world)
