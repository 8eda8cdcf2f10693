"""What is known of the médecin traitant: four states, each value with its source and date."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.fold import fold
from engine.decide.gp import gp_known, gp_state, identified
from engine.model.fact import (
    Fact,
    GpConfirmed,
    GpDisowned,
    GpFound,
    GpSource,
    GpStated,
    Heard,
    PersonStated,
)
from engine.model.people import Professional, Traits
from engine.model.recipient import Answer
from engine.model.stay import GpState, Record
from tests.support.patients import GP, OTHER_GP, START, TRAITS, moved

HOUR = timedelta(hours=1)
NONE = PersonStated(traits=Traits(has_no_gp=True))
RPPS, OTHER = GP.rpps or "", OTHER_GP.rpps or ""
NAMED = Professional(family="MARTEL", given="Claire", town="EXEMPLEVILLE")


def found(gp: Professional | None, at: datetime = START, *, none: bool = False) -> GpFound:
    return GpFound(source=GpSource.AMELIPRO, gp=gp, none=none, at=at, by="S. Modèle")


def heard(*facts: Fact, journal: int | None = None) -> list[Heard]:
    """One an hour, from START."""
    return [
        Heard(
            patient="1|x", fact=fact, recorded_at=START + n * HOUR, sender_order=str(n),
            heard_at=START + n * HOUR, journal_id=journal,
        )
        for n, fact in enumerate(facts)
    ]  # fmt: skip


def folded(*facts: Fact) -> Record:
    told = heard(PersonStated(traits=TRAITS), moved("A01", START, "in"), *facts)
    return fold("1|x", ["1|x"], told, transfer_window=HOUR, with_tests=False)


def state(*facts: Fact) -> GpState:
    record = folded(*facts)
    return gp_state(record.person, record.stays[0])


@pytest.mark.parametrize(
    ("facts", "known"),
    [
        ((), GpState.NOT_RECORDED),
        ((GpStated(gp=GP), GpStated(gp=None)), GpState.NOT_RECORDED),
        ((found(None),), GpState.NOT_RECORDED),
        ((NONE,), GpState.NONE),
        ((found(None, none=True),), GpState.NONE),
        ((GpStated(gp=GP),), GpState.UNCONFIRMED),
        ((GpStated(gp=GP), GpConfirmed(rpps=OTHER, at=START, by="x")), GpState.UNCONFIRMED),
        ((GpStated(gp=GP), GpConfirmed(rpps=RPPS, at=START, by="x")), GpState.CONFIRMED),
        ((GpStated(gp=NAMED), GpConfirmed(named=NAMED, at=START, by="x")), GpState.CONFIRMED),
        ((found(GP),), GpState.CONFIRMED),
        ((GpStated(gp=GP), found(GP)), GpState.CONFIRMED),
        ((GpStated(gp=GP), found(OTHER_GP)), GpState.UNCONFIRMED),
        ((GpStated(gp=GP), NONE), GpState.UNCONFIRMED),
    ],
)
def test_the_four_states_are_told_apart(facts: tuple[Fact, ...], known: GpState) -> None:
    assert state(*facts) is known


@pytest.mark.parametrize(
    "facts",
    [
        (GpStated(gp=GP), found(OTHER_GP)),
        (found(OTHER_GP), GpStated(gp=GP)),
        (GpStated(gp=GP), found(None, none=True)),
        (GpStated(gp=GP), NONE),
        (found(GP), NONE),
    ],
)
def test_sources_that_disagree_override_nothing(facts: tuple[Fact, ...]) -> None:
    person = folded(*facts).person
    assert person.gp_disputed
    assert len(person.gp_said) == 2


def test_each_source_is_kept_with_its_own_date() -> None:
    known = gp_known(heard(GpStated(gp=GP), found(GP, START - HOUR)), has_no_gp=False)
    assert [(one.source, one.at) for one in known.said] == [
        ("record", START),
        ("amelipro", START - HOUR),
    ]
    again = gp_known(heard(GpStated(gp=GP), GpStated(gp=GP)), has_no_gp=False)
    assert again.said[0].at == START  # said again, it is no newer


def test_a_person_who_confirms_one_after_all_was_said_decides() -> None:
    said = (GpStated(gp=GP), found(OTHER_GP, START + HOUR))
    for rpps, gp in ((RPPS, GP), (OTHER, OTHER_GP)):
        decided = GpConfirmed(rpps=rpps, at=START + 9 * HOUR, by="x")
        known = gp_known(heard(*said, decided), has_no_gp=False)
        assert (known.gp, known.disputed) == (gp, False)
        # Something new is said since: nobody has decided about that.
        third = GP.model_copy(update={"rpps": "10999990061", "family": "TIERS"})
        late = [one.model_copy(update={"recorded_at": START + 99 * HOUR, "sender_order": "9"})
                for one in heard(GpStated(gp=third))]  # fmt: skip
        assert gp_known([*heard(*said, decided), *late], has_no_gp=False).disputed


def test_a_record_that_repeats_its_flag_decides_nothing() -> None:
    said = (GpStated(gp=GP), found(OTHER_GP), GpConfirmed(rpps=RPPS, at=START + 9 * HOUR, by="x"))
    assert gp_known(heard(*said, journal=7), has_no_gp=False).disputed


def test_a_doctor_who_said_no_is_taken_back_by_a_person_alone() -> None:
    no = GpDisowned(rpps=RPPS, at=START + HOUR, by="receipt 1")
    late = GpConfirmed(rpps=RPPS, at=START + 2 * HOUR, by="x")
    early = GpConfirmed(rpps=RPPS, at=START, by="x")
    for facts, journal, back in (
        ((no,), None, ()),
        ((no, late), None, (RPPS,)),
        ((early, no), None, ()),
        ((no, late), 7, ()),
    ):
        known = gp_known(heard(GpStated(gp=GP), *facts, journal=journal), has_no_gp=False)
        assert (known.disowned, known.reinstated) == ((RPPS,), back)


def test_a_doctor_named_without_a_number_is_the_one_whom_the_directory_means() -> None:
    record = folded(GpStated(gp=NAMED), GpConfirmed(named=NAMED, at=START, by="x"))
    told = identified(record, Answer(rpps=RPPS, by_name=True))
    assert told.person.gp is not None
    assert (told.person.gp.rpps, told.person.gp_named) == (RPPS, NAMED)
    assert told.stays[0].gp_confirmed
    assert identified(record, Answer()) == record
    of_number = folded(GpStated(gp=NAMED), GpConfirmed(rpps=RPPS, at=START, by="x"))
    assert not of_number.stays[0].gp_confirmed
    assert identified(of_number, Answer(rpps=RPPS)).stays[0].gp_confirmed
    assert not identified(of_number, Answer(rpps=OTHER)).stays[0].gp_confirmed


def test_confirmations_come_to_the_same_in_any_order() -> None:
    other = NAMED.model_copy(update={"town": "AUTREVILLE"})
    said: list[Fact] = [
        GpStated(gp=NAMED), GpConfirmed(named=NAMED, at=START, by="x"),
        GpConfirmed(named=other, at=START, by="x"), GpConfirmed(rpps=OTHER, at=START, by="x"),
        GpConfirmed(rpps=RPPS, at=START, by="x"),
    ]  # fmt: skip
    told = heard(PersonStated(traits=TRAITS), moved("A01", START, "in"), *said)
    one = fold("1|x", ["1|x"], told, transfer_window=HOUR, with_tests=False)
    assert len(one.stays[0].confirmations) == 4
    for cut in range(len(told)):
        turned = [*told[cut:], *told[:cut]][::-1]
        assert one == fold("1|x", ["1|x"], turned, transfer_window=HOUR, with_tests=False)


SAYINGS = st.lists(
    st.sampled_from(
        [
            GpStated(gp=GP), GpStated(gp=OTHER_GP), GpStated(gp=NAMED), GpStated(gp=None), NONE,
            PersonStated(traits=Traits(has_no_gp=False)), found(GP), found(OTHER_GP, START + HOUR),
            found(None, none=True), GpConfirmed(rpps=RPPS, at=START + 5 * HOUR, by="x"),
            GpDisowned(rpps=RPPS, at=START, by="x"),
        ]
    ),
    max_size=8,
)  # fmt: skip


@given(SAYINGS, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_comes_to_the_same(facts: list[Fact], dice: object) -> None:
    told = heard(*facts)
    shuffled = [*told, *told[:2]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    for none in (True, False):
        assert gp_known(told, has_no_gp=none) == gp_known(shuffled, has_no_gp=none)


@given(SAYINGS)
def test_a_doctor_to_go_by_is_always_one_whom_a_source_names_now(facts: list[Fact]) -> None:
    known = gp_known(heard(*facts), has_no_gp=False)
    named = [one.doctor for one in known.said if one.doctor is not None]
    assert known.gp in named if named else known.gp is None
    if not known.disputed and len({one.rpps for one in named if one.rpps}) > 1:
        assert any(isinstance(one, GpConfirmed) for one in facts)
