"""What the typesetter is asked for, and what comes of it. Nothing of a letter but its print.

This module and the two that set type (`annex`, `typeset`) are all that the printing process
loads: they import nothing of the model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_PAGES: Final = 30  # of all annexes of one letter
MAX_BYTES: Final = 10 * 1024 * 1024  # of one PDF


@dataclass(frozen=True, slots=True)
class PrintOrder:
    """One letter to be printed, PDF/A-1a. ``data`` is the JSON object that the template reads.

    Its "annexes" are as many as ``annexes``, and each gets its "sheets" from the PDF at its place.
    """

    fonts: Path  # the folder
    template: bytes
    issued: int  # seconds since the epoch: the date in the PDF
    data: bytes
    annexes: tuple[bytes, ...]  # PDFs as a hospital's record gave them


@dataclass(frozen=True, slots=True)
class Paper:
    """The letter as PDF/A-1a, and how many pages each of its annexes has."""

    pdf: bytes
    annex_pages: tuple[int, ...]


Typesetter = Callable[[PrintOrder], Paper]


class PrintError(Exception):
    """Base: no paper came of an order. Holds no word of it."""


class RefusedError(PrintError):
    """The engine refuses the letter itself."""


class UnusableError(PrintError):
    """A PDF is broken, encrypted, empty or too large."""


class TooManyError(PrintError):
    """The annexes have ``total`` pages together; MAX_PAGES are taken."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.total = total


class BeyondLimitsError(PrintError):
    """The printing process was ended, or gave no answer that is one."""
