"""A line of the audit trail, and the signed head of its chain. How they bind is engine.audit."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AuditKind(StrEnum):
    """What a line tells. Closed: the export to a security log has a code for each."""

    MESSAGE_RECEIVED = "message-received"
    MESSAGE_DUPLICATE = "message-duplicate"
    MESSAGE_QUARANTINED = "message-quarantined"
    MESSAGE_PROCESSED = "message-processed"
    DECISION = "decision"
    CONSENT_RECORDED = "consent-recorded"
    GP_CONFIRMED = "gp-confirmed"
    GP_FOUND = "gp-found"
    GP_DISOWNED = "gp-disowned"
    LETTER_QUEUED = "letter-queued"
    ATTEMPT_OPENED = "attempt-opened"
    ATTEMPT_CLOSED = "attempt-closed"
    DELIVERY_MOVED = "delivery-moved"
    RECEIPT = "receipt"
    RECORD_TOLD = "record-told"
    RECORD_ANSWERED = "record-answered"
    TASK_RAISED = "task-raised"
    TASK_CLOSED = "task-closed"
    HUMAN_ACT = "human-act"
    PATIENT_FORGOTTEN = "patient-forgotten"
    PURGED = "purged"
    KEYS_ROTATED = "keys-rotated"
    READ = "read"
    CONFIG_LOADED = "config-loaded"
    SERVICE_STARTED = "service-started"
    SERVICE_STOPPED = "service-stopped"
    ROOT_SIGNED = "root-signed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit trail.

    ``at`` is ISO 8601 in UTC with microseconds. ``detail`` is a flat mapping of short values:
    texts, whole numbers, booleans, None.
    """

    seq: int
    at: str
    kind: str
    actor: str  # "relais", a listener's name, or an operator's login
    patient: str | None
    stay: str | None
    subject: str  # what it is about: "journal 12", "delivery abc", "task 3"
    detail: dict[str, Any]
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """The signed head of the chain at the end of a day."""

    day: str  # YYYY-MM-DD, UTC
    seq: int
    hash: bytes
    key_id: str
    signature: bytes
