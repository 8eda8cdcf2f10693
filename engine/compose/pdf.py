"""The letter on paper: what is printed of it, and who says why it cannot be."""

import json
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

from engine.compose.envelope_page import EnvelopePage, cover
from engine.compose.faults import (
    AnnexError,
    PaperError,
    PostalError,
    TooManyPagesError,
    UnusableAnnexError,
)
from engine.compose.glyphs import coverage, drawable
from engine.compose.layout import printed
from engine.compose.paper import (
    MAX_PAGES,
    Paper,
    PrintError,
    PrintOrder,
    RefusedError,
    TooManyError,
    Typesetter,
    UnusableError,
)
from engine.compose.template import LetterText
from engine.model.errors import ConfigError
from engine.model.letter import Letter

# Liberation Sans under another name: its own is in every PDF, and is "libération" to who looks for
# words of prison.
FONTS: Final = ("RelaisSans-Regular", "RelaisSans-Bold", "RelaisSans-Italic")
FALLBACK: Final = "DejaVuSans"


@dataclass(frozen=True, slots=True)
class Press:
    """What printing needs, loaded once: the coverage of the fonts, the typst template."""

    fonts: Path  # the folder of the fonts
    template: bytes
    covered: frozenset[int]


def load_press(letters: Path) -> Press:
    """Read fonts and template under ``mappings/letters``; ConfigError when one is not there."""
    folder = letters / "fonts"
    try:
        named = [(folder / f"{name}.ttf").read_bytes() for name in FONTS]
        fallback = (folder / f"{FALLBACK}.ttf").read_bytes()
        template = (letters / "letter.typ").read_bytes()
        # Bold and italic have no fallback of their own style: a sign counts as drawn by the first
        # family only when each of its styles has it.
        shared = frozenset.intersection(*(coverage(font) for font in named))
        covered = shared | coverage(fallback)
    except (OSError, ValueError) as error:
        raise ConfigError(
            where=str(folder),
            effect="no letter can be made",
            remedy="restore mappings/letters from the distribution",
            what=f"Fonts or template of the letters cannot be read: {type(error).__name__}.",
        ) from None
    return Press(folder, template, covered)


def print_letter(
    text: LetterText,
    letter: Letter,
    press: Press,
    zone: tzinfo,
    typeset: Typesetter,
    envelope: EnvelopePage | None = None,
) -> Paper:
    """Have a letter and its annexes printed, after an address page if ``envelope`` is given.
    Raises AnnexError, PaperError, PostalError."""
    told = printed(text, letter, zone)
    told["cover"] = None if envelope is None else cover(letter, envelope)
    if envelope is not None and b"d.cover" not in press.template:
        raise PostalError(
            letter,
            what="The template of the letters knows no address page.",
            remedy="take it over from the letter.typ that is shipped",
        )
    order = PrintOrder(
        fonts=press.fonts,
        template=press.template,
        issued=int(letter.issued_at.timestamp()),
        data=json.dumps(_drawable(told, press.covered)).encode(),
        annexes=tuple(one.pdf for one in letter.annexes),
    )
    try:
        return typeset(order)
    except PrintError as error:
        raise _told(error, letter) from None


def typeset_here(order: PrintOrder) -> Paper:
    """Print in this process: for tools and tests. The daemon has `engine.printer`, since a file
    made for it keeps the engine busy for hours, or aborts the process. Raises PrintError."""
    from engine.compose.annex import print_order
    from engine.compose.typeset import load_fonts

    return print_order(order, load_fonts(order.fonts))


def _told(error: PrintError, letter: Letter) -> PaperError | AnnexError:
    match error:
        case UnusableError():
            return UnusableAnnexError(letter)
        case TooManyError():
            return TooManyPagesError(letter, error.total, MAX_PAGES)
        case _ if letter.annexes and not isinstance(error, RefusedError):
            return AnnexError(
                letter,
                what="A PDF joined to this letter could not be drawn within the limits of time, "
                "memory and size.",
                remedy="have the unit send this document by its own mailbox",
            )
        case _:
            return PaperError(
                letter,
                remedy="compare mappings/letters with the one that is shipped; where it is the "
                "same, have the unit shorten its documents",
            )


def _drawable(value: Any, covered: frozenset[int]) -> Any:
    match value:
        case str():
            return drawable(value, covered)
        case dict():
            return {k: _drawable(v, covered) for k, v in value.items()}
        case list() | tuple():
            return [_drawable(v, covered) for v in value]
        case _:
            return value
