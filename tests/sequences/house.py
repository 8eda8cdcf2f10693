"""The real stages on a real store, with a clock, a transport and a fuse that a sequence moves.

Door, processor, dispatcher and worker are those of the daemon, and so are the commands. What is
replaced: the disk (a folder in memory), the peer (``_Peer`` records each attempt and has it judged
by the oracle), and, but for one sequence in some, the printing press: the letter's own JSON stands
for its bytes. A crash is the state of the disk copied while the process still holds it, and
everything begun anew upon the copy.
"""

import asyncio
import atexit
import json
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, TypeVar

from engine.commands import perform
from engine.commands.context import Context
from engine.compose.pdf import typeset_here
from engine.compose.render import Rendered
from engine.dispatch import Dispatcher, Press
from engine.inbound.door import Door
from engine.inbound.receive import Receiver
from engine.model.errors import OperationError
from engine.model.flow import (
    Accepted,
    AckCode,
    Cause,
    Deferred,
    Delivery,
    DeliveryState,
    JournalState,
    Outcome,
    Rejected,
    Unknown,
)
from engine.model.letter import Letter
from engine.model.task import Task, TaskKind
from engine.outbound.traffic import Route
from engine.outbound.worker import Worker
from engine.process import Processor, dialects_of
from engine.runtime.firewall import LetterFirewall
from engine.runtime.settings import Settings, load
from engine.runtime.wiring import Gate, knowledge_of
from engine.store.interface import Tx
from engine.store.masters import MasterFile
from engine.store.sqlite import SqliteStore
from tests.sequences.oracle import Oracle, Sent
from tests.sequences.record import PEOPLE, Consent, Told
from tests.support.house import ROOT, shop
from tests.support.unpacked import texts

T = TypeVar("T")
_READ_WITHIN: Final = timedelta(seconds=1)
START: Final = datetime(2026, 3, 2, 17, 1, tzinfo=UTC)


class BrokenRuleError(AssertionError):
    """A sentence of the oracle was broken."""


class Crash(BaseException):
    """The process is gone."""


class Mortal:
    """The store of a process that dies between two commits. Works are done in this thread, so
    that a sequence ends the same each time."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.fuse: int | None = None  # commits until the end
        self.after = False  # whether the last commit still gets to the disk
        self.dead = asyncio.get_running_loop().create_future()

    def die(self) -> None:
        if not self.dead.done():
            self.dead.set_result(None)
        raise Crash

    def write_sync(self, work: Callable[[Tx], T]) -> T:
        self._alive()
        dying = self.fuse == 0
        if self.fuse is not None:
            self.fuse -= 1
        if dying and not self.after:
            self.die()
        done = self.store.write_here(lambda tx: (work(tx),))
        value = done[0] if done is not None else self.store.write_sync(work)
        if dying:
            self.die()
        return value

    def read_sync(self, work: Callable[[Tx], T]) -> T:
        self._alive()
        return self.store.read_sync(work)

    async def write(self, work: Callable[[Tx], T]) -> T:
        return self.write_sync(work)

    async def read(self, work: Callable[[Tx], T]) -> T:
        return self.read_sync(work)

    def write_here(self, work: Callable[[Tx], T]) -> T | None:
        return self.write_sync(work)

    @property
    def backlog(self) -> int:
        return 0

    def _alive(self) -> None:
        if self.dead.done():
            raise Crash


class _Nobody:
    """Counts nothing."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_labels: None


