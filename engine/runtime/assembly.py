"""The stages, built from one settings file, and what they ask back of the whole."""

import asyncio
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.decide.reasons import Reason
from engine.dispatch import Dispatcher, Press
from engine.inbound.receive import Receiver
from engine.knowledge import reconsider
from engine.mapping.schema import Dialect
from engine.model.config import Config
from engine.model.errors import ConfigError
from engine.model.flow import Delivery
from engine.model.receipt import Kept
from engine.model.task import TaskKind
from engine.outbound.ledger import PAUSED
from engine.outbound.worker import Worker
from engine.printer.apart import Printer
from engine.process import Processor, dialects_of
from engine.releases import lately
from engine.runtime import logs
from engine.runtime.boxes import Boxes
from engine.runtime.firewall import LetterFirewall, ground_of
from engine.runtime.mail_room import MailRoom
from engine.runtime.metrics import Levels, Metrics
from engine.runtime.settings import KEPT, NOT_STARTED, load
from engine.runtime.ways_in import GRACE, Stage, WaysIn
from engine.runtime.wiring import (
    Gate,
    allowed_address,
    dialects_by_source,
    knowledge_of,
    masters_of,
    press_of,
    routes_of,
    store_path,
    teller_of,
    utc_now,
)
from engine.store.interface import Tx
from engine.store.keys import load_or_create_key
from engine.store.sqlite import SqliteStore


