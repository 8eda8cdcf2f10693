"""From clinical segments to facts: what is read, what is left out, and who may trust it."""

import json
import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.apply import apply
from engine.mapping.clinical_schema import AppointmentKind, Clinical
from engine.mapping.load import load_mapping
from engine.mapping.reading import Reading
from engine.mapping.schema import Dialect
from engine.model.clinical import ClinicalStated, Topic
from engine.model.errors import ConfigError
from engine.model.fact import Half, MovementStated
from engine.model.summary import Items, Treatment
from engine.wire.hl7 import read
from tests.support.adt import adt
from tests.support.golden import Golden

ROOT = Path(__file__).resolve().parents[2]
CLINICAL = ROOT / "fixtures/inbound/clinical"
SILLAGE = load_mapping(ROOT / "mappings/sillage")
PAM = load_mapping(ROOT / "mappings/pam-fr")
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
FILES = sorted(CLINICAL.glob("*.hl7"))


def reading(raw: bytes, dialect: Dialect = SILLAGE) -> Reading:
    return apply(read(raw, aliases=dialect.mapping.charset), dialect, heard_at=NOW)


def stated(raw: bytes, dialect: Dialect = SILLAGE) -> list[ClinicalStated]:
    facts = (heard.fact for heard in reading(raw, dialect).facts)
    return [fact for fact in facts if isinstance(fact, ClinicalStated)]


def sample(name: str) -> bytes:
    return (CLINICAL / f"{name}.hl7").read_bytes()


def trusting(**feeds: dict[str, Any]) -> Dialect:
    """The site of the fixtures, which trusts what it is told to."""
    before = SILLAGE.clinical
    changed = {
        name: getattr(before, name).model_copy(update={"validated": True, **more})
        for name, more in feeds.items()
    }
    return SILLAGE.model_copy(update={"clinical": before.model_copy(update=changed)})


def with_lines(*lines: str, event: str = "A01") -> bytes:
    return adt(event) + "".join(f"{line}\r" for line in lines).encode()


def message(kind: str, *lines: str) -> bytes:
    head = f"MSH|^~\\&|DPI|CHU|RELAIS|CHU|20260105093000||{kind}|7|P|2.5|||||FRA|UNICODE UTF-8"
    pid = "PID|1||0001^^^CHU&1.2.250.1.999.1&ISO^PI||MARTEL^ZOE^^^^^L||19800417|F"
    return "".join(f"{line}\r" for line in (head, pid, *lines)).encode()


