"""The audit trail in two forms for others: JSON lines, and DICOM audit messages (IHE ATNA).

Spec    DICOM PS3.15 A.5.1 (the message), CID 400 to 403 (its codes), of the RFC 3881 family; IHE
        ITI TF-2, ITI-20. Attributes are spelt as A.5.1 has them: `csd-code`, `originalText`.
Every line becomes one message, an unknown kind too: it is an Application Activity. What a line
says and no field of the message can hold travels in ParticipantObjectDetail, so nothing is lost.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.model.trail import AuditEntry, AuditKind

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class AuditSite:
    """Who speaks: AuditSourceIdentification."""

    source: str  # AuditSourceID: this installation
    enterprise: str = ""  # AuditEnterpriseSiteID: FINESS of the hospital


@dataclass(frozen=True, slots=True)
class _Event:
    id: tuple[str, str]  # CID 400
    action: str  # EventActionCode: Create, Read, Update, Delete, Execute
    type: tuple[str, str] | None = None  # CID 401
    failed: bool = False  # EventOutcomeIndicator 4, minor failure


_ACTIVITY: Final = ("110100", "Application Activity")
_LOG_USED: Final = ("110101", "Audit Log Used")
_EXPORT: Final = ("110106", "Export")
_IMPORT: Final = ("110107", "Import")
_PATIENT_RECORD: Final = ("110110", "Patient Record")
_QUERY: Final = ("110112", "Query")
_SECURITY: Final = ("110113", "Security Alert")

EVENTS: Final[dict[str, _Event]] = {
    AuditKind.MESSAGE_RECEIVED: _Event(_IMPORT, "C"),
    AuditKind.MESSAGE_DUPLICATE: _Event(_IMPORT, "R"),
    AuditKind.MESSAGE_QUARANTINED: _Event(_IMPORT, "C", failed=True),
    AuditKind.MESSAGE_PROCESSED: _Event(_PATIENT_RECORD, "U"),
    AuditKind.DECISION: _Event(_PATIENT_RECORD, "E"),
    AuditKind.CONSENT_RECORDED: _Event(_PATIENT_RECORD, "U"),
    AuditKind.GP_CONFIRMED: _Event(_PATIENT_RECORD, "U"),
    AuditKind.GP_FOUND: _Event(_PATIENT_RECORD, "U"),
    AuditKind.GP_DISOWNED: _Event(_PATIENT_RECORD, "U"),
    AuditKind.LETTER_QUEUED: _Event(_EXPORT, "C"),
    AuditKind.RECORD_TOLD: _Event(_EXPORT, "C"),
    AuditKind.RECORD_ANSWERED: _Event(_IMPORT, "U"),
    AuditKind.ATTEMPT_OPENED: _Event(_EXPORT, "E"),
    AuditKind.ATTEMPT_CLOSED: _Event(_EXPORT, "R"),
    AuditKind.DELIVERY_MOVED: _Event(_EXPORT, "U"),
    AuditKind.RECEIPT: _Event(_IMPORT, "C"),
    AuditKind.TASK_RAISED: _Event(_PATIENT_RECORD, "C"),
    AuditKind.TASK_CLOSED: _Event(_PATIENT_RECORD, "U"),
    AuditKind.HUMAN_ACT: _Event(_ACTIVITY, "E"),
    AuditKind.PATIENT_FORGOTTEN: _Event(_PATIENT_RECORD, "D"),
    AuditKind.PURGED: _Event(_PATIENT_RECORD, "D"),
    AuditKind.KEYS_ROTATED: _Event(_SECURITY, "U", ("110129", "Security Configuration")),
    AuditKind.READ: _Event(_QUERY, "R"),
    AuditKind.CONFIG_LOADED: _Event(_SECURITY, "U", ("110131", "Software Configuration")),
    AuditKind.SERVICE_STARTED: _Event(_ACTIVITY, "E", ("110120", "Application Start")),
    AuditKind.SERVICE_STOPPED: _Event(_ACTIVITY, "E", ("110121", "Application Stop")),
    AuditKind.ROOT_SIGNED: _Event(_LOG_USED, "C"),
}
_OTHER: Final = _Event(_ACTIVITY, "E")

_APPLICATION: Final = ("110150", "Application")
_DESTINATION: Final = ("110152", "Destination Role ID")
_SOURCE: Final = ("110153", "Source Role ID")

# RFC 3881, section 5.5.4, and the codes that DICOM keeps of it.
_PATIENT_NUMBER: Final = ("2", "RFC-3881", "Patient Number")
_ENCOUNTER: Final = ("3", "RFC-3881", "Encounter Number")
_OURS: Final = "Relais"

# Outcomes of an attempt that are no success.
_SHORT_OF_SUCCESS: Final = frozenset({"deferred", "rejected", "possibly-sent", "cut"})

# XML 1.0, section 2.2: what no document may hold, escaped or not.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_jsonl(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """Write each line as one JSON object, its hashes in hexadecimal; no line end."""
    for e in entries:
        yield _encode(
            {
                "seq": e.seq,
                "at": e.at,
                "kind": e.kind,
                "actor": e.actor,
                "patient": e.patient,
                "stay": e.stay,
                "subject": e.subject,
                "detail": e.detail,
                "previous": e.previous.hex(),
                "hash": e.hash.hex(),
            }
        )


def from_jsonl(lines: Iterable[str]) -> Iterator[AuditEntry]:
    """Read them again, so that an export can be verified away from the store.

    Raises ``ValueError`` for a line that `to_jsonl` cannot have written.
    """
    for number, line in enumerate(lines, 1):
        try:
            said = json.loads(line)
            previous, digest = bytes.fromhex(said.pop("previous")), bytes.fromhex(said.pop("hash"))
            yield AuditEntry(**said, previous=previous, hash=digest)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError(f"line {number} is not a line of an audit export") from None


def to_atna(entry: AuditEntry, site: AuditSite) -> bytes:
    """Write one line as an AuditMessage, in UTF-8 with its XML declaration."""
    return etree.tostring(_message(entry, site), xml_declaration=True, encoding="UTF-8")


def to_atna_document(entries: Iterable[AuditEntry], site: AuditSite) -> Iterator[bytes]:
    """Write many in one document, `AuditMessages`, piece by piece; join them to have the file."""
    yield b"<?xml version='1.0' encoding='UTF-8'?>\n<AuditMessages>\n"
    for entry in entries:
        yield etree.tostring(_message(entry, site), encoding="UTF-8", xml_declaration=False) + b"\n"
    yield b"</AuditMessages>\n"


def _message(entry: AuditEntry, site: AuditSite) -> etree._Element:
    event = EVENTS.get(entry.kind, _OTHER)
    message = etree.Element("AuditMessage")
    _identify_event(message, entry, event)
    _name_participants(message, entry, event)
    source = etree.SubElement(message, "AuditSourceIdentification")
    if site.enterprise:
        source.set("AuditEnterpriseSiteID", _text(site.enterprise))
    source.set("AuditSourceID", _text(site.source))
    etree.SubElement(source, "AuditSourceTypeCode").set("csd-code", "4")  # application server
    if entry.patient is not None:
        _object(message, entry.patient, _PATIENT_NUMBER, type_code="1", role="1")  # a patient
    if entry.stay is not None:
        _object(message, entry.stay, _ENCOUNTER, type_code="2", role="20")  # a job, RFC 3881
    if entry.subject:
        noun = entry.subject.partition(" ")[0]
        kind = (_text(noun), _OURS, _text(noun))
        role = "3" if noun == "delivery" else "20"  # a report; a job
        subject = _object(message, entry.subject, kind, type_code="2", role=role)
        _details(subject, entry.detail)
    # The line itself: a security resource. It ties the message to the chain.
    line = _object(
        message,
        str(entry.seq),
        ("audit-line", _OURS, "line of the audit trail"),
        type_code="2",
        role="13",
    )
    if not entry.subject:
        _details(line, entry.detail)
    _details(line, {"previous": entry.previous.hex(), "hash": entry.hash.hex()})
    return message


def _identify_event(message: etree._Element, entry: AuditEntry, event: _Event) -> None:
    failed = event.failed or entry.detail.get("outcome") in _SHORT_OF_SUCCESS
    element = etree.SubElement(
        message,
        "EventIdentification",
        EventActionCode=event.action,
        EventDateTime=entry.at,
        EventOutcomeIndicator="4" if failed else "0",
    )
    _code(element, "EventID", event.id[0], "DCM", event.id[1])
    if event.type is not None:
        _code(element, "EventTypeCode", event.type[0], "DCM", event.type[1])
    _code(element, "EventTypeCode", entry.kind, _OURS, entry.kind)


def _name_participants(message: etree._Element, entry: AuditEntry, event: _Event) -> None:
    """The one who acts first; then the two ends of an import or an export (A.5.3)."""
    if event.id == _IMPORT:
        _participant(message, entry.actor, requestor=True, role=_SOURCE)
        _participant(message, "relais", requestor=False, role=_DESTINATION)
    elif event.id == _EXPORT:
        _participant(message, entry.actor, requestor=True, role=_SOURCE)
        channel = entry.detail.get("channel")
        if isinstance(channel, str):
            _participant(message, channel, requestor=False, role=_DESTINATION)
    else:
        _participant(message, entry.actor, requestor=True, role=None)
        if entry.actor != "relais":
            _participant(message, "relais", requestor=False, role=_APPLICATION)


def _participant(
    message: etree._Element, user: str, *, requestor: bool, role: tuple[str, str] | None
) -> None:
    element = etree.SubElement(
        message,
        "ActiveParticipant",
        UserID=_text(user),
        UserIsRequestor="true" if requestor else "false",
    )
    if role is None and user == "relais":
        role = _APPLICATION
    if role is not None:
        _code(element, "RoleIDCode", role[0], "DCM", role[1])


def _object(
    message: etree._Element,
    identifier: str,
    kind: tuple[str, str, str],
    *,
    type_code: str,
    role: str,
) -> etree._Element:
    element = etree.SubElement(
        message,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_text(identifier),
        ParticipantObjectTypeCode=type_code,
        ParticipantObjectTypeCodeRole=role,
    )
    _code(element, "ParticipantObjectIDTypeCode", *kind)
    return element


def _details(element: etree._Element, detail: dict[str, object]) -> None:
    for name, value in detail.items():
        text = value if isinstance(value, str) else _encode(value)
        etree.SubElement(
            element,
            "ParticipantObjectDetail",
            type=_text(name),
            value=b64encode(text.encode("utf-8", "surrogatepass")).decode(),
        )


def _code(parent: etree._Element, name: str, code: str, system: str, meaning: str) -> None:
    element = etree.SubElement(parent, name)
    element.set("csd-code", _text(code))
    element.set("codeSystemName", system)
    element.set("originalText", _text(meaning))


def _text(value: str) -> str:
    return _NOT_XML.sub("�", value)
