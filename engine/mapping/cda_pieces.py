"""The narrative of a section in pieces: rows, list items, paragraphs, and what lies between.

An entry takes the piece that its reference points into; the pieces that no entry took keep their
words, so that nothing of a section is lost and nothing is told twice.
Source: CDA R2, narrative block (section 4.3.5).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from engine.model.cda import V3

_V3: Final = f"{{{V3}}}"
_INLINE: Final = frozenset(
    _V3 + tag for tag in ("content", "sub", "sup", "linkHtml", "footnote", "footnoteRef")
)
_WHOLE: Final = frozenset(_V3 + tag for tag in ("tr", "paragraph", "caption"))
_OPEN: Final = frozenset({_V3 + "text", _V3 + "item"})  # their first words carry their ID
_CELLS: Final = frozenset({_V3 + "td", _V3 + "th"})


@dataclass
class Piece:
    """Words that belong together. ``cells``: the cells of a row, else the words alone."""

    cells: tuple[str, ...]
    idents: frozenset[str]
    table: etree._Element | None = None
    head: bool = False  # of a table, or its caption: says nothing by itself
    taken: bool = False

    @property
    def words(self) -> str:
        """The piece in one line."""
        return " ; ".join(cell for cell in self.cells if cell)


@dataclass
class Pieces:
    """All pieces of one narrative, and the words that each ID marks."""

    all: list[Piece] = field(default_factory=list)
    marked: dict[str, etree._Element] = field(default_factory=dict)
    holding: dict[str, Piece] = field(default_factory=dict)
    heads: dict[etree._Element, tuple[str, ...]] = field(default_factory=dict)
    struck: set[str] = field(default_factory=set)  # IDs within words that were struck out

    def find(self, target: str) -> Piece | None:
        """The piece that a reference points into, with or without its ``#``."""
        return self.holding.get(target.removeprefix("#"))

    def words(self, target: str) -> str:
        """The words that a reference points at; "" where it points nowhere."""
        found = self.marked.get(target.removeprefix("#"))
        return "" if found is None else flat(found)

    def labels(self, piece: Piece) -> tuple[str, ...]:
        """The words above each cell of a row; () where they do not fit."""
        head = self.heads.get(piece.table, ()) if piece.table is not None else ()
        return head if len(head) == len(piece.cells) else ()

    def left(self) -> str:
        """What no entry took, a line a piece; the head of a table where a row of it is left."""
        open_tables = {one.table for one in self.all if not (one.taken or one.head)}
        lines = (
            one.words
            for one in self.all
            if (one.table in open_tables if one.head else not one.taken)
        )
        return "\n".join(line for line in lines if line)


def read_pieces(text: etree._Element | None) -> Pieces:
    """Take a narrative apart."""
    found = Pieces()
    if text is None:
        return found
    for element in text.iter(etree.Element):
        if is_struck(element):
            found.struck |= _idents(element)
        if (ident := element.get("ID")) and ident not in found.struck:
            found.marked.setdefault(ident, element)
    found.all.extend(_walk(text, None, head=False))
    for one in found.all:
        for ident in one.idents:
            found.holding.setdefault(ident, one)
        if one.head and one.table is not None and len(one.cells) > 1:
            found.heads.setdefault(one.table, one.cells)
    return found


def is_struck(element: etree._Element) -> bool:
    """Words that the author took out and that stand there still (CDA R2 section 4.3.5.1.1)."""
    return element.tag == _V3 + "content" and element.get("revised") == "delete"


def flat(element: etree._Element) -> str:
    """The words of an element in one line; a break or a block's end parts them."""
    return " ".join("".join(_strings(element)).split())


def _strings(element: etree._Element) -> Iterator[str]:
    if is_struck(element):
        return
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            inline = child.tag in _INLINE
            yield "" if inline else " "
            yield from _strings(child)
            yield "" if inline else " "
        yield child.tail or ""


def _walk(element: etree._Element, table: etree._Element | None, *, head: bool) -> Iterator[Piece]:
    if element.tag == _V3 + "table":
        table = element
    head = head or element.tag == _V3 + "thead"
    run: list[str] = [element.text or ""]
    idents = {element.get("ID") or ""} - {""} if element.tag in _OPEN else set()
    for child in element:
        if not isinstance(child.tag, str):
            run.append(child.tail or "")
            continue
        if child.tag in _INLINE:
            run.extend(_strings(child))
            idents |= _idents(child)
        else:
            yield from _run(run, idents, table, head=head)
            run, idents = [], set()
            yield from _block(child, table, head=head)
        run.append(child.tail or "")
    yield from _run(run, idents, table, head=head)


def _block(child: etree._Element, table: etree._Element | None, *, head: bool) -> Iterator[Piece]:
    if child.tag not in _WHOLE:
        yield from _walk(child, table, head=head)
        return
    cells = [cell for cell in child if cell.tag in _CELLS]
    words = tuple(flat(cell) for cell in cells) if cells else (flat(child),)
    heading = head or child.tag == _V3 + "caption"
    yield Piece(words, frozenset(_idents(child)), table, heading and table is not None)


def _run(
    run: list[str], idents: set[str], table: etree._Element | None, *, head: bool
) -> Iterator[Piece]:
    words = " ".join("".join(run).split())
    if words or idents:
        yield Piece((words,), frozenset(idents), table, head)


def _idents(element: etree._Element) -> set[str]:
    return {ident for one in element.iter(etree.Element) if (ident := one.get("ID"))}
