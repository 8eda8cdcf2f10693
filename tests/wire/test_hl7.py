import time
from contextlib import suppress

import hl7apy.parser
import pytest
from hl7apy.exceptions import HL7apyException
from hypothesis import given
from hypothesis import strategies as st

from engine.wire import hl7
from tests.support.adt import SAMPLE_FILES, adt, each_sample, needs_samples

SAFE = st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="|^~\\&\r\n")
VALUE = st.text(SAFE, max_size=12)
NAME = st.one_of(
    st.sampled_from(["PID", "PV1", "ZBE", "ZFP", "PRT", "OBX"]),
    st.from_regex(r"[A-Z][A-Z0-9]{2}", fullmatch=True),
).filter(lambda name: name != "MSH")
# Segments with any number of fields, none ("ZFP") and empty ones ("ZFP|") included.
SEGMENT = st.builds(lambda name, fields: "|".join([name, *fields]), NAME, st.lists(VALUE))
KNOWN = ("PID", "PV1", "PRT", "OBX", "ZBE", "ZFP")
END = st.sampled_from(["\r", "\r\n", "\r\r", "\r\n\r\n"])
MSH = "MSH|^~\\&|DPI|CHU|||20260105||ADT^A01^ADT_A01|1|P|2.5||||||UNICODE UTF-8"


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[str], str]:
    """Segments, and the message they make with any line ends."""
    segments = [MSH, *draw(st.lists(SEGMENT, max_size=8))]
    # A sender ends its segments with CR, or with LF; the two do not mix. Behind LF alone, a bare
    # name that no standard knows ("VIH") is a line of a text.
    family = draw(st.sampled_from([END, st.just("\n")]))
    if family is not END:
        segments = [one if "|" in one or one in KNOWN else f"{one}|" for one in segments]
    last = draw(
        st.sampled_from(["", "\r", "\n", "\r\n\n"] if family is END else ["", "\n", "\n\n"])
    )
    ends = [*(draw(family) for _ in segments[:-1]), last]
    return segments, "".join(s + e for s, e in zip(segments, ends, strict=True))


@given(texts())
def test_the_segments_that_go_in_come_out(case: tuple[list[str], str]) -> None:
    segments, text = case
    message = hl7.read(text.encode())
    assert [segment.text for segment in message.segments] == segments
    assert message.encode() == text.encode()


@given(st.binary(max_size=200))
def test_any_bytes_after_msh_are_read_without_loss_or_refused_by_name(tail: bytes) -> None:
    raw = b"MSH|^~\\&|DPI" + tail
    refusal = None
    try:
        message = hl7.read(raw)
    except hl7.UnreadableError as error:
        refusal = error.condition
    if refusal is None:
        assert message.encode() == raw
    else:
        assert refusal.code in {102, 103}
        assert refusal.location.startswith("MSH^1^")


@given(st.binary(max_size=60))
def test_any_bytes_at_all_are_read_without_loss_or_refused(raw: bytes) -> None:
    with suppress(hl7.UnreadableError):
        assert hl7.read(raw).encode() == raw


@needs_samples
def test_the_samples_are_all_there() -> None:
    assert len(SAMPLE_FILES) >= 28


@each_sample
def test_each_national_sample_comes_out_byte_for_byte(sample) -> None:
    raw = sample.read_bytes()
    message = hl7.read(raw)
    lines = [line for line in message.encode().decode(message.charset).splitlines() if line]
    assert message.encode() == raw
    assert [segment.text for segment in message.segments] == lines


@needs_samples
def test_hl7apy_by_default_loses_segments_and_says_valid() -> None:
    """Why we own the reader: ZBE is the movement itself, ZFA and ZFD are consents."""
    losers = 0  # samples that hl7apy calls valid once it has lost their movement
    for sample in SAMPLE_FILES:
        message = hl7.read(sample.read_bytes())
        text = "\r".join(segment.text for segment in message.segments)
        if not any(segment.name == "ZBE" for segment in message.segments):
            continue
        tree = hl7apy.parser.parse_message(text)
        assert "ZBE" not in tree.to_er7()
        with suppress(HL7apyException):
            losers += tree.validate()
    assert losers >= 15


