"""HL7 v2 messages that we write: segments out of numbered fields, with the usual delimiters.

Source  HL7 v2.5 section 2.7 (escapes). A field's text may hold delimiters of its own making; what
others wrote goes through `escaped` first.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

_ESCAPES: Final = str.maketrans(
    {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]+")
CHARSET: Final = "UNICODE UTF-8"  # table 0211


def escaped(text: str) -> str:
    """A value without delimiters and control characters."""
    return _CONTROL.sub(" ", text).translate(_ESCAPES)


def components(*values: str) -> str:
    """Values as components, escaped, empty ones at the end left out."""
    return "^".join(escaped(one) for one in values).rstrip("^")


def instant(at: datetime) -> str:
    """DTM with its offset (HL7 v2.5 section 2.A.22)."""
    return f"{at:%Y%m%d%H%M%S%z}"


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment; fields that are not given are empty, those at the end left out. In MSH, field 3
    is the third as everybody counts it: MSH-1 and MSH-2 are written here."""
    last = max(fields, default=0)
    if name == "MSH":
        told = "|".join(fields.get(n, "") for n in range(3, last + 1))
        return f"MSH|^~\\&|{told}"
    return "|".join((name, *(fields.get(n, "") for n in range(1, last + 1))))


def message(segments: list[str]) -> bytes:
    """The bytes of a message, UTF-8, as MSH-18 says."""
    return ("\r".join(segments) + "\r").encode()
