"""The letter on paper: PDF/A-1a, tagged. The only import of typst."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import typst

from engine.compose.faults import PaperError
from engine.compose.glyphs import coverage, drawable
from engine.compose.layout import Sheets, printed
from engine.compose.template import LetterText
from engine.model.errors import ConfigError
from engine.model.letter import Letter

Checkpoint = Callable[[], None]
# Liberation Sans under another name: its own is in every PDF, and is "libération" to who looks for
# words of prison.
FONTS: Final = ("RelaisSans-Regular", "RelaisSans-Bold", "RelaisSans-Italic")
FALLBACK: Final = "DejaVuSans"
_GENERATIONS: Final = 11

_SHEET: Final = b"""
#let file = image(sys.inputs.name, format: "pdf", page: int(sys.inputs.page))
#set page(width: 210mm, height: 297mm, margin: 0pt, fill: white)
#context {
  let size = measure(file)
  let fitted = image.with(
    sys.inputs.name, format: "pdf", page: int(sys.inputs.page), fit: "contain",
  )
  if size.width > size.height { rotate(-90deg, reflow: true, fitted(width: 297mm, height: 210mm)) }
  else { fitted(width: 210mm, height: 297mm) }
}
"""


@dataclass(frozen=True, slots=True)
class Press:
    """What printing needs, loaded once: fonts, their coverage, the typst template."""

    letters: Path  # where they were read
    template: bytes
    fonts: typst.Fonts
    covered: frozenset[int]


class EngineRefusedError(Exception):
    """The engine's own words. They may quote the document: never shown, never logged."""


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
        fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)]
        )
        if len(fonts.fonts()) < len(FONTS) + 1:  # the engine skips a font it cannot use
            raise ValueError("a font is damaged")
    except (OSError, ValueError) as error:
        raise ConfigError(
            where=str(folder),
            effect="no letter can be made",
            remedy="restore mappings/letters from the distribution",
            what=f"Fonts or template of the letters cannot be read: {type(error).__name__}.",
        ) from None
    return Press(letters, template, fonts, covered)


def render_pdf(
    text: LetterText, letter: Letter, annexes: tuple[Sheets, ...], press: Press, zone: tzinfo
) -> bytes:
    """Print a letter, PDF/A-1a. Same arguments, same bytes. Thread-safe; releases the GIL.

    Raises PaperError when the engine refuses.
    """
    data = _drawable(printed(text, letter, annexes, zone), press.covered)
    try:
        # MSSanté and CI-SIS want PDF/A-1; level A adds the tags that a screen reader follows.
        return typst.compile(
            press.template,
            font_paths=press.fonts,
            pdf_standards=["a-1a"],
            timestamp=int(letter.issued_at.timestamp()),
            sys_inputs={"data": json.dumps(data)},
        )
    except (typst.TypstError, RuntimeError):
        raise PaperError(
            letter,
            remedy="compare mappings/letters/letter.typ with the one that is shipped; where it is "
            "the same, have the unit shorten its documents",
        ) from None


def rasterise(pdf: bytes, page: int, dpi: int, press: Press) -> bytes:
    """Draw one page (from 1) of a PDF on a white A4 sheet; PNG, RGBA.

    Raises EngineRefusedError when the file cannot be read; IndexError when there is no such page.
    """
    with _as_file(pdf) as (root, name):
        try:
            engine = typst.Compiler(
                _SHEET,
                root=root,
                font_paths=press.fonts,
                sys_inputs={"name": name, "page": str(page)},
            )
            drawn = engine.compile(format="png", ppi=dpi)
        except (typst.TypstError, RuntimeError) as error:
            if re.search(r"page \d+ does not exist", str(error)):
                raise IndexError(page) from None
            raise EngineRefusedError from None
    if not isinstance(drawn, bytes):  # a list: the page did not fit on one sheet
        raise EngineRefusedError
    return drawn


def forget(press: Press) -> None:
    """Let go of the bitmaps of earlier calls: 15 MB for a page at 200 dpi.

    The engine keeps what it computed for ten more compilations, and offers no other way to drop
    it. Ten of nothing take 7 ms, and keep a long annex under 100 MB.
    """
    for _ in range(_GENERATIONS):
        typst.compile(b"", font_paths=press.fonts, format="png", ppi=1)


@contextmanager
def _as_file(content: bytes) -> Iterator[tuple[str, str]]:
    # The engine takes binary input only from files. This one has no name and never touches a
    # disk: a patient's document must not lie in /tmp.
    handle = os.memfd_create("annex", os.MFD_CLOEXEC)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        yield "/proc/self/fd", str(handle)
    finally:
        os.close(handle)


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
