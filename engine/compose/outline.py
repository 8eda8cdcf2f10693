"""A summary as headed blocks of words: the one order and the one wording of every rendering.

Each cell knows the item that it shows (``path``), so that a format with coded entries can point
from the entry to the words and a reader can find its way back.
"""

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """What a block is about; CDA sorts blocks into its sections by it."""

    REASON = "reason"
    SYNTHESIS = "synthesis"
    DISEASES = "diseases"
    TREATMENTS = "treatments"
    STOPPED = "stopped"  # treatments given and stopped during the stay
    RESULTS = "results"
    CARE_PLAN = "care-plan"
    DEVICES = "devices"
    ALLERGIES = "allergies"


@dataclass(frozen=True, slots=True)
class Cell:
    """Words, and the item they show: ``0.treatments.2.posology`` (contribution, item, field)."""

    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """Free text: paragraphs parted by blank lines; "- " begins an item."""

    topic: Topic
    heading: str
    body: Cell


@dataclass(frozen=True, slots=True)
class Pairs:
    """Labels and values."""

    topic: Topic
    heading: str
    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head."""

    topic: Topic
    heading: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


Block = Paragraphs | Pairs | Table
