"""The site's directory file: what a row may leave out, and what is no row."""

from pathlib import Path

import pytest

from engine.model.people import Role
from engine.runtime.directory_file import COLUMNS, read_directory

RPPS = "10999990012"
ROW = f"{RPPS},MARTEL,Claire,Exempleville,claire.martel@cabinets.mssante.example,PER,mssante"


def written(folder: Path, head: str, *rows: str) -> Path:
    path = folder / "directory.csv"
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("told", "role"),
    [("", Role.GP), ("gp", Role.GP), ("CSAPA", Role.CSAPA), (" nurse ", Role.NURSE)],
)
def test_a_row_says_as_what_its_reader_is_shown_a_letter(
    tmp_path: Path, told: str, role: Role
) -> None:
    path = written(tmp_path, ",".join((*COLUMNS, "role")), f"{ROW},{told}")
    found, mistakes = read_directory(path, {"mssante"})
    assert mistakes == ()
    assert [one.role for one in found[RPPS]] == [role]


def test_a_file_without_the_column_is_of_doctors(tmp_path: Path) -> None:
    found, mistakes = read_directory(written(tmp_path, ",".join(COLUMNS), ROW), {"mssante"})
    assert mistakes == ()
    assert found[RPPS][0].role is Role.GP


def test_a_role_that_is_none_leaves_the_row_out_and_the_cure_names_the_roles(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, ",".join((*COLUMNS, "role")), f"{ROW},neighbour")
    found, (mistake,) = read_directory(path, {"mssante"})
    assert found == {}
    assert (mistake.line, mistake.column) == (2, "role")
    assert "coordinator" in mistake.cure
    assert "neighbour" not in f"{mistake.what} {mistake.cure}"
