"""The listeners and watched folders that are open now, and how a reload changes them.

A reload leaves alone what did not change: its senders stay connected. New addresses are opened
before anything else is touched, so that one that cannot be had refuses the whole reload.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from engine.inbound.file_drop import FileDrop
from engine.inbound.mllp_server import MllpServer
from engine.inbound.receive import Receiver
from engine.model.config import Listener, WatchedFolder
from engine.model.errors import ConfigError
from engine.runtime.metrics import Metrics
from engine.runtime.settings import Settings
from engine.runtime.wiring import door_of

GRACE: Final = timedelta(seconds=10)

# Starts a named task of the daemon; a task that fails ends the daemon.
Stage = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]


class WaysIn:
    """Opened with `open`, changed with `prepare` then `change`, ended with `close`."""

    def __init__(self, receiver: Receiver, metrics: Metrics, stage: Stage) -> None:
        self._receiver = receiver
        self._metrics = metrics
        self._stage = stage
        self._listeners: dict[str, MllpServer] = {}
        self._folders: dict[str, tuple[FileDrop, asyncio.Event, asyncio.Task[None]]] = {}

    def ports(self) -> dict[str, int]:
        """The port of each listener."""
        return {name: server.port for name, server in self._listeners.items()}

    async def open(self, settings: Settings) -> None:
        """Open all of them. Raises ConfigError when an address or a TLS file cannot be used."""
        for listener in settings.config.listener:
            self._listeners[listener.name] = await self._listen(listener, settings)
        for folder in settings.config.folder:
            self._watch(folder, settings)

    async def prepare(self, settings: Settings) -> dict[str, MllpServer]:
        """Open the new addresses of other settings; give the listeners for `change`.

        Raises ConfigError; then nothing has changed.
        """
        held = {server.listener.port for server in self._listeners.values()}
        opened: dict[str, MllpServer] = {}
        try:
            for listener in settings.config.listener:
                kept = self._listeners.get(listener.name)
                unchanged = kept is not None and kept.listener == listener
                if unchanged or (listener.port and listener.port in held):
                    continue  # an address in our own hands is changed in `change`
                opened[listener.name] = await self._listen(listener, settings)
        except ConfigError:
            await self._drain(opened, timedelta(0))
            raise
        return opened

    async def change(self, settings: Settings, opened: dict[str, MllpServer]) -> None:
        """Take the other settings. Raises ConfigError when an address that was ours is lost."""
        wanted = {one.name: one for one in settings.config.listener}
        gone = {
            name: self._listeners.pop(name)
            for name, server in list(self._listeners.items())
            if wanted.get(name) != server.listener
        }
        for server in self._listeners.values():
            server.door = door_of(server.listener, settings.dialects[server.listener.mapping])
        self._listeners |= opened
        await self._drain(gone, GRACE)
        for name, listener in wanted.items():
            if name not in self._listeners:
                self._listeners[name] = await self._listen(listener, settings)
        await self._change_folders(settings)

    async def _change_folders(self, settings: Settings) -> None:
        wanted = {one.name: one for one in settings.config.folder}
        for name, (drop, stop, task) in list(self._folders.items()):
            if wanted.get(name) == drop.folder:
                drop.door = door_of(drop.folder, settings.dialects[drop.folder.mapping])
            else:
                del self._folders[name]
                stop.set()
                await asyncio.wait({task})
        for name, folder in wanted.items():
            if name not in self._folders:
                self._watch(folder, settings)

    async def close(self) -> None:
        """Take nothing more; finish and answer what was received."""
        for _, stop, _ in self._folders.values():
            stop.set()
        await self._drain(self._listeners, GRACE)

    async def _listen(self, listener: Listener, settings: Settings) -> MllpServer:
        door = door_of(listener, settings.dialects[listener.mapping])
        server = MllpServer(listener, door, self._receiver, self._metrics)
        try:
            await server.start()
        except OSError as error:
            raise ConfigError(
                what=f"A listener cannot be opened: {(error.strerror or 'TLS').lower()}.",
                where=f"listener {listener.name}, {listener.host} port {listener.port}",
                effect="nothing is received there",
                remedy="see which program holds the port (ss -ltnp), or choose another",
            ) from None
        return server

    def _watch(self, folder: WatchedFolder, settings: Settings) -> None:
        stop = asyncio.Event()
        drop = FileDrop(folder, door_of(folder, settings.dialects[folder.mapping]), self._receiver)
        task = self._stage(f"folder {folder.name}", drop.run(stop))
        self._folders[folder.name] = (drop, stop, task)

    @staticmethod
    async def _drain(servers: dict[str, MllpServer], grace: timedelta) -> None:
        await asyncio.gather(*(server.drain(grace) for server in servers.values()))
