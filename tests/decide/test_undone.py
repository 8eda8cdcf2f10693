"""What a "no" comes too late for."""

from datetime import timedelta

import pytest

from engine.decide.story import tell
from engine.decide.undone import too_late_for
from engine.model.consent import Collected, ConsentState, ConsentStated, Purpose, Voice
from engine.model.fact import Half
from engine.model.letter import LetterKind
from tests.support.house import ZONE
from tests.support.patients import GP, OTHER_GP, World, agreed, arrived, released, written

HOUR = timedelta(hours=1)
ARRIVAL, LETTER = LetterKind.ARRIVAL_NOTICE, LetterKind.EXIT_LETTER


def sent() -> World:
    """An arrival notice, then a letter with the somatic part."""
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(3 * HOUR)
    assert [one.letter_kind for _, one in world.left] == [ARRIVAL, LETTER]
    return world


def late(world: World, said: ConsentStated) -> list[LetterKind]:
    return [one.letter_kind for one in too_late_for(said, world.deliveries.values())]


@pytest.mark.parametrize("state", [ConsentState.REFUSED, ConsentState.WITHDRAWN])
@pytest.mark.parametrize(
    ("purpose", "letters"),
    [
        (Purpose.ARRIVAL_NOTICE, [ARRIVAL]),
        (Purpose.EXIT_NOTICE, []),
        (Purpose.EXIT_LETTER_SOMATIC, [LETTER]),
        (Purpose.EXIT_LETTER_PSYCHIATRIC, []),
        (Purpose.LETTER_WRITTEN, [LETTER]),
        (Purpose.DETENTION_TOLD, [ARRIVAL, LETTER]),
    ],
)
def test_a_no_comes_too_late_for_what_left_by_that_purpose(
    purpose: Purpose, state: ConsentState, letters: list[LetterKind]
) -> None:
    world = sent()
    assert late(world, agreed(purpose, state, world.now)) == letters
    assert late(world, agreed(purpose, state, world.now, GP.rpps or "")) == letters
    assert late(world, agreed(purpose, state, world.now, OTHER_GP.rpps or "")) == []


def test_a_yes_undoes_nothing_and_what_never_left_is_not_told() -> None:
    world = sent()
    assert late(world, agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now)) == []
    silent = arrived(consents=ConsentState.REFUSED)
    silent.wait(HOUR)
    assert late(silent, agreed(Purpose.ARRIVAL_NOTICE, ConsentState.REFUSED, silent.now)) == []


def test_a_discreet_letter_told_no_detention() -> None:
    world = arrived()
    world.tell(agreed(Purpose.DETENTION_TOLD, ConsentState.REFUSED, world.now))
    world.wait(HOUR)
    assert len(world.left) == 1
    assert late(world, agreed(Purpose.DETENTION_TOLD, ConsentState.REFUSED, world.now)) == []


def test_the_story_says_it_and_who_spoke_how_and_in_which_language() -> None:
    world = sent()
    said = agreed(Purpose.EXIT_LETTER_SOMATIC, ConsentState.WITHDRAWN, world.now)
    world.tell(
        said.model_copy(
            update={"how": Collected.INTERPRETER, "language": "ar", "voice": Voice.PATIENT}
        )
    )
    text = tell(world.scene(), world.plan(), world.facts, {}, [], {}, ZONE)
    letter = world.left[1][1]
    (line,) = (one for one in text.splitlines() if "too late for" in one)
    for words in ("exit-letter v1", GP.rpps or "", letter.message_id, letter.intended):
        assert words in line
    assert "withdrawn (medecin-traitant, interpreter, in ar, collected by form)" in text
