"""What the worker does with what the firewall finds: a real store, the real rules."""

import hashlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from pathlib import Path

import pytest

from engine.model.config import Retry
from engine.model.flow import Accepted, Delivery, DeliveryState, Outcome
from engine.model.task import Task, TaskKind
from engine.outbound.held import let_go
from engine.outbound.ledger import NotOpened, Opened, open_attempt
from engine.outbound.permission import Cancel, Leave, Permission, Screened
from engine.outbound.traffic import Route
from engine.outbound.worker import Worker
from engine.privacy.report import Known, OwnTerms
from engine.privacy.rules import Rules, load
from engine.privacy.search import search
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore
from tests.support.deliveries import NOW, a_delivery
from tests.support.letters import ROOT

CLEAN = b"Subject: Lettre\r\n\r\nSuivi regulier.\r\n"
LEAK = b"Subject: Lettre\r\n\r\nnumero d'ecrou 12345\r\n"


@cache
def rules() -> Rules:
    return load(ROOT / "mappings" / "privacy")


@dataclass
class Wall:
    """The real search over the store's bytes; its version can be changed as a reload does."""

    version: str = "1"
    blind: bool = False
    threads: set[int] = field(default_factory=set)

    def prepare(self, tx: Tx, delivery: Delivery) -> Callable[[], Screened]:
        mime, version, blind = tx.outbox.mime(delivery.id), self.version, self.blind

        def work() -> Screened:
            self.threads.add(threading.get_ident())
            hits = search(mime, rules(), discreet=delivery.discreet, own=OwnTerms(), known=Known())
            found = () if blind else tuple((hit.place, hit.rule_id) for hit in hits)
            return Screened(hashlib.sha256(mime).hexdigest(), version, found)

        return work

    def sentence(self, rule: str) -> str:
        return rules().name(rule)


@dataclass
class Sink:
    taken: list[bytes] = field(default_factory=list)

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        self.taken.append(mime)
        return Accepted("250 ok")

    async def close(self) -> None: ...


@dataclass
class Bench:
    store: SqliteStore
    wall: Wall = field(default_factory=Wall)
    sink: Sink = field(default_factory=Sink)
    gate: Permission = field(default_factory=Leave)
    clock: datetime = NOW

    def increment(self, name: str, **labels: str) -> None: ...

    def worker(self) -> Worker:
        return Worker(
            self.store,
            {"mss": Route(self.sink, 4, 6000)},
            may_leave=lambda tx, row, now: self.gate,
            allowed=lambda address: True,
            policy=Retry(jitter=0),
            now=lambda: self.clock,
            dice=lambda: 0.5,
            counters=self,
            firewall=self.wall,
        )

    async def queue(self, mime: bytes, ident: str = "d1", *, discreet: bool = False) -> None:
        one = a_delivery(ident, discreet=discreet)
        await self.store.write(lambda tx: tx.outbox.add(one, mime, {}))

    async def row(self, ident: str = "d1") -> Delivery:
        row = await self.store.read(lambda tx: tx.outbox.get(ident))
        assert row is not None
        return row

    async def tasks(self) -> list[Task]:
        return list(await self.store.read(lambda tx: tx.tasks.listing()))

    async def answer(self, task: Task, answer: str) -> None:
        def work(tx: Tx) -> None:
            tx.tasks.close(task.id, NOW, "c.modele", answer)
            if answer == "go-on":
                assert let_go(tx, task.about, NOW, "c.modele")

        await self.store.write(work)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = SqliteStore.open(tmp_path / "relais.db")
    yield Bench(store)
    store.close()


async def test_a_clean_letter_leaves(bench: Bench) -> None:
    await bench.queue(CLEAN)
    await bench.worker().run_due()
    assert bench.sink.taken == [CLEAN]