def test_fields_have_the_numbers_of_the_standard() -> None:
    message = hl7.read(adt())
    msh = message.first("MSH")
    assert msh is not None
    assert (msh.value(1), msh.value(2), msh.value(3)) == ("|", "^~\\&", "DPI")
    assert message.value("MSH", 9, 2) == "A01"
    assert message.value("MSH", 10) == "1"
    assert message.value("PID", 3) == "0001"
    assert message.value("PID", 3, 4, 2) == "1.2.250.1.999.1"
    assert message.value("PID", 99) == ""
    assert message.value("PID", 3, 9) == ""
    assert message.value("PID", 3, 4, 9) == ""
    assert message.value("NK1", 1) == ""


def test_segments_are_found_by_name_in_their_order() -> None:
    raw = adt() + b"ROL|1|UC|AT\rROL|2|UC|AD\r"
    message = hl7.read(raw)
    assert [rol.value(1) for rol in message.all("ROL")] == ["1", "2"]
    assert message.all("NK1") == ()
    assert message.first("NK1") is None


def test_repetitions_keep_their_places() -> None:
    segment = hl7.read(adt() + b"PID|1||A~~C^^^X\r").all("PID")[1]
    assert [repetition.value() for repetition in segment.repetitions(3)] == ["A", "", "C"]
    assert segment.repetitions(4) == ()
    assert segment.repetitions(40) == ()
    assert segment.repetitions(0) == ()
    assert segment.field(3) == "A~~C^^^X"


def test_the_order_to_delete_is_not_an_empty_field() -> None:
    message = hl7.read(adt() + b'PD1|""||""^x\r')
    assert message.value("PD1", 1) == '""'
    assert message.value("PD1", 2) == ""
    assert message.value("PD1", 3) == '""'


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("A\\F\\B", "A|B"),
        ("A\\S\\B", "A^B"),
        ("A\\T\\B", "A&B"),
        ("A\\R\\B", "A~B"),
        ("A\\E\\B", "A\\B"),
        ("A\\X0A\\B", "A\nB"),
        ("A\\XC3A9\\B", "AéB"),
        ("A\\.br\\B", "A\nB"),
        ("\\F\\\\S\\", "|^"),
        ("\\E\\F\\E\\", "\\F\\"),  # an escaped mark never opens an escape
        ("A\\H\\B\\N\\", "A\\H\\B\\N\\"),  # highlighting: kept as it stands
        ("A\\Zx\\B", "A\\Zx\\B"),
        ("A\\X\\B", "A\\X\\B"),
        ("A\\XZZ\\B", "A\\XZZ\\B"),
        ("A\\XFF\\B", "A\\XFF\\B"),  # no UTF-8
        ("A\\X00\\B", "A\\X00\\B"),  # no control characters
        ("C:\\dossier", "C:\\dossier"),  # a mark without its pair
        ("A\\", "A\\"),
        ("A\\F", "A\\F"),
        ("C:\\F\\", "C:|"),
        ("C:\\tmp\\F\\x", "C:\\tmp|x"),
    ],
)
def test_escapes_are_undone_and_unknown_ones_kept(escaped: str, plain: str) -> None:
    message = hl7.read(adt() + f"NTE|1||{escaped}\r".encode())
    assert message.value("NTE", 3) == plain
    assert message.all("NTE")[0].repetitions(3)[0].text == escaped


def test_an_escaped_delimiter_never_delimits_and_a_raw_one_always_does() -> None:
    message = hl7.read(adt() + b"NTE|1|a\\T\\b^c\\X7C\\d\\S\\e\\|f&g\r")
    nte = message.first("NTE")
    assert nte is not None
    assert nte.value(2) == "a&b"
    assert nte.value(2, 2) == "c|d^e\\"
    assert nte.value(3, 1, 2) == "g"
    assert nte.repetitions(3)[0].whole() == "f&g"


@given(VALUE)
def test_a_value_comes_back_as_it_was_escaped(value: str) -> None:
    text = value + "|^~\\&"
    escaped = text.replace("\\", "\\E\\")
    for sign, name in (("|", "F"), ("^", "S"), ("~", "R"), ("&", "T")):
        escaped = escaped.replace(sign, f"\\{name}\\")
    message = hl7.read(adt() + f"NTE|1||{escaped}\r".encode())
    assert message.value("NTE", 3) == text


def test_other_delimiters_are_followed() -> None:
    raw = b"MSH#:+!%#DPI#CHU#####ADT:A01#77#P#2.5\rPID#1##a:b%c+d!F!e\r"
    message = hl7.read(raw)
    assert message.header.message_type == "ADT^A01"
    assert message.header.control_id == "77"
    assert message.value("PID", 3, 2, 2) == "c"
    assert message.first("PID").repetitions(3)[1].value() == "d#e"
    assert message.encode() == raw


