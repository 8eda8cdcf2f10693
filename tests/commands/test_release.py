"""A release still to come, from what is said of it to who is asked for what; and one week after."""

import base64
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from structlog.testing import capture_logs

from engine.commands import perform
from engine.commands.context import Context
from engine.inbound.door import Door
from engine.inbound.receive import Receiver
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.directory import TerritoryRow
from engine.model.errors import OperationError
from engine.model.flow import JournalState
from engine.model.task import TaskKind
from engine.store.directory import NextGeneration, directory_path
from tests.support.forms import EXAMPLE
from tests.support.house import ROOT, Engine
from tests.support.mllp_peer import Tally

IPP = "26000003"
DAY = "2026-03-17"
CSV = f"patient;state;on;at;by\n{IPP};planned;{DAY};2026-03-02T15:00+01:00;greffe\n".encode()

ANNOUNCED = (
    ("A02", "A16"),
    ("20260118090000||||", "20260302110000|20260305||||"),
    ("D000008", "X1"),
)


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


async def drop(engine: Engine, raw: bytes) -> int:
    receiver = Receiver(engine.store, Tally(), software="RELAIS", clock=lambda: engine.now)
    receipt = await receiver.take_releases(raw, door=Door("dpi"), peer="greffe.csv")
    await engine.read()
    assert receipt.journal_id is not None
    return receipt.journal_id


def tasks(context: Context) -> dict[str, int]:
    """Open tasks around the release, by kind."""
    rows = perform(context, "task.list", {})["tasks"]
    return {one["kind"]: one["id"] for one in rows if one["kind"].startswith(("release", "week"))}


def words(context: Context, kind: str) -> str:
    return "\n".join(perform(context, "task.show", {"task": tasks(context)[kind]})["words"])


def message(stem: str, *changes: tuple[str, str]) -> bytes:
    (path,) = (ROOT / "fixtures/day").glob(f"*{stem}*.hl7")
    text = path.read_bytes().decode("iso-8859-15")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode("iso-8859-15")


async def inside(engine: Engine) -> None:
    await engine.hear("hennebelle-A01", "hennebelle-A02")


async def released(engine: Engine, context: Context) -> None:
    await inside(engine)
    perform(context, "letter.add", {"form": base64.b64encode(EXAMPLE).decode()})
    await engine.hear("hennebelle-A03")


def agree(engine: Engine, purpose: Purpose) -> None:
    said = ConsentStated(purpose=purpose, state=ConsentState.GRANTED, at=engine.now, by="IDE")
    engine.store.write_sync(lambda tx: engine.tell(tx, IPP, said))


def coordinator(context: Context) -> None:
    folder = context.settings.config.data
    with NextGeneration.begin(directory_path(folder)) as building:
        building.add_territory(
            [TerritoryRow("CPTS", "CPTS du Beffroi", "", "", "", "03 00 00 00 09", "", "")]
        )
        building.publish()


async def test_a_list_of_the_greffe_prepares_the_release_and_the_exit_ends_it(
    engine: Engine, context: Context
) -> None:
    await inside(engine)
    agree(engine, Purpose.COORDINATOR)
    await drop(engine, CSV)
    assert tasks(context) == {}
    await engine.wait(timedelta(days=2))
    assert set(tasks(context)) == {"release-call", "release-appointments"}
    assert f"planned for {DAY}" in words(context, "release-appointments")
    assert "WATTEAU" in words(context, "release-call")
    await engine.wait(timedelta(days=11))
    assert "dans la semaine du 16 mars 2026" in words(context, "release-coordinator")
    await engine.hear("hennebelle-A03")
    assert tasks(context) == {}


async def test_the_coordinator_of_the_territory_file_is_named(
    engine: Engine, context: Context
) -> None:
    await inside(engine)
    agree(engine, Purpose.COORDINATOR)
    perform(context, "release.plan", {"patient": IPP, "on": "2026-03-03"})
    assert "no CPTS or DAC" in words(context, "release-coordinator")
    coordinator(context)
    assert "CPTS du Beffroi, 03 00 00 00 09" in words(context, "release-coordinator")


async def test_who_was_told_of_a_week_is_told_of_its_end_and_of_its_return(
    engine: Engine, context: Context
) -> None:
    def answer(kind: str) -> None:
        perform(context, "task.done", {"task": tasks(context)[kind], "answer": "told"})
        engine.now += timedelta(minutes=1)

    await inside(engine)
    agree(engine, Purpose.COORDINATOR)
    perform(context, "release.plan", {"patient": IPP, "on": "2026-03-03"})
    number = tasks(context)["release-coordinator"]
    with pytest.raises(OperationError):
        perform(context, "task.done", {"task": number, "answer": "done"})
    answer("release-coordinator")
    assert "release-coordinator-recall" not in tasks(context)
    perform(context, "release.plan", {"patient": IPP, "cancel": True})
    assert "n'est plus à prévoir" in words(context, "release-coordinator-recall")
    answer("release-coordinator-recall")
    assert tasks(context) == {}
    perform(context, "release.plan", {"patient": IPP, "on": "2026-03-04"})
    assert "semaine du 2 mars 2026" in words(context, "release-coordinator")
    answer("release-coordinator")
    assert not [kind for kind in tasks(context) if "coordinator" in kind]


