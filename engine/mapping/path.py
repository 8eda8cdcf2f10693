"""Field addresses: ``PV1-3.1``, ``PID-3[5=PI].1``, ``ROL[3=ODRP]-4[13=RPPS].1``.

Grammar::

    address   = SEGMENT [ "[" FIELD [ "." C ] "=" value "]" ] "-" inner
    inner     = FIELD [ "[" C [ "." S ] "=" value "]" ] [ "." C [ "." S ] ]

A filter on the segment keeps the segments whose field holds the value; a filter on the field
keeps the repetitions whose component holds it. ``inner`` alone addresses within one segment.
Numbers are those of HL7 v2, chapter 2: from 1.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

from engine.wire.hl7 import Message, Repetition, Segment

_INNER = re.compile(
    r"(?P<field>\d{1,3})"
    r"(?:\[(?P<rc>\d{1,2})(?:\.(?P<rs>\d{1,2}))?=(?P<rv>[^\]]+)\])?"
    r"(?:\.(?P<c>\d{1,2})(?:\.(?P<s>\d{1,2}))?)?"
)
_ADDRESS = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})"
    r"(?:\[(?P<ff>\d{1,3})(?:\.(?P<fc>\d{1,2}))?=(?P<fv>[^\]]+)\])?"
    r"-(?P<inner>.+)"
)


@dataclass(frozen=True, slots=True)
class Inner:
    """An address within one segment."""

    text: str
    field: int
    component: int = 1
    subcomponent: int = 1
    only: tuple[int, int, str] | None = None  # component, subcomponent, value

    @classmethod
    def parse(cls, text: str) -> "Inner":
        """Raises ValueError when the text is no such address."""
        found = _INNER.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a field address such as 5, 5.1 or 3[5=PI].1")
        only = None
        if found["rc"]:
            only = (int(found["rc"]), int(found["rs"] or 1), found["rv"])
        return cls(text, int(found["field"]), int(found["c"] or 1), int(found["s"] or 1), only)

    def repetitions(self, segment: Segment) -> Iterator[Repetition]:
        """The repetitions that the filter keeps."""
        for repetition in segment.repetitions(self.field):
            if self.only is None or repetition.value(*self.only[:2]) == self.only[2]:
                yield repetition

    def values(self, segment: Segment) -> Iterator[str]:
        """Non-empty values; ``""`` (two quotes: "delete") is a value."""
        for repetition in self.repetitions(segment):
            value = repetition.value(self.component, self.subcomponent).strip()
            if value:
                yield value

    def first(self, segment: Segment) -> str:
        """The first value, or an empty text."""
        return next(self.values(segment), "")


@dataclass(frozen=True, slots=True)
class Path:
    """An address within a message."""

    text: str
    segment: str
    inner: Inner
    only: tuple[int, int, str] | None = None  # field, component, value

    @classmethod
    def parse(cls, text: str) -> "Path":
        """Raises ValueError when the text is no such address."""
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not an address such as PV1-3.1 or PID-3[5=PI].1")
        only = None
        if found["ff"]:
            only = (int(found["ff"]), int(found["fc"] or 1), found["fv"])
        return cls(text, found["segment"], Inner.parse(found["inner"]), only)

    def segments(self, message: Message) -> Iterator[Segment]:
        """The segments that the filter keeps, in order."""
        for segment in message.all(self.segment):
            if self.only is None or segment.value(*self.only[:2]) == self.only[2]:
                yield segment

    def values(self, message: Message) -> Iterator[str]:
        """Non-empty values, in order of segments and repetitions."""
        for segment in self.segments(message):
            yield from self.inner.values(segment)

    def first(self, message: Message) -> str:
        """The first value, or an empty text."""
        return next(self.values(message), "")


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path.parse(str(value))


def _inner(value: object) -> Inner:
    return value if isinstance(value, Inner) else Inner.parse(str(value))


def _text(value: Path | Inner) -> str:
    return value.text


PathField = Annotated[Path, PlainValidator(_path), PlainSerializer(_text)]
InnerField = Annotated[Inner, PlainValidator(_inner), PlainSerializer(_text)]
