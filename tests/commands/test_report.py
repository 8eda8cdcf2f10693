"""The report of releases: what an operator reads, and what the audit says of the reading."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.decide.report import Ladder, Release
from engine.model.continuity import Continuity, Need, Rung
from engine.model.errors import OperationError
from engine.model.flow import DeliveryState
from engine.model.letter import LetterKind
from engine.runtime.metrics import Levels, Metrics
from engine.store.interface import Tx
from tests.support.forms import EXAMPLE
from tests.support.house import NOW, Engine
from tests.support.stores import came_back

SPAN = {"since": "2026-01-01", "until": "2026-12-31"}


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


def report(context: Context, **args: Any) -> dict[str, Any]:
    return perform(context, "report", SPAN | args)


def counts(told: dict[str, Any], which: str = "needing") -> list[int]:
    return [told["all"][which][rung.value] for rung in Rung]


async def released_with_need(engine: Engine, context: Context) -> None:
    await engine.hear("hennebelle-A01", "hennebelle-A02")
    perform(context, "letter.add", {"form": base64.b64encode(EXAMPLE).decode()})
    await engine.hear("hennebelle-A03")
    await engine.wait(timedelta(hours=6))


async def test_a_release_climbs_from_the_gate_to_a_reading(
    engine: Engine, context: Context
) -> None:
    await engine.hear("hennebelle-A01", "hennebelle-A02")
    assert counts(report(context), "all") == [0, 0, 0, 0, 0]
    perform(context, "letter.add", {"form": base64.b64encode(EXAMPLE).decode()})
    await engine.hear("hennebelle-A03")
    assert counts(report(context)) == [1, 1, 1, 0, 0]
    await engine.wait(timedelta(hours=6))
    sendings = engine.deliveries("26000003")
    letter = next(one for one in sendings if one.letter_kind is LetterKind.EXIT_LETTER)
    await engine.store.write(lambda tx: sent(tx, letter.id, engine))
    assert counts(report(context)) == [1, 1, 1, 1, 0]
    (lack,) = report(context, list=True)["broken"][0]["lacks"]
    assert lack["word"] == "accepted"
    reading = came_back(name=letter.id)
    await engine.store.write(lambda tx: tx.receipts.add(reading, engine.now))
    told = report(context, list=True)
    assert counts(told) == [1, 1, 1, 1, 1]
    assert told["broken"] == []


def sent(tx: Tx, letter: str, engine: Engine) -> None:
    number = tx.outbox.open_attempt(letter, engine.now)
    tx.outbox.close_attempt(letter, number, None, engine.now)
    row = tx.outbox.move(letter, DeliveryState.RELAYED, engine.now)
    engine.knowledge.settle(tx, row.patient, engine.now)


async def test_who_lacks_is_named_on_demand_alone_and_the_audit_tells_it(
    engine: Engine, context: Context
) -> None:
    await released_with_need(engine, context)
    before = engine.store.read_sync(lambda tx: tx.audit.head())
    assert report(context)["broken"] == []
    assert engine.store.read_sync(lambda tx: tx.audit.head()) == before
    (one,) = report(context, list=True)["broken"]
    assert one["patient"] == "26000003"
    assert one["needs"]
    rows = engine.store.read_sync(lambda tx: tx.audit.entries(after=before[0]))
    assert [(row.kind, row.patient) for row in rows] == [("read", "26000003|1.2.250.1.999.1")]


async def test_transfers_and_those_who_are_still_inside_are_no_releases(
    engine: Engine, context: Context
) -> None:
    await engine.hear("lambert-A01", "roux-A01", "roux-A03")
    await engine.wait(timedelta(hours=6))
    assert counts(report(context), "all")[0] == 0


async def test_the_text_says_where_the_way_broke(engine: Engine, context: Context) -> None:
    await released_with_need(engine, context)
    text = report(context, list=True)["text"]
    assert "Released with need, and no letter: 1" in text
    assert "Where the way broke" in text
    assert "patient 26000003, visit V260003" in text
    assert "HENNEBELLE" not in text


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"since": "yesterday"}, "no day"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "before the first"),
        ({"unit": "nowhere"}, "no such unit"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    context: Context, args: dict[str, str], words: str
) -> None:
    with pytest.raises(OperationError, match=words):
        report(context, **args)


def test_the_metrics_tell_who_was_released_with_need_and_no_letter() -> None:
    ladder = Ladder()
    about = Continuity(released_at=NOW, needs=(Need.TREATMENT,), letter_lacks="gp-unknown")
    ladder.count(Release("nord", "V1", about))
    levels = Levels({}, {}, {}, 0, 0.0, paused=False, care={"nord": ladder})
    registry = Metrics(lambda: levels, lambda: None).registry
    untold = "relais_released_with_need_and_no_letter"
    assert registry.get_sample_value(untold, {"unit": "nord"}) == 1
    labels = {"unit": "nord", "rung": "gp-known", "need": "yes"}
    assert registry.get_sample_value("relais_released", labels) == 1
    assert registry.get_sample_value("relais_released", labels | {"need": "unknown"}) == 0
