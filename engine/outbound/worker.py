"""Claim, attempt, settle: one loop for any transport.

What can go wrong: the store refuses a write after an attempt (it is asked again until the stop;
then the row stays SENDING and the next start recovers it); the process dies between the two
commits (same); a transport has a fault of its own (INTERNAL, tried again).
Logs hold the delivery id, the channel and words of closed lists. Never an address.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog

from engine.decide.retry import Close, Step, TryAgain
from engine.model.config import Retry
from engine.model.flow import Cause, Deferred, Delivery, Outcome, Unknown, outcome_word
from engine.outbound.held import NO_CHANNEL, channels_returned, read_again
from engine.outbound.ledger import (
    NotOpened,
    Opened,
    behind,
    close_attempt,
    open_attempt,
    paused,
    recover,
)
from engine.outbound.permission import Firewall, Hold, MayLeave, Permission, Screened
from engine.outbound.traffic import Route, Traffic
from engine.store.interface import Store, Tx

_log = structlog.get_logger("outbound.worker")

T = TypeVar("T")

_PAGE: Final = 64
_LARGEST_PAGE: Final = 4096
_WRITE_AGAIN: Final = (0.05, 0.2, 1.0, 5.0)  # seconds; the last one is repeated


class Counters(Protocol):
    """Where the worker counts. Labels come from closed lists."""

    def increment(self, name: str, **labels: str) -> None:
        """Add one."""
        ...


class Worker:
    """Sends what is due. ``now`` and ``dice`` (in [0, 1)) are injected.

    ``may_leave`` is the gate, asked inside the opening transaction. ``allowed`` is the last
    guard of test mode: an address it refuses is put on hold, whatever the gate says. ``firewall``
    reads the bytes before each attempt (None: nobody does, for tests of the rest). ``moved``
    is told, in the same transaction, of each delivery whose state an attempt or the gate changed.
    """

    def __init__(
        self,
        store: Store,
        routes: dict[str, Route],
        *,
        may_leave: MayLeave,
        allowed: Callable[[str], bool],
        policy: Retry,
        now: Callable[[], datetime],
        dice: Callable[[], float],
        counters: Counters,
        firewall: Firewall | None = None,
        moved: Callable[[Tx, Delivery, datetime], None] = lambda _tx, _row, _now: None,
        poll: timedelta = timedelta(seconds=5),
        drain: timedelta = timedelta(seconds=20),
    ) -> None:
        self._store = store
        self._routes = routes
        self._may_leave = may_leave
        self._allowed = allowed
        self._policy = policy
        self._now = now
        self._dice = dice
        self._counters = counters
        self._firewall = firewall
        self._moved = moved
        self._poll = poll
        self._drain = drain
        self._traffic = Traffic(routes, policy)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._dials: set[asyncio.Task[Outcome]] = set()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()  # the drain is over: dials are cut, writes tried once more

    @property
    def under_way(self) -> int:
        """How many deliveries are being attempted now."""
        return len(self._under_way)

    def resting(self) -> int:
        """How many relays and destinations rest behind a circuit breaker now."""
        return self._traffic.resting(self._now())

    def reroute(self, routes: dict[str, Route], policy: Retry) -> None:
        """Use other routes for the attempts opened from now on (a reload)."""
        self._routes = routes
        self._policy = policy
        self._traffic.reroute(routes, policy)
        self._wake.set()

    def wake(self) -> None:
        """Look at the outbox now rather than at the next poll. From the loop's thread."""
        self._wake.set()

    def stop(self) -> None:
        """Open no further attempt; `run` returns once those under way have ended."""
        self._stopping.set()
        self._wake.set()

    async def recover(self) -> int:
        """Put back what a crash cut. Before the first pass, and only then."""
        policy, dice, now = self._policy, self._dice(), self._now()
        count = await self._write(lambda tx: recover(tx, now, policy=policy, dice=dice))
        if count:
            _log.warning("attempts-cut-by-a-crash", count=count)
            self._counters.increment("outbound_recoveries")
        await self.rules_changed()
        return count

    async def rules_changed(self) -> None:
        """What is held for a leak is read again, if by other rules than before; what is held for
        want of a channel goes on, if there is one now."""
        firewall, now, channels = self._firewall, self._now(), frozenset(self._routes)
        if back := await self._write(lambda tx: channels_returned(tx, now, channels)):
            _log.info("held-letters-let-go", count=back)
        if firewall is not None:
            version = firewall.version
            if count := await self._write(lambda tx: read_again(tx, now, version)):
                _log.info("held-letters-read-again", count=count)
        self._wake.set()

    async def run(self) -> None:
        """Recover, then send until `stop`. Cancelled, it cuts the dials and writes their end."""
        await self.recover()
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                pause = await self._start_due()
                await self._rest(pause)
        except asyncio.CancelledError:
            await self._finish(0.0)
            raise
        await self._finish(self._drain.total_seconds())

    async def run_due(self) -> int:
        """One pass: start what is due and may be dialed, wait for its end. Gives how many."""
        await self._start_due()
        tasks = list(self._under_way.values())
        if tasks:
            await asyncio.wait(tasks)
        return len(tasks)

    async def _rest(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass  # time to look again

    async def _start_due(self) -> float:
        """Start attempts; gives for how many seconds there is nothing to do."""
        now, page = self._now(), _PAGE
        moments: list[datetime] = []
        while True:
            look = partial(self._look, now=now, limit=page, full=self._traffic.full_channels())
            try:
                rows, soon = await self._store.read(look)
            except Exception as error:
                self._tell_store_fault("outbox-not-read", error)
                return self._poll.total_seconds()
            started = 0
            for row in rows:
                if row.id in self._under_way:
                    continue
                wait = self._traffic.ready_at(row, now)
                if wait is None:
                    self._start(row, now)
                    started += 1
                else:
                    moments.append(wait)
            # A page full of letters to a resting destination must not hide the others.
            if started or len(rows) < page or page >= _LARGEST_PAGE:
                break
            page *= 4
        if soon is not None:
            moments.append(soon)
        if started and len(rows) >= page:
            return 0.0
        seconds = [(moment - now).total_seconds() for moment in moments if moment > now]
        return min([self._poll.total_seconds(), *seconds])

    def _look(
        self, tx: Tx, *, now: datetime, limit: int, full: tuple[str, ...]
    ) -> tuple[list[Delivery], datetime | None]:
        if self._stopping.is_set() or paused(tx) or behind(tx, now):
            return [], None
        return list(tx.outbox.due(now, limit, busy_channels=full)), tx.outbox.next_due()

    def _start(self, row: Delivery, now: datetime) -> None:
        self._traffic.start(row, now)
        task = asyncio.get_running_loop().create_task(self._deliver(row))
        self._under_way[row.id] = task

    async def _deliver(self, row: Delivery) -> None:
        outcome: Outcome | None = None
        try:
            opened = await self._open(row)
            if opened is None:
                return
            outcome = await self._dial(opened)
            await self._settle(opened, outcome)
        finally:
            self._traffic.finish(row, outcome, self._now())
            del self._under_way[row.id]
            self._wake.set()

    def _firewall_of(self, row: Delivery) -> Firewall | None:
        """None for a message to the hospital's own record: what it tells has left already, read."""
        return None if row.about else self._firewall

    async def _screen(self, row: Delivery) -> Screened | None:
        """Read the letter, outside any transaction and off the loop."""
        firewall = self._firewall_of(row)
        if firewall is None:
            return None
        work = await self._store.read(lambda tx: firewall.prepare(tx, row))
        return await asyncio.to_thread(work)

    async def _open(self, row: Delivery) -> Opened | None:
        try:
            screened = await self._screen(row)
        except Exception as error:
            self._tell_store_fault("letter-not-read", error, delivery=row.id)
            await self._rest_after_fault()
            return None
        now = self._now()

        def work(tx: Tx) -> Opened | NotOpened:
            firewall = self._firewall_of(row)
            opened = open_attempt(tx, row.id, now, self._guarded, screened, firewall)
            if isinstance(opened, NotOpened):
                self._moved(tx, row, now)
            return opened

        try:
            opened = await self._write(work)
        except Exception as error:
            self._tell_store_fault("attempt-not-opened", error)
            await self._rest_after_fault()
            return None
        if isinstance(opened, NotOpened):
            _log.info(
                "delivery-not-opened",
                delivery=row.id,
                channel=row.channel,
                became=opened.word,
                reason=opened.reason,
            )
            self._counters.increment("outbound_refused", channel=row.channel, became=opened.word)
            return None
        return opened

    def _guarded(self, tx: Tx, row: Delivery, now: datetime) -> Permission:
        """The gate, behind two guards of our own. Held, not cancelled: should the mode have been
        changed by mistake, the letters of before are still there."""
        if row.channel not in self._routes:
            return Hold(NO_CHANNEL)
        if not self._allowed(row.address):
            return Hold("not-a-test-mailbox")
        return self._may_leave(tx, row, now)

    async def _dial(self, opened: Opened) -> Outcome:
        """Have the transport try, in a task of its own so that a cut gives an outcome too."""
        dial = asyncio.get_running_loop().create_task(self._attempt(opened))
        self._dials.add(dial)
        try:
            return await asyncio.shield(dial)
        except asyncio.CancelledError:
            dial.cancel()
            await asyncio.wait({dial})
            if dial.cancelled():
                return Deferred(Cause.DROPPED)  # cut by our stop, before the final dot
            return dial.result()
        finally:
            self._dials.discard(dial)

    async def _attempt(self, opened: Opened) -> Outcome:
        row = opened.delivery
        try:
            mime = await self._store.read(lambda tx: tx.outbox.mime(row.id))
        except Exception as error:
            self._tell_store_fault("mail-not-read", error)
            return Deferred(Cause.INTERNAL)
        if opened.digest and hashlib.sha256(mime).hexdigest() != opened.digest:
            _log.error("mail-not-what-was-read", delivery=row.id)
            return Deferred(Cause.INTERNAL)
        try:
            return await self._routes[row.channel].transport.attempt(row, mime)
        except Exception as error:
            # A transport that raises has broken its promise: nothing is known of the mail.
            _log.error(
                "transport-fault", delivery=row.id, channel=row.channel, error=type(error).__name__
            )
            return Unknown(Cause.INTERNAL)

    async def _settle(self, opened: Opened, outcome: Outcome) -> None:
        """Commit 3b, asked again until it is on the disk or the daemon stops."""
        row, tries = opened.delivery, 0
        while True:
            now, dice = self._now(), self._dice()

            def work(tx: Tx, now: datetime = now, dice: float = dice) -> Step:
                step = close_attempt(tx, opened, outcome, now, policy=self._policy, dice=dice)
                self._moved(tx, row, now)
                return step

            try:
                step = await self._write(work)
            except Exception as error:
                self._tell_store_fault("outcome-not-written", error, delivery=row.id)
                if self._hurry.is_set():
                    return  # the row stays SENDING; the next start recovers it
                await self._rest_after_fault(tries)
                tries += 1
                continue
            self._tell(row, opened.number, outcome, step)
            return

    async def _rest_after_fault(self, tries: int = 2) -> None:
        try:
            async with asyncio.timeout(_WRITE_AGAIN[min(tries, len(_WRITE_AGAIN) - 1)]):
                await self._hurry.wait()
        except TimeoutError:
            pass  # time to ask again

    async def _write(self, work: Callable[[Tx], T]) -> T:
        # Shielded: the work runs in the writer whatever becomes of us, so its end must be heard.
        return await asyncio.shield(asyncio.ensure_future(self._store.write(work)))

    async def _finish(self, patience: float) -> None:
        """Let attempts under way end; after `patience` seconds cut the dials, write their end."""
        self._stopping.set()
        tasks = set(self._under_way.values())
        if tasks and patience > 0:
            await asyncio.wait(tasks, timeout=patience)
        self._hurry.set()
        for dial in list(self._dials):
            dial.cancel()
        tasks = set(self._under_way.values())
        if tasks:
            await asyncio.wait(tasks)

    def _tell(self, row: Delivery, number: int, outcome: Outcome, step: Step) -> None:
        cause = getattr(outcome, "cause", None)
        match step:
            case Close(state=state):
                follows = state.value
            case TryAgain():
                follows = "again"
        _log.info(
            "attempt-closed",
            delivery=row.id,
            channel=row.channel,
            number=number,
            outcome=outcome_word(outcome),
            cause=None if cause is None else cause.value,
            code=getattr(outcome, "code", None),
            follows=follows,
        )
        self._counters.increment(
            "outbound_attempts",
            channel=row.channel,
            outcome=outcome_word(outcome),
            cause="" if cause is None else cause.value,
        )

    def _tell_store_fault(self, event: str, error: Exception, delivery: str = "") -> None:
        _log.error(event, delivery=delivery, error=type(error).__name__)
        self._counters.increment("outbound_store_faults", fault=event)
