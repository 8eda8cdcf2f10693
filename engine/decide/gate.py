"""May anything at all leave about this person? Identity, protection, mode."""

from collections.abc import Container

from engine.decide.reasons import Reason
from engine.model.people import INS_FICTITIOUS, INS_REAL, QUALIFIED, Ins, nir_key_ok
from engine.model.policy import Mode, Policy, Vetoes
from engine.model.stay import Person


def veto_key(person: Person, vetoes: Vetoes) -> str:
    """Key of the task by which a person lifts a veto, as long as the evidence stays the same."""
    return f"veto:{person.patient}:{','.join(evidence_of_veto(person, vetoes))}"


def evidence_of_veto(person: Person, vetoes: Vetoes) -> list[str]:
    """Fields that ask for silence, by name."""
    found = [f"PID-32={status}" for status in sorted(person.traits.identity_status or ())]
    return found + _flags(person, vetoes) + list(person.in_doubt)


def _flags(person: Person, vetoes: Vetoes) -> list[str]:
    """The flags that are set, and that the site does not pass over."""
    traits = person.traits
    flags = {
        "PID-31": vetoes.identity_unknown and traits.identity_unknown,
        "PD1-12": vetoes.data_protected and traits.data_protected,
        "PV2-22": vetoes.visit_protected and traits.visit_protected,
        "PV1-16": vetoes.vip and traits.vip,
        "NK1-7": vetoes.contact_not_told and traits.contact_not_told,
    }
    return [name for name, set_ in flags.items() if set_]


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
    vetoed = (
        any(one in policy.vetoed_status for one in traits.identity_status or ())
        or _flags(person, policy.vetoes)
        or person.in_doubt
    )
    if vetoed and veto_key(person, policy.vetoes) not in cleared:
        return Reason.IDENTITY_VETO
    if not (traits.birth_family and traits.birth_given and traits.birth_date and traits.sex):
        return Reason.IDENTITY_INCOMPLETE
    return None


def qualified_ins(person: Person, policy: Policy) -> Ins | None:
    """The INS that a letter may carry: qualified, right in its key, real in production, and of a
    test or demonstration namespace in test mode, whose mails reach others than the doctor.

    PAM FR 2.11, section 3: an INS counts only when PID-32 contains VALI. CDA: all strict traits
    are then demanded, so an identity that lacks one leaves without the INS.
    """
    traits = person.traits
    if traits.ins is None or QUALIFIED not in (traits.identity_status or ()):
        return None
    if not (traits.birth_given_all or traits.birth_given) or not traits.birth_place_code:
        return None
    wanted = INS_REAL if policy.mode is Mode.PRODUCTION else INS_FICTITIOUS
    right = traits.ins.oid in wanted and nir_key_ok(traits.ins.matricule)
    return traits.ins if right else None
