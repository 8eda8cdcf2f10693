"""A few random sequences, each time others; ``make modeltest`` plays a hundred thousand."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import knowledge
from engine.knowledge import Knowledge
from engine.outbound import ledger, worker
from tests.sequences.__main__ import quiet
from tests.sequences.play import fails, play, shrunk
from tests.sequences.steps import Step, any_sequence, any_step

_DICE = st.randoms(use_true_random=False)
TOLD = [Step("arrive", 0, 1, ("DSS", "granted")), Step("clock", 0, 4, ("6",))]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    before = structlog.get_config()
    quiet()
    yield
    structlog.configure(**before)


@settings(max_examples=40)
@given(_DICE)
def test_no_sequence_of_messages_wills_clock_steps_and_crashes_breaks_a_rule(dice: Random) -> None:
    assert fails(any_sequence(dice)) == ""


@settings(max_examples=4)
@given(st.lists(st.builds(any_step, _DICE), max_size=4))
def test_no_printed_letter_breaks_a_rule_either(steps: list[Step]) -> None:
    assert fails([*TOLD, *steps], printed=True) == ""


# The oracle is one only if it sees what the gate keeps back. Here the gate is taken away:
# sentence → what happens while the letter lies in the outbox.
WAITS = (Step("arrive", 0, 1, ("DSS", "granted")), Step("clock", 0, 0, ("6",)))
INTERRUPTED: dict[str, list[Step]] = {
    "sent without agreement: arrival-notice is withdrawn": [
        Step("said", 0, 1, ("arrival-notice", "withdrawn")),
    ],
    "sent after death": [Step("death", 0, 1)],
    "sent though PID-32 is DOUB": [Step("identity", 0, 0, ("DOUB", ""))],
    "sent to a doctor who is not the médecin traitant": [Step("doctor", 0, 2)],
    "sent about a stay that is none of this patient's": [Step("cancel-arrival", 0)],
    "the detention is told to a doctor who should not know": [
        Step("said", 0, 1, ("detention-told", "refused")),
    ],
    "an INS leaves that is not qualified": [Step("identity", 0, 0, ("PROV", ""))],
    "two records that contradict each other were merged, and nobody looked": [
        Step("identity", 1, 0, ("PROV", "")),
        Step("merge", 0, 0),
    ],
    "another patient is alike, and nobody told them apart": [Step("identity", 2, 0, ("PROV", ""))],
}


def test_a_document_that_does_not_hold_the_identity_for_qualified_takes_the_ins_out() -> None:
    steps = [
        Step("identity", 0, 0, ("VALI", "ins")),
        Step("arrive", 0, 45, ("DSS", "granted")),
        Step("merge", 2, 108, ()),
        Step("arrive", 0, 255, ("DSP", "granted")),
        Step("document", 2, 550, ("DSS",)),
    ]
    assert fails(steps) == ""


def test_an_agreement_of_a_visit_begun_in_another_unit_in_that_very_second_counts_there() -> None:
    steps = [
        Step("arrive", 0, 616, ("DSS", "granted")),
        Step("clock", 0, 603, ("6",)),
        Step("move", 0, 1, ("elsewhere",)),
        Step("leave", 0, 27, ("release",)),
        Step("arrive", 0, 758, ("DSS", "granted")),
    ]
    assert fails(steps) == ""


@pytest.mark.parametrize("sentence", INTERRUPTED)
def test_the_oracle_sees_what_only_the_gate_keeps_back(
    sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [Step("identity", 0, 0, ("VALI", "ins")), *WAITS, *INTERRUPTED[sentence]]
    assert fails(steps) == ""
    monkeypatch.setattr(Knowledge, "may_leave", lambda *_: None)
    decide = knowledge.plan
    monkeypatch.setattr(knowledge, "plan", lambda scene: replace(decide(scene), cancels=()))
    assert sentence in fails(steps)


def test_the_oracle_sees_what_leaves_ahead_of_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    unread = Step("form", 0, 0, ("arrival-notice", "withdrawn"), unread=True)
    steps = [*WAITS, unread, Step("clock", 0, 2, ("2",))]
    assert fails(steps) == ""
    for module in (ledger, worker):
        monkeypatch.setattr(module, "behind", lambda *_: False)
    assert "acknowledged a second ago" in fails(steps)


def test_the_oracle_sees_an_act_of_a_person_that_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = [*WAITS, Step("pause"), Step("clock", 0, 4, ("1",))]
    assert fails(steps) == ""
    for module in (ledger, worker):
        monkeypatch.setattr(module, "paused", lambda *_: False)
    assert "while everything is paused" in fails(steps)


def test_a_failing_sequence_is_told_by_its_fewest_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Knowledge, "may_leave", lambda *_: None)
    noise = [Step("outcome", words=("deferred",)), Step("again"), Step("answer", pick=3)]
    said = Step("said", 0, 1, ("arrival-notice", "withdrawn"))
    decide = knowledge.plan
    monkeypatch.setattr(knowledge, "plan", lambda scene: replace(decide(scene), cancels=()))
    assert shrunk([*noise, *WAITS, *noise, said, *noise]) == [*WAITS, said]


@pytest.mark.parametrize("after", ["before", "after"])
@pytest.mark.parametrize("commits", range(5))
def test_a_crash_at_any_commit_of_an_arrival_loses_nothing(commits: int, after: str) -> None:
    seen = asyncio.run(play([Step("crash", 0, commits, (after,)), *WAITS]))
    # Cut before its outcome was on the disk, the mail goes again under the same Message-ID.
    assert seen["sent arrival-notice"] - seen["sent again after silence"] == 1
    assert seen["crash"] == 1
