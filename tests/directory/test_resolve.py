"""Nobody is taken without a doubt's being excluded."""

import random
from collections import Counter

import pytest

from engine.directory.compare import Asked
from engine.directory.resolve import Doubtful, Resolved, Unresolved, resolve
from engine.directory.search import search
from engine.model.directory import Listed, Person
from engine.store.directory_reader import DirectoryReader
from tests.support.annuaire import rpps
from tests.support.annuaire_noise import questions
from tests.support.directories import box, person, practice, reader_of, small_country, small_data
from tests.support.small_index import SmallIndex


def doctor(
    number: int,
    family: str,
    given: str,
    postal: str = "59000",
    town: str = "EXEMPLEVILLE",
    phone: str = "",
    profession: str = "10",
) -> Person:
    row = {"holder": "8" + rpps(number), "family": family, "given": given, "profession": profession}
    return person(
        box(**row),
        practices=[practice(**row, postal=postal, town=town, phones=phone)],
        number=number,
        family_doctor=profession == "10",
    )


CLAIRE = doctor(1, "MARTEL", "CLAIRE", phone="320000001")
OTHERS = [
    doctor(10 + n, f"{family}", given, postal=f"{70 + n}000", town=f"TOWN{n}")
    for n, (family, given) in enumerate(
        [("BERNARD", "LUC"), ("PETIT", "ANNE"), ("DURAND", "PAUL"), ("ROUX", "JULIE")]
    )
]


def judged(asked: Asked, *people: Person, complete: bool = True) -> str:
    index = SmallIndex([*people, *OTHERS])
    found = resolve(asked, search(index, asked), complete=complete)
    return found.candidate.person.rpps if isinstance(found, Resolved) else found.why.value


def martel(**fields: str) -> Asked:
    return Asked(**({"family": "Martel", "given": "Claire"} | fields))


def test_a_number_is_enough_when_the_name_does_not_speak_against_it() -> None:
    assert judged(Asked(rpps=CLAIRE.rpps), CLAIRE) == CLAIRE.rpps
    assert judged(martel(rpps=CLAIRE.rpps), CLAIRE) == CLAIRE.rpps
    assert judged(martel(rpps=CLAIRE.rpps, given="Anne"), CLAIRE) == CLAIRE.rpps


def test_a_number_of_another_name_is_a_doubt() -> None:
    asked = Asked(rpps=CLAIRE.rpps, family="Dubreuil", given="Claire")
    assert judged(asked, CLAIRE) == Doubtful.NAME_OF_NUMBER


def test_an_unknown_number_is_a_doubt_whatever_the_name() -> None:
    asked = martel(rpps=rpps(999), postal="59000", phone="0320000001")
    assert judged(asked, CLAIRE) == Doubtful.NUMBER_UNKNOWN


def test_a_number_of_a_nurse_is_a_doubt() -> None:
    nurse = doctor(2, "MARTEL", "CLAIRE", profession="60")
    assert judged(Asked(rpps=nurse.rpps), nurse) == Doubtful.NOT_A_PHYSICIAN
    assert judged(martel(postal="59000"), nurse) == Doubtful.NOBODY


def test_a_damaged_number_must_be_a_slip_of_the_one_found() -> None:
    number = CLAIRE.rpps
    turned = number[:8] + number[9] + number[8] + number[10]
    assert turned != number
    assert judged(martel(rpps=turned, postal="59000"), CLAIRE) == CLAIRE.rpps
    assert judged(martel(rpps="12345678901", postal="59000"), CLAIRE) == Doubtful.NUMBER_BROKEN


@pytest.mark.parametrize(
    "fields", [{"postal": "59000"}, {"town": "Exempleville"}, {"phone": "03 20 00 00 01"}]
)
def test_a_name_alone_in_the_country_is_taken_with_a_place_or_number(
    fields: dict[str, str],
) -> None:
    assert judged(martel(**fields), CLAIRE) == CLAIRE.rpps


@pytest.mark.parametrize("fields", [{}, {"postal": "75001"}, {"town": "AILLEURS"}])
def test_a_name_without_a_place_that_agrees_is_a_doubt(fields: dict[str, str]) -> None:
    assert judged(martel(**fields), CLAIRE) == Doubtful.UNCORROBORATED


def test_a_place_that_agrees_and_a_number_that_does_not_is_a_doubt() -> None:
    asked = martel(postal="59000", phone="03 20 00 00 99")
    assert judged(asked, CLAIRE) == Doubtful.CONTRADICTED


def test_two_at_one_place_are_a_doubt_even_if_one_name_is_nearer() -> None:
    asked = martel(postal="59000")
    assert judged(asked, CLAIRE, doctor(3, "MARTEL", "CLAIRE")) == Doubtful.SEVERAL
    assert judged(asked, CLAIRE, doctor(3, "MARTEL", "CLAIRE-ANNE")) == Doubtful.SEVERAL
    assert judged(asked, CLAIRE, doctor(3, "MARTEL", "CLARE")) == Doubtful.SEVERAL
    assert judged(asked, CLAIRE, doctor(3, "MARTEL", "PAUL")) == CLAIRE.rpps


