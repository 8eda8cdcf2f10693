"""Rows of the store, as the stages see them. Stages import them from store.interface."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from engine.model.continuity import Continuity
from engine.model.flow import AckCode, JournalState


class NewEntry(NamedTuple):
    """A message as it arrived, and the verdict passed at the door. (A tuple is made in a third of
    the time of a frozen class, and one is made for each message.)"""

    source: str  # name of the listener or folder
    peer: str  # address of the peer, or the file name; never logged
    raw: bytes
    content_hash: bytes  # SHA-256 of raw
    sender: str  # MSH-3|MSH-4, as text; "" when unreadable
    control_id: str  # MSH-10; "" when unreadable
    message_type: str  # "ADT^A01"; "" when unreadable
    processing_id: str  # MSH-11.1
    state: JournalState
    ack: AckCode
    reason: str = ""  # why it is in quarantine: code and field, never a value


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal row. ``raw`` is empty in lists."""

    id: int
    received_at: datetime
    source: str
    peer: str
    sender: str
    control_id: str
    message_type: str
    processing_id: str
    state: JournalState
    ack: AckCode
    reason: str
    size: int
    processed_at: datetime | None
    note: str  # what processing found: counts and names of fields, never a value
    raw: bytes
    kept: bool = True  # False: its bytes were purged, or its patient is forgotten


@dataclass(frozen=True, slots=True)
class Earlier:
    """A journal row with the same sender and MSH-10 as a message at the door."""

    id: int
    content_hash: bytes
    ack: AckCode


@dataclass(frozen=True, slots=True)
class StayRow:
    """What is remembered of a stay between two looks at it."""

    key: str
    patient: str
    usmp: str
    verdicts: dict[str, str]  # thread -> the reason as last decided, for change detection
    next_look_at: datetime | None
    closed: bool
    continuity: Continuity | None = None  # of a release


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at delivering. ``closed_at`` None: open, or cut by a crash."""

    delivery: str
    number: int
    opened_at: datetime
    closed_at: datetime | None
    outcome: str | None
    cause: str | None
    code: int | None
    status: str | None
    reply: str | None = None  # what the peer answered when it took the message
