"""The address page of a letter on paper: what a window envelope shows, and nothing else.

Source  NF Z10-011 (address: at most six lines of 38 characters; the lines below the name in
capitals, without punctuation) and the window of a DL envelope, whose place is the site's.

It holds neither the patient nor the unit: whoever sees the envelope learns that a hospital writes
to a doctor.
"""

import re
from typing import Any, Final

from engine.compose.faults import PostalError
from engine.compose.identity import doctor_name
from engine.compose.text import clean_line
from engine.model.channel import PrintQueue
from engine.model.letter import Letter
from engine.model.value import Value

MOST_LINES: Final = 6
LONGEST: Final = 38
_PUNCTUATION: Final = re.compile("[.,;:]+")


class EnvelopePage(Value):
    """Where the address goes on the page, and whose it is."""

    queue: PrintQueue
    postal: tuple[str, ...] = ()  # below the name
    trial: bool = False  # test mode: the page says so instead of an address


def cover(letter: Letter, page: EnvelopePage) -> dict[str, Any]:
    """The values of the address page in letter.typ. Raises PostalError for an address that no
    window shows whole, and for none."""
    lines = ("ESSAI", "NE PAS EXPEDIER") if page.trial else _lines(letter, page.postal)
    queue = page.queue
    return {
        "back": [clean_line(line) for line in queue.return_address],
        "lines": lines,
        "left": queue.window_left,
        "top": queue.window_top,
        "width": queue.window_width,
        "height": queue.window_height,
        "reference": letter.delivery,
    }


def _lines(letter: Letter, postal: tuple[str, ...]) -> tuple[str, ...]:
    below = tuple(
        " ".join(_PUNCTUATION.sub(" ", clean_line(line)).upper().split()) for line in postal
    )
    lines = (clean_line(doctor_name(letter.recipient))[:LONGEST].rstrip(), *filter(None, below))
    if len(lines) < 2:
        raise PostalError(
            letter,
            what="The directory has no postal address of this doctor.",
            remedy="fill the column postal of the directory file, lines separated by |",
        )
    if len(lines) > MOST_LINES or any(len(line) > LONGEST for line in lines):
        raise PostalError(
            letter,
            what="The postal address is longer than the window of an envelope shows.",
            remedy="shorten it in the directory: five lines of 38 characters at most",
        )
    return lines
