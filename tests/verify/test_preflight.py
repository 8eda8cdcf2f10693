"""What the engine is about to send is judged first; a mail with a fault is never queued."""

from dataclasses import replace
from datetime import timedelta

from engine.compose.pdf import typeset_here
from engine.dispatch import Dispatcher, Press
from engine.model.task import TaskKind
from engine.store.interface import Tx
from tests.support.house import Engine, shop

IPP = "26000001"


def send_with(engine: Engine, press: Press) -> None:
    engine.dispatcher = Dispatcher(
        engine.store,
        knowledge=lambda: engine.knowledge,
        press=lambda: press,
        typeset=typeset_here,
        now=lambda: engine.now,
    )


def press_of(engine: Engine, **codes: object) -> Press:
    config = engine.settings.config
    made = shop()
    wrong = replace(made, xdm=made.xdm.model_copy(update=codes))
    return Press(shop=wrong, hospital=config.hospital, channels=config.channels)


async def test_a_mail_that_breaks_a_rule_is_not_queued_and_a_task_says_where(
    engine: Engine,
) -> None:
    classes = shop().xdm.class_code
    broken = {key: one.model_copy(update={"code": "95"}) for key, one in classes.items()}
    send_with(engine, press_of(engine, class_code=broken))
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(minutes=5))
    assert engine.deliveries(IPP) == []

    def look(tx: Tx) -> tuple[list[TaskKind], str]:
        (patient,) = tx.facts.patients_like(IPP)
        tasks = tx.tasks.of_patient(patient)
        (row,) = [one for one in tx.audit.of_patient(patient) if "LE-" in str(one)]
        return [one.kind for one in tasks], str(row)

    kinds, why = engine.store.read_sync(look)
    assert kinds == [TaskKind.LETTER_IMPOSSIBLE]
    assert "LE-109 The finished mail breaks a rule: part 2 > METADATA.XML > " in why
    assert "ExtrinsicObject: the classCode is not that of the type" in why
    assert "LAMBERT" not in why.upper()


async def test_a_mail_without_fault_leaves(engine: Engine) -> None:
    send_with(engine, press_of(engine))
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(minutes=5))
    assert len(engine.deliveries(IPP)) == 1