async def test_a_leak_is_held_asked_about_and_audited_and_no_attempt_is_opened(
    bench: Bench,
) -> None:
    await bench.queue(LEAK)
    await bench.worker().run_due()
    assert bench.sink.taken == []
    row = await bench.row()
    assert (row.state, row.reason, row.attempts) == (DeliveryState.HELD, "leak-suspected", 0)
    [task] = await bench.tasks()
    assert (task.kind, task.about) == (TaskKind.LEAK, "d1")
    lines = await bench.store.read(lambda tx: tx.audit.entries())
    told = repr([line.detail for line in lines])
    assert "body, line 1" in told
    assert "committal-number" in told
    assert "12345" not in told


async def test_what_says_prison_is_held_in_a_discreet_letter_alone(bench: Bench) -> None:
    says = b"Subject: Lettre\r\n\r\nen detention\r\n"
    await bench.queue(says, "open")
    await bench.queue(says, "discreet", discreet=True)
    await bench.worker().run_due()
    assert bench.sink.taken == [says]
    assert (await bench.row("discreet")).state is DeliveryState.HELD


async def test_the_answer_go_on_lets_those_bytes_leave(bench: Bench) -> None:
    await bench.queue(LEAK)
    await bench.worker().run_due()
    [task] = await bench.tasks()
    await bench.answer(task, "go-on")
    await bench.worker().run_due()
    assert bench.sink.taken == [LEAK]


async def test_a_release_by_hand_without_the_answer_is_held_again(bench: Bench) -> None:
    await bench.queue(LEAK)
    await bench.worker().run_due()
    [task] = await bench.tasks()
    await bench.answer(task, "done")
    await bench.store.write(lambda tx: tx.outbox.move("d1", DeliveryState.QUEUED, NOW, due_at=NOW))
    await bench.worker().run_due()
    assert bench.sink.taken == []
    [again] = await bench.tasks()
    assert again.id != task.id


async def test_go_on_for_one_letter_is_nothing_to_another(bench: Bench) -> None:
    await bench.queue(LEAK)
    await bench.worker().run_due()
    [task] = await bench.tasks()
    await bench.answer(task, "go-on")
    await bench.queue(LEAK + b"encore", "d2")
    await bench.worker().run_due()
    assert bench.sink.taken == [LEAK]
    assert (await bench.row("d2")).state is DeliveryState.HELD


async def test_other_rules_read_what_is_held_again(bench: Bench) -> None:
    await bench.queue(LEAK)
    worker = bench.worker()
    await worker.recover()
    await worker.run_due()
    bench.wall.version, bench.wall.blind = "2", True
    await worker.rules_changed()
    await worker.run_due()
    assert bench.sink.taken == [LEAK]


async def test_the_same_rules_read_nothing_again(bench: Bench) -> None:
    await bench.queue(LEAK)
    worker = bench.worker()
    await worker.recover()
    await worker.run_due()
    await worker.rules_changed()
    assert (await bench.row()).state is DeliveryState.HELD


async def test_a_verdict_on_other_bytes_or_by_other_rules_opens_nothing(bench: Bench) -> None:
    await bench.queue(CLEAN)
    digest = hashlib.sha256(CLEAN).hexdigest()
    for screened in (Screened("0" * 64, "1", ()), Screened(digest, "0", ()), None):
        work = partial(_opened, screened=screened, wall=bench.wall)
        assert getattr(await bench.store.write(work), "reason", "") == "to-be-read-again"
    assert (await bench.row()).state is DeliveryState.QUEUED


def _opened(tx: Tx, screened: Screened | None, wall: Wall) -> Opened | NotOpened:
    return open_attempt(tx, "d1", NOW, lambda *_: Leave(), screened, wall)


async def test_what_the_gate_cancels_raises_no_leak_task(bench: Bench) -> None:
    bench.gate = Cancel("consent-withdrawn")
    await bench.queue(LEAK)
    await bench.worker().run_due()
    assert (await bench.row()).state is DeliveryState.CANCELLED
    assert await bench.tasks() == []


async def test_the_letter_is_read_off_the_loop(bench: Bench) -> None:
    await bench.queue(CLEAN)
    await bench.worker().run_due()
    assert bench.wall.threads
    assert threading.get_ident() not in bench.wall.threads
