"""The stages between journal and outbox, on a real store, with a clock that the test moves."""

import hashlib
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.compose.pdf import typeset_here
from engine.compose.shop import Shop
from engine.compose.shop import load as load_shop
from engine.dispatch import Dispatcher, Press
from engine.knowledge import look_again
from engine.model.consent import ConsentStated
from engine.model.fact import Heard
from engine.model.flow import AckCode, Delivery, JournalState
from engine.process import Processor, dialects_of
from engine.runtime.settings import Settings, load
from engine.runtime.wiring import knowledge_of, masters_of
from engine.store.interface import NewEntry, Tx
from engine.store.sqlite import SqliteStore
from engine.wire.hl7 import peek

ROOT = Path(__file__).resolve().parents[2]
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
        knowledge = knowledge_of(self.settings)
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
            self.store,
            knowledge=lambda: knowledge,
            press=lambda: press,
            typeset=typeset_here,
            now=lambda: self.now,
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


def opened(folder: Path, *changes: tuple[str, str], directory: str | None = None) -> Engine:
    """The stages with the demo's settings, changed so, in a folder of their own; ``directory``: the
    text of the directory file, instead of the day's."""
    text = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    text = text.replace("@mappings@", (ROOT / "mappings").as_posix())
    text = text.replace('ca_file = "mails/ca.pem"\n', "")
    (folder / "relais.toml").write_text(text, encoding="utf-8")
    (folder / "inbox").mkdir()
    (folder / "gateway").mkdir()
    if directory is None:
        shutil.copy(ROOT / "fixtures/day/directory.csv", folder)
    else:
        (folder / "directory.csv").write_text(directory, encoding="utf-8")
    settings = load(folder / "relais.toml")
    settings.config.data.mkdir()
    # Its key lies where a command looks for it.
    store = SqliteStore.open(folder / "relais.db", masters_of(settings.config))
    return Engine(store, settings)
