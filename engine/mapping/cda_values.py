"""Values of a CDA as the items have them: codes, days, hours, words; what does not fit is none.

Source: HL7 CDA R2, data types II, CD, TS, IVL_TS.
"""

import re
from collections.abc import Iterator
from datetime import date, time
from typing import Final

from lxml import etree
from pydantic import ValidationError

from engine.model.cda import ABSENT, V3
from engine.model.summary import Code

_V3: Final = f"{{{V3}}}"


def at(element: etree._Element | None, path: str) -> etree._Element | None:
    """The first element down a path of V3 names."""
    if element is None:
        return None
    return element.find("/".join(_V3 + step for step in path.split("/")))


def reference(element: etree._Element | None, path: str = "text/reference") -> str:
    """The value of a reference; "" where there is none."""
    found = at(element, path)
    return "" if found is None else (found.get("value") or "")


def attribute(element: etree._Element | None, name: str) -> str:
    """An attribute; "" where there is none."""
    return "" if element is None else (element.get(name) or "").strip()


def text_of(element: etree._Element | None) -> str:
    """The words of an element itself, its children's left out; "" where there are none."""
    return "" if element is None else " ".join("".join(_of(element)).split())


def _of(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield child.tail or ""


def code_of(element: etree._Element | None) -> Code | None:
    """A code and its system; None unless both can be kept."""
    if element is None or element.get("codeSystem") == ABSENT:
        return None
    try:
        return Code(
            code=element.get("code") or "",
            system=element.get("codeSystem") or "",
            display=element.get("displayName") or None,
        )
    except ValidationError:
        return None


def codes_of(element: etree._Element | None) -> tuple[Code, ...]:
    """A code and its translations, those that can be kept."""
    if element is None:
        return ()
    found = (code_of(one) for one in (element, *element.iterfind(_V3 + "translation")))
    return tuple(one for one in found if one is not None)


def day_of(value: str) -> date | None:
    """TS to a day; None where the day is not known or is none."""
    match = re.match(r"([0-9]{4})([0-9]{2})([0-9]{2})", value)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def hour_of(value: str) -> time | None:
    """TS to an hour of the day, as it is written; None where there is none."""
    match = re.match(r"[0-9]{8}([0-9]{2})([0-9]{2})", value)
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    return time(int(match[1]), int(match[2]))


def period_of(entry: etree._Element) -> tuple[date | None, date | None]:
    """Begin and end of the first effectiveTime; a value alone is the beginning."""
    first = at(entry, "effectiveTime")
    low = attribute(first, "value") or attribute(at(first, "low"), "value")
    return day_of(low), day_of(attribute(at(first, "high"), "value"))
