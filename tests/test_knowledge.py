"""The gate that an attempt asks: in test mode, and once it is over."""

from dataclasses import replace
from datetime import timedelta

from engine.decide.reasons import Reason
from engine.knowledge import Knowledge
from engine.model.flow import Delivery
from engine.model.policy import Mode
from tests.support.house import Engine

BOX = "essais@ch-exempleville.mssante.example"


async def queued(engine: Engine) -> Delivery:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (letter,) = engine.deliveries("26000001")
    return letter


def asked(engine: Engine, letter: Delivery, mode: Mode) -> object:
    policy = engine.knowledge.policy.model_copy(update={"mode": mode, "test_mailboxes": (BOX,)})
    knowledge = Knowledge(policy, engine.knowledge.doctors)
    return engine.store.read_sync(lambda tx: knowledge.may_leave(tx, letter, engine.now))


async def test_in_test_mode_a_letter_leaves_for_a_test_mailbox_alone(engine: Engine) -> None:
    letter = await queued(engine)
    assert asked(engine, letter, Mode.TEST) is Reason.TEST_MODE_ADDRESS
    assert asked(engine, replace(letter, address=BOX), Mode.TEST) is None


async def test_in_production_no_letter_leaves_that_test_mode_diverted(engine: Engine) -> None:
    letter = await queued(engine)
    assert asked(engine, letter, Mode.PRODUCTION) is None
    assert asked(engine, replace(letter, address=BOX), Mode.PRODUCTION) is Reason.DIVERTED_IN_TEST
