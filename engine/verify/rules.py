"""Rules as data: where they look (XPath), what must hold there, and the sentence when it does not.

XPath 1.0 with EXSLT regular expressions, and four functions of our own, in the prefix ``f``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from lxml import etree

from engine.model.people import luhn_ok, nir_key_ok
from engine.verify.report import Fault, Weight
from engine.verify.xml import Element, place_of

V3: Final = "urn:hl7-org:v3"
RIM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
_OWN: Final = "urn:relais:functions"
_NAMESPACES: Final = {
    "c": V3,
    "r": RIM,
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "re": "http://exslt.org/regular-expressions",
    "f": _OWN,
}
_TEMPLATE: Final = f"{{{V3}}}templateId"
_TEMPLATED: Final = re.compile(r"//c:(\w+)\[c:templateId/@root='([0-9.]+)'\](.*)")
_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_UUID: Final = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")
_MOMENT: Final = re.compile(
    r"([0-9]{4})(?:(0[1-9]|1[0-2])(?:([0-9]{2})"
    r"(?:([01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9](?:\.[0-9]{1,4})?)?)?)?)?)?"
    r"([+-](?:0[0-9]|1[0-4])[0-5][0-9])?"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``at`` is a path from the root; ``holds`` is asked at each element found."""

    id: str
    at: str
    holds: str
    sentence: str
    weight: Weight = Weight.GRAVE


def is_oid(text: str) -> bool:
    """An OID, of which no arc has a leading zero."""
    return len(text) <= 64 and _OID.fullmatch(text) is not None


def is_uuid(text: str) -> bool:
    """A UUID in capitals: the national kit refuses the others."""
    return _UUID.fullmatch(text) is not None


def is_moment(text: str) -> bool:
    """A TS of HL7 v3: YYYY to the fraction of a second, a date that exists, perhaps an offset."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return False
    year, month, day, hour, offset = found.groups()
    if offset and not hour:
        return False
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return False
    return True


def _first(nodes: Any) -> str:
    if isinstance(nodes, str):
        return nodes
    first = nodes[0] if nodes else ""
    return first if isinstance(first, str) else (first.text or "")


def _function(test: Any) -> Any:
    return lambda _, nodes: test(_first(nodes))


_FUNCTIONS: Final[dict[tuple[str, str], Any]] = {
    (_OWN, "id"): _function(lambda text: is_oid(text) or is_uuid(text)),
    (_OWN, "moment"): _function(is_moment),
    (_OWN, "luhn"): _function(luhn_ok),
    (_OWN, "nir"): _function(nir_key_ok),
}


def path(text: str) -> etree.XPath:
    """Compile a path in the prefixes of this module."""
    return etree.XPath(text, namespaces=_NAMESPACES, extensions=_FUNCTIONS, smart_strings=False)


@dataclass(frozen=True, slots=True)
class _Place:
    """The rules asked at one place: a path to the elements that break any, then each rule."""

    text: str
    broken: etree.XPath
    rules: tuple[tuple[Rule, etree.XPath], ...]

    def ask(self, element: Element) -> Iterator[Fault]:
        found = self.broken(element)
        for one in found if isinstance(found, list) else ():
            for rule, holds in self.rules:
                if not holds(one):
                    yield Fault(rule.id, place_of(one), rule.sentence, rule.weight)


class _Stop:
    """Places looked at together: one path over all of them finds, mostly, nothing."""

    __slots__ = ("_any", "_places")

    def __init__(self, places: Sequence[_Place]) -> None:
        self._places = places
        self._any = path(" | ".join(place.text for place in places))

    def ask(self, element: Element) -> Iterator[Fault]:
        if self._any(element):
            for place in self._places:
                yield from place.ask(element)


class Book:
    """Rules, compiled once; safe to use from several threads.

    All rules are asked at once, in one path that finds the elements that break any: mostly none.
    Rules of elements with a template are asked in one walk over the templates of the document.
    """

    __slots__ = ("_by_template", "_whole", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Sequence[Rule] = tuple(rules)
        places: dict[str, list[_Place]] = {}
        asked = sorted(((at, rule) for rule in self.rules for at in rule.at.split(" | ")), key=_at)
        for at, group in groupby(asked, key=_at):
            found = _TEMPLATED.fullmatch(at)
            name, template, below = found.groups() if found else ("", "", "")
            those = tuple((rule, path(f"boolean({rule.holds})")) for _, rule in group)
            every = " and ".join(f"boolean({rule.holds})" for rule, _ in those)
            text = f"{f'self::c:{name}{below}' if found else at}[not({every})]"
            places.setdefault(template, []).append(_Place(text, path(text), those))
        self._whole = _Stop(places.pop("")) if "" in places else None
        self._by_template = {template: _Stop(those) for template, those in places.items()}

    def judge(self, root: Element) -> Iterator[Fault]:
        """Ask every rule at every place it speaks of."""
        if self._whole is not None:
            yield from self._whole.ask(root)
        for one in root.iter(_TEMPLATE) if self._by_template else ():
            stop, holder = self._by_template.get(one.get("root", "")), one.getparent()
            if stop is not None and holder is not None:
                yield from stop.ask(holder)


def _at(asked: tuple[str, Rule]) -> str:
    return asked[0]
