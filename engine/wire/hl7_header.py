"""MSH alone: the delimiters, and who sends what. Enough for an answer, cheap on the hot path.

Numbers are those of HL7 v2.5 section 2.15.9: MSH-1 is the field separator itself.
"""

import re
from typing import Final, NamedTuple

from engine.wire.hl7_errors import NoHeaderError, SeparatorsError

_LINE_END: Final = re.compile(rb"[\r\n]")


class Separators(NamedTuple):
    """MSH-1, then the characters of MSH-2. Five different ones."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    encoding: str  # MSH-2 as it stands


STANDARD: Final = Separators("|", "^", "~", "\\", "&", "^~\\&")


class Header:
    """MSH: its raw, escaped field texts, and what the door asks of every message."""

    __slots__ = (
        "_fields",
        "control_id",
        "event",
        "message_code",
        "message_type",
        "processing_id",
        "separators",
        "version",
    )

    def __init__(self, separators: Separators, fields: list[str]) -> None:
        """``fields``: "MSH", MSH-2, MSH-3, …"""
        self.separators = separators
        self._fields = fields
        kind, event = self.part(9), ""
        if len(fields) > 8 and separators.component in fields[8]:
            event = self.part(9, 2)
        self.message_code = kind  # MSH-9.1: ADT
        self.event = event  # MSH-9.2: A01
        self.message_type = f"{kind}^{event}" if event else kind  # ADT^A01, or ACK
        self.control_id = self.field(10).strip()  # MSH-10
        self.processing_id = self.part(11)  # MSH-11.1: P, T or D
        self.version = self.part(12)  # MSH-12.1: 2.5

    def field(self, n: int) -> str:
        """MSH-n as it stands; empty when absent."""
        if n == 1:
            return self.separators.field
        fields = self._fields
        return fields[n - 1] if n <= len(fields) else ""

    def part(self, n: int, component: int = 1) -> str:
        """A component of the first repetition of MSH-n, as it stands."""
        text = self.field(n)
        separators = self.separators
        if separators.repetition in text:
            text = text.split(separators.repetition, 1)[0]
        parts = text.split(separators.component, component)
        return parts[component - 1].strip() if component <= len(parts) else ""

    def shortened(self, longest: int) -> "Header":
        """Itself, or a copy whose fields are cut to that many characters."""
        if len(max(self._fields, key=len)) <= longest:
            return self
        return Header(self.separators, [text[:longest] for text in self._fields])

    @property
    def sender(self) -> str:
        """MSH-3|MSH-4: with MSH-10, the identity of a message."""
        return f"{self.field(3)}|{self.field(4)}"

    @property
    def time(self) -> str:
        """MSH-7."""
        return self.field(7)

    @property
    def structure(self) -> str:
        """MSH-9.3: ADT_A01; often absent."""
        return self.part(9, 3)

    @property
    def accept_ack(self) -> str:
        """MSH-15 (table 0155)."""
        return self.field(15).strip()

    @property
    def application_ack(self) -> str:
        """MSH-16 (table 0155)."""
        return self.field(16).strip()

    @property
    def charset(self) -> str:
        """MSH-18 as it stands."""
        return self.field(18)

    def __repr__(self) -> str:
        return "Header(…)"


def peek(raw: bytes) -> Header:
    """Read MSH alone. Raises NoHeaderError or SeparatorsError.

    Its texts are right when MSH is ASCII, as it should be; `read` corrects them otherwise.
    """
    start = 0
    if raw[:1] in (b"\r", b"\n"):
        start = len(raw) - len(raw.lstrip(b"\r\n"))
    if raw[start : start + 3] != b"MSH":
        raise NoHeaderError
    end = _LINE_END.search(raw, start)
    line = raw[start : end.start() if end else len(raw)].decode("latin-1")
    separators = _separators(line)
    return Header(separators, line.split(separators.field))


def _separators(line: str) -> Separators:
    if line.startswith("MSH|^~\\&|"):
        return STANDARD
    field = line[3:4]
    if not _may_delimit(field):
        raise SeparatorsError(1, "MSH-1 is no delimiter.")
    encoding = line[4:].split(field, 1)[0]
    # Four characters; a fifth, the truncation mark, came with v2.7 and is met in older ones.
    if len(encoding) not in (4, 5) or not all(_may_delimit(mark) for mark in encoding):
        raise SeparatorsError(2, "MSH-2 does not hold four delimiters.")
    if len({field, *encoding}) != len(encoding) + 1:
        raise SeparatorsError(2, "MSH-1 and MSH-2 use a delimiter twice.")
    return Separators(field, encoding[0], encoding[1], encoding[2], encoding[3], encoding)


def _may_delimit(mark: str) -> bool:
    return len(mark) == 1 and "!" <= mark <= "~" and not mark.isalnum() and mark != '"'