@cache
def _empty() -> Path:
    """A folder with the demo's settings and a new store; gone with this process."""
    folder = Path(mkdtemp(prefix="relais-sequences-", dir=_memory()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    text = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")
    text = text.replace("@mappings@", (ROOT / "mappings").as_posix())
    (folder / "relais.toml").write_text(text.replace('ca_file = "mails/ca.pem"\n', ""))
    (folder / "inbox").mkdir()
    (folder / "gateway").mkdir()
    shutil.copy(ROOT / "fixtures/day/directory.csv", folder)
    SqliteStore.open(folder / "relais.db").close()
    return folder


@cache
def _settings() -> Settings:
    return load(_empty() / "relais.toml")


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


class Scribe(Dispatcher):
    """Writes the letter's own JSON where the press would print: a sequence costs as little as its
    decisions do."""

    def _made(self, letter: Letter, shop: Any, face: Any, leaflet: bytes) -> Rendered:
        return Rendered(letter.model_dump_json().encode(), {})


@dataclass
class House:
    """One sequence's world. ``printed``: the real press and firewall."""

    printed: bool = False
    now: datetime = START
    oracle: Oracle = field(default_factory=Oracle)
    seen: Counter[str] = field(default_factory=Counter)
    outcomes: list[str] = field(default_factory=list)
    acknowledged: list[bytes] = field(default_factory=list)
    unread: dict[bytes, Told] = field(default_factory=dict)
    since: dict[bytes, datetime] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(mkdtemp(prefix="seq-", dir=_memory())))
    violation: BrokenRuleError | None = None

    def open(self) -> None:
        """Begin upon an empty disk."""
        for name in ("relais.db", "master.key"):
            shutil.copy(_empty() / name, self.folder)
        self._begin(self.folder)

    def _begin(self, folder: Path) -> None:
        self.disk = folder
        settings = _settings()
        store = SqliteStore.open(folder / "relais.db", MasterFile(folder / "master.key"))
        self.store = mortal = Mortal(store)
        knowledge = knowledge_of(settings)
        self.knowledge = knowledge

        def clock() -> datetime:
            return self.now

        press = Press(shop(), settings.config.hospital, settings.config.channels)
        sillage = settings.dialects["sillage"]
        self.door = Door("dpi", sillage.mapping.required, sillage.mapping.charset)
        self.receiver = Receiver(mortal, _Nobody(), software="relais", clock=clock)
        self.processor = Processor(
            mortal, dialects=dialects_of({"dpi": sillage}), knowledge=lambda: knowledge, now=clock
        )
        self.dispatcher = (Dispatcher if self.printed else Scribe)(
            mortal,
            knowledge=lambda: knowledge,
            press=lambda: press,
            typeset=typeset_here,
            now=clock,
        )
        peer = _Peer(self)
        self.worker = Worker(
            mortal,
            {name: Route(peer, per_minute=6000) for name in settings.config.channels},
            may_leave=Gate(lambda: knowledge),
            allowed=lambda _address: True,
            policy=settings.config.retry,
            now=clock,
            dice=lambda: 0.5,
            counters=_Nobody(),
            firewall=LetterFirewall(settings, lambda: knowledge) if self.printed else None,
            moved=lambda tx, row, now: knowledge.settle(tx, row.patient, now) and None,
        )
        self.context = Context(mortal, settings, clock, "claire", lambda: None)

    def close(self) -> None:
        self.store.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def restart(self) -> None:
        """Begin anew upon what lies on the disk."""
        while True:
            self.seen["crash"] += 1
            old = self.store.store
            folder = Path(mkdtemp(dir=self.folder))
            for name in ("relais.db", "relais.db-wal", "master.key"):
                with suppress(FileNotFoundError):
                    shutil.copy(self.disk / name, folder)
            old.close()
            self._begin(folder)
            if self.store.store.read_sync(lambda tx: tx.outbox.sending()):
                self.seen["a crash between attempt and outcome"] += 1
            with suppress(Crash):
                await self.worker.recover()
                return

    # What the stages do.

    async def alive(self, act: Callable[[], Any]) -> Any:
        """Carry out, through as many crashes as come; gives the value of the last try."""
        while True:
            work = asyncio.ensure_future(act())
            await asyncio.wait({work, self.store.dead}, return_when=asyncio.FIRST_COMPLETED)
            if not self.store.dead.done():
                return work.result()
            work.cancel()
            with suppress(BaseException):
                await work
            await self.restart()

    async def post(self, told: Told) -> None:
        """Send a message until it is acknowledged, as a DPI does."""

        async def send() -> AckCode:
            receipt = await self.receiver.take(told.raw, door=self.door, peer="test")
            assert receipt.stored
            return receipt.code

        code = await self.alive(send)
        if code is AckCode.AA:
            self.acknowledged.append(told.raw)
            self.unread[told.raw] = told
            self.since.setdefault(told.raw, self.now)

    async def way(self, name: str) -> None:
        """One stage, until it has nothing to do."""
        stages = {
            "read": self._read,
            "dispatch": self._dispatch,
            "send": self._send,
        }
        for _ in range(20):
            if not await self.alive(stages[name]):
                break
        if name == "read":
            self._all_read()

    async def _read(self) -> int:
        return await self.processor.run_once()

    async def _dispatch(self) -> int:
        return await self.dispatcher.run_once()

    async def _send(self) -> int:
        return await self.worker.run_due()

    def _all_read(self) -> None:
        if not self.unread:
            return
        for entry in self.store.read_sync(self._journal):
            told = self.unread.get(entry.raw)
            if told is not None and entry.state is not JournalState.RECEIVED:
                del self.unread[entry.raw]
                if entry.state is JournalState.PROCESSED:  # else it is left, or a person has it
                    self.oracle.told.append(told)

    async def command(self, operation: str, args: dict[str, Any]) -> dict[str, Any] | None:
        """A command of a person, who repeats it when the daemon died under it; None: refused."""
        tries = 0

        async def do() -> dict[str, Any] | None:
            nonlocal tries
            tries += 1
            try:
                return perform(self.context, operation, args)
            except OperationError:
                # Refused the second time: the first had got to the disk before the daemon died.
                return {} if tries > 1 else None

        result: dict[str, Any] | None = await self.alive(do)
        return result

    def deliveries(self) -> list[Delivery]:
        """The outbox, oldest first."""
        rows = self.store.read_sync(lambda tx: list(tx.outbox.listing(limit=1000)))
        return sorted(rows, key=lambda one: (one.created_at, one.id))

    def tasks(self) -> list[Task]:
        """Open tasks, oldest first."""
        return sorted(self.store.read_sync(lambda tx: list(tx.tasks.listing())), key=lambda t: t.id)

    # What the peer sees.

    async def attempt(self, row: Delivery, mime: bytes) -> Outcome:
        """Have an attempt judged, then answered as the sequence has it."""
        self._all_read()  # what was read before the attempt was opened counts
        wrong = self.oracle.wrongs(row, self._ins(mime), self.now)
        state = self.store.read_sync(lambda tx: tx.outbox.get(row.id))
        if state is None or state.state is not DeliveryState.SENDING:
            wrong.append("sent without an attempt on the disk")
        if any(self.since[raw] <= self.now - _READ_WITHIN for raw in self.unread):
            wrong.append("sent before a message that was acknowledged a second ago was read")
        if wrong:
            raise BrokenRuleError(f"{row.letter_kind.value} of {row.stay}: " + "; ".join(wrong))
        self._cover(row)
        word = self.outcomes.pop(0) if self.outcomes else "accepted"
        self.seen[f"attempt {word}"] += 1
        if word in ("accepted", "unknown", "interrupted", "crash"):
            self.oracle.sent.append(Sent(row, self.now))
        match word:
            case "deferred":
                return Deferred(Cause.BUSY, 451)
            case "rejected":
                return Rejected(Cause.MAILBOX, 550)
            case "unknown":
                return Unknown()
            case "crash":
                self.store.die()
            case "interrupted":
                await self._interrupted(row)
        return Accepted("250 ok")

    async def _interrupted(self, row: Delivery) -> None:
        """The patient changes their mind while the mail is being taken."""
        number = row.patient.partition("|")[0]
        args = {"patient": number, "purposes": list(row.purposes), "state": "withdrawn"}
        with suppress(OperationError):
            perform(self.context, "consent.record", args)
            self.seen["a no between attempt and outcome"] += 1
            self.said(row.patient, tuple(row.purposes), "withdrawn", "MT")

    def surviving(self, patient: str) -> str:
        """The number under which a patient is known now."""
        return self.store.read_sync(lambda tx: tx.facts.root(patient))

    def said(self, patient: str, purposes: tuple[str, ...], state: str, recipient: str) -> None:
        """Have the oracle hear what a person recorded."""
        consents = tuple(Consent(one, state, self.now, None, recipient) for one in purposes)
        self.oracle.told.append(Told(patient, self.now, 10**9, consents=consents))

    def _ins(self, mime: bytes) -> list[str]:
        """The INS that stand in the bytes."""
        if not self.printed:
            ins = json.loads(mime)["patient"]["ins"]
            return [ins["matricule"]] if ins else []
        whole = " ".join(text for _, text in texts(mime))
        return [one.nir for one in {who.nir: who for who in PEOPLE}.values() if one.nir in whole]

    def _cover(self, row: Delivery) -> None:
        self.seen["sent"] += 1
        self.seen[f"sent {row.letter_kind.value}"] += 1
        if row.discreet:
            self.seen["sent discreet"] += 1
        if row.version > 1:
            self.seen["sent a later version"] += 1
        if any(one.delivery.id == row.id for one in self.oracle.sent):
            self.seen["sent again after silence"] += 1

    # What must hold at rest.

    def check_rest(self) -> None:
        """Nothing acknowledged is lost; one letter of a thread is on its way."""
        rows = self.store.read_sync(self._journal)
        kept = {entry.raw: entry for entry in rows}
        tasks = self.store.read_sync(lambda tx: list(tx.tasks.listing(only_open=False, limit=9999)))
        asked = {one.about for one in tasks if one.kind is TaskKind.MESSAGE_UNREADABLE}
        for raw in self.acknowledged:
            entry = kept.get(raw)
            if entry is None:
                raise BrokenRuleError("a message was acknowledged, and is not in the journal")
            if entry.state is JournalState.RECEIVED:
                raise BrokenRuleError("a message was acknowledged, and never read")
            if entry.state is JournalState.PARKED and f"journal {entry.id}" not in asked:
                raise BrokenRuleError("a message could not be read, and nobody was told")
            if "fault of the engine" in entry.note:
                raise BrokenRuleError(f"journal {entry.id}: {entry.note}")
        under_way: Counter[tuple[str, str, str]] = Counter()
        for one in self.deliveries():
            if one.state in (DeliveryState.QUEUED, DeliveryState.HELD, DeliveryState.SENDING):
                visit = one.stay.partition("/")[2]
                keys = min(self.oracle.cluster(one.patient))
                under_way[keys, visit, one.letter_kind.value.partition("-")[0]] += 1
        if any(count > 1 for count in under_way.values()):
            raise BrokenRuleError("two letters of one stay are on their way")

    def _journal(self, tx: Tx) -> list[Any]:
        found = (tx.journal.get(row.id) for row in tx.journal.listing(limit=1000))
        return [one for one in found if one is not None]


class _Peer:
    """The way out of every channel."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        try:
            return await self._house.attempt(delivery, mime)
        except BrokenRuleError as wrong:  # the worker would take it for a fault of the transport
            self._house.violation = wrong
            return Accepted("250 ok")

    async def close(self) -> None:
        """Nothing is held."""
