"""From messages to facts: the national samples, and the day of the fixtures."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from engine.mapping.apply import apply
from engine.mapping.load import load_mapping
from engine.mapping.reading import Reading
from engine.mapping.schema import Dialect
from engine.model.consent import ConsentStated
from engine.model.fact import (
    Action,
    DocumentForm,
    DocumentPublished,
    ExitKind,
    GpConfirmed,
    GpStated,
    Half,
    IdentifierChanged,
    IdentityStatusSeen,
    MovementStated,
    PatientsMerged,
    PersonStated,
)
from engine.wire.hl7 import read
from tests.support.golden import Golden

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT.parent / "shared/samples/pam-fr"
DAY = ROOT / "fixtures/day"
PAM = load_mapping(ROOT / "mappings/pam-fr")
SILLAGE = load_mapping(ROOT / "mappings/sillage")
T = TypeVar("T")
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)

needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the national samples are not beside the checkout"
)


def sample(name: str) -> Reading:
    (path,) = SAMPLES.glob(f"{name}.*")
    return apply(read(path.read_bytes(), aliases=PAM.mapping.charset), PAM, heard_at=NOW)


def facts(reading: Reading, kind: type[T]) -> list[T]:
    return [heard.fact for heard in reading.facts if isinstance(heard.fact, kind)]


@needs_samples
@pytest.mark.parametrize(
    ("name", "family", "given", "birth", "rpps", "gp"),
    [
        (
            "ans_dmp_A01_consult_IC_alim_INO",
            "PAT-TROIS",
            "DOMINIQUE",
            "19790328",
            "10000023084",
            "AGNES",
        ),
        ("ans_sgl_A01_admission", "PAT-TROIS", "DOMINIQUE", "19790328", None, None),
        ("cpage_A01_admit_pam_2_4", "MAMAN", "GAP", "19800324", None, None),
        (
            "cpage_A28_new_patient_long_names",
            "NOMNAISSANCE",
            "PREMIERPRENOMNAISSANCE",
            "19800324",
            None,
            None,
        ),
        ("cpage_retro_1_A04_registration", "RETRO", "CESSION", "19901010", "10999990012", "DURAND"),
        ("cpage_er_7_A03_final_discharge", "BOTON", "HAUDEJAU", "19900101", None, None),
        ("cpage_merge_2_A40_merge", "FAUTGICHURAU", "INT", "19800324", None, None),
        ("gazelle_A04_zbe9_text", "PHILIPPE", "Jacques", "19930217", None, None),
        ("ihe_A31_nia_to_nir", "DARK", "JEANNE", "19600530", None, None),
        ("vendor_A01_sigems_style", "FERREIRA", "Colette", "19280714", None, "DUMONT"),
    ],
)
def test_patient_and_gp_of_the_national_samples_are_read_right(
    name: str, family: str, given: str, birth: str, rpps: str | None, gp: str | None
) -> None:
    reading = sample(name)
    (person,) = facts(reading, PersonStated)
    assert (person.traits.birth_family, person.traits.birth_given) == (family, given)
    assert person.traits.birth_date == birth
    stated = facts(reading, GpStated)
    if gp is None:
        assert stated == []
    else:
        assert stated[0].gp is not None
        assert (stated[0].gp.family, stated[0].gp.rpps) == (gp, rpps)


@needs_samples
def test_two_inserts_of_one_zbe_1_keep_their_own_date_and_class() -> None:
    first = facts(sample("cpage_er_3_A03_class_O"), MovementStated)[0]
    second = facts(sample("cpage_er_4_A03_class_E"), MovementStated)[0]
    assert first.movement == second.movement
    assert (first.at, first.patient_class) != (second.at, second.patient_class)


@needs_samples
def test_an_official_example_whose_zbe_is_shifted_by_one_is_read_all_the_same() -> None:
    (moved,) = facts(sample("ans_sgl_A03_sortie"), MovementStated)
    assert (moved.event, moved.action, moved.unit) == ("A03", Action.INSERT, "8782")


@needs_samples
def test_the_nir_is_preferred_to_the_nia_and_a47_drops_the_ins() -> None:
    (person,) = facts(sample("ihe_A31_nia_to_nir"), PersonStated)
    assert person.traits.ins is not None
    assert person.traits.ins.oid == "1.2.250.1.213.1.4.8"
    gone = sample("ihe_A47_delete_ins")
    assert facts(gone, IdentifierChanged) == [IdentifierChanged(ins_removed=True)]
    assert "ins" in facts(gone, PersonStated)[0].removed


@needs_samples
def test_a_merge_names_the_eliminated_patient() -> None:
    (merged,) = facts(sample("cpage_merge_2_A40_merge"), PatientsMerged)
    assert merged.eliminated == "900099044639|1.2.250.1.211.10.200.2"


@needs_samples
def test_the_consents_of_the_dmp_are_never_taken_for_ours() -> None:
    for path in SAMPLES.glob("ans_dmp_*"):
        assert facts(sample(path.stem), ConsentStated) == []


@pytest.mark.parametrize("path", sorted(DAY.glob("*.hl7")), ids=lambda path: path.stem)
def test_each_message_of_the_day_gives_the_facts_once_approved(path: Path, golden: Golden) -> None:
    reading = apply(read(path.read_bytes(), aliases=SILLAGE.mapping.charset), SILLAGE, heard_at=NOW)
    told = {
        "patient": sorted({heard.patient for heard in reading.facts}),
        "recorded_at": sorted({heard.recorded_at.isoformat() for heard in reading.facts}),
        "facts": [
            heard.fact.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
            | {"kind": heard.fact.kind}
            for heard in reading.facts
        ],
        "gaps": [f"{gap.place}: {gap.what}" for gap in reading.gaps],
    }
    golden.check(
        f"day/{path.stem}.facts.json", json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    )


def day(stem: str) -> Reading:
    (path,) = DAY.glob(f"*{stem}*")
    return apply(read(path.read_bytes()), SILLAGE, heard_at=NOW)


def test_consent_and_confirmed_gp_come_in_by_mapped_segments() -> None:
    reading = day("lambert-A01")
    assert len(facts(reading, ConsentStated)) == 4
    assert facts(reading, GpConfirmed)[0].rpps == "10999990012"


LAMBERT = next(DAY.glob("*lambert-A01*")).read_bytes()
NAMED = b"^MARTEL^Claire|20260112080000||||||"


@pytest.mark.parametrize(
    ("tail", "postal", "town", "phone"),
    [
        (b"1 rue X^^LYRE^^59000^FRA^O|+33320000001^WPN^PH", "59000", "LYRE", "+33320000001"),
        (b"^^LYRE|^WPN^FX^^33^3^1~^WPN^PH^^33^3^20000001", None, "LYRE", "320000001"),
        (b'^^""^^59000|^WPN^PH^^^^^^^^^03 20 00 00 01', "59000", None, "03 20 00 00 01"),
        (b"", None, None, None),
    ],
)
def test_where_the_doctor_practises_is_read_and_a_name_alone_is_confirmed_as_named(
    tail: bytes, postal: str | None, town: str | None, phone: str | None
) -> None:
    begins = LAMBERT.index(b"10999990012^MARTEL")
    raw = LAMBERT[:begins] + NAMED + tail + LAMBERT[LAMBERT.index(b"\rPV1|") :]
    reading = apply(read(raw), SILLAGE, heard_at=NOW)
    gp = facts(reading, GpStated)[0].gp
    assert gp is not None
    assert (gp.rpps, gp.family, gp.postal, gp.town, gp.phone) == (
        *(None, "MARTEL"), *(postal, town, phone),
    )  # fmt: skip
    (said,) = facts(reading, GpConfirmed)
    assert (said.rpps, said.named) == ("", gp)


def test_text_pdf_and_cda_of_both_halves_are_taken_in() -> None:
    found = [
        (document.half, document.form)
        for path in sorted(DAY.glob("*-T02.hl7"))
        for document in facts(
            apply(read(path.read_bytes()), SILLAGE, heard_at=NOW), DocumentPublished
        )
    ]
    assert (Half.DSS, DocumentForm.TEXT) in found
    assert (Half.DSP, DocumentForm.PDF) in found
    assert (Half.DSP, DocumentForm.TEXT) in found


@pytest.mark.parametrize(
    ("segments", "kind"),
    [
        ("", ExitKind.UNKNOWN),
        ("ZFV|||||||||LIB", ExitKind.RELEASE),
        ("ZFV|||||||||TRF", ExitKind.TRANSFER),
        ("ZFV|||||||||XYZ", ExitKind.UNKNOWN),
        ("ZFV|||||||||LIB\rZFM||9", ExitKind.DEATH),
        ("ZFM||8", ExitKind.UNKNOWN),
    ],
)
def test_what_a_way_out_means_is_told_by_the_mapping_or_by_a_person(
    segments: str, kind: ExitKind
) -> None:
    raw = (
        "MSH|^~\\&|A|B|C|D|20260302||ADT^A03^ADT_A03|1|P|2.5\rEVN||20260302\r"
        "PID|||1^^^X^PI||A^B^^^^^L||19800101|M\rPV1||I|5101||||||||||||||||V1\r"
        f"ZBE|1|20260302100000||INSERT|N||^^^^^^UF^^^5101\r{segments}\r"
    ).encode()
    (moved,) = facts(apply(read(raw), SILLAGE, heard_at=NOW), MovementStated)
    assert moved.exit_kind is kind


def test_two_fields_that_disagree_mean_that_a_person_decides() -> None:
    raw = (
        b"MSH|^~\\&|A|B|C|D|20260302||ADT^A03^ADT_A03|1|P|2.5\rEVN||20260302\r"
        b"PID|||1^^^X^PI||A^B^^^^^L||19800101|M\rPV1||I|5101||||||||||||||||V1"
        b"|||||||||||||||||E\r"
        b"ZBE|1|20260302100000||INSERT|N||^^^^^^UF^^^5101\rZFV|||||||||LIB\r"
    )
    (moved,) = facts(apply(read(raw), SILLAGE, heard_at=NOW), MovementStated)
    assert moved.exit_kind is ExitKind.UNKNOWN
    assert set(moved.exit_evidence) == {"ZFV-9", "PV1-36"}


@pytest.mark.parametrize("kind", ["MDM^T02", "RDE^O11", "VXU^V04", "SIU^S12"])
@pytest.mark.parametrize(
    ("status", "seen"),
    [
        ("PROV", [("PROV",)]),
        ("VIDE~DOUT", [("VIDE", "DOUT")]),
        ('""', [('""',)]),
        ("VALI", []),
        ("VALI~DOUB", [("DOUB",)]),
        ("", []),
    ],
)
def test_an_identity_that_a_message_of_any_kind_does_not_hold_for_qualified_is_heard(
    kind: str, status: str, seen: list[tuple[str, ...]]
) -> None:
    raw = (
        f"MSH|^~\\&|A|B|C|D|20260302||{kind}|1|P|2.5\r"
        f"PID|||1^^^X^PI||A^B^^^^^L||19800101|M{'|' * 24}{status}\r"
    ).encode()
    found = facts(apply(read(raw), SILLAGE, heard_at=NOW), IdentityStatusSeen)
    assert [one.status for one in found] == seen


def test_another_event_is_left_and_says_so() -> None:
    reading = apply(
        read(b"MSH|^~\\&|A|B|C|D|20260302||ADT^A49^ADT_A30|1|P|2.5\r"), PAM, heard_at=NOW
    )
    assert not reading.handled
    assert reading.facts == ()


def test_a_patient_without_a_number_of_the_hospital_is_for_a_person() -> None:
    raw = (
        b"MSH|^~\\&|A|B|C|D|20260302||ADT^A28^ADT_A05|1|P|2.5\rEVN||20260302\r"
        b"PID|||1^^^X^XX||A^B^^^^^L||19800101|M\r"
    )
    reading = apply(read(raw), PAM, heard_at=NOW)
    assert reading.grave
    assert reading.facts == ()


def test_a_sender_whose_clock_runs_ahead_outranks_nobody() -> None:
    raw = (DAY / next(path.name for path in DAY.glob("*lambert-A01*"))).read_bytes()
    ahead = raw.replace(b"20260302081500", b"20990302081500")
    reading = apply(read(ahead), SILLAGE, heard_at=NOW)
    assert {heard.recorded_at for heard in reading.facts} == {NOW}
    assert all(one.at <= NOW for one in facts(reading, ConsentStated))


def _answer(value: str, when: str) -> Reading:
    raw = (
        "MSH|^~\\&|A|B|C|D|20260302||ADT^A08^ADT_A01|1|P|2.5\rEVN||20260302150000\r"
        "PID|||1^^^X^PI||A^B^^^^^L||19800101|M\r"
        f"OBX|1|CE|CONS_AVIS_ARRIVEE^x^L||{value}||||||F|||{when}\r"
    ).encode()
    return apply(read(raw), SILLAGE, heard_at=NOW)


@pytest.mark.parametrize("when", ["20991231", "20260399", "99991231", "00010101"])
def test_a_yes_dated_ahead_or_by_no_date_is_no_agreement(when: str) -> None:
    reading = _answer("O", when)
    assert facts(reading, ConsentStated) == []
    assert reading.grave


@pytest.mark.parametrize("when", ["20991231", "20260399", "20260302"])
def test_a_no_of_uncertain_date_counts_until_the_latest_that_it_may_mean(when: str) -> None:
    (said,) = facts(_answer("N", when), ConsentStated)
    assert said.at.isoformat() == "2026-03-02T15:00:00+01:00"


def test_an_answer_without_a_date_says_that_it_has_none() -> None:
    (said,) = facts(_answer("O", ""), ConsentStated)
    assert not said.dated


@pytest.mark.parametrize("dialect", [PAM, SILLAGE], ids=lambda one: one.folder)
@pytest.mark.parametrize(
    ("disposition", "destination", "rest"),
    [
        ("", "590780000", ""),
        ("4", "", ""),
        ("R", "", ""),
        ("PSA", "", ""),
        ("", "", "ZFV||||||1 RUE X^^LILLE^^59000^FRA^DST|||LIB"),
    ],
)
def test_a_field_that_speaks_against_a_release_leaves_it_to_a_person(
    dialect: Dialect, disposition: str, destination: str, rest: str
) -> None:
    visit = ["PV1", "1", "I", "5101", *[""] * 15, "V1", *[""] * 16, disposition, destination]
    raw = (
        "MSH|^~\\&|A|B|C|D|20260302||ADT^A03^ADT_A03|1|P|2.5\rEVN||20260302\r"
        f"PID|||1^^^X^PI||A^B^^^^^L||19800101|M\r{'|'.join(visit)}\r"
        f"ZBE|1|20260302100000||INSERT|N||^^^^^^UF^^^5101\r{rest or 'ZFV|||||||||LIB'}\rZFM||8\r"
    ).encode()
    (moved,) = facts(apply(read(raw), dialect, heard_at=NOW), MovementStated)
    assert moved.exit_kind is ExitKind.UNKNOWN
