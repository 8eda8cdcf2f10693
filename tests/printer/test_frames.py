import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose.paper import (
    MAX_PAGES,
    Paper,
    PrintError,
    PrintOrder,
    RefusedError,
    TooManyError,
    UnusableError,
)
from engine.printer.frames import (
    frames_of,
    message,
    read_answer,
    read_message,
    read_order,
    write_answer,
    write_order,
)

MOST = 1 << 20
some = st.binary(max_size=40)


def back(sent: bytes) -> list[bytes]:
    frames = read_message(io.BytesIO(sent).read, MOST)
    assert frames is not None
    return frames


@given(st.lists(some, max_size=5))
def test_frames_are_read_as_they_were_written(frames: list[bytes]) -> None:
    assert back(message(frames)) == frames


@given(some)
def test_any_bytes_are_whole_frames_or_none(data: bytes) -> None:
    frames = frames_of(data)
    assert frames is None or message(frames)[8:] == data


@given(st.lists(some, max_size=5), st.integers(1, 8))
def test_a_torn_message_is_none(frames: list[bytes], cut: int) -> None:
    assert read_message(io.BytesIO(message(frames)[:-cut]).read, MOST) is None


def test_a_message_above_the_limit_is_not_read() -> None:
    sent = io.BytesIO(message([b"x" * 100]))
    assert read_message(sent.read, 100) is None
    assert sent.tell() == 8


@given(some, some, st.integers(0, 2**33), st.lists(some, max_size=3))
def test_an_order_is_read_as_it_was_written(
    template: bytes, data: bytes, issued: int, annexes: list[bytes]
) -> None:
    order = PrintOrder(Path("/mappings/letters/fonts"), template, issued, data, tuple(annexes))
    assert read_order(back(write_order(order))) == order


@given(st.lists(st.integers(1, 10), max_size=3), some)
def test_a_paper_is_read_as_it_was_written(pages: list[int], rest: bytes) -> None:
    paper = Paper(b"%PDF-" + rest, tuple(pages))
    assert read_answer(back(write_answer(paper)), len(pages)) == paper


@pytest.mark.parametrize("error", [RefusedError(), UnusableError(), TooManyError(MAX_PAGES + 1)])
def test_a_refusal_is_read_as_it_was_written(error: PrintError) -> None:
    with pytest.raises(type(error)) as caught:
        read_answer(back(write_answer(error)), 1)
    assert caught.value.args == error.args
