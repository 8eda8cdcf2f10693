"""What was sent about the wrong person has its own task, and its clock."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.capacity import INCIDENT_CLOCK
from engine.model.fact import AccountMoved, Action, Half, Heard, PersonStated
from engine.model.flow import DeliveryState
from engine.model.people import Traits
from engine.model.task import Task, TaskKind
from tests.support.patients import START, TRAITS, World, arrived, moved, released, written

HOUR = timedelta(hours=1)
ELSE = Traits(birth_family="MOREL", birth_given="HUGO", birth_date="19710203", sex="M")


def kinds(world: World) -> list[TaskKind]:
    return sorted(one.kind for one in world.plan().tasks)


def told() -> World:
    world = arrived()
    world.wait(HOUR)
    assert len(world.left) == 1
    return world


def test_an_arrival_that_never_was_is_an_incident_once_it_was_told() -> None:
    world = told()
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(HOUR)
    assert kinds(world) == [TaskKind.CORRECTION, TaskKind.INCIDENT]
    incident = next(one for one in world.plan().tasks if one.kind is TaskKind.INCIDENT)
    assert incident.about == world.left[0][1].id


def test_it_is_none_while_nothing_was_told() -> None:
    world = arrived()
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(HOUR)
    assert kinds(world) == []


def test_an_account_that_moved_to_another_patient_is_an_incident_of_the_former() -> None:
    world = World()
    world.facts = [
        one.model_copy(
            update={"fact": one.fact.model_copy(update={"account": "D1"})}
            if one.fact.kind == "movement"
            else {}
        )
        for one in arrived().facts
    ]
    world.order = len(world.facts)
    world.wait(HOUR)
    assert len(world.left) == 1
    world.tell(AccountMoved(account="D1", former="26000001|1.2.3", to="26000002|1.2.3"))
    world.wait(HOUR)
    assert kinds(world) == [TaskKind.CORRECTION, TaskKind.INCIDENT]


def test_an_identity_corrected_to_another_person_is_an_incident_and_a_slip_is_not() -> None:
    world = told()
    world.tell(PersonStated(traits=TRAITS.model_copy(update={"birth_given": "THEOO"})))
    world.wait(HOUR)
    assert kinds(world) == [TaskKind.CORRECTION]
    world.tell(PersonStated(traits=ELSE))
    world.wait(HOUR)
    assert TaskKind.INCIDENT in kinds(world)


def test_it_stays_though_the_way_out_or_a_new_letter_follows() -> None:
    world = told()
    world.tell(PersonStated(traits=ELSE))
    world.wait(HOUR)
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(3 * HOUR)
    incidents = [one for one in world.plan().tasks if one.kind is TaskKind.INCIDENT]
    assert [one.about for one in incidents] == [world.left[0][1].id]


def test_the_doctor_told_to_disregard_it_leaves_the_incident() -> None:
    world = told()
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.recalled = frozenset({world.left[0][1].id})
    world.wait(HOUR)
    assert len(world.left) == 2
    assert kinds(world) == [TaskKind.INCIDENT]


def test_two_merged_records_of_people_who_differ_are_an_incident_of_what_was_sent() -> None:
    world = told()
    other = world.facts[0].model_copy(
        update={"patient": "26000002|1.2.3", "fact": PersonStated(traits=ELSE)}
    )
    world.facts.append(Heard.model_validate(other.model_dump()))
    assert TaskKind.INCIDENT in kinds(world)


def test_a_letter_that_went_to_a_test_mailbox_reached_nobody() -> None:
    world = told()
    (delivery,) = world.deliveries.values()
    world.deliveries[delivery.id] = type(delivery)(
        **{name: getattr(delivery, name) for name in delivery.__dataclass_fields__}
        | {"address": "essai@ch.example"}
    )
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    assert TaskKind.INCIDENT not in kinds(world)


def test_an_arrival_entered_anew_makes_the_letter_right_again() -> None:
    world = told()
    world.tell(
        moved("A01", START, "in", action=Action.CANCEL),
        moved("A01", START, "in2", visit="V2"),
    )
    world.wait(HOUR)
    assert TaskKind.INCIDENT not in kinds(world)


@given(st.sampled_from(TaskKind), st.integers(0, 400))
def test_the_clock_of_72_hours_starts_with_the_task_and_no_other_has_one(
    kind: TaskKind, hours: int
) -> None:
    raised = START + timedelta(hours=hours)
    task = Task(id=1, key="k", kind=kind, raised_at=raised)
    wanted = raised + timedelta(days=3) if kind is TaskKind.INCIDENT else None
    assert task.deadline == wanted
    assert timedelta(days=3) == INCIDENT_CLOCK


@pytest.mark.parametrize("state", [DeliveryState.REJECTED, DeliveryState.CANCELLED])
def test_what_never_left_is_no_incident(state: DeliveryState) -> None:
    world = arrived()
    world.now += HOUR
    send = next(one.send for one in world.plan().threads if one.send)
    world.deliveries[send.delivery] = world.delivery(send)
    if state is DeliveryState.REJECTED:
        world.change(send.delivery, DeliveryState.SENDING)
    world.change(send.delivery, state)
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    assert TaskKind.INCIDENT not in kinds(world)
