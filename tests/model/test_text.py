"""Words of people: nothing that a format refuses, and no two words joined."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from engine.model.text import clean_text


@given(st.text())
def test_clean_text_never_holds_a_character_that_no_letter_may_hold(text: str) -> None:
    bad = ("Cc", "Cf", "Cs", "Co", "Cn")
    assert all(c == "\n" or unicodedata.category(c) not in bad for c in clean_text(text))


@given(st.text())
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@given(st.sampled_from(["\r\n", "\r", "\n", "\v", "\f", "\x85", "\u2028", "\u2029", "\t"]))
def test_no_end_of_a_line_a_column_or_a_page_joins_two_words(end: str) -> None:
    assert clean_text(f"fin{end}début").split() == ["fin", "début"]
