"""Around a release: who is asked for what, when, and when nobody is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.plan import plan
from engine.decide.release import around_release, coordinator_refusal, week_of
from engine.decide.release_words import page_of
from engine.model.capacity import ProtectionStated, Regime
from engine.model.consent import ConsentState, ConsentStated, Purpose, Voice
from engine.model.directory import TerritoryRow
from engine.model.fact import Action, ExitKind, GpStated, Heard, PersonStated
from engine.model.people import Traits
from engine.model.policy import Mode
from engine.model.release import Around, ReleasePlanned, ReleaseSource, ToldCoordinator
from engine.model.summary import (
    Appointment,
    Diagnosis,
    Items,
    OpioidSubstitution,
    Prescription,
)
from engine.model.task import RELEASE_KINDS, TaskKind, WantedTask
from tests.support.patients import (
    ELSEWHERE,
    GP,
    OTHER_GP,
    POLICY,
    START,
    World,
    agreed,
    arrived,
    moved,
    released,
)

DAY = date(2026, 3, 26)  # a Thursday; 24 days after START
PARIS = ZoneInfo("Europe/Paris")
NEED = Items(diagnoses=(Diagnosis(label="Asthme", chronic=True),))
CPTS = TerritoryRow("CPTS", "CPTS d'Exempleville", "", "", "", "03 00 00 00 01", "", "")
CALL, BOOK = TaskKind.RELEASE_CALL, TaskKind.RELEASE_APPOINTMENTS
TELL, DOUBT = TaskKind.RELEASE_COORDINATOR, TaskKind.RELEASE_DATE_DOUBT
RECALL = TaskKind.RELEASE_COORDINATOR_RECALL
CHECK, ASK = TaskKind.WEEK_CHECK, TaskKind.CONSENT_MISSING


def planned(
    world: World, on: date | None = DAY, source: ReleaseSource = ReleaseSource.REGISTRY
) -> ReleasePlanned:
    return ReleasePlanned(on=on, source=source, at=world.now, by="greffe", visit="V1")


def asked(world: World, *items: Items) -> list[WantedTask]:
    return [one for stay in around_release(world.scene(), lambda _: items) for one in stay.tasks]


def kinds(world: World, *items: Items) -> set[TaskKind]:
    return {one.kind for one in asked(world, *items)}


def until(world: World, *items: Items) -> datetime | None:
    return around_release(world.scene(), lambda _: items)[-1].until


def before(world: World, **span: float) -> None:
    """Go to that long before the first hour of the day."""
    world.now = datetime(DAY.year, DAY.month, DAY.day, tzinfo=PARIS) - timedelta(**span)


def about_to_leave(**span: float) -> World:
    world = arrived()
    world.tell(planned(world))
    before(world, **span)
    return world


def gone(*items: Items, days: float = 7) -> World:
    world = arrived()
    world.now = START + timedelta(days=3)
    released(world)
    world.now += timedelta(days=days)
    return world


# Before


def test_the_tasks_of_a_planned_release_come_in_their_time_and_wake_the_stay_for_it() -> None:
    world = arrived()
    world.tell(planned(world))
    assert kinds(world) == set()
    assert until(world) == datetime(2026, 3, 12, tzinfo=PARIS)
    before(world, days=14)
    assert kinds(world) == {CALL, BOOK}
    assert until(world) == datetime(2026, 3, 24, tzinfo=PARIS)
    before(world, hours=48, minutes=1)
    assert kinds(world) == {CALL, BOOK}
    before(world, hours=48)
    assert kinds(world) == {CALL, BOOK, TELL}
    assert until(world) == datetime(2026, 3, 27, tzinfo=PARIS)
    before(world, hours=-24)
    assert kinds(world) == set()
    assert until(world) is None


def test_the_plan_of_the_patient_is_what_wakes_the_stay() -> None:
    scene = about_to_leave(days=20).scene()
    whole = plan(scene).with_around(around_release(scene, lambda _: ()))
    (stay,) = scene.record.stays
    assert whole.look_at(stay.key) == datetime(2026, 3, 12, tzinfo=PARIS)


def test_an_appointment_that_is_booked_for_after_the_release_ends_that_task() -> None:
    world = about_to_leave(days=5)
    early = Items(appointments=(Appointment(label="Scanner", day=DAY - timedelta(days=1)),))
    open_ = Items(appointments=(Appointment(label="CSAPA"),))
    assert BOOK in kinds(world, early, open_)
    assert BOOK not in kinds(world, Items(appointments=(Appointment(label="CSAPA", day=DAY),)))


def test_the_doctor_is_called_only_if_the_doctor_may_know_and_is_confirmed() -> None:
    assert CALL in kinds(about_to_leave(days=5))
    refused = about_to_leave(days=5)
    refused.tell(agreed(Purpose.EXIT_NOTICE, ConsentState.WITHDRAWN, refused.now))
    assert kinds(refused) == {BOOK}
    other = about_to_leave(days=5)
    other.tell(GpStated(gp=OTHER_GP))
    assert kinds(other) == {BOOK}
    nobody = about_to_leave(days=5)
    nobody.tell(GpStated(gp=None))
    assert kinds(nobody) == {BOOK}


@pytest.mark.parametrize("state", [None, *ConsentState])
def test_without_an_agreement_for_that_purpose_the_coordinator_is_not_told(
    state: ConsentState | None,
) -> None:
    world = arrived(consents=None)
    others = [one for one in Purpose if one is not Purpose.COORDINATOR]
    world.tell(*(agreed(one, ConsentState.GRANTED, START) for one in others))
    if state is not None:
        world.tell(agreed(Purpose.COORDINATOR, state, START))
    world.tell(planned(world))
    before(world, hours=40)
    assert (TELL in kinds(world)) == (state is ConsentState.GRANTED)
    # Only who was never asked is asked about.
    asks = [one.about for one in asked(world) if one.kind is ASK]
    assert asks == (["coordinator"] if state in (None, ConsentState.NOT_ASKED) else [])


def test_the_agreement_is_asked_for_while_there_is_time() -> None:
    world = arrived(consents=None)
    world.tell(planned(world))
    before(world, days=13)
    assert ASK in kinds(world)


def test_a_yes_that_names_one_person_is_not_enough_and_a_no_that_names_one_is() -> None:
    world = arrived(consents=None)
    world.tell(planned(world))
    before(world, hours=40)
    grant = agreed(Purpose.COORDINATOR, ConsentState.GRANTED, world.now, GP.rpps or "")
    world.tell(grant)
    assert TELL not in kinds(world)
    world.tell(agreed(Purpose.COORDINATOR, ConsentState.GRANTED, world.now))
    assert TELL in kinds(world)
    world.now += timedelta(minutes=1)
    world.tell(agreed(Purpose.COORDINATOR, ConsentState.REFUSED, world.now, GP.rpps or ""))
    assert TELL not in kinds(world)


def test_a_patient_without_a_doctor_may_agree_to_the_coordinator() -> None:
    world = about_to_leave(hours=40)
    world.tell(GpStated(gp=None))
    assert TELL in kinds(world)


def test_who_represents_the_patient_must_agree_to_the_coordinator_too() -> None:
    world = about_to_leave(hours=40)
    world.tell(
        ProtectionStated(regime=Regime.TUTELLE, representative="UDAF", at=world.now, by="form")
    )
    assert TELL not in kinds(world)
    assert TaskKind.VOICE_MISSING in kinds(world)
    world.tell(
        agreed(Purpose.COORDINATOR, ConsentState.GRANTED, world.now).model_copy(
            update={"voice": Voice.REPRESENTATIVE}
        )
    )
    assert TELL in kinds(world)


def test_a_territory_without_a_coordinator_asks_and_tells_nobody() -> None:
    world = arrived(consents=None)
    world.policy = POLICY.model_copy(update={"around": Around(coordinator=timedelta(0))})
    world.tell(planned(world))
    before(world, hours=1)
    assert kinds(world) == {BOOK}
    world.tell(agreed(Purpose.COORDINATOR, ConsentState.GRANTED, world.now))
    assert kinds(world) == {BOOK}


def test_a_contradicted_day_gives_one_task_and_nothing_else() -> None:
    world = about_to_leave(hours=40)
    world.tell(planned(world, DAY + timedelta(days=20), ReleaseSource.RECORD))
    assert kinds(world) == {DOUBT}
    first = asked(world)[0].key
    world.tell(planned(world, DAY + timedelta(days=21), ReleaseSource.RECORD))
    assert asked(world)[0].key != first  # another contradiction is another question
    world.tell(planned(world, DAY, ReleaseSource.PERSON))
    assert kinds(world) == {CALL, BOOK, TELL}


def test_a_cancelled_plan_ends_its_tasks() -> None:
    world = about_to_leave(hours=40)
    world.tell(planned(world, None))
    assert kinds(world) == set()


def test_doubt_about_the_identity_or_the_stay_is_silence() -> None:
    vetoed = about_to_leave(hours=40)
    vetoed.tell(PersonStated(traits=Traits(vip=True)))
    assert kinds(vetoed) == set()
    alike = about_to_leave(hours=40)
    alike.near = frozenset({"26000002|1.2.3"})
    assert kinds(alike) == set()
    doubted = about_to_leave(hours=40)
    doubted.tell(moved("A03", START, "no-such", action=Action.CANCEL, visit="V1"))
    assert kinds(doubted) == set()
    infant = about_to_leave(hours=40)
    infant.tell(ProtectionStated(infant=True, at=infant.now, by="form"))
    assert kinds(infant) == set()
    dead = about_to_leave(hours=40)
    dead.tell(PersonStated(traits=Traits(dead=True)))
    assert kinds(dead) == set()


def test_a_moved_day_of_the_same_week_is_the_same_task_and_of_another_week_another() -> None:
    def key(on: date) -> str:
        world = arrived()
        world.tell(planned(world, on))
        world.now = datetime(on.year, on.month, on.day, tzinfo=PARIS) - timedelta(hours=10)
        return next(one.key for one in asked(world) if one.kind is TELL)

    assert key(DAY) == key(DAY - timedelta(days=3)) != key(DAY + timedelta(days=7))


@pytest.mark.parametrize(
    ("on", "recalled"),
    [(DAY, False), (DAY - timedelta(days=2), False), (DAY + timedelta(days=7), True), (None, True)],
)
def test_a_coordinator_who_was_told_of_a_week_is_told_when_it_no_longer_holds(
    on: date | None, recalled: bool
) -> None:
    world = about_to_leave(hours=80)
    world.tell(planned(world, on))
    (stay,) = world.scene().record.stays
    told = {stay.key: ToldCoordinator(week="week of 2026-03-23")}

    def found(world: World) -> set[TaskKind]:
        scene = replace(world.scene(), coordinator=told)
        return {one.kind for each in around_release(scene, lambda _: ()) for one in each.tasks}

    assert (RECALL in found(world)) == recalled
    refused = replace(world, facts=list(world.facts))
    refused.tell(agreed(Purpose.COORDINATOR, ConsentState.WITHDRAWN, world.now))
    assert RECALL not in found(refused)
    over = replace(world, now=datetime(2026, 3, 30, tzinfo=PARIS))
    assert RECALL not in found(over)


def test_no_key_nor_word_of_a_task_holds_the_day() -> None:
    world = about_to_leave(hours=40)
    told = [one.model_dump_json() for one in asked(world)]
    world.tell(planned(world, DAY + timedelta(days=20), ReleaseSource.RECORD))
    told += [one.model_dump_json() for one in asked(world)]
    assert not [one for one in told for day in ("2026-03-26", "2026-04-15", "26/03") if day in one]


def test_the_words_for_others_name_no_day_and_no_place_and_the_coordinator_hears_the_week() -> None:
    world = about_to_leave(hours=40)
    scene = world.scene()
    (stay,) = scene.record.stays

    def page(kind: TaskKind, *items: Items) -> str:
        return "\n".join(page_of(scene, stay, kind, items, [CPTS], PARIS))

    told = page(TELL)
    assert "dans la semaine du 23 mars 2026" in told
    assert "03 00 00 00 01" in told
    for text in (told, page(CALL)):
        assert "26 mars" not in text
        assert "2026-03-26" not in text
        assert "Annœullin" not in text
        assert "Consultations de médecine" in text
        assert "LAMBERT THEO" in text
    assert "Dr MARTEL Claire" in page(CALL)
    # Who books is of the unit, and sees the day.
    assert "planned for 2026-03-26" in page(BOOK)


def test_nobody_is_named_to_be_called_for_whom_there_is_no_agreement() -> None:
    world = about_to_leave(hours=40)
    world.tell(agreed(Purpose.EXIT_NOTICE, ConsentState.WITHDRAWN, world.now))
    scene = world.scene()
    for kind in (CALL, BOOK):
        assert "MARTEL" not in "\n".join(page_of(scene, scene.record.stays[0], kind, [], [], PARIS))


# After


def test_one_week_after_a_release_with_need_the_appointments_are_asked_about() -> None:
    assert kinds(gone(days=6.9), NEED) == set()
    assert until(gone(days=6), NEED) == START + timedelta(days=10)
    assert kinds(gone(), NEED) == {CHECK}
    assert kinds(gone()) == set()  # no need that a machine can read
    assert kinds(gone(days=37), NEED) == set()


@pytest.mark.parametrize("kind", [one for one in ExitKind if one is not ExitKind.RELEASE])
def test_only_a_release_is_checked(kind: ExitKind) -> None:
    world = arrived()
    released(world, kind=kind)
    world.now += timedelta(days=8)
    assert CHECK not in kinds(world, NEED)


def test_the_check_stops_on_death_on_a_new_arrival_and_with_the_release() -> None:
    dead = gone()
    dead.tell(PersonStated(traits=Traits(dead=True)))
    assert kinds(dead, NEED) == set()
    back = gone()
    back.tell(moved("A01", back.now, "in2", visit="V2"))
    assert kinds(back, NEED) == set()
    elsewhere = gone()
    elsewhere.tell(moved("A01", elsewhere.now, "in2", visit="V2", care=ELSEWHERE))
    assert kinds(elsewhere, NEED) == set()
    cancelled = gone()
    cancelled.tell(moved("A03", START, "out", action=Action.CANCEL))
    assert kinds(cancelled, NEED) == set()


def test_the_page_of_the_check_lists_appointments_and_until_when_the_treatment_is_covered() -> None:
    items = Items(
        appointments=(
            Appointment(label="CSAPA", day=date(2026, 3, 9), phone="03 00 00 00 02"),
            Appointment(label="Scanner", day=date(2026, 3, 1)),
        ),
        prescription=Prescription(covered_until=date(2026, 3, 12)),
        opioid=OpioidSubstitution(drug="MÉTHADONE", prescription_end=date(2026, 3, 10)),
    )
    scene = gone().scene()
    assert page_of(scene, scene.record.stays[0], CHECK, [items], [], PARIS) == [
        "appointment: 2026-03-09, CSAPA, 03 00 00 00 02",
        "treatment covered until: 2026-03-10, 2026-03-12",
    ]


# Always, and never

HOURS = st.integers(0, 24 * 40)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


FACTS = st.one_of(
    st.builds(
        lambda event, hour, movement, kind, action, visit, care: moved(
            event, at(hour), movement, exit_kind=kind, action=action, visit=visit, **care
        ),
        st.sampled_from(["A01", "A03", "A03", "A21", "A22"]),
        HOURS,
        st.sampled_from(["in", "out", "m3"]),
        st.sampled_from([ExitKind.RELEASE, ExitKind.RELEASE, ExitKind.DEATH, ExitKind.TRANSFER]),
        st.sampled_from([Action.INSERT, Action.INSERT, Action.CANCEL]),
        st.sampled_from(["V1", "V1", "V2"]),
        st.sampled_from([{}, {}, {"care": ELSEWHERE}]),
    ),
    st.builds(
        lambda purpose, state, hour, recipient: agreed(purpose, state, at(hour), recipient),
        st.sampled_from([Purpose.COORDINATOR, Purpose.COORDINATOR, Purpose.EXIT_NOTICE]),
        st.sampled_from(ConsentState),
        HOURS,
        st.sampled_from(["medecin-traitant", "medecin-traitant", GP.rpps or ""]),
    ),
    st.builds(
        lambda on, source, hour: ReleasePlanned(
            on=on, source=source, at=at(hour), by="x", visit="V1"
        ),
        st.sampled_from([DAY, DAY, DAY + timedelta(days=9), None]),
        st.sampled_from(ReleaseSource),
        HOURS,
    ),
    st.builds(
        lambda dead, vip: PersonStated(traits=Traits(dead=dead, vip=vip)),
        st.sampled_from([None, True]),
        st.sampled_from([None, None, True]),
    ),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A life of facts, each told at its own hour, looked at near the release."""
    world = arrived(consents=draw(st.sampled_from([None, ConsentState.GRANTED])))
    for fact, hour in draw(st.lists(st.tuples(FACTS, HOURS), max_size=9)):
        world.now = at(hour)
        world.tell(fact)
    world.now = at(draw(st.integers(24 * 21, 24 * 48)))
    return world


