from hypothesis import given
from hypothesis import strategies as st

from engine.wire.hl7_file import messages
from engine.wire.mllp import Fault, FaultKind, frame
from tests.support.adt import adt

NUMBERS = st.lists(st.integers(0, 999), min_size=1, max_size=5)


@given(NUMBERS, st.sampled_from([b"", b"\r", b"\n", b"\r\n\r\n"]))
def test_messages_of_a_file_come_out_in_order(numbers: list[int], between: bytes) -> None:
    whole = [adt(number=str(number)) for number in numbers]
    found = messages(between.join(whole))
    assert [piece.rstrip(b"\r\n") for piece in found if isinstance(piece, bytes)] == [
        message.rstrip(b"\r\n") for message in whole
    ]


@given(NUMBERS)
def test_a_file_of_frames_is_deframed(numbers: list[int]) -> None:
    whole = [adt(number=str(number)) for number in numbers]
    assert messages(b"\r\n" + b"\r\n".join(map(frame, whole))) == whole


@given(st.binary(max_size=80))
def test_nothing_but_blanks_and_envelopes_is_left_out(data: bytes) -> None:
    data = data.replace(b"\x0b", b"").removeprefix(b"\xef\xbb\xbf")
    if b"FHS" in data or b"BHS" in data or b"BTS" in data or b"FTS" in data:
        return
    pieces = messages(data + b"\r" + adt())
    assert all(isinstance(piece, bytes) for piece in pieces)
    joined = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    assert joined.split() == (data + b"\r" + adt()).split()


def test_the_envelope_of_a_batch_and_a_byte_order_mark_are_left_out() -> None:
    one, two = adt(number="1"), adt(number="2")
    head = b"\xef\xbb\xbfFHS|^~\\&|DPI\rBHS|^~\\&|DPI\r"
    assert messages(head + one + two + b"BTS|2\rFTS|1\r") == [one, two]


def test_what_comes_before_the_first_message_is_a_piece_of_its_own() -> None:
    assert messages(b"EVN|1\r" + adt()) == [b"EVN|1\r", adt()]
    assert messages(b"no message") == [b"no message"]
    assert messages(b"") == [b""]


def test_a_torn_frame_in_a_file_is_a_fault() -> None:
    found = messages(frame(adt()) + b"\x0bMSH|")
    assert found == [adt(), Fault(FaultKind.TORN, b"MSH|", 4)]
