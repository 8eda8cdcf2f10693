"""Instants as rows hold them: whole microseconds since 1970-01-01 UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400


def micros(at: datetime) -> int:
    """Write an instant. ``TypeError`` for one without a time zone: it is no instant."""
    since = at - _EPOCH
    return (since.days * _DAY + since.seconds) * 1_000_000 + since.microseconds


def instant(value: int) -> datetime:
    """Read an instant, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def maybe_micros(at: datetime | None) -> int | None:
    """Write an instant that may be absent."""
    return None if at is None else micros(at)


def maybe_instant(value: int | None) -> datetime | None:
    """Read an instant that may be absent."""
    return None if value is None else instant(value)
