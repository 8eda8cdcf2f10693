import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose.glyphs import SUBSTITUTE, coverage, drawable
from tests.support.letters import ROOT, shop

FONTS = ROOT / "mappings" / "letters" / "fonts"


def test_the_shipped_fonts_draw_french_and_its_typography() -> None:
    covered = coverage((FONTS / "RelaisSans-Regular.ttf").read_bytes())
    assert {ord(c) for c in "àâçéèêëîïôùûüÿœŒæ«»–—’€°½µ\u00a0"} <= covered
    assert ord("✓") not in covered
    assert ord("✓") in shop().press.covered


@given(st.text(max_size=60))
def test_drawable_text_never_holds_a_sign_without_a_glyph(text: str) -> None:
    covered = shop().press.covered
    assert all(c.isascii() or ord(c) in covered for c in drawable(text, covered))


def test_what_no_font_draws_is_replaced_by_its_neighbour_or_by_a_box() -> None:
    covered = shop().press.covered
    assert drawable("Loïc 漢字", covered) == f"Loïc {SUBSTITUTE * 2}"
    assert drawable("\U0001d400", covered - {0x1D400}) == "A"  # mathematical bold A


def test_a_font_without_a_unicode_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no cmap"):
        coverage(b"\0\1\0\0" + struct.pack(">H", 0) + bytes(6))
