"""HL7 times (TS, DTM) to aware datetimes."""

import re
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

# Before 1911 Paris had its own minutes, which an ISO offset cannot tell.
_FIRST_YEAR, _LAST_YEAR = 1912, 2200
_TS = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})?")


def read_time(text: str, zone: ZoneInfo) -> datetime | None:
    """Read ``YYYY[MM[DD[HH[MM[SS[.ffffff]]]]]][+ZZZZ]``; None when it is no time.

    A time without an offset is local to ``zone``. Source: HL7 v2.5, section 2.A.22.
    """
    found = _TS.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        return None  # no date of a care; and arithmetic on the ends of the calendar overflows
    try:
        value = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "").ljust(6, "0")),
            tzinfo=_offset(offset) if offset else zone,
        )
        # Normalised, so that two spellings of one instant are one fact.
        return value.astimezone(zone)
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> timezone:
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))


_BIRTH = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})(?:\d{2,6}(?:\.\d+)?)?)?)?(?:[+-]\d{4})?")


def read_birth_date(text: str) -> str | None:
    """Cut PID-7 to its date: ``19280714`` from ``19280714000000``; a year or a month passes alone.

    Of a lunar date (day or month 00, or beyond the calendar) what the calendar has is kept: the
    year and month, or the year. None when not even a year can be told.
    """
    found = _BIRTH.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day = found.groups()
    if not int(year) >= 1:
        return None
    if month is None or not 1 <= int(month) <= 12:
        return year
    try:
        date(int(year), int(month), int(day or 1))
    except ValueError:
        return year + month
    return year + month + (day or "")
