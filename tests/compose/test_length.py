"""A letter is bounded before any of it is printed, and no doctor is told half of it."""

import time

import pytest

from engine.compose.faults import LengthError
from engine.compose.length import MOST_CHARACTERS, MOST_LINES, ROW, check_length
from engine.compose.render import render
from engine.model.fact import Half
from engine.model.summary import MOST_CHARACTERS as MOST_OF_ONE
from engine.model.summary import MOST_OF_A_KIND, Items, PlannedCare, Treatment
from engine.verify import check
from tests.support.letters import FACE, shop
from tests.support.summaries import exit_letter, said

ROWS = Items(
    treatments=tuple(Treatment(label=f"M{n}", posology="1 matin") for n in range(MOST_OF_A_KIND))
)
LINES = Items(synthesis="\n".join(["- a"] * MOST_LINES))
WORDS = Items(synthesis="Un mot de plus. " * (MOST_OF_ONE // 16))


@pytest.mark.parametrize("items", [ROWS, LINES, WORDS], ids=["rows", "lines", "words"])
def test_the_longest_letter_is_printed_and_judged_in_seconds(items: Items) -> None:
    of = exit_letter(said(items))
    start = time.process_time()
    made = render(of, shop(), FACE)
    assert check("x", made.mime, leaving=True).findings == ()
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "parts",
    [
        (LINES, Items(synthesis="Une ligne.")),
        (ROWS, ROWS, Items(plan=(PlannedCare(label="x"),))),
        (WORDS, WORDS),
    ],
    ids=["lines", "rows", "words"],
)
def test_a_letter_that_is_longer_is_refused_before_it_is_printed(parts: tuple[Items, ...]) -> None:
    assert ROW * 2 * MOST_OF_A_KIND == MOST_LINES
    assert 2 * MOST_OF_ONE > MOST_CHARACTERS
    of = exit_letter(*(said(one, Half.DSS) for one in parts))
    with pytest.raises(LengthError, match="LE-110") as caught:
        render(of, shop(), FACE, typeset=lambda _: pytest.fail("printed"))
    assert "Une ligne" not in str(caught.value)


def test_a_letter_at_the_bound_is_taken() -> None:
    check_length(exit_letter(said(ROWS), said(ROWS, Half.DSP)))