def treatment(*lines: str) -> Treatment:
    (fact,) = stated(message("RDE^O11", *lines))
    assert fact.items is not None
    (found,) = fact.items.treatments
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_message_gives_the_facts_once_approved(path: Path, golden: Golden) -> None:
    said = [heard.fact.model_dump(mode="json", exclude_defaults=True)
            for heard in reading(path.read_bytes()).facts]  # fmt: skip
    text = json.dumps(said, ensure_ascii=False, indent=2)
    golden.check(f"clinical/{path.stem}.facts.json", text + "\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("dialect", [SILLAGE, PAM], ids=lambda one: one.folder)
def test_no_feed_of_a_shipped_mapping_is_trusted(path: Path, dialect: Dialect) -> None:
    assert all(not fact.validated for fact in stated(path.read_bytes(), dialect))


def test_a_mapping_without_the_file_trusts_nothing_and_names_no_kind_of_appointment() -> None:
    bare = Clinical()
    feeds = (bare.allergies, bare.diagnoses, bare.treatment, bare.vaccination, bare.appointment)
    assert not any(feed.validated for feed in feeds)
    assert bare.appointment.kinds == {}


def test_a_site_trusts_a_feed_and_no_other() -> None:
    dialect = trusting(allergies={})
    assert all(fact.validated for fact in stated(sample("A08-allergies"), dialect))
    assert not any(fact.validated for fact in stated(sample("A08-diagnoses"), dialect))


def test_a_mistake_in_the_file_is_named(tmp_path: Path) -> None:
    for name in ("mapping.toml", "units.toml"):
        (tmp_path / name).write_bytes((ROOT / "mappings/sillage" / name).read_bytes())
    (tmp_path / "clinical.toml").write_text("[allergies]\nvalidatd = true\n", "utf-8")
    with pytest.raises(ConfigError, match=r"allergies\.validatd"):
        load_mapping(tmp_path)


def test_a_message_without_al1_says_nothing_of_allergies() -> None:
    assert stated(with_lines()) == []


def test_a_named_allergy_beside_none_known_is_an_allergy() -> None:
    (fact,) = stated(with_lines("AL1|1||716186003", "AL1|2||^Latex"))
    assert fact.items is not None
    assert not fact.items.allergies_none
    assert [one.label for one in fact.items.allergies] == ["Latex"]


def test_allergies_taken_back_leave_nothing_said_and_no_claim_that_there_are_none() -> None:
    (fact,) = stated(with_lines('AL1|1||""'))
    assert (fact.topic, fact.items) == (Topic.ALLERGIES, None)


def test_an_unreadable_allergy_never_parks_a_movement() -> None:
    found = reading(with_lines(f"AL1|1||^{'x' * 600}|||20261399"), trusting(allergies={}))
    assert not found.grave
    assert any(isinstance(heard.fact, MovementStated) for heard in found.facts)
    assert [gap.place for gap in found.gaps if gap.place.startswith("AL1")] == ["AL1-3"]


@pytest.mark.parametrize(
    ("text", "since"), [("2011", None), ("201105", None), ("2026+0100", None),
                        ("20110503", date(2011, 5, 3)), ("20119903", None)],
)  # fmt: skip
def test_a_year_never_passes_for_its_first_day(text: str, since: date | None) -> None:
    (fact,) = stated(with_lines(f"AL1|1||^Latex|||{text}"))
    assert fact.items is not None
    assert fact.items.allergies[0].since == since


def test_a_mental_disorder_needs_the_psychiatric_agreement_whatever_its_system_is_called() -> None:
    for code in ("F20.0^Schizophrénie^CIM10", "f20^Schizophrénie^LOCAL", "X^Y^Z^F20.0^S^CIM10"):
        by_half = {fact.half: fact.items for fact in stated(with_lines(f"DG1|1||{code}|||F"))}
        assert by_half[Half.DSS] is None
        assert by_half[Half.DSP] is not None


@pytest.mark.parametrize(
    ("code", "half"),
    [
        ("X60", Half.DSP), ("X78.9", Half.DSP), ("X84", Half.DSP), ("Z91.5", Half.DSP),
        ("Z915", Half.DSP), ("R45.8", Half.DSP), ("R458", Half.DSP), ("F329", Half.DSP),
        ("X59", Half.DSS), ("X85", Half.DSS), ("Z91.0", Half.DSS), ("R45.1", Half.DSS),
        ("I10", Half.DSS), ("R05", Half.DSS),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dialect", ["pam-fr", "sillage"])
def test_self_harm_needs_the_psychiatric_agreement_with_or_without_a_dot(
    code: str, half: Half, dialect: str
) -> None:
    mapping = load_mapping(Path(__file__).parents[2] / "mappings" / dialect)
    line = with_lines(f"DG1|1||{code}^Libellé^CIM10|||F")
    found = apply(read(line), mapping, heard_at=NOW).facts
    told = [
        one.fact.half
        for one in found
        if isinstance(one.fact, ClinicalStated) and one.fact.items is not None
    ]
    assert told == [half]


def test_what_a_psychiatric_unit_says_needs_the_psychiatric_agreement() -> None:
    raw = sample("A08-diagnoses").replace(b"5201", b"5250")
    by_half = {fact.half: fact.items for fact in stated(raw)}
    assert by_half[Half.DSS] is None
    assert by_half[Half.DSP] is not None
    assert len(by_half[Half.DSP].diagnoses) == 2


def test_a_diagnosis_of_admission_or_taken_back_is_none() -> None:
    dg1 = ["DG1", "1", "", "I10^HTA^CIM10", "", "", "F"] + [""] * 14 + ["D"]
    facts = stated(with_lines("DG1|1||R10^Douleur^CIM10|||A", "|".join(dg1)))
    assert [fact.items for fact in facts] == [None, None]


def test_a_posology_is_told_whole_or_not_at_all() -> None:
    orc, rxe = "ORC|NW|P1", "RXE||A10BA02^METFORMINE^ATC|1||CP^comprimé"
    assert treatment(orc, rxe, "TQ1|1||BID").posology == "1 comprimé deux fois par jour"
    assert treatment(orc, rxe, "TQ1|1||Q7D").posology is None
    assert treatment(orc, rxe).posology is None
    assert treatment(orc, "RXE||^METFORMINE|||CP", "TQ1|1||BID").posology is None
    assert treatment(orc, f"{rxe}||BID").posology is None  # a code alone is no sentence
    assert treatment(orc, f"{rxe}||un le soir").posology == "un le soir"
    range_ = "RXE||^METFORMINE|1|2|CP^comprimé"
    assert treatment(orc, range_, "TQ1|1||PRN").posology == "1 à 2 comprimé si besoin"


def test_the_timing_of_older_versions_is_read_in_rxe_1() -> None:
    found = treatment("ORC|NW|P1", "RXE|1^BID^^20260105^20260301|^METFORMINE|1||CP^comprimé")
    assert (found.start, found.end) == (date(2026, 1, 5), date(2026, 3, 1))
    assert found.posology == "1 comprimé deux fois par jour"


@pytest.mark.parametrize("control", ["CA", "DC", "HD", "OC", "OD", "RP", "DE", "", "??"])
def test_an_order_that_does_not_clearly_stand_is_none(control: str) -> None:
    (fact,) = stated(message("RDE^O11", f"ORC|{control}|P1", "RXE||^METFORMINE"))
    assert (fact.key, fact.items) == ("P1", None)


@pytest.mark.parametrize("status", ["CA", "CM", "DC", "ER", "HD", "RP"])
def test_an_order_whose_status_says_that_it_is_over_is_none(status: str) -> None:
    (fact,) = stated(message("RDE^O11", f"ORC|SC|P1|||{status}", "RXE||^METFORMINE"))
    assert fact.items is None


def test_the_encoded_order_counts_and_not_what_was_requested() -> None:
    lines = ("ORC|NW|P1", "TQ1|1||QD", "RXO|^DOLIPRANE", "RXR|IV", "RXE||^PARACÉTAMOL|1||CP^cp",
             "TQ1|1||TID", "RXR|PO")  # fmt: skip
    found = treatment(*lines)
    assert found.label == "PARACÉTAMOL"
    assert found.posology == "1 comprimé trois fois par jour"
    assert found.route == "voie orale"


def test_an_order_without_a_number_gives_no_fact_since_nothing_could_end_it() -> None:
    raw = message("RDE^O11", "ORC|NW", "RXE||^METFORMINE")
    assert stated(raw) == []
    assert not reading(raw).grave
    assert reading(raw, trusting(treatment={})).grave


def test_a_dose_that_was_refused_or_taken_back_was_not_given() -> None:
    def rxa(status: str, action: str = "A") -> list[ClinicalStated]:
        fields = ["RXA", "0", "1", "20260115", "", "45^HBV^CVX", *[""] * 14, status, action]
        return stated(message("VXU^V04", "|".join(fields)))

    assert rxa("CP")[0].items is not None
    assert [one.items for one in (*rxa("RE"), *rxa("NA"), *rxa("CP", "D"))] == [None] * 3
    assert {one.key for one in (*rxa("CP"), *rxa("CP", "D"))} == {"45|20260115"}


def test_an_appointment_is_told_in_the_words_of_the_mapping_alone() -> None:
    (fact,) = stated(sample("SIU-S12-follow-up"))
    assert fact.items is not None
    (found,) = fact.items.appointments
    assert found.label == "Consultation externe, Claire MODELE"
    assert (found.day, found.hour) == (date(2026, 3, 20), time(14, 30))
    assert found.phone == "0102030405"


@pytest.mark.parametrize("name", ["SIU-S12-escort", "SIU-S12-other-kind"])
def test_of_an_appointment_under_escort_not_even_the_date_is_kept(name: str) -> None:
    (heard,) = (one for one in reading(sample(name)).facts if isinstance(one.fact, ClinicalStated))
    assert heard.fact.items is None
    assert not re.search("2026-03-2|Extraction|EXTR", heard.model_dump_json())


def test_a_follow_up_that_becomes_an_escort_is_gone() -> None:
    before = stated(sample("SIU-S12-follow-up"))[0]
    after = stated(sample("SIU-S13-moved").replace(b"CSEXT^", b"EXTR^"))[0]
    assert before.items is not None
    assert (after.key, after.items) == (before.key, None)


@pytest.mark.parametrize("event", ["S15", "S16", "S17", "S26"])
def test_an_appointment_cancelled_deleted_or_missed_is_gone(event: str) -> None:
    raw = sample("SIU-S12-follow-up").replace(b"SIU^S12^", f"SIU^{event}^".encode())
    assert [fact.items for fact in stated(raw)] == [None]


@pytest.mark.parametrize("status", [b"Pending", b"Waitlist", b"Cancelled", b"Noshow", b"?"])
def test_an_appointment_that_is_not_clearly_booked_is_none(status: bytes) -> None:
    raw = sample("SIU-S12-follow-up").replace(b"Booked", status)
    assert [fact.items for fact in stated(raw)] == [None]


def test_an_appointment_of_several_patients_is_nobodys() -> None:
    raw = sample("SIU-S12-follow-up")
    pid = next(line for line in raw.split(b"\r") if line.startswith(b"PID"))
    both = raw.replace(pid, pid + b"\r" + pid.replace(b"26000003", b"26000004"))
    assert stated(both) == []
    assert reading(both, trusting(appointment={})).grave


def test_an_appointment_may_need_the_psychiatric_agreement() -> None:
    kinds = {"CSEXT": AppointmentKind(label="CMP", half=Half.DSP)}
    (fact,) = stated(sample("SIU-S12-follow-up"), trusting(appointment={"kinds": kinds}))
    assert fact.half is Half.DSP


FIELD = st.text(st.characters(exclude_characters="|\r\n", codec="utf-8"), max_size=12)
LINES = st.lists(
    st.tuples(
        st.sampled_from(["AL1", "DG1", "ORC", "RXE", "RXR", "TQ1", "RXA", "SCH", "AIP", "OBX"]),
        st.lists(FIELD, max_size=24),
    ).map(lambda one: "|".join((one[0], *one[1]))),
    max_size=8,
)


@given(LINES, st.sampled_from(["ADT^A08", "RDE^O11", "VXU^V04", "SIU^S12", "SIU^S15"]))
def test_whatever_the_fields_hold_it_is_read_or_left_out_and_never_raises(
    lines: list[str], kind: str
) -> None:
    kinds = {"": AppointmentKind(label="Suivi"), "A": AppointmentKind(label="Suivi")}
    dialect = trusting(appointment={"kinds": kinds}, treatment={}, allergies={}, diagnoses={})
    found = reading(message(kind, *lines), dialect)
    for heard in found.facts:
        if isinstance(heard.fact, ClinicalStated) and heard.fact.items is not None:
            again = Items.model_validate_json(heard.fact.items.model_dump_json())
            assert again == heard.fact.items
            words = json.dumps(again.model_dump(mode="json"), ensure_ascii=False)
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", words)
    if kind == "ADT^A08":
        assert not found.grave


def test_more_allergies_than_any_patient_has_are_a_gap_and_the_movement_counts() -> None:
    lines = [f"AL1|{n}|DA|X{n}^SUBSTANCE {n}^L" for n in range(1, 502)]
    found = reading(with_lines(*lines))
    assert any(isinstance(heard.fact, MovementStated) for heard in found.facts)
    assert stated(with_lines(*lines)) == []
    assert "AL1" in [gap.place for gap in found.gaps]
