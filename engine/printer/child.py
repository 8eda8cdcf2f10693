"""The printing process: orders from standard input, an answer to each, no word to anybody else.

It ends when its orders end. One that is kept for letters without annexes ends as well after
MOST_LETTERS, or when it had nothing to do for IDLE seconds: the daemon starts another.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from engine.compose.annex import print_order
from engine.compose.paper import Paper, PrintError, PrintOrder
from engine.compose.typeset import load_fonts
from engine.printer.frames import read_message, read_order, write_answer

MOST_CPU: Final = 30  # seconds, over all its threads
MOST_MEMORY: Final = 1024 * 1024 * 1024  # bytes of address space; 30 scanned pages take 0.4 GiB
MOST_WRITTEN: Final = 32 * 1024 * 1024  # bytes of one file: an annex in memory
MOST_FILES: Final = 64
MOST_ORDER: Final = 512 * 1024 * 1024  # bytes
MOST_LETTERS: Final = 300  # some 10 s of CPU at most
IDLE: Final = 60.0  # seconds

_LIMITS: Final = (
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_CPU, MOST_CPU),
    (resource.RLIMIT_AS, MOST_MEMORY),
    (resource.RLIMIT_FSIZE, MOST_WRITTEN),
    (resource.RLIMIT_NOFILE, MOST_FILES),
)
_PR_SET_PDEATHSIG: Final = 1


def _confine(*, once: bool) -> None:
    """Before the first byte of a stranger is read."""
    for kind, most in _LIMITS:
        _, hard = resource.getrlimit(kind)
        ours = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (ours, ours))
    os.nice(5)
    if once:
        # Not without its parent. (The signal comes when the thread that started us ends, which
        # one that is kept outlives: it sees the end of its orders instead.)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(OSError):  # when memory runs short, rather than its parent
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _print(order: PrintOrder) -> Paper | PrintError:
    try:
        return print_order(order, load_fonts(order.fonts))
    except PrintError as error:
        return error


def main() -> int:
    """Serve until the orders end."""
    once = "--once" in sys.argv[1:]
    _confine(once=once)
    with socket.socket(fileno=os.dup(0)) as line:
        for _ in range(1 if once else MOST_LETTERS):
            if not once and not select.select([line], [], [], IDLE)[0]:
                break
            order = read_message(line.recv, MOST_ORDER)
            if order is None:
                break
            line.sendall(write_answer(_print(read_order(order))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
