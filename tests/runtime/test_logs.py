"""No log line holds anything that is not on the list, nor the text of an exception."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from engine.runtime.logs import set_up

CANARY = "HENNEBELLE-26000003"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    text = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    set_up("DEBUG", text)
    yield text
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