@settings(max_examples=300)
@given(worlds())
def test_never_a_word_to_a_coordinator_without_an_agreement_in_force(world: World) -> None:
    scene = world.scene()
    for one in asked(world, NEED):
        if one.kind is not TELL:
            continue
        stay = next(each for each in scene.record.stays if each.key == one.stay)
        said = [each for each in stay.consents if each.purpose is Purpose.COORDINATOR]
        last = max(said, key=_when)
        assert last.state is ConsentState.GRANTED
        assert not any(each.at >= last.at and each.state not in _YES for each in said)
        assert coordinator_refusal(scene, stay) is None
        assert stay.exit is None
        assert stay.planned.on is not None
        assert one.about == f"week of {week_of(stay.planned.on)}"


_YES = (ConsentState.GRANTED,)


def _when(said: ConsentStated) -> datetime:
    return said.at


@settings(max_examples=300)
@given(worlds())
def test_never_a_check_after_a_death_a_new_arrival_or_a_release_that_was_taken_back(
    world: World,
) -> None:
    record = world.scene().record
    for one in asked(world, NEED):
        if one.kind is CHECK:
            stay = next(each for each in record.stays if each.key == one.stay)
            assert not record.person.dead
            assert record.stays[-1] == stay
            assert stay.exit is not None
            assert stay.exit.kind is ExitKind.RELEASE
            assert stay.exit.at + timedelta(days=7) <= world.now


