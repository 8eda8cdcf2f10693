"""Lists of coming releases: CSV and JSON say the same, and one wrong line makes the file wrong."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.decide.form_admission import admit_releases
from engine.model.flow import AckCode
from engine.model.release_file import ReleaseState
from engine.wire.form import FormError, told
from engine.wire.release_file import COLUMNS, read_releases

FOLDER = Path(__file__).resolve().parents[2] / "fixtures/inbound/releases"
CSV = (FOLDER / "releases.csv").read_bytes()
JSON = (FOLDER / "releases.json").read_bytes()
GUIDE = (FOLDER.parents[2] / "docs/release-files.md").read_text("utf-8")
NOW = datetime(2026, 3, 2, 17, tzinfo=UTC)
HEAD = "patient;state;on;at;by\n"
GOOD = "26000001;planned;2026-03-16;2026-03-02T15:00+01:00;greffe\n"


def faults(raw: bytes) -> list[str]:
    with pytest.raises(FormError) as caught:
        read_releases(raw, now=NOW)
    return [told(one) for one in caught.value.faults]


def test_the_examples_of_the_guide_are_read_and_say_the_same() -> None:
    assert CSV.decode() in GUIDE
    assert JSON.decode() in GUIDE
    by_csv = [said for _, said in read_releases(CSV, now=NOW)]
    assert by_csv == [said for _, said in read_releases(JSON, now=NOW)]
    assert [said.on for said in by_csv] == [date(2026, 3, 16), None]


def test_the_guide_names_every_column_and_every_word() -> None:
    assert [one for one in (*COLUMNS, *ReleaseState) if f"`{one}`" not in GUIDE] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (GOOD.replace("2026-03-16", "20260316"), "line 3, on: is no day"),
        (GOOD.replace("2026-03-16", "2026-02-30"), "line 3, on: Input should be a valid date"),
        (GOOD.replace("2026-03-16", "le 16 mars"), "line 3, on: is no day"),
        (GOOD.replace("2026-03-16", ""), "line 3: a planned release has a day"),
        (GOOD.replace("planned", "cancelled"), "line 3: a planned release has a day"),
        (GOOD.replace("planned", "libéré"), "line 3, state: Input should be 'planned'"),
        (GOOD.replace("2026-03-02T15:00+01:00", "2026-03-02T19:00+01:00"), "line 3, at: lies"),
        (GOOD.replace("26000001", ""), "line 3, patient: is missing"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_quotes_nothing(line: str, fault: str) -> None:
    (found,) = faults((HEAD + GOOD + line).encode())
    assert found.startswith(fault)
    assert "16" not in found
    assert "26000001" not in found


@pytest.mark.parametrize("column", ["ecrou", "numero_ecrou", "peine", "infraction", "LAMBERT"])
def test_a_column_of_penal_data_refuses_the_whole_file(column: str) -> None:
    (found,) = faults((HEAD.replace("by", f"by;{column}") + GOOD).encode())
    assert found == "line 1, column 6: is a column that we do not know, or its second"


def test_a_file_of_agreements_is_no_list_of_releases() -> None:
    agreements = (FOLDER.parent / "consents/agreements.json").read_bytes()
    assert faults(agreements)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
@example(b"[" * 100_000)
@example(b"patient;at;by\n1;2026-03-02T15:00+01:00;x\n")
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    assert admit_releases(raw, NOW).ack in (AckCode.AA, AckCode.AE)


@given(st.dictionaries(st.sampled_from([*COLUMNS, "x"]), st.text(max_size=20) | st.integers()))
def test_no_fault_quotes_a_value(line: dict[str, Any]) -> None:
    canary = "CANARI"
    marked = {name: f"{canary}{value}" for name, value in line.items()}
    raw = json.dumps({"releases": "relais-releases/1", "statements": [marked]}).encode()
    assert canary not in " ".join(faults(raw))
