"""What moves: journal entries, deliveries, outcomes; their states and the transition table."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from engine.model.letter import LetterKind
from engine.model.people import Role
from engine.model.value import Value


class JournalState(StrEnum):
    """Where a received message stands."""

    RECEIVED = "received"  # stored and acknowledged; not yet read
    PROCESSED = "processed"  # read, its facts are kept
    LEFT = "left"  # not for us: another event, another type, a test message in production
    PARKED = "parked"  # stored, but its facts could not be read: a person looks
    QUARANTINE = "quarantine"  # refused at the door, or "AA always" kept it
    DUPLICATE = "duplicate"  # the same bytes under the same MSH-10: nothing more to do


class AckCode(StrEnum):
    """MSA-1 in original mode (AA, AE, AR) and enhanced mode (CA, CE, CR)."""

    AA = "AA"
    AE = "AE"
    AR = "AR"


class Condition(Value):
    """One error of a message: where, which code of HL7 table 0357, and a sentence."""

    code: int
    location: str = ""  # ERR-2 form: PID^1^3
    text: str
    application: str = ""  # ERR-5 form, where a profile wants one: 906^Autre^tableName


class DeliveryState(StrEnum):
    """Where a letter stands on its way out."""

    QUEUED = "queued"  # waits for its time
    SENDING = "sending"  # an attempt is open
    HELD = "held"  # a person holds it
    RELAYED = "relayed"  # the operator's server, the gateway's folder, the print queue took it
    REJECTED = "rejected"  # refused for good: a task
    EXPIRED = "expired"  # too old to try again: a task
    CANCELLED = "cancelled"  # it must not leave: no consent any more, corrected, or by hand


# The one table of moves, but for paper (Delivery.moves). Any other is refused by the store.
MOVES: Final[dict[DeliveryState, frozenset[DeliveryState]]] = {
    DeliveryState.QUEUED: frozenset(
        {
            DeliveryState.QUEUED,  # postponed: another due date
            DeliveryState.SENDING,
            DeliveryState.HELD,
            DeliveryState.CANCELLED,
            DeliveryState.EXPIRED,
            DeliveryState.RELAYED,  # possibly sent, and a receipt proves that it was
        }
    ),
    DeliveryState.SENDING: frozenset(
        {
            DeliveryState.RELAYED,
            DeliveryState.QUEUED,
            DeliveryState.REJECTED,
            DeliveryState.EXPIRED,
            DeliveryState.HELD,
        }
    ),
    DeliveryState.HELD: frozenset({DeliveryState.QUEUED, DeliveryState.CANCELLED}),
    DeliveryState.REJECTED: frozenset({DeliveryState.QUEUED, DeliveryState.CANCELLED}),
    DeliveryState.EXPIRED: frozenset(
        {DeliveryState.QUEUED, DeliveryState.CANCELLED, DeliveryState.RELAYED}
    ),
    DeliveryState.RELAYED: frozenset(),
    DeliveryState.CANCELLED: frozenset(),
}
_ON_PAPER: Final = frozenset({DeliveryState.RELAYED, DeliveryState.CANCELLED})


# Reasons of a RELAYED delivery on paper: it lies in the print queue; a person has posted it, which
# is no proof that it arrived.
TO_PRINT: Final = "to-be-printed"
POSTED: Final = "posted"


class Cause(StrEnum):
    """Why an attempt did not end in acceptance. Closed; each has its retry policy."""

    CONNECT = "connect"  # nothing answered: refused, unreachable, name unknown, timeout
    TLS = "tls"  # handshake or certificate failure, or STARTTLS not offered
    AUTH = "auth"  # the relay refused our login or our certificate
    GREETING = "greeting"  # 421/554 before anything was said
    BUSY = "busy"  # 4yz to MAIL, RCPT or DATA
    MAILBOX = "mailbox"  # 5yz to RCPT: no such box, full, refused
    REFUSED = "refused"  # 5yz to MAIL or DATA
    SIZE = "size"  # 552/5.3.4: too large
    SILENCE = "silence"  # nothing after the final dot: possibly sent
    DROPPED = "dropped"  # the connection fell before the final dot
    FOLDER = "folder"  # the folder of a gateway could not be written
    COMMAND = "command"  # the program of a channel did not start, or said: later
    INTERNAL = "internal"  # a fault of ours


@dataclass(frozen=True, slots=True)
class Accepted:
    """The peer took the message and answered so (250 to DATA, or a rename that succeeded)."""

    reply: str  # first 200 characters of the peer's answer; holds no address of ours
    reason: str = ""  # of the delivery from then on: TO_PRINT


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not taken; the same request may succeed later."""

    cause: Cause
    code: int | None = None
    status: str | None = None  # enhanced status, RFC 3463


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not taken; the same request would fail again (RFC 5321 section 4.2.1)."""

    cause: Cause
    code: int | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The peer may have taken it: silence after the final dot (RFC 5321 section 4.5.3.2.6)."""

    cause: Cause = Cause.SILENCE


Outcome = Accepted | Deferred | Rejected | Unknown


def outcome_word(outcome: Outcome) -> str:
    """One word for rows, metrics and the audit."""
    match outcome:
        case Accepted():
            return "accepted"
        case Deferred():
            return "deferred"
        case Rejected():
            return "rejected"
        case Unknown():
            return "possibly-sent"
        case _:
            assert_never(outcome)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One letter on its way to one mailbox, as it lies in the store (without its bytes)."""

    id: str
    letter_kind: LetterKind
    patient: str
    stay: str
    rpps: str
    version: int
    parts: tuple[str, ...]  # what it says: content hashes of documents, sorted; () for a notice
    statement: str  # digest of what it states of the person and the stay: decide.statement
    purposes: tuple[str, ...]  # consents it leans on
    discreet: bool  # written so that nothing in it tells the detention
    channel: str
    sender: str  # envelope sender
    address: str  # envelope recipient; a declared test mailbox in test mode
    intended: str  # the doctor's mailbox
    message_id: str
    document_oid: str
    set_oid: str
    size: int
    state: DeliveryState
    created_at: datetime
    due_at: datetime
    attempts: int
    possibly_sent: bool  # an attempt ended in silence, or was cut by a crash
    closed_at: datetime | None
    reason: str  # why it was cancelled, held, rejected
    role: Role = Role.GP  # as what its reader is shown a letter: mappings/letters/roles.toml
    postal: str = ""  # digest of the lines on its envelope; "": it is posted nowhere
    about: str = ""  # the delivery that this message to the hospital's record tells of; else ""

    @property
    def in_print_queue(self) -> bool:
        """Whether it waits for the mail room: a person may still keep it from leaving."""
        return self.state is DeliveryState.RELAYED and self.reason == TO_PRINT

    @property
    def moves(self) -> frozenset[DeliveryState]:
        """Where it may go from here. What waits for the mail room is posted, or taken out."""
        return _ON_PAPER if self.in_print_queue else MOVES[self.state]


COPY: Final = "copy"  # of a letter that left, to the record


def message_about(letter: str, what: str) -> str:
    """Id of the message to the record about a letter: 20 characters, what MSH-10 of every version
    of HL7 v2 holds. ``what``: COPY, or which receipt."""
    return hashlib.sha256(f"{letter}\0{what}".encode()).hexdigest()[:20]
