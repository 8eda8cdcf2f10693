"""What the patient said, and which doctor is the right one: recorded by a person."""

import contextlib
from datetime import datetime
from typing import Any

from engine.commands.context import (
    Context,
    choice_of,
    find_patient,
    list_of,
    refused,
    text_of,
    words_of,
)
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose
from engine.model.fact import GpConfirmed
from engine.model.people import rpps_ok
from engine.model.trail import AuditKind
from engine.store.interface import Tx


def record(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Record what the patient said: for each purpose, about one doctor."""
    purposes = [
        purpose
        for one in list_of(args, "purposes")
        if (purpose := choice_of({"purpose": one}, "purpose", Purpose)) is not None
    ]
    if not purposes:
        known = ", ".join(one.value for one in Purpose)
        raise refused("No purpose is given.", where="--purpose", remedy=f"one of: {known}")
    state = choice_of({"state": text_of(args, "state")}, "state", ConsentState)
    assert state is not None
    recipient = words_of(args, "recipient") or MEDECIN_TRAITANT
    if recipient != MEDECIN_TRAITANT and not rpps_ok(recipient):
        raise refused(
            "The doctor's number is no RPPS.",
            where="--recipient",
            remedy="give the 11 digits of the RPPS, or leave it out for the médecin traitant",
        )
    at = _moment(context, words_of(args, "at"))

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        for purpose in purposes:
            said = ConsentStated(
                purpose=purpose, state=state, recipient=recipient, at=at, by=context.actor
            )
            context.audit(
                tx,
                AuditKind.CONSENT_RECORDED,
                patient=patient,
                purpose=purpose.value,
                state=state.value,
                recipient=recipient,
                said_at=at.isoformat(),
            )
            context.tell(tx, patient, said)
        return {"recorded": [purpose.value for purpose in purposes], "state": state.value}

    result = context.store.write_sync(work)
    context.wake()
    return result


def listing(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Everything the patient said, oldest first."""

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        context.audit(tx, AuditKind.READ, patient=patient, what="consents")
        said = [
            heard.fact
            for heard in tx.facts.of_patient(patient)
            if isinstance(heard.fact, ConsentStated)
        ]
        said.sort(key=lambda one: (one.at, one.purpose))
        return {"consents": [one.model_dump(mode="json") for one in said]}

    return context.store.write_sync(work)


def confirm_gp(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """A person says that the declared médecin traitant is the right one."""
    rpps = text_of(args, "rpps")

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        declared = context.knowledge.scene(tx, patient, context.now()).record.person.gp
        if declared is None or declared.rpps != rpps:
            raise refused(
                "That doctor is not the one declared for this patient.",
                where="--rpps",
                remedy="correct the médecin traitant in the patient record (DPI); its next message "
                "brings it here; then confirm it",
            )
        context.audit(tx, AuditKind.GP_CONFIRMED, patient=patient, rpps=rpps)
        context.tell(tx, patient, GpConfirmed(rpps=rpps, at=context.now(), by=context.actor))
        return {"confirmed": True}

    result = context.store.write_sync(work)
    context.wake()
    return result


def _moment(context: Context, text: str | None) -> datetime:
    if not text:
        return context.now()
    at: datetime | None = None
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(text)
    if at is None or at.tzinfo is None or at > context.now():
        raise refused(
            "That is no moment of the past.",
            where="--at",
            remedy="write it as 2026-03-02T10:30+01:00",
        )
    return at
