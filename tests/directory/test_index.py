"""Every word leads to everybody who has it, and every slip to the word."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from engine.directory.folding import joined, near_keys
from engine.directory.index import IndexMaker
from engine.model.directory import NamingRow, WordKind

NAMES = st.sampled_from(["MARTIN", "MARTIN-DUPONT", "LE GALL", "CŒUR", "ROY", "DE LA TOUR", "É"])
ROWS = st.lists(
    st.builds(
        NamingRow,
        holder=st.sampled_from([f"81099999{n:04}" for n in range(8)]),
        family=NAMES,
        given=NAMES,
        profession=st.sampled_from(["10", "60"]),
        town=st.sampled_from(["", "LILLE", "59000 ST OMER CEDEX"]),
        postal=st.sampled_from(["", "59000", "2A004"]),
        phones=st.sampled_from(["", "320000001", "320000001 320000002"]),
        skill=st.sampled_from(["", "SM26", "SM04"]),
        skill_label=st.sampled_from(["", "Médecine générale"]),
        mode=st.sampled_from(["", "L", "S"]),
        sector_label=st.sampled_from(["", "Cabinet individuel"]),
    ),
    max_size=25,
)


@given(ROWS)
def test_lists_are_ascending_without_repeats_and_hold_everybody(rows: list[NamingRow]) -> None:
    rows.sort(key=lambda one: one.holder)
    maker = IndexMaker()
    people = list(maker.people(rows))
    assert [one.holder for one in people] == sorted({one.holder for one in rows})
    assert [one.id for one in people] == list(range(1, len(people) + 1))
    numbers = {one.holder: one.id for one in people}
    words = {(kind, text): array("I", packed) for _, kind, text, _, packed in maker.words()}
    for held in words.values():
        assert list(held) == sorted(set(held))
    for row in rows:
        assert numbers[row.holder] in words[WordKind.FAMILY, joined(row.family)]
        for phone in row.phones.split():
            assert (int(phone), numbers[row.holder]) in maker.phones
    for who in people:
        own = [row for row in rows if row.holder == who.holder]
        said = [row for row in own if row.mode or row.sector_label]
        private = not said or any(row.mode == "L" and row.sector_label for row in said)
        assert who.family_doctor == (any(row.skill == "SM26" for row in own) and private)
        assert set(who.names) == {(row.family, row.given) for row in own}


@given(ROWS)
def test_near_numbers_ascend_and_name_each_word_under_each_key(rows: list[NamingRow]) -> None:
    maker = IndexMaker()
    list(maker.people(sorted(rows, key=lambda one: one.holder)))
    near = maker.near()
    assert list(near) == sorted(set(near))
    held = set(near)
    for number, kind, text, _, _ in maker.words():
        if kind in ("F", "G", "T"):
            assert {key << 32 | number for key in near_keys(WordKind(kind), text)} <= held
