"""Both directories answer one question: who is meant, and which mailbox for which letter."""

from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.directory.doctor import CONTESTED, NO_MAIL, National, Ways, address_fault, answer
from engine.directory.domains import trusted_domains
from engine.model.directory import BoxRow, PracticeRow
from engine.model.letter import LetterKind
from engine.model.people import Mailbox, MailboxType, Professional
from engine.model.recipient import ADDRESSED, Answer, DoctorNote, Gap
from tests.support.directories import NOW, TRUSTED, box, person, practice
from tests.support.small_index import SmallIndex

PER, CAB, ORG, APP = MailboxType.PER, MailboxType.CAB, MailboxType.ORG, MailboxType.APP
RPPS = "10999990012"
GP = Professional(rpps=RPPS, family="MARTEL", given="Claire")
LETTER, NOTICE = LetterKind.EXIT_LETTER, LetterKind.ARRIVAL_NOTICE
WAYS = Ways(
    order=dict.fromkeys(ADDRESSED, (PER, CAB)),
    channel="mssante",
    formats={"mssante": "xdm", "apicrypt": "hprim"},
    apicrypt=frozenset({"apicrypt"}),
)
PRACTICE_BOX = box(structure="R10000000001")


@dataclass
class Nation:
    boxes: tuple[BoxRow, ...] = (PRACTICE_BOX,)
    practices: tuple[PracticeRow, ...] = (practice(),)
    shared: tuple[BoxRow, ...] = ()
    contested: frozenset[str] = frozenset()

    def opened(self) -> National:
        held = {one.holder for one in (*self.boxes, *self.practices)}
        people = [
            person(
                *(one for one in self.boxes if one.holder == holder),
                practices=[one for one in self.practices if one.holder == holder],
            )
            for holder in sorted(held)
        ]
        index = SmallIndex(people)
        return National(index, lambda _: self.shared, True, self.contested, "g1")


def ask(
    named: Professional = GP,
    *,
    local: tuple[Mailbox, ...] = (),
    nation: Nation | None = None,
    ways: Ways = WAYS,
    note: DoctorNote | None = None,
) -> Answer:
    rows = {RPPS: local} if local else {}
    opened = (nation or Nation()).opened()
    return answer(named, rows, opened, TRUSTED, ways, note)


def row(address: str, kind: MailboxType = PER, family: str = "MARTEL") -> Mailbox:
    return Mailbox(rpps=RPPS, family=family, given="Claire", address=address, type=kind,
                   channel="mssante")  # fmt: skip


def address(told: Answer, kind: LetterKind = LETTER) -> str | Gap | None:
    choice = told.choice(kind)
    return choice.mailbox.address if choice.mailbox else choice.gap


def test_the_mailbox_of_the_practice_is_found_by_the_number() -> None:
    told = ask()
    assert (told.rpps, told.by_name, told.source) == (RPPS, False, "annuaire:g1")
    assert {address(told, kind) for kind in ADDRESSED} == {PRACTICE_BOX.address}


def test_the_sites_row_comes_first_and_both_sources_are_told() -> None:
    told = ask(local=(row("a@chu.mssante.example"),))
    assert address(told) == "a@chu.mssante.example"
    assert told.source.startswith("annuaire:g1 local:")
    other = ask(local=(row("b@chu.mssante.example"),))
    assert other.source != told.source


@pytest.mark.parametrize(
    ("named", "local", "nation"),
    [
        (GP.model_copy(update={"family": "QUESNOY"}), (), None),
        (GP.model_copy(update={"family": "QUESNOY"}), (row("a@chu.mssante.example"),), None),
        (GP, (row("a@chu.mssante.example", family="QUESNOY"),), None),
        (GP, (row("a@chu.mssante.example"),), Nation((box(family="QUESNOY"),), ())),
        (GP, (row("a@chu.mssante.example"),), Nation((box(profession="60"),), ())),
        (Professional(family="MARTEL", given="Claire"), (), None),
        (Professional(rpps="10999990013", family="MARTEL"), (), None),
        (Professional(rpps="10999990020", family="AUTRE"), (), None),
    ],
)
def test_doubt_about_who_is_meant_gives_no_mailbox_at_all(
    named: Professional, local: tuple[Mailbox, ...], nation: Nation | None
) -> None:
    told = ask(named, local=local, nation=nation)
    assert {address(told, kind) for kind in ADDRESSED} == {Gap.DOCTOR}
    assert all(one.why for one in told.choices)


def test_a_doctor_whom_the_nation_does_not_list_yet_is_the_sites() -> None:
    unlisted = Nation((box(holder="810999990020"),), (practice(holder="810999990020"),))
    assert address(ask(local=(row("a@chu.mssante.example"),), nation=unlisted)) == (
        "a@chu.mssante.example"
    )


def test_a_name_with_its_place_is_enough_and_without_it_is_not() -> None:
    named = Professional(family="Martel", given="Claire", town="Exempleville", postal="59000")
    told = ask(named)
    assert (told.rpps, told.by_name) == (RPPS, True)
    assert address(told) == PRACTICE_BOX.address
    by_phone = Professional(family="Martel", given="Claire", phone="03 20 00 00 01")
    assert ask(by_phone).rpps == RPPS


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ((PER,), "per@cabinets.mssante.example"),
        ((CAB, PER), "cab@cabinets.mssante.example"),
        ((ORG,), "org@cabinets.mssante.example"),
        ((APP, PER), "app@cabinets.mssante.example"),
    ],
)
def test_the_types_and_their_order_are_the_sites_for_each_letter(
    order: tuple[MailboxType, ...], found: str
) -> None:
    place = {"structure": "R10000000001"}
    of_practice = {**place, "holder": ""}
    nation = Nation(
        boxes=(
            box(type="PER", address="per@cabinets.mssante.example", **place),
            box(type="CAB", address="cab@cabinets.mssante.example", **place),
        ),
        shared=(
            box(type="ORG", address="org@cabinets.mssante.example", **of_practice),
            box(type="APP", address="app@cabinets.mssante.example", **of_practice),
        ),
    )
    ways = Ways(order={**WAYS.order, LETTER: order}, channel="mssante")
    told = ask(nation=nation, ways=ways)
    assert address(told, LETTER) == found
    assert address(told, NOTICE) == "per@cabinets.mssante.example"


