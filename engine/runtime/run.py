"""The daemon: starts the stages in the order that loses nothing, and stops them in the reverse.

What can go wrong
    A stage crashes: everything stops with status 1, and the supervisor starts it anew; rows say
    what to do next. A reload with a bad file: the settings in use stay. SIGTERM: no new message is
    taken, what was taken is finished, attempts in flight get their outcome; a second SIGTERM ends
    at once. The store fails: messages are answered AR, and their senders send again.
"""

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import random
import signal
import sys
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from engine import __version__
from engine.audit import public_key_pem
from engine.dispatch import Dispatcher, Press
from engine.inbound.file_drop import FileDrop
from engine.inbound.mllp_server import MllpServer
from engine.inbound.receive import Receiver
from engine.knowledge import reconsider
from engine.mapping.schema import Dialect
from engine.model.config import Listener
from engine.model.errors import EngineError
from engine.outbound.worker import Worker
from engine.process import Processor, dialects_of
from engine.runtime import control, logs, notify
from engine.runtime.health import Health
from engine.runtime.metrics import Levels, Metrics
from engine.runtime.settings import KEPT, Settings, load
from engine.runtime.wiring import (
    PUBLIC_KEY,
    Gate,
    allowed_address,
    dialects_by_source,
    door_of,
    knowledge_of,
    press_of,
    route_of,
    store_path,
    utc_now,
)
from engine.store.interface import Tx
from engine.store.keys import load_or_create_key
from engine.store.seal import seal
from engine.store.sqlite import SqliteStore

log = structlog.get_logger()

_HOUR: Final = 3600.0
_GRACE: Final = timedelta(seconds=10)


