"""Corrections that do not fit what was heard: a person looks, and nothing leaves."""

from datetime import timedelta

from engine.model.fact import Action, ExitKind
from engine.model.task import TaskKind
from tests.support.patients import START, arrived, moved, released

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
