"""May anything at all leave about this person? Identity, protection, mode."""

from collections.abc import Container

from engine.decide.reasons import Reason
from engine.model.people import INS_REAL, Ins, nir_key_ok
from engine.model.policy import Mode, Policy
from engine.model.stay import Person


def veto_key(person: Person) -> str:
    """Key of the task by which a person lifts a veto, as long as the evidence stays the same."""
    return f"veto:{person.patient}:{','.join(evidence_of_veto(person))}"


def evidence_of_veto(person: Person) -> list[str]:
    """Fields that ask for silence, by name."""
    traits = person.traits
    found = [f"PID-32={status}" for status in sorted(traits.identity_status or ())]
    flags = {
        "PID-31": traits.identity_unknown,
        "PD1-12": traits.data_protected,
        "PV2-22": traits.visit_protected,
        "PV1-16": traits.vip,
        "NK1-7": traits.contact_not_told,
    }
    return found + [name for name, set_ in flags.items() if set_] + list(person.in_doubt)


def identity(person: Person, policy: Policy, cleared: Container[str]) -> Reason | None:
    """Why the identity forbids any letter; None: it does not.

    A test identity is never cleared by a person; a veto is, for as long as its evidence stays.
    """
    traits = person.traits
    fictitious = traits.ins is not None and traits.ins.fictitious
    if policy.mode is Mode.PRODUCTION and (
        fictitious or person.test or "FICT" in (traits.identity_status or ())
    ):
        return Reason.TEST_IDENTITY
    vetoed = any(one in policy.vetoed_status for one in traits.identity_status or ()) or any(
        (
            traits.identity_unknown,
            traits.data_protected,
            traits.visit_protected,
            traits.vip,
            traits.contact_not_told,
            person.in_doubt,
        )
    )
    if vetoed and veto_key(person) not in cleared:
        return Reason.IDENTITY_VETO
    if not (traits.birth_family and traits.birth_given and traits.birth_date and traits.sex):
        return Reason.IDENTITY_INCOMPLETE
    return None


def qualified_ins(person: Person, policy: Policy) -> Ins | None:
    """The INS that a letter may carry: qualified, right in its key, and real in production.

    PAM FR 2.11, section 3: an INS counts only when PID-32 contains VALI. CDA: all strict traits
    are then demanded, so an identity that lacks one leaves without the INS.
    """
    traits = person.traits
    if traits.ins is None or "VALI" not in (traits.identity_status or ()):
        return None
    if not (traits.birth_given_all or traits.birth_given) or not traits.birth_place_code:
        return None
    if policy.mode is Mode.PRODUCTION:
        real = traits.ins.oid in INS_REAL and nir_key_ok(traits.ins.matricule)
        return traits.ins if real else None
    return traits.ins
