"""What an operator does: each act and each look at a patient leaves its line in the audit."""

from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.commands import OPERATIONS, perform
from engine.commands.context import Context
from engine.model.errors import OperationError
from engine.model.flow import DeliveryState
from tests.support.house import Engine

PATIENT = "26000001"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


def audited(engine: Engine, kind: str) -> list[dict[str, Any]]:
    rows = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    return [dict(row.detail) for row in rows if row.kind == kind and row.actor == "claire"]


async def heard_and_written(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))


async def test_the_story_tells_what_was_heard_decided_and_sent(
    engine: Engine,
    context: Context,
) -> None:
    await heard_and_written(engine)
    told = perform(context, "why", {"patient": PATIENT})
    for words in (
        "LAMBERT",
        "MARTEL",
        "arrival-notice: granted",
        "arrival → sending",
        "v1 to claire",
    ):
        assert words in told["text"]
    assert audited(engine, "read") == [{"what": "story"}]


@pytest.mark.parametrize(
    ("operation", "args", "words"),
    [
        ("why", {"patient": "nobody"}, "No patient"),
        ("why", {}, "missing"),
        ("journal.show", {"entry": 99}, "no such entry"),
        ("journal.show", {"entry": True}, "whole number"),
        ("outbox.show", {"delivery": "zzz"}, "no such delivery"),
        ("task.done", {"task": 99}, "no such task"),
        (
            "consent.record",
            {"patient": PATIENT, "purposes": ["x"], "state": "granted"},
            "no such purpose",
        ),
        ("consent.record", {"patient": PATIENT, "purposes": [], "state": "granted"}, "No purpose"),
        (
            "consent.record",
            {"patient": PATIENT, "purposes": ["dmp"], "state": "x"},
            "no such state",
        ),
        (
            "consent.record",
            {"patient": PATIENT, "purposes": ["dmp"], "state": "granted", "recipient": "123"},
            "no RPPS",
        ),
        (
            "consent.record",
            {
                "patient": PATIENT,
                "purposes": ["dmp"],
                "state": "granted",
                "at": "2099-01-01T00:00+00:00",
            },
            "moment of the past",
        ),
        ("gp.confirm", {"patient": PATIENT, "rpps": "10999990020"}, "not the one declared"),
        ("nonsense", {}, "no operation"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_next_act(
    engine: Engine,
    context: Context,
    operation: str,
    args: dict[str, Any],
    words: str,
) -> None:
    await engine.hear("lambert-A01")
    with pytest.raises(OperationError) as raised:
        perform(context, operation, args)
    assert words in raised.value.what
    assert raised.value.remedy
    assert audited(engine, "human-act") == []


async def test_a_withdrawal_recorded_by_a_person_cancels_what_waits(
    engine: Engine,
    context: Context,
) -> None:
    await heard_and_written(engine)
    perform(
        context,
        "consent.record",
        {"patient": PATIENT, "purposes": ["arrival-notice"], "state": "withdrawn"},
    )
    (letter,) = engine.deliveries(PATIENT)
    assert letter.state is DeliveryState.CANCELLED
    assert audited(engine, "consent-recorded") == [
        {
            "purpose": "arrival-notice",
            "state": "withdrawn",
            "recipient": "medecin-traitant",
            "said_at": engine.now.isoformat(),
            "how": "unknown",
            "language": None,
            "voice": "patient",
        }
    ]
    listed = perform(context, "consent.list", {"patient": PATIENT})["consents"]
    assert listed[-1]["by"] == "claire"


async def test_hold_release_and_cancel_move_a_letter_along_the_table_alone(
    engine: Engine,
    context: Context,
) -> None:
    await heard_and_written(engine)
    (letter,) = engine.deliveries(PATIENT)
    args = {"delivery": letter.id}
    assert perform(context, "outbox.hold", args)["state"] == "held"
    with pytest.raises(OperationError):
        perform(context, "outbox.retry", args)
    assert perform(context, "outbox.release", args)["state"] == "queued"
    assert perform(context, "outbox.cancel", args)["state"] == "cancelled"
    with pytest.raises(OperationError):
        perform(context, "outbox.release", args)
    assert [row["to"] for row in audited(engine, "delivery-moved")] == [
        "held",
        "queued",
        "cancelled",
    ]


async def test_a_letter_cancelled_by_a_person_is_not_written_again(
    engine: Engine,
    context: Context,
) -> None:
    await heard_and_written(engine)
    (letter,) = engine.deliveries(PATIENT)
    perform(context, "outbox.cancel", {"delivery": letter.id})
    await engine.wait(timedelta(hours=1))
    assert len(engine.deliveries(PATIENT)) == 1


async def corrected(engine: Engine) -> None:
    """The hospital corrects the spelling of the name: the letter would say something else."""
    (path,) = (ROOT / "fixtures/day").glob("*lambert-A01.hl7")
    raw = path.read_bytes().replace(b"LAMBERT", b"LAMBERTY").replace(b"D000001", b"D000099")
    engine.now += timedelta(seconds=1)
    await engine.journal(raw.replace(b"20260302081500|", b"20260302090000|"))
    await engine.read()
    await engine.wait(timedelta(seconds=6))


async def test_the_cancel_of_a_person_stands_when_the_content_changes_and_a_task_tells_it(
    engine: Engine,
    context: Context,
) -> None:
    await heard_and_written(engine)
    (letter,) = engine.deliveries(PATIENT)
    perform(context, "outbox.cancel", {"delivery": letter.id})
    await corrected(engine)
    assert len(engine.deliveries(PATIENT)) == 1
    (asked,) = perform(context, "task.list", {})["tasks"]
    assert (asked["kind"], asked["about"]) == ("cancelled-letter", letter.id)
    with pytest.raises(OperationError):
        perform(context, "task.done", {"task": asked["id"], "answer": "done"})
    perform(context, "task.done", {"task": asked["id"], "answer": "no"})
    await engine.wait(timedelta(hours=1))
    assert len(engine.deliveries(PATIENT)) == 1
    assert perform(context, "task.list", {})["tasks"] == []


async def test_a_cancelled_letter_that_a_person_asks_for_again_is_written_as_of_now(
    engine: Engine,
    context: Context,
) -> None:
    await heard_and_written(engine)
    (letter,) = engine.deliveries(PATIENT)
    perform(context, "outbox.cancel", {"delivery": letter.id})
    await corrected(engine)
    (asked,) = perform(context, "task.list", {})["tasks"]
    perform(context, "task.done", {"task": asked["id"], "answer": "go-on"})
    await engine.wait(timedelta(seconds=6))
    _, anew = engine.deliveries(PATIENT)
    assert (anew.state, anew.version) == (DeliveryState.QUEUED, 1)
    assert anew.statement != letter.statement


async def test_a_cancelled_letter_may_be_asked_for_again_though_nothing_changed(
    engine: Engine,
    context: Context,
) -> None:
    await heard_and_written(engine)
    (letter,) = engine.deliveries(PATIENT)
    with pytest.raises(OperationError, match="No person cancelled"):
        perform(context, "outbox.again", {"delivery": letter.id})
    perform(context, "outbox.cancel", {"delivery": letter.id})
    for _ in range(2):  # asked twice is asked once
        perform(context, "outbox.again", {"delivery": letter.id})
        await engine.wait(timedelta(seconds=6))
        _, anew = engine.deliveries(PATIENT)
        assert anew.state is DeliveryState.QUEUED
    # The new one, cancelled too, stays cancelled.
    perform(context, "outbox.cancel", {"delivery": anew.id})
    await engine.wait(timedelta(hours=1))
    assert len(engine.deliveries(PATIENT)) == 2
    lines = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    assert ("task-closed", "claire") in {(line.kind, line.actor) for line in lines}


async def test_a_person_tells_what_a_way_out_of_unknown_kind_means(
    engine: Engine,
    context: Context,
) -> None:
    await engine.hear("faure-A01", "faure-A03")
    await engine.wait(timedelta(seconds=6))
    (row,) = [
        one
        for one in perform(context, "task.list", {})["tasks"]
        if one["kind"] == "exit-kind-unknown"
    ]
    with pytest.raises(OperationError) as raised:
        perform(context, "task.done", {"task": row["id"], "answer": "gone fishing"})
    assert "release" in raised.value.remedy
    perform(context, "task.done", {"task": row["id"], "answer": "release"})
    await engine.wait(timedelta(seconds=6))
    (letter,) = engine.deliveries("26000009")
    assert letter.letter_kind.value == "exit-notice"
    with pytest.raises(OperationError):
        perform(context, "task.done", {"task": row["id"], "answer": "release"})


async def test_a_veto_is_lifted_by_a_person_who_has_looked(
    engine: Engine,
    context: Context,
) -> None:
    await engine.hear("protege-A01")
    await engine.wait(timedelta(seconds=8))
    (row,) = perform(context, "task.list", {})["tasks"]
    assert row["kind"] == "identity-veto"
    assert "PD1-12" in row["do"]
    perform(context, "task.done", {"task": row["id"], "answer": "go-on"})
    await engine.wait(timedelta(seconds=8))
    assert len(engine.deliveries("26000027")) == 1


async def test_the_journal_shows_what_was_read_and_reads_it_anew(
    engine: Engine,
    context: Context,
) -> None:
    await engine.hear("lambert-A01")
    told = perform(context, "journal.show", {"entry": 1, "raw": True})
    assert told["event"] == "ADT^A01"
    assert {fact["kind"] for fact in told["facts"]} >= {"person", "gp", "movement", "consent"}
    assert "LAMBERT" in told["raw"]
    rows = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    assert [(row.patient or "").partition("|")[0] for row in rows if row.kind == "read"] == [
        PATIENT
    ]
    assert "LAMBERT" not in str(perform(context, "journal.list", {}))
    assert perform(context, "journal.replay", {"entries": [1]})["replayed"] == [1]
    assert perform(context, "status", {})["journal"]["received"] == 1
    assert audited(engine, "human-act") == [{"act": "replay"}]


async def test_pause_and_resume_are_acts_of_a_person(
    engine: Engine,
    context: Context,
) -> None:
    perform(context, "pause", {})
    assert perform(context, "status", {})["paused"] is True
    perform(context, "resume", {})
    assert perform(context, "status", {})["paused"] is False
    assert [row["act"] for row in audited(engine, "human-act")] == ["pause", "resume"]


@pytest.mark.parametrize("form", ["jsonl", "atna"])
async def test_the_trail_is_written_to_a_new_file_alone(
    engine: Engine,
    context: Context,
    tmp_path: Path,
    form: str,
) -> None:
    await heard_and_written(engine)
    target = tmp_path / "trail"
    perform(context, "audit.export", {"file": str(target), "format": form})
    data = target.read_bytes()
    assert target.stat().st_mode & 0o077 == 0
    assert b"audit trail" in data or b64encode(b"audit trail") in data  # the look itself
    assert (b"AuditMessage" in data) == (form == "atna")
    assert b"letter-queued" in data or b"delivery" in data
    with pytest.raises(OperationError):
        perform(context, "audit.export", {"file": str(target), "format": form})


def test_every_operation_has_a_command() -> None:
    from engine import cli

    room = Path(cli.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in room.glob("*.py"))
    for name in OPERATIONS:
        group, _, act = name.partition(".")
        assert f'"{name}"' in source or (group == "outbox" and f'_outbox_act("{act}"' in source)
