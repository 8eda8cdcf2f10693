"""Two patients who are alike, and letters about the wrong person: from messages to commands."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.model.errors import OperationError
from engine.model.flow import DeliveryState
from engine.model.task import Task, TaskKind
from engine.runtime.metrics import Levels, Metrics
from tests.support.house import Engine

DAY = Path(__file__).resolve().parents[1] / "fixtures/day"
SOON, HOUR = timedelta(seconds=6), timedelta(hours=1)
LAMBERT = (DAY / "011-lambert-A01.hl7").read_bytes()


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


def like_lambert(number: str, *changes: tuple[str, str]) -> bytes:
    """LAMBERT THÉO's arrival, under another number; ``changes`` to its text."""
    text = LAMBERT.decode("iso-8859-15").replace("26000001", f"2600{number}")
    for old, new in (
        ("D000001", f"D{number}01"),
        ("260001", f"26{number}"),
        ("M11^", f"M{number}^"),
    ):
        assert old in text
        text = text.replace(old, new)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode("iso-8859-15")


async def tell(engine: Engine, *messages: bytes) -> None:
    for raw in messages:
        await engine.journal(raw)
    await engine.read()


def tasks(engine: Engine, kind: TaskKind = TaskKind.NEAR_IDENTITY) -> list[Task]:
    rows = engine.store.read_sync(lambda tx: tx.tasks.listing(only_open=False))
    return [one for one in rows if one.kind is kind]


def sent(engine: Engine, *numbers: str) -> list[DeliveryState]:
    return [one.state for number in numbers for one in engine.deliveries(number)]


TWIN = like_lambert("0991", ("LAMBERT^THÉO^THÉO", "LAMBERT^HUGO^HUGO"))
SWAPPED = like_lambert("0992", ("LAMBERT^THÉO^THÉO", "THÉO^LAMBERT^LAMBERT"))
SAME = like_lambert("0993")
APART = like_lambert("0994", ("LAMBERT^THÉO^THÉO", "MOREL^HUGO^HUGO"))


@pytest.mark.parametrize("other", [TWIN, SWAPPED, SAME], ids=["twin", "swapped", "same"])
async def test_one_task_a_pair_and_nothing_leaves_of_either_until_a_person_tells_them_apart(
    engine: Engine, context: Context, other: bytes
) -> None:
    number = next(f"2600099{n}" for n in "123" if f"2600099{n}".encode() in other)
    await tell(engine, LAMBERT, other)
    await engine.wait(SOON)
    await engine.wait(HOUR)
    assert sent(engine, "26000001", number) == []
    (task,) = tasks(engine)
    with pytest.raises(OperationError, match="apart"):
        perform(context, "task.done", {"task": task.id, "answer": "done"})
    perform(context, "task.done", {"task": task.id, "answer": "different"})
    await engine.wait(SOON)
    assert sent(engine, "26000001", number) == [DeliveryState.QUEUED] * 2
    await engine.wait(HOUR)
    assert len(tasks(engine)) == 1


async def test_who_shares_little_with_another_is_left_alone(engine: Engine) -> None:
    await tell(engine, LAMBERT, APART)
    await engine.wait(SOON)
    assert sent(engine, "26000001", "26000994") == [DeliveryState.QUEUED] * 2
    assert tasks(engine) == []


async def test_a_newcomer_who_is_alike_stops_what_is_queued_of_the_other(engine: Engine) -> None:
    await tell(engine, LAMBERT)
    await engine.wait(SOON)
    assert sent(engine, "26000001") == [DeliveryState.QUEUED]
    # Not even in a unit: any patient of the hospital may be the one who is meant.
    outside = TWIN.decode("iso-8859-15").replace("5101", "9999").encode("iso-8859-15")
    await tell(engine, outside)
    (delivery,) = engine.deliveries("26000001")
    verdict = engine.store.read_sync(
        lambda tx: engine.knowledge.may_leave(tx, delivery, engine.now)
    )
    assert verdict == "near-identity"
    await engine.wait(SOON)
    assert sent(engine, "26000001") == [DeliveryState.CANCELLED]
    assert len(tasks(engine)) == 1


