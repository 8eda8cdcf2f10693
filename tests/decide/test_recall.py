"""A letter is taken back when a person asks for it, and says no more than it did."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.decide.reasons import Reason
from engine.decide.recall import recall
from engine.model.capacity import ProtectionStated
from engine.model.consent import ConsentState, Purpose
from engine.model.fact import Action, GpConfirmed, GpStated, Half, PersonStated
from engine.model.letter import LetterKind
from engine.model.people import Traits
from engine.model.task import TaskKind
from tests.support.patients import (
    OTHER_GP,
    START,
    World,
    agreed,
    arrived,
    moved,
    released,
    written,
)

HOUR = timedelta(hours=1)


def told() -> World:
    """An arrival that was told, and turns out never to have happened."""
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(HOUR)
    return world


def ask_back(world: World) -> str:
    """A person answers the correction task: take it back."""
    (wrong,) = [one for one in world.plan().tasks if one.kind is TaskKind.CORRECTION]
    world.recalled = world.recalled | {wrong.about}
    return wrong.about


def kinds(world: World) -> list[LetterKind]:
    return [one.letter_kind for _, one in world.left]


def test_nothing_is_taken_back_unless_a_person_asks() -> None:
    world = told()
    world.wait(timedelta(days=20))
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE]


def test_an_arrival_that_never_happened_is_taken_back_once() -> None:
    world = told()
    target = world.deliveries[ask_back(world)]
    world.wait(HOUR)
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE, LetterKind.ARRIVAL_CANCELLED]
    notice = world.left[-1][1]
    assert (notice.version, notice.rpps, notice.parts) == (2, target.rpps, ())
    assert notice.purposes == target.purposes
    world.wait(timedelta(days=20))
    assert len(world.left) == 2


def test_a_stay_entered_anew_after_its_notice_was_taken_back_is_told_again() -> None:
    world = told()
    ask_back(world)
    world.wait(HOUR)
    world.tell(moved("A01", START, "anew", visit="V2"))
    world.wait(2 * HOUR)
    assert kinds(world)[2:] == [LetterKind.ARRIVAL_NOTICE]


def test_a_release_undone_is_taken_back_and_the_real_one_follows_as_a_new_version() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    at = world.now
    released(world)
    world.wait(3 * HOUR)
    world.tell(moved("A03", at, "out", action=Action.CANCEL))
    world.wait(HOUR)
    ask_back(world)
    world.wait(HOUR)
    assert kinds(world)[1:] == [LetterKind.EXIT_LETTER, LetterKind.EXIT_CANCELLED]
    assert [one.kind for one in world.plan().tasks] == []
    world.now += timedelta(days=3)
    released(world, movement="out-again")
    world.wait(3 * HOUR)
    assert kinds(world)[3:] == [LetterKind.EXIT_LETTER]
    assert [one.version for _, one in world.left][1:] == [1, 2, 3]


def test_who_had_the_letter_disregards_it_and_the_right_doctor_is_told_anew() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(GpStated(gp=OTHER_GP))
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now, OTHER_GP.rpps or ""))
    world.tell(GpConfirmed(rpps=OTHER_GP.rpps or "", at=world.now, by="form"))
    world.wait(HOUR)
    first = world.left[0][1]
    ask_back(world)
    world.wait(HOUR)
    world.wait(HOUR)
    assert kinds(world) == [
        LetterKind.ARRIVAL_NOTICE,
        LetterKind.ARRIVAL_CANCELLED,
        LetterKind.ARRIVAL_NOTICE,
    ]
    assert [one.rpps for _, one in world.left] == [first.rpps, first.rpps, OTHER_GP.rpps]
    assert world.left[-1][1].version == 1


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (PersonStated(traits=Traits(dead=True)), Reason.DEATH),
        (PersonStated(traits=Traits(identity_status=("DOUB",))), Reason.IDENTITY_VETO),
        (
            agreed(Purpose.ARRIVAL_NOTICE, ConsentState.WITHDRAWN, START + 2 * HOUR),
            Reason.CONSENT_WITHDRAWN,
        ),
    ],
    ids=["death", "veto", "withdrawn"],
)
def test_what_stops_a_letter_stops_the_notice_that_takes_it_back(
    fact: PersonStated, reason: Reason
) -> None:
    world = told()
    target = ask_back(world)
    world.tell(fact)
    world.wait(HOUR)
    assert len(world.left) == 1
    assert recall(world.scene(), world.deliveries[target]) is reason


def test_a_withdrawal_between_queueing_and_leaving_stops_the_notice() -> None:
    world = told()
    ask_back(world)
    decided = world.plan()
    (send,) = [one.send for one in decided.threads if one.send]
    queued = world.delivery(send)
    world.deliveries[queued.id] = queued
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.WITHDRAWN, world.now))
    world.deliver()
    assert len(world.left) == 1


def test_a_letter_possibly_sent_is_taken_back_too() -> None:
    world = told()
    (one,) = world.deliveries.values()
    world.deliveries[one.id] = replace(one, possibly_sent=True)
    ask_back(world)
    world.wait(HOUR)
    assert kinds(world)[1:] == [LetterKind.ARRIVAL_CANCELLED]


def test_nothing_is_said_any_more_of_one_who_turns_out_to_be_a_child() -> None:
    world = told()
    ask_back(world)
    world.tell(ProtectionStated(infant=True, at=world.now, by="IDE"))
    world.wait(HOUR)
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE]
    assert world.plan().threads[-1].reason is Reason.INFANT
