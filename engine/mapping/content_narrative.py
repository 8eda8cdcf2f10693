"""The narrative of a section of a structured CDA, its legal content, as plain lines.

Source: CDA R2, narrative block (section 4.3.5).
"""

from typing import Final

from lxml import etree

from engine.mapping.cda_pieces import is_struck

_BLOCKS: Final = frozenset({"paragraph", "item", "tr", "caption", "title", "list", "table", "br"})
_CELLS: Final = frozenset({"td", "th"})


def narrative_text(block: etree._Element | None) -> str:
    """The words of a narrative block: a line a paragraph, item or row; cells parted by ``;``."""
    if block is None:
        return ""
    lines = (
        " ".join(line.split()).removesuffix(" ;") for line in "".join(_strings(block)).split("\n")
    )
    return "\n".join(line for line in lines if line)


def _strings(element: etree._Element) -> list[str]:
    """Text in document order; a block ends its line, a cell is parted from the next."""
    found = [element.text or ""]
    for child in element:
        if not isinstance(child.tag, str) or is_struck(child):
            found.append(child.tail or "")
            continue
        name = etree.QName(child).localname
        found.extend(_strings(child))
        if name in _BLOCKS:
            found.append("\n")
        elif name in _CELLS:
            found.append(" ; ")
        found.append(child.tail or "")
    return found
