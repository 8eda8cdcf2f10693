"""Corrections that do not fit what was heard: a person looks, and nothing leaves."""

from dataclasses import replace
from datetime import timedelta

from engine.model.consent import ConsentState, Purpose
from engine.model.fact import Action, ExitKind, Half, PersonStated
from engine.model.letter import LetterKind
from engine.model.people import INS_NIR, Ins, Traits
from engine.model.task import TaskKind
from tests.support.patients import (
    DSP,
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


def tasks_of(world: World) -> set[TaskKind]:
    return {one.kind for one in world.plan().tasks}


def test_a_release_entered_again_with_another_date_annuls_and_replaces_the_letter() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    first = world.now
    released(world)
    world.wait(3 * HOUR)
    world.tell(moved("A03", first, "out", action=Action.CANCEL))
    world.wait(HOUR)
    assert TaskKind.CORRECTION in tasks_of(world)
    world.now += timedelta(days=2)
    released(world, movement="out-again")
    world.wait(3 * HOUR)
    letters = [one for _, one in world.left if one.letter_kind is LetterKind.EXIT_LETTER]
    assert [one.version for one in letters] == [1, 2]
    assert TaskKind.CORRECTION not in tasks_of(world)
    world.wait(30 * HOUR)
    assert len(world.left) == 3  # said once more, and no more


def test_an_arrival_told_with_a_wrong_date_is_told_again_as_a_new_version() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A01", START - timedelta(days=1), "in", action=Action.UPDATE))
    world.wait(HOUR)
    assert [one.version for _, one in world.left] == [1, 2]


def test_a_letter_about_another_identity_is_corrected_by_a_person() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(PersonStated(traits=Traits(birth_date="19900418")))
    world.wait(HOUR)
    assert len(world.left) == 1
    assert TaskKind.CORRECTION in tasks_of(world)


def test_an_ins_qualified_after_the_letter_makes_nothing_wrong() -> None:
    world = arrived()
    world.wait(HOUR)
    qualified = Traits(
        ins=Ins(matricule="190045900000126", oid=INS_NIR),
        identity_status=("VALI",),
        birth_place_code="59350",
    )
    world.tell(PersonStated(traits=qualified))
    world.wait(HOUR)
    assert len(world.left) == 1
    assert tasks_of(world) == set()


def test_a_doctor_who_moves_to_another_mailbox_is_not_told_twice() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    released(world)
    world.wait(3 * HOUR)
    told = len(world.left)
    for one, delivery in list(world.deliveries.items()):
        moved_since = replace(delivery, intended="old@cabinet.mssante.example")
        world.deliveries[one] = replace(moved_since, address=moved_since.intended)
    world.wait(3 * HOUR)
    assert len(world.left) == told
    assert tasks_of(world) == set()


def test_an_arrival_entered_anew_under_another_visit_is_told_once() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(HOUR)
    assert TaskKind.CORRECTION in tasks_of(world)
    world.tell(moved("A01", START, "in-anew", visit="V2"))
    world.wait(2 * HOUR)
    assert len(world.left) == 1
    assert tasks_of(world) == set()
    world.tell(written(Half.DSS, world.now, "D1", "a", visit="V2"))
    world.tell(moved("A03", world.now, "out", visit="V2", exit_kind=ExitKind.RELEASE))
    world.wait(3 * HOUR)
    assert [one.letter_kind for _, one in world.left][1:] == [LetterKind.EXIT_LETTER]
    assert tasks_of(world) == set()


def test_who_stays_away_for_long_is_asked_about_and_asked_about_again() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A21", world.now, "away", exit_kind=ExitKind.HOSPITAL))
    world.wait(timedelta(days=59))
    assert tasks_of(world) == set()
    world.wait(timedelta(days=2))
    (first,) = world.plan().tasks
    assert first.kind is TaskKind.WHEREABOUTS
    assert world.plan().look_at(world.scene().record.stays[0].key) is not None
    world.wait(timedelta(days=60))
    (second,) = world.plan().tasks
    assert second.kind is TaskKind.WHEREABOUTS
    assert second.key != first.key
    world.tell(moved("A22", world.now, "back"))
    assert tasks_of(world) == set()


def test_who_leaves_the_hospital_and_does_not_come_back_is_asked_about() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A03", world.now, "out", exit_kind=ExitKind.HOSPITAL))
    world.wait(HOUR)
    ward = {"visit": "H1", "care": None, "patient_class": "I"}
    world.tell(moved("A01", world.now, "ward", **ward))
    world.wait(timedelta(days=3))
    world.tell(moved("A03", world.now, "home", exit_kind=ExitKind.RELEASE, **ward))
    world.wait(HOUR)
    assert tasks_of(world) == set()
    world.wait(25 * HOUR)
    assert tasks_of(world) == {TaskKind.WHEREABOUTS}
    assert len(world.left) == 1


def test_who_comes_back_from_the_hospital_is_not_asked_about() -> None:
    world = arrived()
    world.wait(HOUR)
    ward = {"visit": "H1", "care": None, "patient_class": "I"}
    world.tell(moved("A01", world.now, "ward", **ward))
    world.wait(timedelta(days=3))
    world.tell(moved("A03", world.now, "ward-out", exit_kind=ExitKind.UNKNOWN, **ward))
    world.wait(timedelta(days=80))
    assert tasks_of(world) == set()


def test_a_second_visit_of_the_unit_that_ends_with_a_release_asks_a_person() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A01", world.now, "second", visit="V2", care=DSP))
    world.wait(HOUR)
    world.tell(
        moved("A03", world.now, "out", visit="V2", care=DSP, exit_kind=ExitKind.RELEASE),
        written(Half.DSS, world.now, "D1", "a"),
    )
    world.wait(5 * HOUR)
    assert len(world.left) == 1
    assert tasks_of(world) == {TaskKind.STAY_DOUBT}
    released(world, movement="out-too")
    world.wait(5 * HOUR)
    assert len(world.left) == 2
    assert TaskKind.STAY_DOUBT not in tasks_of(world)


def test_a_confirmation_of_an_earlier_stay_confirms_no_doctor() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.wait(3 * HOUR)
    world.wait(timedelta(days=90))
    told = len(world.left)
    world.tell(
        moved("A01", world.now, "in-again", visit="V2"),
        agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now),
    )
    world.wait(timedelta(days=4))
    assert len(world.left) == told
    assert tasks_of(world) == {TaskKind.GP_UNCONFIRMED}


def test_a_release_dated_ahead_does_not_silence_the_arrival() -> None:
    world = arrived()
    ahead = world.now + timedelta(days=20)
    world.tell(moved("A03", ahead, "out", exit_kind=ExitKind.RELEASE))
    world.wait(HOUR)
    assert [one.letter_kind for _, one in world.left] == [LetterKind.ARRIVAL_NOTICE]
    world.wait(timedelta(days=21))
    assert [one.letter_kind for _, one in world.left][1:] == [LetterKind.EXIT_NOTICE]
