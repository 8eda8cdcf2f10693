"""HL7 v2: what the reader and the grammar say of each message of a file."""

from typing import Final

from engine.decide.admission import admit
from engine.model.flow import AckCode
from engine.verify.report import Fault, Weight
from engine.wire import hl7_check
from engine.wire.hl7_check import Severity
from engine.wire.hl7_events import RequiredFields, handled
from engine.wire.hl7_file import messages

MOST_MESSAGES: Final = 1000


def judge(data: bytes) -> list[Fault]:
    """Framing, delimiters, characters, required fields, HL7's own grammar; and what becomes of a
    message of this kind here."""
    pieces = messages(data)
    faults = []
    for number, piece in enumerate(pieces[:MOST_MESSAGES], 1):
        here = f"message {number}" if len(pieces) > 1 else ""
        if not isinstance(piece, bytes):
            found = [Fault("hl7-frame", "", "a frame of MLLP that is torn, or bytes outside one")]
        else:
            found = [*_of_checker(piece), *_of_house(piece)]
        faults += [one.within(here) if here else one for one in found]
    if len(pieces) > MOST_MESSAGES:
        faults.append(Fault("hl7-many", "", f"more than {MOST_MESSAGES} messages: the rest unread"))
    return faults


def _of_checker(piece: bytes) -> list[Fault]:
    return [
        Fault(
            f"hl7-{one.severity.value}",
            one.place,
            one.text,
            Weight.GRAVE if one.severity is Severity.ERROR else Weight.ADVICE,
        )
        for one in hl7_check.check(piece)
    ]


def _of_house(piece: bytes) -> list[Fault]:
    """The answer that the door would give."""
    verdict = admit(piece, required=RequiredFields(), aliases={})
    if verdict.header is not None and verdict.ack is AckCode.AA:
        if handled(verdict.header.message_type):
            return []
        text = "a kind of message that is journaled, acknowledged and left"
        return [Fault("hl7-left", "MSH^1^9", text, Weight.ADVICE)]
    return [
        Fault("hl7-refused", one.location, f"{one.text} It would be answered {verdict.ack.value}.")
        for one in verdict.conditions
    ]
