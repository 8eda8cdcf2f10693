"""`relais doc check`: told by bytes, in sentences, without a daemon or a configuration."""

import json
import os
from pathlib import Path

from click.testing import CliRunner

from engine.cli import main
from engine.compose.render import render
from tests.support.letters import FACE, letter, shop

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(
        main, ["--config", "/nonexistent", "doc", "check", *map(str, words)]
    )
    return result.exit_code, result.output


def test_a_good_mail_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "odd-name.pdf"
    file.write_bytes(render(letter(), shop(), FACE).mime)
    assert run(file) == (0, f"{file}: mail\n  no fault found\n")
    assert run("--leaving", file)[0] == 0


def test_each_file_has_its_block_and_one_fault_is_enough(tmp_path: Path) -> None:
    good = FIXTURES / "verify" / "exit-letter.xml"
    bad = tmp_path / "bad.xml"
    bad.write_bytes(good.read_bytes().replace(b'value="#sortie"', b'value="sortie"'))
    code, told = run(good, bad)
    assert code == 1
    first, second = told.split(f"{bad}: ")
    assert first.startswith(f"{good}: CDA R2, level 3, exit letter (LDL-SES)\n")
    assert "error" not in first.replace("no error found", "")
    assert (
        "  error    ClinicalDocument/component/structuredBody/component[3]/section(42545-4)/"
        "entry[2]/observation/text/reference: a reference begins with #\n"
    ) in second


def test_leaving_counts_what_readers_would_live_with() -> None:
    good = FIXTURES / "verify" / "exit-letter.xml"
    assert run(good)[0] == 0
    assert run("--leaving", good)[0] == 1


def test_json_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"nothing that is known")
    code, told = run("--json", file)
    assert code == 1
    (one,) = json.loads(told)
    assert one["kind"] == "unknown"
    assert one["good"] is False
    assert one["findings"][0]["grave"] is True


def test_a_file_that_is_not_there_is_a_question_of_usage() -> None:
    assert run("/nonexistent/file")[0] == 2


def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for odd in (pipe, Path("/dev/zero")):
        code, told = run(odd)
        assert code != 0
        assert "not judged" in told
