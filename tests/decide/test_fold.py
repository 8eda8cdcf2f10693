"""The fold: any order, any repetition of a stay's messages gives the same record."""

from datetime import UTC, date, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.fold import fold
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.fact import (
    Action,
    Care,
    DocumentAction,
    DocumentForm,
    DocumentPublished,
    ExitKind,
    ExitKindDecided,
    Fact,
    GpConfirmed,
    GpStated,
    Half,
    Heard,
    MovementStated,
    PersonStated,
)
from engine.model.people import Professional, Traits
from engine.model.release import ReleasePlanned, ReleaseSource
from engine.model.stay import Presence, Record

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
DSS = Care(usmp="annoeullin", half=Half.DSS)
DSP = Care(usmp="annoeullin", half=Half.DSP)
OTHER = Care(usmp="sequedin", half=Half.DSS)


def heard(fact: Fact, minute: int, *, order: int = 0, test: bool = False) -> Heard:
    return Heard(
        patient="1|H",
        fact=fact,
        recorded_at=START + timedelta(minutes=minute),
        sender_order=str(order).zfill(6),
        heard_at=START + timedelta(minutes=minute, seconds=1),
        test=test,
    )


def moved(
    event: str,
    hour: int,
    *,
    movement: str | None = None,
    care: Care | None = DSS,
    action: Action = Action.INSERT,
    kind: ExitKind | None = None,
    visit: str = "V1",
) -> MovementStated:
    return MovementStated(
        movement=movement or f"{event}-{hour}-{visit}",
        visit=visit,
        action=action,
        event=event,
        at=START + timedelta(hours=hour),
        unit="u",
        care=care,
        exit_kind=kind,
    )


def agreed(visit: str, at: datetime) -> ConsentStated:
    return ConsentStated(
        purpose=Purpose.EXIT_NOTICE, state=ConsentState.GRANTED, at=at, by="IDE", visit=visit
    )


def folded(facts: list[Heard], *, with_tests: bool = False) -> Record:
    return fold("1|H", ["1|H"], facts, transfer_window=timedelta(hours=24), with_tests=with_tests)


def test_an_arrival_opens_a_stay_and_a_release_ends_it() -> None:
    record = folded([heard(moved("A01", 0), 0), heard(moved("A03", 5, kind=ExitKind.RELEASE), 9)])
    (stay,) = record.stays
    assert stay.key == "1|H/V1@annoeullin#1"
    assert stay.exit is not None
    assert stay.exit.kind is ExitKind.RELEASE


def test_a_cancelled_arrival_never_happened() -> None:
    arrival = moved("A01", 0, movement="m")
    cancel = moved("A01", 0, movement="m", action=Action.CANCEL)
    assert folded([heard(arrival, 0), heard(cancel, 5)]).stays == ()


def test_a_cancelled_release_opens_the_stay_again() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A03", 5, movement="out", kind=ExitKind.RELEASE), 300),
        heard(moved("A03", 5, movement="out", action=Action.CANCEL), 301),
    ]
    assert folded(facts).stays[0].exit is None


def test_two_inserts_of_one_zbe_1_are_one_movement_and_the_last_one_counts() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A03", 30, movement="m", kind=ExitKind.UNKNOWN), 10, order=1),
        heard(moved("A03", 20, movement="m", kind=ExitKind.RELEASE), 10, order=2),
    ]
    (stay,) = folded(facts).stays
    assert stay.exit is not None
    assert stay.exit.at == START + timedelta(hours=20)


def test_moving_between_the_halves_of_a_unit_is_no_second_arrival() -> None:
    facts = [heard(moved("A01", 0), 0), heard(moved("A02", 1, care=DSP), 60)]
    (stay,) = folded(facts).stays
    assert stay.halves == (Half.DSS, Half.DSP)


def test_a_hospital_stay_is_nested_in_the_detention() -> None:
    facts = [heard(moved("A01", 0), 0), heard(moved("A02", 1, care=None), 60)]
    assert folded(facts).stays[0].presence is Presence.HOSPITAL
    back = heard(moved("A02", 9, care=DSS), 600)
    (stay,) = folded([*facts, back]).stays
    assert stay.presence is Presence.INSIDE
    assert stay.exit is None


