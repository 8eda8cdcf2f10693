"""Invented messages with the traits of the field, in both ways in: the mapping alone, and the
daemon over MLLP. The national samples (test_national_samples) are not beside every checkout."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.decide.fold import fold
from engine.mapping.apply import apply
from engine.mapping.load import load_mapping
from engine.model.fact import ExitKind, Heard
from engine.model.flow import Delivery
from engine.model.stay import Record
from engine.runtime import control
from engine.runtime.settings import load
from engine.store.interface import Entry, Tx
from engine.store.sqlite import SqliteStore
from engine.wire.hl7 import read
from engine.wire.mllp import frame
from tests.bench.daemon import daemon
from tests.support.dialects import FOLDER, Expected, expected, said
from tests.support.mllp_peer import Peer

ROOT = Path(__file__).resolve().parents[2]
PAM = load_mapping(ROOT / "mappings/pam-fr")
ALL = expected()
NOW = datetime(2026, 1, 5, tzinfo=UTC)

each = pytest.mark.parametrize("row", ALL, ids=lambda row: row.file)


@dataclass
class Fed:
    """What the daemon answered and kept."""

    answers: list[bytes]
    again: list[bytes]
    entries: list[Entry]
    facts: dict[int, list[Heard]]  # by journal id
    records: dict[str, Record]  # by IPP
    sent: Sequence[Delivery]

    def entry(self, row: Expected) -> Entry:
        (found,) = [one for one in self.entries if one.raw == row.raw]
        return found


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Fed:
    """Every message over one connection; then all of them again, at one go."""
    folder = tmp_path_factory.mktemp("dialects")
    with daemon(folder) as port:
        answers, again = asyncio.run(_feed(port))
        config = load(folder / "relais.toml").config
        until = time.monotonic() + 60
        while control.call(config, "status", {})["journal"].get("received"):
            assert time.monotonic() < until
            time.sleep(0.05)
    store = SqliteStore.open_readonly(folder / "data/relais.db")
    kept = store.read_sync(_kept)
    store.close()
    return Fed(answers, again, *kept)


async def _feed(port: int) -> tuple[list[bytes], list[bytes]]:
    async with Peer(port) as sender:
        answers = [await sender.send(row.raw) for row in ALL]
        await sender.write(b"".join(frame(row.raw) for row in ALL))
        return answers, [await sender.answer() for _ in ALL]


def _kept(
    tx: Tx,
) -> tuple[list[Entry], dict[int, list[Heard]], dict[str, Record], Sequence[Delivery]]:
    rows = tx.journal.listing(limit=1000)
    found = (tx.journal.get(row.id) for row in reversed(rows))
    entries = [one for one in found if one is not None]
    roots = {tx.facts.root(row.patient) for row in ALL if row.patient}
    by_entry: dict[int, list[Heard]] = {one.id: [] for one in entries}
    records = {}
    for root in roots:
        facts = tx.facts.of_patient(root)
        for heard in facts:
            by_entry[heard.journal_id or 0].append(heard)
        records[root.partition("|")[0]] = fold(
            root,
            tx.facts.cluster(root),
            facts,
            transfer_window=timedelta(hours=24),
            with_tests=False,
        )
    return entries, by_entry, records, tx.outbox.listing()


def _answer(raw: bytes) -> tuple[str, str]:
    """MSA-1 and MSA-2. An answer repeats the sender's own MSH-18."""
    answer = read(raw, aliases=PAM.mapping.charset)
    return answer.value("MSA", 1), answer.value("MSA", 2)


def test_each_message_has_its_row_and_each_row_its_message() -> None:
    assert [row.file for row in ALL] == list(dict.fromkeys(row.file for row in ALL))
    assert {row.file for row in ALL} == {path.stem for path in FOLDER.glob("*.hl7")}


@each
def test_the_mapping_alone_reads_what_it_says(row: Expected) -> None:
    message = read(row.raw, aliases=PAM.mapping.charset)
    reading = apply(message, PAM, heard_at=NOW)
    assert said(message, reading.facts) == row.said
    assert not reading.grave
    assert message.encode() == row.raw


@each
def test_the_daemon_answers_keeps_and_reads_it_so(fed: Fed, row: Expected) -> None:
    entry = fed.entry(row)
    assert _answer(fed.answers[ALL.index(row)]) == (row.ack, entry.control_id)
    assert (entry.ack.value, entry.state.value) == (row.ack, row.state)
    message = read(entry.raw, aliases=PAM.mapping.charset)
    assert said(message, fed.facts[entry.id]) == row.said


def test_what_comes_again_is_answered_alike_and_kept_once(fed: Fed) -> None:
    assert len(fed.entries) == len(ALL)
    assert [_answer(one) for one in fed.again] == [_answer(one) for one in fed.answers]


def test_a_discharge_entered_twice_and_taken_back_leaves_the_real_one(fed: Fed) -> None:
    (stay,) = fed.records["71000001"].stays
    assert stay.visits == ("71500001",)
    assert stay.exit is not None
    assert stay.exit.kind is ExitKind.RELEASE
    assert stay.exit.at == datetime(2025, 3, 14, 9, tzinfo=UTC)
    assert stay.doubts == ()


def test_an_update_of_a_discharge_never_heard_opens_no_stay(fed: Fed) -> None:
    record = fed.records["72000001"]
    assert [stay.visit for stay in record.stays] == ["72500001"]
    assert [one.movement for one in record.orphans] == ["M7203|GAMEX"]


def test_the_merged_record_is_found_under_the_number_that_survives(fed: Fed) -> None:
    assert fed.records["74000002"].person.keys == (
        "74000001|1.2.250.1.999.1",
        "74000002|1.2.250.1.999.1",
    )


def test_the_last_word_about_the_ins_counts(fed: Fed) -> None:
    ins = fed.records["76000001"].person.traits.ins
    assert ins is not None
    assert ins.matricule == "160059999904402"


def test_the_dmp_s_consents_are_never_taken_for_an_agreement(fed: Fed) -> None:
    assert not [h for facts in fed.facts.values() for h in facts if h.fact.kind == "consent"]
    assert fed.sent == []
