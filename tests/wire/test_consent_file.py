"""Files of agreements: CSV and JSON say the same, and one wrong line makes the file wrong."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.decide.form_admission import admit_consents
from engine.model.consent import Collected, ConsentState, Purpose, Voice
from engine.model.consent_file import ConsentLine
from engine.model.flow import AckCode
from engine.wire.consent_file import COLUMNS, read_consents
from engine.wire.form import FormError, told

FOLDER = Path(__file__).resolve().parents[2] / "fixtures/inbound/consents"
CSV = (FOLDER / "agreements.csv").read_bytes()
JSON = (FOLDER / "agreements.json").read_bytes()
NOW = datetime(2026, 3, 2, 17, tzinfo=UTC)
CANARY = "LAMBERT"
GOOD = {
    "patient": "26000001",
    "purpose": "exit-notice",
    "state": "granted",
    "at": "2026-03-02T10:30+01:00",
    "by": "IDE",
}


def table(*rows: dict[str, str], delimiter: str = ";") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*GOOD, *COLUMNS[1:3]], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def faults(raw: bytes) -> list[str]:
    with pytest.raises(FormError) as caught:
        read_consents(raw, now=NOW)
    return [told(one) for one in caught.value.faults]


def test_the_examples_of_the_guide_are_read_and_say_the_same() -> None:
    guide = (FOLDER.parents[2] / "docs/consent-files.md").read_text("utf-8")
    assert CSV.decode() in guide
    assert JSON.decode() in guide
    by_csv = [said for _, said in read_consents(CSV, now=NOW)]
    by_json = [said for _, said in read_consents(JSON, now=NOW)]
    assert by_csv == by_json
    assert [said.purpose for said in by_csv] == [
        *(Purpose.LETTER_WRITTEN, Purpose.EXIT_LETTER_PSYCHIATRIC, Purpose.DETENTION_TOLD),
    ]
    first = by_csv[0]
    assert (first.how, first.language, first.voice) == (Collected.INTERPRETER, "ar", Voice.PATIENT)


def test_the_guide_names_every_column_and_every_word() -> None:
    guide = (FOLDER.parents[2] / "docs/consent-files.md").read_text("utf-8")
    words = [*COLUMNS, *Purpose, *ConsentState, *Collected, *Voice]
    assert [word for word in words if f"`{word}`" not in guide] == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_separator_is_told_by_the_header(delimiter: str) -> None:
    assert len(read_consents(table(GOOD, GOOD, delimiter=delimiter), now=NOW)) == 2


def test_a_mark_capital_names_and_empty_lines_are_no_fault() -> None:
    raw = b"\xef\xbb\xbf" + table(GOOD).replace(b"patient", b"Patient") + b"\r\n;;;;\r\n"
    ((place, _),) = read_consents(raw, now=NOW)
    assert place == "line 2"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"state": "oui"}, "line 3, state: Input should be 'not-asked'"),
        ({"purpose": CANARY}, "line 3, purpose: Input should be 'arrival-notice'"),
        ({"at": "2026-03-02"}, "line 3, at: is no moment"),
        ({"at": "20260302"}, "line 3, at: is no moment"),
        ({"at": "2026-03-02T10:30"}, "line 3, at: Input should have timezone info"),
        ({"at": "2026-03-02T19:00+01:00"}, "line 3, at: lies ahead"),
        ({"patient": ""}, "line 3, patient: is missing"),
        ({"by": ""}, "line 3, by: is missing"),
        ({"by": "a\u0007b"}, "line 3, by: holds control characters"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_its_column(
    change: dict[str, str], fault: str
) -> None:
    (found,) = faults(table(GOOD, GOOD | change))
    assert found.startswith(fault)
    assert CANARY not in found


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "/: is empty"),
        (b"patient;purpose;state;at;by\n", "/: holds no line but the header"),
        (b"patient;purpose;state;at\n1;2;3;4\n", "line 1: lacks the column by"),
        (b"patient;purpose;state;at;by;LAMBERT\n", "line 1, column 6: is a column that we do not"),
        (b"patient;patient;purpose;state;at;by\n", "line 1, column 2: is a column that we do not"),
        (table(GOOD) + b"1;2;3;4;5;6;7;8;9\n", "line 3: holds more cells than the header"),
        (table(GOOD) + b'"open;\n', "line 3: is no CSV"),
        (b"patient\xff", "/: is no UTF-8"),
        (b"x" * (600 * 1024), "/: larger than"),
        (b"{", "/: is no JSON"),
        (b"[]", "/: Input should be"),
        (b'{"consents": "relais-consents/1", "statements": []}', "/statements: says nothing"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_place(raw: bytes, fault: str) -> None:
    assert faults(raw)[0].startswith(fault)


def test_every_fault_is_told_and_a_number_that_is_no_rpps_is_one() -> None:
    raw = json.dumps(
        {
            "consents": "relais-consents/1",
            "statements": [GOOD | {"recipient": "123"}, GOOD | {"language": "arabe", CANARY: "x"}],
        }
    ).encode()
    found = faults(raw)
    assert found == [
        "/statements/0/recipient: is no RPPS, nor 'medecin-traitant'",
        "/statements/1/language: String should match pattern '^[a-z]{2,3}$'",
        "/statements/1: holds a name that we do not know",
    ]


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=9)
LINES = st.fixed_dictionaries(
    {
        "patient": CELLS,
        "purpose": st.sampled_from([one.value for one in Purpose]),
        "state": st.sampled_from([one.value for one in ConsentState]),
        "at": st.integers(0, 10**6).map(
            lambda minutes: (NOW - timedelta(minutes=minutes)).isoformat()
        ),
        "by": CELLS,
    },
    optional={
        "visit": CELLS,
        "authority": CELLS,
        "how": st.sampled_from([one.value for one in Collected]),
        "voice": st.sampled_from([one.value for one in Voice]),
        "language": st.sampled_from(["fr", "ar", "ron"]),
        "recipient": st.sampled_from(["10999990012", "medecin-traitant"]),
    },
)


@given(st.lists(LINES, min_size=1, max_size=5), st.sampled_from([",", ";", "\t"]))
def test_whatever_is_said_both_shapes_say_it(lines: list[dict[str, str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(lines)
    file = {"consents": "relais-consents/1", "statements": lines}
    wanted = [ConsentLine.model_validate(line) for line in lines]
    for raw in (text.getvalue().encode(), json.dumps(file).encode()):
        assert [said for _, said in read_consents(raw, now=NOW)] == wanted


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"[[[[[[")
@example(b'patient;purpose;state;at;by\n"')
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    verdict = admit_consents(raw, NOW)
    assert verdict.ack in (AckCode.AA, AckCode.AE)
    assert (verdict.ack is AckCode.AE) == bool(verdict.reason)


@given(st.lists(LINES, min_size=1, max_size=4), st.integers(0, 3), st.sampled_from(sorted(GOOD)))
def test_one_wrong_line_makes_the_whole_file_wrong(
    lines: list[dict[str, Any]], place: int, name: str
) -> None:
    lines.insert(min(place, len(lines)), {key: one for key, one in GOOD.items() if key != name})
    file = {"consents": "relais-consents/1", "statements": lines}
    assert admit_consents(json.dumps(file).encode(), NOW).ack is AckCode.AE
