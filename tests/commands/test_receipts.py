"""A call to the doctor, and what follows from it: on the whole engine."""

from datetime import timedelta
from typing import Any

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.decide.ladder import Watch
from engine.inbound.receipts import notice_silence
from engine.model.config import Proof
from engine.model.errors import OperationError
from engine.model.flow import DeliveryState
from engine.store.interface import Tx
from tests.support.house import Engine

PATIENT = "26000001"
GP = "10999990012"
WATCH = Watch(Proof(), frozenset({"mssante"}))


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


async def sent(engine: Engine) -> str:
    """The arrival notice, taken by the operator; then silence until a person is asked."""
    await engine.hear("lambert-A01")
    engine.store.write_sync(lambda tx: notice_silence(tx, WATCH, engine.now))
    await engine.wait(timedelta(seconds=6))
    (letter,) = engine.deliveries(PATIENT)

    def work(tx: Tx) -> None:
        tx.outbox.open_attempt(letter.id, engine.now)
        tx.outbox.move(letter.id, DeliveryState.RELAYED, engine.now)

    engine.store.write_sync(work)
    engine.now += timedelta(days=4)
    engine.store.write_sync(lambda tx: notice_silence(tx, WATCH, engine.now))
    return letter.id


def tasks(context: Context) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in perform(context, "task.list", {})["tasks"]}


def audited(engine: Engine, kind: str) -> list[dict[str, Any]]:
    rows = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    return [dict(row.detail) for row in rows if row.kind == kind]


async def test_a_call_that_says_received_is_proof_of_who_called_and_when(
    engine: Engine, context: Context
) -> None:
    letter = await sent(engine)
    asked = tasks(context)["proof-missing"]
    perform(context, "task.done", {"task": asked["id"], "answer": "received"})
    shown = perform(context, "outbox.show", {"delivery": letter})
    assert shown["stands"] == "confirmed"
    assert "proof-missing" not in tasks(context)
    raw = perform(context, "outbox.evidence", {"delivery": letter, "receipt": 1})
    assert raw["source"] == "person"
    assert audited(engine, "receipt")[0]["stands"] == "confirmed"


@pytest.mark.parametrize(
    "answer", ["Received", "recieved", "reçu", "not my patient", "Pas mon patient", "notmypatient"]
)
async def test_an_answer_that_is_nearly_one_that_decides_something_closes_nothing(
    engine: Engine, context: Context, answer: str
) -> None:
    await sent(engine)
    asked = tasks(context)["proof-missing"]
    with pytest.raises(OperationError) as raised:
        perform(context, "task.done", {"task": asked["id"], "answer": answer})
    assert "received, not-my-patient" in raised.value.remedy
    assert "proof-missing" in tasks(context)
    perform(context, "task.done", {"task": asked["id"], "answer": "sent by post"})
    assert "proof-missing" not in tasks(context)


@pytest.mark.parametrize("way", ["task", "command"])
async def test_not_my_patient_stops_everything_to_that_doctor_asks_anew_and_is_an_incident(
    engine: Engine, context: Context, way: str
) -> None:
    letter = await sent(engine)
    if way == "task":
        asked = tasks(context)["proof-missing"]
        perform(context, "task.done", {"task": asked["id"], "answer": "not-my-patient"})
    else:
        told = perform(context, "gp.disown", {"patient": PATIENT, "rpps": GP})
        assert [one["delivery"] for one in told["sent_before"]] == [letter]
    now = tasks(context)
    assert now.keys() == {"gp-disowned", "incident"}
    assert now["incident"]["about"] == letter
    assert now["incident"]["deadline"]
    assert f"relais gp confirm --rpps {GP}" in now["gp-disowned"]["do"]
    assert perform(context, "outbox.show", {"delivery": letter})["stands"] == "disowned"
    assert audited(engine, "gp-disowned") == [{"rpps": GP, "by": "claire"}]
    # Nothing more: neither by itself, nor because the record says again what it said.
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(days=1))
    assert [one.id for one in engine.deliveries(PATIENT)] == [letter]
    assert "not my patient" in perform(context, "why", {"patient": PATIENT})["text"]
    # The patient was asked, and it is that doctor all the same.
    perform(context, "gp.confirm", {"patient": PATIENT, "rpps": GP})
    assert "gp-disowned" not in tasks(context)


async def test_what_waits_for_that_doctor_is_cancelled(engine: Engine, context: Context) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    perform(context, "gp.disown", {"patient": PATIENT, "rpps": GP})
    (letter,) = engine.deliveries(PATIENT)
    assert (letter.state, letter.reason) == (DeliveryState.CANCELLED, "gp-disowned")
    assert tasks(context).keys() == {"gp-disowned"}  # nothing was told: no incident


async def test_a_doctor_who_has_nothing_to_do_with_the_patient_cannot_disown(
    engine: Engine, context: Context
) -> None:
    await engine.hear("lambert-A01")
    with pytest.raises(OperationError, match="neither declared"):
        perform(context, "gp.disown", {"patient": PATIENT, "rpps": "10999990020"})
