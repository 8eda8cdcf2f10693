"""What a letter lacks: per half, by level, and what waits for validation is named."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.completeness import WANTED, Lack, Level, Report, report
from engine.model.fact import Half
from engine.model.summary import Change, Contribution, Items, Said, Source, Treatment
from engine.wire.form import read_form
from tests.support.forms import EXAMPLE, NOW, some_items

AT = datetime(2026, 3, 2, tzinfo=UTC)
DSS, DSP = Half.DSS, Half.DSP
LEAST: dict[str, Any] = {
    "reason": "x", "synthesis": "x", "treatments_none": True, "multiresistant": False,
    "transfusion": False, "blood_products": False,
}  # fmt: skip


def told(half: Half = DSS, *, validated: bool = True, **items: Any) -> Contribution:
    said = Said(source=Source.DOCUMENT, reference="D1", at=AT, validated=validated)
    return Contribution(half=half, said=said, items=Items(**items))


def names(found: Report, level: Level, half: Half | None = DSS) -> set[str]:
    return {one.name for one in found.missing if one.level is level and one.half is half}


def test_an_empty_letter_lacks_everything_that_each_half_owes() -> None:
    found = report((), (DSS, DSP))
    assert names(found, Level.REQUIRED) == {
        "reason", "synthesis", "treatments", "multiresistant", "transfusion", "blood-products",
    }  # fmt: skip
    assert names(found, Level.REQUIRED, DSP) == {"reason", "synthesis", "treatments"}
    assert names(found, Level.DOOR, DSP) == {"psychiatric-follow-up", "cmp", "suicide-risk"}
    assert "naloxone" in names(found, Level.DOOR, None)
    assert not found.complete


def test_a_half_that_never_saw_the_patient_owes_nothing() -> None:
    assert {one.half for one in report((), (DSS,)).missing} == {DSS, None}


def test_a_letter_with_all_that_is_required_is_complete_whatever_the_door_lacks() -> None:
    found = report([told(**LEAST)], (DSS,))
    assert found.complete
    assert names(found, Level.REQUIRED) == set()
    assert "tuberculosis" in names(found, Level.DOOR)


@pytest.mark.parametrize("absent", ["reason", "synthesis", "treatments_none", "multiresistant",
                                    "transfusion", "blood_products"])  # fmt: skip
def test_without_any_one_of_the_required_items_it_is_not(absent: str) -> None:
    items = {name: value for name, value in LEAST.items() if name != absent}
    found = report([told(**items)], (DSS,))
    assert not found.complete
    assert len(names(found, Level.REQUIRED)) == 1


def test_a_no_is_an_answer_and_silence_is_none() -> None:
    assert "naloxone" in names(report([told()], (DSS,)), Level.DOOR, None)
    assert "naloxone" not in names(report([told(naloxone=False)], (DSS,)), Level.DOOR, None)


def test_what_is_written_and_not_validated_is_named_and_counts_as_missing() -> None:
    draft = told(validated=False, **LEAST)
    found = report([draft], (DSS,))
    assert found.unvalidated == (draft,)
    lacks = {one.name: one.lack for one in found.missing}
    assert (lacks["reason"], lacks["allergies"]) == (Lack.UNVALIDATED, Lack.ABSENT)
    assert not report([told(**LEAST), draft], (DSS,)).complete


def test_a_feed_that_nobody_trusts_keeps_no_letter_incomplete() -> None:
    said = Said(source=Source.MESSAGE, reference="M", at=AT, validated=False)
    heard = Contribution(half=DSS, said=said, items=Items(allergies_none=True))
    found = report([told(**LEAST), heard], (DSS,))
    assert found.unvalidated == (heard,)
    assert found.complete


def test_what_one_half_said_does_not_stand_for_the_other() -> None:
    found = report([told(DSP, **LEAST)], (DSS, DSP))
    assert "reason" in names(found, Level.REQUIRED)
    assert "reason" not in names(found, Level.REQUIRED, DSP)


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        (Change.STARTED, "douleur", True),
        (Change.STOPPED, None, False),
        (Change.CONTINUED, None, True),
        (None, None, False),
    ],
)
def test_a_treatment_says_what_was_done_and_why(
    change: Change | None, reason: str | None, said: bool
) -> None:
    one = told(treatments=(Treatment(label="X", change=change, reason=reason),))
    missing = names(report([one], (DSS,)), Level.NATIONAL, None)
    assert ("treatment-reasons" not in missing) is said


def test_free_text_may_hold_what_no_machine_can_see() -> None:
    found = report([told(narratives=({"text": "Tout y est."},))], (DSS,), unread=[DSS])
    assert found.unread == (DSS,)
    assert names(found, Level.REQUIRED)  # listed all the same
    assert found.complete


def test_the_example_of_the_guide_lacks_nothing_that_is_required() -> None:
    items = read_form(EXAMPLE, now=NOW).items
    said = Said(source=Source.FORM, reference="F", at=AT, validated=True)
    found = report([Contribution(half=DSS, said=said, items=items)], (DSS,))
    assert found.complete
    assert not names(found, Level.DOOR, None) & {"opioid", "naloxone", "prescription", "told"}


@given(some_items(), st.sampled_from(Half))
def test_an_item_is_missing_or_said_and_never_both(items: Items, half: Half) -> None:
    said = Said(source=Source.FORM, reference="F", at=AT, validated=True)
    one = Contribution(half=half, said=said, items=items)
    missing = {(lack.name, lack.half) for lack in report([one], (half,)).missing}
    for wanted in WANTED:
        if wanted.name != "treatment-reasons" and (not wanted.halves or half in wanted.halves):
            owner = half if wanted.halves else None
            assert ((wanted.name, owner) in missing) is not wanted.said(items)