@pytest.mark.parametrize(("wrong", "right"), [(SAME, "26000001"), (LAMBERT, "26000993")])
async def test_a_correction_in_the_record_closes_the_question_from_either_side(
    engine: Engine, wrong: bytes, right: str
) -> None:
    await tell(engine, LAMBERT, SAME)
    await engine.wait(SOON)
    assert [one.open for one in tasks(engine)] == [True]
    corrected = wrong.decode("iso-8859-15")
    for old, new in (
        ("LAMBERT^THÉO^THÉO", "MOREL^HUGO^HUGO"),
        ("20260302081500||ADT", "20260302083000||ADT"),
        ("EVN||20260302081500", "EVN||20260302083000"),
        ("^ADT_A01|D", "^ADT_A01|E"),
    ):
        assert old in corrected
        corrected = corrected.replace(old, new)
    await tell(engine, corrected.encode("iso-8859-15"))
    await engine.wait(SOON)
    (closed,) = tasks(engine)
    assert (closed.open, closed.closed_by) == (False, "relais")
    assert sent(engine, right) == [DeliveryState.QUEUED]


def outside(raw: bytes) -> bytes:
    """The same person, in no unit of ours."""
    return raw.decode("iso-8859-15").replace("5101", "9999").encode("iso-8859-15")


def later(raw: bytes, *changes: tuple[str, str]) -> bytes:
    """The message said again, a quarter of an hour later."""
    text = raw.decode("iso-8859-15")
    for old, new in (
        ("20260302081500||ADT", "20260302083000||ADT"),
        ("EVN||20260302081500", "EVN||20260302083000"),
        ("^ADT_A01|D", "^ADT_A01|E"),
        *changes,
    ):
        assert old in text
        text = text.replace(old, new)
    return text.encode("iso-8859-15")


async def test_the_question_closes_though_it_lies_with_a_patient_of_no_unit(
    engine: Engine,
) -> None:
    await tell(engine, outside(LAMBERT), SAME)
    await engine.wait(SOON)
    (task,) = tasks(engine)
    assert (task.open, (task.patient or "")[:8]) == (True, "26000001")
    await tell(engine, later(SAME, ("LAMBERT^THÉO^THÉO", "MOREL^HUGO^HUGO")))
    assert [one.open for one in tasks(engine)] == [False]


@pytest.mark.parametrize("low", ["outside", "refused"])
async def test_the_question_of_one_is_not_closed_by_a_look_at_the_other(
    engine: Engine, low: str
) -> None:
    other = outside(LAMBERT) if low == "outside" else LAMBERT.replace(b"LOCAL||O|", b"LOCAL||N|")
    await tell(engine, other, SAME)
    await engine.wait(SOON)
    assert [one.open for one in tasks(engine)] == [True]
    await tell(engine, later(other))
    assert [one.open for one in tasks(engine)] == [True]
    await tell(engine, later(SAME, ("LOCAL||O|", "LOCAL||N|")))
    await engine.wait(SOON)
    assert [one.open for one in tasks(engine)] == [False]


async def test_a_merge_in_the_record_closes_the_question(engine: Engine) -> None:
    await tell(engine, LAMBERT, SAME)
    await engine.wait(SOON)
    (task,) = tasks(engine)
    merge = (
        "MSH|^~\\&|SILLAGE|CHEX|RELAIS|CHEX|20260302083000||ADT^A40^ADT_A39|M1|P|2.5^FRA^2.11|||||"
        "FRA|8859/15\rEVN||20260302083000\r"
        "PID|1||26000001^^^CHEX&1.2.250.1.999.1&ISO^PI||LAMBERT^THÉO^THÉO^^^^L||19900417|M\r"
        "MRG|26000993^^^CHEX&1.2.250.1.999.1&ISO^PI\r"
    )
    await tell(engine, merge.encode("iso-8859-15"))
    await engine.wait(HOUR)
    (closed,) = tasks(engine)
    assert (closed.id, closed.open) == (task.id, False)


