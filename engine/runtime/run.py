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
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import structlog

from engine import __version__
from engine.audit import public_key_pem
from engine.model.errors import ConfigError, EngineError
from engine.model.trail import AuditKind
from engine.runtime import control, notify
from engine.runtime.assembly import Assembly, LostError
from engine.runtime.health import Health
from engine.runtime.settings import KEPT, NOT_STARTED
from engine.runtime.ways_in import GRACE
from engine.runtime.wiring import PUBLIC_KEY, utc_now
from engine.store.interface import Tx
from engine.store.seal import seal

log = structlog.get_logger()

_HOUR: Final = 3600.0


class Daemon:
    """One running service. Made inside an event loop."""

    def __init__(self, config_path: Path) -> None:
        self._parts = Assembly(config_path, self._stage)
        self._store = self._parts.store
        config = self._parts.settings.config
        self._control_path = control.socket_path(config)
        self._control = control.ControlServer(self._control_path, self._parts.perform)
        self._health = Health(
            self._parts.metrics.registry,
            alive=lambda: "a stage has stopped" if self._failed else None,
            ready=self._why_not_ready,
        )
        self._health_port = 0
        self._run_file = config.data / "run.json"
        self._stages: set[asyncio.Task[None]] = set()
        self._begun = asyncio.Event()
        self._stop = asyncio.Event()
        self._failed = False
        self._reload = asyncio.Lock()

    async def run(self) -> int:
        """Serve until a signal or a fault; gives the exit status."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._asked_to_stop, "SIGTERM")
        loop.add_signal_handler(signal.SIGINT, self._asked_to_stop, "SIGINT")
        loop.add_signal_handler(signal.SIGHUP, lambda: self._stage("reload", self._reloaded()))
        await self._begin()
        self._stage("processor", self._parts.processor.run())
        self._stage("dispatcher", self._dispatch())
        self._stage("worker", self._parts.worker.run())
        self._stage("seal", self._seal())
        self._stage("watchdog", self._watch())
        self._stage("mail room", self._parts.mail_room.run())
        try:
            await self._parts.ways_in.open(self._parts.settings)
            await self._open_boxes()
            await self._open_our_doors()
        except ConfigError as error:
            self._refuse(error)
        else:
            self._tell_ready()
        await self._stop.wait()
        await self._end()
        return 1 if self._failed else 0

    async def _begin(self) -> None:
        pem = public_key_pem(self._parts.key.public_key())

        def work(tx: Tx) -> None:
            if tx.meta.get(PUBLIC_KEY) is None:
                tx.meta.put(PUBLIC_KEY, pem)
            tx.audit.append(AuditKind.SERVICE_STARTED, now=utc_now(), version=__version__)

        await self._store.write(work)

    async def _dispatch(self) -> None:
        try:
            await self._parts.load_press()
        except EngineError as error:
            self._refuse(error)
            return
        # What was loaded stays: looking at it again and again would stall the acknowledgements.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        gc.enable()
        await self._parts.dispatcher.run()

    async def _open_boxes(self) -> None:
        config = self._parts.settings.config
        await self._parts.boxes.change(config, self._parts.boxes.prepare(config))
        self._stage("silence", self._parts.boxes.notice_silence())

    async def _open_our_doors(self) -> None:
        health = self._parts.settings.config.health
        place = f"the socket {self._control_path}"
        try:
            await self._control.start()
            place = f"the health port, {health.host} port {health.port}"
            self._health_port = self._health.start(health.host, health.port)
        except OSError as error:
            raise ConfigError(
                what=f"It cannot be opened: {(error.strerror or str(error)).lower()}.",
                where=place,
                effect=NOT_STARTED,
                remedy="choose another port or data folder",
            ) from None

    def _tell_ready(self) -> None:
        ports = self._tell_ports()
        self._begun.set()
        notify.notify("READY=1", "STATUS=serving")
        log.info(
            "ready",
            listeners=ports,
            health=self._health_port,
            version=__version__,
            mode=self._parts.settings.config.mode.value,
        )

    def _tell_ports(self) -> dict[str, int]:
        """Write run.json: where we are reached, for those who let the system choose the ports."""
        ports = self._parts.ways_in.ports()
        told = {"pid": os.getpid(), "listeners": ports, "health": self._health_port}
        partial = self._run_file.with_suffix(".part")
        partial.write_text(json.dumps(told), encoding="utf-8")
        os.replace(partial, self._run_file)
        return ports

    def _why_not_ready(self) -> str | None:
        if self._failed:
            return "a stage has stopped"
        if self._stop.is_set() or not self._begun.is_set():
            return "starting or stopping"
        try:
            self._store.read_sync(lambda tx: tx.audit.head())
        except EngineError:
            return "the store cannot be read"
        return None

    def _stage(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._stage_done)
        self._stages.add(task)
        return task

    def _stage_done(self, task: asyncio.Task[None]) -> None:
        self._stages.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("stage-failed", stage=task.get_name(), exc_info=task.exception())
            self._fail()

    def _refuse(self, error: EngineError) -> None:
        log.error("start-failed", code=error.code, what=error.what, where=error.where)
        self._fail()

    def _fail(self) -> None:
        self._failed = True
        self._stop.set()

    def _asked_to_stop(self, name: str) -> None:
        if self._stop.is_set():
            log.warning("stopped-at-once", signal=name)
            os._exit(1)
        log.info("stopping", signal=name)
        self._stop.set()

    async def _end(self) -> None:
        notify.notify("STOPPING=1")
        await self._control.stop()
        # A reload under way ends first: it would open again what is closed here.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reload.acquire(), GRACE.total_seconds())
        await self._parts.ways_in.close()
        await self._parts.boxes.close()
        self._parts.processor.stop()
        self._parts.dispatcher.stop()
        self._parts.worker.stop()
        endless = {"seal", "watchdog", "reload", "mail room"}
        pending = {task for task in self._stages if task.get_name() not in endless}
        if pending:
            await asyncio.wait(pending, timeout=3 * GRACE.total_seconds())
        left = list(self._stages)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.to_thread(self._parts.printer.close)
        with contextlib.suppress(EngineError):
            await self._store.write(
                lambda tx: tx.audit.append(
                    AuditKind.SERVICE_STOPPED, now=utc_now(), failed=self._failed
                )
            )
        self._run_file.unlink(missing_ok=True)
        self._health.stop()
        self._store.close()
        log.info("stopped")

    async def _seal(self) -> None:
        while True:
            await self._store.write(lambda tx: seal(tx, utc_now(), self._parts.key))
            await asyncio.sleep(_HOUR)

    async def _watch(self) -> None:
        period = notify.watchdog_period()
        while period is not None:
            await asyncio.sleep(period)
            await self._store.read(lambda tx: tx.audit.head())  # a store that hangs is no service
            notify.notify("WATCHDOG=1")

    async def _reloaded(self) -> None:
        """SIGHUP: a file that cannot be used keeps the old one, and says so."""
        await self._begun.wait()  # without the lock: `_end` takes it, and a start can fail
        async with self._reload:
            if self._stop.is_set():
                return
            notify.reloading()
            try:
                await self._parts.reload()
            except EngineError as error:
                log.error(
                    "reload-refused", code=error.code, what=error.what, where=error.where, why=KEPT
                )
                await self._audit_reload(taken=False)
            except LostError:
                raise  # nobody listens at that address any more: ends the daemon, to start anew
            except Exception as error:  # a fault of ours in new settings must not end the old ones
                log.error("reload-refused", exc_info=error, why=KEPT)
                await self._audit_reload(taken=False)
            else:
                ports = self._tell_ports()
                log.info("reloaded", listeners=ports, mode=self._parts.settings.config.mode.value)
                await self._audit_reload(taken=True)
            finally:
                notify.notify("READY=1")

    async def _audit_reload(self, *, taken: bool) -> None:
        await self._store.write(
            lambda tx: tx.audit.append(AuditKind.CONFIG_LOADED, now=utc_now(), taken=taken)
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
