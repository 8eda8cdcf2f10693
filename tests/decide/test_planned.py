"""Which day a release is planned for: who said what, and what stands."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.planned import planned_release
from engine.model.fact import Heard
from engine.model.release import PlannedRelease, ReleasePlanned, ReleaseSource
from tests.support.patients import START

RECORD, REGISTRY, PERSON = ReleaseSource.RECORD, ReleaseSource.REGISTRY, ReleaseSource.PERSON
FIRST, SECOND = date(2026, 3, 16), date(2026, 4, 1)
Word = tuple[ReleaseSource, date | None]


def heard(source: ReleaseSource, on: date | None, hour: int) -> tuple[Heard, ReleasePlanned]:
    at = START + timedelta(hours=hour)
    said = ReleasePlanned(on=on, source=source, at=at, by="x")
    return (
        Heard(patient="1|x", fact=said, recorded_at=at, sender_order=f"|{hour:04}", heard_at=at),
        said,
    )


def after(*words: Word) -> PlannedRelease:
    return planned_release(heard(*word, hour) for hour, word in enumerate(words))


@pytest.mark.parametrize(
    ("words", "on"),
    [
        ([], None),
        ([(REGISTRY, FIRST)], FIRST),
        ([(REGISTRY, FIRST), (REGISTRY, SECOND)], SECOND),
        ([(REGISTRY, FIRST), (REGISTRY, None)], None),
        ([(RECORD, FIRST), (REGISTRY, FIRST)], FIRST),
        ([(RECORD, FIRST), (REGISTRY, SECOND), (PERSON, SECOND)], SECOND),
        ([(RECORD, FIRST), (PERSON, None)], None),
        # The record repeats itself: that is no new word against the person's.
        ([(RECORD, FIRST), (PERSON, SECOND), (RECORD, FIRST)], SECOND),
    ],
)
def test_the_last_word_of_each_source_stands(words: list[Word], on: date | None) -> None:
    found = after(*words)
    assert (found.on, found.contradicted) == (on, False)


@pytest.mark.parametrize(
    "words",
    [
        [(RECORD, FIRST), (REGISTRY, SECOND)],
        [(REGISTRY, SECOND), (RECORD, FIRST)],
        [(RECORD, FIRST), (REGISTRY, None)],
        [(PERSON, FIRST), (REGISTRY, SECOND)],
        # Each list of the greffe is a new word.
        [(REGISTRY, FIRST), (PERSON, SECOND), (REGISTRY, FIRST)],
        [(RECORD, FIRST), (PERSON, FIRST), (RECORD, SECOND)],
    ],
)
def test_two_sources_that_disagree_give_no_day(words: list[Word]) -> None:
    found = after(*words)
    assert found.contradicted
    assert found.on is None


def test_two_lines_of_one_list_may_contradict_themselves() -> None:
    found = planned_release([heard(REGISTRY, FIRST, 1), heard(REGISTRY, SECOND, 1)])
    assert found.days == (FIRST, SECOND)
    assert found.on is None


WORDS = st.lists(
    st.builds(
        heard,
        st.sampled_from(ReleaseSource),
        st.sampled_from([FIRST, SECOND, None]),
        st.integers(0, 5),
    ),
    max_size=8,
)


@given(WORDS, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_plans_the_same(
    told: list[tuple[Heard, ReleasePlanned]], random: object
) -> None:
    again = [*told, *told[: len(told) // 2]]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert planned_release(again) == planned_release(told)


@given(WORDS)
def test_a_day_is_one_that_somebody_named_and_nobody_of_them_takes_back(
    told: list[tuple[Heard, ReleasePlanned]],
) -> None:
    found = planned_release(told)
    if found.on is not None:
        assert {one.on for one in found.said} == {found.on}
