"""`relais directory`: what an operator types, and reads."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from engine.runtime.directory_file import read_directory
from tests.support.directories import small_country


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "relais.toml"), "directory", *words])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings that name no more than the data folder, and the country imported."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "relais.toml").write_text('data = "data"\n', "utf-8")
    done = run(folder, "import", *map(str, small_country().write(folder)))
    assert done.exit_code == 0, done.output
    assert "mailboxes: " in done.output
    assert "practices: " in done.output
    return folder


def test_before_the_first_import_the_operator_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "relais.toml").write_text('data = "data"\n', "utf-8")
    for words in (("status",), ("search", "martin"), ("extract", "--town", "x", "--channel", "y")):
        result = run(tmp_path, *words)
        assert result.exit_code == 1
        assert "relais directory import" in result.output


def test_a_file_that_is_none_of_them_is_told_in_four_lines(tmp_path: Path) -> None:
    (tmp_path / "relais.toml").write_text('data = "data"\n', "utf-8")
    result = run(tmp_path, "import", str(tmp_path / "relais.toml"))
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stderr.splitlines()] == [
        "OP-100", "where:", "effect:", "do:",
    ]  # fmt: skip
    assert not (tmp_path / "data" / "directory.db").exists()


def test_status_tells_each_file_with_its_date(site: Path) -> None:
    told = json.loads(run(site, "status", "--json").output)
    assert {one["origin"] for one in told["files"]} == {"mailboxes", "practices"}
    assert all(one["dated"].startswith("2026-11-24T07:30") for one in told["files"])
    assert "mailboxes" in run(site, "status").output


def test_search_finds_says_why_and_judges(site: Path) -> None:
    who = next(one for one in small_country().doctors if one.boxes and len(one.family) > 8)
    place = who.places[0]
    words = ("--family", who.family, "--given", who.given, "--postal", place.postal,
             "--phone", place.phone)  # fmt: skip
    told = json.loads(run(site, "search", *words, "--json").output)
    assert told["beyond_doubt"] == who.rpps
    first = told["candidates"][0]
    assert first["rpps"] == who.rpps
    assert "telephone: equal" in first["evidence"]
    assert {one["address"] for one in first["mailboxes"]} >= {box for box, _ in who.boxes}
    shown = run(site, "search", who.family, who.given)
    assert who.rpps in shown.output
    doubt = run(site, "search", "--family", who.family, "--given", who.given)
    assert "in doubt: neither place nor telephone number" in doubt.output
    assert "beyond doubt" in run(site, "search", "--rpps", who.rpps).output
    assert run(site, "search", "--given", "x" * 30).output == "(nobody)\n"


def test_services_are_listed_with_what_is_wrong_with_their_mailboxes(tmp_path: Path) -> None:
    (tmp_path / "relais.toml").write_text('data = "data"\n', "utf-8")
    territory = tmp_path / "t.csv"
    territory.write_text(
        "# version: 1\nkind;name;mailbox\nCMP;A;\nCPTS;B;b@gmail.com\nCMP;C;c@x.example\n", "utf-8"
    )
    assert run(tmp_path, "import", str(territory)).exit_code == 0
    told = json.loads(run(tmp_path, "services", "--json").output)
    assert [(one["name"], bool(one["refused"])) for one in told] == [
        ("A", False), ("B", True), ("C", True),
    ]  # fmt: skip
    assert "CPTS" not in run(tmp_path, "services", "--kind", "cmp").output


@pytest.mark.parametrize(
    "words",
    [("search",), ("search", "a", "--family", "b"), ("extract", "--channel", "x"), ("import",)],
)
def test_too_little_or_too_much_is_a_question_of_usage(site: Path, words: tuple[str, ...]) -> None:
    result = run(site, *words)
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_an_extract_is_a_directory_file_that_the_daemon_reads(site: Path, tmp_path: Path) -> None:
    town = small_country().towns[0]
    territory = tmp_path / "territory.txt"
    alone = next(
        one
        for one in small_country().doctors
        if len(one.boxes) == 1 and one.boxes[0][1] is None and one.general
    )
    boxless = next(one for one in small_country().doctors if not one.boxes)
    territory.write_text(f"# ours\n{town.name}\n{alone.rpps}\n{boxless.rpps} # a note\n", "utf-8")
    made, left = tmp_path / "directory.csv", tmp_path / "left.csv"
    result = run(
        site, "extract", "--territory", str(territory), "--channel", "mssante",
        "--output", str(made), "--left-out", str(left),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    directory, mistakes = read_directory(made, {"mssante"})
    assert mistakes == ()
    assert directory[alone.rpps][0].address == alone.boxes[0][0]
    assert all(len(boxes) == 1 for boxes in directory.values())
    with left.open(encoding="utf-8", newline="") as file:
        reasons = {row["rpps"]: row["why"] for row in csv.DictReader(file)}
    assert not reasons.keys() & directory.keys()
    assert "no mailbox" in reasons[boxless.rpps]
    by_rpps = {one.rpps: one for one in small_country().doctors}
    for rpps in directory.keys() - {alone.rpps}:
        who = by_rpps[rpps]
        assert who.general
        assert town in {one.town for one in who.places if one.kind == "practice"}
        _, place = next(box for box in who.boxes if box[0] == directory[rpps][0].address)
        assert place is None or place.kind == "practice"


def test_a_number_whose_key_does_not_hold_is_refused(site: Path) -> None:
    result = run(site, "extract", "--rpps", "10999990013", "--channel", "mssante")
    assert result.exit_code == 1
    assert "key" in result.output


def test_an_unknown_number_is_left_out_with_its_reason(site: Path) -> None:
    result = run(site, "extract", "--rpps", "10999990012", "--channel", "mssante")
    assert result.exit_code == 0
    assert "does not hold that number" in result.stderr
    assert result.stdout == "rpps,family,given,place,mailbox,type,channel\n"
