"""The mailboxes where receipts come back, and the look at silence; how a reload changes them."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from engine.decide.ladder import Watch
from engine.inbound.receipts import Came, Moved, more_silence, notice_silence
from engine.model.config import Config, Returns
from engine.model.errors import EngineError
from engine.runtime.metrics import Metrics
from engine.runtime.secrets import resolve_secret
from engine.runtime.ways_in import Stage
from engine.store.interface import Store

if TYPE_CHECKING:
    from engine.inbound.returns import ReturnsReader

_log = structlog.get_logger("runtime.boxes")

_LOOK: Final = 60.0  # seconds between two looks at silence
_PATIENCE: Final = 5.0  # seconds for a reader to leave


def watch_of(config: Config) -> Watch:
    """What the site expects to hear, of which channels."""
    heard = {name for one in config.returns.values() for name in one.channels}
    return Watch(proof=config.proof, channels=frozenset(heard))


class Boxes:
    """Opened with `change`, ended with `close`; `prepare` before `change` refuses what cannot be
    read."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        stage: Stage,
        *,
        config: Callable[[], Config],
        now: Callable[[], datetime],
        moved: Moved,
        came: Came,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._stage = stage
        self._config = config
        self._now = now
        self._moved = moved
        self._came = came
        self._open: dict[str, tuple[ReturnsReader, asyncio.Event, asyncio.Task[None]]] = {}
        self._over = asyncio.Event()

    def watch(self) -> Watch:
        """What the settings in use expect."""
        return watch_of(self._config())

    def prepare(self, config: Config) -> dict[str, "ReturnsReader"]:
        """Readers of boxes that are new or changed. Raises ConfigError; nothing has changed."""
        known = {name: reader.settings for name, (reader, _, _) in self._open.items()}
        return {
            name: self._reader(name, settings)
            for name, settings in config.returns.items()
            if known.get(name) != settings
        }

    async def change(self, config: Config, readers: dict[str, "ReturnsReader"]) -> None:
        """Leave the boxes that are no longer wanted, read the others."""
        gone = [name for name in self._open if name in readers or name not in config.returns]
        await self._leave([self._open.pop(name) for name in gone])
        for name, reader in readers.items():
            stop = asyncio.Event()
            self._open[name] = reader, stop, self._stage(f"returns {name}", reader.run(stop))

    async def notice_silence(self) -> None:
        """Look at silence now and then, until `close`. Store faults are told and asked again."""
        while not self._over.is_set():
            looked = 0
            try:
                looked = await self._store.write(
                    partial(notice_silence, watch=self.watch(), now=self._now())
                )
            except EngineError as error:
                _log.error("silence-not-looked-at", error=type(error).__name__)
            if more_silence(looked):
                continue
            try:
                async with asyncio.timeout(_LOOK):
                    await self._over.wait()
            except TimeoutError:
                pass  # time to look again

    async def close(self) -> None:
        """Leave every box."""
        self._over.set()
        await self._leave(list(self._open.values()))
        self._open.clear()

    def _reader(self, name: str, settings: Returns) -> "ReturnsReader":
        # Read in when a box is there: a site without one neither waits for it nor holds it.
        from engine.inbound.imap_session import client_context
        from engine.inbound.returns import ReturnsReader

        return ReturnsReader(
            name,
            settings,
            self._store,
            context=client_context(settings),
            password=resolve_secret(settings.password) if settings.password else None,
            watch=self.watch,
            now=self._now,
            counters=self._metrics,
            moved=self._moved,
            came=self._came,
        )

    @staticmethod
    async def _leave(
        some: list[tuple["ReturnsReader", asyncio.Event, asyncio.Task[None]]],
    ) -> None:
        for _, stop, _ in some:
            stop.set()
        tasks = {task for _, _, task in some}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_PATIENCE)
            for task in late:  # a server that is silent: what is committed is committed
                task.cancel()
            if late:
                await asyncio.wait(late)