async def test_the_words_go_with_the_agreement(engine: Engine, context: Context) -> None:
    await inside(engine)
    agree(engine, Purpose.COORDINATOR)
    perform(context, "release.plan", {"patient": IPP, "on": "2026-03-03"})
    number = tasks(context)["release-coordinator"]
    assert "HENNEBELLE" in words(context, "release-coordinator")
    engine.now += timedelta(minutes=1)
    args = {"patient": IPP, "purposes": ["coordinator"], "state": "withdrawn"}
    perform(context, "consent.record", args)
    assert "release-coordinator" not in tasks(context)
    shown = perform(context, "task.show", {"task": number})
    assert shown["words"] == ["this is no longer called for: call nobody"]


async def test_the_day_lies_sealed_and_is_told_to_nobody_who_does_not_organise_it(
    engine: Engine, context: Context, tmp_path: Path
) -> None:
    await inside(engine)
    agree(engine, Purpose.COORDINATOR)
    with capture_logs() as logs:
        number = await drop(engine, CSV)
        perform(context, "release.plan", {"patient": IPP, "on": DAY})
        await engine.wait(timedelta(days=13))
        shown = [
            perform(context, "journal.show", {"entry": number}),
            perform(context, "why", {"patient": IPP}),
            perform(context, "task.list", {"all": True}),
            *engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000)),
            *engine.store.read_sync(lambda tx: tx.facts.stays_of(IPP)),
            *logs,
        ]
    assert tasks(context)
    assert DAY not in str(shown)
    assert "17/03/2026" not in str(shown)
    assert perform(context, "release.show", {"patient": IPP})["on"] == DAY
    kept = [path for path in tmp_path.rglob("relais.db*") if path.is_file()]
    assert kept
    assert all(DAY.encode() not in path.read_bytes() for path in kept)


async def test_the_exported_trail_puts_no_task_of_a_coming_release_beside_a_patient(
    engine: Engine, context: Context
) -> None:
    await inside(engine)
    agree(engine, Purpose.COORDINATOR)
    perform(context, "release.plan", {"patient": IPP, "on": "2026-03-03"})
    await engine.hear("hennebelle-A03")
    lines = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    about = [one for one in lines if str(one.detail.get("task", "")).startswith("release")]
    assert {one.kind for one in about} == {"task-raised", "task-closed"}
    assert {one.detail["task"] for one in about} >= {"release-call", "release-coordinator"}
    assert all(one.patient is None and one.stay is None for one in about)


async def test_the_record_announces_a_release_and_takes_it_back(
    engine: Engine, context: Context
) -> None:
    await inside(engine)
    raw = message("hennebelle-A02", *ANNOUNCED)
    await engine.journal(raw)
    await engine.read()
    assert perform(context, "release.show", {"patient": IPP})["on"] == "2026-03-05"
    assert set(tasks(context)) == {"release-call", "release-appointments"}
    back = raw.replace(b"A16", b"A25").replace(b"X1", b"X2").replace(b"110000", b"113000")
    await engine.journal(back)
    await engine.read()
    assert perform(context, "release.show", {"patient": IPP})["on"] is None
    assert tasks(context) == {}


async def test_a_list_against_the_record_is_asked_about_until_a_person_settles_it(
    engine: Engine, context: Context
) -> None:
    await inside(engine)
    await drop(engine, CSV)
    await engine.journal(message("hennebelle-A02", *ANNOUNCED))
    await engine.read()
    assert set(tasks(context)) == {"release-date-doubt"}
    page = words(context, "release-date-doubt")
    assert "registry, 2026-03-02 15:00: planned for 2026-03-17" in page
    assert "record, 2026-03-02 11:00: planned for 2026-03-05" in page
    perform(context, "release.plan", {"patient": IPP, "on": "2026-03-05"})
    assert set(tasks(context)) == {"release-call", "release-appointments"}
    engine.now += timedelta(minutes=1)
    perform(context, "release.plan", {"patient": IPP, "cancel": True})
    assert tasks(context) == {}


async def test_a_line_about_nobody_known_waits_and_holds_up_no_other(
    engine: Engine, context: Context
) -> None:
    await inside(engine)
    number = await drop(engine, CSV + f"9999;;{DAY};2026-03-02T15:00+01:00;greffe\n".encode())
    entry = await engine.store.read(lambda tx: tx.journal.get(number))
    assert entry is not None
    assert (entry.state, entry.note) == (
        JournalState.PARKED,
        "line 3: no patient of that number is known",
    )
    assert perform(context, "release.show", {"patient": IPP})["on"] == DAY


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"on": DAY, "cancel": True},
        {"on": "2026-03-01"},
        {"on": "demain"},
        {"on": "20260317T00"},
    ],
)
async def test_a_plan_without_one_day_from_today_on_is_refused(
    engine: Engine, context: Context, args: dict[str, Any]
) -> None:
    await inside(engine)
    with pytest.raises(OperationError):
        perform(context, "release.plan", {"patient": IPP} | args)


