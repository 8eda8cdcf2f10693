"""Blocks of words, and the items that they show: what every rendering is made from."""

from collections.abc import Iterator
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
    """Words, and the item they show: ``0.treatments.2.posology`` (contribution, item, field).

    A ``Code`` counts as one item. A cell that shows several items has no path of its own but
    ``parts``, whose texts put together are its text; parts without a path are the words between.
    """

    text: str
    path: str | None = None
    parts: tuple["Cell", ...] = ()

    def leaves(self) -> tuple["Cell", ...]:
        """The parts, or the cell itself where it has none."""
        return self.parts or (self,)


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """Free text: paragraphs parted by blank lines; "- " begins an item.

    ``heading`` may be empty: the text has none of its own. ``heading_path`` is there when the
    heading is itself an item (of a narrative).
    """

    topic: Topic
    heading: str
    body: Cell
    heading_path: str | None = None
    part: int = 0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Labels and values."""

    topic: Topic
    heading: str
    rows: tuple[tuple[str, Cell], ...]
    part: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head. With one column it is a list. A cell may be empty, a column never is."""

    topic: Topic
    heading: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    part: int = 0


# ``part`` is the index of the contribution that a block shows: the first word of its paths.
Block = Paragraphs | Pairs | Table


def cells(block: Block) -> Iterator[Cell]:
    """Every leaf cell of a block, a heading that is an item among them."""
    match block:
        case Paragraphs():
            if block.heading_path is not None:
                yield Cell(block.heading, block.heading_path)
            yield from block.body.leaves()
        case Pairs():
            for _, cell in block.rows:
                yield from cell.leaves()
        case Table():
            for row in block.rows:
                for cell in row:
                    yield from cell.leaves()
