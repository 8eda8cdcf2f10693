"""A CDA R2 document that comes in: opened without trust, and what its header says of it.

The only door of hostile XML. No entity is resolved, nothing is fetched, a DOCTYPE is refused.
Source: CDA R2 header; ANS CI-SIS "Structuration minimale des documents de santé".
"""

from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.wire.encapsulated import ContentError

NAMESPACE: Final = "{urn:hl7-org:v3}"
MOST_ELEMENTS: Final = 20_000
MOST_DEPTH: Final = 60
_LONGEST_VALUE: Final = 500
_MOST_TAGS: Final = 3 * MOST_ELEMENTS  # both tags of each, and comments
_MOST_SIGNS: Final = 10 * MOST_ELEMENTS  # attributes, and what words hold besides
_TOO_MUCH: Final = "the CDA has more elements, or nests them deeper, than any letter"


@dataclass(frozen=True, slots=True)
class CdaHeader:
    """What the header says: identifiers as `document_key` writes them."""

    document: str | None  # ClinicalDocument/id
    replaces: str | None  # relatedDocument[RPLC]/parentDocument/id
    patients: frozenset[tuple[str, str]]  # recordTarget/patientRole/id: root, extension
    written_at: str  # effectiveTime, as it stands
    structured: bool  # body of level 3 (sections), not of level 1 (nonXMLBody)
    specialties: frozenset[str] = frozenset()  # of authors and who answers, as JDV_J01 codes them


def open_cda(data: bytes) -> etree._Element:
    """The ClinicalDocument of these bytes. Raises ContentError."""
    # Counted before it is read: a tree takes a hundred times the room of its tags.
    if data.count(b"<") > _MOST_TAGS or data.count(b"=") > _MOST_SIGNS:
        raise ContentError(_TOO_MUCH)
    if b"<!DOCTYPE" in data:
        raise ContentError("the CDA carries a DOCTYPE")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise ContentError("the CDA is not well-formed XML") from None
    if root.getroottree().docinfo.doctype:
        raise ContentError("the CDA carries a DOCTYPE")
    if root.tag != NAMESPACE + "ClinicalDocument":
        raise ContentError("the XML is no CDA R2 document")
    _bound(root)
    return root


def header_of(root: etree._Element) -> CdaHeader:
    """Read the header of an opened document."""
    replaces = None
    for related in root.iterfind(NAMESPACE + "relatedDocument"):
        if related.get("typeCode") == "RPLC":
            replaces = _key(related.find(f"{NAMESPACE}parentDocument/{NAMESPACE}id"))
    numbers = root.iterfind(f"{NAMESPACE}recordTarget/{NAMESPACE}patientRole/{NAMESPACE}id")
    written = root.find(NAMESPACE + "effectiveTime")
    return CdaHeader(
        document=_key(root.find(NAMESPACE + "id")),
        replaces=replaces,
        patients=frozenset(
            (_value(one, "root"), _value(one, "extension")) for one in numbers if one.get("root")
        ),
        written_at="" if written is None else _value(written, "value"),
        structured=root.find(f"{NAMESPACE}component/{NAMESPACE}structuredBody") is not None,
        specialties=frozenset(
            _value(one, "code")
            for path in ("author/assignedAuthor", "legalAuthenticator/assignedEntity")
            for one in root.iterfind(
                "/".join(f"{NAMESPACE}{step}" for step in (*path.split("/"), "code"))
            )
            if one.get("code")
        ),
    )


def document_key(root: str, extension: str) -> str:
    """One text for an identifier, whichever way it was written.

    The DMP wants a full OID; older senders part it in root and extension, and the published
    samples write the same identifier in one way in TXA-12 and in the other in the CDA.
    """
    return f"{root}.{extension}" if root and extension else root or extension


def _key(found: etree._Element | None) -> str | None:
    if found is None:
        return None
    return document_key(_value(found, "root"), _value(found, "extension")) or None


def _value(element: etree._Element, name: str) -> str:
    return (element.get(name) or "").strip()[:_LONGEST_VALUE]


def _bound(root: etree._Element) -> None:
    """Refuse what no letter is: reading it would hold everybody up."""
    depth = most = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        most, count = max(most, depth), count + 1
        if most > MOST_DEPTH or count > 2 * MOST_ELEMENTS:
            raise ContentError(_TOO_MUCH)
