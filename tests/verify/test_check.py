import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.verify import Kind, check

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04x", Kind.XDM),
        (b"%PDF-1.4\n", Kind.PDF),
        (b'\xef\xbb\xbf<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>', Kind.CDA),
        (b"MSH|^~\\&|A", Kind.HL7),
        (b"\x0bMSH|^~\\&|A\r\x1c\r", Kind.HL7),
        (b"Received: from x\r\nFrom: a@b.fr\r\n\r\nx", Kind.MAIL),
        (b"1\n2\n3\n4\n5\n6\n01/02/1961\n8\n", Kind.HPRIM),
        (b"mots\n****FIN****\n", Kind.HPRIM),
        (b"From: a@b.fr\r\n\r\n****FIN****\r\n****FINFICHIER****\r\n", Kind.MAIL),
        (b"H|~^\\&|x", Kind.UNKNOWN),
        (b"{\\rtf1 x}", Kind.UNKNOWN),
        (b"\xd0\xcf\x11\xe0", Kind.UNKNOWN),
        (b"", Kind.UNKNOWN),
        (b"<html/>", Kind.UNKNOWN),
    ],
)
def test_a_file_is_known_by_its_bytes(data: bytes, kind: Kind) -> None:
    report = check("letter.pdf", data)
    assert report.kind is kind
    assert report.findings


def test_a_head_of_unknown_fields_is_told_at_once() -> None:
    start = time.process_time()
    assert check("x", b"a:\r\n" * 2_000 + b"\xff").kind is Kind.UNKNOWN
    assert time.process_time() - start < 1


def test_the_name_says_nothing() -> None:
    assert check("a.zip", b"%PDF-1.4").findings == check("a.pdf", b"%PDF-1.4").findings


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("day/*.hl7"))[:12], ids=lambda one: one.name)
def test_messages_of_a_good_day_are_without_fault(path: Path) -> None:
    report = check(path.name, path.read_bytes())
    assert (report.kind, report.grave) == (Kind.HL7, ())


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("no-visit-number.hl7", "PV1^1^19"),
        ("no-patient-number.hl7", "PID^1^3"),
        ("no-movement.hl7", "ZBE^1"),
        ("charset-unknown.hl7", "MSH^1^18"),
        ("version-2.7.hl7", "MSH^1^12"),
        ("delimiters-missing.hl7", ""),
    ],
)
def test_what_the_door_would_refuse_is_told_with_its_place(name: str, place: str) -> None:
    report = check(name, (FIXTURES / "faults" / name).read_bytes())
    assert any(one.place.startswith(place) for one in report.grave)


def test_each_message_of_a_file_is_told_apart() -> None:
    good = (FIXTURES / "day" / "011-lambert-A01.hl7").read_bytes()
    bad = (FIXTURES / "faults" / "no-visit-number.hl7").read_bytes()
    report = check("x", good.rstrip() + b"\r" + bad)
    assert {one.place.partition(" > ")[0] for one in report.grave} == {"message 2"}


def test_a_torn_frame_is_told() -> None:
    report = check("x", (FIXTURES / "faults" / "torn-frame.mllp").read_bytes())
    assert report.grave


def test_a_message_that_is_left_is_advice() -> None:
    good = (FIXTURES / "day" / "011-lambert-A01.hl7").read_bytes()
    report = check("x", good.replace(b"ADT^A01^ADT_A01", b"ADT^A60^ADT_A60"))
    assert "hl7-left" in {one.rule for one in report.findings if not one.grave}


@given(st.binary(max_size=400))
def test_any_bytes_get_a_judgement(data: bytes) -> None:
    report = check("x", data)
    assert report.findings


@pytest.mark.parametrize(
    "start", [b"PK\x03\x04", b"%PDF-1.4\n", b"<ClinicalDocument", b"MSH|^~\\&|", b"From: a\r\n"]
)
@given(data=st.binary(max_size=200))
def test_any_bytes_behind_a_known_beginning_get_a_judgement(start: bytes, data: bytes) -> None:
    assert check("x", start + data).findings
