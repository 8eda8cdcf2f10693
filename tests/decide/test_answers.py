"""A mistyped answer closes no task for good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.answers import ANSWERS, CANCEL_NOTICE, GO_ON, choices
from engine.decide.sentences import CURES
from engine.model.task import TaskKind


@pytest.mark.parametrize("kind", list(ANSWERS))
@given(answer=st.text(max_size=20))
def test_a_task_with_a_list_takes_the_words_of_it_alone(kind: TaskKind, answer: str) -> None:
    assert bool(choices(kind, answer)) is (answer not in ANSWERS[kind])


@pytest.mark.parametrize("kind", list(TaskKind))
def test_every_task_whose_cure_says_go_on_takes_it(kind: TaskKind) -> None:
    if "go-on" in CURES[kind]:
        assert GO_ON in ANSWERS[kind]


@pytest.mark.parametrize("near", ["cancel notice", "Cancel-Notice", "annulation", "cancel"])
def test_words_that_nearly_ask_for_the_notice_close_no_correction(near: str) -> None:
    assert CANCEL_NOTICE in choices(TaskKind.CORRECTION, near)


def test_a_correction_is_closed_in_the_words_of_a_person() -> None:
    assert choices(TaskKind.CORRECTION, CANCEL_NOTICE) == ()
    assert choices(TaskKind.CORRECTION, "called Dr Martel, who tore the letter up") == ()
