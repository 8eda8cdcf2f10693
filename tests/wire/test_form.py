"""The JSON form: taken as its schema says, or refused by places that hold no value."""

import contextlib
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.model.form import LetterForm, schema
from engine.model.summary import Items
from engine.wire.form import AHEAD, MOST_BYTES, MOST_DEPTH, FormError, read_form
from tests.support.forms import EXAMPLE, NOW, form, some_items

ROOT = Path(__file__).resolve().parents[2]


def with_items(**items: Any) -> dict[str, Any]:
    return form(items=items)


def faults(content: Any) -> list[str]:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(FormError) as raised:
        read_form(raw, now=NOW)
    return [one.pointer for one in raised.value.faults]


def test_the_example_of_the_guide_is_the_fixture_and_is_taken() -> None:
    guide = (ROOT / "docs/letter-form.md").read_text("utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    assert json.loads(block) == json.loads(EXAMPLE)
    read = read_form(block.encode(), now=NOW)
    assert read.items.opioid is not None
    assert read.items.naloxone is True


def test_every_item_of_the_content_model_is_in_the_schema_and_no_other_name_is_allowed() -> None:
    items = schema()["$defs"]["Items"]
    assert set(items["properties"]) == set(Items.model_fields)
    assert all(
        one["additionalProperties"] is False
        for one in (schema(), *schema()["$defs"].values())
        if one.get("type") == "object"
    )


@given(some_items())
def test_any_items_survive_the_form(items: Items) -> None:
    said = items.model_copy(update={"allergies_none": False, "treatments_none": False})
    assume(said != Items())
    raw = json.dumps(form(half="DSP", items=said.model_dump(mode="json", exclude_defaults=True)))
    assert read_form(raw.encode(), now=NOW).items == said


@pytest.mark.parametrize(
    ("content", "places"),
    [
        (form(visit=...), ["/visit"]),
        (form(half="DSX"), ["/half"]),
        (form(form="relais-letter/2"), ["/form"]),
        (form(written_at="2026-03-02T09:15:00"), ["/written_at"]),
        (form(written_at="1772442900"), ["/written_at"]),
        (form(written_at=1772442900), ["/written_at"]),
        (form(validated="true"), ["/validated"]),
        (form(validated_by=...), [""]),
        (form(author={"rpps": "10999990039", "family": "A", "given": "B"}), ["/author"]),
        (form(replaces="USMP-2026-0117"), [""]),
        (form(items={}), [""]),
        (form(withdraw=True), [""]),
        (with_items(naloxone="yes"), ["/items/naloxone"]),
        (with_items(prescription={"covered_until": "20260309"}),
         ["/items/prescription/covered_until"]),
        (with_items(prescription={"covered_until": "2026-02-30"}),
         ["/items/prescription/covered_until"]),
        (with_items(prescription={"days": 7.5}), ["/items/prescription/days"]),
        (with_items(appointments=[{"label": "a"}, {"label": "b", "hour": 36000}]),
         ["/items/appointments/1/hour"]),
        (with_items(told="a\u0000b"), ["/items/told"]),
        (with_items(told="  "), ["/items/told"]),
        (with_items(told="\u200b \u200e"), ["/items/told"]),
        (with_items(plan=[{"label": "x"}] * 501), ["/items/plan"]),
        (with_items(told="x" * 200_000, housing="x"), ["/items"]),
        (with_items(events=["x" * 501]), ["/items/events/0"]),
        (with_items(rights=[{"kind": "RSA", "state": "x"}]), ["/items/rights/0/kind"]),
        (b"", [""]),
        (b"\xff\xfe", [""]),
        (b'{"visit": NaN}', [""]),
        (b'{"visit": "1", "visit": "2"}', [""]),
        (b"[" * 100_000, [""]),
        (b'{"a": ' + b"9" * 5000 + b"}", [""]),
        (b" " * (MOST_BYTES + 1), [""]),
        (b"[]", [""]),
        (EXAMPLE.replace(b'"DSS"', b'"\\ud800"'), ["/half"]),
    ],
)  # fmt: skip
def test_each_fault_is_told_by_its_place(content: Any, places: list[str]) -> None:
    assert faults(content) == places


WORD = "HENNEBELLE"


@pytest.mark.parametrize(
    "content",
    [
        form(HENNEBELLE="x"),
        form(half=WORD),
        form(written_at=WORD),
        form(author=WORD),
        form(author={"rpps": WORD, "family": WORD, WORD: WORD}),
        with_items(HENNEBELLE={"a": 1}),
        with_items(treatments=[{"label": "x", "change": WORD, WORD: 1}]),
        with_items(HENNEBELLE="\u0000"),
        with_items(appointments=[{"label": "x", "day": WORD, "hour": WORD}]),
        f'{{"{WORD}": }}'.encode(),
    ],
)
def test_no_fault_repeats_what_the_form_holds(content: Any) -> None:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(FormError) as raised:
        read_form(raw, now=NOW)
    assert WORD not in repr(raised.value.faults) + str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*LetterForm.model_fields, *Items.model_fields, "label", "day"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_sent_is_taken_or_refused(content: Any) -> None:
    with contextlib.suppress(FormError):
        read_form(json.dumps(content).encode(), now=NOW)


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(raw: bytes) -> None:
    with pytest.raises(FormError):
        read_form(raw, now=NOW)


def test_line_ends_and_blanks_around_a_text_are_made_plain() -> None:
    read = read_form(json.dumps(with_items(told="\ufeff  un\r\ndeux\t \n")).encode(), now=NOW)
    assert read.items.told in ("un\ndeux", "\ufeff  un\ndeux")


@pytest.mark.parametrize("depth", [MOST_DEPTH + 1, 100, 480, 700, 900, 960, 994, 1000, 5000])
@pytest.mark.parametrize(("begins", "ends"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_form_that_nests_without_end_is_refused_and_never_trips_the_program_over(
    depth: int, begins: bytes, ends: bytes
) -> None:
    raw = b'{"form":"relais-letter/1","x":' + begins * depth + b'"a"' + ends * depth + b"}"
    assert faults(raw) == [""]


@pytest.mark.parametrize("name", ["psychiatric_follow_up", "suicide_risk", "cmp"])
def test_a_somatic_form_never_says_what_is_for_the_psychiatric_half(name: str) -> None:
    said = {"cmp": {"name": "CMP"}}.get(name, "Suivi.")
    assert faults(form(half="DSS", items={name: said})) == [f"/items/{name}"]
    raw = json.dumps(form(half="DSP", items={name: said})).encode()
    assert getattr(read_form(raw, now=NOW).items, name) is not None


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ({"allergies": [{"label": "PÉNICILLINE"}], "allergies_none": True}, "allergies_none"),
        ({"treatments": [{"label": "A"}], "treatments_none": True}, "treatments_none"),
        ({"opioid": {"drug": "MÉTHADONE"}, "treatments_none": True}, "treatments_none"),
        ({"injections": [{"drug": "A"}], "treatments_none": True}, "treatments_none"),
        ({"tuberculosis": {"treatment": "A"}, "treatments_none": True}, "treatments_none"),
    ],
)
def test_none_beside_one_is_refused_at_its_place(items: dict[str, Any], place: str) -> None:
    assert faults(form(items=items)) == [f"/items/{place}"]


def test_no_treatment_at_the_end_of_those_that_were_stopped_is_no_contradiction() -> None:
    items = {"treatments": [{"label": "A", "change": "stopped"}], "treatments_none": True}
    assert read_form(json.dumps(form(items=items)).encode(), now=NOW).items.treatments_none


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=36500)))
def test_a_form_dated_in_the_future_is_always_refused(ahead: timedelta) -> None:
    written = (NOW + AHEAD + ahead).isoformat()
    assert faults(form(written_at=written)) == ["/written_at"]


def test_a_writers_clock_may_run_a_little_ahead() -> None:
    raw = json.dumps(form(written_at=(NOW + AHEAD).isoformat())).encode()
    assert read_form(raw, now=NOW).written_at == NOW + AHEAD
