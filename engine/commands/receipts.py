"""What came back about a letter: shown, its evidence, and a telephone call that ends it."""

from base64 import b64encode
from datetime import datetime
from typing import Any

from engine.commands.context import Context, number_of, refused, text_of
from engine.decide.answers import BY_CALL, NOT_MY_PATIENT, RECEIVED
from engine.decide.ladder import RUNGS_SAID, standing
from engine.decide.scene import left
from engine.decide.undone import sent_at
from engine.inbound.receipts import Moved, told_by_person
from engine.knowledge import disown as keep_disowned
from engine.model.flow import Delivery
from engine.model.receipt import Kept, ReceiptKind
from engine.model.task import Task
from engine.model.trail import AuditKind
from engine.runtime.boxes import watch_of
from engine.runtime.wiring import teller_of
from engine.store.interface import Tx


def came_back(tx: Tx, row: Delivery) -> dict[str, Any]:
    """How far a letter is known to have come, and by which receipts, as plain values."""
    kept = tx.receipts.of_delivery(row.id)
    now_at = standing(row, kept)
    return {
        "stands": now_at.rung.value,
        "stands_for": RUNGS_SAID[now_at.rung],
        "since": now_at.since.isoformat(timespec="seconds") if now_at.since else None,
        "receipts": [_row(one) for one in kept],
    }


def story_lines(told: dict[str, Any]) -> list[str]:
    """The same, a line each, for the story of a patient."""
    lines = []
    for one in told["receipts"]:
        words = [str(one[name]) for name in ("source", "code", "status") if one[name]]
        words += ["of another mailbox"] if one["other_box"] else []
        lines.append(f"receipt {one['number']}  {one['at']}  {one['kind']} ({', '.join(words)})")
    return [*lines, f"stands: {told['stands']}, {told['stands_for']}"]


def evidence(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """The mail that a receipt came in, as it came."""
    delivery, number = text_of(args, "delivery"), number_of(args, "receipt")

    def work(tx: Tx) -> dict[str, Any]:
        row = tx.outbox.get(delivery)
        kept = tx.receipts.of_delivery(delivery)
        found = next((one for one in kept if one.id == number), None)
        if row is None or found is None:
            raise refused(
                "There is no such receipt.",
                where=f"delivery {delivery}",
                remedy=f"see: relais outbox show {delivery}",
            )
        context.audit(
            tx,
            AuditKind.READ,
            subject=f"delivery {row.id}",
            patient=row.patient,
            stay=row.stay,
            what="receipt",
        )
        raw = tx.receipts.evidence(found)
        return _row(found) | {"raw": b64encode(raw).decode("ascii")}

    return context.store.write_sync(work)


def told_by_call(context: Context, tx: Tx, task: Task, answer: str) -> None:
    """A call that was answered: the doctor has the letter, or the patient is none of theirs."""
    row = tx.outbox.get(task.about) if task.kind in BY_CALL else None
    if row is None:
        return
    if answer == RECEIVED:
        _told(context, tx, row, ReceiptKind.CONFIRMED)
    if answer == NOT_MY_PATIENT:
        disown(context, tx, row.patient, row.rpps)


def disown(context: Context, tx: Tx, patient: str, rpps: str) -> list[Delivery]:
    """A doctor says "not my patient": keep it as said, and of each letter that went there. What
    follows is the plan's: nothing more leaves to that doctor, the patient is asked anew, and an
    incident is opened. Gives the letters that the doctor has, or may have."""
    gone = [one for one in tx.outbox.of_patient(patient) if left(one) and one.rpps == rpps]
    for row in gone:
        _told(context, tx, row, ReceiptKind.DISOWNED)
    by = context.actor
    keep_disowned(tx, context.knowledge, patient, rpps, context.now(), by=by, actor=by)
    return gone


def _told(context: Context, tx: Tx, row: Delivery, kind: ReceiptKind) -> None:
    told_by_person(
        tx,
        row.id,
        kind,
        by=context.actor,
        watch=watch_of(context.settings.config),
        now=context.now(),
        moved=_settler(context),
    )


def _settler(context: Context) -> Moved:
    teller = teller_of(context.settings)

    def settle(tx: Tx, row: Delivery, now: datetime) -> None:
        if teller is not None:
            teller.left_or_refused(tx, row.id, now)
        context.knowledge.settle(tx, row.patient, now)

    return settle


def _row(one: Kept) -> dict[str, Any]:
    said = one.receipt
    return {
        "number": one.id,
        "at": one.received_at.isoformat(timespec="seconds"),
        "kind": said.kind.value,
        "source": said.source.value,
        "code": said.code,
        "status": said.status,
        "by_machine": said.by_machine,
        "other_box": one.other_box,
        "origin": one.origin,
    }


def sent_row(context: Context, one: Delivery) -> dict[str, Any]:
    """A letter that went out: what, when, to whom; as a person who must call would ask."""
    boxes = context.settings.doctors.named(one.rpps)
    return {
        "letter": one.letter_kind.value,
        "version": one.version,
        "sent_at": sent_at(one).isoformat(timespec="seconds"),
        "doctor": f"{boxes[0].family} {boxes[0].given}" if boxes else "",
        "rpps": one.rpps,
        "to": one.intended,
        "message_id": one.message_id,
        "delivery": one.id,
    }
