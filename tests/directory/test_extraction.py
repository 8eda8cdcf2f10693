"""The public files, read row by row: what is in doubt is left out and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.directory.extraction import (
    LONGEST_LINE,
    RowFault,
    Tally,
    UnreadableFileError,
    origin_of,
    read_boxes,
    read_practices,
)
from engine.model.directory import BoxRow, Origin
from tests.support.annuaire import BOX_HEADER, PRACTICE_HEADER, Country

COUNTRY = Country(doctors=40, others=20, organisations=10)
BOX_LINES = list(COUNTRY.box_lines())
PRACTICE_LINES = list(COUNTRY.practice_lines())
GOOD = next(line for line in BOX_LINES[1:] if line.startswith("PER") and "|R1" in line)


def boxes(*lines: str, header: str = BOX_HEADER) -> tuple[list[BoxRow], Tally]:
    tally = Tally()
    raw = [(line + "\n").encode() for line in (header, *lines)]
    return list(read_boxes(raw, tally)), tally


def with_cell(line: str, place: int, value: str) -> str:
    cells = line.split("|")
    cells[place] = value
    return "|".join(cells)


def test_each_file_is_known_by_its_first_line() -> None:
    assert origin_of(BOX_HEADER.encode()) is Origin.MAILBOXES
    assert origin_of(("\ufeff" + PRACTICE_HEADER + "|\r\n").encode()) is Origin.PRACTICES
    assert origin_of(b"rpps,family\n") is None


def test_the_headers_of_the_real_files_have_31_and_56_columns() -> None:
    assert len(BOX_HEADER.split("|")) == 31
    assert len(PRACTICE_HEADER.split("|")) == 56


def test_a_row_is_read_by_the_names_of_its_columns_and_not_by_their_places() -> None:
    turned = "|".join(reversed(BOX_HEADER.split("|")))
    straight, _ = boxes(GOOD)
    backwards, _ = boxes("|".join(reversed(GOOD.split("|"))), header=turned)
    assert straight == backwards
    assert straight[0].holder.startswith("81099")
    assert straight[0].postal.isdigit()


def test_other_spellings_of_a_column_are_taken() -> None:
    header = BOX_HEADER.upper().replace("'", "’").replace("É", "E").replace("NL4TYPE", "L4TYPE")
    assert boxes(GOOD, header=header)[0] == boxes(GOOD)[0]


@pytest.mark.parametrize("column", ["Adresse BAL", "Identifiant PP", "Nom d'exercice"])
def test_a_file_that_lacks_a_column_is_refused_whole(column: str) -> None:
    with pytest.raises(UnreadableFileError, match="lacks the column"):
        boxes(GOOD, header=BOX_HEADER.replace(f"|{column}|", "|Autre chose|"))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (GOOD + "|", None),  # the closing separator of the professionals' file
        (GOOD + "|x", RowFault.CELLS),
        (GOOD.rpartition("|")[0], RowFault.CELLS),
        ("", None),
        (with_cell(GOOD, 0, "XXX"), RowFault.TYPE),
        (with_cell(GOOD, 1, "a.b@c.example, d@e.example"), RowFault.ADDRESS),
        (with_cell(GOOD, 1, ""), RowFault.ADDRESS),
        (with_cell(GOOD, 3, "10999990013"), RowFault.NUMBER),
        (with_cell(GOOD, 3, ""), RowFault.NUMBER),
        (with_cell(GOOD, 9, " "), RowFault.NAMELESS),
        (with_cell(GOOD, 10, "CLAIRE\x1b[2J"), RowFault.CONTROL),
        (with_cell(GOOD, 10, "CLAIRE\tANNE"), RowFault.CONTROL),
        (with_cell(GOOD, 18, "x" * 501), RowFault.TOO_LONG),
        (with_cell(GOOD, 18, "x" * LONGEST_LINE), RowFault.TOO_LONG),
    ],
)
def test_a_row_in_doubt_is_left_out_with_its_fault(line: str, fault: RowFault | None) -> None:
    _, tally = boxes(line)
    assert dict(tally.faults) == ({fault: 1} if fault else {})
    assert tally.first == ({fault: 2} if fault else {})


def test_staff_with_an_employers_number_are_passed_over_and_a_new_type_is_no_damage() -> None:
    internal = with_cell(with_cell(GOOD, 2, "3"), 3, "590000006/12345")
    rows, tally = boxes(internal, with_cell(GOOD, 0, "NEW"), GOOD)
    assert (len(rows), tally.passed_over, tally.left_out, tally.damaged) == (1, 1, 1, 0)


def test_a_row_that_is_not_utf8_is_left_out_and_the_next_one_read() -> None:
    tally = Tally()
    raw = [BOX_HEADER.encode(), GOOD.encode() + b"\xe9", GOOD.encode()]
    assert len(list(read_boxes(raw, tally))) == 1
    assert tally.faults == {RowFault.NOT_UTF8: 1}


def test_a_file_in_another_charset_is_refused_at_its_first_line() -> None:
    for charset in ("latin-1", "utf-16"):
        with pytest.raises(UnreadableFileError):
            list(read_boxes([BOX_HEADER.encode(charset)], Tally()))


def test_the_same_row_twice_is_kept_once() -> None:
    rows, tally = boxes(GOOD, GOOD, with_cell(GOOD, 17, "N"))
    assert len(rows) == 2
    assert (tally.left_out, tally.damaged) == (1, 0)


def test_a_mailbox_of_an_organisation_has_no_holder() -> None:
    line = next(line for line in BOX_LINES if line.startswith("ORG"))
    rows, _ = boxes(line)
    assert (rows[0].type, rows[0].holder) == ("ORG", "")
    assert rows[0].structure


def test_the_professionals_file_gives_the_wanted_professions_alone() -> None:
    raw = [(line + "\n").encode() for line in PRACTICE_LINES]
    tally, everybody = Tally(), Tally()
    physicians = list(read_practices(raw, tally, {"10"}))
    assert {one.profession for one in physicians} == {"10"}
    assert all(len(one.phones) == 9 and one.town and one.sector_label for one in physicians)
    assert len(list(read_practices(raw, everybody, ()))) == tally.kept + tally.passed_over
    assert everybody.faults.total() == 0


@given(st.lists(st.one_of(st.binary(max_size=80), st.just(GOOD.encode())), max_size=12))
def test_no_line_ever_breaks_the_reading(lines: list[bytes]) -> None:
    tally = Tally()
    rows = list(read_boxes([BOX_HEADER.encode(), *lines], tally))
    assert len(rows) == tally.kept == (GOOD.encode() in lines)
    assert tally.kept + tally.left_out <= len(lines)
