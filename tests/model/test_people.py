"""Check keys and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.people import comparable_name, luhn_ok, nir_key_ok, rpps_ok, unaccented


@pytest.mark.parametrize("number", ["10999990012", "10999990020", "10999990038"])
def test_an_rpps_whose_key_holds_is_one(number: str) -> None:
    assert rpps_ok(number)


@given(st.integers(0, 10), st.integers(1, 9))
def test_one_wrong_digit_breaks_the_key(place: int, shift: int) -> None:
    digits = [int(c) for c in "10999990012"]
    digits[place] = (digits[place] + shift) % 10
    assert not luhn_ok("".join(str(one) for one in digits))


@pytest.mark.parametrize("text", ["", "1099999001", "1099999001a", "١٠٩٩٩٩٩٠٠١٢", "109999900123"])
def test_what_is_no_rpps_is_none(text: str) -> None:
    assert not rpps_ok(text)


def _with_key(body: str) -> str:
    number = int(body.replace("2A", "19").replace("2B", "18"))
    return f"{body}{97 - number % 97:02d}"


@pytest.mark.parametrize(
    "body", ["1850399999021", "2850799999001", "185032A999021", "185032B999021"]
)
def test_a_nir_and_its_key_hold_corsica_included(body: str) -> None:
    whole = _with_key(body)
    assert nir_key_ok(whole)
    assert not nir_key_ok(whole[:-1] + str((int(whole[-1]) + 1) % 10))


@pytest.mark.parametrize("text", ["", "1" * 15 + "x", "185032C99902100", "18503999990219"])
def test_what_is_no_nir_is_none(text: str) -> None:
    assert not nir_key_ok(text)


def test_names_compare_without_accents_ligatures_hyphens_and_apostrophes() -> None:
    assert comparable_name("Lefèvre-Cœur") == comparable_name("LEFEVRE COEUR")
    assert comparable_name("D’Haïti") == comparable_name("D'HAITI")
    assert unaccented("Æsop Straße") == "AEsop Strasse"