class Daemon:
    """One running service."""

    def __init__(self, config_path: Path) -> None:
        self._path = config_path
        self._settings = load(config_path)
        config = self._settings.config
        logs.set_up(config.log.level)
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = SqliteStore.open(store_path(config.data))
        self._key = load_or_create_key(config.audit.signing_key or config.data / "audit.key")
        self._knowledge = knowledge_of(self._settings)
        self._press: asyncio.Future[Press] | None = None
        self._ready_press: Press | None = None
        self._stop = asyncio.Event()
        self._stages: list[asyncio.Task[None]] = []
        self._listeners: dict[str, MllpServer] = {}
        self._folders: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        self._ready = False
        self._failed = False
        self._reload = asyncio.Lock()
        self._build()

    def _build(self) -> None:
        config = self._settings.config
        gate = Gate(lambda: self._knowledge)
        self._metrics = Metrics(self._levels, self._heard)
        self._worker = Worker(
            self._store,
            {name: route_of(channel) for name, channel in config.channels.items()},
            may_leave=gate,
            allowed=allowed_address(lambda: self._settings),
            policy=config.retry,
            now=utc_now,
            dice=random.random,
            counters=self._metrics,
            moved=lambda tx, row, now: self._settle(tx, row.patient, now),
            poll=timedelta(seconds=1),
            drain=_GRACE,
        )
        self._dispatcher = Dispatcher(
            self._store,
            knowledge=lambda: self._knowledge,
            press=self._the_press,
            now=utc_now,
            queued=self._worker.wake,
        )
        self._processor = Processor(
            self._store,
            dialects=self._dialect,
            knowledge=lambda: self._knowledge,
            now=utc_now,
            settled=self._dispatcher.wake,
        )
        self._receiver = Receiver(self._store, self._metrics, software=config.hospital.software_id)
        self._health = Health(
            self._metrics.registry,
            alive=lambda: "a stage has stopped" if self._failed else None,
            ready=self._why_not_ready,
        )
        self._control = control.ControlServer(control.socket_path(config), self._perform)

    # What the stages ask back

    def _dialect(self, source: str) -> Dialect:
        return dialects_of(dialects_by_source(self._settings))(source)

    def _heard(self) -> None:
        self._processor.wake()

    def _settle(self, tx: Tx, patient: str, now: Any) -> None:
        self._knowledge.settle(tx, patient, now)

    def _the_press(self) -> Press:
        assert self._ready_press is not None
        return self._ready_press

    def _why_not_ready(self) -> str | None:
        if self._failed:
            return "a stage has stopped"
        return None if self._ready else "starting or stopping"

    def _levels(self) -> Levels:
        def look(tx: Tx) -> Levels:
            return Levels(
                journal={state.value: count for state, count in tx.journal.counts().items()},
                outbox={state.value: count for state, count in tx.outbox.counts().items()},
                tasks=tx.tasks.open_count(),
                backlog=self._store.backlog,
            )

        return self._store.read_sync(look)

    async def _perform(self, operation: str, args: dict[str, Any], actor: str) -> dict[str, Any]:
        from engine.commands import perform
        from engine.commands.context import Context

        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._wake_all)

        context = Context(
            store=self._store,
            settings=self._settings,
            now=utc_now,
            actor=actor,
            wake=wake,
        )
        return await asyncio.to_thread(perform, context, operation, args)

    def _wake_all(self) -> None:
        self._processor.wake()
        self._dispatcher.wake()
        self._worker.wake()

    # Life

    async def run(self) -> int:
        """Serve until a signal or a fault; gives the exit status."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._asked_to_stop, "SIGTERM")
        loop.add_signal_handler(signal.SIGINT, self._asked_to_stop, "SIGINT")
        loop.add_signal_handler(signal.SIGHUP, lambda: self._keep(self._reloaded()))
        await self._begin()
        self._stage("processor", self._processor.run())
        self._stage("dispatcher", self._dispatch())
        self._stage("worker", self._worker.run())
        self._stage("seal", self._seal())
        self._stage("watchdog", self._watch())
        try:
            await self._open_ways_in()
            await self._control.start()
            health = self._settings.config.health
            port = self._health.start(health.host, health.port)
        except OSError as error:
            log.error("start-failed", error=type(error).__name__, code=str(error.errno))
            self._failed = True
            self._stop.set()
        else:
            self._tell_ready(port)
        await self._stop.wait()
        await self._end()
        return 1 if self._failed else 0

    async def _begin(self) -> None:
        pem = public_key_pem(self._key.public_key())

        def work(tx: Tx) -> None:
            if tx.meta.get(PUBLIC_KEY) is None:
                tx.meta.put(PUBLIC_KEY, pem)
            tx.audit.append("service-started", now=utc_now(), version=__version__)

        await self._store.write(work)

    async def _dispatch(self) -> None:
        # Fonts, templates and the typesetter take some 300 ms: after the door is open.
        self._ready_press = await asyncio.to_thread(press_of, self._settings)
        # What was loaded stays: looking at it again and again would stall the acknowledgements.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        await self._dispatcher.run()

    async def _open_ways_in(self) -> None:
        config = self._settings.config
        for listener in config.listener:
            await self._listen(listener)
        for folder in config.folder:
            door = door_of(folder, self._settings.dialects[folder.mapping])
            stop = asyncio.Event()
            task = self._stage(
                f"folder {folder.name}", FileDrop(folder, door, self._receiver).run(stop)
            )
            self._folders[folder.name] = (stop, task)

    async def _listen(self, listener: Listener) -> None:
        door = door_of(listener, self._settings.dialects[listener.mapping])
        server = MllpServer(listener, door, self._receiver, self._metrics)
        await server.start()
        self._listeners[listener.name] = server

    def _tell_ready(self, health: int) -> None:
        self._ready = True
        ports = {name: server.port for name, server in self._listeners.items()}
        told = {"pid": os.getpid(), "listeners": ports, "health": health}
        path = self._settings.config.data / "run.json"
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(told), encoding="utf-8")
        os.replace(partial, path)
        notify.notify("READY=1", "STATUS=serving")
        log.info(
            "ready",
            listeners=ports,
            health=health,
            version=__version__,
            mode=self._settings.config.mode.value,
        )

    def _stage(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._stage_done)
        self._stages.append(task)
        return task

    def _stage_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        log.error("stage-failed", stage=task.get_name(), exc_info=task.exception())
        self._failed = True
        self._stop.set()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        self._stage("reload", work)

    def _asked_to_stop(self, name: str) -> None:
        if self._stop.is_set():
            log.warning("stopped-at-once", signal=name)
            os._exit(1)
        log.info("stopping", signal=name)
        self._stop.set()

    async def _end(self) -> None:
        self._ready = False
        notify.notify("STOPPING=1")
        await self._control.stop()
        await asyncio.gather(*(server.drain(_GRACE) for server in self._listeners.values()))
        for stop, _ in self._folders.values():
            stop.set()
        self._processor.stop()
        self._dispatcher.stop()
        self._worker.stop()
        pending = [task for task in self._stages if task.get_name() not in ("seal", "watchdog")]
        _, late = (
            await asyncio.wait(pending, timeout=3 * _GRACE.total_seconds()) if pending else ((), ())
        )
        for task in (*late, *self._stages):
            task.cancel()
        await asyncio.gather(*self._stages, return_exceptions=True)
        with contextlib.suppress(EngineError):
            await self._store.write(
                lambda tx: tx.audit.append("service-stopped", now=utc_now(), failed=self._failed)
            )
        (self._settings.config.data / "run.json").unlink(missing_ok=True)
        self._health.stop()
        self._store.close()
        log.info("stopped")

    async def _seal(self) -> None:
        while True:
            await self._store.write(lambda tx: seal(tx, utc_now(), self._key))
            await asyncio.sleep(_HOUR)

    async def _watch(self) -> None:
        period = notify.watchdog_period()
        while period is not None:
            await asyncio.sleep(period)
            await self._store.read(lambda tx: tx.audit.head())  # a store that hangs is no service
            notify.notify("WATCHDOG=1")

    # Reload

    async def _reloaded(self) -> None:
        """SIGHUP: a bad file keeps the old one, and says so."""
        async with self._reload:
            notify.reloading()
            try:
                settings = await asyncio.to_thread(load, self._path, effect=KEPT)
                routes = {name: route_of(one) for name, one in settings.config.channels.items()}
                press = await asyncio.to_thread(press_of, settings)
                await self._apply(settings, press)
                self._worker.reroute(routes, settings.config.retry)
                log.info("reloaded", mode=settings.config.mode.value)
                await self._audit_reload(taken=True)
            except EngineError as error:
                log.error("reload-refused", code=error.code, what=error.what, why=KEPT)
                await self._audit_reload(taken=False)
            finally:
                notify.notify("READY=1")

    async def _apply(self, settings: Settings, press: Press) -> None:
        before, self._settings = self._settings, settings
        self._knowledge, self._ready_press = knowledge_of(settings), press
        logs.set_up(settings.config.log.level)
        wanted = {one.name: one for one in settings.config.listener}
        for name, server in list(self._listeners.items()):
            if wanted.get(name) != server.listener:
                del self._listeners[name]
                await server.drain(_GRACE)
            else:
                server.door = door_of(server.listener, settings.dialects[server.listener.mapping])
        for name, listener in wanted.items():
            if name not in self._listeners:
                await self._listen(listener)
        if before.config.folder != settings.config.folder:
            for stop, task in self._folders.values():
                stop.set()
                await asyncio.wait({task})
            self._folders.clear()
            for folder in settings.config.folder:
                door = door_of(folder, settings.dialects[folder.mapping])
                stop = asyncio.Event()
                drop = FileDrop(folder, door, self._receiver)
                self._folders[folder.name] = (
                    stop,
                    self._stage(f"folder {folder.name}", drop.run(stop)),
                )
        await self._store.write(lambda tx: reconsider(tx, utc_now()))
        self._wake_all()

    async def _audit_reload(self, *, taken: bool) -> None:
        await self._store.write(
            lambda tx: tx.audit.append("config-loaded", now=utc_now(), taken=taken)
        )


def share_arenas() -> None:
    """Have the threads of the daemon share two arenas of glibc: some MiB less for each thread.

    Lower thresholds for giving memory back were tried, and cost a third of the ingest.
    """
    m_arena_max = -8
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(m_arena_max, 2)


def serve(config_path: Path) -> int:
    """Run the daemon; gives the exit status. Raises EngineError when it cannot start."""
    share_arenas()

    async def start() -> int:
        return await Daemon(config_path).run()

    return asyncio.run(start())


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1])))
