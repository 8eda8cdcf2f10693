"""The one writing thread: group commit over one connection.

Callers enqueue works. The thread drains what waits, runs each work under its own savepoint in one
transaction, commits, and only then gives each its value. There is no timer: the commit before is
the window in which the next batch gathers, so an idle system pays one fsync a work and a busy one
shares it. A caller that has gathered a batch of its own may write it in its own thread while this
one is idle (`write_here`): passing it over and back costs as much as a small commit.

What can go wrong: a work fails, alone, and its effects are undone; the commit fails (disk full,
disk broken), and every work of the batch fails; the file is damaged, and everything fails from
then on.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import apsw

from engine.model.errors import StoreError
from engine.store.connection import UNRECOVERABLE, as_store_error, executor
from engine.store.transaction import SqliteTx
from engine.store.vault import Keyring

_BATCH: Final = 256
# The WAL is copied into the file when nobody has written for a while, or when it has grown so
# large (64 MiB) that waiting any longer would cost more than the pause.
_IDLE: Final = 0.25  # seconds
_WORTH_A_CHECKPOINT: Final = 128  # pages
_TOO_LONG: Final = 8192  # pages


class Work:
    """One function to run, and who waits for its value."""

    __slots__ = ("error", "function", "loop", "value", "waiter")

    def __init__(
        self,
        function: Callable[[SqliteTx], Any],
        waiter: "asyncio.Future[Any] | Future[Any]",
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.function = function
        self.waiter = waiter
        self.loop = loop
        self.value: Any = None
        self.error: BaseException | None = None


class Busy(Enum):
    """The writing thread has something to do."""

    BUSY = "busy"


BUSY: Final = Busy.BUSY
T = TypeVar("T")
_LOOK: Final = Work(lambda _tx: None, Future(), None)


class Writer:
    """Runs works in order, in its own thread, on a connection that it alone uses."""

    def __init__(self, connection: apsw.Connection, ring: Keyring, where: str) -> None:
        self._connection = connection
        self._where = where
        self._tx = SqliteTx(connection, ring)
        self._run = executor(connection)
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._hold = threading.Lock()  # whoever uses the connection
        self._closing = False
        self._broken: StoreError | None = None
        self._in_hand = 0
        self._wal_pages = 0
        self._written_here_at = 0.0
        connection.set_wal_hook(self._wal_grew)
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Works that wait, and those of the batch being written."""
        return self._queue.qsize() + self._in_hand

    def submit(self, work: Work) -> None:
        """Enqueue a work. ``StoreError`` when the store is closed or damaged."""
        if threading.get_ident() == self._thread.ident:
            raise self._refusal("a work asked for another write: it would wait for itself")
        with self._gate:
            if self._broken is not None:
                raise self._broken
            if self._closing:
                raise self._refusal("it is closed")
            self._queue.put(work)

    def write_here(self, function: Callable[[SqliteTx], T]) -> T | Busy:
        """Write one work in the calling thread, which waits for the disk. BUSY when the writing
        thread has anything to do; ``StoreError`` as `submit`."""
        if self._in_hand or not self._queue.empty() or not self._hold.acquire(blocking=False):
            return BUSY
        try:
            with self._gate:
                if self._broken is not None:
                    raise self._broken
                if self._closing:
                    raise self._refusal("it is closed")
            work = Work(function, Future(), None)
            pages = self._wal_pages
            self._write([work])
            self._written_here_at = time.monotonic()
        finally:
            self._hold.release()
        if not pages or self._wal_pages >= _TOO_LONG:
            self._queue.put(_LOOK)  # the writing thread sees to the WAL
        if work.error is not None:
            raise work.error
        value: T = work.value
        return value

    def close(self) -> None:
        """Finish what is queued, checkpoint, and close the connection. A second call waits too."""
        with self._gate:
            if not self._closing:
                self._closing = True
                self._queue.put(None)
        self._thread.join()

    def rest(self) -> bool:
        """Bring the write-ahead log into the file and cut it off: nothing of what was deleted or
        destroyed stays in it. Waits for readers, some seconds at most; False: they went on."""
        with self._gate:
            if self._broken is not None:
                raise self._broken
            if self._closing:
                raise self._refusal("it is closed")
        return self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def _refusal(self, effect: str) -> StoreError:
        return StoreError(
            where=self._where, effect=f"nothing was written: {effect}", remedy="start it again"
        )

    def _wal_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    # All that follows runs in the thread.

    def _loop(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._in_hand = len(batch)
            try:
                if self._broken is None:
                    with self._hold:
                        self._write(batch)
                else:
                    self._fail(batch, self._broken)
            except BaseException as error:  # whatever it is, nobody may wait for ever
                self._break(error)
                self._fail(batch, error)
            self._in_hand = 0
            _settle(batch)
            if self._wal_pages >= _TOO_LONG:
                self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
        if self._broken is None:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._connection.close(True)

    def _next_batch(self) -> list[Work] | None:
        try:
            first = self._queue.get(timeout=_IDLE if self._wal_pages else None)
        except Empty:
            if time.monotonic() - self._written_here_at < _IDLE:
                return []
            if self._wal_pages >= _WORTH_A_CHECKPOINT:
                self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._wal_pages = 0
            return []
        if first is None:
            return None
        if first is _LOOK:
            return []
        batch = [first]
        while len(batch) < _BATCH:
            try:
                work = self._queue.get_nowait()
            except Empty:
                break
            if work is _LOOK:
                continue
            if work is None:  # to be met again once this batch is written
                self._queue.put(None)
                break
            batch.append(work)
        return batch

    def _write(self, batch: list[Work]) -> None:
        if not batch:
            return
        run, tx = self._run, self._tx
        tx.forget()
        try:
            run("BEGIN IMMEDIATE")
            for work in batch:
                run("SAVEPOINT work")
                try:
                    work.value = work.function(tx)
                except BaseException as error:
                    if isinstance(error, UNRECOVERABLE):
                        raise
                    work.error = as_store_error(error) if isinstance(error, apsw.Error) else error
                    tx.forget()
                    if not self._connection.in_transaction:
                        # SQLite gave the whole transaction up (disk full, disk error): every
                        # work of the batch is undone, and must hear so.
                        raise (
                            error
                            if isinstance(error, apsw.Error)
                            else apsw.AbortError("the transaction was given up")
                        ) from None
                    run("ROLLBACK TO work")
                run("RELEASE work")
            run("COMMIT")
        except apsw.Error as error:
            if isinstance(error, UNRECOVERABLE):
                self._break(as_store_error(error))
            self._roll_back()
            self._fail(batch, as_store_error(error))

    def _roll_back(self) -> None:
        self._tx.forget()
        if self._connection.in_transaction:
            try:
                self._run("ROLLBACK")
            except apsw.Error as error:
                self._break(as_store_error(error))

    def _break(self, error: BaseException) -> None:
        """From now on, nothing is written."""
        if not isinstance(error, StoreError):
            error = self._refusal(f"the writer failed ({type(error).__name__})")
        with self._gate:
            self._broken = self._broken or error

    def _fail(self, batch: list[Work], error: BaseException) -> None:
        for work in batch:
            work.value = None
            work.error = work.error or error

    def _checkpoint(self, mode: int) -> bool:
        done = False
        try:
            with self._hold:
                self._connection.wal_checkpoint(mode=mode)
            done = True
        except UNRECOVERABLE as error:
            self._break(as_store_error(error))
        except apsw.Error:
            pass  # a reader, or a full disk: the WAL keeps everything, the next one will do
        self._wal_pages = 0
        return done


def _settle(batch: list[Work]) -> None:
    """Give each its value: one call for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Work]] = {}
    for work in batch:
        if work.loop is None:
            _give(work)
        else:
            by_loop.setdefault(work.loop, []).append(work)
    for loop, works in by_loop.items():
        with suppress(RuntimeError):  # that loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_give_all, works)


def _give_all(works: list[Work]) -> None:
    for work in works:
        _give(work)


def _give(work: Work) -> None:
    waiter = work.waiter
    if waiter.done():
        return  # cancelled: the caller went away, the work was done
    if work.error is not None:
        waiter.set_exception(work.error)
    else:
        waiter.set_result(work.value)
