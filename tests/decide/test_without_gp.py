"""Where there is no médecin traitant: the portal, if the patient agreed, and the site's rules."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.plan import plan
from engine.model.care import Half
from engine.model.consent import ConsentState, Purpose
from engine.model.fact import GpFound, GpSource, GpStated, PersonStated
from engine.model.letter import Thread
from engine.model.people import Traits
from engine.model.policy import WithoutGp
from engine.model.recipient import Service
from engine.model.stay import GpState
from engine.model.task import TaskKind
from tests.support.patients import (
    DSP,
    GP,
    POLICY,
    START,
    TRAITS,
    World,
    agreed,
    moved,
    released,
)

HOME = Service(kind="MEDICAL-HOME", name="Maison médicale", area="Lyre", town="Lyre", phone="1")
FAR = HOME.model_copy(update={"name": "Loin d'ici", "area": "Ailleurs"})


def world(*rules: WithoutGp, none: bool = False) -> World:
    made = World(policy=POLICY.model_copy(update={"without_gp": rules}), services=(HOME, FAR))
    traits = TRAITS.model_copy(update={"has_no_gp": none or None})
    made.tell(PersonStated(traits=traits), moved("A01", START, "in"))
    made.tell(
        *(
            agreed(one, ConsentState.GRANTED, START)
            for one in Purpose
            if one is not Purpose.GP_LOOKUP
        )
    )
    return made


def about(made: World, kind: TaskKind = TaskKind.WITHOUT_GP) -> list[str]:
    return sorted(one.about for one in plan(made.scene()).tasks if one.kind is kind)


def rule(**given: object) -> WithoutGp:
    return WithoutGp.model_validate({"name": "a", "service": "MEDICAL-HOME", "role": "gp", **given})


def test_a_rule_names_the_services_of_its_kind_and_area() -> None:
    made = world(rule(areas=("Lyre",)), rule(name="b", service="CSAPA", role="csapa"), none=True)
    released(made)
    assert about(made) == [
        "a: MEDICAL-HOME (gp): Maison médicale, Lyre, 1",
        "b: CSAPA (csapa): none in the territory file",
    ]


@pytest.mark.parametrize(
    ("given_", "fits"),
    [
        ({}, True),
        ({"gp": ("not-recorded",)}, False),
        ({"gp": ("none",)}, True),
        ({"thread": ("arrival",)}, False),  # told while the stay lasts
        ({"units": ("sequedin",)}, False),
        ({"units": ("annoeullin",)}, True),
        ({"halves": ("DSP",)}, False),
        ({"halves": ("DSS", "DSP")}, True),
        ({"items": ("opioid",)}, False),
    ],
)
def test_a_rule_fits_by_what_is_known_of_the_stay(given_: dict[str, object], fits: bool) -> None:
    made = world(rule(**given_), none=True)
    released(made)
    assert bool(about(made)) is fits


def test_a_half_that_saw_the_patient_later_makes_its_rule_fit() -> None:
    made = world(rule(halves=("DSP",)), none=True)
    made.tell(moved("A02", START + timedelta(hours=1), "to", care=DSP))
    made.now += timedelta(hours=2)
    released(made)
    assert len(about(made)) == 1


def test_a_patient_whose_doctor_is_known_needs_no_other() -> None:
    made = world(rule(thread=("arrival", "exit")))
    made.now += timedelta(hours=80)
    assert len(about(made)) == 1
    made.tell(GpStated(gp=GP))
    assert about(made) == []
    made.tell(GpStated(gp=None))
    assert len(about(made)) == 1


def test_nobody_who_refused_is_asked_about_others() -> None:
    made = world(rule(thread=("arrival", "exit")))
    made.tell(*(agreed(one, ConsentState.REFUSED, START) for one in Purpose))
    made.now += timedelta(hours=80)
    assert about(made) == []
    released(made)
    assert about(made) == []


@pytest.mark.parametrize("state", ConsentState)
def test_the_portal_is_looked_at_when_the_patient_agreed_and_never_else(
    state: ConsentState,
) -> None:
    made = world()
    made.now += timedelta(hours=80)
    assert about(made, TaskKind.GP_ON_PORTAL) == []
    made.tell(agreed(Purpose.GP_LOOKUP, state, made.now))
    assert bool(about(made, TaskKind.GP_ON_PORTAL)) is (state is ConsentState.GRANTED)
    made.tell(agreed(Purpose.GP_LOOKUP, ConsentState.WITHDRAWN, made.now))
    assert about(made, TaskKind.GP_ON_PORTAL) == []


def test_an_agreement_about_one_doctor_covers_the_look_whoever_the_portal_names() -> None:
    made = world()
    made.tell(GpStated(gp=GP), agreed(Purpose.GP_LOOKUP, ConsentState.GRANTED, START))
    made.now += timedelta(hours=80)
    assert about(made, TaskKind.GP_ON_PORTAL) == [""]
    made.tell(GpFound(source=GpSource.AMELIPRO, gp=None, at=made.now, by="x"))
    assert about(made, TaskKind.GP_ON_PORTAL) == []


def test_a_protected_adult_needs_the_other_voice_for_the_look_too() -> None:
    from engine.model.capacity import ProtectionStated, Regime

    made = world()
    made.tell(agreed(Purpose.GP_LOOKUP, ConsentState.GRANTED, START))
    made.now += timedelta(hours=80)
    assert about(made, TaskKind.GP_ON_PORTAL) == [""]
    made.tell(ProtectionStated(regime=Regime.TUTELLE, at=START, by="x"))
    assert about(made, TaskKind.GP_ON_PORTAL) == []


@given(
    st.builds(
        WithoutGp,
        name=st.just("a"),
        service=st.sampled_from(["MEDICAL-HOME", "CSAPA"]),
        role=st.just("gp"),
        gp=st.lists(st.sampled_from(list(GpState)), max_size=4).map(tuple),
        thread=st.lists(st.sampled_from(list(Thread)), max_size=2).map(tuple),
        halves=st.lists(st.sampled_from(list(Half)), max_size=2).map(tuple),
    ),
    st.booleans(),
)
def test_no_rule_ever_sends_a_letter_or_holds_one_back(rule_: WithoutGp, known: bool) -> None:
    made = world(rule_, none=not known)
    plain = world(none=not known)
    for one in (made, plain):
        if known:
            one.tell(GpStated(gp=GP))
        released(one)
    told = [[(one.thread, one.standing, one.reason) for one in plan(w.scene()).threads]
            for w in (made, plain)]  # fmt: skip
    assert told[0] == told[1]


def test_traits_that_say_nothing_leave_the_state_as_it_was() -> None:
    made = world(rule(thread=("arrival", "exit")), none=True)
    made.tell(PersonStated(traits=Traits(birth_family="LAMBERT")))
    assert len(about(made)) == 1
