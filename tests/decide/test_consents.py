"""What agreement is in force, against a second telling of the rule that shares no step with it.

The rule in words: what the patient said last about this doctor counts, and of what was said at
one instant the most restrictive. A "yes" is about one doctor alone; a "no" about "the médecin
traitant" is about every doctor. A "yes" that is repeated without its date takes back no "no".
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.consents import in_force
from engine.decide.reasons import Reason
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HERS, OTHER, THIRD = "10999990012", "10999990038", "10999990046"
YES, NO = ConsentState.GRANTED, ConsentState.REFUSED
# From the least to the most that keeps silence.
SCALE = (
    ConsentState.GRANTED,
    ConsentState.NOT_ASKED,
    ConsentState.COULD_NOT_BE_ASKED,
    ConsentState.REFUSED,
    ConsentState.WITHDRAWN,
)
NOES = SCALE[SCALE.index(ConsentState.COULD_NOT_BE_ASKED) :]
WHY = {
    ConsentState.GRANTED: None,
    ConsentState.NOT_ASKED: Reason.CONSENT_NOT_ASKED,
    ConsentState.COULD_NOT_BE_ASKED: Reason.CONSENT_COULD_NOT_BE_ASKED,
    ConsentState.REFUSED: Reason.CONSENT_REFUSED,
    ConsentState.WITHDRAWN: Reason.CONSENT_WITHDRAWN,
}
Meant = Mapping[ConsentStated, str | None]


def stated(
    state: ConsentState,
    hour: int,
    recipient: str = MEDECIN_TRAITANT,
    *,
    purpose: Purpose = Purpose.EXIT_NOTICE,
    dated: bool = True,
) -> ConsentStated:
    at = START + timedelta(hours=hour)
    return ConsentStated(
        purpose=purpose, recipient=recipient, state=state, at=at, dated=dated, by="form"
    )


STATEMENTS = st.builds(
    stated,
    st.sampled_from(ConsentState),
    st.integers(0, 3),
    st.sampled_from((MEDECIN_TRAITANT, HERS, OTHER)),
    purpose=st.sampled_from((Purpose.EXIT_NOTICE, Purpose.ARRIVAL_NOTICE)),
    dated=st.booleans(),
)
DOCTORS = st.sampled_from((None, HERS, OTHER, THIRD))


@st.composite
def told(draw: st.DrawFn) -> tuple[list[ConsentStated], Meant]:
    """Statements, some twice; of each about "the médecin traitant", whom it meant, or nothing."""
    said = draw(st.lists(STATEMENTS, max_size=7))
    generic = dict.fromkeys(one for one in said if one.recipient == MEDECIN_TRAITANT)
    meant = {one: draw(DOCTORS) for one in generic if draw(st.integers(0, 9))}
    return said, meant


def oracle(said: Sequence[ConsentStated], rpps: str, meant: Meant) -> ConsentState | None:
    """The state in force for one purpose; None: nothing was said about this doctor."""
    about = [one for one in said if _is_about(one, rpps, meant)]
    if not about:
        return None
    latest = max(one.at for one in about)
    then = [one for one in about if one.at == latest]
    state = max((one.state for one in then), key=SCALE.index)
    if state is YES and not any(one.dated for one in then):
        # A repeated "yes" tells nothing new where a "no" stands: the last word that is either a
        # "no" or a "yes" with its date, whatever was asked anew in between.
        before = [one for one in about if one.at < latest]
        words = [one for one in before if one.state in NOES or (one.state is YES and one.dated)]
        if words and max(words, key=lambda one: (one.at, SCALE.index(one.state))).state in NOES:
            return oracle(before, rpps, meant)
    return state


def _is_about(one: ConsentStated, rpps: str, meant: Meant) -> bool:
    if one.recipient != MEDECIN_TRAITANT:
        return one.recipient == rpps
    return one.state is not YES or meant.get(one) == rpps


@settings(max_examples=1000)
@given(told(), st.sampled_from((HERS, OTHER, THIRD)))
def test_what_is_in_force_is_what_the_rule_says(
    case: tuple[list[ConsentStated], Meant], rpps: str
) -> None:
    said, meant = case
    for purpose in (Purpose.EXIT_NOTICE, Purpose.ARRIVAL_NOTICE, Purpose.DMP):
        own = [one for one in said if one.purpose is purpose]
        wanted = oracle(own, rpps, meant)
        consent, why = in_force(said, purpose, rpps, meant)
        if wanted is None:
            elsewhere = any(one.state is YES for one in own)
            missing = Reason.CONSENT_OTHER_DOCTOR if elsewhere else Reason.CONSENT_NOT_ASKED
            assert (consent.state, consent.said, why) == (ConsentState.NOT_ASKED, None, missing)
        else:
            assert (consent.state, why) == (wanted, WHY[wanted])
            assert consent.said in own
            assert consent.said is not None
            assert consent.said.state is wanted
            assert _is_about(consent.said, rpps, meant)


@given(told(), st.data())
def test_no_order_and_no_repetition_changes_it(
    case: tuple[list[ConsentStated], Meant], data: st.DataObject
) -> None:
    said, meant = case
    again = data.draw(st.permutations([*said, *said]))
    first, why = in_force(said, Purpose.EXIT_NOTICE, HERS, meant)
    second, why_again = in_force(again, Purpose.EXIT_NOTICE, HERS, meant)
    assert (first.state, why) == (second.state, why_again)


@given(told(), st.sampled_from((HERS, OTHER, THIRD)))
def test_a_later_refusal_about_the_medecin_traitant_covers_every_doctor(
    case: tuple[list[ConsentStated], Meant], rpps: str
) -> None:
    said, meant = case
    refusal = stated(NO, 9)
    for whom in (None, HERS, OTHER):
        consent, why = in_force(
            [refusal, *said], Purpose.EXIT_NOTICE, rpps, {**meant, refusal: whom}
        )
        assert (consent.state, why) == (NO, Reason.CONSENT_REFUSED)


@given(told(), st.integers(0, 9), st.booleans())
def test_an_agreement_to_write_to_another_doctor_never_opens_a_way_to_this_one(
    case: tuple[list[ConsentStated], Meant], hour: int, dated: bool
) -> None:
    said, meant = case
    before, _ = in_force(said, Purpose.EXIT_NOTICE, HERS, meant)
    named = stated(YES, hour, OTHER, dated=dated)
    generic = stated(YES, hour, dated=dated)
    for added, whom in ((named, meant), (generic, {**meant, generic: OTHER})):
        if added in said:
            continue
        after, _ = in_force([*said, added], Purpose.EXIT_NOTICE, HERS, whom)
        assert after.state is before.state


@given(told(), st.sampled_from((NO, ConsentState.WITHDRAWN)), st.integers(5, 9))
def test_an_undated_yes_after_a_no_changes_nothing(
    case: tuple[list[ConsentStated], Meant], state: ConsentState, hour: int
) -> None:
    said, meant = case
    repeated = stated(YES, hour, dated=False)
    consent, _ = in_force(
        [*said, stated(state, 5), repeated], Purpose.EXIT_NOTICE, HERS, {**meant, repeated: HERS}
    )
    assert consent.state is state


def test_an_undated_yes_takes_back_no_refusal_though_the_question_was_put_back_in_between() -> None:
    repeated = stated(YES, 3, dated=False)
    said = [stated(NO, 1), stated(ConsentState.NOT_ASKED, 2), repeated]
    _, why = in_force(said, Purpose.EXIT_NOTICE, HERS, {repeated: HERS})
    assert why is not None
