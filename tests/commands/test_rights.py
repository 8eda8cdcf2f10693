"""Forgetting, telling, purging, rotating: through the commands, on the whole engine."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from engine.commands import OPERATIONS, perform
from engine.commands.context import Context
from engine.model.errors import OperationError
from engine.model.flow import DeliveryState, JournalState
from engine.store.interface import Tx
from tests.support.house import Engine
from tests.support.stores import came_back

PATIENT = "26000001"


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


def audited(engine: Engine, kind: str) -> list[dict[str, Any]]:
    rows = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    return [dict(row.detail) for row in rows if row.kind == kind and row.actor == "claire"]


async def written(engine: Engine) -> str:
    """The arrival notice of one patient, queued; gives its id."""
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (letter,) = engine.deliveries(PATIENT)
    assert letter.state is DeliveryState.QUEUED
    return letter.id


def send(engine: Engine, delivery: str, to: DeliveryState = DeliveryState.RELAYED) -> None:
    def work(tx: Tx) -> None:
        tx.outbox.open_attempt(delivery, engine.now)
        if to is not DeliveryState.SENDING:
            tx.outbox.move(delivery, to, engine.now)

    engine.store.write_sync(work)


async def test_forgetting_cancels_what_waits_closes_tasks_and_leaves_no_fact(
    engine: Engine, context: Context
) -> None:
    delivery = await written(engine)
    told = perform(context, "patient.forget", {"patient": PATIENT})
    assert told["letters"] == 1
    assert told["messages"] == 1
    assert told["facts"] > 3
    assert engine.deliveries(PATIENT) == []
    kept = engine.store.read_sync(lambda tx: tx.outbox.get(delivery))
    assert kept is not None
    assert (kept.state, kept.reason) == (DeliveryState.CANCELLED, "patient-forgotten")
    (line,) = audited(engine, "patient-forgotten")
    assert line == told | {"why": "asked"}
    # Nothing is decided about a stay of which nothing is known, then or later.
    await engine.wait(timedelta(days=40))
    assert engine.deliveries(PATIENT) == []
    assert perform(context, "task.list", {})["tasks"] == []
    assert engine.store.read_sync(lambda tx: tx.facts.all_stays()) == []


async def test_what_was_sent_is_not_taken_back_because_its_stay_is_forgotten(
    engine: Engine, context: Context
) -> None:
    send(engine, await written(engine))
    perform(context, "patient.forget", {"patient": PATIENT})
    await engine.hear("lambert-A01")  # the DPI says it again
    await engine.wait(timedelta(seconds=6))
    kinds = {one["kind"] for one in perform(context, "task.list", {"all": True})["tasks"]}
    assert "correction" not in kinds
    assert [one.version for one in engine.deliveries(PATIENT)] in ([], [1])


async def test_every_look_at_a_forgotten_patient_is_answered(
    engine: Engine, context: Context
) -> None:
    delivery = await written(engine)
    send(engine, delivery)
    perform(context, "patient.forget", {"patient": PATIENT})
    assert "No stay is known" in perform(context, "why", {"patient": PATIENT})["text"]
    assert perform(context, "consent.list", {"patient": PATIENT}) == {"consents": []}
    shown = perform(context, "outbox.show", {"delivery": delivery, "text": True})
    assert (shown["files"], shown["state"]) == ({}, "relayed")
    message = perform(context, "journal.show", {"entry": 1, "raw": True})
    assert message["unread"] == "its bytes are no longer kept"
    with pytest.raises(OperationError, match="no longer kept"):
        perform(context, "journal.replay", {"entries": [1]})
    for listing in ("journal.list", "outbox.list", "task.list", "status"):
        assert perform(context, listing, {})
    account = perform(context, "patient.export", {"patient": PATIENT})["text"]
    assert "Le texte n'est plus gardé ici." in account
    assert "LAMBERT" not in account
    assert perform(context, "patient.forget", {"patient": PATIENT})["facts"] == 0


async def test_a_letter_that_is_being_sent_is_waited_for(engine: Engine, context: Context) -> None:
    send(engine, await written(engine), DeliveryState.SENDING)
    with pytest.raises(OperationError, match="being sent"):
        perform(context, "patient.forget", {"patient": PATIENT})
    assert engine.store.read_sync(lambda tx: tx.facts.patients_like(PATIENT))
    assert audited(engine, "patient-forgotten") == []


async def test_the_account_tells_the_patient_in_french_and_leaves_its_line(
    engine: Engine, context: Context
) -> None:
    send(engine, await written(engine))
    told = perform(context, "patient.export", {"patient": PATIENT})
    assert told["letters"] == 1
    for words in ("Théo", "LAMBERT", "MARTEL", "remis à la messagerie", "vous étiez d'accord"):
        assert words.lower() in told["text"].lower(), told["text"]
    assert "Ce que le courrier disait" in told["text"]
    assert audited(engine, "read") == [{"what": "export"}]


async def test_purging_drops_what_is_past_its_age_and_needed_no_more(
    engine: Engine, context: Context
) -> None:
    send(engine, await written(engine))
    assert {name: count for name, count in perform(context, "purge", {}).items() if count} == {}
    assert audited(engine, "purged") == []
    engine.now += timedelta(days=91)
    told = perform(context, "purge", {})
    assert (told["messages"], told["patients"], told["letters"]) == (1, 0, 0)
    (line,) = audited(engine, "purged")
    assert line["count"] == 1
    engine.now += timedelta(days=800)
    told = perform(context, "purge", {})
    assert told["letters"] == 1
    assert told["patients"] == 0  # the stay is open still
    assert engine.store.read_sync(
        lambda tx: tx.facts.of_patient(tx.facts.patients_like(PATIENT)[0])
    )
    assert perform(context, "purge", {})["letters"] == 0


def last(task: dict[str, Any]) -> str:
    """The most cautious answer that a task takes."""
    return str((task["answers"] or ["done"])[-1])


async def test_a_patient_whose_stay_is_long_over_is_forgotten_by_age(
    engine: Engine, context: Context
) -> None:
    await engine.hear("faure-A01", "faure-A03")
    await engine.wait(timedelta(days=40))
    for one in perform(context, "task.list", {})["tasks"]:
        answer = (
            "release" if one["kind"] == "exit-kind-unknown" else (one["answers"] or ["done"])[-1]
        )
        perform(context, "task.done", {"task": one["id"], "answer": answer})
    for row in perform(context, "outbox.list", {})["deliveries"]:
        if row["state"] == "queued":
            perform(context, "outbox.cancel", {"delivery": row["id"]})
    await engine.wait(timedelta(days=40))
    for one in perform(context, "task.list", {})["tasks"]:
        perform(
            context, "task.done", {"task": one["id"], "answer": (one["answers"] or ["done"])[-1]}
        )
    await engine.wait(timedelta(days=731))
    told = perform(context, "purge", {})
    assert told["patients"] == 1
    (line,) = audited(engine, "patient-forgotten")
    assert line["why"] == "retention"
    assert perform(context, "purge", {})["patients"] == 0


async def test_files_that_a_folder_kept_go_with_their_age(engine: Engine, context: Context) -> None:
    import os

    (folder,) = engine.settings.config.folder
    done = folder.path / "done"
    done.mkdir(parents=True, exist_ok=True)
    for name, age in (("old.hl7", 91), ("young.hl7", 89)):
        (done / name).write_bytes(b"MSH|")
        when = (engine.now - timedelta(days=age)).timestamp()
        os.utime(done / name, (when, when))
    assert perform(context, "purge", {})["files"] == 1
    assert [path.name for path in done.iterdir()] == ["young.hl7"]
    assert audited(engine, "purged") == [{"count": 1}]


async def test_a_rotation_is_told_and_changes_nothing_that_is_read(
    engine: Engine, context: Context
) -> None:
    await written(engine)
    before = perform(context, "keys.list", {})
    (old,) = before["masters"]
    assert (old["there"], old["first"], old["store_key"], old["patients"]) == (True, True, True, 1)
    told = perform(context, "keys.rotate", {})
    (new,) = perform(context, "keys.list", {})["masters"]
    assert (new["name"], new["name"] == old["name"]) == (told["master"], False)
    assert new["patients"] == 1
    assert audited(engine, "keys-rotated") == [{"keys": 2}]
    assert "LAMBERT" in perform(context, "why", {"patient": PATIENT})["text"]


LOOKS: dict[str, Callable[[str, int], dict[str, Any]]] = {
    "why": lambda _d, _t: {"patient": PATIENT},
    "consent.list": lambda _d, _t: {"patient": PATIENT},
    "consent.show": lambda _d, _t: {"patient": PATIENT},
    "patient.protect": lambda _d, _t: {"patient": PATIENT, "regime": "tutelle"},
    "letter.show": lambda _d, _t: {"stay": "V260001"},
    "letter.check": lambda _d, _t: {"stay": "V260001"},
    "letter.ics": lambda _d, _t: {"stay": "V260001"},
    "release.plan": lambda _d, _t: {"patient": PATIENT, "on": "2026-03-20"},
    "release.show": lambda _d, _t: {"patient": PATIENT},
    "consent.record": lambda _d, _t: {
        "patient": PATIENT, "purposes": ["dmp"], "state": "granted"
    },
    "gp.confirm": lambda _d, _t: {"patient": PATIENT, "rpps": "10999990012"},
    "gp.disown": lambda _d, _t: {"patient": PATIENT, "rpps": "10999990012"},
    "gp.found": lambda _d, _t: {"patient": PATIENT, "answer": "none", "source": "patient"},
    "gp.worklist": lambda _d, _t: {},
    "journal.show": lambda _d, _t: {"entry": 1},
    "journal.replay": lambda _d, _t: {"entries": [1]},
    "outbox.show": lambda d, _t: {"delivery": d},
    "outbox.evidence": lambda d, _t: {"delivery": d, "receipt": 1},
    "outbox.hold": lambda d, _t: {"delivery": d},
    "outbox.cancel": lambda d, _t: {"delivery": d},
    "task.list": lambda _d, _t: {},
    "task.show": lambda _d, t: {"task": t},
    "task.done": lambda _d, t: {"task": t, "answer": "release"},
    "report": lambda _d, _t: {"since": "2026-01-01", "until": "2026-12-31", "list": True},
    "patient.export": lambda _d, _t: {"patient": PATIENT},
    "patient.forget": lambda _d, _t: {"patient": PATIENT},
    "audit.export": lambda _d, _t: {},
}  # fmt: skip
# These show nothing of a patient.
BLIND = {
    "status", "journal.list", "outbox.list", "outbox.again", "outbox.release", "outbox.retry",
    "pause", "resume",
    "audit.verify", "audit.key", "purge", "keys.list", "keys.rotate", "directory.imported",
    # Of doctors; and each line of the list that is taken has the audit lines of gp.found.
    "doctor.note", "doctor.list", "doctor.forget", "gp.import",
    "print.list", "print.done", "print.withdraw",
}  # fmt: skip


# A form is journaled, and has the audit lines of a message: tests/commands/test_letter.py.
JOURNALED = {"letter.add"}


def test_every_operation_is_known_to_look_or_not_to_look() -> None:
    assert LOOKS.keys() | BLIND | JOURNALED == OPERATIONS.keys()


@pytest.mark.parametrize("operation", sorted(LOOKS))
async def test_every_look_at_a_patient_leaves_a_line_in_the_audit(
    engine: Engine, context: Context, operation: str
) -> None:
    delivery = await written(engine)
    await engine.hear("faure-A01", "faure-A03", "simon-A01", "simon-A03")
    await engine.wait(timedelta(days=4))
    (task, *_) = perform(context, "task.list", {})["tasks"]
    engine.store.write_sync(lambda tx: tx.receipts.add(came_back(name=delivery), engine.now))
    before = engine.store.read_sync(lambda tx: tx.audit.head()[0])
    args = LOOKS[operation](delivery, task["id"])
    if operation == "audit.export":
        args = {"file": str(engine.settings.config.data / "trail.jsonl")}
    perform(context, operation, args)
    lines = engine.store.read_sync(lambda tx: tx.audit.entries(after=before))
    assert "claire" in {line.actor for line in lines}


@pytest.mark.parametrize("operation", ["journal.list", "outbox.list", "status", "keys.list"])
async def test_what_leaves_no_line_shows_nothing_of_a_patient(
    engine: Engine, context: Context, operation: str
) -> None:
    await written(engine)
    shown = str(perform(context, operation, {}))
    for word in (PATIENT, "LAMBERT", "V26", "MARTEL", "10999990012", "@"):
        assert word not in shown


async def test_a_parked_message_that_nobody_looked_at_is_kept_however_old(
    engine: Engine, context: Context
) -> None:
    await engine.journal(b"MSH|^~\\&|DPI|CHU|||20260302||ADT^A01|77|P|2.5\rPID|1\r")
    await engine.read()
    (entry,) = engine.store.read_sync(lambda tx: tx.journal.listing())
    assert entry.state is JournalState.PARKED
    engine.now += timedelta(days=4000)
    assert perform(context, "purge", {})["messages"] == 0
    (task,) = perform(context, "task.list", {})["tasks"]
    perform(context, "task.done", {"task": task["id"]})
    assert perform(context, "purge", {})["messages"] == 1
