"""Text that leaves: what is stripped, what is transliterated, how a date reads in French."""

import re
from datetime import date
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_type_hints

from engine.model.people import unaccented
from engine.model.summary import Prose
from engine.model.text import clean_text
from engine.model.value import Value

NBSP: Final = "\u00a0"
MONTHS: Final = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip

V = TypeVar("V", bound=Value)


def clean_line(text: str) -> str:
    """One line: as clean_text, every blank run one space, none at the ends."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    # NBSP stays: it is typography, not layout.
    return re.sub(r"[ \n]+", " ", clean_text(text)).strip(" \n")


def cleaned(value: V) -> V:
    """The same value with every string in it clean. Only a field of type ``Prose`` keeps lines."""
    prose = _prose(type(value))
    changes: dict[str, Any] = {}
    for name in type(value).model_fields:
        old = getattr(value, name)
        new = _cleaned(old, multiline=name in prose)
        if new is not old:
            changes[name] = new
    return value.model_copy(update=changes) if changes else value


@cache
def _prose(kind: type[Value]) -> frozenset[str]:
    """The fields of a class that hold text of several lines."""
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(name for name, hint in hints.items() if Prose in (hint, *get_args(hint)))


def _cleaned(old: Any, *, multiline: bool) -> Any:
    # `type is str`: an enumeration's member is a str too, and stays what it is.
    if type(old) is str:
        return clean_text(old) if multiline else clean_line(old)
    if isinstance(old, Value):
        return cleaned(old)
    if isinstance(old, tuple):
        new = tuple(_cleaned(item, multiline=multiline) for item in old)
        return old if all(a is b for a, b in zip(old, new, strict=True)) else new
    return old


def french_date(day: date) -> str:
    """24 novembre 2026, 1er septembre 2026."""
    return f"{'1er' if day.day == 1 else day.day} {MONTHS[day.month - 1]} {day.year}"


_STATEMENT: Final = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)


def typographic(template: str) -> str:
    """Put no-break spaces where French typography wants them, in the template's own words only.

    Before ``: ; ? !`` and inside guillemets, after ``n°``. Values are never touched.
    """
    parts = _STATEMENT.split(template)
    for i in range(0, len(parts), 2):
        words = re.sub(r" (?=[:;?!»])", NBSP, parts[i])
        parts[i] = re.sub(r"(?<=«) |(?<=n°) ", NBSP, words)
    return "".join(parts)


_NUMBERS: Final = re.compile(
    r"(?<=\d) (?=\d\d\b|h \d|%)|(?<=\d h) (?=\d)|(?<=tél\.) (?=\d)|(?<=\b\d{5}) (?=[A-ZÀ-Þ])"
)


def together(text: str) -> str:
    """No line ends within a telephone number, an hour, a percentage, a postal code and its town."""
    return _NUMBERS.sub(NBSP, text)


def ascii_name(name: str) -> str:
    """A name in capitals A to Z, space and hyphen: ``d'Œuvre-Élan`` gives ``D OEUVRE-ELAN``."""
    letters = re.sub(r"[‐‑–—−]", "-", unaccented(name)).upper()
    return re.sub(r" +", " ", re.sub(r"[^A-Z-]", " ", letters)).strip(" -")


def mail_word(text: str) -> str:
    """Text for a subject or a file name: no diacritics, no sign that a system could trip over.

    Letters of other alphabets stay: the mail encodes them (RFC 2047, RFC 2231).
    """
    folded = unaccented(text).replace("’", "'")
    kept = "".join(c if c.isalnum() or c in " -'.," else " " for c in folded)
    return re.sub(r" +", " ", kept).strip()
