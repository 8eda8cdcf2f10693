"""One structured body being written: its sections, its narrative, its references.

Source  HL7 CDA R2, sections 4.3.5 (narrative block) and 4.3.7 (sections).
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from functools import cached_property
from typing import Any, Final

from engine.compose.blocks import Block, Cell, Pairs, Paragraphs, Table, Topic
from engine.compose.cda_people import Element, put
from engine.compose.identity import written_by
from engine.compose.outline import Part, parts
from engine.compose.shop import Shop
from engine.model.cda import LOINC, MARK, STYLE, XSI, SectionCode
from engine.model.letter import Letter
from engine.model.summary import Code, Items, Source

TYPE: Final = f"{{{XSI}}}type"
SECTION_OF: Final = {
    Topic.REASON: SectionCode.REASON,
    Topic.SYNTHESIS: SectionCode.STAY,
    Topic.DISEASES: SectionCode.STAY,
    Topic.TREATMENTS: SectionCode.DISCHARGE,
    Topic.STOPPED: SectionCode.STOPPED,
    Topic.RESULTS: SectionCode.RESULTS,
    Topic.CARE_PLAN: SectionCode.PLAN,
    Topic.DEVICES: SectionCode.DEVICES,
    Topic.ALLERGIES: SectionCode.ALLERGIES,
}


@dataclass(frozen=True)
class Page:
    """The letter whose body is written, and what writing it needs."""

    letter: Letter
    shop: Shop
    body: Element

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The blocks of each contribution, in the order in which they are read."""
        return parts(self.letter.summary, self.shop.zone)

    def uid(self, place: str) -> str:
        """An identifier of the document's own: the same for the same document and place.

        Upper case: the national rules refuse a UUID in lower case.
        """
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.letter.document_oid}/{place}")).upper()

    def blocks(self, section: SectionCode) -> list[tuple[Part, list[Block]]]:
        """What each part has to say in a section; parts that have nothing are left out."""
        found = (
            (part, [one for one in part.blocks if SECTION_OF[one.topic] is section])
            for part in self.parts
        )
        return [(part, blocks) for part, blocks in found if blocks]

    def value(self, path: str) -> Any:
        """The item that a cell shows."""
        index, *steps = path.split(".")
        value: Any = self.letter.summary.contributions[int(index)].items
        for step in steps:
            value = value[int(step)] if step.isdigit() else getattr(value, step)
        return value

    def section(
        self, code: SectionCode, templates: Iterable[str], display: str, title: str
    ) -> tuple[Element, Element]:
        """Open a section: itself, and its narrative."""
        section = put(put(self.body, "component"), "section")
        for root in templates:
            put(section, "templateId", root=root)
        put(section, "id", root=self.uid(f"section/{code.value}"))
        put(
            section, "code", code=code.value, displayName=display, codeSystem=LOINC,
            codeSystemName="LOINC",
        )  # fmt: skip
        put(section, "title", title)
        return section, put(section, "text", ID=f"{MARK}section.{code.value}")

    def tell(self, text: Element, section: SectionCode) -> None:
        """Write the blocks of a section; several parts are told apart by their heading."""
        for part, blocks in self.blocks(section):
            if len(self.parts) > 1:
                said = part.contribution.said
                paragraph = put(text, "paragraph", styleCode="Bold")
                paragraph.text = part.heading
                if said.source is not Source.MESSAGE:
                    by = written_by(said.author, said.at, self.shop.zone)
                    paragraph.text = f"{part.heading}. {by}."
            for block in blocks:
                self._tell(text, block)

    def say(self, text: Element, name: str, words: str) -> str:
        """A paragraph of ours that no item stands behind; gives the reference to it."""
        ident = f"{MARK}stay.{name}"
        put(put(text, "paragraph"), "content", words, ID=ident)
        return f"#{ident}"

    def unknown(self, what: str) -> str:
        """What to say of a list without a row: free text or joined pages may hold what it lacks."""
        free = any(_has_free_text(part.contribution.items) for part in self.parts)
        if free or self.letter.annexes:
            return "Voir le texte de la lettre."
        return f"Aucune information sur {what} dans cette lettre."

    def _tell(self, text: Element, block: Block) -> None:
        match block:
            case Paragraphs():
                paragraph = put(text, "paragraph")
                if block.heading:
                    caption = put(paragraph, "caption", block.heading)
                    if block.heading_path is not None:  # a caption takes no element inside
                        caption.set("ID", MARK + block.heading_path)
                self._show(paragraph, block.body)
            case Pairs():
                body = put_table(text, block.heading, ())
                for label, cell in block.rows:
                    row = put(body, "tr")
                    put(row, "th", label)
                    self._show(put(row, "td"), cell)
            case Table():
                body = put_table(text, block.heading, block.head)
                for cells in block.rows:
                    row = put(body, "tr")
                    if (item := _item(cells)) is not None:
                        row.set("ID", MARK + item)
                    for cell in cells:
                        self._show(put(row, "td"), cell)

    def _show(self, where: Element, cell: Cell) -> None:
        """The words of a cell, each item of it in an element that can be pointed at."""
        for leaf in cell.leaves():
            if leaf.path is None:
                _append(where, leaf.text)
                continue
            shown = put(where, "content", ID=MARK + leaf.path)
            if (token := _token(self.value(leaf.path))) is not None:
                shown.set("styleCode", token)
            _append(shown, leaf.text)


def _has_free_text(items: Items) -> bool:
    told = (getattr(items, name) for name in Items.model_fields)
    return bool(items.narratives or items.events) or any(isinstance(one, str) for one in told)


def put_table(text: Element, caption: str, head: tuple[str, ...]) -> Element:
    """Open a table of the narrative; gives its body."""
    table = put(text, "table", border="1")
    if caption:
        put(table, "caption", caption)
    if head:
        row = put(put(table, "thead"), "tr")
        for word in head:
            put(row, "th", word)
    return put(table, "tbody")


def refer(parent: Element, tag: str, target: str) -> None:
    """``<text>`` or ``<originalText>`` with the reference to words of the narrative."""
    put(put(parent, tag), "reference", value=target)


def ts(value: date) -> str:
    """TS of a day: YYYYMMDD."""
    return f"{value.year:04}{value.month:02}{value.day:02}"


def _item(cells: tuple[Cell, ...]) -> str | None:
    """The item that a row shows: ``0.treatments.2``; None where the row is one value."""
    paths = [leaf.path for cell in cells for leaf in cell.leaves() if leaf.path is not None]
    steps = paths[0].split(".") if paths else []
    return ".".join(steps[:3]) if len(steps) > 3 else None


def _append(where: Element, text: str) -> None:
    """Add text after what an element holds; a line end is ``<br/>``."""
    first, *others = text.split("\n")
    _append_line(where, first)
    for line in others:
        put(where, "br")
        _append_line(where, line)


def _append_line(where: Element, line: str) -> None:
    if not line:
        return
    if len(where):
        where[-1].tail = (where[-1].tail or "") + line
    else:
        where.text = (where.text or "") + line


def _token(value: Any) -> str | None:
    """The value behind French words, as a style code; None where the words are the value."""
    match value:
        case bool():
            told = "true" if value else "false"
        case Enum():
            told = str(value.value)
        case int():
            told = str(value)
        case date() if not isinstance(value, datetime):
            told = value.isoformat()
        case time():
            told = value.replace(tzinfo=None).isoformat()  # a sign of an offset is no name token
        case str() | Code():
            return None
        case _:
            raise TypeError(type(value).__name__)
    return STYLE + told
