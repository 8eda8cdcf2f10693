"""The table of gates cannot rot: what it takes away is there. ``make gatetest`` takes it away."""

import pytest

from engine.decide.gate import evidence_of_veto
from tests.gates.mutation import ROOT, Mutation, NoSuchGateError, replaced, returns
from tests.gates.table import GATES


@pytest.mark.parametrize("gate", GATES, ids=lambda one: f"{one.gate}: {one.what}")
def test_what_a_mutation_takes_away_is_there_and_its_tests_are(gate: Mutation) -> None:
    text = (ROOT / gate.file).read_text(encoding="utf-8")
    changed = gate.applied(text)
    assert changed != text
    compile(changed, gate.file, "exec")
    assert gate.tests
    for test in gate.tests:
        assert (ROOT / test).exists()


def test_no_mutation_stands_there_twice() -> None:
    assert len({(one.file, one.function, one.answer, one.old, one.new) for one in GATES}) == len(
        GATES
    )


def test_a_gate_that_is_gone_or_doubled_is_told() -> None:
    text = (ROOT / "engine/decide/gate.py").read_text(encoding="utf-8")
    assert evidence_of_veto.__name__ in text
    with pytest.raises(NoSuchGateError):
        returns("x", "decide/gate.py", "no_such_gate", "None").applied(text)
    with pytest.raises(NoSuchGateError):
        replaced("x", "x", "decide/gate.py", "return", "", "").applied(text)