async def test_both_stand_side_by_side_and_both_looks_are_on_record(
    engine: Engine, context: Context
) -> None:
    await tell(engine, LAMBERT, TWIN)
    await engine.wait(SOON)
    (task,) = tasks(engine)
    told = perform(context, "task.show", {"task": task.id})
    rows = told["side_by_side"]
    assert "number: 26000001 | 26000991  (differs)" in rows
    assert "birth family: LAMBERT | LAMBERT" in rows
    assert "birth given: THÉO | HUGO  (differs)" in rows
    looks = engine.store.read_sync(lambda tx: tx.audit.entries(limit=1000))
    seen = {one.patient for one in looks if one.kind == "read" and one.actor == "claire"}
    assert {one and one.partition("|")[0] for one in seen} == {"26000001", "26000991"}


async def test_nobody_is_linked_by_likeness(engine: Engine) -> None:
    await tell(engine, LAMBERT, TWIN, SWAPPED, SAME)
    await engine.wait(HOUR)

    def look(tx: Any) -> list[int]:
        keys = [tx.facts.patients_like(f"2600{n}") for n in ("0001", "0991", "0992", "0993")]
        return [len(tx.facts.cluster(key)) for (key,) in keys]

    assert engine.store.read_sync(look) == [1, 1, 1, 1]


async def test_no_readable_trait_lies_in_the_index(engine: Engine, tmp_path: Path) -> None:
    await tell(engine, LAMBERT)
    rows = engine.store.read_sync(
        lambda tx: tx.facts._run("SELECT trace FROM likeness", ()).fetchall()  # type: ignore[attr-defined]
    )
    assert len(rows) >= 3
    assert {len(row[0]) for row in rows} == {16}


# ---- incidents ----


async def told_then_cancelled(engine: Engine) -> None:
    await engine.hear("petit-A01")
    await engine.wait(SOON)
    (notice,) = engine.deliveries("26000006")

    def leave(tx: Any) -> None:
        tx.outbox.open_attempt(notice.id, engine.now)
        tx.outbox.move(notice.id, DeliveryState.RELAYED, engine.now)

    engine.store.write_sync(leave)
    await engine.hear("petit-A11")


async def test_an_incident_shows_its_deadline_and_is_counted_once_it_is_past(
    engine: Engine, context: Context
) -> None:
    await told_then_cancelled(engine)
    (incident,) = tasks(engine, TaskKind.INCIDENT)
    assert len(tasks(engine, TaskKind.CORRECTION)) == 1
    deadline = (engine.now + timedelta(hours=72)).isoformat(timespec="seconds")
    rows = perform(context, "task.list", {})["tasks"]
    assert {one["kind"]: one["deadline"] for one in rows} == {
        "incident": deadline,
        "correction": None,
    }
    status = perform(context, "status", {})
    assert status["incidents"] == {"open": 1, "past_due": 0, "next_deadline": deadline}
    engine.now += timedelta(hours=72)
    assert perform(context, "status", {})["incidents"]["past_due"] == 1
    perform(context, "task.done", {"task": incident.id, "answer": "notified"})
    await engine.wait(HOUR)
    assert perform(context, "status", {})["incidents"]["open"] == 0
    assert len(tasks(engine, TaskKind.INCIDENT)) == 1


def test_the_metrics_count_the_incidents_that_are_past_due() -> None:
    levels = Levels({}, {}, {}, 0, 0.0, paused=False, incidents_past_due=2)
    metrics = Metrics(lambda: levels, lambda: None)
    assert metrics.registry.get_sample_value("relais_incidents_past_due") == 2


async def test_no_log_names_the_patient_of_an_incident(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    await told_then_cancelled(engine)
    told = "".join(capsys.readouterr())
    assert "PETIT" not in told
    assert "26000006" not in told