def test_a_slip_is_forgiven_when_nobody_bears_the_name_as_written() -> None:
    assert judged(martel(family="Martle", postal="59000"), CLAIRE) == CLAIRE.rpps
    assert judged(martel(given="Clare", postal="59000"), CLAIRE) == CLAIRE.rpps
    asked = martel(family="Martle", postal="59000")
    known = doctor(4, "MARTLE", "PAUL", "13000", "TOWN9")
    assert judged(asked, CLAIRE, known) == Doubtful.KNOWN_NAME


def test_a_slip_is_a_doubt_when_the_directory_may_lack_the_one_meant() -> None:
    asked = martel(family="Martle", postal="59000")
    assert judged(asked, CLAIRE, complete=False) == Doubtful.INCOMPLETE
    assert judged(martel(postal="59000"), CLAIRE, complete=False) == CLAIRE.rpps


def test_somebody_elsewhere_with_a_nearer_name_is_a_doubt() -> None:
    asked = Asked(family="Martel", given="Fred", postal="59000")
    here = doctor(5, "MARTEL", "FREDERIC")
    assert judged(asked, here) == here.rpps
    elsewhere = doctor(6, "MARTEL", "FRED", "13000", "TOWN9")
    assert judged(asked, here, elsewhere) == Doubtful.NEAR_NAMESAKE


def test_a_namesake_elsewhere_is_told_apart_by_a_telephone_number_and_not_by_a_large_town() -> None:
    namesake = doctor(7, "MARTEL", "CLAIRE", "13000", "TOWN9")
    assert judged(martel(postal="59000"), CLAIRE, namesake) == Doubtful.NEAR_NAMESAKE
    assert judged(martel(phone="0320000001"), CLAIRE, namesake) == CLAIRE.rpps


def test_a_name_more_than_is_listed_needs_the_telephone_number() -> None:
    for more in ({"family": "Martel-Dubois"}, {"given": "Claire-Anne"}):
        assert judged(martel(postal="59000", **more), CLAIRE) == Doubtful.UNCORROBORATED
        assert judged(martel(phone="0320000001", **more), CLAIRE) == CLAIRE.rpps
    double = doctor(9, "MARTEL-DUBOIS", "CLAIRE")
    assert judged(martel(postal="59000"), double) == double.rpps


def test_an_initial_is_never_enough() -> None:
    asked = martel(given="C.", postal="59000", phone="0320000001")
    assert judged(asked, CLAIRE) == Doubtful.UNCORROBORATED


def test_a_family_name_alone_is_never_enough() -> None:
    asked = martel(given="", postal="59000", phone="0320000001")
    assert judged(asked, CLAIRE) == Doubtful.NOBODY
    assert judged(Asked(given="Claire", postal="59000"), CLAIRE) == Doubtful.NO_NAME


def test_candidates_come_with_every_doubt_best_first() -> None:
    index = SmallIndex([CLAIRE, doctor(8, "MARTEL", "ANNE", "13000", "TOWN9"), *OTHERS])
    asked = martel()
    found = resolve(asked, search(index, asked), complete=True)
    assert isinstance(found, Unresolved)
    assert found.candidates[0].person.rpps == CLAIRE.rpps
    assert "family name: equal" in found.candidates[0].evidence.sentences()


@pytest.fixture(scope="module")
def reader() -> DirectoryReader:
    return reader_of(small_data())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noisy_questions_are_never_answered_with_another_doctor(
    reader: DirectoryReader, seed: int
) -> None:
    answered: Counter[bool] = Counter()
    asked_of = questions(small_country(), 400, seed)
    for one in asked_of:
        found = resolve(one.asked, search(reader, one.asked), complete=True)
        if isinstance(found, Resolved):
            assert found.candidate.person.rpps == one.rpps, one.spoilt
        if one.corroborated:
            answered[isinstance(found, Resolved)] += 1
    # A country of 1,200 doctors has crowds of one in a hundred: the share is held in the bench.
    assert answered[True] > 0.7 * answered.total()


def test_a_doctor_taken_out_of_the_directory_is_never_mistaken_for_another(
    reader: DirectoryReader,
) -> None:
    dice = random.Random(3)
    country = small_country()
    for who in dice.sample(country.doctors, 60):
        namesakes = [one for one in country.doctors if one.family == who.family]
        people = [reader.by_rpps(one.rpps) for one in namesakes if one.rpps != who.rpps]
        index = SmallIndex([one for one in people if one is not None])
        place = who.places[0]
        asked = Asked(family=who.family, given=who.given, postal=place.postal, phone=place.phone)
        found = resolve(asked, search(index, asked), complete=True)
        assert isinstance(found, Unresolved), Listed
