"""Two spellings of one thing compare equal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.directory.folding import (
    distance,
    fold,
    joined,
    name_words,
    near_keys,
    parts_of,
    phone_of,
    postal_of,
    slips,
    sound_of,
    town_of,
)
from engine.model.directory import WordKind

WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=4, max_size=14)


@pytest.mark.parametrize(
    "spellings",
    [
        ("de La Tour", "DELATOUR", "De-La-Tour", "DE LA TOUR"),
        ("Lefèvre-Cœur", "LEFEVRE COEUR", "lefevre\u2011cœur"),
        ("D'Haene", "DHAENE", "d’haene"),
        ("Saint-Omer", "ST OMER", "St. Omer"),
        ("LE GALL", "Legall"),
    ],
)
def test_spellings_of_one_name_are_one_word(spellings: tuple[str, ...]) -> None:
    assert len({joined(one) for one in spellings}) == 1
    assert len({name_words(one)[0] for one in spellings}) == 1


def test_a_particle_is_no_word_of_its_own_and_stays_with_its_name() -> None:
    assert name_words("DUPONT LE GALL") == ("DUPONTLEGALL", "DUPONT", "GALL", "LEGALL")
    assert parts_of("DUPONT LE GALL") == ("DUPONT", "LEGALL")
    assert parts_of("LE") == ("LE",)
    assert "SAINT" not in name_words("SAINT-MARTIN")


@pytest.mark.parametrize(
    ("line", "town"),
    [
        ("59037 LILLE CEDEX 2", "LILLE"),
        ("PARIS 12E ARRONDISSEMENT", "PARIS"),
        ("Paris 1er", "PARIS"),
        ("75012 PARIS", "PARIS"),
        ("MARSEILLE 08", "MARSEILLE"),
        ("St-Denis", "SAINTDENIS"),
        ("SAINT DENIS CEDEX", "SAINTDENIS"),
        ("L'Haÿ-les-Roses", "LHAYLESROSES"),
        ("DIEUX", "DIEUX"),
        ("", ""),
    ],
)
def test_a_town_is_read_out_of_an_address_line(line: str, town: str) -> None:
    assert town_of(line) == town


@pytest.mark.parametrize(
    "text", ["0320000001", "03 20 00 00 01", "03.20.00.00.01", "+33 (0)3 20 00 00 01",
             "0033320000001", "+33320000001"]
)  # fmt: skip
def test_a_telephone_number_is_nine_digits_however_it_is_written(text: str) -> None:
    assert phone_of(text) == "320000001"


@pytest.mark.parametrize("text", ["", "15", "12345", "+32 2 000 00 00", "secret", "03200000012"])
def test_what_is_no_french_number_is_none(text: str) -> None:
    assert phone_of(text) == ""


def test_postal_codes_keep_their_zero_and_corsica_its_letter() -> None:
    assert postal_of("01000 BOURG") == "01000"
    assert postal_of("2A004") == "2A004"
    assert postal_of("1000") == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("DUPONT", "DUPOND"), ("PHILIPPE", "FILIPE"), ("THIBAULT", "TIBO"), ("RENAUD", "RENAULT")],
)
def test_names_that_sound_alike_have_one_sound(one: str, other: str) -> None:
    assert sound_of(one) == sound_of(other)


@given(WORDS, st.data())
def test_a_word_with_one_slip_is_always_met_in_the_index(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("ABCXYZ"))
    spoilt = data.draw(
        st.sampled_from(
            [
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at:],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
            ]
        )
    )
    if len(spoilt) < 4:  # one letter out of four: too short to be forgiven a slip
        return
    assert distance(word, spoilt, 1) <= 1
    assert set(slips(word)) & set(slips(spoilt))
    assert near_keys(WordKind.FAMILY, word) & near_keys(WordKind.FAMILY, spoilt)


@given(WORDS, WORDS)
def test_the_distance_is_symmetric_and_never_above_its_bound(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one) <= 3
    assert (distance(one, other) == 0) == (one == other)


@given(st.text())
def test_folding_is_stable_and_gives_letters_and_digits_alone(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert all(char == " " or (char.isascii() and char.isalnum()) for char in once)
