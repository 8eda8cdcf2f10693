"""What makes a message unreadable. Each holds the condition that the sender is told.

Codes are those of HL7 table 0357 (HL7 v2.5 section 2.15.5.3), locations have the form of ERR-2
(section 2.15.5.2): segment^sequence^field. No text quotes the message: its bytes are patients.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.model.errors import MessageError
from engine.model.flow import Condition

SEGMENT_SEQUENCE: Final = 100
REQUIRED_FIELD: Final = 101
DATA_TYPE: Final = 102
TABLE_VALUE: Final = 103
CARDINALITY: Final = 198
PROCESSING_ID: Final = 202
VERSION_ID: Final = 203
DUPLICATE_KEY: Final = 205
INTERNAL: Final = 207

TABLE_0357: Final[Mapping[int, str]] = MappingProxyType(
    {
        SEGMENT_SEQUENCE: "Segment sequence error",
        REQUIRED_FIELD: "Required field missing",
        DATA_TYPE: "Data type error",
        TABLE_VALUE: "Table value not found",
        # Of the CI-SIS volets on documents; table 0357 of HL7 v2.5 has no such code.
        CARDINALITY: "Non-conformant cardinality",
        200: "Unsupported message type",
        201: "Unsupported event code",
        PROCESSING_ID: "Unsupported processing id",
        VERSION_ID: "Unsupported version id",
        204: "Unknown key identifier",
        DUPLICATE_KEY: "Duplicate key identifier",
        206: "Application record locked",
        INTERNAL: "Application internal error",
    }
)


class UnreadableError(MessageError):
    """Base of the errors of `wire.hl7.read`."""

    code = "IN-101"
    what = "The message cannot be read."
    remedy = "ask the sender to correct it and to send it again"

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        super().__init__(
            where=condition.location,
            effect=f"not read; condition {condition.code} of table 0357: {condition.text}",
            remedy=self.remedy,
        )


class NoHeaderError(UnreadableError):
    """The first segment is not MSH."""

    code = "IN-102"
    what = "The message does not start with MSH."

    def __init__(self) -> None:
        super().__init__(
            Condition(
                code=SEGMENT_SEQUENCE,
                location="MSH^1",
                text="The message does not start with an MSH segment.",
            )
        )


class SeparatorsError(UnreadableError):
    """MSH-1 and MSH-2 do not name five different delimiters."""

    code = "IN-103"
    what = "The delimiters of MSH-1 and MSH-2 cannot be used."

    def __init__(self, field: int, text: str) -> None:
        super().__init__(Condition(code=DATA_TYPE, location=f"MSH^1^{field}", text=text))


class CharsetError(UnreadableError):
    """MSH-18 holds neither a value of HL7 table 0211 that we read nor an alias of the mapping."""

    code = "IN-104"
    what = "The message announces a character set this engine cannot read."
    remedy = "add the alias under [charset] in the mapping of this sender, then replay"

    def __init__(self) -> None:
        super().__init__(
            Condition(
                code=TABLE_VALUE,
                location="MSH^1^18",
                text="The character set is unknown here.",
            )
        )


class BytesError(UnreadableError):
    """The bytes are not text in the declared character set, or may be read in two ways."""

    code = "IN-105"
    what = "The bytes of the message do not fit its character set."
    remedy = (
        "have the sender declare in MSH-18 the character set it writes, or add an alias under "
        "[charset] in its mapping, then replay"
    )

    def __init__(self, text: str) -> None:
        super().__init__(Condition(code=DATA_TYPE, location="MSH^1^18", text=text))
