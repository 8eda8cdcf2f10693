"""No log line holds anything that is not on the list, nor the text of an exception."""

import asyncio
import gc
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.logs import SAFE_KEYS, safe, set_up

CANARY = "HENNEBELLE-26000003"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    text = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    set_up("DEBUG", text)
    yield text
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root.handlers[:], root.level = before
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_a_key_that_is_not_on_the_list_is_dropped(stream: io.StringIO) -> None:
    structlog.get_logger().info("heard", journal=3, patient=CANARY, name=CANARY, body=CANARY)
    told = json.loads(stream.getvalue())
    assert told["journal"] == 3
    assert CANARY not in stream.getvalue()


def test_an_exception_is_told_by_its_class_and_places_and_never_by_its_text(
    stream: io.StringIO,
) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    told = json.loads(stream.getvalue())
    assert told["error"] == "ValueError"
    assert told["frames"][-1].startswith("test_logs.py:")
    assert CANARY not in stream.getvalue()


def test_lines_of_libraries_keep_their_logger_and_level_alone(stream: io.StringIO) -> None:
    try:
        raise RuntimeError(CANARY)
    except RuntimeError:
        logging.getLogger("aiosmtplib").exception("failed for %s", CANARY)
    told = json.loads(stream.getvalue())
    assert told["logger"] == "aiosmtplib"
    assert told["error"] == "RuntimeError"
    assert CANARY not in stream.getvalue()


def test_every_word_on_the_list_is_kept_and_every_other_is_dropped(stream: io.StringIO) -> None:
    structlog.get_logger().info("all", **dict.fromkeys(SAFE_KEYS - {"event", "level", "at"}, 1))
    assert set(json.loads(stream.getvalue())) == SAFE_KEYS


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=20), max_size=5))
def test_no_key_but_those_of_the_list_ever_comes_out(values: dict[str, str]) -> None:
    values = {key: value for key, value in values.items() if key not in ("event", "exc_info")}
    assert set(safe(None, "info", {"event": "x"} | values)) <= SAFE_KEYS


def test_no_value_is_long_and_no_object_shows_its_text(stream: io.StringIO) -> None:
    structlog.get_logger().info("heard", reason="x" * 10_000, ports={"patient": CANARY})
    assert len(stream.getvalue()) < 500
    assert CANARY not in stream.getvalue()


def test_an_exception_that_hides_another_tells_neither(stream: io.StringIO) -> None:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as inner:
            raise RuntimeError(CANARY) from inner
    except RuntimeError:
        structlog.get_logger().exception("failed", exc_info=True)
    assert json.loads(stream.getvalue())["error"] == "RuntimeError"
    assert CANARY not in stream.getvalue()


def test_what_nobody_caught_is_told_without_its_text(stream: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError(CANARY)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError(CANARY), None)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(one["event"], one["error"]) for one in told] == [("uncaught", "ValueError")] * 2
    assert CANARY not in stream.getvalue()


async def test_a_task_that_nobody_awaited_is_told_without_its_text(stream: io.StringIO) -> None:
    async def fail() -> None:
        raise ValueError(CANARY)

    task = asyncio.ensure_future(fail())
    await asyncio.wait({task})
    del task
    gc.collect()
    assert '"asyncio"' in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_a_warning_is_told_without_its_text(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(CANARY, UserWarning, stacklevel=1)
    assert '"py.warnings"' in stream.getvalue()
    assert CANARY not in stream.getvalue()
