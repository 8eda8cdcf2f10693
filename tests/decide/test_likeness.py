"""Who may be taken for whom."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.alike import pair_key
from engine.decide.likeness import another_person, near, similar, traces
from engine.decide.plan import Standing
from engine.decide.reasons import Reason
from engine.model.consent import ConsentState, Purpose
from engine.model.fact import Half, PersonStated
from engine.model.flow import DeliveryState
from engine.model.letter import Thread
from engine.model.people import Traits
from engine.model.task import TaskKind
from tests.support.patients import TRAITS, World, agreed, arrived, released, written

HOUR = timedelta(hours=1)


def traits(family: str, given: str, born: str = "19900417", sex: str = "M") -> Traits:
    return Traits(birth_family=family, birth_given=given, birth_date=born, sex=sex)


ALIKE = [
    pytest.param(traits("LAMBERT", "THEO"), id="one person under two numbers"),
    pytest.param(traits("LAMBERT", "THEO", sex="F"), id="the sex alone differs"),
    pytest.param(traits("LAMBERT", "HUGO"), id="twins"),
    pytest.param(traits("LAMBERT", "CLARA", sex="F"), id="twins, brother and sister"),
    pytest.param(traits("THEO", "LAMBERT"), id="swapped names"),
    pytest.param(traits("THÉO", "Lambert"), id="swapped names, written otherwise"),
    pytest.param(traits("LAMBERD", "THEO"), id="a slip in the family name"),
    pytest.param(traits("LAMBRET", "THEO"), id="two letters swapped"),
    pytest.param(traits("LAMBERT-DUBOIS", "THEO"), id="half of a double name"),
    pytest.param(traits("LAMBERD", "THEOO"), id="a slip in both names"),
    pytest.param(traits("LAMBERT", "THEO", "19900418"), id="one digit of the date"),
    pytest.param(traits("LAMBERT", "THEO-PAUL"), id="one of two first names"),
]
APART = [
    pytest.param(traits("LAMBERT", "HUGO", "19910502"), id="a name in common"),
    pytest.param(traits("MOREL", "THEO"), id="a first name and a birth date in common"),
    pytest.param(traits("MOREL", "HUGO"), id="a birth date in common"),
    pytest.param(traits("LAMBERT", "THEO", "19620930"), id="homonyms of other dates"),
    pytest.param(Traits(birth_family="LAMBERT", birth_given="THEO"), id="no birth date"),
    pytest.param(Traits(birth_date="19900417", sex="M"), id="no names"),
]


@pytest.mark.parametrize("other", ALIKE)
def test_people_who_may_be_taken_for_each_other_are_near(other: Traits) -> None:
    assert near(TRAITS, other)
    assert near(other, TRAITS)


@pytest.mark.parametrize("other", APART)
def test_people_who_share_one_trait_are_not(other: Traits) -> None:
    assert not near(TRAITS, other)
    assert not near(other, TRAITS)


def test_day_and_month_swapped_are_near() -> None:
    assert near(traits("LAMBERT", "THEO", "19900407"), traits("LAMBERT", "THEO", "19900704"))


def test_a_year_alone_makes_no_twins() -> None:
    assert not near(traits("LAMBERT", "THEO", "1990"), traits("LAMBERT", "HUGO", "1990"))
    assert near(traits("LAMBERT", "THEO", "1990"), traits("LAMBERT", "THÉO", "1990"))


def test_a_used_name_counts_as_a_name() -> None:
    married = traits("MOREL", "ZOE", sex="F").model_copy(update={"used_family": "LAMBERT"})
    assert near(traits("LAMBERT", "ZOE", sex="F"), married)


NAMES = st.text("ABCDEŁÉ- ", max_size=7)
PEOPLE = st.builds(
    Traits,
    birth_family=st.none() | NAMES,
    birth_given=st.none() | NAMES,
    used_family=st.none() | NAMES,
    birth_date=st.sampled_from((None, "19900407", "19900704", "19900408", "1990", "199004")),
    sex=st.sampled_from((None, "F", "M", "U")),
)


@given(PEOPLE, PEOPLE)
def test_nearness_is_symmetric_and_found_by_a_shared_trace(one: Traits, other: Traits) -> None:
    assert near(one, other) == near(other, one)
    if near(one, other):
        assert traces(one) & traces(other)


@given(PEOPLE)
def test_whoever_has_names_and_a_date_is_near_a_second_number_of_their_own(one: Traits) -> None:
    whole = bool(traces(one)) and any(ch.isalpha() for ch in one.birth_given or "")
    named = any(ch.isalpha() for ch in (one.birth_family or "") + (one.used_family or ""))
    assert near(one, one) == (whole and named)


@given(PEOPLE, PEOPLE)
def test_nobody_is_another_person_than_themselves_and_the_rule_is_symmetric(
    one: Traits, other: Traits
) -> None:
    assert another_person(one, other) == another_person(other, one)


@pytest.mark.parametrize(
    ("now", "another"),
    [
        (traits("LAMBERT", "THEO", "19900418"), False),
        (traits("LAMBERD", "THEO"), False),
        (traits("LAMBERT", "THEO", sex="F"), False),
        (traits("LAMBERT", "HUGO", "19900418"), True),
        (traits("MOREL", "HUGO"), True),
        (traits("LAMBERT", "CLARA", sex="F"), True),
    ],
)
def test_a_correction_of_two_strict_traits_makes_somebody_else(now: Traits, another: bool) -> None:
    assert another_person(TRAITS, now) is another


def test_short_names_are_compared_whole() -> None:
    assert not similar("LI", "LY")
    assert similar("MARTIN", "MARTEN")
    assert not similar("", "")


# ---- what leaves of either ----

OTHER = "26000099|1.2.3"


def verdict(world: World, thread: Thread) -> tuple[Standing, Reason]:
    (found,) = (one for one in world.plan().threads if one.thread is thread)
    return found.standing, found.reason


def test_nothing_leaves_of_a_patient_who_is_like_another_until_a_person_told_them_apart() -> None:
    world = arrived()
    world.near = frozenset({OTHER})
    world.wait(HOUR)
    assert world.left == []
    assert verdict(world, Thread.ARRIVAL) == (Standing.ASKING, Reason.NEAR_IDENTITY)
    (task,) = world.plan().tasks
    assert (task.kind, task.key) == (TaskKind.NEAR_IDENTITY, pair_key(OTHER, "26000001|1.2.3"))
    world.near = frozenset()
    world.wait(HOUR)
    assert len(world.left) == 1


def test_who_turns_out_to_be_like_another_stops_what_is_queued() -> None:
    world = arrived()
    world.now += HOUR
    send = next(one.send for one in world.plan().threads if one.send)
    world.deliveries[send.delivery] = world.delivery(send)
    world.near = frozenset({OTHER})
    world.deliver()
    assert world.left == []
    assert world.deliveries[send.delivery].state is DeliveryState.CANCELLED
    assert world.deliveries[send.delivery].reason == Reason.NEAR_IDENTITY


def test_nobody_is_asked_about_a_likeness_where_no_letter_is_pending() -> None:
    world = arrived()
    world.wait(HOUR)
    world.near = frozenset({OTHER})
    world.wait(HOUR)
    assert world.plan().tasks == ()
    silent = arrived(consents=ConsentState.REFUSED)
    silent.near = frozenset({OTHER})
    silent.wait(HOUR)
    assert silent.plan().tasks == ()


def test_a_notice_of_cancellation_waits_too() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(3 * HOUR)
    world.recalled = frozenset({world.left[-1][1].id})
    world.near = frozenset({OTHER})
    world.wait(HOUR)
    assert len(world.left) == 2
    assert TaskKind.NEAR_IDENTITY in {one.kind for one in world.plan().tasks}
    world.near = frozenset()
    world.wait(HOUR)
    assert len(world.left) == 3


def test_a_correction_that_is_called_for_is_still_asked_for() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(PersonStated(traits=TRAITS.model_copy(update={"birth_date": "19900418"})))
    world.near = frozenset({OTHER})
    world.tell(agreed(Purpose.DMP, ConsentState.GRANTED, world.now))
    world.wait(HOUR)
    assert TaskKind.CORRECTION in {one.kind for one in world.plan().tasks}
