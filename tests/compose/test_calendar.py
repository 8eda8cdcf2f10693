"""Calendar files: what RFC 5545 asks of them, read back by its rules and by a reader."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from engine.compose.calendar import ics
from engine.model.summary import Appointment

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 2, 17, tzinfo=UTC)
LINE = re.compile(r"([A-Z-]+)((?:;[A-Z-]+=[^:;]+)*):(.*)", re.DOTALL)


def written(appointment: Appointment) -> bytes:
    return ics(appointment, uid="2.25.1", now=NOW, zone=PARIS)


def lines(raw: bytes) -> dict[str, str]:
    """Name and parameters → value, by RFC 5545 sections 3.1 and 3.3.11 alone."""
    assert raw.endswith(b"\r\n")
    found: dict[str, str] = {}
    for line in raw.decode().removesuffix("\r\n").replace("\r\n ", "").split("\r\n"):
        told = LINE.fullmatch(line)
        assert told is not None
        text = re.sub(r"\\(.)", lambda one: "\n" if one[1] in "nN" else one[1], told[3])
        found.setdefault(told[1] + told[2], text)
    return found


def test_an_hour_is_written_in_utc_winter_and_summer() -> None:
    winter = written(Appointment(label="CMP", day=date(2026, 3, 5), hour=time(10, 30)))
    assert lines(winter)["DTSTART"] == "20260305T093000Z"
    summer = written(Appointment(label="CMP", day=date(2026, 4, 5), hour=time(10, 30)))
    assert lines(summer)["DTSTART"] == "20260405T083000Z"


def test_without_an_hour_it_fills_its_day() -> None:
    told = lines(written(Appointment(label="CMP", day=date(2026, 3, 5))))
    assert told["DTSTART;VALUE=DATE"] == "20260305"


def test_what_is_still_to_be_booked_has_no_file() -> None:
    with pytest.raises(ValueError, match="no day"):
        written(Appointment(label="CMP"))


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), min_size=1)
APPOINTMENTS = st.builds(
    Appointment,
    label=TEXT | st.just("BEGIN:VALARM; é,\\n" * 20),
    day=st.dates(date(2020, 1, 1), date(2100, 1, 1)),
    hour=st.none() | st.times(),
    place=st.none() | TEXT,
    phone=st.none() | TEXT,
)


@given(APPOINTMENTS)
def test_any_appointment_is_one_event_that_says_what_it_said(one: Appointment) -> None:
    raw = written(one)
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    told = lines(raw)
    assert told.keys() >= {"BEGIN", "END", "VERSION", "PRODID", "DTSTAMP", "UID"}
    assert told["SUMMARY"] == one.label
    assert told.get("LOCATION") == one.place
    assert told.get("CONTACT") == one.phone
    (event,) = Calendar.from_ical(raw).walk("VEVENT")
    assert str(event["SUMMARY"]) == one.label
    assert raw.count(b"BEGIN:VEVENT\r\n") == 1
    assert set(re.findall(rb"(?m)^BEGIN:(\w+)", raw)) == {b"VCALENDAR", b"VEVENT"}


@given(APPOINTMENTS, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_written_again_it_is_the_same_event(one: Appointment, later: timedelta) -> None:
    first, second = (
        lines(ics(one, uid="2.25.1", now=now, zone=PARIS)) for now in (NOW, NOW + later)
    )
    assert first | {"DTSTAMP": ""} == second | {"DTSTAMP": ""}
