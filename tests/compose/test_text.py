import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from engine.compose.text import (
    ascii_name,
    clean_line,
    clean_text,
    cleaned,
    french_date,
    mail_word,
    typographic,
)
from engine.model.letter import LetterKind
from tests.support.letters import letter

ANY_TEXT = st.text(st.characters(codec=None), max_size=80)


@given(ANY_TEXT)
def test_clean_text_never_holds_a_character_that_xml_or_pdf_a_refuses(text: str) -> None:
    bad = {"Cc", "Cf", "Cs", "Co", "Cn"}
    assert all(c == "\n" or unicodedata.category(c) not in bad for c in clean_text(text))


@given(ANY_TEXT)
def test_a_clean_line_is_one_line_and_cleaning_it_again_changes_nothing(text: str) -> None:
    line = clean_line(text)
    assert "\n" not in line
    assert clean_line(line) == line


@given(ANY_TEXT)
def test_an_ascii_name_never_holds_anything_but_capitals_spaces_and_hyphens(text: str) -> None:
    assert set(ascii_name(text)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ -")


@given(ANY_TEXT)
def test_a_mail_word_never_holds_a_line_end_or_a_path_sign(text: str) -> None:
    assert not set(mail_word(text)) & set('\r\n\t/\\:*?"<>|')


def test_bidirectional_overrides_and_zero_width_signs_are_dropped() -> None:
    assert clean_line("DUR\u202eAND\u200b\ufeff \x00X") == "DURAND X"


def test_every_line_end_becomes_one() -> None:
    assert clean_text("a\r\nb\rc\u2028d\x85e\x0bf") == "a\nb\nc\nd\ne\nf"


def test_an_apostrophe_in_a_name_becomes_a_space_for_hprim_readers() -> None:
    assert ascii_name("d’Œuvre‑Élan") == "D OEUVRE-ELAN"


def test_the_first_of_a_month_is_said_premier() -> None:
    issued = letter().issued_at.date()
    assert french_date(issued) == "24 novembre 2026"
    assert french_date(issued.replace(day=1, month=8)) == "1er août 2026"


def test_typography_changes_the_words_of_a_template_and_never_its_statements() -> None:
    made = typographic("Objet : n° 1 « x » {{ a if b else ' ; ' }} ?")
    assert made == "Objet\u00a0: n°\u00a01 «\u00a0x\u00a0» {{ a if b else ' ; ' }}\u00a0?"


def test_cleaning_a_letter_keeps_its_types_and_reaches_the_deepest_string() -> None:
    dirty = letter(
        LetterKind.EXIT_LETTER,
        unit=letter().unit.model_copy(update={"address": ("1 rue\x00 A\r\nBcc: x",)}),
    )
    clean = cleaned(dirty)
    assert clean.unit.address == ("1 rue A Bcc: x",)
    assert clean.kind is LetterKind.EXIT_LETTER
    assert clean.summary == dirty.summary
    assert cleaned(letter()) == letter()
