"""XML that nobody vouches for, opened without trust; and the place of an element, for people.

What can go wrong
    A DOCTYPE reads files and multiplies entities: it is refused before the parser sees it, in
    every encoding that could hide it. Size, number of elements and depth are bounded.
"""

import re
from typing import Final

from lxml import etree

Element = etree._Element
XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"

MOST_BYTES: Final = 40 * 1024 * 1024
MOST_TAGS: Final = 200_000
_HUGE: Final = 9_000_000  # libxml2 refuses a text of 10 MB unless told
_ENCODING: Final = re.compile(rb"""\A<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_READ: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
_MARK: Final = b"\xef\xbb\xbf"


class XmlError(Exception):
    """The XML cannot be opened; ``rule`` and the text say why, without a word of it."""

    def __init__(self, rule: str, sentence: str) -> None:
        self.rule = rule
        super().__init__(sentence)


def parse(data: bytes) -> Element:
    """Open a document. Raises XmlError."""
    if len(data) > MOST_BYTES:
        raise XmlError("xml-size", f"larger than {MOST_BYTES // 1024 // 1024} MB")
    body = data.removeprefix(_MARK).lstrip()
    if b"\0" in body[:4] or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise XmlError("xml-encoding", "the encoding is UTF-16 or UTF-32; UTF-8 is wanted")
    declared = _ENCODING.match(body)
    if declared and declared[1].decode("ascii").lower() not in _READ:
        raise XmlError("xml-encoding", "the declaration names an encoding that is not read here")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise XmlError(
            "xml-doctype", "a document type declaration, which could read files or exhaust memory"
        )
    if body.count(b"<") > 2 * MOST_TAGS:
        raise XmlError("xml-size", f"more than {MOST_TAGS} elements")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=len(body) > _HUGE,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise XmlError("xml-form", f"not well-formed XML, line {error.lineno or 1}") from None
    except ValueError:
        raise XmlError("xml-form", "not well-formed XML") from None
    return root


def tag_of(element: Element) -> str:
    """The whole name of an element, as text; empty for a comment or an instruction."""
    tag = element.tag
    return tag if isinstance(tag, str) else ""


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return tag_of(element).rpartition("}")[2]


def elements(parent: Element) -> list[Element]:
    """The children that are elements: no comment, no instruction."""
    return [one for one in parent if isinstance(one.tag, str)]


def place_of(element: Element) -> str:
    """The path from the root, as a person would read it out: ``author[2]/assignedAuthor/id``.

    A section is told by the code that it has, which says more than its number.
    """
    steps: list[str] = []
    node: Element | None = element
    while node is not None:
        steps.append(_step(node))
        node = node.getparent()
    return "/".join(reversed(steps))


def _step(node: Element) -> str:
    name = local(node)
    if name == "section":
        code = node.find("{*}code")
        told = code.get("code", "") if code is not None else ""
        if re.fullmatch(r"[0-9]{3,6}-[0-9]", told):
            return f"section({told})"
    parent = node.getparent()
    if parent is None or name == "section":
        return name
    twins = parent.findall(tag_of(node))
    return name if len(twins) < 2 else f"{name}[{twins.index(node) + 1}]"
