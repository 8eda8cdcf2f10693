"""Journal → facts → decisions → letters, on a real store, with a clock that the test moves."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.compose.shop import Shop
from engine.compose.shop import load as load_shop
from engine.dispatch import Dispatcher, Press
from engine.knowledge import Knowledge, look_again
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.fact import Heard
from engine.model.flow import AckCode, Delivery, DeliveryState, JournalState
from engine.model.task import TaskKind
from engine.process import Processor, dialects_of
from engine.runtime.settings import Settings, load, policy_of
from engine.store.interface import NewEntry, Tx
from engine.store.sqlite import SqliteStore
from engine.wire.hl7 import peek

ROOT = Path(__file__).resolve().parents[1]
ZONE = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 2, 17, 1, tzinfo=UTC)


@cache
def shop() -> Shop:
    return load_shop(ROOT / "mappings", zone=ZONE, source_oid="1.2.250.1.999.9")


@dataclass
class Engine:
    """The stages between the journal and the outbox."""

    store: SqliteStore
    settings: Settings
    now: datetime = NOW
    numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        knowledge = Knowledge(policy_of(self.settings.config), self.settings.directory)
        self.knowledge = knowledge
        self.processor = Processor(
            self.store,
            dialects=dialects_of({"dpi": self.settings.dialects["sillage"]}),
            knowledge=lambda: knowledge,
            now=lambda: self.now,
        )
        press = Press(
            shop=shop(),
            hospital=self.settings.config.hospital,
            channels=self.settings.config.channels,
        )
        self.dispatcher = Dispatcher(
            self.store, knowledge=lambda: knowledge, press=lambda: press, now=lambda: self.now
        )

    async def hear(self, *stems: str) -> None:
        """Journal messages of the day, then read them."""
        for stem in stems:
            (path,) = (ROOT / "fixtures/day").glob(f"*{stem}*.hl7")
            await self.journal(path.read_bytes())
        await self.read()

    async def journal(self, raw: bytes) -> None:
        """Store a message, as the door does."""
        head = peek(raw)
        entry = NewEntry(
            source="dpi",
            peer="test",
            raw=raw,
            content_hash=hashlib.sha256(raw).digest(),
            sender=head.sender,
            control_id=head.control_id,
            message_type=head.message_type,
            processing_id=head.processing_id,
            state=JournalState.RECEIVED,
            ack=AckCode.AA,
        )
        self.numbers.append(await self.store.write(lambda tx: tx.journal.add(entry, self.now)))

    async def read(self) -> None:
        """Process what lies in the journal."""
        while await self.processor.run_once():
            pass

    async def wait(self, span: timedelta) -> None:
        """Let time pass, then write the letters that are due."""
        self.now += span
        while await self.dispatcher.run_once():
            pass

    def tell(self, tx: Tx, ipp: str, fact: ConsentStated) -> None:
        """Say something at the command line."""
        (patient,) = tx.facts.patients_like(ipp)
        heard = Heard(patient=patient, fact=fact, recorded_at=self.now, heard_at=self.now)
        tx.facts.add([heard])
        look_again(tx, patient, self.now)

    def deliveries(self, ipp: str) -> list[Delivery]:
        """What lies in the outbox about a patient."""

        def look(tx: Tx) -> list[Delivery]:
            return [
                one
                for patient in tx.facts.patients_like(ipp)
                for one in tx.outbox.of_patient(patient)
            ]

        return self.store.read_sync(look)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    text = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")
    text = text.replace("@mappings@", (ROOT / "mappings").as_posix())
    text = text.replace('ca_file = "mails/ca.pem"\n', "")
    (tmp_path / "relais.toml").write_text(text, encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "gateway").mkdir()
    shutil.copy(ROOT / "fixtures/day/directory.csv", tmp_path)
    store = SqliteStore.open(tmp_path / "relais.db")
    yield Engine(store, load(tmp_path / "relais.toml"))
    store.close()


async def test_an_agreed_arrival_becomes_a_letter_in_the_outbox_after_the_hold_back(
    engine: Engine,
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=4))
    assert engine.deliveries("26000001") == []
    await engine.wait(timedelta(seconds=2))
    (letter,) = engine.deliveries("26000001")
    assert letter.state is DeliveryState.QUEUED
    assert letter.intended == "claire.martel@cabinets.mssante.example"
    files = await engine.store.read(lambda tx: tx.outbox.files(letter.id))
    assert set(files) >= {"letter.pdf", "cda.xml", "ihe_xdm.zip", "letter.txt"}


async def test_looking_again_never_writes_a_second_letter(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    for _ in range(4):
        await engine.wait(timedelta(seconds=6))
        await engine.store.write(lambda tx: look_again(tx, "26000001|1.2.250.1.999.1", engine.now))
    assert len(engine.deliveries("26000001")) == 1


async def test_both_halves_are_joined_and_the_pdf_becomes_pages(engine: Engine) -> None:
    await engine.hear("012-", "013-", "014-", "015-", "016-")
    await engine.wait(timedelta(seconds=10))
    (letter,) = engine.deliveries("26000002")
    assert [part[:3] for part in letter.parts] == ["DSP", "DSS"]


async def test_a_withdrawal_at_the_command_line_cancels_what_is_queued(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    engine.now += timedelta(seconds=1)
    said = ConsentStated(
        purpose=Purpose.ARRIVAL_NOTICE, state=ConsentState.WITHDRAWN, at=engine.now, by="IDE"
    )
    await engine.store.write(lambda tx: engine.tell(tx, "26000001", said))
    (letter,) = engine.deliveries("26000001")
    refused = await engine.store.read(lambda tx: engine.knowledge.may_leave(tx, letter, engine.now))
    assert refused == "consent-withdrawn"
    await engine.wait(timedelta(seconds=1))
    (letter,) = engine.deliveries("26000001")
    assert letter.state is DeliveryState.CANCELLED


async def test_an_unreadable_document_is_parked_with_a_task_and_others_go_on(
    engine: Engine,
) -> None:
    path = sorted((ROOT / "fixtures/day").glob("*hennebelle-T02.hl7"))[0]
    broken = path.read_bytes().replace(b"^Base64^", b"^Base64^%%%")
    await engine.journal(broken)
    await engine.hear("lambert-A01")
    states = await engine.store.read(
        lambda tx: [tx.journal.get(number) for number in engine.numbers]
    )
    assert [one.state for one in states if one] == [JournalState.PARKED, JournalState.PROCESSED]
    tasks = await engine.store.read(lambda tx: tx.tasks.listing())
    assert TaskKind.MESSAGE_UNREADABLE in {one.kind for one in tasks}


async def test_a_replay_says_everything_anew_and_changes_nothing(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    before = await engine.store.read(lambda tx: tx.facts.of_patient("26000001|1.2.250.1.999.1"))
    await engine.store.write(lambda tx: tx.journal.reopen(engine.numbers[0]))
    await engine.read()
    after = await engine.store.read(lambda tx: tx.facts.of_patient("26000001|1.2.250.1.999.1"))
    assert {one.fact.model_dump_json() for one in before} == {
        one.fact.model_dump_json() for one in after
    }


async def test_a_test_message_is_left_aside_in_production(engine: Engine) -> None:
    await engine.hear("test-A01")
    entry = await engine.store.read(lambda tx: tx.journal.get(engine.numbers[0]))
    assert entry is not None
    assert entry.state is JournalState.LEFT
    await engine.wait(timedelta(days=4))
    assert engine.deliveries("26000012") == []


async def test_a_merge_after_the_arrival_leaves_one_notice(engine: Engine) -> None:
    await engine.hear("leroy-A01")
    await engine.wait(timedelta(seconds=6))
    assert len(engine.deliveries("26000915")) == 1
    await engine.hear("leroy-A40", "leroy-Z99")
    await engine.wait(timedelta(seconds=60))
    assert len(engine.deliveries("26000015")) == 1


async def test_each_change_of_mind_leaves_a_line_in_the_audit(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    lines = await engine.store.read(lambda tx: tx.audit.of_patient("26000001|1.2.250.1.999.1"))
    assert [line.kind for line in lines].count("letter-queued") == 1
    reasons = [line.detail.get("reason") for line in lines if line.kind == "decision"]
    assert "hold-back" in reasons
    assert "queued" in reasons
