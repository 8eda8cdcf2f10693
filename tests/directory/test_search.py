"""People are found by what is known of them, typing errors allowed."""

import random

import pytest

from engine.directory.compare import Asked
from engine.directory.search import search
from engine.model.directory import WordKind
from engine.store.directory_reader import DirectoryReader
from tests.support.annuaire import Doctor
from tests.support.annuaire_noise import accented, slip
from tests.support.directories import reader_of, small_country, small_data


@pytest.fixture(scope="module")
def reader() -> DirectoryReader:
    return reader_of(small_data())


def some(count: int, *, longer_than: int = 5) -> list[Doctor]:
    doctors = [
        one
        for one in small_country().doctors
        if len(one.family) > longer_than and "-" not in one.given and len(one.given) > 4
    ]
    return random.Random(2).sample(doctors, count)


def found(reader: DirectoryReader, asked: Asked) -> list[str]:
    return [one.person.rpps for one in search(reader, asked).candidates]


def test_by_number(reader: DirectoryReader) -> None:
    for who in some(20):
        assert found(reader, Asked(rpps=who.rpps)) == [who.rpps]
    assert found(reader, Asked(rpps="10999999999")) == []


@pytest.mark.parametrize("seed", range(3))
def test_by_name_and_place_with_a_slip_an_accent_or_a_swap(
    reader: DirectoryReader, seed: int
) -> None:
    dice = random.Random(seed)
    for who in some(60):
        place = who.places[0]
        family, given = accented(who.family, dice), accented(who.given, dice)
        for asked in (
            Asked(family=family, given=given, town=place.town.name),
            Asked(family=given, given=family, postal=place.postal),
            Asked(words=(given, family), postal=place.postal),
            Asked(family=slip(who.family, dice), given=given, postal=place.postal),
            Asked(family=family, given=slip(who.given, dice), phone=place.phone),
        ):
            assert who.rpps in found(reader, asked)[:5], asked


def test_a_name_with_a_slip_is_found_without_a_place(reader: DirectoryReader) -> None:
    dice = random.Random(5)
    for who in some(60):
        spoilt = slip(who.family, dice)
        assert who.rpps in found(reader, Asked(family=spoilt, given=who.given))


def test_two_slips_are_found_with_a_place_and_the_other_name(reader: DirectoryReader) -> None:
    dice = random.Random(6)
    for who in some(40, longer_than=8):
        spoilt = slip(slip(who.family, dice), dice)
        asked = Asked(family=spoilt, given=who.given, postal=who.places[0].postal)
        assert who.rpps in found(reader, asked)


def test_by_half_of_a_double_name(reader: DirectoryReader) -> None:
    doubles = [one for one in small_country().doctors if one.family.count("-") == 1][:30]
    assert doubles
    for who in doubles:
        for half in who.family.split("-"):
            if len(half) > 4:
                assert who.rpps in found(
                    reader, Asked(family=half, given=who.given, postal=who.places[0].postal)
                )


def test_a_town_with_a_slip_is_found(reader: DirectoryReader) -> None:
    who = next(one for one in some(100) if len(one.places[0].town.name) > 9)
    town = who.places[0].town.name[:-1]
    exact = reader.word(WordKind.TOWN, town.replace("-", ""))
    assert exact is None
    first = search(reader, Asked(family=who.family, given=who.given, town=town)).candidates[0]
    assert first.person.rpps == who.rpps
    assert first.evidence.town


def test_by_speciality_and_town_alone(reader: DirectoryReader) -> None:
    town = small_country().towns[0].name
    for asked in (
        Asked(town=town, speciality="médecine générale"),
        Asked(town=town, speciality="SM26"),
    ):
        people = search(reader, asked, limit=200).candidates
        assert people
        assert all(one.evidence.speciality for one in people)
        assert all(one.evidence.town for one in people)


def test_a_speciality_that_nobody_has_finds_nobody(reader: DirectoryReader) -> None:
    assert found(reader, Asked(words=("martin",), speciality="alchimie")) == []


def test_the_one_at_the_place_comes_before_namesakes(reader: DirectoryReader) -> None:
    for who in some(40):
        asked = Asked(family=who.family, given=who.given, phone=who.places[0].phone)
        assert found(reader, asked)[0] == who.rpps


@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked(words=("%",)),
        Asked(family="'; DROP TABLE person; --", given="\x00"),
        Asked(family="A" * 5000, given="É" * 5000, town="9" * 5000, phone="0" * 500),
        Asked(words=("a",) * 40),
        Asked(rpps="not a number", family="x"),
        Asked(phone="0000000000", postal="00000", speciality="\ud800"),
    ],
)
def test_a_hostile_question_is_answered(reader: DirectoryReader, asked: Asked) -> None:
    assert len(search(reader, asked).candidates) <= 24