class Assembly:
    """Everything that serves, not yet started. ``settings`` are the ones in use now."""

    def __init__(self, config_path: Path, stage: Stage) -> None:
        """Read the file and open the store. Raises EngineError."""
        self._path = config_path
        self.settings = load(config_path)
        config = self.settings.config
        logs.set_up(config.log.level)
        _make(config.data)
        self.store = SqliteStore.open(store_path(config.data), masters_of(config))
        self.key = load_or_create_key(config.audit.signing_key or config.data / "audit.key")
        self._knowledge = knowledge_of(self.settings)
        self._firewall = LetterFirewall(self.settings, lambda: self._knowledge)
        self._press: Press | None = None
        self.teller = teller_of(self.settings)
        self.printer = Printer()
        self.metrics = Metrics(self._levels, self._heard)
        self.worker = Worker(
            self.store,
            routes_of(config),
            may_leave=Gate(lambda: self._knowledge),
            allowed=allowed_address(lambda: self.settings),
            policy=config.retry,
            now=utc_now,
            dice=random.random,
            counters=self.metrics,
            firewall=self._firewall,
            moved=self._moved,
            poll=timedelta(seconds=1),
            drain=GRACE,
        )
        self.mail_room = MailRoom(
            self.store,
            lambda: self.settings.config.channels,
            utc_now,
            may_leave=self._may_leave,
            left=self._tell_record,
            queued=self.worker.wake,
        )
        self.dispatcher = Dispatcher(
            self.store,
            knowledge=lambda: self._knowledge,
            press=self._the_press,
            typeset=self.printer,
            now=utc_now,
            queued=self.worker.wake,
        )
        self.processor = Processor(
            self.store,
            dialects=self._dialect,
            knowledge=lambda: self._knowledge,
            now=utc_now,
            settled=self.dispatcher.wake,
        )
        receiver = Receiver(self.store, self.metrics, software=config.hospital.software_id)
        self.ways_in = WaysIn(receiver, self.metrics, stage)
        self.boxes = Boxes(
            self.store,
            self.metrics,
            stage,
            config=lambda: self.settings.config,
            now=utc_now,
            moved=self._moved,
            came=self._came_back,
        )

    async def load_press(self) -> None:
        """Fonts, templates and the typesetter: some 300 ms, after the door is open."""
        press = await asyncio.to_thread(press_of, self.settings)
        self._press = self._press or press  # a reload may have been quicker

    def wake_all(self) -> None:
        """Have every stage look at the store now. From the loop's thread."""
        self.processor.wake()
        self.dispatcher.wake()
        self.worker.wake()

    async def perform(self, operation: str, args: dict[str, Any], actor: str) -> dict[str, Any]:
        """Carry out what an operator asked at the control socket. Raises EngineError."""
        from engine.commands import perform
        from engine.commands.context import Context

        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self.wake_all)

        context = Context(
            store=self.store,
            settings=self.settings,
            now=utc_now,
            actor=actor,
            wake=wake,
        )
        return await asyncio.to_thread(perform, context, operation, args)

    async def reload(self) -> None:
        """Read the file again and take it. Raises EngineError, and then nothing has changed;
        LostError when the daemon must start anew."""
        settings = await asyncio.to_thread(load, self._path, effect=KEPT)
        _same_foundations(self.settings.config, settings.config)
        routes, teller = routes_of(settings.config), await asyncio.to_thread(teller_of, settings)
        press = await asyncio.to_thread(press_of, settings)
        firewall = await asyncio.to_thread(ground_of, settings)
        readers = self.boxes.prepare(settings.config)
        opened = await self.ways_in.prepare(settings)
        # From here on nothing refuses.
        self.settings.doctors.close()
        self.settings, self._knowledge, self._press = settings, knowledge_of(settings), press
        self.teller = teller
        self.worker.reroute(routes, settings.config.retry)
        self._firewall.use(firewall)
        await asyncio.to_thread(self.printer.close)  # the next one reads the fonts anew
        logs.set_up(settings.config.log.level)
        try:
            await self.ways_in.change(settings, opened)
        except ConfigError as error:
            raise LostError(error.what) from None
        await self.boxes.change(settings.config, readers)
        await self.worker.rules_changed()
        await self.store.write(lambda tx: reconsider(tx, utc_now()))
        self.wake_all()

    def _heard(self) -> None:
        self.processor.wake()

    def _dialect(self, source: str) -> Dialect:
        return dialects_of(dialects_by_source(self.settings))(source)

    def _moved(self, tx: Tx, row: Delivery, now: datetime) -> None:
        """In the transaction that wrote what became of an attempt."""
        self._tell_record(tx, row, now)
        self._knowledge.settle(tx, row.patient, now)

    def _may_leave(self, tx: Tx, row: Delivery, now: datetime) -> Reason | datetime | None:
        """By the knowledge of now: a reload changes it."""
        return self._knowledge.may_leave(tx, row, now)

    def _came_back(self, tx: Tx, row: Delivery, kept: Kept, now: datetime) -> None:
        """In the transaction that keeps what came back about a letter."""
        if self.teller is not None:
            self.teller.came_back(tx, row, kept, now)

    def _tell_record(self, tx: Tx, row: Delivery, now: datetime) -> None:
        if self.teller is not None:
            self.teller.left_or_refused(tx, row.id, now)

    def _the_press(self) -> Press:
        assert self._press is not None  # the dispatcher starts after load_press
        return self._press

    def _levels(self) -> Levels:
        def look(tx: Tx) -> Levels:
            due = tx.outbox.next_due()
            return Levels(
                journal={state.value: count for state, count in tx.journal.counts().items()},
                outbox={state.value: count for state, count in tx.outbox.counts().items()},
                tasks=tx.tasks.open_count(),
                backlog=self.store.backlog,
                overdue=max(0.0, (utc_now() - due).total_seconds()) if due else 0.0,
                paused=bool(tx.meta.get(PAUSED)),
                care=lately(tx, utc_now()),
                incidents_past_due=sum(
                    one.deadline is not None and one.deadline <= utc_now()
                    for one in tx.tasks.open_of(TaskKind.INCIDENT)
                ),
            )

        return self.store.read_sync(look)


class LostError(Exception):
    """An address that was ours is not to be had again in a reload: the daemon starts anew."""


def _make(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            what=f"The data folder cannot be made: {(error.strerror or '').lower()}.",
            where=str(data),
            effect=NOT_STARTED,
            remedy="make it, owned by the account of the daemon",
        ) from None


def _same_foundations(before: Config, after: Config) -> None:
    """Raise ConfigError when a reload asks for what only a start can do."""
    names = ("data", "health", "audit", "encryption")
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    if before.hospital.software_id != after.hospital.software_id:
        changed.append("hospital.software_id")
    if changed:
        raise ConfigError(
            what=f"These settings take effect at a start alone: {', '.join(changed)}.",
            where="relais.toml",
            effect=KEPT,
            remedy="restart the daemon, or put them back as they were",
        )
