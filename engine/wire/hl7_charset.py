"""MSH-18 and the bytes → one codec, or a refusal. Never mojibake.

The rule, in order (HL7 v2.5 section 2.15.9.18, table 0211; French practice: MSH-18 is
``8859/15`` by default, and is often wrong):

1.  Only ASCII bytes: nothing to decide, whatever supported set is declared.
2.  ``UNICODE UTF-8``: the bytes must be valid UTF-8, else the message is refused.
3.  ``8859/x`` while every byte above 127 belongs to a valid UTF-8 sequence. A sender that
    switched to UTF-8 and forgot MSH-18 is a fault well known in the field. The sequences are
    read as UTF-8 when they give letters and signs that a French text may hold: the other
    reading would be ``Ã©`` and the like, which no one writes. When they give something else,
    the declaration holds, if it gives no control character; otherwise neither reading makes
    sense and the message is refused.
4.  ``8859/x`` otherwise: the declared set. A byte of 0x80-0x9F is a control character there,
    never text (it is Windows-1252 in disguise): refused. A site that knows its sender says so
    with the alias ``"8859/1" = "WINDOWS-1252"``.
5.  ``ASCII`` with a byte above 127: refused.
6.  Nothing declared: valid UTF-8 is UTF-8, the rest is ISO-8859-15 under rule 4.

An unknown value of MSH-18 is refused even when all bytes are ASCII: UTF-16 and the ISO 2022
sets may look so. Only the first repetition counts; others announce escapes that we do not read.
"""

import re
from collections.abc import Mapping
from typing import Final

from engine.wire.hl7_errors import BytesError, CharsetError

# HL7 table 0211, the sets that keep MLLP's control bytes and the delimiters where ASCII has them.
# 8859/15 entered the table after v2.5, and is the French default. WINDOWS-1252 is not in it: it
# is here as the target of an alias.
CODECS: Final[dict[str, str]] = {
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "8859/1": "iso8859-1",
    "8859/2": "iso8859-2",
    "8859/3": "iso8859-3",
    "8859/4": "iso8859-4",
    "8859/5": "iso8859-5",
    "8859/6": "iso8859-6",
    "8859/7": "iso8859-7",
    "8859/8": "iso8859-8",
    "8859/9": "iso8859-9",
    "8859/15": "iso8859-15",
    "WINDOWS-1252": "cp1252",
}
_ONLY_BY_ALIAS: Final = frozenset({"WINDOWS-1252"})
_BY_ITSELF: Final = {name: codec for name, codec in CODECS.items() if name not in _ONLY_BY_ALIAS}
_DEFAULT: Final = "iso8859-15"

_CONTROL_BYTES: Final = bytes(range(0x80, 0xA0))
# U+00A0-U+00FF, the letters of ISO-8859-15 beyond Latin-1, and the marks of word processors.
_FRENCH: Final = re.compile("[\x00-\x7f\u00a0-\u00ffŒœŸŠšŽž€‐‑–—‘’‚“”„†•…‰‹›™\u2009\u202f\ufeff]*")


def codec_of(declared: str, aliases: Mapping[str, str]) -> str | None:
    """The Python codec that MSH-18 names; None when the field is empty.

    Aliases come first, so that a site may correct a value of the table. Raises CharsetError.
    """
    if declared not in aliases and declared in _BY_ITSELF:
        return _BY_ITSELF[declared]
    if not declared.strip():
        return None
    first = declared.split("~", 1)[0].strip()
    wanted = aliases.get(first)
    known, name = (_BY_ITSELF, first) if wanted is None else (CODECS, wanted)
    codec = known.get(name.strip().upper())
    if codec is None:
        raise CharsetError
    return codec


def decode(raw: bytes, codec: str | None) -> tuple[str, str]:
    """The text, and the codec it was read with; encoding the one with the other gives `raw` back.

    Raises BytesError: see the rule at the head of this module.
    """
    if raw.isascii():
        return raw.decode("ascii"), codec or _DEFAULT
    if codec in {"utf-8", "ascii", "cp1252"}:
        try:
            return raw.decode(codec), codec
        except UnicodeDecodeError:
            raise BytesError("Some bytes do not belong to the declared character set.") from None
    try:
        unicode = raw.decode("utf-8")
    except UnicodeDecodeError:
        return _single_byte(raw, codec or _DEFAULT)
    if codec is None or _FRENCH.fullmatch(unicode):
        return unicode, "utf-8"
    return _single_byte(raw, codec)


def _single_byte(raw: bytes, codec: str) -> tuple[str, str]:
    if len(raw.translate(None, _CONTROL_BYTES)) < len(raw):
        raise BytesError("Some bytes are control characters in the character set.")
    try:
        return raw.decode(codec), codec
    except UnicodeDecodeError:
        raise BytesError("Some bytes do not belong to the declared character set.") from None
