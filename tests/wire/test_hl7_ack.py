from datetime import UTC, datetime, timedelta, timezone

import hl7apy.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.flow import AckCode, Condition
from engine.wire import hl7
from engine.wire.hl7_ack import AckMode, ack
from tests.support.adt import adt

AT = datetime(2026, 1, 5, 9, 30, 1, tzinfo=UTC)
MISSING = Condition(code=101, location="PID^1^3", text="PID-3 is missing.")


def answer(
    raw: bytes, code: AckCode = AckCode.AA, *conditions: Condition, mode: AckMode = "auto"
) -> bytes | None:
    message = hl7.read(raw)
    return ack(
        message.header,
        code,
        conditions,
        control_id="12",
        at=AT,
        software="RELAIS",
        charset=message.charset,
        mode=mode,
    )


def lines(raw: bytes | None) -> list[str]:
    assert raw is not None
    return raw.decode().rstrip("\r").split("\r")


def test_an_accepted_message_gets_aa_with_sender_and_receiver_swapped() -> None:
    assert lines(answer(adt(number="77"))) == [
        "MSH|^~\\&|RELAIS|CHU|DPI|CHU|20260105093001+0000||ACK^A01^ACK|12|P|2.5^FRA^2.11|||||FRA|"
        "UNICODE UTF-8",
        "MSA|AA|77",
    ]


def test_a_refused_message_gets_an_err_that_names_segment_field_and_code() -> None:
    other = Condition(code=103, location="MSH^1^18", text="The character set is unknown here.")
    assert lines(answer(adt(number="77"), AckCode.AE, MISSING, other))[1:] == [
        "MSA|AE|77",
        "ERR||PID^1^3|101^Required field missing^HL70357|E||||PID-3 is missing.",
        "ERR||MSH^1^18|103^Table value not found^HL70357|E||||The character set is unknown here.",
    ]


def test_a_profile_that_has_codes_of_its_own_finds_them_in_err_5() -> None:
    condition = MISSING.model_copy(update={"application": "906^Autre^applicationErrorCondition"})
    assert lines(answer(adt(number="77"), AckCode.AE, condition))[2] == (
        "ERR||PID^1^3|101^Required field missing^HL70357|E|906^Autre^applicationErrorCondition|||"
        "PID-3 is missing."
    )


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4"])
def test_before_version_2_5_err_has_its_old_layout(version: str) -> None:
    raw = adt(number="77", msh={12: version})
    found = lines(answer(raw, AckCode.AE, MISSING, MISSING))
    assert found[1:] == [
        "MSA|AE|77|PID-3 is missing.",
        "ERR|PID^1^3^101&Required field missing&HL70357~PID^1^3^101&Required field missing&HL70357",
    ]
    assert found[0].split("|")[8] == ("ACK^A01" if version == "2.3" else "ACK^A01^ACK")


# Not 2.3: there hl7apy finds the structure by MSH-9.3 and then refuses it.
@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
@pytest.mark.parametrize("code", [AckCode.AA, AckCode.AE, AckCode.AR])
def test_hl7apy_finds_each_ack_valid(version: str, code: AckCode) -> None:
    raw = answer(adt(msh={12: version}), code, *(() if code is AckCode.AA else (MISSING,)))
    assert raw is not None
    tree = hl7apy.parser.parse_message(raw.decode())
    assert tree.validate()
    assert tree.msa.msa_1.to_er7() == code.value


