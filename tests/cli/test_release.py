"""`relais release` and `relais letter ics`: what an operator types, reads and gets."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from tests.support.forms import EXAMPLE
from tests.support.house import Engine

IPP, VISIT = "26000003", "V260003"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
async def config(engine: Engine) -> str:
    """A store with one patient, who is inside, where a command finds it."""
    await engine.hear("hennebelle-A01")
    path = engine.settings.path
    engine.store.close()
    data = engine.settings.config.data
    data.mkdir(exist_ok=True)
    shutil.move(path.parent / "relais.db", data / "relais.db")
    return str(path)


def test_a_release_is_planned_shown_and_cancelled(config: str) -> None:
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    planned = run("--config", config, "release", "plan", IPP, "--on", day)
    assert (planned.exit_code, planned.output) == (0, "recorded\n")
    shown = run("--config", config, "release", "show", IPP)
    assert shown.output.split("\n")[0] == f"planned for: {day}"
    assert "person" in shown.output
    cancelled = run("--config", config, "release", "plan", IPP, "--cancel")
    assert (cancelled.exit_code, cancelled.output) == (0, "recorded: none is planned\n")
    assert "planned for: -" in run("--config", config, "release", "show", IPP).output


def test_a_day_that_is_past_is_refused_with_a_remedy(config: str) -> None:
    past = run("--config", config, "release", "plan", IPP, "--on", "2026-03-01")
    assert past.exit_code != 0
    assert "That is no day from today on." in past.output


def test_calendar_files_are_for_the_owner_alone_and_overwrite_nothing(
    config: str, tmp_path: Path
) -> None:
    letter = tmp_path / "lettre.json"
    letter.write_bytes(EXAMPLE)
    assert run("--config", config, "letter", "add", str(letter)).exit_code == 0
    folder = tmp_path / "agenda"
    folder.mkdir()
    words = ("--config", config, "letter", "ics", VISIT, "--to", str(folder))
    assert run(*words).exit_code == 0
    (file,) = folder.iterdir()
    assert file.name == "rendez-vous-1.ics"
    assert file.stat().st_mode & 0o077 == 0
    assert b"SUMMARY:CSAPA\r\n" in file.read_bytes()
    before = file.read_bytes()
    again = run(*words)
    assert again.exit_code != 0
    assert "file exists" in again.output
    assert file.read_bytes() == before
