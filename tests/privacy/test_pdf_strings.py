import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.privacy.fold import Words
from engine.privacy.pdf_fonts import _to_unicode
from engine.privacy.pdf_page import Page
from engine.privacy.pdf_strings import closing, raw, text_string, tokens

HOSTILE = [
    b"(",
    b"(\\(",
    b"(a(b",
    b"[(",
    b"[(a)",
    b"<41",
    b"/name ",
    b"%",
    b"\\(",
    b"(a(b)",
    b"[<41>",
]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"/Title (Lettre)", [("name", b"Title"), ("string", b"(Lettre)")]),
        (b"(a(b(c(d)))e)", [("string", b"(a(b(c(d)))e)")]),
        (b"(a\\)b) (c", [("string", b"(a\\)b)"), ("open", b"(c")]),
        (b"<4142> <</Author/Xavier>>", [("string", b"<4142>"), ("name", b"Author"),
                                        ("name", b"Xavier")]),
        (b"% une note\n(x)", [("comment", b" une note"), ("string", b"(x)")]),
    ],
)  # fmt: skip
def test_strings_comments_and_names_are_found_in_order(
    data: bytes, expected: list[tuple[str, bytes]]
) -> None:
    assert [(kind, told) for kind, told, _ in tokens(data, 0, len(data))] == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (b"(\\351crou)", "écrou"),
        (b"(\xfe\xff\x00\xe9)", "é"),
        (b"<FEFF00E9>", "é"),
        (b"(\xef\xbb\xbf\xc3\xa9)", "é"),
        (b"(a\\\r\nb)", "ab"),
        (b"<4>", "@"),
    ],
)
def test_a_string_is_read_as_its_marks_say(told: bytes, expected: str) -> None:
    assert text_string(told) == expected


@given(st.binary(max_size=80))
def test_a_string_written_with_escapes_is_read_back(held: bytes) -> None:
    written = b"(" + b"".join(b"\\%03o" % code for code in held) + b")"
    assert raw(written) == held
    assert closing(written, 1, len(written)) == len(written)


@given(st.lists(st.sampled_from([*HOSTILE, b")", b"]TJ ", b"a", b">"]), max_size=60))
def test_no_two_tokens_share_a_byte(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    spans = []
    for kind, told, at in tokens(data, 0, len(data)):
        first = at + (kind in ("name", "comment"))
        assert data[first : first + len(told)] == told
        spans.append((at, first + len(told)))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def steps(work: Callable[[], object]) -> int:
    """How many calls something makes, of the interpreter and of what is written in C."""
    count = 0

    def step(frame: FrameType, event: str, held: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(step)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


READERS: dict[str, Callable[[bytes], object]] = {
    "between the streams": lambda data: list(tokens(data, 0, len(data))),
    "a page": lambda data: Page(data, {}).text,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("piece", HOSTILE)
def test_twice_the_bytes_take_twice_the_steps(reader: str, piece: bytes) -> None:
    once = steps(lambda: READERS[reader](piece * 500))
    twice = steps(lambda: READERS[reader](piece * 1000))
    assert twice <= 2 * once + 50


@pytest.mark.timeout(60)  # what walks back over a row of this length takes an hour
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_row_of_openings_ends(piece: bytes) -> None:
    for read in READERS.values():
        read(piece * 300_000)


@pytest.mark.timeout(60)
def test_a_table_of_characters_that_never_ends_ends() -> None:
    assert _to_unicode(b"beginbfchar <41> <0041 " * 100_000) == {}
    assert _to_unicode(b"beginbfrange <41> [" * 100_000) == {}


@pytest.mark.timeout(60)
def test_a_word_that_never_ends_ends() -> None:
    words = Words("a" * 1_000_000)
    assert words.ends.stops == []


def test_brackets_in_brackets_in_brackets_are_one_string_of_a_page() -> None:
    page = Page(b"BT /F1 9 Tf (a(b(c(d)e)f)g) Tj ET", {})
    assert page.readable
    assert "a(b(c(d)e)f)g" in page.text


def test_a_string_of_a_page_that_never_ends_is_told() -> None:
    assert not Page(b"BT (vu) Tj (jamais", {}).readable
