"""A reader of receipts that is killed, by itself and with SIGKILL, after so many commits."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pydantic import SecretStr

from engine.decide.ladder import Watch
from engine.inbound.imap_session import client_context
from engine.inbound.returns import ReturnsReader
from engine.model.config import Proof, Returns
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore

T = TypeVar("T")


class Nobody:
    """Counts nothing."""

    def increment(self, name: str, **labels: str) -> None:
        """Do nothing."""


class Mortal:
    """A store whose process dies as soon as so many writes are on the disk."""

    def __init__(self, store: SqliteStore, writes: int) -> None:
        self._store = store
        self._left = writes

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def write(self, work: Callable[[Tx], T]) -> T:
        done = await self._store.write(work)
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


async def main(path: str, port: str, authority: str, writes: str) -> None:
    """Read the mailbox once, or die."""
    told = Returns(
        host="localhost",
        port=int(port),
        ca_file=Path(authority),
        username="usmp@hopital.example",
        channels=("mss",),
    )
    store = SqliteStore.open(Path(path))
    reader = ReturnsReader(
        "mss",
        told,
        Mortal(store, int(writes)),  # type: ignore[arg-type]
        context=client_context(told),
        password=SecretStr("secret"),
        watch=lambda: Watch(Proof(), frozenset({"mss"})),
        now=lambda: datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
        counters=Nobody(),
    )
    await reader.run_once()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
