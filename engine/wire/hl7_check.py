"""Diagnosis of one message for `relais hl7 check`: what our reader and hl7apy's grammar say.

The only import of hl7apy outside the tests, and a lazy one. hl7apy is given the message without
the segments that its grammar cannot know: it would drop them and say nothing. It hands over what
it found through a file, so this module, alone in the package, opens one (a temporary one).

Findings name places and rules, never values.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from engine.wire import hl7
from engine.wire.hl7_errors import TABLE_0357

# Segments of the French extension of PAM (2.11), which no grammar of HL7 knows.
FRENCH_SEGMENTS: Final[Mapping[str, str]] = {
    "ZBE": "movement",
    "ZFA": "state of the DMP",
    "ZFD": "complement of identity",
    "ZFM": "PMSI movement",
    "ZFP": "occupation",
    "ZFS": "mode of psychiatric care",
    "ZFV": "complement of visit",
}

_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_PLACE: Final = r"(?P<place>[A-Za-z0-9_.]+)"
_RULES: Final = (
    (re.compile(rf"Value .* not in table HL7(?P<table>\d+) in element {_PLACE}", re.DOTALL),
     "the value is not in HL7 table {table}"),
    (re.compile(rf"Exceeded max length \((?P<length>\d+)\) of {_PLACE}"),
     "longer than {length} characters"),
    (re.compile(rf"Missing required child {_PLACE}"), "required, and missing"),
    (re.compile(rf"Child limit exceeded {_PLACE}"), "repeated too often"),
    (re.compile(rf"Datatype \S+ is not correct for {_PLACE}.*", re.DOTALL), "wrong data type"),
)  # fmt: skip


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # the standard is broken
    WARNING = "warning"  # a value outside a table or a length: frequent, harmless to us
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a message."""

    severity: Severity
    place: str  # PID.PID_3, or ERR-2 form for what our reader found
    text: str


def check(raw: bytes, *, aliases: Mapping[str, str] | None = None) -> list[Finding]:
    """Say what is wrong or remarkable in a message. Total: any bytes get an answer."""
    try:
        message = hl7.read(raw, aliases=aliases or {})
    except hl7.UnreadableError as error:
        found = error.condition
        name = TABLE_0357.get(found.code, "")
        return [Finding(Severity.ERROR, found.location, f"{found.code} {name}: {found.text}")]
    return [*_of_reader(message), *_of_grammar(message)]


def _of_reader(message: hl7.Message) -> Iterator[Finding]:
    if not message.header.field(18):
        yield Finding(Severity.NOTE, "MSH^1^18", f"no character set; read as {message.charset}")
    elif message.charset == "utf-8" and message.header.charset.startswith("8859/"):
        text = "declares an ISO set, and its bytes are UTF-8; read as UTF-8"
        yield Finding(Severity.WARNING, "MSH^1^18", text)
    for order, segment in enumerate(message.segments, 1):
        name = segment.name
        if not _NAME.fullmatch(name):
            yield Finding(Severity.ERROR, f"segment {order}", "a line that is no segment")
        elif name == "MSH" and order > 1:
            yield Finding(Severity.ERROR, f"segment {order}", "a second MSH")
        elif name.startswith("Z"):
            known = FRENCH_SEGMENTS.get(name, "unknown here")
            yield Finding(Severity.NOTE, f"{name}, segment {order}", f"own segment: {known}")


def _of_grammar(message: hl7.Message) -> Iterator[Finding]:
    from hl7apy import SUPPORTED_LIBRARIES
    from hl7apy.parser import parse_message

    version = message.header.version
    if version not in SUPPORTED_LIBRARIES:
        yield Finding(Severity.ERROR, "MSH^1^12", "hl7apy has no grammar of this version")
        return
    known = [
        segment
        for segment in message.segments
        if _NAME.fullmatch(segment.name) and not segment.name.startswith("Z")
    ]
    try:
        tree = parse_message("\r".join(segment.text for segment in known))
    except Exception as error:  # whatever hl7apy raises of odd bytes, we say that it gave up
        text = f"hl7apy cannot read it: {type(error).__name__}"
        yield Finding(Severity.ERROR, "message", text)
        return
    lost = Counter(segment.name for segment in known) - Counter(_names(tree))
    for name, count in sorted(lost.items()):
        text = f"{count} not allowed where they stand, or unknown, in {tree.name} of {version}"
        yield Finding(Severity.ERROR, name, text)
    yield from _report(tree)


def _names(element: Any) -> Iterator[str]:
    for child in element.children:
        if child.classname == "Segment":
            yield child.name
        elif child.classname == "Group":
            yield from _names(child)


def _report(tree: Any) -> Iterator[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        try:
            tree.validate(report_file=str(report))
            failure = ""
        except Exception as error:  # also raised when the report says why
            failure = type(error).__name__
        text = report.read_text("utf-8") if report.exists() else ""
    if failure and not text.strip():
        text = f"hl7apy cannot check it against {tree.name}: {failure}"
        yield Finding(Severity.WARNING, "message", text)
        return
    for line in re.split(r"\n(?=Error: |Warning: )", text):
        if line.strip():
            yield _finding(line.strip())


def _finding(line: str) -> Finding:
    word, _, rest = line.partition(": ")
    severity = Severity.WARNING if word == "Warning" else Severity.ERROR
    for pattern, sentence in _RULES:
        found = pattern.fullmatch(rest)
        if found:
            return Finding(severity, found["place"], sentence.format(**found.groupdict()))
    # Its other sentences quote the element, and with it the message.
    return Finding(severity, "message", "an element that the grammar does not allow there")
