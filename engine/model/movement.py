"""The movement events of PAM FR that are read: one table for every stage.

Source: IHE PAM France 2.11, ITI-31.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Family(StrEnum):
    """What a movement can be corrected into without becoming another movement."""

    ARRIVAL = "arrival"
    MOVE = "move"
    AWAY = "away"
    EXIT = "exit"


class Event(NamedTuple):
    """What one event does."""

    family: Family
    rank: int  # of two movements at the same instant, the lower is read first
    enters: bool  # places the patient in the unit that it names


EVENTS: Final[Mapping[str, Event]] = {
    "A05": Event(Family.ARRIVAL, 0, enters=False),
    "A01": Event(Family.ARRIVAL, 1, enters=True),
    "A04": Event(Family.ARRIVAL, 1, enters=True),
    "A02": Event(Family.MOVE, 2, enters=True),
    "A06": Event(Family.MOVE, 2, enters=True),
    "A07": Event(Family.MOVE, 2, enters=True),
    "A22": Event(Family.AWAY, 2, enters=False),
    "A21": Event(Family.AWAY, 3, enters=False),
    "A03": Event(Family.EXIT, 4, enters=False),
}
# What each cancelling event cancels, when ZBE-6 does not say.
CANCELS: Final[Mapping[str, str]] = {"A11": "A01", "A12": "A02", "A13": "A03", "A38": "A05"}
UPDATE: Final = "Z99"
_UNKNOWN: Final = Event(Family.MOVE, 2, enters=False)


def event_of(code: str) -> Event:
    """What an event does; one that is not in the table moves nobody."""
    return EVENTS.get(code, _UNKNOWN)
