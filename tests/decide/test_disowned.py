"""A doctor who says "not my patient": what no longer goes there, and what goes elsewhere."""

from datetime import timedelta

import pytest

from engine.decide.reasons import Reason
from engine.model.consent import ConsentState, Purpose
from engine.model.fact import GpConfirmed, GpDisowned, GpStated, Half
from engine.model.task import TaskKind
from tests.support.patients import GP, OTHER_GP, World, agreed, arrived, released, written

HOUR = timedelta(hours=1)
FIRST, SECOND = GP.rpps or "", OTHER_GP.rpps or ""


def kinds(world: World) -> list[TaskKind]:
    return sorted(one.kind for one in world.plan().tasks)


def told() -> World:
    world = arrived()
    world.wait(HOUR)
    assert [one.rpps for _, one in world.left] == [FIRST]
    return world


def disowned(world: World, rpps: str = FIRST) -> World:
    world.tell(GpDisowned(rpps=rpps, at=world.now, by="ide"))
    world.wait(HOUR)
    return world


def another(world: World) -> None:
    """The patient names another doctor, and agrees that this one is told."""
    world.tell(
        GpStated(gp=OTHER_GP),
        agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now, SECOND),
        GpConfirmed(rpps=SECOND, at=world.now, by="ide"),
    )
    world.wait(HOUR)


def test_nothing_more_goes_there_the_patient_is_asked_and_it_is_an_incident() -> None:
    world = disowned(told())
    # Every purpose is agreed to, the look at the portal too.
    assert kinds(world) == [TaskKind.GP_DISOWNED, TaskKind.GP_ON_PORTAL, TaskKind.INCIDENT]
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(timedelta(days=2))
    assert len(world.left) == 1
    assert TaskKind.GP_DISOWNED in kinds(world)


def test_before_anything_left_it_is_asked_at_once_and_is_no_incident() -> None:
    world = disowned(arrived())
    assert world.left == []
    assert kinds(world) == [TaskKind.GP_DISOWNED, TaskKind.GP_ON_PORTAL]


def test_another_doctor_is_told_anew_and_the_incident_stays() -> None:
    world = disowned(told())
    another(world)
    assert [one.rpps for _, one in world.left] == [FIRST, SECOND]
    last = world.left[-1][1]
    assert last.version == 1
    assert last.set_oid != world.left[0][1].set_oid
    assert kinds(world) == [TaskKind.INCIDENT]


def test_two_doctors_who_say_so_are_two_questions() -> None:
    world = disowned(told())
    another(world)
    disowned(world, SECOND)
    asked = [one for one in world.plan().tasks if one.kind is TaskKind.GP_DISOWNED]
    assert [one.about for one in asked] == [SECOND]
    world.tell(GpStated(gp=GP))  # and back again: still disowned
    world.wait(HOUR)
    assert len(world.left) == 2
    assert {one.about for one in world.plan().tasks if one.kind is TaskKind.GP_DISOWNED} == {FIRST}


def test_a_record_that_repeats_itself_does_not_lift_it_and_a_person_does() -> None:
    world = disowned(arrived())
    world.tell(GpConfirmed(rpps=FIRST, at=world.now, by="OBX-5.1"))
    heard = world.facts[-1]
    world.facts[-1] = heard.model_copy(update={"journal_id": 7})
    world.wait(HOUR)
    assert world.left == []
    world.tell(GpConfirmed(rpps=FIRST, at=world.now, by="ide"))
    world.wait(HOUR)
    assert [one.rpps for _, one in world.left] == [FIRST]


@pytest.mark.parametrize("asked", [False, True])
def test_not_even_the_notice_of_cancellation_goes_there(asked: bool) -> None:
    world = told()
    if asked:
        world.recalled = frozenset({world.left[0][1].id})
    disowned(world)
    assert len(world.left) == 1
    if asked:
        reasons = {one.reason for one in world.plan().threads}
        assert Reason.GP_DISOWNED in reasons
