"""One process writes: an flock beside the store's file, held as long as the store is open."""

import fcntl
import os
from pathlib import Path
from typing import Self

from engine.model.errors import StoreError


class WriterLock:
    """The right to write a store. The system lets go of it when the process dies.

    The lock is on a file of its own: closing any descriptor on the store's file would drop the
    locks that SQLite itself holds on it (POSIX fcntl).
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, store: Path) -> Self:
        """Take it, or raise ``StoreError`` when another has it."""
        path = store.with_name(store.name + ".lock")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreError(
                what="The store is in use.",
                where=str(store),
                effect="another process has it open for writing: the daemon runs",
                remedy="let the command go through the daemon, or stop the daemon first",
            ) from None
        return cls(descriptor)

    def release(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)
