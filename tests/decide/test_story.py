"""The page that tells one patient's whole story: everything that counts is in it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.reasons import SENTENCES
from engine.decide.sentences import TASKS
from engine.decide.story import tell
from engine.model.consent import ConsentState, Purpose
from engine.model.fact import ExitKind, ExitKindDecided, Half, PersonStated
from engine.model.people import Traits
from engine.model.task import Task, TaskKind
from tests.support.patients import (
    BOX,
    START,
    World,
    agreed,
    arrived,
    moved,
    released,
    written,
)

PARIS = ZoneInfo("Europe/Paris")
WORDS = {kind.value: sentence for kind, sentence in TASKS.items()}
HOUR = timedelta(hours=1)


def story(
    world: World, tasks: Sequence[Task] = (), attempts: Mapping[str, Sequence[str]] | None = None
) -> str:
    return tell(world.scene(), world.plan(), world.facts, attempts or {}, tasks, WORDS, PARIS)


def sent() -> World:
    """A patient whose arrival was told and whose letter left at the way out."""
    world = arrived()
    world.wait(HOUR)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    released(world)
    world.wait(3 * HOUR)
    return world


def test_the_head_names_the_patient_and_the_doctor() -> None:
    told = story(arrived())
    first, second, *_ = told.splitlines()
    assert first.startswith("Patient 26000001  LAMBERT THEO, born 19900417, M")
    assert second == "Médecin traitant: MARTEL Claire, RPPS 10999990012"
    assert "  médecin traitant: known, and confirmed for this stay" in told


def test_a_patient_without_a_doctor_is_told_apart_from_one_whose_doctor_is_not_known() -> None:
    world = World()
    world.tell(moved("A01", START, "in"))
    assert "Médecin traitant: not recorded" in story(world)
    world.tell(PersonStated(traits=Traits(has_no_gp=True)))
    assert "Médecin traitant: the patient has none" in story(world)


def test_what_was_sent_is_told_with_its_box_its_version_and_its_proof() -> None:
    world = sent()
    assert [one.letter_kind for _, one in world.left] == ["arrival-notice", "exit-letter"]
    proofs = {one.id: [f"attempt 1 of {one.id}"] for one in world.deliveries.values()}
    text = story(world, attempts=proofs)
    for one in world.deliveries.values():
        assert f"{one.letter_kind} v1 to {BOX.address}: relayed; delivery {one.id}" in text
        assert f"Message-ID {one.message_id}" in text
        assert f"attempt 1 of {one.id}" in text
    assert text.count(SENTENCES[world.plan().threads[0].reason]) == 2


def test_each_thread_of_each_stay_ends_in_its_sentence() -> None:
    world = arrived(consents=ConsentState.REFUSED)
    released(world)
    world.wait(100 * HOUR)
    text = story(world)
    for one in world.plan().threads:
        assert f"  {one.thread} → {one.standing}: {SENTENCES[one.reason]}" in text


def test_facts_stand_in_the_order_in_which_they_were_heard_with_their_source() -> None:
    world = arrived(consents=None)
    world.wait(HOUR)
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now))
    # What the sender recorded first was heard last.
    told = world.facts[-1].model_copy(update={"journal_id": 7, "sender_order": ""})
    world.facts = [told, *world.facts[:-1]]
    heard = story(world).split("What was heard\n")[1].split("\n\n")[0].splitlines()
    assert heard[-1] == (
        "  02/03/2026 10:00  journal 7: arrival-notice: granted "
        "(medecin-traitant, collected by form)"
    )
    assert heard[0] == "  02/03/2026 09:00  said here: identity and traits"
    assert len(heard) == len(world.facts)


def test_hours_are_those_of_the_place() -> None:
    assert "Stay in annoeullin since 02/03/2026 09:00: inside" in story(arrived())


def test_a_way_out_that_a_person_explained_is_told_with_their_name() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world, kind=ExitKind.UNKNOWN)
    world.tell(
        ExitKindDecided(
            visit="V1", movement="out", exit_kind=ExitKind.TRANSFER, at=world.now, by="c.martin"
        )
    )
    text = story(world)
    assert "way out decided: transfer (c.martin)" in text
    assert ": transfer 02/03/2026 10:00" in text


def test_a_cancelled_arrival_leaves_no_stay_and_the_page_says_so() -> None:
    world = arrived()
    world.tell(moved("A01", START, "in", action="CANCEL"))
    text = story(world)
    assert "No stay is known" in text
    assert "CANCEL of" in text


def test_a_fact_of_a_test_message_is_marked() -> None:
    world = World()
    world.tell(moved("A01", START, "in"), test=True)
    assert "[test message]" in story(world)


@pytest.mark.parametrize("kind", list(TaskKind))
def test_open_and_closed_tasks_stand_with_their_words(kind: TaskKind) -> None:
    asked = Task(key="k", kind=kind, id=3, raised_at=START)
    done = asked.model_copy(
        update={"id": 4, "closed_at": START + HOUR, "closed_by": "c.martin", "answer": "go-on"}
    )
    tail = story(arrived(), [done, asked]).splitlines()[-2:]
    assert tail == [
        f"  task 3  02/03/2026 09:00  {TASKS[kind]} [open]",
        f"  task 4  02/03/2026 09:00  {TASKS[kind]} [closed 02/03/2026 10:00 by c.martin: go-on]",
    ]


@given(st.data())
def test_no_part_of_a_story_keeps_it_from_being_told(data: st.DataObject) -> None:
    """Any part of the facts, in any order: a page, each fact in it once."""
    world = sent()
    world.facts = data.draw(st.permutations(world.facts))
    world.facts = world.facts[: data.draw(st.integers(0, len(world.facts)))]
    text = story(world)
    heard = text.split("What was heard\n")[1].split("\n\n")[0].splitlines()
    assert len(heard) == max(1, len(world.facts))
    assert heard == ["  nothing"] or all(": " in line for line in heard)
