"""A parsed message and a mapping → facts, or the list of everything missing."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.mapping.agreement import read_agreement, read_confirmation, read_protection
from engine.mapping.clinical import read_clinical
from engine.mapping.document import of_wanted_type, read_document
from engine.mapping.movement import (
    read_account_move,
    read_identifier_change,
    read_merge,
    read_movement,
)
from engine.mapping.person import patient_key, read_gp, read_person, read_status
from engine.mapping.planned import read_planned_release
from engine.mapping.reading import Notes, Reading
from engine.mapping.schema import Dialect
from engine.mapping.times import read_time
from engine.model.fact import Heard
from engine.wire.hl7 import Message
from engine.wire.hl7_documents import MOST_SEGMENTS, Volet, carried_by, claim_of
from engine.wire.hl7_events import DOCUMENTS, MOVEMENTS, handled


def apply(
    message: Message, dialect: Dialect, *, heard_at: datetime, journal_id: int | None = None
) -> Reading:
    """Read what one message says.

    Never raises for what a message says: each thing that cannot be read is a Gap, and a message
    of which nothing can be kept is told by ``Reading.grave``.
    """
    code, event = message.header.message_code, message.header.event
    zone = ZoneInfo(dialect.mapping.time_zone)
    told_at = read_time(message.value("EVN", 2), zone) or read_time(message.value("MSH", 7), zone)
    # A sender whose clock runs ahead must not outrank for years what is said after it.
    recorded_at = min(told_at or heard_at, heard_at).astimezone(zone)
    notes = Notes(message, dialect, event, zone, recorded_at)
    kind = f"{code}^{event}"
    if not handled(kind) or (kind in DOCUMENTS and not _is_ours(notes)):
        notes.missing("MSH-9", "this event is not read")
        return Reading(kind, (), {}, tuple(notes.gaps), handled=False)
    pid = message.first("PID")
    patient = patient_key(notes, pid.repetitions(3)) if pid else None
    if patient is None:
        # Nobody needs to look at it for a document that would not be read anyway.
        grave = kind not in DOCUMENTS or of_wanted_type(notes)
        notes.missing("PID-3", "no patient number of the mapping's types", grave=grave)
        return Reading(f"{code}^{event}", (), {}, tuple(notes.gaps), handled=True)
    if code == "ADT":
        _read_adt(notes, patient)
    else:
        read_status(notes)
    if kind in DOCUMENTS:
        read_document(notes)
    read_clinical(notes)
    read_agreement(notes)
    read_protection(notes)
    order = _sender_order(message, zone)
    facts = tuple(
        Heard(
            patient=patient,
            fact=fact,
            recorded_at=recorded_at,
            sender_order=order,
            heard_at=heard_at,
            journal_id=journal_id,
            test=message.value("MSH", 11) not in ("P", ""),
        )
        for fact in notes.facts
    )
    return Reading(f"{code}^{event}", facts, notes.blobs, tuple(notes.gaps), handled=True)


def _is_ours(notes: Notes) -> bool:
    """Whether a message may carry a document of this hospital: ORU are mostly results, and what
    came by mail (volet LPS) was written elsewhere."""
    claim = claim_of(notes.message.header)
    if claim is not None and claim.volet is Volet.MAIL:
        return False
    if notes.message.header.message_code != "ORU":
        return True
    return len(notes.message.segments) <= MOST_SEGMENTS and bool(carried_by(notes.message))


def _sender_order(message: Message, zone: ZoneInfo) -> str:
    """MSH-7 and MSH-10, so that they sort: an instant in UTC, and numbers as numbers."""
    sent = read_time(message.value("MSH", 7), zone)
    number = message.value("MSH", 10)
    told = sent.astimezone(UTC).isoformat(timespec="microseconds") if sent else ""
    return f"{told}|{number.zfill(24) if number.isdecimal() else number}"


def _read_adt(notes: Notes, patient: str) -> None:
    read_person(notes)
    read_gp(notes)
    read_confirmation(notes)
    if f"ADT^{notes.event}" in MOVEMENTS:
        read_movement(notes)
    read_planned_release(notes)
    if notes.event in ("A40", "A44", "A47"):
        mrg = notes.message.first("MRG")
        eliminated = patient_key(notes, mrg.repetitions(1)) if mrg else None
        if notes.event == "A40":
            read_merge(notes, patient, eliminated)
        elif notes.event == "A44":
            read_account_move(notes, patient, eliminated)
        else:
            read_identifier_change(notes, patient, eliminated)
