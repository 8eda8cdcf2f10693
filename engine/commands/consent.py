"""What the patient said, and which doctor is the right one: recorded by a person."""

import contextlib
from datetime import datetime
from typing import Any

from engine.commands.context import Context, find_patient, refused, text_of
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose
from engine.model.fact import GpConfirmed
from engine.model.people import rpps_ok
from engine.store.interface import Tx


def record(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Record what the patient said: for each purpose, about one doctor."""
    purposes = [_one_of(Purpose, one, "purpose") for one in args.get("purposes") or ()]
    if not purposes:
        raise refused("No purpose is given.", where="--purpose", remedy=_choices(Purpose))
    state = _one_of(ConsentState, text_of(args, "state"), "state")
    recipient = args.get("recipient") or MEDECIN_TRAITANT
    if recipient != MEDECIN_TRAITANT and not rpps_ok(recipient):
        raise refused(
            "The doctor's number is no RPPS.",
            where="--recipient",
            remedy="give the 11 digits of the RPPS, or leave it out for the médecin traitant",
        )
    at = _moment(context, args.get("at"))

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        for purpose in purposes:
            said = ConsentStated(
                purpose=purpose, state=state, recipient=recipient, at=at, by=context.actor
            )
            context.audit(
                tx, "consent-recorded", patient=patient, purpose=purpose.value, state=state.value
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
        context.audit(tx, "read", patient=patient, what="consents")
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
        context.audit(tx, "gp-confirmed", patient=patient)
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


def _choices(kind: type[Purpose] | type[ConsentState]) -> str:
    return "one of: " + ", ".join(one.value for one in kind)


def _one_of(kind: Any, text: str, name: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise refused(
            f"There is no such {name}.", where=f"--{name}", remedy=_choices(kind)
        ) from None
