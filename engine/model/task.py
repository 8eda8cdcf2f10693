"""What a person must do, why, and how it closes."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, Field

from engine.model.capacity import INCIDENT_CLOCK
from engine.model.value import Value


class TaskKind(StrEnum):
    """Closed list; the sentence and the cure of each are in decide.sentences."""

    CONSENT_MISSING = "consent-missing"
    CONSENT_OTHER_DOCTOR = "consent-other-doctor"
    GP_UNKNOWN = "gp-unknown"
    GP_UNCONFIRMED = "gp-unconfirmed"
    GP_DOUBT = "gp-doubt"
    GP_DISOWNED = "gp-disowned"
    MAILBOX_MISSING = "mailbox-missing"
    MAILBOX_DOUBT = "mailbox-doubt"
    IDENTITY_VETO = "identity-veto"
    IDENTITY_INCOMPLETE = "identity-incomplete"
    EXIT_KIND_UNKNOWN = "exit-kind-unknown"
    STAY_DOUBT = "stay-doubt"
    WHEREABOUTS = "whereabouts"
    LATE_ARRIVAL = "late-arrival"
    ORPHAN_EXIT = "orphan-exit"
    LETTER_MISSING = "letter-missing"
    DOCUMENT_DOUBT = "document-doubt"
    TRANSFER_TELL_UNIT = "transfer-tell-unit"
    CORRECTION = "correction"
    DELIVERY_FAILED = "delivery-failed"
    DELIVERY_UNCERTAIN = "delivery-uncertain"
    PROOF_MISSING = "proof-missing"
    RETURNED = "returned"
    FILING_REFUSED = "filing-refused"
    IDENTITY_REFUSED = "identity-refused"
    REPORTS_DISAGREE = "reports-disagree"
    REPLY = "reply"
    RECORD_NOT_TOLD = "record-not-told"
    RECORD_REFUSED = "record-refused"
    MESSAGE_UNREADABLE = "message-unreadable"
    LETTER_IMPOSSIBLE = "letter-impossible"
    VOICE_MISSING = "voice-missing"
    KEPT_FROM_PARENTS = "kept-from-parents"
    INFANT = "infant"
    NEAR_IDENTITY = "near-identity"
    INCIDENT = "incident"
    NEUTRAL_FACE_MISSING = "neutral-face-missing"
    GP_ON_PORTAL = "gp-on-portal"
    ADDRESS_REFUSED = "address-refused"
    NOT_TO_BE_POSTED = "not-to-be-posted"
    NO_ELECTRONIC_MAIL = "no-electronic-mail"
    WITHOUT_GP = "without-gp"
    PAGES_UNREAD = "pages-unread"
    LEAK = "leak"
    CANCELLED_LETTER = "cancelled-letter"
    RELEASE_DATE_DOUBT = "release-date-doubt"
    RELEASE_CALL = "release-call"
    RELEASE_APPOINTMENTS = "release-appointments"
    RELEASE_COORDINATOR = "release-coordinator"
    RELEASE_COORDINATOR_RECALL = "release-coordinator-recall"
    WEEK_CHECK = "week-check"


# What came back about a letter, or did not (decide.ladder): receipts alone raise and close these.
RETURNED_KINDS: Final = frozenset(
    {
        TaskKind.PROOF_MISSING,
        TaskKind.RETURNED,
        TaskKind.FILING_REFUSED,
        TaskKind.IDENTITY_REFUSED,
        TaskKind.REPORTS_DISAGREE,
    }
)

# Asked around a release (decide.release): what to say stands behind `relais task show`.
BEFORE_RELEASE: Final = frozenset(
    {
        TaskKind.RELEASE_DATE_DOUBT,
        TaskKind.RELEASE_CALL,
        TaskKind.RELEASE_APPOINTMENTS,
        TaskKind.RELEASE_COORDINATOR,
        TaskKind.RELEASE_COORDINATOR_RECALL,
    }
)
RELEASE_KINDS: Final = BEFORE_RELEASE | {TaskKind.WEEK_CHECK}


class WantedTask(Value):
    """A task that the present state calls for. Same key, same task: it is raised once."""

    key: str = Field(repr=False)
    kind: TaskKind
    patient: str | None = Field(default=None, repr=False)
    stay: str | None = Field(default=None, repr=False)
    about: str = Field(default="", description="What it hangs on: a movement, a delivery, a doubt.")


class Task(WantedTask):
    """A task as it lies in the store."""

    id: int
    raised_at: AwareDatetime
    closed_at: AwareDatetime | None = None
    closed_by: str | None = Field(default=None, repr=False)
    answer: str | None = Field(default=None, repr=False)

    @property
    def open(self) -> bool:
        """Still to be done."""
        return self.closed_at is None

    @property
    def deadline(self) -> datetime | None:
        """When the clock of an incident runs out (GDPR, art. 33 § 1: 72 hours); None: no clock."""
        return self.raised_at + INCIDENT_CLOCK if self.kind is TaskKind.INCIDENT else None
