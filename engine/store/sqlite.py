"""The durable store on SQLite: one writing connection, a few reading ones."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Final, Self, TypeVar

import apsw

from engine.model.errors import StoreError
from engine.store.connection import as_store_error, open_reading, open_writing
from engine.store.interface import Tx
from engine.store.lock import WriterLock
from engine.store.masters import Master, MasterFile, Masters
from engine.store.migrate import check, load, migrate
from engine.store.transaction import SqliteTx
from engine.store.vault import Keyring
from engine.store.writer import BUSY, Work, Writer

T = TypeVar("T")

MASTER_FILE: Final = "master.key"
_READERS = 2
_PAGES_AT_ONCE = 512  # 4 MiB


def _beside(store: Path) -> Masters:
    return MasterFile(store.with_name(MASTER_FILE))


class SqliteStore:
    """See store.interface.Store. Usable from any number of event loops and threads."""

    def __init__(
        self, path: Path, ring: Keyring, writer: Writer | None, lock: WriterLock | None
    ) -> None:
        self._path = path
        self._ring = ring
        self._rotating = threading.Lock()
        self._writer = writer
        self._lock = lock
        self._closed = False
        self._idle: LifoQueue[tuple[apsw.Connection, SqliteTx]] = LifoQueue()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")

    @classmethod
    def open(cls, path: Path, masters: Masters | None = None, *, exclusive: bool = True) -> Self:
        """Open the store, making it if needed and bringing its schema up to date.

        ``masters``: where its master keys are; None: the file beside it, made with a new store.
        ``exclusive`` False lets another process write too, each in its turn. Raises
        ``StoreError`` when the store is in use, damaged, made by a newer program, when its master
        key is not there, or when SQLite is too old.
        """
        lock = WriterLock.take(path) if exclusive else None
        connection: apsw.Connection | None = None
        try:
            connection = open_writing(path)
            migrate(connection, load())
            ring = Keyring.open(connection, masters or _beside(path), make=True)
        except BaseException as error:
            if connection is not None:
                connection.close(True)
            if lock is not None:
                lock.release()
            if isinstance(error, apsw.Error):
                raise as_store_error(error) from error
            raise
        return cls(path, ring, Writer(connection, ring, str(path)), lock)

    @classmethod
    def open_readonly(cls, path: Path, masters: Masters | None = None) -> Self:
        """Open the store for reads alone, whether or not a daemon writes it."""
        if not path.is_file():
            raise StoreError(
                what="There is no store.",
                where=str(path),
                effect="nothing was read",
                remedy="check `data` in the configuration, or start the daemon once",
            )
        try:
            connection = open_reading(path)
            try:
                check(connection, load())
                ring = Keyring.open(connection, masters or _beside(path), make=False)
            finally:
                connection.close(True)
        except apsw.Error as error:
            raise as_store_error(error) from error
        return cls(path, ring, None, None)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """See store.interface.Store. A caller that is cancelled leaves its work to be done."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._writing().submit(Work(work, waiter, loop))
        return await waiter

    def write_here(self, work: Callable[[Tx], T]) -> T | None:
        """See store.interface.Store."""
        done = self._writing().write_here(work)
        return None if done is BUSY else done

    def write_sync(self, work: Callable[[Tx], T]) -> T:
        """Do the same from a thread without an event loop; blocks until it is on the disk."""
        waiter: Future[T] = Future()
        self._writing().submit(Work(work, waiter, None))
        return waiter.result()

    async def read(self, work: Callable[[Tx], T]) -> T:
        """See store.interface.Store. Runs in a thread: the event loop does not wait."""
        self._must_be_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_sync, work)

    def read_sync(self, work: Callable[[Tx], T]) -> T:
        """Do the same in the calling thread."""
        self._must_be_open()
        try:
            connection, tx = self._idle.get_nowait()
        except Empty:
            connection = open_reading(self._path)
            tx = SqliteTx(connection, self._ring)
        try:
            connection.execute("BEGIN")
            tx.forget()
            try:
                return work(tx)
            finally:
                connection.execute("ROLLBACK")
        except apsw.Error as error:
            raise as_store_error(error) from error
        finally:
            self._idle.put((connection, tx))

    @property
    def backlog(self) -> int:
        """See store.interface.Store."""
        return self._writer.backlog if self._writer is not None else 0

    def close(self) -> None:
        """See store.interface.Store. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._readers.shutdown(wait=True)
        while True:
            try:
                self._idle.get_nowait()[0].close(True)
            except Empty:
                break
        if self._writer is not None:
            self._writer.close()
        if self._lock is not None:
            self._lock.release()

    def give_back(self) -> int:
        """Give the room of deleted rows back to the file system, and clear the write-ahead log of
        them; gives how many bytes. In steps, so that whoever writes waits little."""
        before = self._path.stat().st_size
        while self.write_sync(lambda tx: tx.retention.shrink(_PAGES_AT_ONCE)):
            pass
        if not self._writing().rest():
            raise StoreError(
                what="The log of the store could not be cleared.",
                where=str(self._path),
                effect="what was dropped is gone from the store, and may still lie in its log: "
                "somebody reads the store",
                remedy="run it again: relais purge",
            )
        return max(0, before - self._path.stat().st_size)

    @property
    def masters(self) -> Masters:
        """Where the master keys are."""
        return self._ring.source

    def rotate(self, told: Callable[[Tx, str, int], object]) -> tuple[str, int]:
        """Wrap all keys with a new master; give its name and how many keys. ``told`` is called in
        the same transaction.

        A crash at any moment leaves the masters that the store then needs where they are read:
        the new one is on the disk before any key is wrapped with it, and the old ones go once
        none is wrapped with them. Raises ``StoreError`` when others see to the masters and have
        put no new one first.
        """
        with self._rotating:
            masters = self.masters
            there = masters.read()
            in_use = self.read_sync(lambda tx: tx.keys.counts())
            new = there[0]
            if masters.ours:
                new = Master.fresh()
                masters.replace([new, *(one for one in there if one.name in in_use)])
            elif set(in_use) == {new.name}:
                raise StoreError(
                    what="There is no new master key.",
                    where=masters.where,
                    effect="nothing was changed: the first key there is the one in use",
                    remedy="make one (relais keys make), put its line first and leave the old one "
                    "below it, then ask again",
                )

            def work(tx: Tx) -> int:
                count = tx.keys.rewrap(new)
                told(tx, new.name, count)
                return count

            count = self.write_sync(work)
            if masters.ours:
                masters.replace([new])
            self.give_back()  # keys as the old master wrapped them leave the log
            return new.name, count

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(
                where=str(self._path),
                effect="it is open for reads alone; nothing was written",
                remedy="let the command go through the daemon",
            )
        return self._writer

    def _must_be_open(self) -> None:
        if self._closed:
            raise StoreError(where=str(self._path), effect="it is closed", remedy="open it again")
