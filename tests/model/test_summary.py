"""What one source may say is bounded where it comes in."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.model.summary import (
    MOST_CHARACTERS,
    MOST_OF_A_KIND,
    Code,
    Items,
    Narrative,
    PlannedCare,
    Treatment,
    is_blank,
)

LISTS = [name for name, field in Items.model_fields.items() if "tuple" in str(field.annotation)]


def test_every_list_of_a_source_is_bounded() -> None:
    assert len(LISTS) >= 13
    for name in LISTS:
        field = Items.model_fields[name]
        bounds = [getattr(one, "max_length", None) for one in field.metadata]
        assert MOST_OF_A_KIND in bounds, (name, get_args(field.annotation))


def test_a_source_with_more_of_a_kind_than_any_stay_has_is_refused() -> None:
    one = PlannedCare(label="x")
    assert len(Items(plan=(one,) * MOST_OF_A_KIND).plan) == MOST_OF_A_KIND
    with pytest.raises(ValidationError, match="at most 500 items"):
        Items(plan=(one,) * (MOST_OF_A_KIND + 1))


def test_all_texts_of_a_source_count_however_deep_they_lie() -> None:
    half = "x" * (MOST_CHARACTERS // 2)
    assert Items(synthesis=half, narratives=(Narrative(text=half),)).narratives
    codes = tuple(Code(code="x" * 500, system="1.2.3") for _ in range(250))
    for more in (
        {"housing": "x"},
        {"treatments": (Treatment(label="x", codes=codes),)},
    ):
        with pytest.raises(ValidationError, match="more than 200000 characters"):
            Items(synthesis=half, narratives=(Narrative(text=half),), **more)  # type: ignore[arg-type]


@given(st.text("\u200b\u200e\ufeff \n\u00a0\x00"), st.text("aé?日"))
def test_only_a_text_with_a_sign_that_is_seen_is_not_blank(unseen: str, seen: str) -> None:
    assert is_blank(unseen)
    assert is_blank(unseen + seen + unseen) is (seen == "")
