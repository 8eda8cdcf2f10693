"""JSON lines on standard error, with nothing of a patient in them.

A key that is not on the list of safe keys is dropped, whoever logs it; an exception is told by its
class, our code and the places it passed, never by its text, which may hold what a message held.
Lines of libraries keep their logger and level alone.
"""

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final, TextIO

import structlog

SAFE_KEYS: Final = frozenset(
    {
        "event", "level", "at", "journal", "delivery", "task", "channel", "source", "listener",
        "listeners", "health", "port", "state", "code", "cause", "status", "outcome", "reason",
        "attempt", "number", "next", "became", "count", "facts", "error", "fault", "kind",
        "seconds", "bytes", "stage", "signal", "version", "mode", "logger", "frames", "ack",
        "why", "duplicate", "due_in", "delay", "possibly_sent", "file", "folder", "day", "word",
        "recovered", "units", "what", "where",
        "messages", "refused", "relay", "follows", "box", "uid", "verdict",
    }
)  # fmt: skip
# Values of these may be free text of ours; everything else must be short.
_LONGEST: Final = 200


def safe(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Keep what is on the list, as short plain values."""
    error = event.pop("exc_info", None)
    kept = {key: _plain(value) for key, value in event.items() if key in SAFE_KEYS}
    if error:
        kept.update(_told(error))
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)[:_LONGEST]


def _told(error: Any) -> dict[str, Any]:
    raised = error if isinstance(error, BaseException) else sys.exc_info()[1]
    if raised is None:
        return {}
    frames = traceback.extract_tb(raised.__traceback__)
    return {
        "error": type(raised).__name__,
        "code": str(getattr(raised, "code", ""))[:20],
        "frames": [f"{Path(one.filename).name}:{one.lineno}" for one in frames[-8:]],
    }


class _Foreign(logging.Handler):
    """Lines of libraries: who spoke, and how loud. What they said may hold an address."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(
            record.levelno,
            "library",
            logger=record.name,
            exc_info=record.exc_info[1] if record.exc_info else None,
        )


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Configure structlog and the standard library's logging."""
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            safe,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Foreign()]
    root.setLevel(max(number, logging.INFO))
    logging.captureWarnings(capture=True)
    # What nobody caught would be printed with its text.
    sys.excepthook = lambda _kind, error, _trace: _uncaught(error)
    threading.excepthook = lambda told: _uncaught(told.exc_value)
    sys.unraisablehook = lambda told: _uncaught(told.exc_value)


def _uncaught(error: BaseException | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        structlog.get_logger().error("uncaught", exc_info=error)
