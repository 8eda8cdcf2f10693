"""That the doctor must not know of the detention, recorded and seen by an operator."""

from datetime import timedelta

from engine.commands import perform
from engine.commands.context import Context
from engine.model.flow import DeliveryState
from tests.support.house import Engine

PATIENT = "26000001"


async def test_a_refusal_recorded_by_a_person_changes_the_face_of_what_waits(
    engine: Engine,
) -> None:
    context = Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (row,) = perform(context, "outbox.list", {})["deliveries"]
    assert row["face"] == "open"
    engine.now += timedelta(seconds=1)
    told = perform(
        context,
        "consent.record",
        {"patient": PATIENT, "purposes": ["detention-told"], "state": "refused"},
    )
    assert told["recorded"] == ["detention-told"]
    await engine.wait(timedelta(seconds=1))
    first, second = engine.deliveries(PATIENT)
    assert (first.state, first.discreet) == (DeliveryState.CANCELLED, False)
    assert (second.state, second.discreet) == (DeliveryState.QUEUED, True)
    rows = perform(context, "outbox.list", {})["deliveries"]
    assert [one["face"] for one in rows] == ["discreet", "open"]
    assert perform(context, "outbox.show", {"delivery": second.id})["face"] == "discreet"
    story = perform(context, "why", {"patient": PATIENT})["text"]
    assert "arrival-notice v1, discreet to claire.martel@" in story
    assert "detention-told: refused" in story
