"""A row for directory.csv, or the reason why there is none."""

import pytest

from engine.directory.boxes import BoxPolicy, Seat
from engine.directory.territory_extract import Area, LeftOut, practises_in, row_of
from engine.model.directory import BoxRow, Person
from engine.model.people import Mailbox, MailboxType
from tests.support.directories import TRUSTED, box, person, practice


def made(who: Person, *shared: BoxRow, **more: object) -> Mailbox | LeftOut:
    settings: dict[str, object] = {
        "trusted": TRUSTED, "policy": BoxPolicy(), "contested": frozenset(), "channel": "mssante",
    }  # fmt: skip
    return row_of(who, shared, **(settings | more))  # type: ignore[arg-type]


def test_a_doctor_with_one_mailbox_of_the_practice_has_a_row() -> None:
    row = made(person(box(), practices=[practice()]))
    assert row == Mailbox(
        rpps="10999990012", family="MARTEL", given="CLAIRE", place="EXEMPLEVILLE",
        address="claire.martel@cabinets.mssante.example", type=MailboxType.PER, channel="mssante",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (person(box(profession="60")), "no physician"),
        (person(practices=[practice()]), "no mailbox"),
        (person(box(structure="9", structure_name="CHU")), "family practice"),
        (person(box(), box(address="b@cabinets.mssante.example")), "several"),
        (person(box(address="claire@gmail.com")), "domain"),
    ],
)
def test_a_doubt_leaves_a_doctor_out_with_its_reason(who: Person, why: str) -> None:
    row = made(who)
    assert isinstance(row, LeftOut)
    assert why in row.why


def test_a_mailbox_that_two_people_have_is_nobodys() -> None:
    row = made(person(box()), contested={"claire.martel@cabinets.mssante.example"})
    assert isinstance(row, LeftOut)
    assert "two people" in row.why


def test_the_practices_shared_mailbox_is_taken_only_where_the_policy_says_so() -> None:
    who = person(practices=[practice()])
    shared = box(type="ORG", holder="", structure="R10000000001",
                 address="accueil@cabinets.mssante.example")  # fmt: skip
    assert isinstance(made(who, shared), LeftOut)
    row = made(who, shared, policy=BoxPolicy(order=(Seat.SHARED,)))
    assert isinstance(row, Mailbox)
    assert row.type is MailboxType.ORG


@pytest.mark.parametrize(
    ("area", "inside"),
    [
        (Area(towns=frozenset({"EXEMPLEVILLE"})), True),
        (Area(postals=("59",)), True),
        (Area(postals=("59100",)), False),
        (Area(towns=frozenset({"AILLEURS"})), False),
        (Area(), False),
    ],
)
def test_a_doctor_is_of_an_area_by_private_practice_there(area: Area, inside: bool) -> None:
    assert practises_in(person(box(), practices=[practice()]), area) is inside
    assert not practises_in(person(box(), practices=[practice(mode="S")]), area)
    placed = box(postal="59000", town="59000 EXEMPLEVILLE CEDEX", structure="9")
    assert practises_in(person(placed), area) is inside
