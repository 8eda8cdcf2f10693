"""`relais letter`: exit statuses, and what an operator reads."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from engine.model.form import schema
from tests.support.forms import EXAMPLE, encoded, form
from tests.support.house import Engine

VISIT = "V260003"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
async def config(engine: Engine) -> str:
    """A store with one patient, closed, where a command finds it."""
    await engine.hear("hennebelle-A01")
    path = engine.settings.path
    engine.store.close()
    data = engine.settings.config.data
    data.mkdir(exist_ok=True)
    shutil.move(path.parent / "relais.db", data / "relais.db")
    return str(path)


def written(folder: Path, content: bytes) -> str:
    path = folder / "lettre.json"
    path.write_bytes(content)
    return str(path)


def test_the_schema_is_printed_without_settings_and_without_a_daemon() -> None:
    result = run("--config", "/nowhere", "letter", "schema")
    assert result.exit_code == 0
    assert json.loads(result.output) == schema()


def test_a_form_is_added_then_shown_then_checked(config: str, tmp_path: Path) -> None:
    before = run("--config", config, "letter", "check", VISIT)
    assert (before.exit_code, before.output.split("\n")[0]) == (1, "incomplete")
    added = run("--config", config, "letter", "add", written(tmp_path, EXAMPLE))
    assert (added.exit_code, added.output) == (0, "added to the DSS part\n")
    shown = run("--config", config, "letter", "show", VISIT)
    assert shown.exit_code == 0
    assert "Pharmacie du Beffroi" in shown.output
    nurse = run("--config", config, "letter", "show", VISIT, "--role", "nurse")
    assert "As nurse would read it" in nurse.output
    assert run("--config", config, "letter", "show", VISIT, "--role", "x").exit_code == 1
    after = run("--config", config, "letter", "check", VISIT, "--json")
    assert after.exit_code == 0
    assert json.loads(after.output)["complete"] is True


def test_a_draft_is_added_and_said_not_to_leave(config: str, tmp_path: Path) -> None:
    draft = written(tmp_path, encoded(form(validated=False)))
    assert "does not leave" in run("--config", config, "letter", "add", draft).output
    assert run("--config", config, "letter", "check", VISIT).exit_code == 1
    out = written(tmp_path, encoded(form(items=..., withdraw=True)))
    assert "withdrawn" in run("--config", config, "letter", "add", out).output


@pytest.mark.parametrize("content", [b"", b"[" * 3_000_000, encoded(form(visit="V9"))])
def test_a_form_that_is_not_taken_ends_with_the_four_lines(
    config: str, tmp_path: Path, content: bytes
) -> None:
    result = run("--config", config, "letter", "add", written(tmp_path, content))
    assert result.exit_code == 1
    assert "do:" in result.output
    assert "fault of the engine" not in result.output


def test_an_unknown_visit_is_refused(config: str) -> None:
    for command in ("show", "check"):
        result = run("--config", config, "letter", command, "V9")
        assert result.exit_code == 1
        assert "No stay of that visit" in result.output
