"""What reading one message gave: its facts, and everything that was missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.mapping.schema import Dialect
from engine.mapping.times import read_time
from engine.model.fact import Fact, Heard
from engine.wire.hl7 import Message


@dataclass(frozen=True, slots=True)
class Gap:
    """Something the message lacks, or says in words that the mapping does not know.

    ``place`` is a field address, ``what`` a sentence; neither holds a value of the message.
    ``grave``: the message gave no fact because of it, so a person must look.
    """

    place: str
    what: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """The facts of one message, in one dialect."""

    event: str
    facts: tuple[Heard, ...]
    blobs: Mapping[str, bytes]
    gaps: tuple[Gap, ...]
    handled: bool

    @property
    def grave(self) -> bool:
        """Something that should have been a fact could not be read."""
        return any(gap.grave for gap in self.gaps)


@dataclass(slots=True)
class Notes:
    """One message under reading: what every reader of a part needs, and what they found."""

    message: Message
    dialect: Dialect
    event: str
    zone: ZoneInfo
    recorded_at: datetime
    facts: list[Fact] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def missing(self, place: str, what: str, *, grave: bool = False) -> None:
        """Note a gap."""
        self.gaps.append(Gap(place, what, grave))

    def time(self, text: str) -> datetime | None:
        """A time of this message."""
        return read_time(text, self.zone)


def is_delete(value: str) -> bool:
    """``""`` means "delete", an empty field "unchanged" (HL7 v2.5, section 2.5.3)."""
    return value == '""'
