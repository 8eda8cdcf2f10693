"""What must be said, and what must never be."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.plan import Standing
from engine.decide.reasons import Reason
from engine.model.consent import RESTRICTIVENESS, ConsentState, ConsentStated, Purpose
from engine.model.fact import (
    Action,
    ExitKind,
    GpConfirmed,
    GpStated,
    Half,
    PersonStated,
)
from engine.model.flow import DeliveryState
from engine.model.letter import LetterKind, Thread
from engine.model.people import Ins, Traits
from engine.model.policy import Mode
from engine.model.task import TaskKind
from tests.support.patients import (
    DSP,
    ELSEWHERE,
    GP,
    OTHER_GP,
    START,
    TRAITS,
    World,
    agreed,
    arrived,
    moved,
    released,
    written,
)

HOUR = timedelta(hours=1)


def verdict(world: World, thread: Thread, stay: int = 0) -> tuple[Standing, Reason]:
    plan = world.plan()
    keys = [one.key for one in world.scene().record.stays]
    (found,) = (one for one in plan.threads if one.thread is thread and one.stay == keys[stay])
    return found.standing, found.reason


def open_tasks(world: World) -> set[TaskKind]:
    return {one.kind for one in world.plan().tasks}


def kinds(world: World) -> list[tuple[LetterKind, int]]:
    return [(one.letter_kind, one.version) for _, one in world.left]


def test_an_agreed_arrival_is_told_after_the_hold_back_and_once() -> None:
    world = arrived()
    world.wait(timedelta(minutes=29))
    assert world.left == []
    world.wait(timedelta(minutes=2))
    for _ in range(5):
        world.wait(HOUR)
    assert kinds(world) == [(LetterKind.ARRIVAL_NOTICE, 1)]


@pytest.mark.parametrize("state", [one for one in ConsentState if one is not ConsentState.GRANTED])
def test_without_an_agreement_nothing_leaves(state: ConsentState) -> None:
    world = arrived(consents=state)
    world.wait(100 * HOUR)
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(100 * HOUR)
    assert world.left == []


def test_an_arrival_nobody_asked_about_waits_for_the_consultation_then_becomes_a_task() -> None:
    world = arrived(consents=None)
    world.wait(71 * HOUR)
    assert verdict(world, Thread.ARRIVAL) == (Standing.WAITING, Reason.AWAITS_CONSULTATION)
    world.wait(2 * HOUR)
    assert verdict(world, Thread.ARRIVAL) == (Standing.ASKING, Reason.CONSENT_NOT_ASKED)
    assert open_tasks(world) == {TaskKind.CONSENT_MISSING}


def test_a_withdrawal_one_moment_before_stops_what_is_queued() -> None:
    world = arrived()
    world.now += HOUR
    plan = world.plan()
    send = next(one.send for one in plan.threads if one.send)
    world.deliveries[send.delivery] = world.delivery(send)
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.WITHDRAWN, world.now))
    world.deliver()
    assert world.left == []
    assert world.deliveries[send.delivery].state is DeliveryState.CANCELLED
    assert world.deliveries[send.delivery].reason == Reason.CONSENT_WITHDRAWN


def test_an_arrival_cancelled_in_the_hold_back_is_never_told() -> None:
    world = arrived()
    world.wait(timedelta(minutes=10))
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(HOUR)
    assert world.left == []
    assert world.plan().threads == ()


def test_an_arrival_cancelled_after_the_notice_asks_a_person_to_correct() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A01", START, "in", action=Action.CANCEL))
    world.wait(HOUR)
    assert open_tasks(world) == {TaskKind.CORRECTION, TaskKind.INCIDENT}


def test_both_parts_leave_joined_in_one_letter() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A02", world.now, "in2", care=DSP))
    world.tell(written(Half.DSS, world.now, "d1", "a"), written(Half.DSP, world.now, "d2", "b"))
    released(world)
    world.wait(3 * HOUR)
    assert kinds(world)[1:] == [(LetterKind.EXIT_LETTER, 1)]
    assert world.left[-1][1].parts == (f"DSP:{'b' * 64}", f"DSS:{'a' * 64}")


def test_a_part_that_comes_later_makes_a_second_version_that_replaces_the_first() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(moved("A02", world.now, "in2", care=DSP))
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(3 * HOUR)
    assert TaskKind.LETTER_MISSING in open_tasks(world)
    world.tell(written(Half.DSP, world.now, "d2", "b"))
    world.wait(timedelta(minutes=14))
    world.wait(timedelta(minutes=2))
    assert kinds(world)[1:] == [(LetterKind.EXIT_LETTER, 1), (LetterKind.EXIT_LETTER, 2)]
    assert open_tasks(world) == set()


def test_with_nothing_written_an_exit_notice_leaves_and_a_task_asks_for_the_letter() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.wait(3 * HOUR)
    assert kinds(world)[1:] == [(LetterKind.EXIT_NOTICE, 1)]
    assert open_tasks(world) == {TaskKind.LETTER_MISSING}
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(HOUR)
    assert kinds(world)[1:] == [(LetterKind.EXIT_NOTICE, 1), (LetterKind.EXIT_LETTER, 2)]


@pytest.mark.parametrize("flaw", [{"validated": False}, {"masked": True}, {"half": None}], ids=str)
def test_a_document_that_is_not_validated_or_is_masked_or_of_no_half_never_leaves(
    flaw: dict[str, object],
) -> None:
    world = arrived()
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a").model_copy(update=flaw))
    world.wait(3 * HOUR)
    assert all(one.parts == () for _, one in world.left)


def test_the_psychiatric_part_stays_when_it_was_refused() -> None:
    world = arrived()
    world.tell(moved("A02", world.now + HOUR, "in2", care=DSP))
    world.now += HOUR
    world.tell(agreed(Purpose.EXIT_LETTER_PSYCHIATRIC, ConsentState.REFUSED, world.now))
    world.tell(written(Half.DSS, world.now, "d1", "a"), written(Half.DSP, world.now, "d2", "b"))
    released(world)
    world.wait(3 * HOUR)
    assert world.left[-1][1].parts == (f"DSS:{'a' * 64}",)


@pytest.mark.parametrize("kind", [one for one in ExitKind if one is not ExitKind.RELEASE])
def test_only_a_release_is_told(kind: ExitKind) -> None:
    world = arrived()
    world.wait(HOUR)
    told = len(world.left)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    released(world, kind=kind)
    world.wait(50 * HOUR)
    assert len(world.left) == told


def test_a_release_cancelled_and_entered_again_is_told_once() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    released(world)
    world.wait(HOUR)
    world.tell(moved("A03", world.now, "out", action=Action.CANCEL))
    world.wait(3 * HOUR)
    released(world, movement="out2")
    world.wait(3 * HOUR)
    assert kinds(world)[1:] == [(LetterKind.EXIT_LETTER, 1)]


def test_a_release_that_turns_out_a_transfer_after_the_letter_asks_for_a_correction() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(3 * HOUR)
    world.tell(moved("A03", world.now, "out", action=Action.UPDATE, exit_kind=ExitKind.TRANSFER))
    world.wait(HOUR)
    assert TaskKind.CORRECTION in open_tasks(world)


def test_back_in_the_unit_the_next_day_neither_exit_letter_nor_second_notice_leaves() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.wait(HOUR)
    world.tell(moved("A01", world.now, "in2", visit="V2"))
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, world.now))
    world.wait(10 * HOUR)
    assert kinds(world) == [(LetterKind.ARRIVAL_NOTICE, 1)]
    assert verdict(world, Thread.EXIT, 0)[1] is Reason.CAME_BACK
    assert verdict(world, Thread.ARRIVAL, 1)[1] is Reason.ALREADY_TOLD


def test_an_arrival_in_another_unit_makes_the_release_a_transfer() -> None:
    world = arrived()
    world.wait(HOUR)
    released(world)
    world.tell(moved("A01", world.now + HOUR, "in2", visit="V2", care=ELSEWHERE))
    world.wait(5 * HOUR)
    assert verdict(world, Thread.EXIT)[1] is Reason.TRANSFER


def test_an_agreement_to_write_to_one_doctor_covers_no_other() -> None:
    world = arrived()
    world.now += timedelta(minutes=1)
    world.tell(GpStated(gp=OTHER_GP), GpConfirmed(rpps=OTHER_GP.rpps or "", at=world.now, by="x"))
    world.wait(80 * HOUR)
    assert world.left == []
    assert verdict(world, Thread.ARRIVAL)[1] is Reason.CONSENT_OTHER_DOCTOR


def test_a_doctor_whom_nobody_confirmed_is_not_written_to() -> None:
    world = World()
    world.tell(PersonStated(traits=TRAITS), GpStated(gp=GP), moved("A01", START, "in"))
    world.tell(*(agreed(purpose, ConsentState.GRANTED, START) for purpose in Purpose))
    world.wait(80 * HOUR)
    assert world.left == []
    assert open_tasks(world) == {TaskKind.GP_UNCONFIRMED, TaskKind.GP_ON_PORTAL}


@pytest.mark.parametrize(
    "traits",
    [
        Traits(data_protected=True),
        Traits(visit_protected=True),
        Traits(vip=True),
        Traits(contact_not_told=True),
        Traits(identity_unknown=True),
        Traits(identity_status=("CACH",)),
        Traits(identity_status=("VALI", "DOUT")),
    ],
    ids=lambda one: one.model_dump_json(exclude_none=True),
)
def test_a_record_that_asks_for_silence_gets_it(traits: Traits) -> None:
    world = arrived()
    world.tell(PersonStated(traits=traits))
    world.wait(HOUR)
    assert world.left == []
    assert open_tasks(world) == {TaskKind.IDENTITY_VETO}


def test_a_person_who_has_looked_lifts_the_veto_until_the_evidence_changes() -> None:
    world = arrived()
    world.tell(PersonStated(traits=Traits(vip=True)))
    world.cleared = frozenset(one.key for one in world.plan().tasks)
    world.wait(HOUR)
    assert len(world.left) == 1
    world.tell(PersonStated(traits=Traits(identity_status=("USUR",))))
    released(world)
    world.wait(5 * HOUR)
    assert len(world.left) == 1


def test_a_test_identity_is_never_written_about_in_production() -> None:
    world = arrived()
    ins = Ins(matricule="190049999900112", oid="1.2.250.1.213.1.4.10")
    world.tell(PersonStated(traits=Traits(ins=ins)))
    world.wait(HOUR)
    assert world.left == []


def test_an_arrival_told_of_a_month_late_is_for_a_person() -> None:
    world = arrived()
    world.now = START + timedelta(days=31)
    assert verdict(world, Thread.ARRIVAL) == (Standing.ASKING, Reason.TOO_OLD)


def test_a_correction_while_a_letter_waits_has_it_written_anew() -> None:
    world = arrived()
    world.now += HOUR
    send = next(one.send for one in world.plan().threads if one.send)
    world.deliveries[send.delivery] = world.delivery(send)
    world.tell(PersonStated(traits=Traits(sex="F", birth_given="THEA")))
    world.act()
    assert world.deliveries[send.delivery].reason == Reason.SUPERSEDED
    assert len(world.left) == 1
    assert world.left[0][1].id != send.delivery


def test_a_correction_after_a_letter_left_asks_a_person_and_sends_nothing() -> None:
    world = arrived()
    world.wait(HOUR)
    world.tell(PersonStated(traits=Traits(birth_date="19910417")))
    world.wait(HOUR)
    assert len(world.left) == 1
    assert open_tasks(world) == {TaskKind.CORRECTION}


def test_two_merged_records_of_people_who_differ_are_silent_until_a_person_looks() -> None:
    world = arrived()
    world.facts.append(
        world.facts[0].model_copy(
            update={
                "patient": "26000077|1.2.3",
                "fact": PersonStated(traits=TRAITS.model_copy(update={"birth_date": "19700101"})),
            }
        )
    )
    world.wait(HOUR)
    assert world.left == []
    assert open_tasks(world) == {TaskKind.IDENTITY_VETO}


def test_one_visit_number_in_two_patients_makes_two_letters_of_two_names() -> None:
    first, second = arrived(), arrived()
    for heard in list(second.facts):
        second.facts.remove(heard)
        second.facts.append(heard.model_copy(update={"patient": "26000002|1.2.3"}))
    ids = set()
    for world in (first, second):
        world.wait(HOUR)
        ids.add(world.left[0][1].id)
    assert len(ids) == 2


def test_what_test_mode_diverted_is_written_anew_in_production() -> None:
    world = arrived()
    test_box = "essai@ch.mssante.example"
    production = world.policy
    world.policy = production.model_copy(update={"mode": Mode.TEST, "test_mailboxes": (test_box,)})
    world.now += HOUR
    send = next(one.send for one in world.plan().threads if one.send)
    world.deliveries[send.delivery] = replace(world.delivery(send), address=test_box)
    world.policy = production
    world.act()
    assert world.deliveries[send.delivery].state is DeliveryState.CANCELLED
    assert [one.address for _, one in world.left] == [one.intended for _, one in world.left]
    assert len(world.left) == 1


def test_an_old_yes_without_a_date_takes_back_no_later_no() -> None:
    world = arrived(consents=None)
    yes = agreed(Purpose.ARRIVAL_NOTICE, ConsentState.GRANTED, START)
    world.tell(yes.model_copy(update={"dated": False}))
    world.now += timedelta(minutes=5)
    world.tell(agreed(Purpose.ARRIVAL_NOTICE, ConsentState.WITHDRAWN, world.now))
    world.now += timedelta(minutes=5)
    world.tell(yes.model_copy(update={"dated": False, "at": world.now}))
    world.wait(HOUR)
    assert world.left == []


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 300)),
    st.tuples(st.just("consent"), st.sampled_from(Purpose), st.sampled_from(ConsentState)),
    st.tuples(st.just("release"), st.sampled_from(ExitKind)),
    st.tuples(st.just("cancel"), st.sampled_from(["in", "out"])),
    st.tuples(st.just("arrive"), st.sampled_from(["in", "in2"])),
    st.tuples(st.just("document"), st.sampled_from(Half), st.sampled_from("abc")),
    st.tuples(st.just("gp"), st.sampled_from([GP, OTHER_GP])),
    st.tuples(st.just("death")),
)


def _play(world: World, step: tuple[object, ...]) -> None:
    world.now += timedelta(minutes=1)
    match step:
        case ("wait", int(minutes)):
            world.wait(timedelta(minutes=minutes))
        case ("consent", Purpose() as purpose, ConsentState() as state):
            world.tell(agreed(purpose, state, world.now))
        case ("release", ExitKind() as kind):
            released(world, kind=kind)
        case ("cancel", str(movement)):
            event = "A03" if movement == "out" else "A01"
            world.tell(moved(event, world.now, movement, action=Action.CANCEL))
        case ("arrive", str(movement)):
            world.tell(moved("A01", world.now, movement))
        case ("document", Half() as half, str(letter)):
            world.tell(written(half, world.now, f"d{half}", letter))
        case ("gp", gp):
            world.tell(GpStated(gp=gp))  # type: ignore[arg-type]
            world.tell(GpConfirmed(rpps=gp.rpps, at=world.now, by="x"))  # type: ignore[attr-defined]
        case ("death",):
            world.tell(PersonStated(traits=Traits(dead=True)))
    world.act()


def _in_force(world: World, purpose: str, before: object) -> bool:
    """The oracle: of all statements for a purpose, the last one is a grant."""
    said = [
        heard.fact
        for heard in world.facts
        if isinstance(heard.fact, ConsentStated) and heard.fact.purpose == purpose
    ]
    last = max(said, key=lambda one: (one.at, RESTRICTIVENESS[one.state]), default=None)
    return last is not None and last.state is ConsentState.GRANTED


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=18))
def test_never_a_send_without_consent_nor_after_death_nor_twice_the_same(
    steps: list[tuple[object, ...]],
) -> None:
    world = World()
    world.tell(PersonStated(traits=TRAITS), GpStated(gp=GP), moved("A01", START, "in"))
    world.tell(GpConfirmed(rpps=GP.rpps or "", at=START, by="form"))
    seen = 0
    for step in steps:
        _play(world, step)
        dead = any(
            isinstance(heard.fact, PersonStated) and heard.fact.traits.dead for heard in world.facts
        )
        for at, delivery in world.left[seen:]:
            assert all(_in_force(world, purpose, at) for purpose in delivery.purposes)
            assert not dead
            assert delivery.rpps == world.scene().record.person.gp.rpps  # type: ignore[union-attr]
        seen = len(world.left)
    said = [(one.stay, one.letter_kind, one.rpps, one.parts) for _, one in world.left]
    versions = [
        (one.stay, one.letter_kind.value.split("-")[0], one.rpps, one.version)
        for _, one in world.left
    ]
    assert len(versions) == len(set(versions))
    for before, after in pairwise(said):
        assert before != after
