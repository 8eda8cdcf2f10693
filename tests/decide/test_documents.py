"""The national rules of a message that claims the volet, and what needs no claim."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.admission import Verdict, admit
from engine.model.flow import AckCode, Condition
from engine.wire.hl7_documents import DocumentRules
from engine.wire.hl7_events import DOCUMENTS, REQUESTS, RequiredFields
from tests.support.documents import (
    FIXED,
    INITIAL,
    INS,
    INS_OID,
    IPP,
    IPP_OID,
    N1,
    N3,
    NEW,
    REQUIRED,
    Cda,
    National,
    edited,
    encapsulated,
    fixture,
    flagged,
    joined,
    lines_of,
    plain,
    without,
)

STRICT = DocumentRules(audiences="strict")
NATIONAL = [name for name in FIXED if name.startswith(("t0", "t1", "oru"))]
FIT = {
    "MDM^T02": INITIAL,
    "MDM^T10": National("MDM^T10", "RO", "C", (Cda(NEW, replaces=N1),), N1),
    "MDM^T04": National("MDM^T04", "CA", "D"),
    "ORU^R01": National("ORU^R01"),
}


def judge(raw: bytes, rules: DocumentRules | None = None) -> Verdict:
    return admit(raw, required=RequiredFields(), aliases={}, documents=rules or DocumentRules())


def only(raw: bytes, rules: DocumentRules | None = None) -> Condition:
    verdict = judge(raw, rules)
    assert verdict.ack is AckCode.AE, "it was taken"
    assert len(verdict.conditions) == 1, verdict.conditions
    return verdict.conditions[0]


def told(raw: bytes, rules: DocumentRules | None = None) -> tuple[int, str]:
    found = only(raw, rules)
    return found.code, found.location


@pytest.mark.parametrize("name", FIXED)
def test_the_fixtures_are_what_the_tests_build(name: str) -> None:
    assert fixture(name) == FIXED[name]()


@pytest.mark.parametrize("name", [name for name in FIXED if name != "lps-t02"])
def test_each_fixture_is_taken(name: str) -> None:
    verdict = judge(fixture(name))
    assert (verdict.ack, verdict.conditions) == (AckCode.AA, ())


@pytest.mark.parametrize("flag", REQUIRED)
@pytest.mark.parametrize("name", NATIONAL)
def test_each_required_flag_that_is_missing_is_named(name: str, flag: str) -> None:
    found = only(without(fixture(name), f"OBX:{flag}"))
    assert (found.code, found.location.split("^")[0]) == (101, "OBX")
    assert found.text == f"The OBX {flag} is missing."
    documents = 2 if name == "oru-n1-n3" else 1
    assert found.location == f"OBX^{documents + REQUIRED.index(flag) + 1}^3"


@pytest.mark.parametrize("flag", ["ACK_RECEPTION", "ACK_LECTURE_MSS"])
def test_a_receipt_flag_that_is_missing_means_no(flag: str) -> None:
    assert judge(without(fixture("t02-n1"), f"OBX:{flag}")).ack is AckCode.AA


def test_flags_are_read_by_their_code_wherever_they_stand() -> None:
    lines = lines_of(fixture("t02-n1"))
    first = next(n for n, line in enumerate(lines) if line.startswith("OBX"))
    shuffled = joined(lines[:first] + lines[first:][::-1])
    assert judge(shuffled).ack is AckCode.AA
    assert "MASQUE_PS" in only(without(shuffled, "OBX:MASQUE_PS")).text


@pytest.mark.parametrize(
    ("value", "code"), [("O", 103), ("1", 103), ("", 101), ("YES", 103), ('""', 103)]
)
def test_a_flag_that_is_neither_yes_nor_no_is_refused(value: str, code: int) -> None:
    assert told(edited(fixture("t02-n1"), "OBX:DESTDMP", 5, value)) == (code, "OBX^7^5")


def test_a_flag_that_says_two_things_is_refused_and_one_said_twice_is_not() -> None:
    raw = fixture("t02-n1")
    line = next(line for line in lines_of(raw) if "|MASQUE_PS^" in line)
    assert judge(raw + joined([line])).ack is AckCode.AA
    assert told(raw + joined([line.replace("||N^", "||Y^")])) == (198, "OBX^13^5")


# The agreement of event, ORC-1 and OBX-11: every combination.

GOOD = {(kind, *request[1:]) for kind, request in DOCUMENTS.items() if request} | {
    ("ORU^R01", *request[1:]) for request in REQUESTS
}
ALL = list(itertools.product(DOCUMENTS, ("NW", "RO", "CA", "SC", ""), ("F", "C", "D", "P", "")))


@pytest.mark.parametrize(("kind", "orc_1", "obx_11"), ALL)
def test_event_orc_1_and_obx_11_say_the_same(kind: str, orc_1: str, obx_11: str) -> None:
    replaced = N1 if "T10" in kind else ""
    document = Cda(NEW, replaces=N1)
    raw = National(kind, orc_1, obx_11, (document,), replaced).bytes()
    verdict = judge(raw)
    if (kind, orc_1, obx_11) in GOOD:
        assert verdict.conditions == ()
        return
    assert verdict.ack is AckCode.AE
    found = {(one.code, one.location) for one in verdict.conditions}
    if obx_11 in ("P", ""):
        assert (103 if obx_11 else 101, "OBX^1^11") in found
    if orc_1 in ("SC", ""):
        assert (103 if orc_1 else 101, "ORC^1^1") in found
    if obx_11 in ("F", "C", "D") and orc_1 in ("NW", "RO", "CA"):
        assert found == {(207, "OBX^1^11")}
        assert orc_1 in verdict.conditions[0].text


def test_version_2_0_of_the_volet_knew_no_order() -> None:
    raw = edited(fixture("t02-n1"), "MSH", 21, "2.0^CISIS_CDA_HL7_V2")
    assert judge(without(without(raw, "ORC"), "OBR")).ack is AckCode.AA
    assert judge(edited(raw, "ORC", 1, "SC")).ack is AckCode.AA
    refused = edited(raw, "OBX", 11, "C")
    assert (207, "OBX^1^11") in {(c.code, c.location) for c in judge(refused).conditions}


def test_the_two_documents_of_an_oru_ask_for_the_same() -> None:
    lines = lines_of(fixture("oru-n1-n3"))
    second = next(n for n, line in enumerate(lines) if line.startswith("OBX|2|ED"))
    lines[second] = lines[second][:-1] + "C"
    assert {(c.code, c.location) for c in judge(joined(lines)).conditions} == {
        (207, "OBX^2^11"),
        (207, "OBX^2^5"),
    }


# What must be there.


@pytest.mark.parametrize(
    ("segment", "field", "place"),
    [
        ("EVN", 2, "EVN^1^2"),
        ("PID", 5, "PID^1^5"),
        ("PV1", 2, "PV1^1^2"),
        ("PV1", 19, "PV1^1^19"),
        ("OBR", 4, "OBR^1^4"),
        ("TXA", 2, "TXA^1^2"),
        ("TXA", 12, "TXA^1^12"),
        ("TXA", 17, "TXA^1^17"),
    ],
)
def test_each_required_field_that_is_missing_has_its_place(
    segment: str, field: int, place: str
) -> None:
    assert told(edited(fixture("t02-n1"), segment, field, "")) == (101, place)


def test_a_patient_without_a_number_is_refused() -> None:
    found = judge(edited(fixture("t02-n1"), "PID", 3, "")).conditions
    assert {(one.code, one.location) for one in found} == {(101, "PID^1^3"), (207, "OBX^1^5")}


def test_a_visit_number_is_asked_of_admitted_patients_alone() -> None:
    raw = edited(fixture("t02-n1"), "PV1", 19, "")
    assert judge(edited(raw, "PV1", 2, "N")).ack is AckCode.AA


@pytest.mark.parametrize(("name", "version"), [("t02-n1", "2.5"), ("oru-n1-n3", "2.6")])
def test_each_structure_has_its_version(name: str, version: str) -> None:
    assert told(edited(fixture(name), "MSH", 12, version)) == (203, "MSH^1^12")


def test_a_document_that_is_not_authenticated_is_refused() -> None:
    assert told(edited(fixture("t02-n1"), "TXA", 17, "DI")) == (103, "TXA^1^17")


def test_the_codes_of_the_type_agree() -> None:
    assert told(edited(fixture("t02-n1"), "TXA", 2, "28651-8")) == (207, "TXA^1^2")
    assert told(edited(fixture("t02-n1"), "OBR", 4, "28651-8")) == (207, "OBX^1^3")


def test_a_message_carries_one_document_and_an_oru_two() -> None:
    two = (Cda(), Cda(N3, structured=True))
    three = (*two, Cda(NEW))
    assert told(replace(INITIAL, documents=two).bytes()) == (198, "OBX^2^5")
    assert told(replace(FIT["ORU^R01"], documents=three).bytes()) == (198, "OBX^3^5")
    assert told(without(fixture("t02-n1"), "OBX:11490-0")) == (101, "OBX^1^5")


@pytest.mark.parametrize("numbers", [(N1, N1), (N1, N3)], ids=["same-id", "same-level"])
def test_two_documents_have_two_ids_and_two_levels(numbers: tuple[str, str]) -> None:
    alike = (Cda(numbers[0]), Cda(numbers[1], structured=numbers[0] == numbers[1]))
    assert told(replace(FIT["ORU^R01"], documents=alike).bytes()) == (207, "OBX^2^5")


# The CDA.


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("^text^XML^Base64^%%%", "The Base64 is broken."),
        ("^text^XML^Base64^RG9jdW1lbnQ", "The CDA is not well-formed XML."),
        ("^text^XML^Hex^3C", "The encoding in component 4 is not Base64."),
        ("^AP^PDF^Base64^JVBERi0=", "The type in component 3 is not XML."),
    ],
)
def test_a_document_that_is_no_cda_is_refused(value: str, why: str) -> None:
    found = only(edited(fixture("t02-n1"), "OBX:11490-0", 5, value))
    assert (found.code, found.location, found.text) == (102, "OBX^1^5", why)


OTHER = "26000999"


@pytest.mark.parametrize(
    "patients",
    [
        ((IPP_OID, OTHER), (INS_OID, INS)),
        ((IPP_OID, IPP), (INS_OID, "181099999900399")),
        ((IPP_OID, OTHER),),
        (("1.2.250.1.999.77", IPP),),
        (),
    ],
    ids=["other-ipp", "other-ins", "other", "no-common-domain", "nobody"],
)
def test_a_document_of_another_patient_is_refused_and_no_number_is_told(
    patients: tuple[tuple[str, str], ...],
) -> None:
    found = only(replace(INITIAL, documents=(Cda(patients=patients),)).bytes())
    assert (found.code, found.location) == (207, "OBX^1^5")
    assert not any(number in str(found) for number in (IPP, INS, OTHER, "181099999900399"))


def test_another_patient_is_refused_without_a_claim_too() -> None:
    stranger = Cda(patients=((IPP_OID, OTHER),)).bytes()
    assert told(plain([encapsulated(stranger, "text", "XML")])) == (207, "OBX^1^5")
    unknown = Cda(patients=(("1.2.250.1.999.77", "1"),)).bytes()
    assert judge(plain([encapsulated(unknown, "text", "XML")])).ack is AckCode.AA


def test_one_common_number_is_enough() -> None:
    known = Cda(patients=((INS_OID, INS), ("1.2.250.1.999.77", "1")))
    assert judge(replace(INITIAL, documents=(known,)).bytes()).ack is AckCode.AA


@pytest.mark.parametrize(
    "number", [N1, f"{N1}^Etablissement", "71001^^1.2.250.1.999.2^ISO", "71001^X^1.2.250.1.999.2"]
)
def test_txa_12_is_the_id_of_the_cda_however_it_is_written(number: str) -> None:
    assert judge(edited(fixture("t02-n1"), "TXA", 12, number)).ack is AckCode.AA


@pytest.mark.parametrize("name", ["t02-n1", "t04-n1"])
def test_another_number_in_txa_12_is_refused(name: str) -> None:
    assert told(edited(fixture(name), "TXA", 12, NEW)) == (207, "TXA^1^12")


def test_a_replacement_says_what_it_replaces_in_both_places() -> None:
    assert told(edited(fixture("t10-n1"), "TXA", 13, "")) == (101, "TXA^1^13")
    assert told(edited(fixture("t10-n1"), "TXA", 13, N3)) == (207, "TXA^1^13")
    silent = replace(FIT["MDM^T10"], documents=(Cda(NEW),))
    assert told(silent.bytes()) == (207, "OBX^1^5")
    oru = National("ORU^R01", "RO", "C", (Cda(NEW, replaces=N1), Cda(N3, structured=True)))
    assert told(oru.bytes()) == (207, "OBX^2^5")


# Whose rules.


def test_a_document_that_came_by_mail_is_refused_with_the_code_of_its_volet() -> None:
    found = only(fixture("lps-t02"))
    assert (found.code, found.location) == (207, "MSH^1^21")
    assert found.application.split("^")[0::2] == ["906", "applicationErrorCondition"]


@pytest.mark.parametrize(
    "profile",
    [
        "",
        "2.11^IHE_FRANCE-2.11-PAM",
        "1.2^CISIS_CDA_HL7_V1",
        "CISIS_CDA_HL7_V2",
        "x^CISIS_CDA_HL7_V2",
    ],
)
def test_without_a_claim_nothing_national_is_asked(profile: str) -> None:
    assert judge(edited(fixture("plain-text"), "MSH", 21, profile)).ack is AckCode.AA
    bare = without(fixture("t02-n1"), "OBX:MASQUE_PS")
    assert judge(edited(bare, "MSH", 21, profile)).ack is AckCode.AA


@pytest.mark.parametrize(
    "profile",
    [
        "2.1^CISIS_CDA_HL7_V2",
        "2.1^ CISIS_CDA_HL7_V2 ",
        "2.1.2^CISIS_CDA_HL7_V2",
        "2.11^IHE_FRANCE-2.11-PAM~2.1^CISIS_CDA_HL7_V2",
    ],
)
def test_a_claim_is_heard_however_it_is_written(profile: str) -> None:
    bare = without(fixture("t02-n1"), "OBX:MASQUE_PS")
    assert "MASQUE_PS" in only(edited(bare, "MSH", 21, profile)).text


def test_results_that_carry_no_document_are_left_alone() -> None:
    lines = ["MSH|^~\\&|LABO|CHEX|||20260310||ORU^R01|1|P|2.5", "OBX|1|NM|718-7||13.2|g/dL", "junk"]
    assert judge(joined(lines)).ack is AckCode.AA


# Hostile input.


@given(st.data())
def test_no_mutation_is_taken_with_a_required_flag_missing(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NATIONAL))
    raw = bytearray(without(fixture(name), f"OBX:{data.draw(st.sampled_from(REQUIRED))}"))
    start = raw.index(b"\r") + 1  # MSH stays: it makes the claim
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(start, len(raw)))
        raw[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
    assert judge(bytes(raw)).ack is not AckCode.AA


@given(st.data())
def test_any_mutation_gets_a_verdict(data: st.DataObject) -> None:
    raw = bytearray(fixture(data.draw(st.sampled_from(list(FIXED)))))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 200))] = data.draw(st.binary(max_size=60))
    verdict = judge(bytes(raw))
    assert (verdict.ack is AckCode.AA) == (not verdict.conditions)
    for one in verdict.conditions:
        assert INS not in str(one)
        assert "VASSEUR" not in str(one)


def test_a_message_of_a_thousand_faults_is_told_the_first_ones() -> None:
    raw = fixture("t02-n1") + b"OBX|9|ED|11490-0||^text^XML^Base64^eA\r" * 1000
    assert 0 < len(judge(raw).conditions) < 100


def test_more_segments_than_any_document_has_are_not_looked_through() -> None:
    many = b"PRT||UC||RCT\r" * 6000
    assert told(fixture("t02-n1") + many) == (198, "MSH^1")
    assert told(fixture("plain-text") + many) == (198, "MSH^1")
    results = b"MSH|^~\\&|LABO|CHEX|||20260310||ORU^R01|1|P|2.5\r" + b"OBX|1|NM|1||2\r" * 6000
    assert judge(results).ack is AckCode.AA


def test_a_flag_of_the_strict_table_is_judged_with_the_rest() -> None:
    assert told(flagged(fixture("t02-n1"), DESTDMP="Y"), STRICT) == (207, "OBX^8^5")
