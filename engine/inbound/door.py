"""The words of the way in: whose messages come by it, what became of one, who counts them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from engine.model.config import OnError
from engine.model.flow import AckCode
from engine.wire.hl7_ack import AckMode
from engine.wire.hl7_documents import DocumentRules
from engine.wire.hl7_events import RequiredFields
from engine.wire.mllp import FaultKind


class Counters(Protocol):
    """What the metrics want to hear. Called on the event loop: must not block."""

    def received(self, source: str, ack: AckCode) -> None:
        """A message got its verdict and is stored."""
        ...

    def duplicate(self, source: str) -> None:
        """A message that was stored before came again, and was answered as before."""
        ...

    def fault(self, source: str, kind: FaultKind) -> None:
        """Bytes that are no message went to quarantine."""
        ...

    def store_failed(self, source: str) -> None:
        """A message could not be stored; its sender was told so."""
        ...

    def connections(self, source: str, count: int) -> None:
        """How many senders a listener has now."""
        ...

    def turned_away(self, source: str, why: str) -> None:
        """A connection was closed at once: 'network' or 'too-many'."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """One way in: whose messages come by it, and how they are judged and answered."""

    source: str  # name of the listener or folder
    required: RequiredFields = field(default_factory=RequiredFields)
    aliases: Mapping[str, str] = field(default_factory=dict)
    documents: DocumentRules = field(default_factory=DocumentRules)
    on_error: OnError = OnError.ANSWER
    ack_mode: AckMode = "auto"


class Receipt(NamedTuple):
    """What became of a message at the door."""

    code: AckCode  # what its sender hears; AA: stored
    stored: bool  # False: the store failed, and nothing was kept
    duplicate: bool
    journal_id: int | None
    reason: str  # codes and places, never a value
    answer: bytes | None  # the ACK, unframed; None: its sender wants none
