"""Small changes to an XML document, as data."""

from collections.abc import Sequence
from typing import Any

from lxml import etree

V3 = "urn:hl7-org:v3"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
NAMESPACES = {"c": V3, "r": RIM, "xsi": "http://www.w3.org/2001/XMLSchema-instance"}

Step = tuple[Any, ...]


def put(path: str, name: str, value: str | None) -> Step:
    """Set an attribute of the first element of a path; None takes it away."""
    return ("put", path, name, value)


def drop(path: str) -> Step:
    """Take the first element of a path away."""
    return ("drop", path)


def text(path: str, value: str) -> Step:
    """Replace the words of the first element of a path; its children go."""
    return ("text", path, value)


def after(path: str, xml: str) -> Step:
    """Add an element behind the first of a path."""
    return ("after", path, xml)


def before(path: str, xml: str) -> Step:
    """Add an element before the first of a path."""
    return ("before", path, xml)


def inside(path: str, xml: str) -> Step:
    """Add a last child to the first element of a path."""
    return ("inside", path, xml)


def twice(path: str) -> Step:
    """Repeat the first element of a path behind itself."""
    return ("twice", path)


def changed(document: bytes, steps: Sequence[Step], namespace: str = V3) -> bytes:
    """The document with each step done in turn. A path must find something."""
    root = etree.fromstring(document)
    for kind, path, *rest in steps:
        found = root.xpath(path, namespaces=NAMESPACES)
        assert found, path
        one = found[0]
        parent = one.getparent()
        match kind:
            case "put":
                name, value = rest
                name = name.replace("xsi:", f"{{{NAMESPACES['xsi']}}}")
                if value is None:
                    del one.attrib[name]
                else:
                    one.set(name, value)
            case "drop":
                parent.remove(one)
            case "text":
                for child in list(one):
                    one.remove(child)
                one.text = rest[0]
            case "twice":
                one.addnext(etree.fromstring(etree.tostring(one, with_tail=False)))
            case "after":
                one.addnext(_read(rest[0], namespace))
            case "before":
                one.addprevious(_read(rest[0], namespace))
            case "inside":
                one.append(_read(rest[0], namespace))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _read(xml: str, namespace: str) -> etree._Element:
    wrapped = f'<x xmlns="{namespace}" xmlns:xsi="{NAMESPACES["xsi"]}">{xml}</x>'
    return etree.fromstring(wrapped)[0]
