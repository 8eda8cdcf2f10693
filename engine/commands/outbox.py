"""What goes out: look at it, hold it, let it go, try again, cancel it; stop everything."""

from typing import Any

from engine.commands.context import Context, choice_of, limit_of, refused, text_of
from engine.commands.receipts import came_back
from engine.decide.answers import GO_ON
from engine.decide.reasons import Reason
from engine.knowledge import look_again
from engine.model.flow import Delivery, DeliveryState
from engine.model.task import TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.outbound.ledger import PAUSED
from engine.store.interface import Tx


def listing(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Newest first; what identifies nobody."""
    state, limit = choice_of(args, "state", DeliveryState), limit_of(args, 50)
    rows = context.store.read_sync(lambda tx: tx.outbox.listing(state=state, limit=limit))
    return {"deliveries": [_row(one) for one in rows]}


def show(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """One delivery, its attempts, and what it holds."""
    number = text_of(args, "delivery")

    def work(tx: Tx) -> dict[str, Any]:
        row = _existing(tx, number)
        context.audit(
            tx,
            AuditKind.READ,
            subject=f"delivery {row.id}",
            patient=row.patient,
            stay=row.stay,
            what="letter",
        )
        files = tx.outbox.files(row.id)
        return (
            _row(row)
            | came_back(tx, row)
            | {
                "patient": row.patient,
                "stay": row.stay,
                "doctor": _doctor(context, row.rpps),
                "to": row.address,
                "intended": row.intended,
                "message_id": row.message_id,
                "purposes": list(row.purposes),
                "files": {name: len(data) for name, data in files.items()},
                "attempts": [attempt_row(one) for one in tx.outbox.attempts(row.id)],
                "about": row.about or None,
                "record": [f"{one.id} {one.state.value}" for one in tx.outbox.about(row.id)],
                "text": files.get("letter.txt", b"").decode() if args.get("text") else None,
            }
        )

    return context.store.write_sync(work)


def _doctor(context: Context, rpps: str) -> str:
    """The name, so that a person can call, and the number."""
    boxes = context.settings.doctors.named(rpps)
    return f"{boxes[0].family} {boxes[0].given}, RPPS {rpps}" if boxes else f"RPPS {rpps}"


def attempt_row(one: Any) -> dict[str, Any]:
    """An attempt as plain values."""
    return {
        "number": one.number,
        "opened_at": one.opened_at.isoformat(timespec="seconds"),
        "outcome": one.outcome or "open",
        "cause": one.cause,
        "code": one.code,
        "status": one.status,
        "reply": one.reply,
    }


def hold(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Keep it here until it is released."""
    return _move(context, args, DeliveryState.HELD, Reason.HELD_BY_PERSON.value)


def release(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Let a held one go on its way."""
    return _move(context, args, DeliveryState.QUEUED, "released", only=(DeliveryState.HELD,))


def retry(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Try again now what was refused, has expired, or waits."""
    allowed = (DeliveryState.REJECTED, DeliveryState.EXPIRED, DeliveryState.QUEUED)
    return _move(context, args, DeliveryState.QUEUED, "retried", only=allowed)


def cancel(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Have it never leave."""
    return _move(context, args, DeliveryState.CANCELLED, Reason.CANCELLED_BY_PERSON.value)


def again(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Have a letter that a person cancelled written after all, as of now: their cancel no longer
    stands. It goes through every gate as any letter does."""
    number = text_of(args, "delivery")

    def work(tx: Tx) -> dict[str, Any]:
        row = _existing(tx, number)
        if row.about:
            raise refused(
                "This is a message to the record, and no letter: it is not written again.",
                where=f"delivery {row.id}",
                remedy="enter the letter in the record (DPI) by hand",
            )
        if row.reason != Reason.CANCELLED_BY_PERSON:
            raise refused(
                "No person cancelled this letter.",
                where=f"delivery {row.id}",
                remedy=f"see: relais outbox show {row.id}",
            )
        now = context.now()
        asked = WantedTask(
            key=f"{TaskKind.CANCELLED_LETTER}:{row.stay}:{row.id}:again",
            kind=TaskKind.CANCELLED_LETTER,
            patient=row.patient,
            stay=row.stay,
            about=row.id,
        )
        if not any(one.key == asked.key for one in tx.tasks.of_patient(row.patient)):
            tx.tasks.close(tx.tasks.raise_(asked, now).id, now, context.actor, GO_ON)
        context.knowledge.settle(tx, row.patient, now)
        look_again(tx, row.patient, now)
        return _row(row)

    result = context.store.write_sync(work)
    context.wake()
    return result


def pause(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """Send nothing, until `resume`; everything is still received, decided and written."""
    return _paused(context, value="by a person")


def resume(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """Send again."""
    return _paused(context, value=None)


def _paused(context: Context, *, value: str | None) -> dict[str, Any]:
    def work(tx: Tx) -> None:
        tx.meta.put(PAUSED, value)
        context.audit(tx, AuditKind.HUMAN_ACT, act="pause" if value else "resume")

    context.store.write_sync(work)
    context.wake()
    return {"paused": value is not None}


def _move(
    context: Context,
    args: dict[str, Any],
    to: DeliveryState,
    reason: str,
    only: tuple[DeliveryState, ...] | None = None,
) -> dict[str, Any]:
    number = text_of(args, "delivery")

    def work(tx: Tx) -> dict[str, Any]:
        row = _existing(tx, number)
        if row.in_print_queue:
            raise refused(
                "This letter waits in a print queue: somebody may have it in hand.",
                where=f"delivery {row.id}",
                remedy=f"see: relais print list; then: relais print withdraw (or done) {row.id}",
            )
        if to not in row.moves or (only and row.state not in only):
            raise refused(
                f"A delivery that is {row.state} cannot become {to} that way.",
                where=f"delivery {row.id}",
                remedy=f"see: relais outbox show {row.id}",
            )
        tx.outbox.move(row.id, to, context.now(), due_at=context.now(), reason=reason)
        context.audit(
            tx,
            AuditKind.DELIVERY_MOVED,
            subject=f"delivery {row.id}",
            patient=row.patient,
            stay=row.stay,
            to=to.value,
            reason=reason,
        )
        context.knowledge.settle(tx, row.patient, context.now())
        # Read anew: what was decided just now may have cancelled it, and that is what is told.
        return _row(_existing(tx, row.id))

    result = context.store.write_sync(work)
    context.wake()
    return result


def _existing(tx: Tx, number: str) -> Delivery:
    row = tx.outbox.get(number)
    if row is None:
        raise refused(
            "There is no such delivery.", where="the delivery id", remedy="see: relais outbox list"
        )
    return row


def _row(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "letter": row.letter_kind.value,
        "version": row.version,
        "face": "discreet" if row.discreet else "open",
        "role": row.role.value,
        "channel": row.channel,
        "state": row.state.value,
        "attempts": row.attempts,
        "created_at": row.created_at.isoformat(timespec="seconds"),
        "due_at": row.due_at.isoformat(timespec="seconds"),
        "size": row.size,
        "possibly_sent": row.possibly_sent,
        "reason": row.reason,
    }
