"""PID, PD1, PV1, PV2, NK1: each field that may ask for silence is read where it stands."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.mapping.apply import apply
from engine.mapping.load import load_mapping
from engine.model.fact import PersonStated
from engine.model.people import Traits
from engine.wire.hl7 import read
from tests.support.adt import adt

PAM = load_mapping(Path(__file__).resolve().parents[2] / "mappings/pam-fr")
NOW = datetime(2026, 1, 6, tzinfo=UTC)


def field(segment: str, number: int, value: str) -> str:
    return f"{segment}{'|' * number}{value}\r"


def traits_of(raw: bytes) -> Traits:
    reading = apply(read(raw, aliases=PAM.mapping.charset), PAM, heard_at=NOW)
    (said,) = [one.fact for one in reading.facts if isinstance(one.fact, PersonStated)]
    return said.traits


def of_pid(number: int, value: str) -> bytes:
    """The message with this field of PID."""
    lines = adt().decode().split("\r")
    place = next(n for n, line in enumerate(lines) if line.startswith("PID"))
    fields = lines[place].split("|")
    fields += [""] * (number + 1 - len(fields))
    fields[number] = value
    lines[place] = "|".join(fields)
    return "\r".join(lines).encode()


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("identity_unknown", of_pid(31, "Y")),
        ("dead", of_pid(30, "Y")),
        ("dead", of_pid(29, "20260105")),
        ("data_protected", adt() + field("PD1", 12, "Y").encode()),
        ("visit_protected", adt() + field("PV2", 22, "Y").encode()),
        ("contact_not_told", adt() + field("NK1", 7, "P").encode()),
        ("vip", adt().replace(b"PV1|1|I|7700^^^CHU|||||||", b"PV1|1|I|7700^^^CHU|||||||||||||Y")),
    ],
)
def test_each_flag_that_asks_for_silence_is_read_and_said_by_no_other_message(
    name: str, raw: bytes
) -> None:
    assert getattr(traits_of(raw), name) is True
    assert not getattr(traits_of(adt()), name)


def test_every_status_of_an_identity_is_read() -> None:
    assert traits_of(of_pid(32, "VALI~FICT~DOUT")).identity_status == ("VALI", "FICT", "DOUT")
    assert traits_of(adt()).identity_status is None
