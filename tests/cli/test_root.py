"""A command that breaks off says so in four lines, and shows nothing of what it was at."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.cli import main
from tests.support.house import opened

SECRET = "LAMBERT"


@pytest.mark.parametrize(
    "words", [("map", "try", "{folder}"), ("why", f"{SECRET}\udcff")], ids=["a folder", "bytes"]
)
def test_a_fault_of_ours_is_told_without_a_traceback_and_without_a_value(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    engine = opened(tmp_path)
    engine.store.close()
    (tmp_path / "relais.db").rename(engine.settings.config.data / "relais.db")
    typed = [word.format(folder=tmp_path) for word in words]
    result = CliRunner().invoke(main, ["--config", str(engine.settings.path), *typed])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    lines = result.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["OP-100", "where:", "effect:", "do:"]
    assert SECRET not in result.output
    assert str(tmp_path) not in result.output


@pytest.mark.parametrize("words", [("nonsense",), ("task", "show", "x"), ("consent", "record")])
def test_a_mistake_in_what_was_typed_stays_a_question_of_usage(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "Usage" in result.output
