"""A summary as headed blocks of words: the one order and the one wording of every rendering.

Each cell knows the item that it shows (``path``), so that a format with coded entries can point
from the entry to the words and a reader can find its way back. Every value of the items is shown
by one cell, and no cell shows anything else: a format that shows all cells loses nothing.
"""

from dataclasses import dataclass, replace
from datetime import tzinfo

from engine.compose.blocks import Block, Cell, Pairs, Paragraphs, Table, Topic, cells
from engine.compose.identity import written_by
from engine.compose.outline_care import care_blocks
from engine.compose.outline_items import clinical_blocks
from engine.compose.text import french_date
from engine.model.fact import Half
from engine.model.letter import HEADINGS
from engine.model.summary import Contribution, ExitSummary, Items, Source

__all__ = [
    "Block", "Cell", "Pairs", "Paragraphs", "Part", "Table", "Topic", "blocks_of", "cells",
    "outline", "parts",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """All blocks of one contribution, under the heading of the half that answers for it."""

    index: int
    half: Half
    heading: str
    byline: str  # who wrote it, and when
    contribution: Contribution
    blocks: tuple[Block, ...]


def outline(summary: ExitSummary, zone: tzinfo) -> tuple[Block, ...]:
    """All blocks, contribution after contribution, in the order in which they are read."""
    return tuple(block for part in parts(summary, zone) for block in part.blocks)


def parts(summary: ExitSummary, zone: tzinfo) -> tuple[Part, ...]:
    """The blocks of each contribution; one that says nothing has no part.

    ``zone`` is the hospital's: bylines tell a day in it. Order: what was written for this letter
    before what messages said; then the somatic half before the psychiatric one; then as given.
    """
    found = []
    for index, one in enumerate(summary.contributions):
        if blocks := blocks_of(one.items, index):
            found.append(Part(index, one.half, _heading(one), _byline(one, zone), one, blocks))
    return tuple(
        sorted(
            found,
            key=lambda p: (p.contribution.said.source is Source.MESSAGE, p.half is not Half.DSS),
        )
    )


def blocks_of(items: Items, index: int = 0) -> tuple[Block, ...]:
    """The blocks of what one source said; ``index`` is the first word of their paths."""
    made = (*clinical_blocks(items, str(index)), *care_blocks(items, str(index)))
    return tuple(replace(block, part=index) for block in made)


def _heading(one: Contribution) -> str:
    heading = HEADINGS[one.half]
    return heading if one.said.source is not Source.MESSAGE else f"{heading} : dossier du patient"


def _byline(one: Contribution, zone: tzinfo) -> str:
    said = one.said
    if said.source is Source.MESSAGE:
        return f"Extrait du dossier du patient, au {french_date(said.at.astimezone(zone).date())}"
    return written_by(said.author, said.at, zone)