def test_a_fifth_mark_of_msh_2_is_tolerated() -> None:
    message = hl7.read(b"MSH|^~\\&#|DPI|CHU|||||ADT^A01|1|P|2.5\r")
    assert message.value("MSH", 2) == "^~\\&#"


@pytest.mark.parametrize(
    ("raw", "error", "location"),
    [
        (b"", hl7.NoHeaderError, "MSH^1"),
        (b"\r\n", hl7.NoHeaderError, "MSH^1"),
        (b"PID|1\rMSH|^~\\&|", hl7.NoHeaderError, "MSH^1"),
        (b"\x0bMSH|^~\\&|", hl7.NoHeaderError, "MSH^1"),
        (b"MSH", hl7.SeparatorsError, "MSH^1^1"),
        (b"MSHA^~\\&A", hl7.SeparatorsError, "MSH^1^1"),
        (b"MSH |^~\\&", hl7.SeparatorsError, "MSH^1^1"),
        (b"MSH|", hl7.SeparatorsError, "MSH^1^2"),
        (b"MSH|^~\\|DPI", hl7.SeparatorsError, "MSH^1^2"),
        (b"MSH|^~^&|DPI", hl7.SeparatorsError, "MSH^1^2"),
        (b"MSH|^~\\&~~|DPI", hl7.SeparatorsError, "MSH^1^2"),
        (b"MSH|^~\x07&|DPI", hl7.SeparatorsError, "MSH^1^2"),
    ],
)
def test_what_is_no_message_is_refused_by_name(
    raw: bytes, error: type[hl7.UnreadableError], location: str
) -> None:
    with pytest.raises(error) as caught:
        hl7.read(raw)
    assert caught.value.condition.location == location


def test_a_lone_line_feed_in_a_text_does_not_cut_it() -> None:
    raw = adt() + b"OBX|1|TX|1||premiere\nseconde\n\ntroisieme\rNTE|1\n"
    message = hl7.read(raw)
    assert message.value("OBX", 5) == "premiere\nseconde\n\ntroisieme"
    assert message.segments[-1].name == "NTE"
    assert message.encode() == raw


def test_peek_reads_msh_alone() -> None:
    header = hl7.peek(adt(number="42") + b"\xff\xff")
    assert header.sender == "DPI|CHU"
    assert header.control_id == "42"
    assert (header.message_code, header.event, header.structure) == ("ADT", "A01", "ADT_A01")
    assert header.message_type == "ADT^A01"
    assert (header.processing_id, header.version) == ("P", "2.5")
    assert header.time == "20260105093000"
    assert header.charset == "UNICODE UTF-8"
    assert (header.accept_ack, header.application_ack) == ("", "")
    assert header.field(99) == ""


def test_no_value_of_a_message_shows_in_a_repr() -> None:
    message = hl7.read(adt(family="SECRETNAME"))
    segment = message.all("PID")[0]
    things = (message, message.header, segment, segment.repetitions(5)[0])
    assert not any("SECRETNAME" in repr(thing) for thing in things)


@pytest.mark.parametrize("end", ["\r", "\n"])
def test_an_acronym_alone_on_its_line_in_a_text_is_no_segment(end: str) -> None:
    lines = ["MSH|^~\\&|A|B|C|D|1||MDM^T02|1|P|2.6", "OBX|1|TX|c||Sérologies :\nVIH\nVHC\nCRP 3"]
    message = hl7.read((end.join(lines) + end).encode())
    assert [segment.name for segment in message.segments] == ["MSH", "OBX"]
    assert message.value("OBX", 5) == "Sérologies :\nVIH\nVHC\nCRP 3"


def test_a_run_of_line_feeds_is_read_in_no_time() -> None:
    raw = b"MSH|^~\\&|A|B|C|D|1||MDM^T02|1|P|2.6\nOBX|1|TX|c||" + b"\n" * 300_000 + b"x\n"
    begun = time.process_time()
    hl7.read(raw)
    assert time.process_time() - begun < 5  # it took minutes when each LF was tried anew


def test_a_hostile_number_of_repetitions_is_cut() -> None:
    raw = b"MSH|^~\\&|A|B|C|D|1||ADT^A01|1|P|2.5\rPID|||" + b"~" * 100_000 + b"1^^^X^PI\r"
    assert len(hl7.read(raw).segments[1].repetitions(3)) == hl7.MOST_REPETITIONS