@settings(max_examples=200)
@given(worlds(), st.randoms(use_true_random=False))
def test_any_order_of_the_messages_asks_for_the_same(world: World, random: object) -> None:
    facts: list[Heard] = [*world.facts, *world.facts[:2]]
    random.shuffle(facts)  # type: ignore[attr-defined]
    assert asked(replace(world, facts=facts), NEED) == asked(world, NEED)


@settings(max_examples=200)
@given(worlds())
def test_a_stay_is_looked_at_again_whenever_something_would_change(world: World) -> None:
    for stay in around_release(world.scene(), lambda _: [NEED]):
        if stay.until is None:
            later = world.now + timedelta(days=80)
        else:
            assert stay.until > world.now
            later = stay.until - timedelta(seconds=1)
        after = around_release(replace(world, now=later).scene(), lambda _: [NEED])
        same = next(one for one in after if one.stay == stay.stay)
        assert same.tasks == stay.tasks


def test_nothing_is_asked_in_production_about_a_test_identity() -> None:
    world = about_to_leave(hours=40)
    world.tell(PersonStated(traits=Traits(identity_status=("FICT",))))
    assert world.policy.mode is Mode.PRODUCTION
    assert kinds(world) == set()


def test_every_kind_that_is_asked_has_its_page() -> None:
    scene = about_to_leave(hours=40).scene()
    pages: dict[TaskKind, Sequence[str]] = {
        kind: page_of(scene, scene.record.stays[0], kind, [], [], PARIS)
        for kind in RELEASE_KINDS - {CHECK}
    }
    assert all(pages.values())
    left = gone().scene()
    assert page_of(left, left.record.stays[0], CHECK, [], [], PARIS)
