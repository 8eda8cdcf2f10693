import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.admission import Verdict, admit
from engine.model.flow import AckCode, JournalState
from engine.wire.hl7_events import DOCUMENTS, MOVEMENTS, PERSONS, RequiredFields
from tests.support.adt import FIXTURES, adt, each_sample

FAULTS = {
    "empty": "AE 100 MSH^1",
    "no-msh": "AE 100 MSH^1",
    "delimiter-twice": "AE 102 MSH^1^2",
    "delimiters-missing": "AE 102 MSH^1^2",
    "delimiter-letter": "AE 102 MSH^1^1",
    "charset-unknown": "AE 103 MSH^1^18",
    "charset-utf8-false": "AE 102 MSH^1^18",
    "charset-ascii-false": "AE 102 MSH^1^18",
    "charset-windows": "AE 102 MSH^1^18",
    "no-message-type": "AE 101 MSH^1^9",
    "no-control-id": "AE 101 MSH^1^10",
    "version-2.7": "AR 203 MSH^1^12",
    "processing-id-x": "AR 202 MSH^1^11",
    "no-patient-number": "AE 101 PID^1^3",
    "no-visit-number": "AE 101 PV1^1^19",
    "no-movement": "AE 101 ZBE^1^1, 101 ZBE^1^2",
    "two-messages-glued": "AE 100 MSH^2",
    "line-end-in-text": "AE 100 OBX^1",
}


def judge(raw: bytes, required: RequiredFields | None = None, **aliases: str) -> Verdict:
    return admit(raw, required=required or RequiredFields(), aliases=aliases)


def test_every_fault_of_the_fixtures_is_told() -> None:
    assert {path.stem for path in (FIXTURES / "faults").glob("*.hl7")} == FAULTS.keys()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_each_fault_gets_its_code_and_its_place(name: str) -> None:
    verdict = judge((FIXTURES / "faults" / f"{name}.hl7").read_bytes())
    assert f"{verdict.ack} {verdict.reason}" == FAULTS[name]
    assert verdict.state is JournalState.QUARANTINE


@each_sample
def test_every_national_sample_is_accepted(sample) -> None:
    verdict = judge(sample.read_bytes())
    assert (verdict.ack, verdict.reason) == (AckCode.AA, "")
    assert verdict.state is JournalState.RECEIVED


@given(st.binary(max_size=200))
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    for data in (raw, b"MSH|^~\\&|" + raw, adt() + raw):
        verdict = judge(data)
        assert (verdict.ack is AckCode.AA) == (not verdict.conditions)


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5^FRA^2.9", "2.5.1", "2.6"])
def test_versions_from_2_3_to_2_6_are_accepted(version: str) -> None:
    assert judge(adt(msh={12: version})).ack is AckCode.AA


@pytest.mark.parametrize("version", ["", "2.2", "2.7", "2.8.2", "3", "2.5x"])
def test_other_versions_are_rejected(version: str) -> None:
    verdict = judge(adt(msh={12: version}))
    assert (verdict.ack, verdict.reason) == (AckCode.AR, "203 MSH^1^12")


@pytest.mark.parametrize("processing", ["P", "T", "D", "T^A", ""])
def test_test_and_training_messages_are_accepted(processing: str) -> None:
    assert judge(adt(msh={11: processing})).ack is AckCode.AA


@pytest.mark.parametrize("kind", ["ORU^R01", "ADT^A99", "SIU^S18", "ACK", "ADT", "ADT^A49^ADT_A30"])
def test_what_is_not_handled_is_accepted_whatever_it_lacks(kind: str) -> None:
    raw = b"MSH|^~\\&|DPI|CHU|||20260105||%s|1|P|2.5\rno segment\r" % kind.encode()
    assert judge(raw).ack is AckCode.AA


@pytest.mark.parametrize("kind", sorted(MOVEMENTS | PERSONS))
def test_every_adt_that_is_handled_needs_a_patient_number(kind: str) -> None:
    raw = adt(kind[4:])
    assert judge(raw).ack is AckCode.AA
    assert judge(raw.replace(b"0001^^^CHU", b"^^^CHU")).reason == "101 PID^1^3"
    assert judge(raw.replace(b"0001^^^CHU", b'""^^^CHU')).reason == "101 PID^1^3"


@pytest.mark.parametrize("kind", sorted(MOVEMENTS | PERSONS))
def test_movements_and_only_they_need_a_visit_and_a_movement(kind: str) -> None:
    raw = b"\r".join(adt(kind[4:]).split(b"\r")[:3])
    expected = "101 PV1^1^19, 101 ZBE^1^1, 101 ZBE^1^2" if kind in MOVEMENTS else ""
    assert judge(raw).reason == expected


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_documents_are_accepted_and_read_later(kind: str) -> None:
    raw = adt(msh={9: kind})
    assert judge(raw).ack is AckCode.AA


def test_a_site_may_relax_or_harden_what_is_required() -> None:
    raw = adt().replace(b"5001^^^CHU^VN", b"")
    assert judge(raw, RequiredFields(movement=("ZBE-1",))).ack is AckCode.AA
    hard = RequiredFields(movement=("ZBE-4", "PV2-9"))
    assert judge(raw, hard).reason == "101 PV2^1^9"
    with pytest.raises(ValueError, match="pattern"):
        RequiredFields(person=("PID",))


def test_each_patient_of_a_merge_needs_a_number() -> None:
    raw = adt("A40") + b"PID|2||^^^CHU\r"
    assert judge(raw).reason == "101 PID^2^3"


def test_a_second_repetition_may_be_the_one_that_counts() -> None:
    assert judge(adt().replace(b"0001^^^", b"^^^X~0001^^^")).ack is AckCode.AA


def test_an_alias_of_the_mapping_makes_a_charset_known() -> None:
    raw = adt(charset="UTF8", family="ZOÉ")
    assert judge(raw).reason == "103 MSH^1^18"
    verdict = judge(raw, UTF8="UNICODE UTF-8")
    assert (verdict.ack, verdict.charset) == (AckCode.AA, "utf-8")


def test_what_cannot_be_read_still_says_whom_to_answer() -> None:
    verdict = judge(adt(number="77", charset="KLINGON"))
    assert verdict.header is not None
    assert (verdict.header.control_id, verdict.charset) == ("77", None)
    assert judge(b"x").header is None
