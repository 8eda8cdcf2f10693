"""A day of one patient, through the real stages: neither the order in which messages arrive, nor
repetitions, nor when they are read changes what comes of it, as long as all of them are here
before the first hold-back ends."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.decide.scene import Scene
from engine.model.flow import DeliveryState, JournalState
from engine.runtime.settings import Settings
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore
from tests.support.house import NOW, Engine, opened
from tests.support.one_day import DAY, HARD_DAY, KEPT, OLD, SAD_DAY, Said

DAY_FILES = Path(__file__).resolve().parents[1] / "fixtures/day"

MOMENT = timedelta(milliseconds=10)
AUTHORITY = "1.2.250.1.999.1"


class Arrival(NamedTuple):
    """A message comes in; then perhaps the journal is read, and the due stays are looked at."""

    said: Said
    read: bool
    look: bool


class Outcome(NamedTuple):
    """What came of the day."""

    record: dict[str, Any]
    verdicts: dict[str, dict[str, str]]
    tasks: list[tuple[str, str]]
    letters: list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    """A folder for stores, and the demo's settings, read once."""
    folder = tmp_path_factory.mktemp("order")
    made = opened(folder)
    made.store.close()
    return folder, made.settings


_NUMBERS = count()


async def _live(house: tuple[Path, Settings], arrivals: Sequence[Arrival]) -> Outcome:
    """Hear messages one by one, in a store of their own; then let the hold-backs end."""
    folder, settings_ = house
    engine = Engine(SqliteStore.open(folder / f"{next(_NUMBERS)}.db"), settings_)
    try:
        for arrival in arrivals:
            engine.now += MOMENT
            await engine.journal(arrival.said.raw)
            if arrival.read:
                await engine.read()
            if arrival.look:
                await engine.wait(timedelta(0))
        assert engine.store.read_sync(lambda tx: tx.outbox.listing()) == []
        assert engine.now < NOW + timedelta(seconds=1), "all of it is before any hold-back ends"
        await engine.read()
        for later in (6, 3600):
            engine.now = NOW
            await engine.wait(timedelta(seconds=later))
        return engine.store.read_sync(lambda tx: _outcome(engine, tx))
    finally:
        engine.store.close()


def _outcome(engine: Engine, tx: Tx) -> Outcome:
    states = {one.state for one in tx.journal.listing(limit=1000)}
    assert states <= {JournalState.PROCESSED}
    scene = engine.knowledge.scene(tx, f"{OLD}|{AUTHORITY}", engine.now)
    keys = {stay.key for stay in scene.record.stays}
    rows = tx.facts.stays_of(scene.record.person.patient)
    sent = tx.outbox.of_patient(scene.record.person.patient)
    return Outcome(
        record=_told(scene),
        verdicts={one.key: one.verdicts for one in rows if one.key in keys},
        tasks=sorted(
            # A task that closed by itself and came back counts its returns in its key.
            (one.key.partition("#again")[0], one.about)
            for one in tx.tasks.listing(limit=1000)
        ),
        letters=sorted(
            (one.letter_kind, one.rpps, one.stay, one.parts, one.statement, one.version)
            for one in sent
            if one.state is DeliveryState.QUEUED
        ),
    )


def _told(scene: Scene) -> dict[str, Any]:
    """The record, without the instants at which we heard of things."""

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in pairs if not name.endswith("heard_at")}

    told: dict[str, Any] = json.loads(scene.record.model_dump_json(), object_pairs_hook=kept)
    return told


def _in_order(said: Iterable[Said]) -> list[Arrival]:
    return [Arrival(one, read=True, look=True) for one in said]


def test_the_whole_day_in_its_order_ends_in_one_letter(house: tuple[Path, Settings]) -> None:
    """What the property compares with is worth something."""
    outcome = asyncio.run(_live(house, _in_order(DAY)))
    (stay,) = outcome.record["stays"]
    assert outcome.record["person"]["patient"] == f"{KEPT}|{AUTHORITY}"
    assert stay["key"] == f"{OLD}|{AUTHORITY}/V977@annoeullin#1"
    assert stay["exit"]["at"] == "2026-03-02T16:10:00+01:00"
    assert [(one[0], one[1]) for one in outcome.letters] == [("exit-letter", "10999990012")]
    assert [part[:4] for part in outcome.letters[0][3]] == ["DSS:"]
    assert outcome.tasks == []


