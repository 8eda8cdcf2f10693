"""Reads the FHIR API of the Annuaire Santé: one professional's mailboxes, as they are today.

Source: ANS, Annuaire Santé FHIR guide, version 2 (R4): Practitioner, PractitionerRole and
Organization carry mailboxes in ``telecom``, marked by two extensions. What is not understood is
left out: a mailbox whose type is not told is none.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.directory.domains import plain_address
from engine.model.directory import BoxRow
from engine.model.people import MailboxType

RPPS_SYSTEM: Final = "https://rpps.esante.gouv.fr"
_EMAIL_TYPE: Final = "fr-core-contact-point-email-type"
_METADATA: Final = "as-ext-mailbox-mss-metadata"
_MOST_RESOURCES: Final = 500
_LONGEST: Final = 300  # characters of a text that is shown

Resource = Mapping[str, Any]


class NotFhirError(Exception):
    """The answer is no searchset of the kind that was asked for."""


def resources(bundle: object) -> list[Resource]:
    """The resources of one page. Raises NotFhirError."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise NotFhirError
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or len(entries) > _MOST_RESOURCES:
        raise NotFhirError
    found = (one.get("resource") for one in entries if isinstance(one, dict))
    return [one for one in found if isinstance(one, dict)]


def next_page(bundle: object) -> str | None:
    """Where the rest is, as the server gives it."""
    for one in _list(bundle, "link"):
        if one.get("relation") == "next" and isinstance(one.get("url"), str):
            url: str = one["url"]
            return url
    return None


def practitioner_id(found: list[Resource], rpps: str) -> str | None:
    """The logical id of the one Practitioner of that number; None: there is none, or several."""
    ids = {
        _text(one.get("id"))
        for one in found
        if one.get("resourceType") == "Practitioner"
        and any(each.get("value") in (rpps, "8" + rpps) for each in _list(one, "identifier"))
    }
    return ids.pop() if len(ids) == 1 and ids != {""} else None


def boxes(rpps: str, found: list[Resource]) -> tuple[BoxRow, ...]:
    """The mailboxes of a professional, of their roles, and of the places of these."""
    places = {
        f"Organization/{_text(one.get('id'))}": one
        for one in found
        if one.get("resourceType") == "Organization"
    }
    asked: list[Resource] = [one for one in found if one.get("resourceType") == "Practitioner"]
    who: Resource = asked[0] if asked else {}
    name: Resource = next(iter(_list(who, "name")), {})
    given = name.get("given")
    own = {
        "holder": f"8{rpps}",
        "family": _text(name.get("family")),
        "given": " ".join(map(_text, given)) if isinstance(given, list) else "",
        "profession": _code(who, "TRE-G15"),
        "skill": _code(who, "TRE-R38"),
    }
    rows: list[BoxRow] = []
    for one in found:
        match one.get("resourceType"):
            case "Practitioner":
                rows += _boxes(one, own)
            case "PractitionerRole":
                reference = one.get("organization")
                told = reference.get("reference") if isinstance(reference, dict) else ""
                rows += _boxes(one, own | _place(places.get(_text(told), {})))
            case "Organization":
                rows += _boxes(one, _place(one))
            case _:
                pass
    return tuple(dict.fromkeys(rows))


def _boxes(resource: Resource, about: Mapping[str, str]) -> Iterator[BoxRow]:
    for telecom in _list(resource, "telecom"):
        address = _text(telecom.get("value"))
        extensions = {
            _text(one.get("url")).rpartition("/")[2]: one for one in _list(telecom, "extension")
        }
        metadata = {
            _text(one.get("url")): _value(one)
            for one in _list(extensions.get(_METADATA, {}), "extension")
        }
        kind = metadata.get("type", "")
        secure = _METADATA in extensions or _value(extensions.get(_EMAIL_TYPE, {})) == "MSSANTE"
        if telecom.get("system") != "email" or not secure or not plain_address(address):
            continue
        if kind not in MailboxType.__members__ or metadata.get("listeRouge") == "true":
            continue
        row = dict.fromkeys(BoxRow._fields, "") | dict(about)
        paperless = {"true": "O", "false": "N"}.get(metadata.get("digitization", ""), "")
        row |= {
            "type": kind, "address": address, "service": metadata.get("service", ""),
            "paperless": paperless,
        }  # fmt: skip
        yield BoxRow(**row)


def _place(organization: Resource) -> dict[str, str]:
    """Where a mailbox is held: the first number of the place, its name and its town."""
    if not organization:
        return {"structure": "?"}  # held at a place that was not told: never "on the number alone"
    numbers = [_text(one.get("value")) for one in _list(organization, "identifier")]
    address = next(iter(_list(organization, "address")), {})
    return {
        "structure": next(filter(None, numbers), "?"),
        "structure_name": _text(organization.get("name")),
        "postal": _text(address.get("postalCode")),
        "town": _text(address.get("city")),
    }


def _code(resource: Resource, table: str) -> str:
    """The first code of a table, however its system writes the table's name."""
    for qualification in _list(resource, "qualification"):
        code = qualification.get("code")
        for coding in _list(code if isinstance(code, dict) else {}, "coding"):
            if table in _text(coding.get("system")).replace("_", "-"):
                return _text(coding.get("code"))
    return ""


def _value(extension: Resource) -> str:
    """The value of an extension, whichever of its types it has."""
    for name, value in extension.items():
        if not name.startswith("value"):
            continue
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value[:_LONGEST]
        if isinstance(value, dict):
            coding = next(iter(_list(value, "coding")), value)
            return _text(coding.get("code"))
    return ""


def _list(of: object, name: str) -> list[Resource]:
    value = of.get(name) if isinstance(of, dict) else None
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) and value.isprintable() else ""
