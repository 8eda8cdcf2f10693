"""The site's own file of services."""

import pytest

from engine.directory.extraction import UnreadableFileError
from engine.directory.territory import COLUMNS, is_territory, read_territory

HEAD = "# version: 2026-11\n" + ";".join(COLUMNS) + "\n"
GOOD = "CPTS;CPTS de l'Invention;Nord;59000;Exempleville;03 20 00 00 01;a@cpts.mssante.example;"


def test_services_are_read_with_their_version() -> None:
    read = read_territory("\ufeff" + HEAD + GOOD + "\n\n" + GOOD + "\n")
    assert read.version == "2026-11"
    assert len(read.rows) == 1
    assert read.rows[0].name == "CPTS de l'Invention"
    assert read.mistakes == ()


def test_columns_may_come_in_any_order_and_most_may_lack() -> None:
    read = read_territory('# Version: 3 ;;\nname,kind\n"Équipe, mobile",emot\n')
    assert (read.version, read.rows[0].kind, read.rows[0].name) == ("3", "EMOT", "Équipe, mobile")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("CLUB;x;;;;;;", "kind"),
        ("CMP;;;;;;;", "name"),
        ("CMP;x;;5900;;;;", "postal"),
        ("CMP;x;;;;1234;;", "phone"),
        ("CMP;x;;;;;pas une adresse;", "mailbox"),
        ("CMP;x;;;;;;" + "n" * 501, ""),
        ("CMP;x\x1b[2J;;;;;;", ""),
        ("CMP;x", ""),
    ],
)
def test_a_row_with_a_mistake_is_left_out_and_told(row: str, column: str) -> None:
    read = read_territory(HEAD + GOOD + "\n" + row + "\n")
    assert len(read.rows) == 1
    assert [(one.line, one.column) for one in read.mistakes] == [(4, column)]


@pytest.mark.parametrize(
    "text",
    ["", "kind;name\nCMP;x\n", "# version:\nkind;name\n", "# version: 1\nname;area\n",
     "# version: 1\nkind;name;name\n", '# version: 1\nkind;name\nCMP;"x\n'],
)  # fmt: skip
def test_a_file_without_version_or_columns_is_refused(text: str) -> None:
    with pytest.raises(UnreadableFileError):
        read_territory(text)


def test_the_file_is_known_by_its_first_line() -> None:
    assert is_territory("# Version: 1")
    assert not is_territory("version;kind")
