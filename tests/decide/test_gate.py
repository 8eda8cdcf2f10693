"""Identity: what forbids a letter, and what a letter may carry of the national identity."""

from hypothesis import given
from hypothesis import strategies as st

from engine.decide.gate import qualified_ins
from engine.model.people import INS_FICTITIOUS, INS_NIA, INS_NIR, INS_REAL, Ins, Traits
from engine.model.policy import Mode
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
        if mode is Mode.PRODUCTION:
            assert oid in (INS_NIR, INS_NIA)
            assert matricule == GOOD


def test_a_qualified_identity_that_lacks_a_strict_trait_leaves_without_its_ins() -> None:
    ins = Ins(matricule=GOOD, oid=INS_NIR)
    whole = COMPLETE.model_copy(update={"ins": ins, "identity_status": ("VALI",)})
    assert qualified_ins(person(whole), POLICY) == ins
    without = whole.model_copy(update={"birth_place_code": None})
    assert qualified_ins(person(without), POLICY) is None
