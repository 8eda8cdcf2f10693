"""What an attack on the decisions found: each scene by the sentence that must hold."""

from dataclasses import replace
from datetime import timedelta

from engine.decide.reasons import Reason
from engine.decide.threads import Standing
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose
from engine.model.fact import (
    Action,
    DocumentAction,
    ExitKind,
    GpConfirmed,
    GpStated,
    Half,
    PersonStated,
)
from engine.model.flow import DeliveryState
from engine.model.letter import LetterKind
from engine.model.people import Traits
from engine.model.task import TaskKind
from tests.support.patients import (
    DSP,
    GP,
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
MINUTE = timedelta(minutes=1)


def tasks_of(world: World) -> set[TaskKind]:
    return {one.kind for one in world.plan().tasks}


def kinds(world: World) -> list[LetterKind]:
    return [one.letter_kind for _, one in world.left]


def letter_sent() -> World:
    """Arrived, told, released, and the somatic letter left."""
    world = arrived()
    world.wait(HOUR)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    released(world)
    world.wait(3 * HOUR)
    assert kinds(world)[-1] is LetterKind.EXIT_LETTER
    return world


def test_a_notice_that_a_person_must_look_at_is_cancelled_once() -> None:
    for state in (DeliveryState.HELD, DeliveryState.QUEUED):
        world = arrived()
        world.wait(HOUR)
        world.tell(moved("A01", START, "in", action=Action.CANCEL))
        world.wait(HOUR)
        world.recalled = frozenset({world.left[0][1].id})
        (send,) = [one.send for one in world.plan().threads if one.send]
        notice = world.delivery(send)
        world.deliveries[notice.id] = replace(notice, state=state)
        world.tell(PersonStated(traits=Traits(dead=True)))
        world.act()  # World.act refuses a second cancel of one delivery
        assert world.deliveries[notice.id].state is DeliveryState.CANCELLED


def test_a_withdrawal_in_a_later_stay_stops_the_versions_of_the_earlier_one() -> None:
    world = letter_sent()
    told = len(world.left)
    world.wait(timedelta(days=10))
    world.tell(moved("A01", world.now, "in-again", visit="V2"))
    world.tell(*(agreed(one, ConsentState.WITHDRAWN, world.now) for one in Purpose))
    world.tell(written(Half.DSP, world.now, "D2", "b"))
    world.wait(5 * HOUR)
    assert len(world.left) == told


def test_a_second_discharge_of_another_kind_is_looked_at_by_a_person() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.now += 10 * MINUTE
    released(world, kind=ExitKind.TRANSFER, movement="out-2")
    world.wait(5 * HOUR)
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE]
    assert TaskKind.STAY_DOUBT in tasks_of(world)


def test_a_consultation_that_ends_does_not_end_the_stay_of_who_came_back() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A03", world.now, "to-hospital", exit_kind=ExitKind.HOSPITAL))
    world.wait(HOUR)
    world.tell(moved("A22", world.now, "back"))
    world.wait(HOUR)
    world.tell(moved("A04", world.now, "consultation", visit="V2"))
    world.wait(HOUR)
    world.tell(moved("A03", world.now, "done", visit="V2", exit_kind=ExitKind.RELEASE))
    world.wait(5 * HOUR)
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE]


def test_a_doubt_that_a_person_cleared_clears_no_later_one() -> None:
    world = arrived()
    world.tell(moved("A02", START + HOUR, "nobody-knows", action=Action.CANCEL))
    world.now += MINUTE
    (first,) = {one.key for one in world.plan().tasks if one.kind is TaskKind.STAY_DOUBT}
    world.cleared = frozenset({first})
    world.wait(2 * HOUR)
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE]
    released(world)
    world.tell(moved("A03", world.now + HOUR, "nobody-knows-2", action=Action.CANCEL))
    world.wait(5 * HOUR)
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE]
    assert TaskKind.STAY_DOUBT in tasks_of(world)


def test_an_undated_yes_said_again_after_the_doctor_changed_is_for_the_first_doctor() -> None:
    world = arrived(consents=None)

    def repeats() -> ConsentStated:
        return ConsentStated(
            purpose=Purpose.ARRIVAL_NOTICE,
            recipient=MEDECIN_TRAITANT,
            state=ConsentState.GRANTED,
            at=world.now,
            dated=False,
            by="OBX",
            visit="V1",
        )

    world.tell(repeats())
    world.now += MINUTE
    world.tell(GpStated(gp=OTHER_GP))
    world.tell(GpConfirmed(rpps=OTHER_GP.rpps or "", at=world.now, by="form"), repeats())
    world.wait(timedelta(days=4))
    assert world.left == []
    assert tasks_of(world) == {TaskKind.CONSENT_OTHER_DOCTOR}


def test_a_preadmission_that_stands_hides_no_cancelled_arrival() -> None:
    world = arrived()
    world.tell(moved("A05", START - HOUR, "planned"), moved("A02", START + MINUTE, "inner"))
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(5 * HOUR)
    assert world.left == []
    assert TaskKind.STAY_DOUBT in tasks_of(world)


def test_an_update_that_says_nothing_of_the_way_out_leaves_it() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.tell(moved("A03", world.now, "out", action=Action.UPDATE, exit_kind=ExitKind.UNKNOWN))
    world.wait(3 * HOUR)
    assert kinds(world)[-1] is LetterKind.EXIT_NOTICE