def test_the_discharge_of_a_nested_consultation_ends_no_stay() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A04", 1, visit="V2"), 60),
        heard(moved("A03", 2, visit="V2", kind=ExitKind.RELEASE), 120),
    ]
    (stay,) = folded(facts).stays
    assert stay.exit is None


def test_an_agreement_of_a_second_visit_is_of_the_stay_that_it_was_begun_in() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A01", 1, visit="V2"), 60),
        heard(moved("A02", 2, care=OTHER), 120),
        heard(agreed("V2", START + timedelta(hours=3)), 180),
        heard(agreed("of the hospital", START + timedelta(hours=3)), 180),
    ]
    first, second = folded(facts).stays
    assert [one.visit for one in first.consents] == ["V2"]
    assert [one.visit for one in second.consents] == ["of the hospital"]


def test_a_release_while_another_visit_of_the_unit_is_open_is_a_doubt() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A01", 1, visit="V2", care=DSP), 60),
        heard(moved("A03", 2, kind=ExitKind.RELEASE), 120),
    ]
    assert folded(facts).stays[0].doubts == ("another-visit-still-open",)


def test_an_arrival_in_another_unit_soon_after_a_release_makes_it_a_transfer() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A03", 5, kind=ExitKind.RELEASE), 300),
        heard(moved("A01", 9, visit="V2", care=OTHER), 540),
    ]
    first, second = folded(facts).stays
    assert first.exit is not None
    assert first.exit.kind is ExitKind.TRANSFER
    assert second.exit is None


def test_a_person_back_in_the_same_unit_the_next_day_is_known_as_such() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A03", 5, kind=ExitKind.RELEASE), 300),
        heard(moved("A01", 20, visit="V2"), 1200),
    ]
    first, second = folded(facts).stays
    assert first.came_back_at == second.arrived_at


def test_a_release_pronounced_from_a_hospital_bed_is_for_a_person_to_read() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A06", 1, care=None), 60),
        heard(moved("A03", 5, care=None, kind=ExitKind.RELEASE, movement="out"), 300),
    ]
    (stay,) = folded(facts).stays
    assert stay.exit is not None
    assert stay.exit.kind is ExitKind.UNKNOWN
    said = ExitKindDecided(
        visit="V1",
        movement="out",
        exit_kind=ExitKind.RELEASE,
        at=START + timedelta(hours=6),
        by="Dr A",
    )
    (stay,) = folded([*facts, heard(said, 360)]).stays
    assert stay.exit is not None
    assert stay.exit.kind is ExitKind.RELEASE


def test_death_told_by_any_message_is_a_death_of_the_person() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A03", 5, kind=ExitKind.RELEASE), 300),
        heard(PersonStated(traits=Traits(dead=True)), 301),
    ]
    assert folded(facts).person.dead
    other_visit = moved("A03", 6, visit="V9", kind=ExitKind.DEATH, care=None)
    assert folded([*facts[:2], heard(other_visit, 400)]).person.dead


def test_a_death_that_is_taken_back_is_a_doubt() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(PersonStated(traits=Traits(dead=True)), 1),
        heard(PersonStated(traits=Traits(dead=False)), 2),
    ]
    person = folded(facts).person
    assert not person.dead
    assert person.in_doubt == ("PID-30",)


def test_an_answer_about_one_visit_says_nothing_of_another_with_the_same_zbe_1() -> None:
    facts = [
        heard(moved("A01", 0), 0),
        heard(moved("A03", 5, movement="out", kind=ExitKind.TRANSFER), 300),
        heard(moved("A01", 40, visit="V2"), 2400),
        heard(moved("A03", 50, movement="out", visit="V2", kind=ExitKind.UNKNOWN), 3000),
        heard(
            ExitKindDecided(
                visit="V2",
                movement="out",
                exit_kind=ExitKind.RELEASE,
                at=START + timedelta(hours=51),
                by="Dr A",
            ),
            3060,
        ),
    ]
    first, second = folded(facts).stays
    assert first.exit is not None
    assert second.exit is not None
    assert (first.exit.kind, second.exit.kind) == (ExitKind.TRANSFER, ExitKind.RELEASE)


def test_a_discharge_without_an_arrival_is_an_orphan() -> None:
    record = folded([heard(moved("A03", 5, kind=ExitKind.RELEASE), 300)])
    assert record.stays == ()
    assert len(record.orphans) == 1


