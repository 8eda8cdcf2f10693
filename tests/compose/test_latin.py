"""Readers who know ISO-8859-1 alone are told the same doses, results and answers as all others."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose.latin import latin_1

ANY_TEXT = st.text(st.characters(codec=None), max_size=80)
SIGNS = [chr(n) for n in (*range(0x100, 0xD800), *range(0xE000, 0x10000), *range(0x1D400, 0x1FB00))]


@given(ANY_TEXT)
def test_it_always_gives_text_that_iso_8859_1_can_carry(text: str) -> None:
    latin_1(text).encode("latin-1")


@given(st.text(st.characters(max_codepoint=0xFF)))
def test_latin_1_itself_is_unchanged_but_for_the_space_that_does_not_break(text: str) -> None:
    assert latin_1(text) == text.replace("\u00a0", " ")


def test_ligatures_and_typographic_signs_have_neighbours() -> None:
    assert latin_1("l’œuvre – 10 € … ≥ 2 µg") == "l'oeuvre - 10 EUR ... >= 2 µg"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("⅔ comprimé", "2/3 comprimé"),
        ("1⅓ comprimé", "1 1/3 comprimé"),
        ("1½ comprimé, ⅛", "1½ comprimé, 1/8"),
        ("3,2 × 10⁹/L", "3,2 × 10^9/L"),
        ("10⁻⁶ et 10⁻²", "10^-6 et 10^-2"),
        ("10¹² et 10¹⁰", "10¹² et 10^10"),
        ("5 m² ≥ 4", "5 m² >= 4"),
        ("SpO₂ 97 %, CO₂, 5₂", "SpO2 97 %, CO2, 5_2"),
        ("K ≠ 4", "K <> 4"),
        ("≮ 4, ≯ 4", ">= 4, <= 4"),
        ("INR ≤ 3, ≈ 2, ∞", "INR <= 3, ~ 2, infini"),
        ("β-bloquant, γGT ↑, K+ ↓", "beta-bloquant, gammaGT (hausse), K+ (baisse)"),
        ("Δ, Ω, 5 µg, 5 μg", "Delta, Omega, 5 µg, 5 µg"),
        ("1 → 2 ⇒ 3", "1 -> 2 => 3"),
        ("☐ non ☑ oui ☒ ✓ ✔", "[ ] non [x] oui [x] [x] [x]"),
        ("①⑫", "(1)(12)"),
        ("１２ ＜ ３", "12 < 3"),
        ("Ǆ ﬁèvre Ỳ", "DZ fièvre Y"),
        ("日本 5", "?? 5"),
        ("5\u0338", "5?"),
    ],
)
def test_a_sign_is_told_by_what_it_says(text: str, near: str) -> None:
    assert latin_1(text) == near


def test_no_sign_between_two_numbers_ever_joins_one_of_them() -> None:
    for sign in SIGNS:
        if unicodedata.category(sign) in ("Nd", "Cf") or sign in "\ufe0e\ufe0f":
            continue  # a digit is a digit in every script
        runs = re.findall(r"[0-9]+", latin_1(f"7{sign}8"))
        assert (runs[0], runs[-1], len(runs) > 1) == ("7", "8", True), hex(ord(sign))


def test_no_sign_becomes_a_comparison_that_it_is_not() -> None:
    """Only what the standard calls equal, less or greater reads so, and negations never."""
    said = re.compile(r"EQUAL|LESS|GREATER|SIMILAR|ARROW")
    for sign in SIGNS:
        near = latin_1(f"a {sign} b")
        if not set("=<>") & set(near):
            continue
        name = unicodedata.name(sign, "")
        assert said.search(name), name
        if name.startswith(("NOT EQUAL", "NEITHER", "NOT ")):
            assert near in ("a <> b", "a >= b", "a <= b", "a > b", "a < b"), name


@given(st.lists(st.integers(0, 9999), min_size=1), st.data())
def test_the_numbers_of_a_text_are_those_of_its_neighbour(
    numbers: list[int], data: st.DataObject
) -> None:
    apart = st.text(st.characters(categories=["L", "P", "Zs", "Sm"]), min_size=1, max_size=5)
    text = "".join(f"{one}{data.draw(apart)}" for one in numbers)
    assert re.findall(r"\d+", latin_1(text)) == re.findall(r"\d+", text)
