"""The background of a stay: the same in any order, silent in doubt, never before a release."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.clinical import agreeing, gathered
from engine.decide.fold import fold
from engine.model.clinical import ClinicalStated, Topic
from engine.model.fact import ExitKind, Fact, Half, Heard
from engine.model.stay import Stay
from engine.model.summary import (
    Allergy,
    Appointment,
    Contribution,
    Diagnosis,
    Items,
    Narrative,
    Said,
    Source,
    Treatment,
    Vaccination,
)
from tests.support.patients import START, moved

DAY = timedelta(days=1)
RELEASE = START + 20 * DAY


def heard(fact: Fact, at: datetime, order: int = 0) -> Heard:
    return Heard(
        patient="26000001|1.2.3",
        fact=fact,
        recorded_at=at,
        sender_order=f"{at.isoformat()}|{order:08}",
        heard_at=at,
    )


MOVES = (
    heard(moved("A01", START, "in"), START),
    heard(moved("A03", RELEASE, "out", exit_kind=ExitKind.RELEASE), RELEASE),
)


def said(
    topic: Topic,
    items: Items | None,
    day: int,
    *,
    key: str = "",
    order: int = 0,
    **more: object,
) -> Heard:
    values: dict[str, object] = {
        "topic": topic, "key": key, "visit": "V1", "validated": True, "reference": f"m{day}",
        "items": items, **more,
    }  # fmt: skip
    return heard(ClinicalStated.model_validate(values), START + day * DAY, order)


def stays(*facts: Heard, moves: tuple[Heard, ...] = MOVES) -> tuple[Stay, ...]:
    key = "26000001|1.2.3"
    record = fold(key, [key], [*moves, *facts], transfer_window=DAY, with_tests=False)
    return record.stays


def background(*facts: Heard, moves: tuple[Heard, ...] = MOVES) -> tuple[Contribution, ...]:
    return stays(*facts, moves=moves)[0].background


def metformin(**more: object) -> Items:
    return Items(treatments=(Treatment.model_validate({"label": "METFORMINE", **more}),))


def seen(day: date | None, hour: time | None = None) -> Items:
    return Items(appointments=(Appointment(label="Suivi", day=day, hour=hour),))


def test_the_last_snapshot_replaces_the_one_before() -> None:
    latex = Items(allergies=(Allergy(label="Latex"),))
    none = Items(allergies_none=True)
    found = background(said(Topic.ALLERGIES, latex, 2), said(Topic.ALLERGIES, none, 1))
    assert [one.items for one in found] == [latex]
    assert background(said(Topic.ALLERGIES, latex, 2), said(Topic.ALLERGIES, None, 3)) == ()


def test_an_order_is_changed_and_ended_under_its_number() -> None:
    first = said(Topic.TREATMENT, metformin(), 1, key="P1")
    other = said(Topic.TREATMENT, metformin(posology="le soir"), 1, key="P2")
    changed = said(Topic.TREATMENT, metformin(posology="midi"), 2, key="P1")
    assert [one.items for one in background(first, other, changed)] == [
        metformin(posology="le soir"),
        metformin(posology="midi"),
    ]
    ended = said(Topic.TREATMENT, None, 3, key="P1")
    assert [one.said.reference for one in background(first, other, changed, ended)] == ["m1"]


def test_an_order_ended_without_its_visit_after_the_stay_is_ended() -> None:
    begun = said(Topic.TREATMENT, metformin(), 1, key="P1")
    again = heard(moved("A01", START + 60 * DAY, "in2", visit="V2"), START + 60 * DAY)
    ended = said(Topic.TREATMENT, None, 70, key="P1", visit=None)
    first, second = stays(begun, ended, moves=(*MOVES, again))
    assert first.background == second.background == ()


def test_the_psychiatric_snapshot_and_the_somatic_one_do_not_replace_each_other() -> None:
    somatic = Items(diagnoses=(Diagnosis(label="Diabète"),))
    mental = Items(diagnoses=(Diagnosis(label="Trouble bipolaire"),))
    found = background(
        said(Topic.DIAGNOSES, somatic, 1),
        said(Topic.DIAGNOSES, mental, 1, half=Half.DSP),
        said(Topic.DIAGNOSES, None, 2, half=Half.DSP),
    )
    assert [(one.half, one.items) for one in found] == [(Half.DSS, somatic)]


def test_what_is_said_of_another_stay_stays_there() -> None:
    again = heard(moved("A01", START + 60 * DAY, "in2", visit="V2"), START + 60 * DAY)
    latex = Items(allergies=(Allergy(label="Latex"),))
    iodine = Items(allergies=(Allergy(label="Iode"),))
    facts = (
        said(Topic.ALLERGIES, latex, 1),
        said(Topic.ALLERGIES, iodine, 61, visit="V2"),
    )
    first, second = stays(*facts, moves=(*MOVES, again))
    assert [one.items for one in first.background] == [latex]
    assert [one.items for one in second.background] == [iodine]


def test_a_treatment_that_was_over_before_the_release_is_none_at_discharge() -> None:
    over = said(Topic.TREATMENT, metformin(end=RELEASE.date() - DAY), 1, key="P1")
    last = said(Topic.TREATMENT, metformin(end=RELEASE.date()), 1, key="P2")
    assert [one.items for one in background(over, last)] == [metformin(end=RELEASE.date())]


@given(st.integers(-40, 40), st.none() | st.times(), st.sampled_from(ExitKind))
def test_no_appointment_is_told_but_after_the_day_of_a_release(
    days: int, hour: time | None, kind: ExitKind
) -> None:
    day = RELEASE.date() + timedelta(days=days)
    fact = said(Topic.APPOINTMENT, seen(day, hour), 1, key="R1")
    out = heard(moved("A03", RELEASE, "out", exit_kind=kind), RELEASE)
    found = background(fact, moves=(MOVES[0], out))
    assert bool(found) == (days > 0 and kind is ExitKind.RELEASE)
    assert background(fact, moves=MOVES[:1]) == ()  # detained: it is an escort


def test_an_appointment_in_a_later_detention_is_an_escort_again() -> None:
    again = heard(moved("A01", RELEASE + 5 * DAY, "in2", visit="V2"), RELEASE + 5 * DAY)
    before = said(Topic.APPOINTMENT, seen(RELEASE.date() + 4 * DAY), 1, key="R1")
    within = said(Topic.APPOINTMENT, seen(RELEASE.date() + 5 * DAY), 1, key="R2")
    first, _ = stays(before, within, moves=(*MOVES, again))
    assert [one.items for one in first.background] == [seen(RELEASE.date() + 4 * DAY)]


def test_an_appointment_without_a_day_is_not_told() -> None:
    assert background(said(Topic.APPOINTMENT, seen(None), 1, key="R1")) == ()


LABELS = st.sampled_from("abc")
ITEMS = {
    Topic.ALLERGIES: LABELS.map(lambda a: Items(allergies=(Allergy(label=a),))),
    Topic.DIAGNOSES: LABELS.map(lambda a: Items(diagnoses=(Diagnosis(label=a),))),
    Topic.TREATMENT: LABELS.map(lambda a: Items(treatments=(Treatment(label=a),))),
    Topic.VACCINATION: LABELS.map(lambda a: Items(vaccinations=(Vaccination(label=a),))),
    Topic.APPOINTMENT: st.integers(-3, 3).map(lambda n: seen(RELEASE.date() + timedelta(days=n))),
}
KEYED = (Topic.TREATMENT, Topic.VACCINATION, Topic.APPOINTMENT)


@st.composite
def statements(draw: st.DrawFn) -> Heard:
    topic = draw(st.sampled_from(Topic))
    return said(
        topic,
        draw(st.none() | ITEMS[topic]),
        draw(st.integers(0, 30)),
        key=draw(st.sampled_from("PQ")) if topic in KEYED else "",
        order=draw(st.integers(0, 3)),
        half=draw(st.sampled_from(Half)),
        validated=draw(st.booleans()),
        visit=draw(st.sampled_from(["V1", "V9", None])),
    )


@settings(max_examples=150)
@given(st.lists(statements(), max_size=8), st.data())
def test_any_order_and_any_repetition_give_the_same_background(
    facts: list[Heard], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(facts), max_size=4)) if facts else []
    shuffled = data.draw(st.permutations([*facts, *again]))
    assert background(*shuffled) == background(*facts)


@settings(max_examples=150)
@given(st.lists(statements(), max_size=8), st.sets(st.sampled_from(Half)))
def test_what_is_not_validated_or_not_agreed_to_never_reaches_a_letter(
    facts: list[Heard], halves: set[Half]
) -> None:
    stated = background(*facts)
    allowed = [one for one in stated if one.said.validated and one.half in halves]
    for one in gathered(stated, (), halves):
        assert one.half in halves
        assert one.said.validated
        words = {label for part in allowed if part.half is one.half for label in labels(part)}
        assert set(labels(one)) <= words


def labels(one: Contribution) -> list[tuple[str, object]]:
    dump = one.items.model_dump(exclude_defaults=True)
    return [
        (name, (it.get("label"), it.get("day")))
        for name, rows in dump.items()
        if isinstance(rows, tuple)
        for it in rows
    ]


def test_the_background_of_a_half_is_one_contribution_with_its_references() -> None:
    stated = background(
        said(Topic.TREATMENT, metformin(), 2, key="P1"),
        said(Topic.ALLERGIES, Items(allergies_none=True), 1),
    )
    (one,) = gathered(stated, (), {Half.DSS})
    assert one.items == Items(allergies_none=True, treatments=(Treatment(label="METFORMINE"),))
    assert (one.said.reference, one.said.at) == ("m1 m2", START + 2 * DAY)
    assert one.said.source is Source.MESSAGE


def document(half: Half, items: Items) -> Contribution:
    said = Said(source=Source.DOCUMENT, reference="D", at=datetime.now(UTC), validated=True)
    return Contribution(half=half, said=said, items=items)


@pytest.mark.parametrize("half", Half)
def test_a_topic_that_a_document_tells_item_by_item_is_the_documents_for_its_half(
    half: Half,
) -> None:
    stated = background(
        said(Topic.TREATMENT, metformin(), 2, key="P1"),
        said(Topic.ALLERGIES, Items(allergies_none=True), 1),
    )
    (one,) = gathered(stated, [document(half, Items(treatments_none=True))], {Half.DSS})
    assert one.items.allergies_none
    assert (one.items.treatments == ()) is (half is Half.DSS)


NAMED = Items(allergies=(Allergy(label="PÉNICILLINE"),))
NONE = Items(allergies_none=True, synthesis="Suivi.")


@pytest.mark.parametrize("half", Half)
@pytest.mark.parametrize("author", [NONE, NAMED, Items(synthesis="Suivi.")])
def test_a_named_allergy_is_never_dropped_for_somebodys_none(half: Half, author: Items) -> None:
    for stated, other in ((NAMED, NONE), (NONE, NAMED)):
        heard = background(said(Topic.ALLERGIES, stated, 1))
        written = [document(half, author), document(Half.DSP, other)]
        told = agreeing((*written, *gathered(heard, written, set(Half))), heard)
        assert not any(one.items.allergies_none for one in told)
        assert [one.label for part in told for one in part.items.allergies]


def test_a_none_goes_where_the_allergy_is_of_the_half_that_stays_silent() -> None:
    heard = background(said(Topic.ALLERGIES, NAMED, 1))
    (one,) = agreeing([document(Half.DSP, NONE)], heard)
    assert one.items == Items(synthesis="Suivi.")


def test_a_none_stays_where_nobody_whose_word_counts_names_an_allergy() -> None:
    heard = background(said(Topic.ALLERGIES, NAMED, 1, validated=False))
    written = document(Half.DSS, NONE)
    assert agreeing([written], heard) == (written,)


def test_beside_free_text_no_message_tells_that_there_is_no_allergy() -> None:
    stated = background(said(Topic.ALLERGIES, Items(allergies_none=True), 1))
    free = Contribution(
        half=Half.DSS,
        said=Said(source=Source.DOCUMENT, reference="D", at=datetime.now(UTC), validated=True),
        items=Items(narratives=(Narrative(text="Allergie à la pénicilline."),)),
    )
    assert gathered(stated, [free], {Half.DSS}) == ()
    assert gathered(stated, (), {Half.DSS}, unread=True) == ()
    assert gathered(stated, (), {Half.DSS}) != ()
