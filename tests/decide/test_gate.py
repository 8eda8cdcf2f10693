"""Identity: what forbids a letter, and what a letter may carry of the national identity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.gate import evidence_of_veto, identity, qualified_ins, veto_key
from engine.decide.reasons import Reason
from engine.model.people import INS_FICTITIOUS, INS_NIR, INS_REAL, Ins, Traits
from engine.model.policy import Mode, Policy, Vetoes
from engine.model.stay import Person
from tests.support.patients import POLICY, TRAITS

NIR = "190049999900112"
GOOD = "1900499999001" + f"{97 - 1900499999001 % 97:02d}"
COMPLETE = TRAITS.model_copy(update={"birth_place_code": "99999", "birth_given_all": "THEO"})


def person(traits: Traits) -> Person:
    return Person(patient="1|x", keys=("1|x",), traits=traits)


STATUSES = st.lists(
    st.sampled_from(["VALI", "PROV", "VIDE", "DOUT", "FICT", "HOMA"]), max_size=3
).map(tuple)
OIDS = st.sampled_from(sorted(INS_REAL | INS_FICTITIOUS))


@given(STATUSES, OIDS, st.sampled_from([GOOD, NIR, "x"]), st.sampled_from(Mode))
def test_an_ins_never_leaves_without_vali_nor_a_test_one_in_production(
    status: tuple[str, ...], oid: str, matricule: str, mode: Mode
) -> None:
    traits = COMPLETE.model_copy(
        update={"ins": Ins(matricule=matricule, oid=oid), "identity_status": status}
    )
    policy = POLICY.model_copy(update={"mode": mode})
    found = qualified_ins(person(traits), policy)
    if found is not None:
        assert "VALI" in status
        assert matricule == GOOD
        assert oid in (INS_REAL if mode is Mode.PRODUCTION else INS_FICTITIOUS)


def test_a_qualified_identity_that_lacks_a_strict_trait_leaves_without_its_ins() -> None:
    ins = Ins(matricule=GOOD, oid=INS_NIR)
    whole = COMPLETE.model_copy(update={"ins": ins, "identity_status": ("VALI",)})
    assert qualified_ins(person(whole), POLICY) == ins
    without = whole.model_copy(update={"birth_place_code": None})
    assert qualified_ins(person(without), POLICY) is None


def test_a_real_qualified_ins_leaves_no_test_mode_and_a_test_one_does() -> None:
    test = POLICY.model_copy(update={"mode": Mode.TEST})
    for oid in sorted(INS_REAL | INS_FICTITIOUS):
        ins = Ins(matricule=GOOD, oid=oid)
        whole = COMPLETE.model_copy(update={"ins": ins, "identity_status": ("VALI",)})
        assert qualified_ins(person(whole), test) == (ins if oid in INS_FICTITIOUS else None)


FLAGS = {
    "identity_unknown": "PID-31",
    "data_protected": "PD1-12",
    "visit_protected": "PV2-22",
    "vip": "PV1-16",
    "contact_not_told": "NK1-7",
}


def test_the_table_of_vetoes_has_every_flag_and_each_is_on_at_first() -> None:
    assert set(Vetoes.model_fields) == set(FLAGS)
    assert set(Vetoes().model_dump().values()) == {True}


@given(
    st.sets(st.sampled_from(sorted(FLAGS))),
    st.sets(st.sampled_from(sorted(FLAGS))),
    st.sampled_from([(), ("VALI",), ("CACH",), ("DOUT", "VALI"), ("PROV",)]),
    st.booleans(),
)
def test_a_flag_that_is_on_silences_until_a_person_has_looked_at_that_very_evidence(
    raised: set[str], off: set[str], status: tuple[str, ...], looked: bool
) -> None:
    vetoes = Vetoes.model_validate(dict.fromkeys(off, False))
    policy = POLICY.model_copy(update={"vetoes": vetoes})
    who = person(
        TRAITS.model_copy(update={**dict.fromkeys(raised, True), "identity_status": status})
    )
    vetoed = bool(raised - off) or bool(set(status) & {"CACH", "DOUT"})
    cleared = {veto_key(who, vetoes)} if looked else set()
    found = identity(who, policy, cleared)
    assert found == (Reason.IDENTITY_VETO if vetoed and not looked else None)
    assert {FLAGS[one] for one in raised - off} == set(evidence_of_veto(who, vetoes)) - {
        f"PID-32={one}" for one in status
    }


@pytest.mark.parametrize(
    "status",
    # PAM FR 2.11, PID-32: hidden, anonymous, doubtful, doubled, in collision, usurped, fictitious.
    [
        "ANOM",
        "FICT",
        "USUR",
        "DOUB",
        "DESA",
        "COLP",
        "COLV",
        "CACH",
        "DOUT",
        "HOMA",
        "DPOT",
        "DOUA",
    ],
)
def test_each_status_of_doubt_silences_where_the_site_says_nothing_else(status: str) -> None:
    policy = Policy(mode=Mode.TEST)
    who = person(TRAITS.model_copy(update={"identity_status": ("VALI", status)}))
    assert identity(who, policy, ()) is Reason.IDENTITY_VETO


def test_a_fictitious_ins_is_told_nothing_of_in_production() -> None:
    ins = Ins(matricule=GOOD, oid=min(INS_FICTITIOUS))
    who = person(COMPLETE.model_copy(update={"ins": ins, "identity_status": ("VALI",)}))
    assert identity(who, POLICY, ()) is Reason.TEST_IDENTITY


@pytest.mark.parametrize("lacking", ["birth_family", "birth_given", "birth_date", "sex"])
def test_an_identity_that_lacks_a_trait_of_a_letter_asks(lacking: str) -> None:
    who = person(TRAITS.model_copy(update={lacking: None}))
    assert identity(who, POLICY, ()) is Reason.IDENTITY_INCOMPLETE
