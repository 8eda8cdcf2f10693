"""ZAM: what became of a document that was handed over to be sent. Written, and read.

Source  Volet "Transmission d'un document CDA-R2 en HL7v2" 2.1, ack-metier-zam: Z01 from the DMP,
Z02 from a report of delivery, Z03 from a report of reading. It has no PID.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from engine.wire.hl7 import Message
from engine.wire.hl7_write import components, escaped, instant, message, segment
from engine.wire.mdm import Ends, header


class ZamKind(StrEnum):
    """The trigger events."""

    DMP = "Z01"
    DELIVERY = "Z02"
    READING = "Z03"


_STATUS: Final = {
    ZamKind.DMP: ("ACK_RECEPTION_DMP", "Accusé de réception DMP"),
    ZamKind.DELIVERY: ("ACK_RECEPTION_MSS", "Accusé de réception MSSanté"),
    ZamKind.READING: ("ACK_LECTURE_MSS", "Accusé de lecture"),
}
_ADDRESS: Final = {
    ZamKind.DELIVERY: ("DESTINATAIRE_MSS", "Destinataire MSSanté"),
    ZamKind.READING: ("LECTEUR_MSS", "Lecteur du courriel MSSanté"),
}
_ERRORS: Final = {
    ZamKind.DMP: "DMP_ERROR_CODE",
    ZamKind.DELIVERY: "SMTPERRORCODE",
    ZamKind.READING: "applicationErrorCondition",
}
_SMTP: Final = frozenset(
    {101, 111, 251, 252, 420, 421, 422, 431, 432, 441, 442, 450, 451, 452, 500, 501, 502, 503,
     504, 510, 512, 513, 523, 530, 541, 550, 551, 552, 553, 554}
)  # fmt: skip
# Of an enhanced status alone (RFC 3463), the nearest code of the table; not normative.
_OF_STATUS: Final = {
    "5.1.1": 550, "5.1.2": 512, "5.1.3": 510, "5.2.2": 552, "5.2.3": 523, "5.3.4": 523,
    "4.4.1": 441, "4.4.2": 442, "4.2.2": 422,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Zam:
    """One business receipt. ``answers`` is the MSH-10 of the message that carried the document."""

    kind: ZamKind
    answers: str
    positive: bool
    address: str = field(default="", repr=False)
    code: str = ""  # ERR-5.1 of a negative one
    words: str = field(default="", repr=False)  # ERR-5.2


def smtp_error(code: int | None, status: str | None) -> int:
    """The code of table SMTPERRORCODE for a refusal."""
    if status in _OF_STATUS:
        return _OF_STATUS[status]
    if code in _SMTP:
        return code
    if status is not None and status.startswith("5.7."):
        return 541
    temporary = (status or str(code or "")).startswith("4")
    return 451 if temporary else 554


def write_zam(zam: Zam, control_id: str, at: datetime, ends: Ends) -> bytes:
    """The message. ERR is there when it is negative, as the volet requires."""
    name, words = _STATUS[zam.kind]
    status = {
        1: "1",
        2: "CWE",
        3: components(name, words, "AckMetierZAM"),
        4: escaped(zam.answers),
        5: f"{'Y' if zam.positive else 'N'}^^expandedYes-NoIndicator",
        11: "F",
    }
    segments = [
        header(f"ZAM^{zam.kind.value}^ZAM_Z01", control_id, at, ends),
        segment("EVN", {2: instant(at)}),
        segment("OBX", status),
    ]
    if zam.kind in _ADDRESS:
        name, words = _ADDRESS[zam.kind]
        told = {
            1: "2",
            2: "XTN",
            3: components(name, words, "AckMetierZAM"),
            5: f"^^X.400^{escaped(zam.address)}",
            11: "F",
        }
        segments.append(segment("OBX", told))
    if not zam.positive:
        error = {
            3: "207^Application error^messageErrorCondition",
            4: "E",
            5: components(zam.code, zam.words, _ERRORS[zam.kind]),
        }
        segments.append(segment("ERR", error))
    return message(segments)


def read_zam(read: Message) -> Zam | None:
    """A receipt of another system; None when it does not say of which message, or what.

    OBX are found by their code, whatever their order; an indicator other than Y and N says
    nothing, and nothing is no success."""
    try:
        kind = ZamKind(read.header.event)
    except ValueError:
        return None
    if read.header.message_code != "ZAM":
        return None
    by_code = {one.value(3).strip().upper(): one for one in reversed(read.all("OBX"))}
    status = by_code.get(_STATUS[kind][0])
    if status is None:
        return None
    answers, said = status.value(4).strip(), status.value(5).strip().upper()
    if not answers or said not in ("Y", "N"):
        return None
    box = by_code.get(_ADDRESS[kind][0]) if kind in _ADDRESS else None
    error = read.first("ERR")
    return Zam(
        kind=kind,
        answers=answers,
        positive=said == "Y",
        address="" if box is None else (box.value(5, 4) or box.value(5, 1)).strip(),
        code="" if error is None else error.value(5, 1).strip(),
        words="" if error is None else error.value(5, 2).strip(),
    )
