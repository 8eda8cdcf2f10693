"""METADATA.XML: the registry objects by themselves, before any document is looked at.

Source  IHE ITI TF-3 section 4 (slots, classifications, external identifiers, associations); ANS
models DocumentEntry and SubmissionSet (cardinalities). The schema of ebRIM itself: verify.rim.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.verify import rim
from engine.verify.report import Fault, Weight, bounded
from engine.verify.rim import R, identifier, slot, slots
from engine.verify.rules import Book, Rule, is_oid
from engine.verify.xml import Element, place_of

SET: Final = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
ENTRY: Final = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
HAS_MEMBER: Final = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"

_TIME: Final = "^[0-9]{4}([0-9]{2}){0,5}$"
_XCN: Final = r"^[^^]+\^[^^]*\^[^^]*\^{6}&[0-2](\.[0-9]+)+&ISO\^[DLU]\^{3}(IDNPS|EI|RI|D)$"
_XON: Final = r"^[^^]+\^{5}&[0-2](\.[0-9]+)+&ISO\^IDNST\^{3}[0-9][0-9A-Z/]+$"
_CX: Final = r"^[^^]+\^{3}&[0-2](\.[0-9]+)+&ISO(\^[A-Z]+)?$"


def _slot(name: str) -> str:
    return f"r:Slot[@name='{name}']/r:ValueList/r:Value"


_AUTHORS: Final = (
    "r:RegistryObjectList/*/r:Classification[@classificationScheme="
    "'urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d' or @classificationScheme="
    "'urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d']"
)
_PACKAGE: Final = "r:RegistryObjectList/r:RegistryPackage"
_DOCUMENT: Final = "r:RegistryObjectList/r:ExtrinsicObject"

_BOOK: Final = Book(
    (
        Rule("rim-status", f"{_PACKAGE} | {_DOCUMENT}",
             "@status='urn:oasis:names:tc:ebxml-regrep:StatusType:Approved'",
             "the status is Approved"),
        Rule("rim-entry-type", _DOCUMENT, f"@objectType='{ENTRY}'",
             "the objectType is that of a document entry"),
        Rule("set-time", f"{_PACKAGE}/{_slot('submissionTime')}", f"re:test(.,'{_TIME}')",
             "a time is digits only, UTC, YYYYMMDDHHMMSS"),
        Rule("entry-time", " | ".join(f"{_DOCUMENT}/{_slot(name)}" for name in
             ("creationTime", "serviceStartTime", "serviceStopTime")),
             f"re:test(.,'{_TIME}') and f:moment(.)",
             "a time is digits only, UTC, YYYYMMDDHHMMSS, and exists"),
        Rule("entry-hash-form", f"{_DOCUMENT}/{_slot('hash')}", "re:test(.,'^[0-9A-Fa-f]{40}$')",
             "the hash is 40 hexadecimal digits (SHA-1)"),
        Rule("entry-size-form", f"{_DOCUMENT}/{_slot('size')}", "re:test(.,'^[0-9]{1,12}$')",
             "the size is a number of bytes"),
        Rule("entry-language", f"{_DOCUMENT}/{_slot('languageCode')}", ".='fr-FR'",
             "the language is fr-FR"),
        Rule("entry-person", f"{_DOCUMENT}/{_slot('legalAuthenticator')} |"
             f" {_AUTHORS}/{_slot('authorPerson')}", f"re:test(.,'{_XCN}')",
             "a person is number^NOM^PRENOM^^^^^^&OID&ISO^D^^^IDNPS"),
        Rule("entry-institution", f"{_AUTHORS}/{_slot('authorInstitution')}",
             f"re:test(.,'{_XON}')",
             "an institution is name^^^^^&OID&ISO^IDNST^^^number"),
        Rule("author-institution", _AUTHORS, _slot("authorInstitution"),
             "an author without institution"),
        Rule("author-person", _AUTHORS, _slot("authorPerson"), "an author without person"),
        Rule("author-node", _AUTHORS, "@nodeRepresentation=''",
             "the nodeRepresentation of an author is empty", Weight.OURS),
        Rule("entry-patient-form", f"{_DOCUMENT}/{_slot('sourcePatientId')}", f"re:test(.,'{_CX}')",
             "a patient's number is number^^^&OID&ISO^type"),
        Rule("entry-patient-info", f"{_DOCUMENT}/{_slot('sourcePatientInfo')}",
             r"re:test(.,'^PID-[0-9]{1,2}\|.')", "each line is PID-n|value"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facet:
    """Something that an object has so often: a slot, a classification, an identifier."""

    name: str
    scheme: str = ""  # of a classification or of an identifier
    least: int = 1
    most: int = 1
    values: int = 1  # of a slot; 0: any number


_CODES: Final = (
    Facet("class", "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"),
    Facet("type", "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"),
    Facet("format", "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"),
    Facet("confidentiality", "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", most=4),
    Facet("facility type", "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"),
    Facet("practice setting", "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"),
    Facet("event", "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", least=0, most=100),
)
CODE: Final = {one.name: one.scheme for one in _CODES}
ENTRY_AUTHOR: Final = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
_ENTRY_PARTS: Final = (
    *_CODES,
    Facet("author", ENTRY_AUTHOR, most=50),
)
_SET_PARTS: Final = (
    Facet("author", "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"),
    Facet("content type", "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"),
)
PATIENT_ID: Final = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
UNIQUE_ID: Final = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
SET_PATIENT_ID: Final = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
_ENTRY_IDS: Final = (Facet("patientId", PATIENT_ID), Facet("uniqueId", UNIQUE_ID))
_SET_IDS: Final = (
    Facet("patientId", SET_PATIENT_ID),
    Facet("sourceId", "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"),
    Facet("uniqueId", "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"),
)
_ENTRY_SLOTS: Final = (
    *(Facet(name) for name in ("creationTime", "hash", "size", "URI", "languageCode",
                               "legalAuthenticator", "serviceStartTime", "sourcePatientId")),
    Facet("serviceStopTime", least=0),
    Facet("sourcePatientInfo", values=0),
)  # fmt: skip
_SET_SLOTS: Final = (Facet("submissionTime"),)
_UNCODED: Final = frozenset({ENTRY_AUTHOR, _SET_PARTS[0].scheme})


def judge(root: Element) -> Iterator[Fault]:
    """Every rule that the objects break among themselves."""
    return bounded(_judge(root))


def _judge(root: Element) -> Iterator[Fault]:
    lists = root.findall(R + "RegistryObjectList")
    if len(lists) != 1:
        yield Fault("rim-list", place_of(root), "exactly one RegistryObjectList is wanted")
        return
    yield from rim.judge(root, lists[0])
    yield from _BOOK.judge(root)
    yield from _objects(lists[0])


def _objects(listed: Element) -> Iterator[Fault]:
    here = place_of(listed)
    packages, entries = (
        listed.findall(R + name) for name in ("RegistryPackage", "ExtrinsicObject")
    )
    if len(packages) != 1:
        yield Fault("set-one", here, "exactly one submission set (RegistryPackage) is wanted")
        return
    if not entries:
        yield Fault("entry-none", here, "no document entry (ExtrinsicObject)")
    package = packages[0]
    nodes = [
        one
        for one in listed.findall(R + "Classification")
        if one.get("classificationNode") == SET and one.get("classifiedObject") == package.get("id")
    ]
    if len(nodes) != 1:
        yield Fault("set-node", here, "a Classification says once that the package is a set")
    yield from _facets(package, _SET_SLOTS, _SET_PARTS, _SET_IDS, "set")
    for entry in entries:
        yield from _facets(entry, _ENTRY_SLOTS, _ENTRY_PARTS, _ENTRY_IDS, "entry")
        if identifier(entry, PATIENT_ID) != identifier(package, SET_PATIENT_ID):
            yield Fault("patient-differs", place_of(entry), "the set's patient is another")
    yield from _links(listed, package, entries)


def _facets(
    owner: Element,
    facets: tuple[Facet, ...],
    parts: tuple[Facet, ...],
    ids: tuple[Facet, ...],
    prefix: str,
) -> Iterator[Fault]:
    here = place_of(owner)
    named = Counter(one.get("name", "") for one in owner.findall(R + "Slot"))
    told = slots(owner)
    for facet in facets:
        yield from _count(facet, named[facet.name], here, f"{prefix}-slot", "slot")
        values = len(told.get(facet.name, []))
        if named[facet.name] == 1 and facet.values and values != facet.values:
            yield Fault(f"{prefix}-slot-values", here, f"the slot {facet.name} has one value")
    schemes = Counter(
        one.get("classificationScheme", "") for one in owner.findall(R + "Classification")
    )
    for facet in parts:
        yield from _count(facet, schemes[facet.scheme], here, f"{prefix}-code", "classification")
    for one in owner.findall(R + "Classification"):
        if one.get("classificationScheme") in _UNCODED:
            continue
        name = one.find(f"{R}Name/{R}LocalizedString")
        if not one.get("nodeRepresentation") or len(slot(one, "codingScheme")) != 1 or name is None:
            yield Fault(
                f"{prefix}-coded",
                place_of(one),
                "a code has a nodeRepresentation, one codingScheme and a Name",
            )
    given = Counter(
        one.get("identificationScheme", "") for one in owner.findall(R + "ExternalIdentifier")
    )
    for facet in ids:
        yield from _count(facet, given[facet.scheme], here, f"{prefix}-id", "external identifier")
        value = identifier(owner, facet.scheme)
        if facet.name != "patientId" and value and not is_oid(value.partition("^")[0]):
            yield Fault(f"{prefix}-oid", here, f"the {facet.name} is not an OID")
    title = owner.find(f"{R}Name/{R}LocalizedString")
    if prefix == "entry" and (title is None or not title.get("value", "").strip()):
        yield Fault("entry-title", here, "the title (Name) is missing")


def _count(facet: Facet, found: int, here: str, rule: str, what: str) -> Iterator[Fault]:
    if found < facet.least:
        yield Fault(rule, here, f"the {what} {facet.name} is missing")
    elif found > facet.most:
        yield Fault(rule + "-twice", here, f"the {what} {facet.name} stands more than once")


def _links(listed: Element, package: Element, entries: list[Element]) -> Iterator[Fault]:
    known = {one.get("id") for one in (package, *entries)}
    members: Counter[str | None] = Counter()
    for link in listed.findall(R + "Association"):
        here, kind = place_of(link), link.get("associationType", "")
        ends = (link.get("sourceObject"), link.get("targetObject"))
        if kind == HAS_MEMBER:
            if ends[0] != package.get("id") or ends[1] not in known:
                yield Fault("link-ends", here, "it links the set with none of its documents")
                continue
            members[ends[1]] += 1
            if slot(link, "SubmissionSetStatus") not in (["Original"], ["Reference"]):
                yield Fault("link-status", here, "the slot SubmissionSetStatus is Original")
        elif not kind.startswith("urn:ihe:iti:2007:AssociationType:"):
            yield Fault("link-type", here, "not a kind of association that the profile knows")
    for entry in entries:
        if members[entry.get("id")] != 1:
            yield Fault("link-missing", place_of(entry), "HasMember ties each document once")
