"""Accept or refuse a message at the door, with its HL7 conditions.

Accepted means stored and to be read later. What we do not handle is accepted all the same: a
sender often blocks its whole queue on AE or AR. Refused with AE: the content is wrong, sending
it again as it is cannot help. Refused with AR: we do not speak this version or this kind of
processing (HL7 v2.5 section 2.9.2.2).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.decide.documents import document_faults, fields_of
from engine.model.flow import AckCode, Condition, JournalState
from engine.wire import hl7
from engine.wire.hl7_documents import MOST_SEGMENTS, DocumentRules, carried_by, claim_of
from engine.wire.hl7_errors import (
    CARDINALITY,
    PROCESSING_ID,
    REQUIRED_FIELD,
    SEGMENT_SEQUENCE,
    VERSION_ID,
)
from engine.wire.hl7_events import DOCUMENTS, RequiredFields, handled

VERSIONS: Final = frozenset({"2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6"})

_SEGMENT_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
# Names that need no look: the usual ones of what we handle.
_USUAL: Final = frozenset(
    {"EVN", "PID", "PD1", "ROL", "NK1", "PV1", "PV2", "ZBE", "ZFA", "ZFP", "ZFV", "ZFM", "ZFD"}
    | {"ZFS", "OBX", "AL1", "DG1", "IN1", "IN2", "IN3", "TXA", "ORC", "OBR", "PRT", "NTE"}
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a message at the door."""

    ack: AckCode
    conditions: tuple[Condition, ...] = ()
    header: hl7.Header | None = None  # None: there is none that can be read
    charset: str | None = None  # codec it was read with; None: it was not read

    @property
    def state(self) -> JournalState:
        """Where the journal entry stands."""
        return JournalState.RECEIVED if self.ack is AckCode.AA else JournalState.QUARANTINE

    @property
    def reason(self) -> str:
        """Codes and places for the journal, never a value: ``101 PID^1^3, 101 ZBE^1^1``."""
        return ", ".join(f"{found.code} {found.location}".strip() for found in self.conditions)


_NATIONAL: Final = DocumentRules()


def admit(
    raw: bytes,
    *,
    required: RequiredFields,
    aliases: Mapping[str, str],
    documents: DocumentRules = _NATIONAL,
) -> Verdict:
    """Judge one message. Total: any bytes get a verdict.

    `aliases` leads from values of MSH-18 that a sender writes to those of table 0211;
    `documents` is what the site asks of MDM and ORU that claim the national profile.
    """
    try:
        message = hl7.read(raw, aliases=aliases)
    except hl7.UnreadableError as error:
        return Verdict(AckCode.AE, (error.condition,), _header(raw))
    header = message.header
    ack, conditions = _judge(message, header, required, documents)
    return Verdict(ack, conditions, header, message.charset)


def _header(raw: bytes) -> hl7.Header | None:
    try:
        return hl7.peek(raw)
    except hl7.UnreadableError:
        return None


def _judge(
    message: hl7.Message, header: hl7.Header, required: RequiredFields, documents: DocumentRules
) -> tuple[AckCode, tuple[Condition, ...]]:
    missing = [
        Condition(code=REQUIRED_FIELD, location=f"MSH^1^{n}", text=f"MSH-{n} is missing.")
        for n in (9, 10)
        if not header.part(n)
    ]
    if missing:
        return AckCode.AE, tuple(missing)
    if header.version not in VERSIONS:
        text = "MSH-12 is not a version from 2.3 to 2.6."
        return AckCode.AR, (Condition(code=VERSION_ID, location="MSH^1^12", text=text),)
    if header.processing_id not in {"P", "T", "D", ""}:
        text = "MSH-11 is none of P, T and D."
        return AckCode.AR, (Condition(code=PROCESSING_ID, location="MSH^1^11", text=text),)
    kind = header.message_type
    if not handled(kind):
        return AckCode.AA, ()
    if kind in DOCUMENTS:
        wrong = _examine_document(message, documents)
    else:
        wrong = _examine(message.segments, required.of(kind))
    return (AckCode.AE, tuple(wrong)) if wrong else (AckCode.AA, ())


def _examine_document(message: hl7.Message, documents: DocumentRules) -> list[Condition]:
    if (
        # Results of every laboratory come as ORU. Only those that carry a document are for us.
        message.header.message_code == "ORU"
        and not claim_of(message.header)
        and (len(message.segments) > MOST_SEGMENTS or not carried_by(message))
    ):
        return []
    if len(message.segments) > MOST_SEGMENTS:
        text = f"The message holds more than {MOST_SEGMENTS} segments: no document does."
        return [Condition(code=CARDINALITY, location="MSH^1", text=text)]
    wrong = _examine(message.segments, fields_of(message))
    return wrong + document_faults(message, documents)


def _examine(
    segments: tuple[hl7.Segment, ...], wanted: Mapping[str, tuple[int, ...]]
) -> list[Condition]:
    """Lines that are no segment, a second MSH, and required fields that are absent.

    Each occurrence of a segment must hold its required fields: a merge may name two patients.
    """
    wrong: list[Condition] = []
    seen = dict.fromkeys(wanted, 0)
    for n, segment in enumerate(segments):
        name = segment.name
        if name in seen:
            seen[name] += 1
            wrong += [
                _missing(name, seen[name], field)
                for field in wanted[name]
                if not _filled(segment, field)
            ]
        elif n and name not in _USUAL:
            wrong += _stray(segments, n)
    for name, count in seen.items():
        if not count:
            wrong += [_missing(name, 1, field) for field in wanted[name]]
    return wrong


def _stray(segments: tuple[hl7.Segment, ...], n: int) -> list[Condition]:
    """Lines that cannot be passed over.

    One that is no segment is what follows a raw line end in a text: to let it pass would shorten
    a letter without a word. A second MSH is a message that another one swallowed.
    """
    name = segments[n].name
    if name == "MSH":
        text, place = "A second MSH stands in the message.", "MSH^2"
    elif not _SEGMENT_NAME.fullmatch(name):
        text = "A line is no segment: a line end stands unescaped in the field before it?"
        before = segments[n - 1].name
        if not _SEGMENT_NAME.fullmatch(before):
            return []  # said of the first one
        place = f"{before}^{sum(segment.name == before for segment in segments[:n])}"
    else:
        return []
    return [Condition(code=SEGMENT_SEQUENCE, location=place, text=text)]


def _missing(segment: str, order: int, field: int) -> Condition:
    return Condition(
        code=REQUIRED_FIELD,
        location=f"{segment}^{order}^{field}",
        text=f"{segment}-{field} is missing.",
    )


def _filled(segment: hl7.Segment, n: int) -> bool:
    """A first component that says something: ``^^^CHU`` and ``""`` ("delete") do not."""
    text = segment.field(n)
    if text[:1].isalnum():
        return True
    return any(found.value().strip() not in {"", '""'} for found in segment.repetitions(n))
