"""What came back about a letter: a report of a mail system, of the doctor's software, or a word
said on the telephone. It keeps no text of a peer: a report may quote an address or a patient."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class ReceiptKind(StrEnum):
    """What it says. Closed; what each is worth is in decide.ladder."""

    DELIVERED = "delivered"  # DSN: in the box of the recipient
    RELAYED = "relayed"  # DSN: passed on to a system that sends no reports. No delivery
    EXPANDED = "expanded"  # DSN: given to a list. No delivery
    DELAYED = "delayed"  # DSN: the operator still tries
    FAILED = "failed"  # DSN, or a bounce in free text: not delivered, and not tried again
    DISPLAYED = "displayed"  # MDN: shown to somebody who reads that box
    FILED = "filed"  # MDN "processed": taken by the doctor's software
    REFUSED = "refused"  # MDN "processed/error", or a KO mail: the software did not take it
    DISPATCHED = "dispatched"  # MDN: sent on to somebody else. No reading
    DELETED = "deleted"  # MDN: thrown away. No reading
    ANSWERED = "answered"  # a mail written by somebody, in answer to the letter
    ABSENT = "absent"  # an automatic reply: somebody is away. No reading
    CONFIRMED = "confirmed"  # a person asked, and the doctor has it
    DISOWNED = "disowned"  # a person asked, and the patient is none of the doctor's
    UNCLEAR = "unclear"  # a report whose word is in no standard: evidence, and no proof


class ReceiptSource(StrEnum):
    """Which form it came in."""

    DSN = "dsn"  # RFC 3464
    MDN = "mdn"  # RFC 8098; the forms of the CI-SIS volets of 2025 and 2026 too
    KO_MAIL = "ko-mail"  # "[KO Intégration système !][902] …"
    AUTO_REPLY = "auto-reply"  # RFC 3834
    REPLY = "reply"  # an ordinary mail: In-Reply-To, References
    BOUNCE = "bounce"  # a bounce without a report
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One statement about one delivery.

    ``status`` is an enhanced status (RFC 3463), ``code`` a reply code of SMTP or, from the
    doctor's software, an applicationErrorCondition (900 to 906, and others: the list is open).
    ``said_at`` is what the report says of its own date: a clock of somebody else.
    """

    kind: ReceiptKind
    source: ReceiptSource
    status: str | None = None
    code: int | None = None
    by_machine: bool | None = None  # MDN: automatic-action; None: not told
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Clue:
    """What a report says of the mail that it is about. All of it is the peer's word."""

    envelope_id: str = ""  # Original-Envelope-Id: our ENVID, hence the delivery's id
    original_id: str = ""  # Original-Message-ID, or the Message-ID of the returned headers
    thread: tuple[str, ...] = ()  # In-Reply-To, then References, the nearest first
    recipients: tuple[str, ...] = ()  # mailboxes named, in lower case; the original one first
    writer: str = ""  # who wrote, where that must be the mailbox written to (MDN, reply)


@dataclass(frozen=True, slots=True)
class Reported:
    """A statement that came by mail, and what it is about."""

    receipt: Receipt
    clue: Clue


@dataclass(frozen=True, slots=True)
class Returned:
    """A mail that says something of one letter or more. ``own_id`` is its own Message-ID."""

    own_id: str
    reports: tuple[Reported, ...]
    words: bool = True  # somebody may have written in it: it stays unread


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt as it lies in the store."""

    id: int
    delivery: str
    receipt: Receipt
    other_box: bool  # about our mail, said by or of a mailbox that it was not sent to
    received_at: datetime
    evidence: str  # SHA-256 of the mail as it came: store.receipt_verbs.ReceiptVerbs.evidence
    origin: str  # "mss 1700000000/42": box, UIDVALIDITY, UID; or who said it


# Codes of the doctor's software that speak of the patient's identity (CI-SIS, error-codes).
IDENTITY_CODES: Final = frozenset({903, 904, 905})
