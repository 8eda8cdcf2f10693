"""The national samples, unchanged, over MLLP to the daemon with mappings/pam-fr."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.demo.player import Sender
from engine.runtime import control
from engine.runtime.settings import load
from engine.store.interface import Entry
from engine.store.sqlite import SqliteStore
from engine.wire.hl7 import read
from tests.bench.daemon import daemon

SAMPLES = Path(__file__).resolve().parents[3] / "shared/samples/pam-fr"
FILES = sorted(SAMPLES.glob("*.[he][lr][7]"))

pytestmark = pytest.mark.skipif(
    not FILES, reason="the national samples are not beside the checkout"
)


@dataclass
class Fed:
    answers: list[str]
    entries: list[Entry]
    shown: list[dict[str, Any]]
    deliveries: int


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Fed:
    folder = tmp_path_factory.mktemp("samples")
    with daemon(folder) as port:
        sender = Sender(port=lambda: port, deadline=time.monotonic() + 60, answers=[])
        for path in FILES:
            sender.send(path.read_bytes())
        sender.close()
        config = load(folder / "relais.toml").config
        while control.call(config, "status", {})["journal"]["received"]:
            time.sleep(0.05)
        rows = control.call(config, "journal.list", {"limit": 100})["entries"]
        numbers = sorted(row["id"] for row in rows)
        shown = [control.call(config, "journal.show", {"entry": one}) for one in numbers]
    store = SqliteStore.open_readonly(folder / "data/relais.db")
    found = store.read_sync(lambda tx: [tx.journal.get(number) for number in numbers])
    entries = [one for one in found if one is not None]
    sent = store.read_sync(lambda tx: len(tx.outbox.listing()))
    store.close()
    return Fed(sender.answers, entries, shown, sent)


def test_every_one_is_answered_aa(fed: Fed) -> None:
    assert fed.answers == ["AA"] * len(FILES)


def test_the_segments_that_went_in_come_out(fed: Fed) -> None:
    kept = {one.raw for one in fed.entries}
    for path in FILES:
        raw = path.read_bytes()
        assert raw in kept
        assert read(raw).encode() == raw


def test_none_is_parked_and_patient_and_gp_are_read(fed: Fed) -> None:
    assert {one["state"] for one in fed.shown} <= {"processed", "left"}
    doctors = {
        fact["gp"]["family"]
        for one in fed.shown
        for fact in one["facts"]
        if fact["kind"] == "gp" and fact.get("gp")
    }
    assert doctors == {"AGNES", "DURAND", "DUMONT"}
    names = {
        fact["traits"].get("birth_family")
        for one in fed.shown
        for fact in one["facts"]
        if fact["kind"] == "person"
    }
    assert names >= {"PAT-TROIS", "RETRO", "BOTON", "FERREIRA", "DARK", "PHILIPPE"}


def test_nothing_leaves_because_of_them(fed: Fed) -> None:
    assert fed.deliveries == 0
