"""PID-32 as known now, out of what ADT and other messages said."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.decide.person import fold_person
from engine.model.fact import Heard, IdentityStatusSeen, PersonStated
from engine.model.people import Traits
from tests.support.patients import START

_CODES = st.sampled_from(["VALI", "PROV", "VIDE", "DOUT", "CACH", "FICT"])
_STATED = st.lists(_CODES, min_size=1, max_size=2, unique=True).map(
    lambda said: PersonStated(traits=Traits(identity_status=tuple(said)))
)
_SEEN = st.lists(
    _CODES.filter(lambda code: code != "VALI"), min_size=1, max_size=2, unique=True
).map(lambda said: IdentityStatusSeen(status=tuple(said)))


def status_after(said: list[PersonStated | IdentityStatusSeen]) -> set[str]:
    facts = [
        Heard(
            patient="P|A",
            fact=fact,
            recorded_at=START + timedelta(minutes=number),
            heard_at=START + timedelta(minutes=number),
        )
        for number, fact in enumerate(said)
    ]
    person = fold_person("P|A", ("P|A",), facts, discharged_dead=False)
    return set(person.traits.identity_status or ())


@given(said=st.lists(_STATED | _SEEN, max_size=6), seen=_SEEN)
def test_what_a_document_says_of_the_identity_only_ever_takes_trust_away(
    said: list[PersonStated | IdentityStatusSeen], seen: IdentityStatusSeen
) -> None:
    before = status_after(said)
    after = status_after([*said, seen])
    assert "VALI" not in after
    assert after == (before - {"VALI"}) | set(seen.status)


@given(said=st.lists(_STATED | _SEEN, max_size=6), stated=_STATED)
def test_what_the_identitys_own_system_says_last_counts(
    said: list[PersonStated | IdentityStatusSeen], stated: PersonStated
) -> None:
    assert status_after([*said, stated]) == set(stated.traits.identity_status or ())