def test_facts_of_test_messages_change_nothing_in_production() -> None:
    facts = [heard(moved("A01", 0), 0), heard(PersonStated(traits=Traits(dead=True)), 1, test=True)]
    assert folded(facts).person.traits.dead is None
    assert folded(facts, with_tests=True).person.traits.dead is True


def test_a_new_gp_takes_the_place_of_the_old_one_and_is_not_confirmed() -> None:
    first = Professional(rpps="10999990012", family="DURAND")
    second = Professional(rpps="10999990020", family="LEFEVRE")
    facts = [
        heard(GpStated(gp=first), 0),
        heard(moved("A01", 0), 0),
        heard(GpConfirmed(rpps="10999990012", at=START, by="form"), 1),
    ]
    assert folded(facts).stays[0].gp_confirmed
    after = folded([*facts, heard(GpStated(gp=second), 2)])
    assert after.person.gp == second
    assert not after.stays[0].gp_confirmed


def test_a_confirmation_ends_with_the_stay_in_which_it_was_given() -> None:
    facts = [
        heard(GpStated(gp=Professional(rpps="10999990012", family="DURAND")), 0),
        heard(moved("A01", 0, visit="V1"), 0),
        heard(GpConfirmed(rpps="10999990012", at=START, by="form"), 1),
        heard(moved("A03", 48, visit="V1", kind=ExitKind.RELEASE), 48),
        heard(moved("A01", 2000, visit="V2"), 2000),
    ]
    first, second = folded(facts).stays
    assert first.gp_confirmed
    assert not second.gp_confirmed


