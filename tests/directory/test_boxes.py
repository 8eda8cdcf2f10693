"""A doctor's mailbox at another employer is not the family practice's."""

from itertools import product

import pytest

from engine.directory.boxes import (
    BoxDoubt,
    BoxPolicy,
    ChosenBox,
    NoBox,
    Seat,
    Seated,
    choose_box,
    seats,
)
from engine.directory.domains import AddressFault
from engine.model.directory import BoxRow, PracticeRow
from engine.model.people import MailboxType
from tests.support.directories import TRUSTED, box, person, practice

HOSPITAL = practice(
    mode="S", structures="R9", sector="SA01", sector_label="Etablissement public de santé"
)


def seat(row: BoxRow, *practices: PracticeRow) -> Seat:
    return seats(person(row, practices=practices), (), TRUSTED)[0].seat


@pytest.mark.parametrize(
    ("row", "where"),
    [
        (box(), Seat.OWN),
        (box(structure="R10000000001"), Seat.PRACTICE),
        (box(structure="1R10000000001"), Seat.PRACTICE),  # IDNST: a digit before the number
        (box(structure="R9"), Seat.EMPLOYER),
        (box(type="CAB", structure="R10000000001"), Seat.CABINET),
        (box(type="ORG", structure="R10000000001"), Seat.SHARED),
        (box(type="ORG", structure="R9"), Seat.EMPLOYER),
        (box(type="APP", structure="R10000000001"), Seat.AUTOMATON),
    ],
)
def test_the_professionals_file_says_who_runs_a_place(row: BoxRow, where: Seat) -> None:
    assert seat(row, practice(), HOSPITAL) is where


@pytest.mark.parametrize(
    "name",
    ["CENTRE HOSPITALIER D'EXEMPLEVILLE", "CHU DE LYRE", "CH EXEMPLEVILLE", "CLINIQUE DU MONT",
     "CPAM DU NORD", "MSA", "CENTRE PENITENTIAIRE DE LYRE", "Maison d'arrêt", "USMP D'ANNŒULLIN",
     "PÔLE SANTÉ AU TRAVAIL", "EHPAD LES ORMES", "CONSEIL DÉPARTEMENTAL", "HÔPITAL DES ARMÉES",
     "MUTUELLE GÉNÉRALE", "ARS HAUTS DE FRANCE", "SAMU 59"],
)  # fmt: skip
def test_a_place_with_an_employers_name_is_one(name: str) -> None:
    assert seat(box(structure="R5", structure_name=name)) is Seat.EMPLOYER


@pytest.mark.parametrize(
    "name",
    ["CABINET DU DR MARTEL", "MAISON DE SANTÉ DE LA LYRE", "SCM DES ORMES", "SELARL MARTEL"],
)
def test_a_place_with_a_practices_name_is_one(name: str) -> None:
    assert seat(box(structure="R5", structure_name=name)) is Seat.PRACTICE


@pytest.mark.parametrize("name", ["", "LES ORMES", "CABINET MEDICAL DU CHU", "SCM CLINIQUE"])
def test_a_place_that_may_be_either_is_unclear(name: str) -> None:
    assert seat(box(structure="R5", structure_name=name)) is Seat.UNCLEAR


def test_two_activities_at_one_place_that_disagree_leave_it_unclear() -> None:
    salaried = practice(mode="S")
    assert seat(box(structure="R10000000001"), practice(), salaried) is Seat.UNCLEAR


def seated(
    where: Seat, address: str = "a@cabinets.mssante.example", fault: AddressFault | None = None
) -> Seated:
    kind = {Seat.CABINET: "CAB", Seat.SHARED: "ORG", Seat.AUTOMATON: "APP"}.get(where, "PER")
    return Seated(box(type=kind, address=address), where, fault)


def test_the_practice_comes_before_the_number_alone() -> None:
    chosen = choose_box([seated(Seat.OWN, "b@x.example"), seated(Seat.PRACTICE)], BoxPolicy())
    assert isinstance(chosen, ChosenBox)
    assert chosen.seat is Seat.PRACTICE


def test_two_of_one_seat_are_a_doubt_that_a_preferred_domain_ends() -> None:
    two = [seated(Seat.OWN, "a@one.example"), seated(Seat.OWN, "a@two.example")]
    assert choose_box(two, BoxPolicy()) == NoBox(BoxDoubt.SEVERAL, tuple(two))
    for policy in (
        BoxPolicy(first_domains=frozenset({"two.example"})),
        BoxPolicy(last_domains=frozenset({"one.example"})),
    ):
        chosen = choose_box(two, policy)
        assert isinstance(chosen, ChosenBox)
        assert chosen.box.address == "a@two.example"


def test_one_address_in_two_cases_is_one_mailbox() -> None:
    two = [seated(Seat.OWN, "A@one.example"), seated(Seat.OWN, "a@one.example")]
    assert isinstance(choose_box(two, BoxPolicy()), ChosenBox)


def test_a_refused_domain_is_never_chosen() -> None:
    only = [seated(Seat.PRACTICE, fault=AddressFault.UNLISTED)]
    assert choose_box(only, BoxPolicy()) == NoBox(BoxDoubt.DOMAIN, tuple(only))
    assert choose_box([], BoxPolicy()) == NoBox(BoxDoubt.NONE)


def test_a_holder_who_kept_paper_is_told() -> None:
    kept = Seated(box(paperless="N"), Seat.OWN)
    chosen = choose_box([kept], BoxPolicy())
    assert isinstance(chosen, ChosenBox)
    assert chosen.paper_too


def test_no_policy_order_ever_gives_a_seat_outside_it() -> None:
    every = [seated(one, f"{one.name.lower()}@cabinets.mssante.example") for one in Seat]
    for first, second in product(Seat, Seat):
        chosen = choose_box(every, BoxPolicy(order=(first, second)))
        if isinstance(chosen, ChosenBox):
            assert chosen.seat in (first, second)
            assert chosen.box.type != MailboxType.APP
    never = choose_box([seated(Seat.EMPLOYER), seated(Seat.UNCLEAR)], BoxPolicy())
    assert isinstance(never, NoBox)
    assert never.why is BoxDoubt.NONE_OF_PRACTICE
