"""The gate of the settings: what the worker hears."""

from datetime import timedelta
from pathlib import Path

from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.outbound.permission import Cancel, Leave, Wait
from engine.runtime.settings import Settings, load
from engine.runtime.wiring import Gate, allowed_address
from tests.support.house import Engine, opened


def in_mode(settings: Settings, text: str) -> Settings:
    path = settings.path
    old = path.read_text(encoding="utf-8")
    path.write_text(old.replace('mode = "production"', text), encoding="utf-8")
    return load(path)


def test_in_test_mode_no_address_is_dialed_but_the_declared_ones(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    engine.store.close()
    box = "essais@ch-exempleville.mssante.example"
    test = in_mode(engine.settings, f'mode = "test"\ntest_mailboxes = ["{box}"]')
    assert allowed_address(lambda: test)(box)
    assert not allowed_address(lambda: test)("claire.martel@cabinets.mssante.example")
    assert allowed_address(lambda: engine.settings)("claire.martel@cabinets.mssante.example")


async def test_a_letter_leaves_waits_or_is_cancelled_as_the_gate_says(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (letter,) = engine.deliveries("26000001")
    gate = Gate(lambda: engine.knowledge)

    def asked(at: timedelta) -> object:
        return engine.store.read_sync(lambda tx: gate(tx, letter, engine.now + at))

    assert asked(timedelta()) == Leave()
    assert isinstance(asked(-timedelta(seconds=3)), Wait)  # a clock that was set back
    said = ConsentStated(
        purpose=Purpose.ARRIVAL_NOTICE, state=ConsentState.WITHDRAWN, at=engine.now, by="IDE"
    )
    await engine.store.write(lambda tx: engine.tell(tx, "26000001", said))
    assert asked(timedelta(seconds=1)) == Cancel("consent-withdrawn")
