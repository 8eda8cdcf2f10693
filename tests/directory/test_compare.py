"""How like two names are."""

import pytest

from engine.directory.compare import (
    Asked,
    Likeness,
    evidence,
    family_likeness,
    given_likeness,
    name_likeness,
)
from engine.model.directory import Listed
from tests.support.directories import box, person, practice

SAME, PART, SLIP = Likeness.SAME, Likeness.PART, Likeness.SLIP
SOUND, FORM, OTHER = Likeness.SOUND, Likeness.FORM, Likeness.OTHER


@pytest.mark.parametrize(
    ("asked", "listed", "likeness"),
    [
        ("lefèvre-cœur", "LEFEVRE COEUR", SAME),
        ("de la tour", "DELATOUR", SAME),
        ("ST OMER", "SAINT-OMER", SAME),
        ("Martin", "MARTIN-DUPONT", PART),
        ("Dupont Martin", "MARTIN-DUPONT", PART),
        ("Martin-Dupont", "MARTIN", Likeness.MORE),
        ("Martin-Dupont", "MARTIN-DURAND", Likeness.MORE),
        ("TOUR", "DE LA TOUR", PART),
        ("DUPOMT", "DUPONT", SLIP),
        ("LEFEVBRE", "LEFEBVRE", SLIP),
        ("CHEVALLIERR", "CHEVALIER", SLIP),
        ("FILIPOT", "PHILIPPOT", SOUND),
        ("ROY", "ROI", OTHER),  # too short to be forgiven a slip
        ("MARTIN", "BERNARD", OTHER),
        ("LE", "LEROY", OTHER),
        ("", "MARTIN", Likeness.UNSAID),
    ],
)
def test_family_names(asked: str, listed: str, likeness: Likeness) -> None:
    assert family_likeness(asked, listed) is likeness


@pytest.mark.parametrize(
    ("asked", "listed", "likeness"),
    [
        ("Jean-Pierre", "JEAN PIERRE", SAME),
        ("Fred", "FREDERIC", FORM),
        ("FREDERIQUE", "FRED", FORM),
        ("Isa", "ISABELLE", FORM),
        ("Jean", "JEAN-PIERRE", PART),
        ("Jean-Pierre", "JEAN", Likeness.MORE),
        ("J.-P.", "JEAN-PIERRE", Likeness.INITIAL),
        ("J", "JEAN", Likeness.INITIAL),
        ("J", "PAUL", OTHER),
        ("Claier", "CLAIRE", SLIP),
        ("Paul", "PIERRE", OTHER),
        ("", "PAUL", Likeness.UNSAID),
    ],
)
def test_given_names(asked: str, listed: str, likeness: Likeness) -> None:
    assert given_likeness(asked, listed) is likeness


def test_names_in_each_others_places_are_seen_to_be_swapped() -> None:
    listed = Listed(1, "810999990012", "10", True, (("MARTEL", "CLAIRE"),))
    assert name_likeness(Asked(family="Martel", given="Claire"), listed).same
    turned = name_likeness(Asked(family="Claire", given="Martel"), listed)
    assert turned.swapped
    assert not turned.same
    assert name_likeness(Asked(words=("claire", "martel")), listed).same


def test_the_best_of_several_names_counts() -> None:
    listed = Listed(1, "8", "10", True, (("MARTEL", "CLAIRE"), ("DUBOIS", "CLAIRE")))
    assert name_likeness(Asked(family="Dubois", given="claire"), listed).same


def test_what_is_not_asked_or_not_listed_speaks_neither_for_nor_against() -> None:
    asked = Asked(family="Martel", given="Claire", postal="59000", phone="03 20 00 00 01")
    who = person(box(), practices=[])
    told = evidence(asked, who, name_likeness(asked, who.listed))
    assert (told.phone, told.postal, told.town) == (None, None, None)
    assert not told.corroborated


@pytest.mark.parametrize(
    ("fields", "corroborated"),
    [
        ({"postal": "59000"}, True),
        ({"town": "Exempleville Cedex 9"}, True),
        ({"phone": "+33 3 20 00 00 01"}, True),
        ({"postal": "59100"}, False),  # the department alone is no place
        ({"town": "Ailleurs"}, False),
        ({}, False),
    ],
)
def test_a_place_or_a_telephone_number_corroborates(
    fields: dict[str, str], corroborated: bool
) -> None:
    asked = Asked(family="Martel", given="Claire", **fields)
    who = person(box(), practices=[practice()])
    assert evidence(asked, who, name_likeness(asked, who.listed)).corroborated is corroborated


def test_a_slip_in_a_town_is_forgiven_when_no_town_has_the_name_as_written() -> None:
    asked = Asked(family="Martel", given="Claire", town="Exemplevile")
    who = person(box(), practices=[practice()])
    name = name_likeness(asked, who.listed)
    assert evidence(asked, who, name, town_unknown=True).town
    assert not evidence(asked, who, name).town
