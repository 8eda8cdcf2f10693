"""What the mapping finds of agreements, who speaks, and who must agree besides the patient."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.mapping.apply import apply
from engine.mapping.load import load_mapping
from engine.mapping.path import Inner
from engine.mapping.reading import Reading
from engine.model.capacity import ProtectionStated, Regime
from engine.model.consent import Collected, ConsentStated, Voice
from engine.wire import hl7

ROOT = Path(__file__).resolve().parents[2]
SILLAGE = load_mapping(ROOT / "mappings/sillage")
NOW = datetime(2026, 3, 2, 18, tzinfo=UTC)


def read(name: str, *changes: tuple[str, str], dialect: Any = SILLAGE) -> Reading:
    text = (ROOT / f"fixtures/inbound/capacity/{name}.hl7").read_bytes().decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return apply(hl7.read(text.encode()), dialect, heard_at=NOW)


def consents(reading: Reading) -> list[ConsentStated]:
    return [one.fact for one in reading.facts if isinstance(one.fact, ConsentStated)]


def protections(reading: Reading) -> list[ProtectionStated]:
    return [one.fact for one in reading.facts if isinstance(one.fact, ProtectionStated)]


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("minor-parent-agreed", Voice.PARENT),
        ("protected-representative-agreed", Voice.REPRESENTATIVE),
        ("minor-arrived", Voice.PATIENT),
    ],
)
def test_each_row_speaks_for_one_voice(name: str, voice: Voice) -> None:
    said = consents(read(name))
    assert said
    assert {one.voice for one in said} == {voice}


def test_how_it_was_collected_is_read_and_an_unknown_way_is_unknown() -> None:
    assert {one.how for one in consents(read("minor-arrived"))} == {Collected.FORM}
    odd = read("minor-arrived", ("IDE^ACCUEIL|F", "IDE^ACCUEIL|Z"))
    assert {one.how for one in consents(odd)} == {Collected.UNKNOWN}


def with_voice(code: str) -> Reading:
    """The mother's answer, in a dialect that says in OBX-18 who speaks."""
    rows = tuple(
        row.model_copy(
            update={"voice": Inner.parse("18"), "voices": {"P": Voice.PARENT, "M": Voice.PATIENT}}
        )
        for row in SILLAGE.mapping.consent
    )
    mapping = SILLAGE.mapping.model_copy(update={"consent": rows})
    dialect = SILLAGE.model_copy(update={"mapping": mapping})
    return read("minor-parent-agreed", ("IDE^ACCUEIL|O", f"IDE^ACCUEIL|O|{code}"), dialect=dialect)


def test_who_speaks_may_stand_in_a_field_and_an_unknown_speaker_is_never_the_patient() -> None:
    assert {one.voice for one in consents(with_voice("P"))} == {Voice.PARENT}
    assert {one.voice for one in consents(with_voice("M"))} == {Voice.PATIENT}
    assert {one.voice for one in consents(with_voice(""))} == {Voice.PARENT}
    odd = with_voice("X")
    assert consents(odd) == []
    assert odd.grave
    assert "OBX-18" in {gap.place for gap in odd.gaps}


def test_a_measure_of_protection_is_read_with_its_representative() -> None:
    (said,) = protections(read("protected-arrived"))
    assert (said.regime, said.representative) == (
        Regime.TUTELLE,
        "Mme OUDART, UDAF d'Exempleville",
    )


def test_a_measure_that_the_mapping_does_not_know_asks_a_representative_all_the_same() -> None:
    reading = read("protected-arrived", ("T^Mme OUDART", "ZZ^Mme OUDART"))
    (said,) = protections(reading)
    assert said.regime is Regime.UNKNOWN
    assert "OBX-5.1" in {gap.place for gap in reading.gaps}


def test_secret_care_is_read_and_taken_back() -> None:
    (said,) = protections(read("minor-secret-care"))
    assert said.secret_care is True
    (ended,) = protections(read("minor-secret-care", ("LOCAL||O|", "LOCAL||N|")))
    assert ended.secret_care is False
    unknown = read("minor-secret-care", ("LOCAL||O|", "LOCAL||X|"))
    assert protections(unknown) == []
    assert unknown.gaps


def test_neither_the_dmps_consents_nor_sms_say_anything_of_it() -> None:
    reading = read("minor-arrived", ("PV1|1|", "ZFA|ACTIF||||||||INO||IC\rZFD|||Y\rPV1|1|"))
    assert consents(reading) == consents(read("minor-arrived"))
