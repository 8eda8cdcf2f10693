"""The day of the fixtures, moved to the day of play."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from engine.demo.day import load_day, moved
from engine.wire.hl7 import read

DAY = Path(__file__).resolve().parents[2] / "fixtures/day"


def test_dates_move_and_numbers_stay() -> None:
    shift = timedelta(days=300)
    assert moved(b"|20260302093000|", shift) == b"|20261227093000|"
    assert moved(b"|20260112|", shift) == b"|20261108|"
    assert moved(b"|V260002|D26000020260302|19900417|", shift) == (
        b"|V260002|D26000020260302|19900417|"
    )


@pytest.mark.parametrize("path", sorted(DAY.glob("*.hl7")), ids=lambda path: path.stem)
def test_a_moved_message_differs_in_dates_alone(path: Path) -> None:
    raw = path.read_bytes()
    there = moved(raw, timedelta(days=267))
    assert len(there) == len(raw)
    assert len(read(there).segments) == len(read(raw).segments)
    back = moved(there, timedelta(days=0))
    assert back == there


def test_every_message_of_the_day_is_played_and_every_patient_has_an_outcome() -> None:
    day = load_day(DAY, date(2026, 11, 24))
    played = {step.send or step.drop for step in day.steps} - {""}
    assert played == {path.name for path in DAY.glob("*.hl7")}
    assert len({one.ipp for one in day.patients}) == len(day.patients) >= 25
