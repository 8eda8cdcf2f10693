"""An old national directory is told, where an operator looks."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.runtime.directory_age import annuaire_status, check_annuaire
from engine.runtime.findings import Sound
from engine.store.directory import directory_path
from tests.support.annuaire import Country
from tests.support.directories import NOW, do_import, write_boxes
from tests.support.house import Engine

ROWS = list(Country(doctors=30, others=5, organisations=5).box_lines())[1:]
FORTNIGHT = timedelta(days=14)


def imported(folder: Path, stamp: str) -> Path:
    folder.mkdir(exist_ok=True)
    territory = folder / "t.csv"
    territory.write_text("# version: 1\nkind;name\nCMP;x\n", "utf-8")
    do_import(folder, write_boxes(folder / f"x_{stamp}0000.txt", ROWS), territory)
    return folder


def test_nothing_is_said_before_the_first_import(tmp_path: Path) -> None:
    assert annuaire_status(tmp_path, FORTNIGHT, NOW) is None


@pytest.mark.parametrize(("stamp", "alarm"), [("20261112", None), ("20261109", "16 days old")])
def test_the_alarm_is_raised_by_age(tmp_path: Path, stamp: str, alarm: str | None) -> None:
    told = annuaire_status(imported(tmp_path, stamp), FORTNIGHT, NOW)
    assert told is not None
    assert (alarm in told["alarm"]) if alarm else (told["alarm"] is None)
    assert told["files"]["territory"]


def test_the_sites_own_file_is_never_too_old(tmp_path: Path) -> None:
    territory = tmp_path / "t.csv"
    territory.write_text("# version: 1\nkind;name\nCMP;x\n", "utf-8")
    do_import(tmp_path, territory)
    told = annuaire_status(tmp_path, FORTNIGHT, NOW + timedelta(days=900))
    assert told is not None
    assert told["alarm"] is None


def test_a_damaged_directory_is_told_and_never_raised(tmp_path: Path) -> None:
    directory_path(tmp_path).write_bytes(b"no database")
    told = annuaire_status(tmp_path, FORTNIGHT, NOW)
    assert told is not None
    assert "cannot be read" in told["alarm"]
    assert annuaire_status(tmp_path / ("x" * 300), FORTNIGHT, NOW) is None


def test_the_check_of_the_settings_and_the_status_say_it(engine: Engine) -> None:
    config = engine.settings.config
    imported(config.data, "20251109")
    values = {"data": config.data, "annuaire": config.annuaire}
    found = list(check_annuaire(Sound(values, {}, config.data), NOW))
    assert [one.path for one in found] == [("annuaire", "max_age")]
    context = Context(engine.store, engine.settings, lambda: NOW, "test", lambda: None)
    assert "days old" in perform(context, "status", {})["annuaire"]["alarm"]


def test_an_import_leaves_its_line_in_the_audit_trail(engine: Engine) -> None:
    context = Context(engine.store, engine.settings, lambda: NOW, "pharmacie", lambda: None)
    files = [{"origin": "mailboxes", "dated": "2026-11-24", "rows": 3, "sha256": "ab"}]
    assert perform(context, "directory.imported", {"files": files}) == {"noted": 1}
    kept = engine.store.read_sync(lambda tx: list(tx.audit.entries()))[-1]
    assert (kept.actor, kept.subject, kept.detail["origin"]) == (
        "pharmacie",
        "directory",
        "mailboxes",
    )
