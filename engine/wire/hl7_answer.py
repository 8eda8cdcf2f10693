"""An answer that came over MLLP, and what it makes of the message that it answers.

Sources  HL7 v2.5 section 2.9.2 (original mode), 2.9.3 (enhanced), table 0008; volet "Transmission
d'un document CDA-R2 en HL7v2" 2.1, section on the ACK: AA never resend, AE do not loop, AR resend.
"""

import re
from dataclasses import dataclass
from typing import Final

from engine.model.flow import Accepted, Cause, Deferred, Outcome, Rejected
from engine.wire.hl7_errors import UnreadableError
from engine.wire.hl7_header import peek

_WORDS: Final = frozenset({"AA", "AE", "AR", "CA", "CE", "CR"})
COMMITTED: Final = "CA"


@dataclass(frozen=True, slots=True)
class Answer:
    """MSA-1, MSA-2, and the code of the first ERR-3 (table 0357), if any."""

    word: str
    answers: str
    condition: int | None = None


def read_answer(raw: bytes) -> Answer | None:
    """None when it is no answer of HL7: no MSH, no MSA, a word that table 0008 does not have.

    Whatever its character set says: what counts in it is ASCII.
    """
    try:
        separators = peek(raw).separators
    except UnreadableError:
        return None
    lines = re.split("[\r\n]+", raw.decode("latin-1"))
    fields = {line[:3]: line.split(separators.field) for line in reversed(lines)}
    msa = [*fields.get("MSA", ()), "", "", ""]
    if (word := msa[1].strip().upper()) not in _WORDS:
        return None
    err = [*fields.get("ERR", ()), "", "", "", ""]
    told = err[3].split(separators.component)[0].strip()
    number = int(told) if told.isascii() and told.isdigit() and len(told) < 6 else None
    return Answer(word, msa[2].strip(), number)


def outcome_of_answer(answer: Answer) -> Outcome | None:
    """What it means for our message; None for CA: it is safe there, and not yet judged.

    CR is about MSH-9, 11 and 12 (section 2.9.3): the same message would be refused again. CE and
    AR are circumstances. AE is the content.
    """
    match answer.word:
        case "AA":
            return Accepted(reply="AA")
        case "AE" | "CR":
            return Rejected(Cause.REFUSED, answer.condition)
        case "AR" | "CE":
            return Deferred(Cause.BUSY, answer.condition)
        case _:
            return None
