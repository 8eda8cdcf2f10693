"""Corrections that do not fit what was heard: a person looks, and nothing leaves."""

from datetime import timedelta

from engine.model.consent import ConsentState, Purpose
from engine.model.fact import Action, ExitKind, PersonStated
from engine.model.letter import LetterKind
from engine.model.people import Traits
from engine.model.task import TaskKind
from tests.support.patients import START, TRAITS, agreed, arrived, moved, released

HOUR = timedelta(hours=1)


def test_a_cancel_of_another_number_cancels_the_one_movement_it_can_mean() -> None:
    world = arrived()
    world.wait(HOUR)
    told = len(world.left)
    at = world.now
    released(world)
    world.now += timedelta(minutes=5)
    world.tell(moved("A03", at, "another", action=Action.CANCEL))
    world.wait(5 * HOUR)
    assert len(world.left) == told


def test_a_cancel_that_can_be_matched_with_nothing_asks_a_person() -> None:
    world = arrived()
    world.wait(HOUR)
    told = len(world.left)
    released(world)
    world.tell(moved("A03", world.now + HOUR, "another", action=Action.CANCEL))
    world.wait(5 * HOUR)
    assert len(world.left) == told
    assert TaskKind.STAY_DOUBT in {one.kind for one in world.plan().tasks}


def test_an_inner_movement_that_outlives_its_cancelled_arrival_tells_nobody() -> None:
    world = arrived()
    world.tell(moved("A02", START + timedelta(minutes=5), "inner"))
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(5 * HOUR)
    assert world.left == []
    assert TaskKind.STAY_DOUBT in {one.kind for one in world.plan().tasks}


def test_a_discharge_known_by_an_update_alone_is_for_a_person() -> None:
    world = arrived()
    world.wait(HOUR)
    told = len(world.left)
    world.tell(moved("A03", world.now, "out", action=Action.UPDATE, exit_kind=ExitKind.RELEASE))
    world.wait(5 * HOUR)
    assert len(world.left) == told
    assert TaskKind.EXIT_KIND_UNKNOWN in {one.kind for one in world.plan().tasks}


def test_who_was_told_that_care_is_over_hears_that_it_goes_on() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.wait(3 * HOUR)
    assert [one.letter_kind for _, one in world.left][-1] is LetterKind.EXIT_NOTICE
    world.tell(moved("A01", world.now, "back", visit="V2"))
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now))
    world.wait(HOUR)
    assert [one.letter_kind for _, one in world.left][-1] is LetterKind.ARRIVAL_NOTICE
    assert len(world.left) == 3


def test_merged_twins_are_two_people() -> None:
    world = arrived()
    twin = PersonStated(traits=TRAITS.model_copy(update={"birth_given": "LEON"}))
    world.facts.append(
        world.facts[0].model_copy(update={"patient": "26000077|1.2.3", "fact": twin})
    )
    world.wait(HOUR)
    assert world.left == []
    assert {one.kind for one in world.plan().tasks} == {TaskKind.IDENTITY_VETO}


def test_an_incomplete_identity_closes_its_task_once_it_is_complete() -> None:
    world = arrived()
    world.tell(PersonStated(traits=Traits(), removed=("sex",)))
    world.wait(HOUR)
    assert world.left == []
    assert {one.kind for one in world.plan().tasks} == {TaskKind.IDENTITY_INCOMPLETE}
    world.tell(PersonStated(traits=Traits(sex="M")))
    world.wait(HOUR)
    assert len(world.left) == 1
