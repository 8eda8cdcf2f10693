from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.retry import Breaker, Close, Fault, Pace, TryAgain, delay, fault, next_step
from engine.model.config import Retry
from engine.model.flow import Accepted, Cause, Deferred, DeliveryState, Outcome, Rejected, Unknown

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
POLICY = Retry()
SECOND = timedelta(seconds=1)

OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Accepted, reply=st.just("250")),
    st.builds(Deferred, cause=st.sampled_from(Cause)),
    st.builds(Rejected, cause=st.sampled_from(Cause)),
    st.builds(Unknown),
)
POLICIES = st.builds(
    Retry,
    first=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)),
    factor=st.floats(1, 1e9),
    most=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)),
    jitter=st.floats(0, 1),
)
DICE = st.floats(0, 1, exclude_max=True)


def step(outcome: Outcome, age: timedelta = timedelta(0), attempt: int = 1) -> Close | TryAgain:
    return next_step(outcome, attempt=attempt, age=age, policy=POLICY, dice=0.5)


def test_an_accepted_letter_is_closed() -> None:
    assert step(Accepted("250")) == Close(DeliveryState.RELAYED)


def test_a_rejected_letter_is_closed_at_any_age() -> None:
    assert step(Rejected(Cause.MAILBOX, 550)) == Close(DeliveryState.REJECTED)


def test_waits_double_up_to_the_longest() -> None:
    waits = [delay(n, policy=POLICY, dice=0.5) / timedelta(minutes=1) for n in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_causes_that_a_person_must_cure_wait_longer_from_the_start() -> None:
    assert step(Deferred(Cause.AUTH)) == TryAgain(timedelta(minutes=4))
    assert step(Deferred(Cause.BUSY)) == TryAgain(timedelta(minutes=1))


def test_silence_after_the_dot_goes_again_as_possibly_sent_until_too_old() -> None:
    assert step(Unknown()) == TryAgain(timedelta(minutes=1), possibly_sent=True)
    assert step(Unknown(), POLICY.give_up_after) == Close(DeliveryState.EXPIRED, possibly_sent=True)


@pytest.mark.parametrize("cause", list(Cause))
def test_age_ends_every_deferral(cause: Cause) -> None:
    assert step(Deferred(cause), POLICY.give_up_after - SECOND).__class__ is TryAgain
    assert step(Deferred(cause), POLICY.give_up_after) == Close(DeliveryState.EXPIRED)


@given(OUTCOMES, st.integers(1, 10**9), st.timedeltas(), POLICIES, DICE)
def test_every_outcome_has_a_step_and_no_wait_leaves_its_bounds(
    outcome: Outcome, attempt: int, age: timedelta, policy: Retry, dice: float
) -> None:
    result = next_step(outcome, attempt=attempt, age=age, policy=policy, dice=dice)
    if isinstance(result, Close):
        ends = {DeliveryState.RELAYED, DeliveryState.REJECTED, DeliveryState.EXPIRED}
        assert result.state in ends
        assert (result.state is DeliveryState.RELAYED) == isinstance(outcome, Accepted)
    else:
        longest = max(policy.most * (1 + policy.jitter), timedelta(milliseconds=50))
        assert timedelta(0) < result.delay <= longest + timedelta(milliseconds=1)
        assert result.possibly_sent == isinstance(outcome, Unknown)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Accepted("250"), Fault.NOBODY),
        (Rejected(Cause.MAILBOX), Fault.NOBODY),
        (Deferred(Cause.CONNECT), Fault.RELAY),
        (Deferred(Cause.TLS), Fault.RELAY),
        (Deferred(Cause.AUTH), Fault.RELAY),
        (Deferred(Cause.GREETING), Fault.RELAY),
        (Deferred(Cause.BUSY), Fault.DESTINATION),
        (Deferred(Cause.DROPPED), Fault.UNCLEAR),
        (Unknown(), Fault.UNCLEAR),
    ],
)
def test_an_outcome_blames_the_relay_the_destination_or_nobody(
    outcome: Outcome, expected: Fault
) -> None:
    assert fault(outcome) is expected


def failing(times: int, breaker: Breaker = Breaker()) -> Breaker:  # noqa: B008 - a frozen value
    for _ in range(times):
        breaker = breaker.failed(NOW, POLICY)
    return breaker


def test_a_breaker_rests_after_the_last_failure_in_a_row_and_not_before() -> None:
    assert failing(4).ready_at(NOW) is None
    assert failing(5).ready_at(NOW) == NOW + POLICY.breaker_pause
    assert failing(4, failing(4).succeeded()).ready_at(NOW) is None


def test_after_the_rest_one_probe_goes_alone() -> None:
    later = NOW + POLICY.breaker_pause
    rested = failing(5)
    assert rested.ready_at(later) is None
    assert rested.dialing().ready_at(later) is not None
    assert rested.dialing().succeeded() == Breaker()
    assert rested.dialing().failed(later, POLICY).ready_at(later) == later + POLICY.breaker_pause


def test_a_probe_that_never_dialed_leaves_room_for_another() -> None:
    later = NOW + POLICY.breaker_pause
    assert failing(5).dialing().released().ready_at(later) is None


def test_a_failure_of_a_mail_under_way_does_not_prolong_the_rest() -> None:
    rested = failing(5)
    assert rested.failed(NOW + SECOND, POLICY).ready_at(NOW) == NOW + POLICY.breaker_pause


def test_a_clock_that_steps_back_does_not_prolong_a_rest() -> None:
    assert failing(5).ready_at(NOW - timedelta(days=1)) is None


@given(st.integers(1, 600), st.lists(st.floats(0, 30), max_size=200))
def test_no_minute_ever_holds_more_mails_than_the_pace(per_minute: int, gaps: list[float]) -> None:
    now, pace, taken = NOW, Pace.full(per_minute, NOW), []
    for gap in gaps:
        now += timedelta(seconds=gap)
        while pace.ready_at(now) is None:
            pace = pace.take(now)
            taken.append(now)
    for first in taken:
        within = [t for t in taken if timedelta(0) <= t - first < timedelta(minutes=1)]
        assert len(within) <= per_minute


@given(st.integers(1, 600))
def test_a_mail_may_leave_at_the_moment_the_pace_announced(per_minute: int) -> None:
    pace = Pace.full(per_minute, NOW)
    while pace.ready_at(NOW) is None:
        pace = pace.take(NOW)
    moment = pace.ready_at(NOW)
    assert moment is not None
    assert moment - NOW <= timedelta(seconds=61)
    assert pace.ready_at(moment) is None


def test_a_clock_that_steps_back_does_not_stop_the_pace() -> None:
    pace = Pace.full(60, NOW + timedelta(days=1))
    assert pace.ready_at(NOW) is None
    for _ in range(10):
        pace = pace.take(NOW)
    moment = pace.ready_at(NOW)
    assert moment is not None
    assert moment < NOW + timedelta(seconds=3)
