"""OBX-5 of type ED (HL7 v2.5 section 2.A.24): Base64 to bytes, within a size."""

import base64
import binascii
import re
from typing import Final

MOST_BYTES: Final = 20 * 1024 * 1024


class ContentError(Exception):
    """A document cannot be taken; the text says why, in words that hold nothing of it."""


def undo_base64(text: str) -> bytes:
    """Bytes of a Base64 text, padded or not, line breaks in it or not. Raises ContentError."""
    compact = re.sub(r"\s+", "", text)
    if len(compact) > MOST_BYTES * 4 // 3 + 4:
        raise ContentError("the document is larger than 20 MiB")
    try:
        # Padding is often left out; the alphabet is checked all the same.
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ContentError("the Base64 is broken") from None
