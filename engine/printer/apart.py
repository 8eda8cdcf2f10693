"""Has letters printed by a process of their own.

What can go wrong
    The PDF of a hospital's record is a stranger's file. One that is made for it keeps the drawing
    engine busy for hours, takes all the memory, or aborts the process. So it is opened only by a
    child, which has a deadline, limits, and nothing to steal but this one letter; the daemon gets
    a PDF or a refusal. The child gives no words back: an error's text could quote the document.

A letter with annexes has a child to itself. The others are ours from the first word to the last;
they share one that is kept, which spares the daemon the engine's memory.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import engine
from engine.compose.paper import BeyondLimitsError, Paper, PrintOrder
from engine.printer.frames import read_answer, read_message, write_order

DEADLINE: Final = 30.0  # seconds, from the start of the child to its end
MOST_ANSWER: Final = 32 * 1024 * 1024  # bytes; no mailbox takes as much

_ROOT: Final = Path(engine.__file__).resolve().parents[1]
_COMMAND: Final = (sys.executable, "-E", "-s", "-m", "engine.printer.child")


class Printer:
    """A `Typesetter` for a process that must live. Thread-safe; one letter at a time."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        """``deadline``: seconds that one letter may take."""
        self._deadline = deadline
        self._lock = threading.Lock()
        self._kept: _Child | None = None

    def __call__(self, order: PrintOrder) -> Paper:
        """Print. Blocks for the deadline at most. The same bytes as in-process.

        Raises PrintError; BeyondLimitsError when the child dies, is killed or gives an answer that
        is none.
        """
        if order.annexes:
            with _Child("--once") as child:
                return child.print(order, self._deadline)
        with self._lock:
            return self._plain(order)

    def _plain(self, order: PrintOrder) -> Paper:
        if self._kept is not None:
            with contextlib.suppress(_GoneError):  # of age, or for want of work
                return self._by_kept(order)
        return self._by_kept(order)

    def _by_kept(self, order: PrintOrder) -> Paper:
        self._kept = self._kept or _Child()
        try:
            return self._kept.print(order, self._deadline)
        except BeyondLimitsError:
            self._end()
            raise

    def close(self) -> None:
        """End the child that is kept. The next letter starts another."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


class _GoneError(BeyondLimitsError):
    """The child ended without an answer."""


class _Child:
    def __init__(self, *arguments: str) -> None:
        self._line, theirs = socket.socketpair()
        # A supervisor that stops the service signals every process of it at once, and a terminal
        # its whole group; yet a letter in hand is finished. Blocked signals stay blocked in the
        # child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                (*_COMMAND, *arguments),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # the engine's words may quote the document
                cwd=_ROOT,
                env={"MALLOC_ARENA_MAX": "2"},  # no secret of the daemon's; little address space
                start_new_session=True,
            )
        except BaseException:
            self._line.close()
            raise
        finally:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def print(self, order: PrintOrder, deadline: float) -> Paper:
        """Raises PrintError; BeyondLimitsError when there is no sound answer in time."""
        until = time.monotonic() + deadline

        def read(most: int) -> bytes:
            self._line.settimeout(max(until - time.monotonic(), 0.001))
            return self._line.recv(most)

        try:
            self._line.settimeout(deadline)
            self._line.sendall(write_order(order))
            answer = read_message(read, MOST_ANSWER)
        except TimeoutError:
            raise BeyondLimitsError from None
        except OSError:
            raise _GoneError from None
        if answer is None:
            raise _GoneError
        return read_answer(answer, len(order.annexes))

    def close(self) -> None:
        self._line.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
