"""A picture of each letter, as a doctor sees it: committed, looked at, and still true."""

import shutil

import pytest

from engine.compose.render import render
from engine.model.fact import Half
from engine.model.letter import CANCELLATIONS, Letter, LetterKind
from tests.support.examples import corrected_letter, whole_letter
from tests.support.golden import ROOT, Golden
from tests.support.letters import (
    HPRIM_FACE,
    PSYCHIATRIC,
    SOMATIC,
    discreet,
    letter,
    second,
    shop,
    summary,
)
from tests.support.pictures import drawn, tiles

DPI = 70
MOST = 150 * 1024  # bytes
NEAR = 12  # of 255: another version of the reader draws the edges of letters a little otherwise

CASES: dict[str, Letter] = {
    "arrival-notice": letter(),
    "exit-notice": letter(LetterKind.EXIT_NOTICE, withheld=(Half.DSS, Half.DSP)),
    "exit-letter-plain": second(summary=summary(SOMATIC, PSYCHIATRIC)),
    "exit-letter-whole": whole_letter(),
    "exit-letter-whole-2": corrected_letter(),
    **{kind.value: letter(kind) for kind in sorted(CANCELLATIONS)},
    "discreet-arrival-notice": discreet(letter()),
    "discreet-exit-letter": discreet(whole_letter()),
}


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="pdftoppm (poppler-utils) is missing")
@pytest.mark.parametrize("name", CASES)
def test_each_letter_looks_as_it_did_when_somebody_looked(name: str, golden: Golden) -> None:
    pages = drawn(render(CASES[name], shop(), HPRIM_FACE).files["letter.pdf"], DPI)
    folder = ROOT / "pictures"
    if golden.update:
        for old in folder.glob(f"{name}.page-*.png"):
            old.unlink()
    for number, page in enumerate(pages, 1):
        path = folder / f"{name}.page-{number}.png"
        if golden.update:
            golden.check(f"pictures/{path.name}", page)
        known = path.read_bytes()
        assert len(known) <= MOST
        if known == page:
            continue
        was, now = tiles(known), tiles(page)
        assert [len(row) for row in was] == [len(row) for row in now]
        worst = max(
            abs(a - b)
            for row, other in zip(was, now, strict=True)
            for a, b in zip(row, other, strict=True)
        )
        assert worst <= NEAR, f"page {number} looks otherwise: see it, then --update-golden"
    assert len(list(folder.glob(f"{name}.page-*.png"))) == len(pages)


def test_a_letter_that_says_something_else_looks_otherwise() -> None:
    one, other = (
        tiles((ROOT / f"pictures/{name}.page-1.png").read_bytes())
        for name in ("arrival-notice", "exit-notice")
    )
    differences = (
        abs(a - b) for r, o in zip(one, other, strict=True) for a, b in zip(r, o, strict=True)
    )
    assert max(differences) > NEAR
