"""What the patient said, recorded by a person."""

import re
from typing import Any

from engine.commands.context import (
    Context,
    choice_of,
    find_patient,
    list_of,
    moment_of,
    refused,
    text_of,
    words_of,
)
from engine.commands.receipts import sent_row
from engine.decide.reasons import SENTENCES
from engine.decide.scene import Scene
from engine.decide.undone import too_late_for
from engine.model.consent import (
    MEDECIN_TRAITANT,
    Collected,
    ConsentState,
    ConsentStated,
    Purpose,
    Voice,
)
from engine.model.flow import Delivery
from engine.model.people import rpps_ok
from engine.model.stay import Stay
from engine.model.trail import AuditKind
from engine.store.interface import Tx


def record(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Record what the patient, or who must agree too, said: for each purpose, about one doctor.

    A "no" is answered with the letters for which it comes too late.
    """
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
    at = moment_of(context, words_of(args, "at"))
    how = choice_of(args, "how", Collected) or Collected.UNKNOWN
    voice = choice_of(args, "voice", Voice) or Voice.PATIENT
    language = _language(words_of(args, "language"))

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        late: dict[str, Delivery] = {}
        for purpose in purposes:
            said = ConsentStated(
                purpose=purpose,
                state=state,
                recipient=recipient,
                at=at,
                by=context.actor,
                how=how,
                language=language,
                voice=voice,
            )
            late |= {one.id: one for one in too_late_for(said, tx.outbox.of_patient(patient))}
            context.audit(
                tx,
                AuditKind.CONSENT_RECORDED,
                patient=patient,
                purpose=purpose.value,
                state=state.value,
                recipient=recipient,
                said_at=at.isoformat(),
                how=how.value,
                language=language,
                voice=voice.value,
            )
            context.tell(tx, patient, said)
        return {
            "recorded": [purpose.value for purpose in purposes],
            "state": state.value,
            "too_late_for": [sent_row(context, one) for one in late.values()],
        }

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


def show(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """The register: by stay, what each purpose comes to now, and every statement of it."""

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        context.audit(tx, AuditKind.READ, patient=patient, what="consent register")
        scene = context.knowledge.scene(tx, patient, context.now())
        gp = scene.record.person.gp
        rpps = gp.rpps or "" if gp else ""
        stays = []
        for stay in scene.record.stays:
            stays.append(
                {
                    "usmp": stay.usmp,
                    "visit": stay.visit,
                    "since": stay.arrived_at.isoformat(timespec="seconds"),
                    "doctor": rpps,
                    "now": {one.value: _stands(scene, stay, one, rpps) for one in Purpose},
                    "said": [
                        one.model_dump(mode="json")
                        | {
                            "too_late_for": [
                                sent_row(context, sent)
                                for sent in too_late_for(one, scene.deliveries)
                                if sent.stay == stay.key
                            ]
                        }
                        for one in stay.consents
                    ],
                }
            )
        return {
            "patient": patient.partition("|")[0],
            "protection": scene.record.person.protection.model_dump(mode="json"),
            "stays": stays,
        }

    return context.store.write_sync(work)


def _stands(scene: Scene, stay: Stay, purpose: Purpose, rpps: str) -> str:
    """What a purpose comes to. Two of them send nothing: silence means something else there."""
    match purpose:
        case Purpose.LETTER_WRITTEN:
            why = scene.said_no(stay, purpose, rpps)
            return SENTENCES[why] if why else "not refused"
        case Purpose.DETENTION_TOLD:
            return "letters are discreet" if scene.discreet(stay, rpps) else "letters tell it"
        case _:
            why = scene.refusal(stay, purpose, rpps)
            return SENTENCES[why] if why else "granted"


def _language(text: str | None) -> str | None:
    if text is None or re.fullmatch(r"[a-z]{2,3}", text):
        return text
    raise refused(
        "That is no code of a language.",
        where="--language",
        remedy="give the ISO 639 code: fr, ar, ron",
    )