@pytest.mark.parametrize("kind", MailboxType)
def test_no_order_of_types_ever_takes_a_mailbox_at_another_employer(kind: MailboxType) -> None:
    hospital = practice(mode="S", structures="R9", sector="SA01",
                        sector_label="Etablissement public de santé")  # fmt: skip
    holder = "" if kind in (ORG, APP) else "810999990012"
    there = box(type=kind.value, structure="R9", address="x@chu.mssante.example", holder=holder)
    nation = Nation((there,) if holder else (), (practice(), hospital), () if holder else (there,))
    for size in (1, 4):
        for order in product(MailboxType, repeat=min(size, 1) + 1):
            told = ask(nation=nation, ways=Ways(dict.fromkeys(ADDRESSED, order), "mssante"))
            assert address(told) is Gap.MISSING


def test_a_contested_personal_mailbox_is_nobodys() -> None:
    told = ask(nation=Nation(contested=frozenset({PRACTICE_BOX.address})))
    assert address(told) is Gap.SEVERAL
    assert told.choice(LETTER).why == CONTESTED


def test_two_rows_of_the_site_are_a_doubt_unless_their_types_are_ranked() -> None:
    first, second = row("a@chu.mssante.example"), row("b@chu.mssante.example")
    assert address(ask(local=(first, second))) is Gap.SEVERAL
    shared = second.model_copy(update={"type": ORG})
    assert address(ask(local=(shared, first))) == first.address
    assert address(ask(local=(shared,))) == shared.address  # the site says so itself


def test_what_is_remembered_counts_for_its_doctor_alone() -> None:
    own = (row("a@chu.mssante.example"),)
    noted = DoctorNote(rpps=RPPS, no_mail=True, at=NOW, by="x")
    assert address(ask(note=noted)) is address(ask(local=own, note=noted)) is Gap.NO_MAIL
    assert ask(note=noted).choice(LETTER).why == NO_MAIL
    other = noted.model_copy(update={"rpps": "10999990020"})
    assert address(ask(note=other)) == PRACTICE_BOX.address
    for note, channel in (
        (DoctorNote(rpps=RPPS, channel="apicrypt", at=NOW, by="x"), "apicrypt"),
        (DoctorNote(rpps=RPPS, format="hprim", at=NOW, by="x"), "apicrypt"),
        (DoctorNote(rpps=RPPS, format="xdm", at=NOW, by="x"), "mssante"),
        (DoctorNote(rpps=RPPS, channel="gone", at=NOW, by="x"), "mssante"),
    ):
        mailbox = ask(note=note).choice(LETTER).mailbox
        assert mailbox is not None
        assert mailbox.channel == channel


def test_apicrypt_outside_the_list_needs_a_channel_of_its_own() -> None:
    apart = row("claire.MARTEL@medical59.apicrypt.org")
    assert address(ask(local=(apart,))) is Gap.REFUSED
    by_channel = apart.model_copy(update={"channel": "apicrypt"})
    assert address(ask(local=(by_channel,))) == apart.address


def test_a_holder_who_kept_paper_is_told() -> None:
    told = ask(nation=Nation((box(structure="R10000000001", paperless="N"),)))
    assert told.choice(LETTER).paper_too


def test_without_any_list_the_sites_own_rows_are_refused_for_what_is_known_to_be_wrong() -> None:
    for local, fault in (
        ("a.b@gmail.com", True),
        ("146026322000196@patient.mssante.fr", True),
        ("a.b@medical59.apicrypt.org", True),
        ("not an address", True),
        ("a.b@cabinets.mssante.example", False),
    ):
        assert (address_fault(local, None) is not None) is fault
        told = answer(GP, {RPPS: (row(local),)}, None, None, WAYS)
        assert (address(told) is Gap.REFUSED) is fault


@given(
    st.lists(
        st.builds(
            box,
            address=st.sampled_from(
                ["a@cabinets.mssante.example", "b@chu.mssante.example", "a@gmail.com",
                 "c@cabinets.mssante.example.net", "1@patient.mssante.fr", "x"]
            ),
            type=st.sampled_from([one.value for one in MailboxType]),
            structure=st.sampled_from(["", "R10000000001", "R9"]),
        ),
        min_size=1, max_size=5,
    ),
    st.lists(st.sampled_from(["z@gmail.com", "z@chu.mssante.example", "é@x"]), max_size=2),
    st.lists(st.sampled_from(list(MailboxType)), min_size=1, max_size=4),
)  # fmt: skip
def test_nothing_outside_the_list_is_ever_answered(
    boxes: list[BoxRow], local: list[str], order: list[MailboxType]
) -> None:
    ways = Ways(dict.fromkeys(ADDRESSED, tuple(order)), "mssante")
    listed = trusted_domains(TRUSTED.names)
    told = ask(nation=Nation(tuple(boxes)), local=tuple(map(row, local)), ways=ways)
    for kind in ADDRESSED:
        mailbox = told.choice(kind).mailbox
        if mailbox is not None:
            assert mailbox.address.rpartition("@")[2] in listed
            assert mailbox.rpps == RPPS
