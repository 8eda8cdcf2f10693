import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.mllp import Deframer, Fault, FaultKind, frame

LIMIT = 12
# Bytes that look like frames: start and end bytes far more often than chance gives them.
STREAM = st.lists(
    st.sampled_from([b"\x0b", b"\x1c\r", b"\x1c", b"\r", b"\n", b"A", b"MSH|", b"BCDEFGHIJKLMNOP"]),
    max_size=25,
).map(b"".join)
CLEAN = st.binary(max_size=LIMIT).map(lambda b: b.replace(b"\x0b", b"").replace(b"\x1c", b""))


def events(data: bytes, cuts: list[int], limit: int = LIMIT) -> list[bytes | Fault]:
    deframer = Deframer(limit)
    found: list[bytes | Fault] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += deframer.feed(data[start:end])
    return found + deframer.end()


@given(STREAM, st.data())
def test_the_events_do_not_depend_on_the_cuts(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=6)))
    whole = events(data, [])
    assert events(data, cuts) == whole
    assert events(data, list(range(len(data)))) == whole


@given(st.lists(CLEAN, max_size=6), st.data())
def test_whole_messages_come_out_of_any_cut(messages: list[bytes], draw: st.DataObject) -> None:
    between = st.sampled_from([b"", b"\r", b"\n", b"\r\n"])
    data = b"".join(draw.draw(between) + frame(message) for message in messages)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=6)))
    assert events(data, cuts) == messages


@given(STREAM)
def test_no_byte_of_a_message_is_invented_or_lost(data: bytes) -> None:
    for event in events(data, []):
        if isinstance(event, bytes):
            assert frame(event) in data
            assert len(event) <= LIMIT
        else:
            assert event.data in data
            assert len(event.data) <= LIMIT
            assert event.size >= len(event.data)


@given(STREAM)
def test_memory_stays_under_the_limit(data: bytes) -> None:
    deframer = Deframer(LIMIT)
    for n in range(len(data)):
        deframer.feed(data[n : n + 1])
        assert len(deframer._buffer) <= LIMIT + 1


@given(CLEAN, CLEAN)
def test_a_torn_frame_is_never_delivered(torn: bytes, whole: bytes) -> None:
    found = events(b"\x0b" + torn + frame(whole), [])
    assert found == [Fault(FaultKind.TORN, torn, len(torn)), whole]


def test_a_frame_without_its_end_is_torn_when_the_stream_ends() -> None:
    assert events(b"\x0bMSH|", []) == [Fault(FaultKind.TORN, b"MSH|", 4)]
    assert events(b"\x0b", []) == [Fault(FaultKind.TORN, b"", 0)]
    assert events(b"\x0bA\x1c", []) == [Fault(FaultKind.TORN, b"A\x1c", 2)]


def test_a_frame_over_the_limit_is_named_and_the_next_one_is_whole() -> None:
    data = frame(b"x" * (LIMIT + 1)) + frame(b"ok")
    assert events(data, []) == [Fault(FaultKind.OVERSIZE, b"x" * LIMIT, LIMIT + 1), b"ok"]
    assert events(frame(b"x" * LIMIT), []) == [b"x" * LIMIT]


def test_bytes_outside_frames_are_garbage_but_line_ends_are_not() -> None:
    assert events(b"GET /\r\n" + frame(b"ok"), []) == [
        Fault(FaultKind.GARBAGE, b"GET /\r\n", 7),
        b"ok",
    ]
    assert events(b"\r\n\r" + frame(b"ok") + b"\n", []) == [b"ok"]


def test_a_file_separator_alone_does_not_end_a_frame() -> None:
    assert events(b"\x0ba\x1cb\x1c\r", []) == [b"a\x1cb"]
    assert events(frame(b""), []) == [b""]


@pytest.mark.parametrize(
    ("data", "pending", "garbage"), [(b"", 0, 0), (b"\x0bab", 3, 0), (b"ab", 2, 2)]
)
def test_what_is_under_way_is_counted(data: bytes, pending: int, garbage: int) -> None:
    deframer = Deframer(LIMIT)
    deframer.feed(data)
    assert (deframer.pending, deframer.garbage) == (pending, garbage)


def test_no_byte_of_a_fault_shows_in_its_repr() -> None:
    assert "SECRET" not in repr(Fault(FaultKind.TORN, b"SECRET", 6))