def test_a_planned_release_is_of_its_visit_or_of_the_stay_in_course_when_it_was_said() -> None:
    def planned(hour: int, visit: str | None) -> ReleasePlanned:
        at = START + timedelta(hours=hour)
        day = date(2026, 4, 1 + hour // 24)
        return ReleasePlanned(
            on=day, source=ReleaseSource.REGISTRY, at=at, by="greffe", visit=visit
        )

    facts = [
        heard(moved("A01", 0, visit="V1"), 0),
        heard(moved("A03", 48, visit="V1", kind=ExitKind.RELEASE), 48),
        heard(moved("A01", 240, visit="V2"), 240),
        heard(planned(24, None), 24),
        heard(planned(264, "V1"), 264),
        heard(planned(288, "V9"), 288),  # the hospital's own visit, or nobody's
    ]
    first, second = folded(facts).stays
    assert first.planned.days == (date(2026, 4, 12),)
    assert second.planned.days == ()
    later = folded([*facts, heard(planned(312, None), 312)]).stays[1]
    assert later.planned.on == date(2026, 4, 14)


MOVES = st.builds(
    moved,
    st.sampled_from(["A01", "A02", "A03", "A04", "A06", "A07", "A21", "A22"]),
    st.integers(0, 72),
    movement=st.sampled_from([f"m{n}" for n in range(6)]),
    care=st.sampled_from([DSS, DSP, OTHER, None]),
    action=st.sampled_from(Action),
    kind=st.sampled_from([*ExitKind, None]),
    visit=st.sampled_from(["V1", "V2"]),
)
CONSENTS = st.builds(
    ConsentStated,
    purpose=st.sampled_from(Purpose),
    state=st.sampled_from(ConsentState),
    at=st.integers(0, 72).map(lambda hour: START + timedelta(hours=hour)),
    by=st.just("form"),
    visit=st.sampled_from(["V1", "V2", None]),
)
DOCUMENTS = st.builds(
    DocumentPublished,
    document=st.sampled_from(["d1", "d2", "d3"]),
    replaces=st.sampled_from([None, "d1"]),
    action=st.sampled_from(DocumentAction),
    visit=st.sampled_from(["V1", None]),
    half=st.sampled_from(Half),
    type_code=st.just("11490-0"),
    form=st.just(DocumentForm.TEXT),
    content=st.sampled_from(["a" * 64, "b" * 64]),
    written_at=st.integers(0, 72).map(lambda hour: START + timedelta(hours=hour)),
    validated=st.booleans(),
)
GPS = st.sampled_from(["10999990012", "10999990020", None]).map(
    lambda rpps: GpStated(gp=Professional(rpps=rpps, family="X") if rpps else None)
)
PERSONS = st.builds(
    PersonStated,
    traits=st.builds(
        Traits,
        birth_family=st.sampled_from(["A", "B", None]),
        dead=st.sampled_from([True, False, None]),
    ),
    removed=st.sampled_from([(), ("birth_family",)]),
)
RELEASES = st.builds(
    ReleasePlanned,
    on=st.sampled_from([START.date(), START.date() + timedelta(days=9), None]),
    source=st.sampled_from(ReleaseSource),
    at=st.integers(0, 72).map(lambda hour: START + timedelta(hours=hour)),
    by=st.just("greffe"),
    visit=st.sampled_from(["V1", "V2", None]),
)
FACTS = st.lists(
    st.builds(
        heard,
        st.one_of(MOVES, MOVES, MOVES, CONSENTS, DOCUMENTS, GPS, PERSONS, RELEASES),
        st.integers(0, 4000),
        order=st.integers(0, 3),
    ),
    max_size=14,
)


@settings(max_examples=400, deadline=None)
@given(FACTS, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_gives_the_same_record(
    facts: list[Heard], random: object
) -> None:
    expected = folded(facts)
    shuffled = [*facts, *(random.sample(facts, len(facts) // 2))]  # type: ignore[attr-defined]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert folded(shuffled) == expected


@settings(max_examples=200, deadline=None)
@given(FACTS)
def test_a_stay_is_named_once(facts: list[Heard]) -> None:
    keys = [stay.key for stay in folded(facts).stays]
    assert len(keys) == len(set(keys))


def told(fact: Fact, sent: int, number: str) -> Heard:
    """Heard in one second by EVN-2; MSH-7 ``sent`` seconds later, MSH-10 ``number``."""
    at = (START + timedelta(seconds=sent)).isoformat(timespec="microseconds")
    return heard(fact, 1).model_copy(update={"sender_order": f"{at}|{number}"})


def test_msh_7_orders_what_evn_2_does_not() -> None:
    out, undone = moved("A03", 5), moved("A03", 5, action=Action.CANCEL)
    arrival = heard(moved("A01", 0), 0)
    stays = folded([arrival, told(out, 1, "Z9"), told(undone, 2, "A1")]).stays
    assert stays[0].exit is None
    stays = folded([arrival, told(out, 2, "A1"), told(undone, 1, "Z9")]).stays
    assert stays[0].exit is not None


def test_of_one_second_a_cancel_is_the_last_word_unless_counted_numbers_tell() -> None:
    out, undone = moved("A03", 5), moved("A03", 5, action=Action.CANCEL)
    arrival = heard(moved("A01", 0), 0)
    for first, second in (("B2", "A1"), ("A1", "B2")):
        stays = folded([arrival, told(out, 1, first), told(undone, 1, second)]).stays
        assert stays[0].exit is None
    stays = folded([arrival, told(undone, 1, "0001"), told(out, 1, "0002")]).stays
    assert stays[0].exit is not None


def test_a_sender_that_writes_the_visit_number_in_zbe_1_loses_no_movement() -> None:
    one = "V1"
    facts = [
        heard(moved("A01", 0, movement=one), 0),
        heard(moved("A02", 2, movement=one, care=DSP), 2),
        heard(moved("A21", 4, movement=one, kind=ExitKind.LEAVE), 4),
        heard(moved("A22", 6, movement=one), 6),
        heard(moved("A03", 8, movement=one, kind=ExitKind.RELEASE), 8),
    ]
    (stay,) = folded(facts).stays
    assert stay.halves == (Half.DSS, Half.DSP)
    assert stay.exit is not None
    assert stay.exit.kind is ExitKind.RELEASE
    undone = heard(moved("A03", 8, movement=one, action=Action.CANCEL), 9)
    (stay,) = folded([*facts, undone]).stays
    assert stay.exit is None
    assert stay.presence is Presence.INSIDE


def test_an_update_that_could_mean_several_movements_asks_a_person() -> None:
    facts = [
        heard(moved("A01", 0, movement="V1"), 0),
        heard(moved("A03", 8, movement="V1", kind=ExitKind.RELEASE), 8),
    ]
    update = moved("", 9, movement="V1", action=Action.UPDATE)
    (stay,) = folded([*facts, heard(update, 9)]).stays
    assert "cancel-of-an-unknown-movement V1" in stay.doubts
    dated = heard(moved("", 8, movement="V1", action=Action.UPDATE, kind=ExitKind.DEATH), 9)
    (stay,) = folded([*facts, dated]).stays
    assert stay.doubts == ()
    assert stay.exit is not None
    assert stay.exit.kind is ExitKind.DEATH


def paper(number: str, content: str, hour: int, **more: object) -> DocumentPublished:
    values: dict[str, object] = {
        "document": number, "visit": None, "half": Half.DSS, "type_code": "11490-0",
        "form": DocumentForm.TEXT, "content": content * 64, "validated": True,
        "written_at": START + timedelta(hours=hour), **more,
    }  # fmt: skip
    return DocumentPublished.model_validate(values)


TWO_STAYS = [
    heard(moved("A01", 0, visit="V1"), 0),
    heard(moved("A03", 24, visit="V1", kind=ExitKind.RELEASE), 24 * 60),
    heard(moved("A01", 2400, visit="V2"), 2400 * 60),
]
FIRST = heard(paper("1", "a", 20, visit="V1"), 20 * 60)
SECOND = heard(paper("1", "b", 2410, visit="V2"), 2410 * 60)


def contents(facts: list[Heard]) -> list[list[str]]:
    return [[one.content[0] for one in stay.documents] for stay in folded(facts).stays]


def test_a_number_used_again_in_another_stay_never_takes_the_first_stays_document_away() -> None:
    assert contents([*TWO_STAYS, FIRST, SECOND]) == [["a"], ["b"]]
    corrected = heard(paper("1", "c", 2420, visit="V2"), 2420 * 60)
    assert contents([*TWO_STAYS, FIRST, SECOND, corrected]) == [["a"], ["c"]]


def test_a_replacement_or_a_withdrawal_with_a_visit_is_of_that_stays_document() -> None:
    gone = heard(paper("1", "e", 2420, visit="V2", action=DocumentAction.WITHDRAW), 2420 * 60)
    assert contents([*TWO_STAYS, FIRST, SECOND, gone]) == [["a"], []]
    other = paper("2", "c", 2420, visit="V2", action=DocumentAction.REPLACE, replaces="1")
    assert contents([*TWO_STAYS, FIRST, SECOND, heard(other, 2420 * 60)]) == [["a"], ["c"]]


def test_a_withdrawal_that_does_not_say_of_which_stay_takes_both_back() -> None:
    for visit in (None, "V9"):
        gone = heard(paper("1", "e", 2420, visit=visit, action=DocumentAction.WITHDRAW), 2420 * 60)
        assert contents([*TWO_STAYS, FIRST, SECOND, gone]) == [[], []]


def test_a_withdrawal_under_another_visit_takes_the_one_document_of_that_number_back() -> None:
    gone = heard(paper("1", "e", 2420, visit="V2", action=DocumentAction.WITHDRAW), 2420 * 60)
    assert contents([*TWO_STAYS, FIRST, gone]) == [[], []]


_PAPERS = st.builds(
    paper,
    number=st.sampled_from("123"),
    content=st.sampled_from("abcd"),
    hour=st.integers(0, 2500),
    visit=st.sampled_from(["V1", "V2", "V9", None]),
    action=st.sampled_from(DocumentAction),
    replaces=st.sampled_from(["1", "2", "3", None]),
    also=st.sampled_from([(), ("3",), ("4",)]),
)


@given(
    st.lists(st.tuples(_PAPERS, st.integers(0, 160_000)), max_size=7),
    st.randoms(use_true_random=False),
)
def test_documents_of_reused_numbers_are_the_same_in_any_order(
    told: list[tuple[DocumentPublished, int]], random: Random
) -> None:
    facts = [*TWO_STAYS, *(heard(fact, minute) for fact, minute in told)]
    mixed = facts * 2
    random.shuffle(mixed)
    assert folded(mixed) == folded(facts)
    numbers = [(one.document, stay.key) for stay in folded(facts).stays for one in stay.documents]
    assert len(set(numbers)) == len(numbers)
