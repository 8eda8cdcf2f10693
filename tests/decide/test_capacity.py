"""Who must agree besides the patient; who is no patient; and that no letter forgets a voice."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.decide.capacity import age_on, other_voices
from engine.decide.consents import in_force
from engine.decide.plan import Standing
from engine.decide.reasons import Reason
from engine.model.capacity import REPRESENTED, Capacity, Protection, ProtectionStated, Regime
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose, Voice
from engine.model.fact import Half, PersonStated
from engine.model.letter import LetterKind, Thread
from engine.model.people import Traits
from engine.model.stay import Person
from engine.model.task import TaskKind
from tests.support.patients import (
    GP,
    OTHER_GP,
    START,
    TRAITS,
    World,
    agreed,
    arrived,
    released,
    written,
)

HOUR = timedelta(hours=1)
MINOR = TRAITS.model_copy(update={"birth_date": "20090714"})
INFANT = TRAITS.model_copy(update={"birth_date": "20250110"})
YES, NO = ConsentState.GRANTED, ConsentState.REFUSED
LETTERS = (
    *(Purpose.ARRIVAL_NOTICE, Purpose.EXIT_NOTICE),
    *(Purpose.EXIT_LETTER_SOMATIC, Purpose.EXIT_LETTER_PSYCHIATRIC),
)


def reason(world: World, thread: Thread = Thread.ARRIVAL) -> Reason:
    (found,) = (one for one in world.plan().threads if one.thread is thread)
    return found.reason


def open_kinds(world: World) -> set[TaskKind]:
    return {one.kind for one in world.plan().tasks}


def said(world: World, state: ConsentState, voice: Voice, *, recipient: str = "") -> None:
    world.tell(
        *(
            agreed(one, state, world.now, recipient or MEDECIN_TRAITANT).model_copy(
                update={"voice": voice}
            )
            for one in LETTERS
        )
    )


def protected(world: World, **what: object) -> None:
    world.tell(ProtectionStated.model_validate({"at": world.now, "by": "form", **what}))


def somebody(traits: Traits) -> World:
    """Arrived, and agreed to everything themselves."""
    world = arrived()
    world.tell(PersonStated(traits=traits))
    return world


# ---- age ----


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        ("20080302", date(2026, 3, 1), 17),
        ("20080302", date(2026, 3, 2), 18),
        ("200803", date(2026, 3, 30), 17),
        ("200803", date(2026, 3, 31), 18),
        ("2008", date(2026, 12, 30), 17),
        ("2008", date(2026, 12, 31), 18),
        ("20080229", date(2026, 2, 28), 17),
        (None, date(2026, 1, 1), None),
        ("19AB", date(2026, 1, 1), None),
    ],
)
def test_an_age_is_the_least_that_the_birth_date_allows(
    born: str | None, day: date, age: int | None
) -> None:
    assert age_on(born, day) == age


@given(st.dates(date(1930, 1, 1), date(2026, 1, 1)), st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_what_a_birth_date_leaves_open_never_makes_anybody_older(born: date, day: date) -> None:
    whole = born.strftime("%Y%m%d")
    ages = [age_on(whole[:cut], day) for cut in (4, 6, 8)]
    assert ages == sorted(ages, key=lambda one: one or 0)
    birthdays = sum(
        (year, born.month, born.day) <= (day.year, day.month, day.day)
        for year in range(born.year + 1, day.year + 1)
    )
    assert ages[-1] == birthdays


# ---- minors ----


def test_a_minors_own_agreement_alone_sends_nothing_and_asks_for_the_other_voice() -> None:
    world = somebody(MINOR)
    world.wait(73 * HOUR)
    assert world.left == []
    assert reason(world) is Reason.PARENT_NOT_ASKED
    assert open_kinds(world) == {TaskKind.VOICE_MISSING}


def test_a_parents_agreement_alone_sends_nothing() -> None:
    world = arrived(consents=None)
    world.tell(PersonStated(traits=MINOR))
    said(world, YES, Voice.PARENT)
    world.wait(73 * HOUR)
    assert world.left == []
    assert reason(world) is Reason.CONSENT_NOT_ASKED


def test_with_both_voices_a_minors_letters_leave() -> None:
    world = somebody(MINOR)
    said(world, YES, Voice.PARENT)
    world.wait(HOUR)
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(3 * HOUR)
    kinds = [one.letter_kind for _, one in world.left]
    assert kinds == [LetterKind.ARRIVAL_NOTICE, LetterKind.EXIT_LETTER]


@pytest.mark.parametrize("voice", [Voice.PATIENT, Voice.PARENT])
def test_either_voice_stops_it_at_any_moment(voice: Voice) -> None:
    world = somebody(MINOR)
    said(world, YES, Voice.PARENT)
    world.now += HOUR
    send = next(one.send for one in world.plan().threads if one.send)
    world.deliveries[send.delivery] = world.delivery(send)
    said(world, ConsentState.WITHDRAWN, voice)
    world.wait(HOUR)
    assert world.left == []
    wanted = {Voice.PATIENT: Reason.CONSENT_WITHDRAWN, Voice.PARENT: Reason.PARENT_REFUSED}
    assert reason(world) is wanted[voice]
    assert open_kinds(world) == set()


def test_a_representative_or_a_trusted_person_stands_for_no_parent() -> None:
    world = somebody(MINOR)
    said(world, YES, Voice.REPRESENTATIVE)
    said(world, YES, Voice.TRUSTED_PERSON)
    world.wait(73 * HOUR)
    assert world.left == []


def test_a_trusted_person_tells_a_no_and_never_a_yes() -> None:
    world = arrived(consents=None)
    said(world, YES, Voice.TRUSTED_PERSON)
    world.wait(HOUR)
    assert world.left == []
    world = somebody(TRAITS)
    world.now += timedelta(minutes=1)
    said(world, NO, Voice.TRUSTED_PERSON)
    world.wait(HOUR)
    assert (world.left, reason(world)) == ([], Reason.CONSENT_REFUSED)


def test_a_parent_may_keep_the_detention_from_being_told() -> None:
    told = agreed(Purpose.DETENTION_TOLD, NO, START).model_copy(update={"voice": Voice.PARENT})
    for statements, discreet in (((), False), ((told,), True)):
        world = somebody(MINOR)
        said(world, YES, Voice.PARENT)
        world.tell(*statements)
        world.wait(HOUR)
        assert [sent.discreet for _, sent in world.left] == [discreet]


def test_no_notice_of_cancellation_leaves_about_a_child_either() -> None:
    world = somebody(TRAITS)
    world.wait(HOUR)
    world.tell(PersonStated(traits=INFANT))
    world.recalled = frozenset({world.left[0][1].id})
    world.wait(HOUR)
    assert len(world.left) == 1


def test_who_comes_of_age_needs_no_parent_any_more() -> None:
    world = somebody(TRAITS.model_copy(update={"birth_date": "20080305"}))
    world.wait(48 * HOUR)
    assert world.left == []
    world.wait(48 * HOUR)
    assert len(world.left) == 1


def test_an_emancipated_minor_acts_as_an_adult() -> None:
    world = somebody(MINOR)
    protected(world, emancipated=True)
    world.wait(HOUR)
    assert len(world.left) == 1


def test_a_minor_under_guardianship_has_a_guardian_for_a_parent() -> None:
    world = somebody(MINOR)
    protected(world, regime="tutelle", representative="Mme OUDART")
    said(world, YES, Voice.PARENT)
    world.wait(HOUR)
    assert world.left == []
    said(world, YES, Voice.REPRESENTATIVE)
    world.wait(HOUR)
    assert len(world.left) == 1


# ---- care kept from the parents ----


def in_secret() -> World:
    world = somebody(MINOR)
    protected(world, secret_care=True)
    return world


def test_secret_care_asks_no_parent_and_is_silent_until_a_person_has_looked() -> None:
    world = in_secret()
    said(world, NO, Voice.PARENT)  # a parent who speaks all the same
    world.wait(73 * HOUR)
    assert world.left == []
    assert reason(world) is Reason.KEPT_FROM_PARENTS
    (task,) = world.plan().tasks
    assert (task.kind, task.about) == (TaskKind.KEPT_FROM_PARENTS, GP.rpps)
    world.cleared = frozenset({task.key})
    world.wait(HOUR)
    assert world.left == []  # looked at; but she named no doctor
    world.now += HOUR
    said(world, YES, Voice.PATIENT, recipient=GP.rpps or "")
    world.wait(HOUR)
    assert len(world.left) == 1


def test_in_secret_care_naming_the_doctor_is_not_enough_without_a_persons_look() -> None:
    world = in_secret()
    world.now += HOUR
    said(world, YES, Voice.PATIENT, recipient=GP.rpps or "")
    world.wait(73 * HOUR)
    assert world.left == []


def test_a_doctor_named_before_the_care_was_secret_is_named_anew() -> None:
    world = somebody(MINOR)
    said(world, YES, Voice.PATIENT, recipient=GP.rpps or "")
    world.now += HOUR
    protected(world, secret_care=True)
    world.wait(73 * HOUR)
    (task,) = world.plan().tasks
    world.cleared = frozenset({task.key})
    world.wait(HOUR)
    assert world.left == []


def test_a_look_at_one_doctor_covers_no_other() -> None:
    world = in_secret()
    said(world, YES, Voice.PATIENT, recipient=GP.rpps or "")
    world.wait(73 * HOUR)
    (task,) = world.plan().tasks
    assert task.key.endswith(str(GP.rpps))
    assert str(OTHER_GP.rpps) not in task.key


def test_a_site_may_have_no_letter_at_all_leave_of_secret_care() -> None:
    world = in_secret()
    world.policy = world.policy.model_copy(update={"capacity": Capacity(secret_care_letters=False)})
    said(world, YES, Voice.PATIENT, recipient=GP.rpps or "")
    world.wait(73 * HOUR)
    assert reason(world) is Reason.NEVER_FOR_PARENTS
    assert (world.left, open_kinds(world)) == ([], set())


# ---- protected adults ----


@pytest.mark.parametrize("regime", REPRESENTED)
def test_of_a_represented_adult_the_representative_must_agree_too(regime: Regime) -> None:
    world = somebody(TRAITS)
    protected(world, regime=regime, representative="Mme OUDART, UDAF")
    world.wait(73 * HOUR)
    assert world.left == []
    assert reason(world) is Reason.REPRESENTATIVE_NOT_ASKED
    assert open_kinds(world) == {TaskKind.VOICE_MISSING}
    said(world, YES, Voice.REPRESENTATIVE)
    world.wait(HOUR)
    assert len(world.left) == 1


def test_a_representative_whom_nobody_wrote_down_does_not_count() -> None:
    world = somebody(TRAITS)
    protected(world, regime="tutelle")
    said(world, YES, Voice.REPRESENTATIVE)
    world.wait(73 * HOUR)
    assert (world.left, reason(world)) == ([], Reason.REPRESENTATIVE_NOT_ASKED)
    protected(world, representative="Mme OUDART")
    world.wait(HOUR)
    assert len(world.left) == 1


def test_under_curatelle_or_sauvegarde_the_patient_decides_alone() -> None:
    for regime in (Regime.CURATELLE, Regime.SAUVEGARDE):
        world = somebody(TRAITS)
        protected(world, regime=regime)
        world.wait(HOUR)
        assert len(world.left) == 1


def test_a_site_may_ask_the_curateur_too() -> None:
    world = somebody(TRAITS)
    world.policy = world.policy.model_copy(
        update={"capacity": Capacity(represented=(*REPRESENTED, Regime.CURATELLE))}
    )
    protected(world, regime="curatelle", representative="M. LEGRAND")
    world.wait(73 * HOUR)
    assert world.left == []


def test_who_spoke_as_a_representative_is_one_though_no_regime_is_recorded() -> None:
    world = somebody(TRAITS)
    said(world, NO, Voice.REPRESENTATIVE)
    world.wait(HOUR)
    assert (world.left, reason(world)) == ([], Reason.REPRESENTATIVE_REFUSED)


def test_a_regime_that_ended_asks_nobody() -> None:
    world = somebody(TRAITS)
    protected(world, regime="tutelle", representative="Mme OUDART")
    world.now += HOUR
    protected(world, regime="none")
    world.wait(HOUR)
    assert len(world.left) == 1


# ---- children who live with a detained mother ----


@pytest.mark.parametrize("told_by", ["birth date", "flag"])
def test_an_infant_is_never_a_patient_of_the_unit_whatever_is_answered(told_by: str) -> None:
    world = somebody(INFANT if told_by == "birth date" else TRAITS)
    if told_by == "flag":
        protected(world, infant=True)
    said(world, YES, Voice.PARENT)
    world.wait(HOUR)
    assert open_kinds(world) == {TaskKind.INFANT}
    world.cleared = frozenset(one.key for one in world.plan().tasks)
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(73 * HOUR)
    assert world.left == []
    assert {one.standing for one in world.plan().threads} <= {Standing.SILENT, Standing.ASKING}


def test_a_wrong_birth_date_that_is_corrected_frees_the_letter() -> None:
    world = somebody(INFANT)
    world.wait(HOUR)
    world.tell(PersonStated(traits=TRAITS))
    world.wait(HOUR)
    assert len(world.left) == 1


# ---- that a letter be written ----


def test_where_no_letter_is_to_be_written_none_is_asked_for_and_the_exit_may_be_told() -> None:
    world = arrived()
    world.tell(agreed(Purpose.LETTER_WRITTEN, NO, START + HOUR))
    world.wait(2 * HOUR)
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(3 * HOUR)
    kinds = [one.letter_kind for _, one in world.left]
    assert kinds == [LetterKind.ARRIVAL_NOTICE, LetterKind.EXIT_NOTICE]
    assert open_kinds(world) == set()


def test_where_neither_letter_nor_notice_is_wanted_there_is_silence_and_no_task() -> None:
    world = arrived()
    world.tell(agreed(Purpose.LETTER_WRITTEN, NO, START), agreed(Purpose.EXIT_NOTICE, NO, START))
    world.wait(HOUR)
    released(world)
    world.wait(3 * HOUR)
    assert reason(world, Thread.EXIT) is Reason.CONSENT_REFUSED
    assert open_kinds(world) == set()


@pytest.mark.parametrize("state", [ConsentState.NOT_ASKED, ConsentState.COULD_NOT_BE_ASKED, None])
def test_silence_about_the_writing_refuses_nothing(state: ConsentState | None) -> None:
    world = arrived(consents=None)
    world.tell(*(agreed(one, YES, START) for one in LETTERS))
    if state is not None:
        world.tell(agreed(Purpose.LETTER_WRITTEN, state, START))
    released(world)
    world.wait(3 * HOUR)
    assert TaskKind.LETTER_MISSING in open_kinds(world)


def test_a_parent_may_refuse_the_writing_too() -> None:
    world = somebody(MINOR)
    said(world, YES, Voice.PARENT)
    world.tell(
        agreed(Purpose.LETTER_WRITTEN, NO, START + HOUR).model_copy(update={"voice": Voice.PARENT})
    )
    world.now += 2 * HOUR
    released(world)
    world.tell(written(Half.DSS, world.now, "d1", "a"))
    world.wait(3 * HOUR)
    assert [one.letter_kind for _, one in world.left] == [LetterKind.EXIT_NOTICE]


# ---- never without every voice ----

STATEMENTS = st.builds(
    ConsentStated,
    purpose=st.sampled_from((*LETTERS, Purpose.LETTER_WRITTEN, Purpose.DETENTION_TOLD)),
    recipient=st.sampled_from((MEDECIN_TRAITANT, MEDECIN_TRAITANT, GP.rpps, OTHER_GP.rpps)),
    state=st.sampled_from((YES, YES, YES, NO, ConsentState.WITHDRAWN, ConsentState.NOT_ASKED)),
    at=st.integers(0, 60).map(lambda hours: START + timedelta(hours=hours)),
    by=st.just("form"),
    voice=st.sampled_from(Voice),
)
PROTECTIONS = st.builds(
    ProtectionStated,
    regime=st.none() | st.sampled_from(Regime),
    representative=st.sampled_from((None, "Mme OUDART")),
    secret_care=st.sampled_from((None, None, True, False)),
    emancipated=st.sampled_from((None, None, None, True)),
    infant=st.sampled_from((None, None, None, True)),
    at=st.integers(0, 60).map(lambda hours: START + timedelta(hours=hours)),
    by=st.just("form"),
)
BORN = st.sampled_from(("19900417", "20090714", "2008", "20080303", "20250110", "20160101"))


@settings(max_examples=300)
@given(
    BORN,
    st.lists(STATEMENTS, max_size=14),
    st.lists(PROTECTIONS, max_size=3),
    st.booleans(),
)
@example("20090714", [], [], False)
def test_nothing_ever_leaves_without_every_voice_that_is_needed(
    born: str, said: list[ConsentStated], protections: list[ProtectionStated], looked: bool
) -> None:
    world = arrived(consents=None)
    world.tell(PersonStated(traits=TRAITS.model_copy(update={"birth_date": born})))
    for voice in (Voice.PATIENT, Voice.PARENT, Voice.REPRESENTATIVE):
        world.tell(*(agreed(one, YES, START).model_copy(update={"voice": voice})
                     for one in LETTERS[:3]))  # fmt: skip
    events: list[ConsentStated | ProtectionStated] = [*said, *protections]
    events.sort(key=lambda one: one.at)
    gone = False
    for one in events:
        if not gone and one.at > START + 40 * HOUR:
            released(world)
            world.tell(written(Half.DSS, world.now, "d1", "a"))
            gone = True
        world.now = max(world.now, one.at)
        before = len(world.left)
        world.tell(one)
        if looked:
            world.cleared = frozenset(task.key for task in world.plan().tasks)
        world.act()
        _every_voice(world, before)
    before = len(world.left)
    world.wait(3 * HOUR)
    _every_voice(world, before)


def _every_voice(world: World, before: int) -> None:
    """Of what left just now, told by a second telling of the rule."""
    scene = world.scene()
    person = scene.record.person
    day = world.now.date()
    born = person.traits.birth_date or ""
    latest = date(int(born[:4]), int(born[4:6] or 12), int(born[6:] or 31))
    grown = (day.year - latest.year) - ((day.month, day.day) < (latest.month, latest.day)) >= 18
    stay = scene.record.stays[0]
    for _, sent in world.left[before:]:
        assert not person.protection.infant
        assert day.year - latest.year >= 13
        needed = {Voice.PATIENT}
        if not grown and not person.protection.emancipated:
            if person.protection.secret_since is None:
                guarded = person.protection.regime is Regime.TUTELLE
                needed.add(Voice.REPRESENTATIVE if guarded else Voice.PARENT)
        elif person.protection.regime in REPRESENTED:
            needed.add(Voice.REPRESENTATIVE)
        for purpose in sent.purposes:
            for voice in needed:
                why = in_force(stay.consents, Purpose(purpose), sent.rpps, scene.gp_meant, voice)
                assert why[1] is None, (purpose, voice)


@given(BORN, st.sampled_from(Regime), st.booleans(), st.booleans())
def test_the_patient_always_has_a_voice_and_nobody_else_is_asked_twice(
    born: str, regime: Regime, secret: bool, emancipated: bool
) -> None:
    person = Person(
        patient="1|x",
        keys=("1|x",),
        traits=Traits(birth_date=born),
        protection=Protection(
            regime=regime, secret_since=START if secret else None, emancipated=emancipated
        ),
    )
    others = other_voices(person, (), Capacity(), datetime(2026, 3, 2, tzinfo=UTC))
    assert Voice.PATIENT not in others
    assert len(others) <= 1
