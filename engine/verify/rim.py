"""Registry objects of ebRIM 3.0 by the rules of its schema, and how their parts are read.

Source  OASIS ebRIM 3.0 (lcm.xsd, rim.xsd: children, required attributes, lengths, who holds whom).
"""

from collections.abc import Iterator
from typing import Final

from engine.verify.models import Models
from engine.verify.report import Fault
from engine.verify.rules import RIM, Book, Rule
from engine.verify.xml import Element, elements, place_of, tag_of

LCM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
ROOT: Final = f"{{{LCM}}}SubmitObjectsRequest"
R: Final = f"{{{RIM}}}"

_SLOT: Final = R + "Slot"
_VALUES: Final = f"{R}ValueList/{R}Value"
_OBJECT: Final = "Slot* Name? Description? VersionInfo? Classification* ExternalIdentifier*"
_MODELS: Final = Models(
    {
        "RegistryPackage": _OBJECT + " RegistryObjectList?",
        "ExtrinsicObject": _OBJECT + " ContentVersionInfo?",
        "Association": _OBJECT,
        "Classification": _OBJECT,
        "ExternalIdentifier": _OBJECT,
        "Slot": "ValueList",
        "ValueList": "Value*",
        "Name": "LocalizedString*",
        "Description": "LocalizedString*",
    },
    RIM,
    "rim-order",
)
_LISTED: Final = frozenset(
    R + name for name in ("RegistryPackage", "ExtrinsicObject", "Association", "Classification")
)
# rim.xsd: what each object cannot be without.
_REQUIRED: Final = {
    R + name: attributes
    for name, attributes in {
        "RegistryPackage": ("id",),
        "ExtrinsicObject": ("id", "objectType", "mimeType"),
        "Association": ("id", "associationType", "sourceObject", "targetObject"),
        "Classification": ("id", "classifiedObject"),
        "ExternalIdentifier": ("id", "registryObject", "identificationScheme", "value"),
        "Slot": ("name",),
        "LocalizedString": ("value",),
    }.items()
}
_BOOK: Final = Book(
    (
        Rule("rim-value-length", "//r:Value", "string-length(.)<=256 and normalize-space(.)!=''",
             "a value has 1 to 256 characters"),
        Rule("rim-name-length", "//r:Slot | //r:VersionInfo[@versionName]",
             "string-length(@name)<=256 and string-length(@versionName)<=16",
             "a slot's name has 256 characters at most, a version's 16"),
        Rule("rim-string-length", "//r:LocalizedString", "string-length(@value)<=1024",
             "a text has 1024 characters at most"),
        Rule("rim-classified", "//*/r:Classification[not(parent::r:RegistryObjectList)]",
             "@classifiedObject=../@id", "classifiedObject names the object that holds it"),
        Rule("rim-identified", "//r:ExternalIdentifier", "@registryObject=../@id",
             "registryObject names the object that holds it"),
        Rule("rim-identifier-name", "//r:ExternalIdentifier",
             "r:Name/r:LocalizedString/@value!=''", "an external identifier has a name"),
    )
)  # fmt: skip


def judge(root: Element, listed: Element) -> Iterator[Fault]:
    """What the schema says of a request and of the objects in its one list."""
    yield from _MODELS.judge(root)
    seen: set[str] = set()
    for one in root.iter(*_REQUIRED):
        for name in _REQUIRED[tag_of(one)]:
            if one.get(name) is None:
                yield Fault("rim-required", place_of(one), f"the attribute {name} is missing")
        if (id_ := one.get("id")) is not None:
            if id_ in seen:
                yield Fault("rim-id-twice", place_of(one), "two objects have this id")
            seen.add(id_)
    for one in elements(listed):
        if tag_of(one) not in _LISTED:
            yield Fault("rim-unknown", place_of(one), "an object that the profile does not know")
    yield from _BOOK.judge(root)


def slots(owner: Element) -> dict[str, list[str]]:
    """The values of each slot of an object."""
    found: dict[str, list[str]] = {}
    for one in owner.iterfind(_SLOT):
        values = found.setdefault(one.get("name", ""), [])
        values += [(value.text or "").strip() for value in one.iterfind(_VALUES)]
    return found


def slot(owner: Element, name: str) -> list[str]:
    """The values of a slot; none when it is absent."""
    return slots(owner).get(name, [])


def identifier(owner: Element, scheme: str) -> str | None:
    """The value of an external identifier."""
    for one in owner.findall(R + "ExternalIdentifier"):
        if one.get("identificationScheme") == scheme:
            return one.get("value")
    return None


def codes(owner: Element, scheme: str) -> list[tuple[str, str]]:
    """The (system, code) pairs of one kind of classification."""
    return [
        ((slot(one, "codingScheme") or [""])[0], one.get("nodeRepresentation", ""))
        for one in owner.findall(R + "Classification")
        if one.get("classificationScheme") == scheme
    ]
