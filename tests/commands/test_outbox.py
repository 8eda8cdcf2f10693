"""What a person is told of a letter they moved is what became of it."""

from datetime import timedelta

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.model.flow import DeliveryState
from tests.support.house import Engine


@pytest.mark.parametrize("act", ["hold", "release"])
async def test_a_letter_that_may_no_longer_leave_is_not_told_as_moved(
    engine: Engine, act: str
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (letter,) = engine.deliveries("26000001")
    context = Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)
    if act == "release":
        assert perform(context, "outbox.hold", {"delivery": letter.id})["state"] == "held"
    engine.now += timedelta(days=60)  # too late to be told about by machine
    told = perform(context, f"outbox.{act}", {"delivery": letter.id})
    (after,) = engine.deliveries("26000001")
    assert after.state is DeliveryState.CANCELLED
    assert (told["state"], told["reason"]) == (after.state.value, after.reason)
