"""Whom a document is meant for: the tolerant rules, the national table, the mailboxes."""

import itertools

import pytest

from engine.decide.admission import Verdict, admit
from engine.model.flow import AckCode
from engine.wire.hl7_documents import DocumentRules
from engine.wire.hl7_events import RequiredFields
from tests.support.documents import INITIAL, INS, edited, flagged, joined, lines_of, without

RAW = INITIAL.bytes()
PATIENT = (
    f"PRT||UC||RCT^Result Copies To^participation|{INS}^VASSEUR^ODILE^^^^^^"
    "&1.2.250.1.213.1.4.8&ISO^L^^^INS||||||||||^^X.400^{}"
)
MASKED_TAKEN = DocumentRules(masked_to_doctors=True)
STRICT = DocumentRules(audiences="strict")


def judge(raw: bytes, rules: DocumentRules | None = None) -> Verdict:
    return admit(raw, required=RequiredFields(), aliases={}, documents=rules or DocumentRules())


def places(raw: bytes, rules: DocumentRules | None = None) -> set[str]:
    return {f"{one.code} {one.location}" for one in judge(raw, rules).conditions}


def with_patient(raw: bytes, address: str = f"{INS}@patient.mssante.fr") -> bytes:
    lines = lines_of(raw)
    first = next(n for n, line in enumerate(lines) if line.startswith("PRT"))
    return joined([*lines[: first + 2], PATIENT.format(address), *lines[first + 2 :]])


BOTH = flagged(with_patient(RAW), DESTMSSANTEPAT="Y")


def test_a_document_for_the_doctor_alone_that_the_patient_may_see_is_taken() -> None:
    assert judge(RAW).ack is AckCode.AA
    assert places(RAW, STRICT) == {"207 OBX^8^5"}


def test_what_is_hidden_from_the_patient_does_not_go_to_the_patient() -> None:
    assert judge(BOTH).ack is AckCode.AA
    assert places(flagged(BOTH, INVISIBLE_PATIENT="Y")) == {"207 OBX^9^5"}


@pytest.mark.parametrize(
    ("born", "sent", "refused"),
    [
        ("20080311", "20260310090500", True),
        ("20080310", "20260310090500", False),
        ("19810412", "20260310090500", False),
        ("", "20260310090500", False),
        ("2008", "20260310090500", False),
    ],
)
def test_what_is_hidden_from_those_in_charge_of_a_minor_does_not_go_to_the_minor(
    born: str, sent: str, refused: bool
) -> None:
    raw = edited(edited(flagged(BOTH, INVISIBLE_REP_LEGAUX="Y"), "PID", 7, born), "MSH", 7, sent)
    assert places(raw) == ({"207 OBX^9^5"} if refused else set())


def test_what_is_masked_to_professionals_does_not_go_to_one_unless_the_site_keeps_it() -> None:
    raw = flagged(RAW, MASQUE_PS="Y")
    assert places(raw) == {"207 OBX^8^5"}
    assert "MASQUE_PS" in judge(raw).conditions[0].text
    assert judge(raw, MASKED_TAKEN).ack is AckCode.AA
    strict = DocumentRules(audiences="strict", masked_to_doctors=True)
    assert places(raw, strict) == {"207 OBX^8^5"}


def test_a_destination_without_a_mailbox_is_refused() -> None:
    silent = without(RAW, "PRT")
    assert places(silent) == {"101 OBX^8^5"}
    assert judge(flagged(silent, DESTMSSANTEPS="N")).ack is AckCode.AA
    assert places(flagged(RAW, DESTMSSANTEPAT="Y")) == {"101 OBX^9^5"}
    alone = flagged(
        with_patient(silent.replace(b"OBX|1", b"PRT\rPRT\rOBX|1", 1)), DESTMSSANTEPAT="Y"
    )
    assert places(alone) == {"101 OBX^8^5"}


def test_a_document_for_nobody_is_taken() -> None:
    assert judge(flagged(RAW, DESTMSSANTEPS="N")).ack is AckCode.AA
    assert judge(flagged(RAW, DESTMSSANTEPS="N"), STRICT).ack is AckCode.AA


@pytest.mark.parametrize("local", ["27707" + INS, INS[:13], "odile.vasseur", INS + "1"])
def test_a_patients_mailbox_that_is_no_ins_is_refused(local: str) -> None:
    raw = with_patient(RAW, f"{local}@patient.mssante.fr")
    assert places(raw) == {"102 PRT^3^15"}
    assert places(flagged(raw, DESTMSSANTEPAT="Y")) == {"102 PRT^3^15", "101 OBX^9^5"}


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"RCT^Result Copies To^participation", b"rct^^participation"),
        lambda raw: raw.replace(b"RCT^Result Copies To", b"RCT&Result Copies To"),
        lambda raw: raw.replace(b"^^X.400^paul", b"^NET^X.400^paul"),
        lambda raw: raw.replace(b"^^X.400^paul", b"^NET^Internet^paul"),
        lambda raw: raw.replace(b"|^^X.400^paul", b"||^^X.400^paul"),
        lambda raw: raw.replace(b"||^^X.400^paul", b"|^^X.400^paul"),
    ],
)
def test_a_mailbox_is_found_as_the_published_examples_write_it(change) -> None:
    raw = change(RAW)
    assert raw != RAW
    assert judge(raw).ack is AckCode.AA


# The national table: the three rows, and every other combination.
LOOKED_AT = (
    *("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX", "CONNEXION_SECRETE"),
    *("DESTDMP", "DESTMSSANTEPS", "DESTMSSANTEPAT"),
)


def in_table(said: dict[str, str]) -> bool:
    masked, patient, legal, secret, dmp, doctors, own = (said[name] == "Y" for name in LOOKED_AT)
    if not (doctors or own):
        return True  # no secure mail at all: the table is not about it
    return (
        (not masked and not patient and not legal and doctors and own)
        or (not masked and patient and not legal and doctors and not own)
        or (not patient and not secret and not dmp and not doctors and own)
    )


@pytest.mark.parametrize("values", list(itertools.product("NY", repeat=7)), ids="".join)
def test_the_strict_table_takes_its_rows_and_no_other(values: tuple[str, ...]) -> None:
    said = dict(zip(LOOKED_AT, values, strict=True))
    verdict = judge(flagged(with_patient(RAW), **said), STRICT)
    assert (verdict.ack is AckCode.AA) == in_table(said)
    assert places(flagged(with_patient(RAW), **said), STRICT) <= {"207 OBX^8^5"}


@pytest.mark.parametrize("values", list(itertools.product("NY", repeat=7)), ids="".join)
def test_the_tolerant_rules_refuse_contradictions_alone(values: tuple[str, ...]) -> None:
    said = dict(zip(LOOKED_AT, values, strict=True))
    refused = (said["MASQUE_PS"] == said["DESTMSSANTEPS"] == "Y") or (
        said["INVISIBLE_PATIENT"] == said["DESTMSSANTEPAT"] == "Y"
    )
    assert (judge(flagged(with_patient(RAW), **said)).ack is AckCode.AE) == refused
