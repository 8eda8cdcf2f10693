"""The firewall as the daemon builds it: the rules on disk, own terms out of the settings."""

import shutil
from pathlib import Path

import pytest

from engine.model.errors import ConfigError
from engine.privacy.report import UNREADABLE
from engine.runtime import firewall
from engine.runtime.assembly import Assembly
from engine.runtime.firewall import LetterFirewall, ground_of, own_terms
from engine.runtime.mistakes import Weight
from engine.runtime.settings import Settings, examine, load
from engine.runtime.wiring import knowledge_of
from engine.store.sqlite import SqliteStore
from tests.support.deliveries import a_delivery
from tests.support.letters import ROOT

DEMO = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "fixtures/day/directory.csv", tmp_path)
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    for name in ("inbox", "gateway"):
        (tmp_path / name).mkdir()
    text = DEMO.replace("@mappings@", (tmp_path / "mappings").as_posix())
    (tmp_path / "relais.toml").write_text(
        text.replace('ca_file = "mails/ca.pem"\n', ""), encoding="utf-8"
    )
    return tmp_path


def settings(folder: Path) -> Settings:
    return load(folder / "relais.toml")


def test_the_units_of_the_settings_are_the_sites_own_terms(folder: Path) -> None:
    read = settings(folder)
    own = own_terms(read.config, read.dialects)
    for unit in read.config.units.values():
        assert unit.name in own.names
        assert unit.secure_address in own.mailboxes
        assert set(unit.address) <= set(own.addresses)
        assert {unit.phone_dss, unit.phone_dsp} - {None} <= set(own.phones)


def test_a_mistake_in_the_rules_is_told_by_the_check_and_stops_the_daemon(folder: Path) -> None:
    rules = folder / "mappings/privacy/penal.toml"
    rules.write_text(rules.read_text(encoding="utf-8") + "\nmystery = 1\n", encoding="utf-8")
    mistakes = examine(folder / "relais.toml")[1]
    assert any("privacy/penal.toml" in one.what and one.weight is Weight.STOPS for one in mistakes)


def test_other_rules_on_disk_are_another_version(folder: Path) -> None:
    before = ground_of(settings(folder)).version
    rules = folder / "mappings/privacy/penal.toml"
    rules.write_text(rules.read_text(encoding="utf-8") + "# autre\n", encoding="utf-8")
    assert ground_of(settings(folder)).version != before


def test_no_rules_no_firewall(folder: Path) -> None:
    read = settings(folder)
    shutil.rmtree(folder / "mappings/privacy")
    with pytest.raises(ConfigError):
        ground_of(read)


def test_the_store_s_bytes_are_read_and_places_told(folder: Path) -> None:
    read = settings(folder)
    knowledge = knowledge_of(read)
    wall = LetterFirewall(read, lambda: knowledge)
    store = SqliteStore.open(folder / "relais.db")
    try:
        delivery, mime = a_delivery(), b"Subject: x\r\n\r\nnumero d'ecrou 12345\r\n"
        store.write_sync(lambda tx: tx.outbox.add(delivery, mime, {}))
        screened = store.read_sync(lambda tx: wall.prepare(tx, delivery))()
    finally:
        store.close()
    assert screened.found == (("body, line 1", "committal-number"),)
    assert screened.rules == wall.version
    assert "écrou" in wall.sentence("committal-number")


def test_a_fault_of_the_search_holds_the_letter_as_a_leak_would(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError

    read = settings(folder)
    knowledge = knowledge_of(read)
    wall = LetterFirewall(read, lambda: knowledge)
    monkeypatch.setattr(firewall, "search", fails)
    store = SqliteStore.open(folder / "relais.db")
    try:
        delivery = a_delivery()
        store.write_sync(lambda tx: tx.outbox.add(delivery, b"Subject: x\r\n\r\nx\r\n", {}))
        screened = store.read_sync(lambda tx: wall.prepare(tx, delivery))()
    finally:
        store.close()
    assert screened.found == (("mail", UNREADABLE),)


def test_the_daemon_has_its_worker_read_every_letter() -> None:
    import inspect

    assert "firewall=self._firewall" in inspect.getsource(Assembly.__init__)
