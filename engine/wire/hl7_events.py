"""The messages that are read, and the fields they must hold; anything else is journaled,
acknowledged and left.

Source: IHE PAM France 2.11 (ITI-30, ITI-31), MDM and ORU of the CI-SIS document volet,
and the clinical messages of HL7 v2.5.
"""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

from pydantic import Field, StringConstraints

from engine.model.fact import DocumentAction
from engine.model.movement import CANCELS, EVENTS, UPDATE
from engine.model.value import Value

# ITI-31: each carries a movement (ZBE) of a visit (PV1-19).
MOVEMENTS: Final = frozenset(f"ADT^{event}" for event in (*EVENTS, *CANCELS, UPDATE))
# ITI-30, and what is met in the field: the person alone.
PERSONS: Final = frozenset(
    f"ADT^{event}" for event in ("A08", "A28", "A31", "A40", "A44", "A47", "A54")
)

# Announced only, and moving nobody: a discharge to come, or no longer.
PENDING: Final = frozenset({"ADT^A16", "ADT^A25"})


class Request(NamedTuple):
    """What is asked about a document, and how ORC-1 and OBX-11 must say the same."""

    action: DocumentAction
    orc_1: str
    obx_11: str


REQUESTS: Final = (
    Request(DocumentAction.ADD, "NW", "F"),
    Request(DocumentAction.REPLACE, "RO", "C"),
    Request(DocumentAction.WITHDRAW, "CA", "D"),
)
# The event of an MDM tells the request; that of an ORU does not: its OBX-11 tells.
DOCUMENTS: Final[Mapping[str, Request | None]] = MappingProxyType(
    {"MDM^T02": REQUESTS[0], "MDM^T10": REQUESTS[1], "MDM^T04": REQUESTS[2], "ORU^R01": None}
)
# Orders of medicines, vaccines given, appointments: HL7 v2.5 chapters 4 and 10.
CLINICAL: Final = frozenset(
    {"RDE^O11", "VXU^V04"} | {f"SIU^{n}" for n in ("S12", "S13", "S14", "S15", "S16", "S17", "S26")}
)
_HANDLED: Final = MOVEMENTS | PERSONS | PENDING | DOCUMENTS.keys() | CLINICAL

FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{2}-[1-9]\d{0,2}$")]


class RequiredFields(Value):
    """Fields without which an event that we handle is answered AE, code 101. Per site.

    ZBE-4, though PAM FR requires it, is not among them: an official example of the ANS leaves it
    empty (its ZBE is shifted by one), and the event itself says insert or cancel.
    """

    person: tuple[FieldName, ...] = Field(default=("PID-3",), description="Of every ADT we read.")
    movement: tuple[FieldName, ...] = Field(
        default=("PV1-19", "ZBE-1", "ZBE-2"), description="Of movements besides."
    )

    def of(self, message_type: str) -> Mapping[str, tuple[int, ...]]:
        """Segment → numbers of the fields that this message must hold."""
        if message_type in MOVEMENTS:
            return self._by_segment[1]
        return self._by_segment[0] if message_type in PERSONS | PENDING else {}

    @cached_property
    def _by_segment(self) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
        return _group(self.person), _group((*self.person, *self.movement))


def handled(message_type: str) -> bool:
    """Whether a message of MSH-9.1^MSH-9.2 is read."""
    return message_type in _HANDLED


def _group(names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    grouped: dict[str, tuple[int, ...]] = {}
    for name in names:
        segment, number = name.split("-")
        grouped[segment] = (*grouped.get(segment, ()), int(number))
    return grouped
