"""Sets type: markup to PDF/A-1a, a page of a PDF to a bitmap. The only import of typst.

The engine takes 30 MB for itself and can be aborted by a file made for it, so the daemon never
loads this module: `engine.printer` runs it in a process of its own.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

import typst

from engine.compose.paper import RefusedError

Fonts = typst.Fonts

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


class EngineRefusedError(Exception):
    """The engine's own words. They may quote the document: never shown, never logged."""


@lru_cache(maxsize=4)
def load_fonts(folder: Path) -> Fonts:
    """The fonts of a folder alone, read once. RefusedError when one of its files is damaged."""
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)]
    )
    if len(fonts.fonts()) < len(list(folder.glob("*.ttf"))):  # the engine skips what it cannot use
        raise RefusedError
    return fonts


def compile_pdf(template: bytes, data: str, issued: int, fonts: Fonts) -> bytes:
    """Print, PDF/A-1a. Same arguments, same bytes. Thread-safe; releases the GIL.

    Raises RefusedError when the engine refuses.
    """
    try:
        # MSSanté and CI-SIS want PDF/A-1; level A adds the tags that a screen reader follows.
        return typst.compile(
            template,
            font_paths=fonts,
            pdf_standards=["a-1a"],
            timestamp=issued,
            sys_inputs={"data": data},
        )
    except (typst.TypstError, RuntimeError):
        raise RefusedError from None


def rasterise(pdf: bytes, page: int, dpi: int, fonts: Fonts) -> bytes:
    """Draw one page (from 1) of a PDF on a white A4 sheet; PNG, RGBA.

    Raises EngineRefusedError when the file cannot be read; IndexError when there is no such page.
    """
    with _as_file(pdf) as (root, name):
        try:
            engine = typst.Compiler(
                _SHEET,
                root=root,
                font_paths=fonts,
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


def forget(fonts: Fonts) -> None:
    """Let go of the bitmaps of earlier calls: 15 MB for a page at 200 dpi.

    The engine keeps what it computed for ten more compilations, and offers no other way to drop
    it. Ten of nothing take 7 ms, and keep a long annex under 100 MB.
    """
    for _ in range(_GENERATIONS):
        typst.compile(b"", font_paths=fonts, format="png", ppi=1)


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
