"""Letters on paper: which wait for the mail room, which were posted."""

import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from engine.commands.context import Context, limit_of, list_of, refused
from engine.decide.reasons import Reason
from engine.model.channel import PrintQueue
from engine.model.flow import POSTED, TO_PRINT, Delivery, DeliveryState
from engine.outbound.posted import mark_posted, mark_withdrawn
from engine.outbound.print_queue import forget, posted
from engine.runtime.wiring import teller_of
from engine.store.interface import Tx

_ALL = 10_000


def listing(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """What waits to be printed and posted, oldest first; and whether it still may be."""
    queues, limit, now = _queues(context), limit_of(args, 200), context.now()

    def work(tx: Tx) -> list[dict[str, Any]]:
        rows = tx.outbox.listing(state=DeliveryState.RELAYED, reason=TO_PRINT, limit=_ALL)
        waiting = [one for one in rows if one.channel in queues]
        waiting.sort(key=lambda one: (one.closed_at or one.created_at, one.id))
        return [_row(context, tx, one, now) for one in waiting[:limit]]

    return {"letters": context.store.read_sync(work)}


def done(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """They were printed and posted; their files leave the queue: the store has them."""
    teller = teller_of(context.settings)

    def mark(tx: Tx, row: Delivery) -> None:
        mark_posted(tx, row, context.now(), context.actor)
        if teller is not None:
            teller.left_or_refused(tx, row.id, context.now())

    return {"posted": _out_of_queue(context, args, mark)}


def withdraw(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """They are not posted, whether printed or not; their files leave the queue."""
    lie_in_done: dict[str, set[str]] = {}
    for name, queue in _queues(context).items():
        with contextlib.suppress(OSError):  # what cannot be read there will be told by the daemon
            lie_in_done[name] = set(posted(queue.path))

    def mark(tx: Tx, row: Delivery) -> None:
        if row.id in lie_in_done.get(row.channel, ()):
            raise refused(
                "The file of this letter lies in done/: somebody says that it was posted.",
                where=f"delivery {row.id}",
                remedy="ask the mail room; if it was not: move the file back, and say this again",
            )
        now = context.now()
        verdict = context.knowledge.may_leave(tx, row, now)
        # What might still be posted is kept from it by a person, and is not written anew.
        stands = Reason.CANCELLED_BY_PERSON
        reason = verdict if isinstance(verdict, Reason) else stands
        mark_withdrawn(tx, row, now, context.actor, reason.value)
        context.knowledge.settle(tx, row.patient, now)

    return {"withdrawn": _out_of_queue(context, args, mark)}


def _out_of_queue(
    context: Context, args: dict[str, Any], mark: Callable[[Tx, Delivery], None]
) -> list[str]:
    """All of them or none."""
    queues = _queues(context)
    ids = [str(one) for one in list_of(args, "deliveries")]

    def work(tx: Tx) -> list[Delivery]:
        rows = []
        for number in dict.fromkeys(ids):
            row = tx.outbox.get(number)
            if row is None or row.channel not in queues or not row.in_print_queue:
                what = "This letter does not wait in a print queue."
                if row is not None and row.reason == POSTED:
                    what = "This letter was posted before."
                raise refused(what, where="the delivery id", remedy="see: relais print list")
            mark(tx, row)
            rows.append(row)
        return rows

    rows = context.store.write_sync(work)
    take_files(context, rows)
    context.wake()
    return [row.id for row in rows]


def take_files(context: Context, rows: Iterable[Delivery]) -> None:
    """Take the files of letters out of the print queues."""
    queues = _queues(context)
    for row in rows:
        if row.channel in queues:
            with contextlib.suppress(OSError):  # the daemon's mail room tries it again
                forget(queues[row.channel].path, row.id)


def _queues(context: Context) -> dict[str, PrintQueue]:
    channels = context.settings.config.channels
    return {name: one.print for name, one in channels.items() if one.print is not None}


def _row(context: Context, tx: Tx, row: Delivery, now: datetime) -> dict[str, Any]:
    verdict = context.knowledge.may_leave(tx, row, now)
    still = verdict is None or isinstance(verdict, datetime)
    since = row.closed_at or row.created_at
    return {
        "id": row.id,
        "letter": row.letter_kind.value,
        "version": row.version,
        "face": "discreet" if row.discreet else "open",
        "channel": row.channel,
        "since": since.isoformat(timespec="seconds"),
        "post": "yes" if still else f"no: {verdict}",
    }
