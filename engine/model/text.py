"""Words of people, made fit for every format: what comes in and what leaves alike."""

import re
import unicodedata
from typing import Final

# Control, format (bidi overrides, zero-width), surrogate, private, unassigned: XML 1.0 section
# 2.2 forbids part of them, PDF/A has no glyph for them, and none carries meaning in a letter.
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# A page or a column that ends parts words as a line does.
_LINE_ENDS: Final = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
_MANY_BLANKS: Final = re.compile(r"\n{3,}")


def clean_text(text: str) -> str:
    """Text of several lines: LF ends, NFC, no character that a format refuses."""
    if text.isascii() and text.isprintable():
        return text
    lines = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text).replace("\t", " "))
    kept = "".join(c for c in lines if c == "\n" or unicodedata.category(c) not in _DROPPED)
    return _MANY_BLANKS.sub("\n\n", kept)