async def test_a_plan_needs_a_stay_that_goes_on(engine: Engine, context: Context) -> None:
    await released(engine, context)
    for operation in ("release.plan", "release.show"):
        with pytest.raises(OperationError):
            perform(context, operation, {"patient": IPP, "on": DAY})


# One week after


async def test_the_check_comes_after_a_week_and_its_answer_is_kept_and_counted(
    engine: Engine, context: Context
) -> None:
    await released(engine, context)
    await engine.wait(timedelta(days=6))
    assert tasks(context) == {}
    await engine.wait(timedelta(days=1))
    number = tasks(context)["week-check"]
    assert words(context, "week-check").split("\n") == [
        "appointment: 2026-03-05 10:30, CSAPA, 12 rue des Tanneurs",
        "treatment covered until: 2026-03-09",
    ]
    span = {"since": "2026-03-01", "until": "2026-03-31"}
    assert perform(context, "report", span)["all"]["need_checked"] == 0
    for wrong in ("done", "kept demain", "kept 2026-3-20", "gardé 2026-03-20"):
        with pytest.raises(OperationError):
            perform(context, "task.done", {"task": number, "answer": wrong})
    perform(context, "task.done", {"task": number, "answer": "kept 2026-03-20"})
    kept = engine.store.read_sync(lambda tx: tx.tasks.get(number))
    assert kept is not None
    assert kept.answer == "kept 2026-03-20"
    told = perform(context, "report", span)
    assert told["all"]["need_checked"] == 1
    assert "asked after one week: 1" in told["text"]
    await engine.wait(timedelta(days=20))
    assert tasks(context) == {}


@pytest.mark.parametrize(
    "end",
    [
        [message("hennebelle-A03", ("A03", "A13"), ("D000010", "X1"))],
        [
            message(
                "hennebelle-A03",
                ("A03^ADT_A03", "A31^ADT_A05"), ("D000010", "X1"), ("|||PROV", "|Y||PROV"),
            )
        ],
        [
            message(
                "hennebelle-A01",
                ("20260112", "20260304"), ("D000007", "X1"), ("V260003", "V269999"), ("M31", "M99"),
            )
        ],
    ],
    ids=["cancelled", "death", "back"],
)  # fmt: skip
async def test_the_check_stops_by_itself(
    engine: Engine, context: Context, end: list[bytes]
) -> None:
    await released(engine, context)
    await engine.wait(timedelta(days=7))
    assert "week-check" in tasks(context)
    for raw in end:
        await engine.journal(raw)
    await engine.read()
    assert "week-check" not in tasks(context)
    closed = perform(context, "task.list", {"all": True})["tasks"]
    (check,) = (one for one in closed if one["kind"] == TaskKind.WEEK_CHECK)
    assert check["answer"] == "no-longer-needed"
    # Nobody answered: it counts for nothing.
    span = {"since": "2026-03-01", "until": "2026-03-31"}
    assert perform(context, "report", span)["all"]["need_checked"] == 0


# Calendar files


async def test_each_appointment_is_a_calendar_file_that_names_nobody(
    engine: Engine, context: Context
) -> None:
    await released(engine, context)
    told = perform(context, "letter.ics", {"stay": "V260003"})
    (text,) = told["files"]
    assert told["unbooked"] == 0
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    assert event["SUMMARY"] == "CSAPA"
    assert event["LOCATION"] == "12 rue des Tanneurs"
    assert event.decoded("DTSTART") == datetime.fromisoformat("2026-03-05T10:30+01:00")
    for word in ("HENNEBELLE", "MARC", IPP, "V260003", "claire", "annoeullin", "sequedin", "USMP"):
        assert word.lower() not in text.lower()
    again = perform(context, "letter.ics", {"stay": "V260003"})["files"][0]
    assert Calendar.from_ical(again).walk("VEVENT")[0]["UID"] == event["UID"]


@pytest.mark.parametrize("label", ["CSAPA, sortie de prison", "CSAPA (écrou 12345)"])
async def test_an_appointment_that_would_tell_the_detention_is_refused_without_quoting_it(
    engine: Engine, context: Context, label: str
) -> None:
    await inside(engine)
    form = EXAMPLE.replace(b'"label": "CSAPA"', f'"label": "{label}"'.encode())
    assert form != EXAMPLE
    perform(context, "letter.add", {"form": base64.b64encode(form).decode()})
    with pytest.raises(OperationError) as caught:
        perform(context, "letter.ics", {"stay": "V260003"})
    assert label not in str(caught.value)
