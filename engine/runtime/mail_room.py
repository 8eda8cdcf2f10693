"""Looks at the print queues: what was moved to done/ was printed and posted; what must not be
posted any more is asked back.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from engine.decide.reasons import Reason
from engine.model.channel import Channel
from engine.model.errors import StoreError
from engine.model.flow import POSTED, TO_PRINT, Delivery, DeliveryState
from engine.model.task import TaskKind, WantedTask
from engine.outbound.posted import asked_about, mark_posted
from engine.outbound.print_queue import forget, posted, waiting
from engine.store.interface import Store, Tx

log = structlog.get_logger("runtime.mail_room")

_POLL: Final = 30.0
_MOST: Final = 10_000


class MailRoom:
    """``channels`` gives those of the settings in use now."""

    def __init__(
        self,
        store: Store,
        channels: Callable[[], dict[str, Channel]],
        now: Callable[[], datetime],
        *,
        may_leave: Callable[[Tx, Delivery, datetime], Reason | datetime | None],
        left: Callable[[Tx, Delivery, datetime], None] = lambda _tx, _row, _now: None,
        queued: Callable[[], None] = lambda: None,
        poll: float = _POLL,
    ) -> None:
        """``may_leave`` is the gate (Knowledge.may_leave). ``left`` is told, in the same
        transaction, of each letter that was posted; ``queued`` is called after it."""
        self._store, self._channels, self._now, self._poll = store, channels, now, poll
        self._may_leave, self._left, self._queued = may_leave, left, queued

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.run_once()
            await asyncio.sleep(self._poll)

    async def run_once(self) -> int:
        """Take what lies in done/; gives how many letters were marked."""
        marked = 0
        for name, channel in self._channels().items():
            if channel.print is None:
                continue
            folder = channel.print.path
            marked += await self._take(name, folder, await self._list(posted, name, folder))
            await self._clear(name, folder, await self._list(waiting, name, folder))
        try:
            await self._store.write(self._ask)
        except StoreError as error:
            log.error("print-queue-not-judged", code=error.code)
        return marked

    async def _list(
        self, names: Callable[[Path], list[str]], channel: str, folder: Path
    ) -> list[str]:
        try:
            return await asyncio.to_thread(names, folder)
        except OSError as error:
            log.error("print-queue-unread", channel=channel, error=type(error).__name__)
            return []

    async def _take(self, channel: str, folder: Path, ids: list[str]) -> int:
        marked = 0
        for ident in ids:
            try:
                word = await self._store.write(partial(self._mark, channel=channel, ident=ident))
            except StoreError as error:
                log.error("posted-not-written", delivery=ident, code=error.code)
                return marked
            if word == "wait":
                continue  # not ours, or its attempt is not on the disk yet
            if word == "marked":
                marked += 1
                self._queued()
            with contextlib.suppress(OSError):  # it is found again, and known
                await asyncio.to_thread(forget, folder, ident)
        return marked

    def _mark(self, tx: Tx, *, channel: str, ident: str) -> str:
        row, now = tx.outbox.get(ident), self._now()
        if row is None or row.channel != channel:
            return "wait"
        if row.state is DeliveryState.CANCELLED:
            # It was taken out of the queue, and posted all the same: what that calls for, a
            # person must say, who can ask.
            if not tx.receipts.forgotten(row.id):
                self._raise(tx, row, now, why="its file was moved to done/ after it was withdrawn")
            return "known"
        if row.state is not DeliveryState.RELAYED:
            return "wait"
        if row.reason == POSTED:
            return "known"
        if not mark_posted(tx, row, now, f"print:{channel}"):
            return "wait"
        self._left(tx, row, now)
        return "marked"

    async def _clear(self, channel: str, folder: Path, ids: list[str]) -> None:
        """Take away the files of letters that will not be posted; a crash may have left them."""

        def over(tx: Tx) -> list[str]:
            rows = [tx.outbox.get(ident) for ident in ids]
            gone = [one for one in rows if one and one.state is DeliveryState.CANCELLED]
            return [one.id for one in gone if one.channel == channel]

        try:
            cancelled = await self._store.read(over)
        except StoreError as error:
            log.error("print-queue-not-judged", code=error.code)
            return
        for ident in cancelled:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(forget, folder, ident)

    def _ask(self, tx: Tx) -> None:
        """Have a person take out what must not be posted any more; once it may be, nobody asks."""
        now = self._now()
        rows = tx.outbox.listing(state=DeliveryState.RELAYED, reason=TO_PRINT, limit=_MOST)
        for row in rows:
            if row.channel not in self._channels() or tx.receipts.forgotten(row.id):
                continue
            verdict, asked = self._may_leave(tx, row, now), asked_about(tx, row)
            if isinstance(verdict, Reason) and not asked:
                self._raise(tx, row, now, why=verdict.value)
            elif verdict is None:
                for task in asked:
                    tx.tasks.close(task.id, now, "relais", "no-longer-needed")

    @staticmethod
    def _raise(tx: Tx, row: Delivery, now: datetime, why: str) -> None:
        before = sum(
            one.kind is TaskKind.NOT_TO_BE_POSTED and one.about == row.id
            for one in tx.tasks.of_patient(row.patient)
        )
        wanted = WantedTask(
            key=f"{TaskKind.NOT_TO_BE_POSTED}:{row.id}" + (f"#again{before}" if before else ""),
            kind=TaskKind.NOT_TO_BE_POSTED,
            patient=row.patient,
            stay=row.stay,
            about=row.id,
        )
        tx.tasks.raise_(wanted, now, why=why)
