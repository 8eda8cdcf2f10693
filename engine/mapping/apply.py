"""A parsed message and a mapping → facts, or the list of everything missing."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.mapping.agreement import read_agreement, read_confirmation
from engine.mapping.document import read_document
from engine.mapping.movement import (
    read_account_move,
    read_identifier_change,
    read_merge,
    read_movement,
)
from engine.mapping.person import patient_key, read_gp, read_person
from engine.mapping.reading import Notes, Reading
from engine.mapping.schema import Dialect
from engine.mapping.times import read_time
from engine.model.fact import Heard
from engine.wire.hl7 import Message
from engine.wire.hl7_events import MOVEMENTS, handled


def apply(
    message: Message, dialect: Dialect, *, heard_at: datetime, journal_id: int | None = None
) -> Reading:
    """Read what one message says.

    Never raises for what a message says: each thing that cannot be read is a Gap, and a message
    of which nothing can be kept is told by ``Reading.grave``.
    """
    code, event = message.value("MSH", 9, 1), message.value("MSH", 9, 2)
    zone = ZoneInfo(dialect.mapping.time_zone)
    told_at = read_time(message.value("EVN", 2), zone) or read_time(message.value("MSH", 7), zone)
    # A sender whose clock runs ahead must not outrank for years what is said after it.
    recorded_at = min(told_at or heard_at, heard_at).astimezone(zone)
    notes = Notes(message, dialect, event, zone, recorded_at)
    if not handled(f"{code}^{event}"):
        notes.missing("MSH-9", "this event is not read")
        return Reading(f"{code}^{event}", (), {}, tuple(notes.gaps), handled=False)
    pid = message.first("PID")
    patient = patient_key(notes, pid.repetitions(3)) if pid else None
    if patient is None:
        notes.missing("PID-3", "no patient number of the mapping's types", grave=True)
        return Reading(f"{code}^{event}", (), {}, tuple(notes.gaps), handled=True)
    if code == "MDM":
        read_document(notes)
    else:
        _read_adt(notes, patient)
    read_agreement(notes)
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
    if notes.event in ("A40", "A44", "A47"):
        mrg = notes.message.first("MRG")
        eliminated = patient_key(notes, mrg.repetitions(1)) if mrg else None
        if notes.event == "A40":
            read_merge(notes, patient, eliminated)
        elif notes.event == "A44":
            read_account_move(notes, patient, eliminated)
        else:
            read_identifier_change(notes, patient, eliminated)
