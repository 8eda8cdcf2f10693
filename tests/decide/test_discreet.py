"""Which face a letter shows: the patient's word on whether the doctor may know of the detention."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decide.letters import write
from engine.decide.plan import verdict_on
from engine.decide.reasons import Reason
from engine.decide.wish import task
from engine.model.config import Hospital
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose
from engine.model.errors import ComposeError
from engine.model.fact import Action, DocumentForm, GpConfirmed, GpStated, Half
from engine.model.flow import DeliveryState
from engine.model.letter import LetterKind
from engine.model.policy import IfNotAsked, Policy
from engine.model.task import TaskKind
from tests.support.patients import (
    DSP,
    GP,
    OTHER_GP,
    POLICY,
    START,
    World,
    agreed,
    arrived,
    moved,
    released,
    written,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TOLD = Purpose.DETENTION_TOLD
DISCREET_SITE = POLICY.model_copy(update={"detention_if_not_asked": IfNotAsked.DISCREET})
FACELESS = POLICY.model_copy(
    update={
        "units": {
            key: face.model_copy(update={"neutral": None}) for key, face in POLICY.units.items()
        }
    }
)
HOSPITAL = Hospital(
    name="CH d'Exempleville",
    finess="590000006",
    patient_oid="1.2.250.1.999.1",
    visit_oid="1.2.250.1.999.2",
    source_oid="1.2.250.1.999.9",
)


def arrival(
    *answers: ConsentState, policy: Policy = POLICY, recipient: str = MEDECIN_TRAITANT
) -> World:
    """A patient who agreed to every letter, and answered so, in this order, about the detention."""
    world = arrived(consents=None)
    world.policy = policy
    world.tell(
        *(agreed(one, ConsentState.GRANTED, START) for one in Purpose if one is not TOLD),
        *(
            agreed(TOLD, state, START + number * MINUTE, recipient)
            for number, state in enumerate(answers)
        ),
    )
    return world


def faces(world: World) -> list[str]:
    return ["discreet" if one.discreet else "open" for _, one in world.left]


def kinds_of_tasks(world: World) -> list[TaskKind]:
    return [one.kind for one in world.plan().tasks]


@pytest.mark.parametrize(
    ("answers", "of_site_told", "of_site_discreet"),
    [
        ([], "open", "discreet"),
        ([ConsentState.NOT_ASKED], "open", "discreet"),
        ([ConsentState.GRANTED], "open", "open"),
        ([ConsentState.REFUSED], "discreet", "discreet"),
        ([ConsentState.COULD_NOT_BE_ASKED], "discreet", "discreet"),
        ([ConsentState.GRANTED, ConsentState.WITHDRAWN], "discreet", "discreet"),
        ([ConsentState.REFUSED, ConsentState.GRANTED], "open", "open"),
        # To have been asked once is never undone by a form that was left empty.
        ([ConsentState.REFUSED, ConsentState.NOT_ASKED], "discreet", "discreet"),
        ([ConsentState.GRANTED, ConsentState.NOT_ASKED], "discreet", "discreet"),
    ],
)
def test_the_last_word_of_the_patient_chooses_the_face_and_the_site_where_there_is_none(
    answers: list[ConsentState], of_site_told: str, of_site_discreet: str
) -> None:
    for policy, expected in ((POLICY, of_site_told), (DISCREET_SITE, of_site_discreet)):
        world = arrival(*answers, policy=policy)
        world.wait(HOUR)
        assert faces(world) == [expected]


def test_it_is_never_a_purpose_that_a_letter_leans_on() -> None:
    world = arrival(ConsentState.GRANTED)
    world.wait(HOUR)
    (notice,) = [one for _, one in world.left]
    assert notice.purposes == (Purpose.ARRIVAL_NOTICE.value,)
    # And alone it lets nothing leave.
    silent = arrived(consents=None)
    silent.tell(agreed(TOLD, ConsentState.GRANTED, START))
    silent.wait(timedelta(days=5))
    assert silent.left == []


def test_that_one_doctor_may_know_lets_no_other_know() -> None:
    world = arrival(ConsentState.GRANTED)
    world.wait(HOUR)
    assert faces(world) == ["open"]
    world.tell(
        GpStated(gp=OTHER_GP),
        GpConfirmed(rpps=OTHER_GP.rpps or "", at=world.now, by="form"),
        moved("A03", world.now, "out", exit_kind="release"),
        *(agreed(one, ConsentState.GRANTED, world.now) for one in Purpose if one is not TOLD),
    )
    world.wait(timedelta(hours=3))
    assert [one.rpps for _, one in world.left] == [GP.rpps, OTHER_GP.rpps]
    assert faces(world) == ["open", "discreet"]


def test_a_no_about_another_doctor_leaves_it_untold() -> None:
    world = arrival(ConsentState.REFUSED, recipient=OTHER_GP.rpps or "")
    world.wait(HOUR)
    assert faces(world) == ["discreet"]


def test_a_no_of_an_earlier_stay_stands_where_nobody_asked_again() -> None:
    for last, expected in (
        ((ConsentState.REFUSED,), "discreet"),
        ((ConsentState.REFUSED, ConsentState.GRANTED), "open"),
        ((ConsentState.COULD_NOT_BE_ASKED,), "open"),
    ):
        world = arrival(*last)
        world.wait(HOUR)
        released(world)
        world.wait(timedelta(days=40))
        back = world.now
        world.tell(
            moved("A01", back, "in-2", visit="V2"),
            GpConfirmed(rpps=GP.rpps or "", at=back, by="form"),
            *(agreed(one, ConsentState.GRANTED, back) for one in Purpose if one is not TOLD),
        )
        world.wait(HOUR)
        notices = [one for _, one in world.left if one.letter_kind is LetterKind.ARRIVAL_NOTICE]
        assert ["open", "discreet"][notices[-1].discreet] == expected
        assert len(notices) == 2


def test_a_refusal_one_second_before_stops_an_open_letter_and_a_discreet_one_follows() -> None:
    world = arrival()
    world.now += HOUR
    (send,) = [one.send for one in world.plan().threads if one.send]
    queued = world.delivery(send)
    world.deliveries[queued.id] = queued
    assert verdict_on(world.scene(), queued) is None
    world.tell(agreed(TOLD, ConsentState.REFUSED, world.now))
    world.now += timedelta(seconds=1)
    assert verdict_on(world.scene(), queued) is Reason.SUPERSEDED
    world.act()
    assert world.deliveries[queued.id].state is DeliveryState.CANCELLED
    assert faces(world) == ["discreet"]


def test_a_letter_that_may_be_sent_again_is_not_once_the_detention_must_not_be_told() -> None:
    world = arrival()
    world.now += HOUR
    (send,) = [one.send for one in world.plan().threads if one.send]
    unsure = replace(world.delivery(send), possibly_sent=True, attempts=1)
    world.deliveries[unsure.id] = unsure
    world.tell(agreed(TOLD, ConsentState.REFUSED, world.now))
    world.act()
    # The doctor may have it: nothing new is written, and the same bytes do not leave again.
    assert world.left == []
    assert list(world.deliveries) == [unsure.id]
    assert world.deliveries[unsure.id].state is DeliveryState.CANCELLED


def test_who_was_told_openly_is_not_written_to_again_and_later_letters_have_the_face_of_then() -> (
    None
):
    world = arrival()
    world.wait(HOUR)
    world.tell(agreed(TOLD, ConsentState.REFUSED, world.now))
    world.wait(timedelta(days=2))
    assert faces(world) == ["open"]
    released(world)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    world.wait(timedelta(hours=3))
    assert faces(world) == ["open", "discreet"]
    world.tell(written(Half.DSS, world.now, "D2", "b", replaces="D1"))
    world.tell(agreed(TOLD, ConsentState.GRANTED, world.now))
    world.wait(HOUR)
    assert faces(world) == ["open", "discreet", "open"]
    assert world.left[-1][1].version == 2


def test_without_a_neutral_face_a_stay_that_must_be_discreet_is_not_told_and_one_task_asks() -> (
    None
):
    world = arrival(ConsentState.REFUSED, policy=FACELESS)
    world.wait(HOUR)
    assert world.left == []
    (asked,) = world.plan().tasks
    assert (asked.kind, asked.about) == (TaskKind.NEUTRAL_FACE_MISSING, "[units.annoeullin]")
    released(world)
    world.tell(written(Half.DSS, world.now, "D1", "a"))
    world.wait(timedelta(hours=3))
    assert world.left == []
    assert {one.reason for one in world.plan().threads} == {
        Reason.LEFT_BEFORE_NOTICE,
        Reason.NEUTRAL_FACE_MISSING,
    }
    assert kinds_of_tasks(world) == [TaskKind.NEUTRAL_FACE_MISSING]
    world.policy = POLICY
    world.act()
    assert faces(world) == ["discreet"]
    assert kinds_of_tasks(world) == []


def test_a_letter_is_never_written_under_the_other_face() -> None:
    world = arrival(ConsentState.REFUSED)
    world.now += HOUR
    (send,) = [one.send for one in world.plan().threads if one.send]
    made = write(world.scene(), send, {}, HOSPITAL, world.now)
    assert made.discreet
    assert made.unit == POLICY.units["annoeullin"].neutral
    world.policy = FACELESS
    with pytest.raises(ComposeError, match="no neutral face"):
        write(world.scene(), send, {}, HOSPITAL, world.now)


def test_pages_that_nobody_read_do_not_leave_discreetly_until_a_person_has() -> None:
    world = arrival(ConsentState.REFUSED)
    world.wait(HOUR)
    released(world)
    pages = written(Half.DSP, world.now, "D2", "b", form=DocumentForm.PDF)
    world.tell(
        moved("A02", START, "ward", care=DSP),
        written(Half.DSS, world.now, "D1", "a"),
        pages,
    )
    world.wait(timedelta(hours=3))
    assert [one.parts for _, one in world.left[1:]] == [("DSS:" + "a" * 64,)]
    (asked,) = world.plan().tasks
    assert asked.kind is TaskKind.PAGES_UNREAD
    assert asked == task(TaskKind.PAGES_UNREAD, asked.patient or "", asked.stay or "", asked.about)
    world.cleared = frozenset({asked.key})
    world.wait(HOUR)
    assert [len(one.parts) for _, one in world.left[1:]] == [1, 2]
    # Other pages are asked about anew.
    world.tell(written(Half.DSP, world.now, "D2", "c", form=DocumentForm.PDF))
    world.wait(HOUR)
    assert kinds_of_tasks(world).count(TaskKind.PAGES_UNREAD) == 1
    assert len(world.left) == 3


def test_pages_leave_openly_as_they_are() -> None:
    world = arrival(ConsentState.GRANTED)
    released(world)
    world.tell(written(Half.DSS, world.now, "D1", "a", form=DocumentForm.PDF))
    world.wait(timedelta(hours=3))
    assert world.left[-1][1].letter_kind is LetterKind.EXIT_LETTER
    assert TaskKind.PAGES_UNREAD not in kinds_of_tasks(world)


@pytest.mark.parametrize("policy", [POLICY, FACELESS], ids=["with a face", "without"])
def test_a_letter_is_taken_back_under_the_face_in_force(policy: Policy) -> None:
    world = arrival()
    world.wait(HOUR)
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.tell(agreed(TOLD, ConsentState.REFUSED, world.now))
    world.policy = policy
    world.wait(HOUR)
    world.recalled = frozenset({world.left[0][1].id})
    world.wait(HOUR)
    if policy is POLICY:
        assert faces(world) == ["open", "discreet"]
    else:
        assert faces(world) == ["open"]
        assert TaskKind.NEUTRAL_FACE_MISSING in kinds_of_tasks(world)


# A sequence of what happens: (what is said, of whom) or minutes that pass.
SAYS = st.tuples(
    st.sampled_from(list(ConsentState)),
    st.sampled_from([MEDECIN_TRAITANT, GP.rpps or "", OTHER_GP.rpps or ""]),
)
STEPS = st.lists(
    st.one_of(
        SAYS,
        st.integers(1, 300),
        st.sampled_from(["release", "part", "other part", "psychiatric pages", "cancel release"]),
    ),
    max_size=14,
)


def may_tell(said: list[ConsentStated], site: IfNotAsked) -> bool:
    """The rule, as a person would apply it: said by nobody else's code."""
    of_this_doctor = [one for one in said if one.recipient in (MEDECIN_TRAITANT, GP.rpps)]
    if of_this_doctor and of_this_doctor[-1].state is ConsentState.GRANTED:
        return True
    asked = [one for one in said if one.state is not ConsentState.NOT_ASKED]
    return not asked and site is IfNotAsked.TOLD


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.sampled_from(IfNotAsked), st.booleans())
def test_never_an_open_letter_that_the_patient_or_the_site_does_not_want(
    steps: list[object], site: IfNotAsked, has_face: bool
) -> None:
    policy = (POLICY if has_face else FACELESS).model_copy(update={"detention_if_not_asked": site})
    world = arrival(policy=policy)
    said: list[ConsentStated] = []
    parts = 0
    for step in [*steps, 200, 200]:
        before = len(world.left)
        match step:
            case int():
                world.now += step * MINUTE
            case "release":
                released(world)
            case "cancel release":
                world.tell(moved("A03", world.now, "out", action=Action.CANCEL))
            case (state, recipient):
                world.now += MINUTE
                told = agreed(TOLD, state, world.now, recipient)
                said.append(told)
                world.tell(told)
            case _:
                parts += 1
                half = Half.DSS if step == "part" else Half.DSP
                form = DocumentForm.PDF if step == "psychiatric pages" else DocumentForm.TEXT
                content = f"{parts:x}"[-1]
                world.tell(written(half, world.now, f"D-{half}", content, form=form))
        world.act()
        for _, left in world.left[before:]:
            assert left.discreet is not may_tell(said, site)
            assert has_face or not left.discreet
