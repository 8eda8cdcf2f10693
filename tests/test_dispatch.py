"""A letter is queued only if what was decided before it was written is decided still."""

from datetime import timedelta
from typing import Any

import pytest

from engine.dispatch import Dispatcher
from engine.model.consent import ConsentState, ConsentStated, Purpose
from tests.support.house import Engine


async def test_a_no_that_is_said_while_the_letter_is_being_written_keeps_it_from_the_outbox(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.hear("lambert-A01")
    made = Dispatcher._made
    written = []

    def interrupted(*args: Any) -> Any:
        said = ConsentStated(
            purpose=Purpose.ARRIVAL_NOTICE, state=ConsentState.WITHDRAWN, at=engine.now, by="IDE"
        )
        engine.store.write_sync(lambda tx: engine.tell(tx, "26000001", said))
        written.append(said)
        return made(*args)

    monkeypatch.setattr(Dispatcher, "_made", interrupted)
    await engine.wait(timedelta(seconds=6))
    assert len(written) == 1
    assert engine.deliveries("26000001") == []