def test_each_cause_of_a_correction_is_asked_about() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(PersonStated(traits=Traits(birth_family="LAMBERTIN")))
    world.wait(HOUR)
    first = {one.key for one in world.plan().tasks if one.kind is TaskKind.CORRECTION}
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(HOUR)
    second = {one.key for one in world.plan().tasks if one.kind is TaskKind.CORRECTION}
    assert first
    assert second
    assert not first & second


def test_a_notice_that_cannot_be_said_is_told_to_who_asked_and_stops_no_other_doctor() -> None:
    world = arrived()
    world.wait(HOUR)
    world.recalled = frozenset({world.left[0][1].id})
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.WITHDRAWN, world.now, GP.rpps or ""))
    assert TaskKind.CORRECTION in tasks_of(world)
    world.now += MINUTE
    world.tell(
        GpStated(gp=OTHER_GP),
        GpConfirmed(rpps=OTHER_GP.rpps or "", at=world.now, by="form"),
        agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now, OTHER_GP.rpps or ""),
    )
    world.wait(HOUR)
    assert [one.rpps for _, one in world.left] == [GP.rpps, OTHER_GP.rpps]


def test_a_letter_withdrawn_by_its_author_after_it_left_asks_a_person() -> None:
    world = letter_sent()
    world.tell(
        *(
            agreed(one, ConsentState.REFUSED, world.now)
            for one in (Purpose.EXIT_NOTICE, Purpose.EXIT_LETTER_PSYCHIATRIC)
        ),
        written(Half.DSS, world.now, "D1", "a", action=DocumentAction.WITHDRAW),
    )
    world.wait(HOUR)
    assert TaskKind.CORRECTION in tasks_of(world)


def test_who_comes_back_with_another_doctor_has_that_doctor_told() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world, movement="out")
    world.now += 10 * MINUTE
    world.tell(
        moved("A01", world.now, "back", visit="V2"),
        GpStated(gp=OTHER_GP),
        GpConfirmed(rpps=OTHER_GP.rpps or "", at=world.now, by="form"),
        agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now, OTHER_GP.rpps or ""),
    )
    world.wait(2 * HOUR)
    assert [one.rpps for _, one in world.left] == [GP.rpps, OTHER_GP.rpps]


def test_a_discharge_before_the_arrival_is_looked_at_by_a_person() -> None:
    world = World()
    world.tell(moved("A03", START - timedelta(days=365), "out", exit_kind=ExitKind.RELEASE))
    world.tell(PersonStated(traits=Traits()), moved("A01", START, "in"))
    world.wait(HOUR)
    (stay,) = world.scene().record.stays
    assert stay.doubts == ("discharged-before-arrival out",)


def test_a_discharge_dated_ten_years_ahead_is_looked_at_by_a_person() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(
        moved("A03", START + timedelta(days=3650), "out", exit_kind=ExitKind.RELEASE),
        written(Half.DSS, world.now, "D1", "a"),
    )
    world.wait(5 * HOUR)
    assert TaskKind.STAY_DOUBT in tasks_of(world)


def test_who_is_found_again_after_an_escape_is_inside_again() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A21", world.now, "gone", exit_kind=ExitKind.ESCAPE))
    world.wait(HOUR)
    world.tell(moved("A22", world.now, "found"))
    world.wait(HOUR)
    released(world)
    world.wait(3 * HOUR)
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE, LetterKind.EXIT_NOTICE]


def test_a_letter_agreed_to_by_a_half_that_never_saw_the_patient_is_asked_for() -> None:
    world = arrived(consents=None)
    world.tell(agreed(Purpose.EXIT_LETTER_PSYCHIATRIC, ConsentState.GRANTED, START))
    world.wait(HOUR)
    released(world)
    world.wait(3 * HOUR)
    assert TaskKind.LETTER_MISSING in tasks_of(world)


def test_no_copy_of_a_version_may_arrive_after_its_successor() -> None:
    world = letter_sent()
    one = world.left[-1][1]
    world.deliveries[one.id] = replace(one, state=DeliveryState.SENDING, possibly_sent=True)
    world.tell(written(Half.DSP, world.now, "D2", "b"), moved("A02", START + HOUR, "m", care=DSP))
    world.now += 3 * HOUR
    thread = [t for t in world.plan().threads if t.thread == "exit"]
    assert [t.standing for t in thread] == [Standing.SENDING]
    assert all(t.send is None for t in thread)


def test_what_a_person_holds_is_neither_replaced_nor_overtaken() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    released(world)
    world.now += 3 * HOUR
    (send,) = [one.send for one in world.plan().threads if one.send]
    held = replace(
        world.delivery(send), state=DeliveryState.HELD, reason=Reason.HELD_BY_PERSON.value
    )
    world.deliveries[held.id] = held
    world.tell(written(Half.DSP, world.now, "D2", "b"))
    world.wait(2 * HOUR)
    assert kinds(world) == [LetterKind.ARRIVAL_NOTICE]
    assert world.deliveries[held.id].state is DeliveryState.HELD


def test_nobody_is_asked_where_the_dead_are() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A21", world.now, "away", exit_kind=ExitKind.HOSPITAL))
    world.tell(PersonStated(traits=Traits(dead=True)))
    world.wait(timedelta(days=200))
    assert TaskKind.WHEREABOUTS not in tasks_of(world)