@pytest.mark.parametrize(
    ("accept", "application", "code", "expected"),
    [
        ("AL", "", AckCode.AA, "CA"),
        ("AL", "NE", AckCode.AE, "CE"),
        ("AL", "AL", AckCode.AR, "CR"),
        ("ER", "", AckCode.AA, None),
        ("ER", "", AckCode.AE, "CE"),
        ("SU", "", AckCode.AA, "CA"),
        ("SU", "", AckCode.AR, None),
        ("NE", "", AckCode.AA, None),
        ("NE", "", AckCode.AE, None),
        ("NE", "NE", AckCode.AE, None),
        ("NE", "AL", AckCode.AA, "AA"),
        ("NE", "ER", AckCode.AA, None),
        ("NE", "ER", AckCode.AE, "AE"),
        ("", "AL", AckCode.AA, "AA"),
        ("XX", "", AckCode.AA, "AA"),
    ],
)
def test_msh_15_and_16_say_which_answer_is_wanted(
    accept: str, application: str, code: AckCode, expected: str | None
) -> None:
    found = answer(adt(msh={15: accept, 16: application}), code)
    if expected is None:
        assert found is None
    else:
        assert lines(found)[1] == f"MSA|{expected}|1"


def test_a_listener_may_impose_the_mode() -> None:
    assert lines(answer(adt(msh={15: "NE"}), mode="original"))[1] == "MSA|AA|1"
    assert lines(answer(adt(), mode="enhanced"))[1] == "MSA|CA|1"
    assert answer(adt(msh={15: "NE"}), mode="enhanced") is None


def test_without_a_header_the_answer_still_says_what_is_wrong() -> None:
    condition = Condition(code=100, location="MSH^1", text="No MSH.")
    found = ack(None, AckCode.AE, (condition,), control_id="12", at=AT, software="RELAIS")
    assert lines(found) == [
        "MSH|^~\\&|RELAIS||||20260105093001+0000||ACK|12|P|2.5",
        "MSA|AE|",
        "ERR||MSH^1|100^Segment sequence error^HL70357|E||||No MSH.",
    ]


def test_the_answer_is_in_the_character_set_of_the_request() -> None:
    raw = adt(charset="8859/15", codec="iso8859-15", msh={4: "HÔPITAL"}, family="ZOÉ")
    found = answer(raw)
    assert found is not None
    assert found.split(b"|")[5] == "HÔPITAL".encode("iso8859-15")
    assert found.split(b"\r")[0].endswith(b"|8859/15")


def test_a_request_that_was_not_read_is_answered_in_ascii() -> None:
    header = hl7.peek(adt(charset="KLINGON", msh={4: "HÔPITAL"}))
    found = ack(header, AckCode.AE, (MISSING,), control_id="12", at=AT, software="RELAIS")
    assert found is not None
    assert found.isascii()
    assert b"KLINGON" not in found


def test_other_delimiters_are_used_and_our_texts_escaped_for_them() -> None:
    raw = b"MSH#^~\\&#DPI#CHU#####ADT^A01#77#P#2.5##\rPID#1\r"
    condition = Condition(code=101, location="PID^1^3", text="a # b")
    found = lines(answer(raw, AckCode.AE, condition))
    assert found[1:] == [
        "MSA#AE#77",
        "ERR##PID^1^3#101^Required field missing^HL70357#E####a \\F\\ b",
    ]


def test_an_offset_of_the_clock_is_written() -> None:
    header = hl7.peek(adt())
    at = AT.astimezone(timezone(timedelta(hours=1)))
    found = ack(header, AckCode.AA, control_id="12", at=at, software="RELAIS")
    assert lines(found)[0].split("|")[6] == "20260105103001+0100"


@given(st.binary(max_size=120), st.sampled_from(list(AckCode)))
def test_no_control_character_of_a_request_comes_back(tail: bytes, code: AckCode) -> None:
    """Nor more lines than ours, nor a byte that ends the MLLP block."""
    header = hl7.peek(b"MSH|^~\\&|DPI|" + tail)
    found = ack(header, code, (MISSING,), control_id="12", at=AT, software="RELAIS")
    if found is None:
        return
    assert not any(byte < 32 and byte != 13 for byte in found)
    assert [line[:3] for line in found.split(b"\r")[:2]] == [b"MSH", b"MSA"]
    assert found.count(b"\r") <= 3


def test_a_long_field_is_not_echoed_without_end() -> None:
    found = answer(adt(number="9" * 100_000))
    assert found is not None
    assert len(found) < 1000
