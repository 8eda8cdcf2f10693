"""A patient's rights: to be told what was sent about them, and to be forgotten."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.commands.context import Context, find_patient, refused, text_of
from engine.commands.paper import take_files
from engine.decide.account import Told, account
from engine.decide.ladder import standing
from engine.model.consent import ConsentStated
from engine.model.fact import GpStated, Heard
from engine.model.flow import Delivery, DeliveryState
from engine.model.trail import AuditKind
from engine.store.interface import Forgotten, Tx

FORGOTTEN: Final = "patient-forgotten"


def export(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """What was sent about a patient, to whom, when and why, in plain French."""
    config = context.settings.config
    zone = ZoneInfo(config.time_zone)

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        context.audit(tx, AuditKind.READ, patient=patient, what="export")
        facts = tx.facts.of_patient(patient)
        traits = context.knowledge.scene(tx, patient, context.now()).record.person.traits
        letters = tx.outbox.of_patient(patient, forgotten=True)
        doctors = _doctors(context, facts, letters)
        text = account(
            number=patient.partition("|")[0],
            name=" ".join(filter(None, (traits.birth_given, traits.birth_family))),
            hospital=config.hospital.name,
            letters=[_told(tx, one, doctors) for one in letters],
            said=[one.fact for one in facts if isinstance(one.fact, ConsentStated)],
            messages=len({one.journal_id for one in facts} - {None}),
            now=context.now(),
            zone=zone,
        )
        return {"patient": patient, "text": text, "letters": len(letters)}

    return context.store.write_sync(work)


def _doctors(
    context: Context, facts: Sequence[Heard], letters: Sequence[Delivery]
) -> dict[str, str]:
    """Names by number: as the messages named them, and as the directories do."""
    found: dict[str, str] = {}
    for one in facts:
        if isinstance(one.fact, GpStated) and one.fact.gp is not None and one.fact.gp.rpps:
            found[one.fact.gp.rpps] = f"{one.fact.gp.given} {one.fact.gp.family}".strip()
    for rpps in {one.rpps for one in letters}:
        boxes = context.settings.doctors.named(rpps)
        if boxes:
            found[rpps] = f"{boxes[0].given} {boxes[0].family}".strip()
    return found


def _told(tx: Tx, delivery: Delivery, doctors: dict[str, str]) -> Told:
    taken = [one.closed_at for one in tx.outbox.attempts(delivery.id) if one.outcome == "accepted"]
    text = tx.outbox.files(delivery.id).get("letter.txt", b"").decode("utf-8", "replace")
    return Told(
        delivery,
        taken[-1] if taken else None,
        doctors.get(delivery.rpps, ""),
        text,
        standing(delivery, tx.receipts.of_delivery(delivery.id)),
    )


def forget(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Destroy what is held of a patient; what was sent stays provable."""
    on_paper: list[Delivery] = []

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        for one in tx.outbox.of_patient(patient):
            _stop(context, tx, one)
            on_paper.append(one)
            for message in tx.outbox.about(one.id):
                _stop(context, tx, message)
        for task in tx.tasks.of_patient(patient):
            if task.open:
                tx.tasks.close(task.id, context.now(), context.actor, FORGOTTEN)
        return asdict(drop(context, tx, patient, "asked"))

    told = context.store.write_sync(work)
    take_files(context, on_paper)
    context.wake()
    context.store.give_back()
    return told


def drop(context: Context, tx: Tx, patient: str, why: str) -> Forgotten:
    """Destroy the keys of a patient of whom nothing is under way, with the audit line."""
    gone = tx.retention.forget(patient)
    context.audit(
        tx,
        AuditKind.PATIENT_FORGOTTEN,
        patient=patient,
        why=why,
        facts=gone.facts,
        documents=gone.documents,
        messages=gone.messages,
        letters=gone.letters,
    )
    return gone


def _stop(context: Context, tx: Tx, one: Delivery) -> None:
    if one.state is DeliveryState.SENDING:
        raise refused(
            "A letter about this patient is being sent at this moment.",
            where=f"delivery {one.id}",
            remedy="ask again in a minute",
        )
    if one.in_print_queue or one.state in (DeliveryState.QUEUED, DeliveryState.HELD):
        tx.outbox.move(one.id, DeliveryState.CANCELLED, context.now(), reason=FORGOTTEN)
        context.audit(
            tx,
            AuditKind.DELIVERY_MOVED,
            subject=f"delivery {one.id}",
            patient=one.patient,
            stay=one.stay,
            to=DeliveryState.CANCELLED.value,
            reason=FORGOTTEN,
        )