@st.composite
def lives(draw: st.DrawFn, day: tuple[Said, ...]) -> list[Arrival]:
    """Some messages of a day, mostly many; in any order, some again; read now or later."""
    missing = draw(st.sets(st.sampled_from(day), max_size=len(day) // 2))
    there = [one for one in day if one not in missing]
    again = draw(st.lists(st.sampled_from(there), max_size=4))
    order = draw(st.permutations([*there, *again]))
    return [Arrival(one, draw(st.booleans()), draw(st.booleans())) for one in order]


@settings(max_examples=30)
@given(lives(DAY))
@example([Arrival(one, read=True, look=True) for one in reversed(DAY)])
@example([Arrival(one, read=False, look=False) for one in (*DAY, *DAY)])
def test_no_order_and_no_repetition_changes_what_comes_of_a_day(
    house: tuple[Path, Settings], arrivals: list[Arrival]
) -> None:
    _same_as_in_the_sender_s_order(house, DAY, arrivals)


@settings(max_examples=30)
@given(lives(HARD_DAY))
@example([Arrival(one, read=True, look=True) for one in reversed(HARD_DAY)])
def test_nor_of_a_day_on_which_little_fits(
    house: tuple[Path, Settings], arrivals: list[Arrival]
) -> None:
    _same_as_in_the_sender_s_order(house, HARD_DAY, arrivals)


@settings(max_examples=20)
@given(lives(SAD_DAY))
@example([Arrival(one, read=True, look=True) for one in reversed(SAD_DAY)])
def test_nor_of_a_day_with_a_death_and_a_merge_that_contradict(
    house: tuple[Path, Settings], arrivals: list[Arrival]
) -> None:
    _same_as_in_the_sender_s_order(house, SAD_DAY, arrivals)


_KNOWN: dict[tuple[Said, ...], Outcome] = {}


def _same_as_in_the_sender_s_order(
    house: tuple[Path, Settings], day: Sequence[Said], arrivals: Sequence[Arrival]
) -> None:
    came = {one.said for one in arrivals}
    in_order = tuple(one for one in day if one in came)
    if in_order not in _KNOWN:
        _KNOWN[in_order] = asyncio.run(_live(house, _in_order(in_order)))
    wanted, found = _KNOWN[in_order], asyncio.run(_live(house, arrivals))
    assert found.letters == wanted.letters
    assert found.verdicts == wanted.verdicts
    assert found.tasks == wanted.tasks
    assert found.record == wanted.record


async def test_a_merge_that_would_close_a_circle_is_for_a_person_and_says_nothing(
    engine: Engine,
) -> None:
    await engine.hear("leroy-A01", "leroy-A40")
    (path,) = DAY_FILES.glob("*leroy-A40.hl7")
    raw = path.read_bytes().replace(b"|26000015^", b"|#^").replace(b"|26000915^", b"|26000015^")
    raw = raw.replace(b"|#^", b"|26000915^").replace(b"D000034", b"D000034X")
    await engine.journal(raw)
    await engine.read()
    entry = await engine.store.read(lambda tx: tx.journal.get(engine.numbers[-1]))
    assert entry is not None
    assert (entry.state, "circle" in entry.note) == (JournalState.PARKED, True)
    facts = await engine.store.read(lambda tx: tx.facts.of_patient("26000015|1.2.250.1.999.1"))
    assert entry.id not in {one.journal_id for one in facts}


async def test_a_test_message_never_joins_two_patients(engine: Engine) -> None:
    await engine.hear("leroy-A01")
    (path,) = DAY_FILES.glob("*leroy-A40.hl7")
    await engine.journal(path.read_bytes().replace(b"|P|2.5", b"|T|2.5"))
    await engine.read()
    roots = await engine.store.read(
        lambda tx: [tx.facts.root(f"{ipp}|1.2.250.1.999.1") for ipp in ("26000915", "26000015")]
    )
    assert len(set(roots)) == 2
