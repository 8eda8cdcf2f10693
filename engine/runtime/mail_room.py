"""Looks at done/ of the print queues: what was moved there was printed and posted."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from engine.model.channel import Channel
from engine.model.errors import StoreError
from engine.model.flow import POSTED, Delivery, DeliveryState
from engine.outbound.posted import mark_posted
from engine.outbound.print_queue import forget, posted
from engine.store.interface import Store, Tx

log = structlog.get_logger("runtime.mail_room")

_POLL: Final = 30.0


class MailRoom:
    """``channels`` gives those of the settings in use now."""

    def __init__(
        self,
        store: Store,
        channels: Callable[[], dict[str, Channel]],
        now: Callable[[], datetime],
        *,
        left: Callable[[Tx, Delivery, datetime], None] = lambda _tx, _row, _now: None,
        queued: Callable[[], None] = lambda: None,
        poll: float = _POLL,
    ) -> None:
        """``left`` is told, in the same transaction, of each letter that was posted; ``queued`` is
        called after it."""
        self._store, self._channels, self._now, self._poll = store, channels, now, poll
        self._left, self._queued = left, queued

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.run_once()
            await asyncio.sleep(self._poll)

    async def run_once(self) -> int:
        """Take what lies in done/; gives how many letters were marked."""
        marked = 0
        for name, channel in self._channels().items():
            if channel.print is not None:
                marked += await self._take(name, channel.print.path)
        return marked

    async def _take(self, channel: str, folder: Path) -> int:
        marked = 0
        try:
            ids = await asyncio.to_thread(posted, folder)
        except OSError as error:
            log.error("print-queue-unread", channel=channel, error=type(error).__name__)
            return 0
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
        row = tx.outbox.get(ident)
        if row is None or row.channel != channel or row.state is not DeliveryState.RELAYED:
            return "wait"
        if row.reason == POSTED:
            return "known"
        now = self._now()
        if not mark_posted(tx, row, now, f"print:{channel}"):
            return "wait"
        self._left(tx, row, now)
        return "marked"
