import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.wire.hl7_check import Severity, check
from tests.support.adt import adt, each_sample

SETTLED = "".join(
    [
        "MSH|^~\\&|DPI|CHU|RELAIS|CHU|20260105093000||ADT^A01^ADT_A01|1|P|2.5||||||UNICODE UTF-8\r",
        "EVN||20260105093000\r",
        "PID|1||0001^^^CHU^PI||MARTEL^ZOE^^^^^L\r",
        "PV1|1|I\r",
    ]
).encode()


def places(raw: bytes, severity: Severity) -> set[str]:
    return {finding.place for finding in check(raw) if finding.severity is severity}


def test_a_message_in_order_has_no_error() -> None:
    assert places(SETTLED, Severity.ERROR) == set()


def test_a_required_field_and_a_segment_that_are_missing_are_named() -> None:
    assert "PID.PID_3" in places(SETTLED.replace(b"0001^^^CHU^PI", b""), Severity.ERROR)
    without = SETTLED.replace(b"PV1|1|I\r", b"")
    assert "ADT_A01.PV1" in places(without, Severity.ERROR)


def test_a_segment_that_hl7apy_would_drop_in_silence_is_an_error() -> None:
    assert "PRT" in places(SETTLED + b"PRT|1\r", Severity.ERROR)


def test_a_segment_repeated_too_often_is_an_error() -> None:
    raw = SETTLED.replace(b"PID|", b"EVN||20260105093000\rPID|")
    assert "ADT_A01.EVN" in places(raw, Severity.ERROR)


def test_french_segments_are_tolerated_and_listed() -> None:
    found = check(adt() + b"ZZZ|1\r")
    notes = {f.place: f.text for f in found if f.severity is Severity.NOTE}
    assert notes["ZBE, segment 5"] == "own segment: movement"
    assert notes["ZZZ, segment 7"] == "own segment: unknown here"
    assert not any(f.place.startswith("Z") for f in found if f.severity is Severity.ERROR)


def test_what_our_reader_found_comes_first() -> None:
    assert [(f.severity, f.place) for f in check(b"PID|1")] == [(Severity.ERROR, "MSH^1")]
    found = check(adt(charset="8859/1", family="ZOÉ") + b"texte\r" + adt())
    assert [(f.place, f.severity) for f in found[:1]] == [("MSH^1^18", Severity.WARNING)]
    errors = {f.place: f.text for f in found if f.severity is Severity.ERROR}
    assert errors["segment 7"] == "a line that is no segment"
    assert errors["segment 8"] == "a second MSH"


def test_a_version_without_grammar_is_an_error() -> None:
    assert "MSH^1^12" in places(adt(msh={12: "3.0"}), Severity.ERROR)


@each_sample
def test_each_sample_gets_its_findings_without_any_of_its_values(sample) -> None:
    raw = sample.read_bytes()
    body = "|".join(line for line in raw.decode("latin-1").splitlines() if "MSH" not in line)
    words = {word for word in body.replace("^", "|").split("|") if len(word) > 4}
    said = " ".join(f"{finding.place} {finding.text}" for finding in check(raw))
    assert not {word for word in words if word in said}


@settings(max_examples=25, deadline=None)
@given(st.text(st.sampled_from("|^~\\&\rA1MSHPIDV "), max_size=60))
def test_any_text_gets_an_answer(tail: str) -> None:
    check(b"MSH|^~\\&|DPI|CHU|||20260105||ADT^A01^ADT_A01|1|P|2.5\r" + tail.encode())


def test_hl7apy_is_imported_only_when_it_serves() -> None:
    code = "import sys, engine.wire.hl7_check; print('hl7apy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
