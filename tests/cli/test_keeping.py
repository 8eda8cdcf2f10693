"""What is kept, at the command line."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from engine.store.masters import parse
from tests.support.house import Engine

NUMBER = "26000001"


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, words, input=typed)


@pytest.fixture
async def config(engine: Engine) -> str:
    """A store with one patient, closed, where a command finds it."""
    await engine.hear("lambert-A01")
    engine.store.close()
    path = engine.settings.path
    (path.parent / "relais.db").rename(engine.settings.config.data / "relais.db")
    return str(path)


def test_an_account_goes_to_the_screen_or_to_a_file_of_its_owner(
    config: str, tmp_path: Path
) -> None:
    shown = run("--config", config, "patient", "export", NUMBER)
    assert shown.exit_code == 0
    assert "Ce qui a été envoyé à votre sujet" in shown.output
    target = tmp_path / "account.txt"
    written = run("--config", config, "patient", "export", NUMBER, "--output", str(target))
    assert written.exit_code == 0
    assert target.read_text(encoding="utf-8") == shown.output
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = run("--config", config, "patient", "export", NUMBER, "--output", str(target))
    assert again.exit_code == 1  # never over what is there


def test_nobody_is_forgotten_by_a_slip_of_the_keyboard(config: str) -> None:
    asked = run("--config", config, "patient", "forget", NUMBER, typed="n\n")
    assert asked.exit_code == 1
    assert NUMBER in run("--config", config, "patient", "export", NUMBER).output
    done = run("--config", config, "patient", "forget", NUMBER, typed="y\n")
    assert (done.exit_code, "1 messages" in done.output) == (0, True)
    again = run("--config", config, "patient", "forget", NUMBER, "--yes")
    assert (again.exit_code, "0 facts" in again.output) == (0, True)


def test_purging_says_what_it_dropped(config: str) -> None:
    done = run("--config", config, "purge")
    assert done.exit_code == 0
    assert "1 messages" in done.output  # the demo's clock stands in the past
    assert "given back: " in done.output


def test_keys_are_listed_by_name_rotated_and_made(config: str) -> None:
    folder = Path(config).parent / "data"
    before = run("--config", config, "keys", "list")
    assert before.exit_code == 0
    (old,) = parse((folder / "master.key").read_text(), "")
    assert old.name in before.output
    assert old.key.hex() not in before.output
    assert run("--config", config, "keys", "rotate").exit_code == 0
    (new,) = parse((folder / "master.key").read_text(), "")
    after = run("--config", config, "keys", "list").output
    assert (new.name in after, old.name in after) == (True, False)
    (made,) = parse(run("keys", "make").output, "")
    assert made not in (old, new)


def test_a_master_by_reference_is_checked_and_used(config: str) -> None:
    path = Path(config)
    key = path.parent / "data/master.key"
    key.rename(path.parent / "relais.master")
    text = path.read_text(encoding="utf-8")
    path.write_text(text + '\n[encryption]\nmaster_key = "file:relais.master"\n', encoding="utf-8")
    assert run("--config", config, "patient", "export", NUMBER).exit_code == 0
    assert not key.exists()
    refused = run("--config", config, "keys", "rotate")
    assert (refused.exit_code, "relais keys make" in refused.output) == (1, True)
    lines = (path.parent / "relais.master").read_text()
    (path.parent / "relais.master").write_text(run("keys", "make").output + lines)
    assert run("--config", config, "keys", "rotate").exit_code == 0
    first, _ = parse((path.parent / "relais.master").read_text(), "")
    (path.parent / "relais.master").write_text(first.line)
    assert run("--config", config, "patient", "export", NUMBER).exit_code == 0
    (path.parent / "relais.master").write_text("no key at all")
    checked = run("--config", config, "config", "check")
    assert checked.exit_code == 1
    assert "master_key: line 1 is no master key" in checked.output
    assert "no key at all" not in checked.output
    asked = run("--config", config, "patient", "export", NUMBER)
    assert (asked.exit_code, "no master key" in asked.output) == (1, True)
