"""The day of a coming release, where a mapping says that the record tells it."""

from datetime import UTC, date, datetime

import pytest

from engine.mapping.apply import apply
from engine.mapping.path import Path
from engine.mapping.reading import Reading
from engine.mapping.schema import Dialect, PlannedReleases
from engine.model.release import ReleasePlanned, ReleaseSource
from engine.wire import hl7
from tests.mapping.test_agreement import SILLAGE
from tests.support.adt import adt

NOW = datetime(2026, 3, 2, 18, tzinfo=UTC)


def dialect(*day: str) -> Dialect:
    release = PlannedReleases(
        day=tuple(map(Path.parse, day)), pending=(Path.parse("EVN-3"), Path.parse("PV2-9"))
    )
    mapping = SILLAGE.mapping.model_copy(update={"release": release})
    return SILLAGE.model_copy(update={"mapping": mapping})


def read(event: str, *, evn_3: str = "", pv2_9: str = "", by: Dialect = SILLAGE) -> Reading:
    raw = adt(event).decode().replace("20260105093000||||", f"20260105093000|{evn_3}|||", 1)
    raw = raw.replace("\rZBE", f"\rPV2|||||||||{pv2_9}\rZBE")
    return apply(hl7.read(raw.encode()), by, heard_at=NOW)


def planned(reading: Reading) -> list[tuple[date | None, str, str | None]]:
    found = [one.fact for one in reading.facts if isinstance(one.fact, ReleasePlanned)]
    assert all(one.source is ReleaseSource.RECORD for one in found)
    return [(one.on, one.by, one.visit) for one in found]


def test_a16_announces_and_a25_takes_back() -> None:
    assert planned(read("A16", evn_3="20260312")) == [(date(2026, 3, 12), "EVN-3", "5001")]
    assert planned(read("A16", pv2_9="202603122359")) == [(date(2026, 3, 12), "PV2-9", "5001")]
    assert planned(read("A25", evn_3="20260312")) == [(None, "A25", "5001")]


@pytest.mark.parametrize("event", ["A01", "A02", "A08", "Z99"])
def test_the_expected_discharge_of_other_messages_is_read_where_the_mapping_says_so_alone(
    event: str,
) -> None:
    assert planned(read(event, evn_3="20260312", pv2_9="20260312")) == []
    found = read(event, pv2_9="20260312100000", by=dialect("PV2-9"))
    assert planned(found) == [(date(2026, 3, 12), "PV2-9", "5001")]


def test_empty_is_unchanged_and_two_quotes_take_back() -> None:
    by = dialect("PV2-9")
    assert planned(read("A02", by=by)) == []
    assert planned(read("A02", pv2_9='""', by=by)) == [(None, "PV2-9", "5001")]


@pytest.mark.parametrize("text", ["2026", "202603", "demain", "20260231", "99999999"])
def test_what_is_no_day_is_a_gap_and_no_day(text: str) -> None:
    found = read("A16", evn_3=text)
    assert planned(found) == []
    assert [(gap.place, gap.grave) for gap in found.gaps if gap.place == "EVN-3"] == [
        ("EVN-3", False)
    ]
    assert text not in str([gap.what for gap in found.gaps])


def test_a_mapping_without_pending_fields_reads_neither() -> None:
    none = SILLAGE.model_copy(
        update={"mapping": SILLAGE.mapping.model_copy(update={"release": PlannedReleases()})}
    )
    for event in ("A16", "A25"):
        found = read(event, evn_3="20260312", by=none)
        assert found.handled
        assert planned(found) == []
