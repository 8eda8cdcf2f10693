"""What a letter on paper is kept as: a mail with one PDF in it, the address page first.

So it is read by the firewall, judged and sealed like every other letter; only its PDF is printed.
"""

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import compat32
from typing import Final

ADDRESS_PAGE: Final = 1  # of the PDF, from 1
# PDF/A-1 has no object streams (ISO 19005-1, 6.1.4), so each page is an object in the clear.
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class PaperLetter:
    """What is printed."""

    pdf: bytes = field(repr=False)
    pages: int  # the address page counted


def paper_letter(mime: bytes) -> PaperLetter | None:
    """The PDF of such a mail; None when it holds none, or more than one."""
    message = message_from_bytes(mime, policy=compat32)
    found = [one for one in message.walk() if one.get_content_type() == "application/pdf"]
    if len(found) != 1:
        return None
    pdf = found[0].get_payload(decode=True)
    if not isinstance(pdf, bytes) or not pdf.startswith(b"%PDF-"):
        return None
    pages = len(_PAGE.findall(pdf))
    return PaperLetter(pdf, pages) if pages else None
