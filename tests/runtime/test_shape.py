"""Values of relais.toml that TOML has no word for: durations and paths, however large."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.config import Config
from engine.runtime.shape import fit, parse_duration

LONGEST = timedelta(days=36_500)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("10s", timedelta(seconds=10)),
        ("30m", timedelta(minutes=30)),
        ("72h", timedelta(hours=72)),
        ("1.5d", timedelta(hours=36)),
        (" 2h ", timedelta(hours=2)),
        ("36500d", LONGEST),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_read(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "-5s", "1h30m", "10 s", "nan d", "36501d", "99999999999d", "9" * 400 + "d"],
)
def test_what_is_no_duration_or_outlasts_a_century_is_refused(text: str) -> None:
    assert parse_duration(text) is None


@given(st.from_regex(r"[0-9]{1,500}(\.[0-9]{1,9})?(ms|s|m|h|d)", fullmatch=True))
def test_whatever_duration_is_accepted_can_be_added_to_any_instant_of_our_time(text: str) -> None:
    value = parse_duration(text)
    if value is not None:
        assert datetime(2100, 1, 1, tzinfo=UTC) + value
        assert datetime(1950, 1, 1, tzinfo=UTC) - value


@pytest.mark.parametrize(
    "text", ["x" * 256, "é" * 128, "/".join(["x" * 200] * 30)], ids=["name", "bytes", "whole"]
)
def test_a_path_that_no_system_takes_is_told_where_it_stands(text: str) -> None:
    told = [one for one in fit(Config, {"data": text}, Path("/")).misfits if one.path == ("data",)]
    assert [one.what for one in told] == ["too long for a path"]
    assert text not in told[0].cure


def test_a_path_of_the_longest_name_is_taken() -> None:
    fitted = fit(Config, {"data": "x" * 255}, Path("/base"))
    assert fitted.values["data"] == Path("/base") / ("x" * 255)
