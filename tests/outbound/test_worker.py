import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog

from engine.model.config import Retry
from engine.model.errors import StoreError
from engine.model.flow import (
    Accepted,
    Cause,
    Deferred,
    Delivery,
    DeliveryState,
    JournalState,
    Outcome,
    Unknown,
)
from engine.model.task import TaskKind
from engine.outbound.ledger import NotOpened, open_attempt
from engine.outbound.permission import Cancel, Hold, Leave, Permission, Wait
from engine.outbound.smtp import SmtpTransport
from engine.outbound.traffic import Route
from engine.outbound.transport import Transport
from engine.outbound.worker import Worker
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore
from tests.outbound.test_smtp import peer_with, settings
from tests.support.certs import Certs
from tests.support.deliveries import NOW, a_delivery, a_mime
from tests.support.smtp_peer import DROP, GOOD, SILENCE, Act, Peer, Reply
from tests.support.stores import entry

T = TypeVar("T")
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class Scripted:
    """A transport that gives what it is told, for what no peer can be made to do."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.dialed: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.party = asyncio.Barrier(1)
        self.most = self.now = 0

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        self.dialed.append(delivery.id)
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.set()
        try:
            await self.gate.wait()
            await self.party.wait()
        finally:
            self.now -= 1
        if len(self.outcomes) > 1:
            return self.outcomes.pop(0)
        return self.outcomes[0]

    async def close(self) -> None: ...


@dataclass
class Bench:
    """A real store, a clock that the test moves, and a worker."""

    store: SqliteStore
    clock: datetime = NOW
    counted: Counter[str] = field(default_factory=Counter)
    answer: Callable[[Delivery], Permission] = lambda _: Leave()

    def increment(self, name: str, **labels: str) -> None:
        self.counted[name] += 1

    def worker(self, transport: Transport, **changes: Any) -> Worker:
        route = Route(transport, changes.pop("concurrency", 4), changes.pop("per_minute", 6000))
        values: dict[str, Any] = {
            "may_leave": lambda tx, row, now: self.answer(row),
            "allowed": lambda address: True,
            "policy": Retry(jitter=0),
            "now": lambda: self.clock,
            "dice": lambda: 0.5,
            "counters": self,
        }
        return Worker(self.store, {"mss": route}, **(values | changes))

    async def queue(self, *idents: str, **changes: Any) -> None:
        def add(tx: Tx) -> None:
            for ident in idents:
                delivery = a_delivery(ident, **changes)
                tx.outbox.add(delivery, a_mime(delivery), {})

        await self.store.write(add)

    async def row(self, ident: str = "d1") -> Delivery:
        row = await self.store.read(lambda tx: tx.outbox.get(ident))
        assert row is not None
        return row

    async def audit(self) -> list[str]:
        return [entry.kind for entry in await self.store.read(lambda tx: tx.audit.entries())]

    async def tasks(self) -> list[TaskKind]:
        return [task.kind for task in await self.store.read(lambda tx: tx.tasks.listing())]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = SqliteStore.open(tmp_path / "relais.db")
    yield Bench(store)
    store.close()


@asynccontextmanager
async def smtp(
    certs: Certs, script: dict[str, list[Act]], **changes: Any
) -> AsyncIterator[tuple[SmtpTransport, Peer]]:
    async with peer_with(certs, script) as peer:
        transport = SmtpTransport(settings(peer, certs, **changes))
        yield transport, peer
        await transport.close()


async def test_a_letter_leaves_with_its_attempt_and_its_audit_lines(
    bench: Bench, certs: Certs
) -> None:
    await bench.queue("d1")
    async with smtp(certs, {}) as (transport, peer):
        assert await bench.worker(transport).run_due() == 1
        assert [mail.body for mail in peer.mails] == [a_mime(a_delivery("d1"))]
    assert (await bench.row()).state is DeliveryState.RELAYED
    assert await bench.audit() == ["attempt-opened", "attempt-closed"]
    (attempt,) = await bench.store.read(lambda tx: tx.outbox.attempts("d1"))
    assert (attempt.number, attempt.outcome) == (1, "accepted")
    (_, closed) = await bench.store.read(lambda tx: tx.audit.entries())
    assert closed.detail["reply"] == "250 2.0.0 queued as 4XyZ12abc"
    assert bench.counted["outbound_attempts"] == 1


async def test_two_failures_then_success_is_one_mail_with_one_message_id(
    bench: Bench, certs: Certs
) -> None:
    await bench.queue("d1")
    script: dict[str, list[Act]] = {"rcpt": [Reply("451 4.7.1 later"), DROP, GOOD]}
    async with smtp(certs, script) as (transport, peer):
        worker = bench.worker(transport)
        assert await worker.run_due() == 1
        assert await worker.run_due() == 0  # not due yet
        first = await bench.row()
        assert (first.state, first.due_at) == (DeliveryState.QUEUED, NOW + MINUTE)
        assert first.reason == "busy 451 4.7.1"
        bench.clock = NOW + MINUTE
        assert await worker.run_due() == 1
        bench.clock = NOW + 3 * MINUTE
        assert await worker.run_due() == 1
        assert len(peer.mails) == 1
    row = await bench.row()
    assert (row.state, row.attempts, row.possibly_sent) == (DeliveryState.RELAYED, 3, False)
    assert await bench.tasks() == []


async def test_silence_after_the_dot_sends_again_with_the_same_message_id(
    bench: Bench, certs: Certs
) -> None:
    await bench.queue("d1")
    script: dict[str, list[Act]] = {"final-dot": [SILENCE, GOOD]}
    patience = timedelta(seconds=0.2)
    async with smtp(certs, script, data_timeout=patience) as (transport, peer):
        worker = bench.worker(transport)
        await worker.run_due()
        row = await bench.row()
        assert (row.state, row.possibly_sent) == (DeliveryState.QUEUED, True)
        bench.clock = NOW + MINUTE
        await worker.run_due()
        assert [mail.body for mail in peer.mails] == [a_mime(a_delivery("d1"))]
    assert (await bench.row()).state is DeliveryState.RELAYED


async def test_a_rejection_closes_the_letter_and_asks_a_person(bench: Bench, certs: Certs) -> None:
    await bench.queue("d1")
    async with smtp(certs, {"rcpt": [Reply("550 5.1.1 no")]}) as (transport, _):
        await bench.worker(transport).run_due()
    row = await bench.row()
    assert (row.state, row.reason) == (DeliveryState.REJECTED, "mailbox 550 5.1.1")
    assert await bench.tasks() == [TaskKind.DELIVERY_FAILED]
    assert await bench.audit() == ["attempt-opened", "attempt-closed", "task-raised"]


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Deferred(Cause.CONNECT), TaskKind.DELIVERY_FAILED),
        (Unknown(), TaskKind.DELIVERY_UNCERTAIN),
    ],
)
async def test_age_ends_in_a_task_and_never_in_loss(
    bench: Bench, outcome: Outcome, kind: TaskKind
) -> None:
    await bench.queue("d1")
    worker = bench.worker(Scripted(outcome))
    bench.clock = NOW + timedelta(hours=24)
    await worker.run_due()
    assert (await bench.row()).state is DeliveryState.EXPIRED
    assert await bench.tasks() == [kind]


async def test_a_letter_sent_anew_by_hand_that_fails_again_asks_again(bench: Bench) -> None:
    await bench.queue("d1")
    transport = Scripted(Deferred(Cause.CONNECT))
    bench.clock = NOW + timedelta(hours=24)
    await bench.worker(transport).run_due()
    await bench.store.write(
        lambda tx: tx.outbox.move("d1", DeliveryState.QUEUED, bench.clock, due_at=bench.clock)
    )
    await bench.worker(transport).run_due()
    assert len(await bench.tasks()) == 2


async def test_a_letter_refused_one_moment_before_never_dials(bench: Bench, certs: Certs) -> None:
    await bench.queue("d1")
    bench.answer = lambda _: Cancel("consent-withdrawn")
    async with smtp(certs, {}) as (transport, peer):
        await bench.worker(transport).run_due()
        assert peer.connections == 0
    row = await bench.row()
    assert (row.state, row.reason) == (DeliveryState.CANCELLED, "consent-withdrawn")
    assert await bench.audit() == ["delivery-moved"]
    assert not await bench.store.read(lambda tx: tx.outbox.attempts("d1"))


async def test_the_gate_is_asked_in_the_very_transaction_that_opens_the_attempt(
    bench: Bench,
) -> None:
    await bench.queue("d1")
    await bench.store.write(lambda tx: tx.meta.put("consent", "granted"))
    transport = Scripted(Accepted("250"))

    def gate(tx: Tx, row: Delivery, now: datetime) -> Permission:
        return Leave() if tx.meta.get("consent") == "granted" else Cancel("consent-withdrawn")

    worker = bench.worker(transport, may_leave=gate)
    # Written after the worker has read what is due, before it opens: both are queued in order.
    due = asyncio.create_task(worker.run_due())
    await bench.store.write(lambda tx: tx.meta.put("consent", "withdrawn"))
    await due
    states = {(await bench.row()).state: transport.dialed}
    assert states in ({DeliveryState.CANCELLED: []}, {DeliveryState.RELAYED: ["d1"]})
    await bench.queue("d2")
    await worker.run_due()
    assert (await bench.row("d2")).state is DeliveryState.CANCELLED
    assert "d2" not in transport.dialed


async def test_a_letter_that_must_wait_is_postponed_and_one_to_be_held_is_held(
    bench: Bench,
) -> None:
    await bench.queue("d1", "d2")
    transport = Scripted(Accepted("250"))
    bench.answer = lambda row: Wait(NOW + MINUTE, "night") if row.id == "d1" else Hold("doubt")
    await bench.worker(transport).run_due()
    first, second = await bench.row("d1"), await bench.row("d2")
    assert (first.state, first.due_at) == (DeliveryState.QUEUED, NOW + MINUTE)
    assert (second.state, second.reason) == (DeliveryState.HELD, "doubt")
    assert transport.dialed == []
    assert sorted(await bench.audit()) == ["delivery-moved", "delivery-moved"]


async def test_in_test_mode_no_other_address_is_ever_dialed(bench: Bench) -> None:
    await bench.queue("d1")
    transport = Scripted(Accepted("250"))
    await bench.worker(transport, allowed=lambda address: address == "essai@x.example").run_due()
    row = await bench.row()
    assert (row.state, row.reason) == (DeliveryState.HELD, "not-a-test-mailbox")
    assert transport.dialed == []


async def test_a_channel_that_is_not_configured_holds_its_letters(bench: Bench) -> None:
    await bench.queue("d1", channel="apicrypt")
    await bench.worker(Scripted(Accepted("250"))).run_due()
    assert (await bench.row()).reason == "channel-not-configured"


async def test_what_was_held_for_want_of_a_channel_goes_on_once_it_is_configured(
    bench: Bench,
) -> None:
    await bench.queue("d1", channel="apicrypt")
    await bench.queue("d2", channel="fax")
    transport = Scripted(Accepted("250"))
    worker = bench.worker(transport)
    await worker.run_due()
    routes = worker._routes
    worker.reroute({**routes, "apicrypt": next(iter(routes.values()))}, Retry())
    await worker.rules_changed()
    first, second = await bench.row("d1"), await bench.row("d2")
    assert (first.state, first.reason) == (DeliveryState.QUEUED, "channel-returned")
    assert (second.state, second.reason) == (DeliveryState.HELD, "channel-not-configured")
    await worker.run_due()
    assert (await bench.row("d1")).state is DeliveryState.RELAYED


async def test_a_pause_stops_all_sending_until_it_ends(bench: Bench) -> None:
    await bench.queue("d1")
    transport = Scripted(Accepted("250"))
    worker = bench.worker(transport)
    await bench.store.write(lambda tx: tx.meta.put("paused", "by hand"))
    assert await worker.run_due() == 0
    await bench.store.write(lambda tx: tx.meta.put("paused", None))
    assert await worker.run_due() == 1
    assert transport.dialed == ["d1"]


async def test_no_attempt_is_opened_at_what_is_held_or_not_due_whoever_asks(bench: Bench) -> None:
    await bench.queue("later", due_at=NOW + MINUTE)
    await bench.queue("held")
    await bench.store.write(lambda tx: tx.outbox.move("held", DeliveryState.HELD, NOW))
    for ident in ("later", "held", "unknown"):
        opened = await bench.store.write(
            lambda tx, ident=ident: open_attempt(tx, ident, NOW, lambda *_: Leave())
        )
        assert opened == NotOpened("gone", "moved")


async def test_nothing_leaves_before_what_was_acknowledged_a_second_ago_was_read(
    bench: Bench,
) -> None:
    await bench.queue("d1")
    transport = Scripted(Accepted("250"))
    worker = bench.worker(transport)
    number = await bench.store.write(lambda tx: tx.journal.add(entry(1), NOW - SECOND))
    assert await worker.run_due() == 0
    opened = await bench.store.write(lambda tx: open_attempt(tx, "d1", NOW, lambda *_: Leave()))
    assert opened == NotOpened("gone", "unread-messages")
    assert (await bench.row()).state is DeliveryState.QUEUED
    # Read, and something came half a second ago: that is no delay yet.
    await bench.store.write(lambda tx: tx.journal.close(number, JournalState.PROCESSED, NOW))
    await bench.store.write(lambda tx: tx.journal.add(entry(2), NOW - SECOND / 2))
    assert await worker.run_due() == 1
    assert transport.dialed == ["d1"]


async def test_killed_between_the_commits_the_letter_goes_again_with_the_same_message_id(
    bench: Bench, certs: Certs
) -> None:
    await bench.queue("d1")
    # The first process: commit 3a, the mail leaves, and then nothing more.
    opened = await bench.store.write(lambda tx: open_attempt(tx, "d1", NOW, lambda *_: Leave()))
    assert (await bench.row()).state is DeliveryState.SENDING
    async with smtp(certs, {}) as (transport, peer):
        delivery = a_delivery("d1")
        await transport.attempt(delivery, a_mime(delivery))
        del opened
        # The second one.
        worker = bench.worker(transport)
        assert await worker.recover() == 1
        row = await bench.row()
        assert (row.state, row.possibly_sent, row.due_at) == (
            DeliveryState.QUEUED,
            True,
            NOW + MINUTE,
        )
        (cut,) = await bench.store.read(lambda tx: tx.outbox.attempts("d1"))
        assert cut.closed_at is not None
        bench.clock = NOW + MINUTE
        await worker.run_due()
        assert [mail.body for mail in peer.mails] == 2 * [a_mime(delivery)]
    assert (await bench.row()).state is DeliveryState.RELAYED
    assert await worker.recover() == 0


async def test_an_outcome_is_not_lost_while_the_store_refuses_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.queue("d1")
    monkeypatch.setattr("engine.outbound.worker._WRITE_AGAIN", (0.001,))
    honest, refusals = bench.store.write, iter([False, True, True])

    async def write(work: Callable[[Tx], T]) -> T:
        if next(refusals, False):
            raise StoreError(where="store", effect="refused", remedy="make room")
        return await honest(work)

    monkeypatch.setattr(bench.store, "write", write)
    transport = Scripted(Accepted("250"))
    await bench.worker(transport).run_due()
    assert (await bench.row()).state is DeliveryState.RELAYED
    assert transport.dialed == ["d1"]
    assert bench.counted["outbound_store_faults"] == 2


async def test_a_channel_never_has_more_attempts_than_its_slots(bench: Bench) -> None:
    await bench.queue(*(f"d{number}" for number in range(9)))
    transport = Scripted(Accepted("250"))
    transport.party = asyncio.Barrier(3)  # nobody passes before three are there
    worker = bench.worker(transport, concurrency=3)
    passes = [await worker.run_due() for _ in range(3)]
    assert passes == [3, 3, 3]
    assert transport.most == 3
    assert sorted(transport.dialed) == [f"d{number}" for number in range(9)]


async def test_a_destination_gets_no_more_than_its_pace(bench: Bench) -> None:
    await bench.queue(*(f"d{number}" for number in range(5)))
    transport = Scripted(Accepted("250"))
    worker = bench.worker(transport, concurrency=9, per_minute=12)
    assert await worker.run_due() == 2
    assert await worker.run_due() == 0
    bench.clock = NOW + timedelta(seconds=6)
    assert await worker.run_due() == 1


async def test_a_failing_relay_rests_then_gets_one_probe(bench: Bench) -> None:
    await bench.queue(*(f"d{number}" for number in range(8)))
    transport = Scripted(Deferred(Cause.CONNECT))
    worker = bench.worker(transport, concurrency=1)
    for _ in range(8):
        await worker.run_due()
    assert len(transport.dialed) == 5
    assert worker.resting() == 1
    bench.clock = NOW + timedelta(minutes=5)
    assert await bench.worker(transport, concurrency=4).run_due() == 4  # a fresh one has no rest
    transport.outcomes = [Accepted("250")]
    rested = bench.worker(transport, concurrency=4)
    assert rested.resting() == 0


async def test_after_a_rest_only_one_letter_probes(bench: Bench) -> None:
    await bench.queue(*(f"d{number}" for number in range(8)))
    transport = Scripted(*[Deferred(Cause.CONNECT)] * 5, Accepted("250"))
    worker = bench.worker(transport, concurrency=5)
    assert await worker.run_due() == 5
    assert await worker.run_due() == 0
    bench.clock = NOW + timedelta(minutes=5)
    assert await worker.run_due() == 1
    assert worker.resting() == 0
    assert await worker.run_due() == 5


async def test_letters_to_a_resting_destination_do_not_hide_the_others(bench: Bench) -> None:
    await bench.queue(*(f"a{number:03}" for number in range(100)))
    await bench.queue("z1", address="cabinet@ailleurs.example", due_at=NOW + timedelta(seconds=1))
    bench.clock = NOW + timedelta(seconds=1)
    transport = Scripted(*[Deferred(Cause.BUSY, 451)] * 5, Accepted("250"))
    worker = bench.worker(transport, concurrency=5)
    assert await worker.run_due() == 5
    assert await worker.run_due() == 1
    assert transport.dialed[-1] == "z1"


async def test_running_it_recovers_sends_what_is_woken_and_stops(bench: Bench) -> None:
    transport = Scripted(Accepted("250"))
    worker = bench.worker(transport, poll=timedelta(hours=1))
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    await bench.queue("d1")
    worker.wake()
    async with asyncio.timeout(5):
        await transport.begun.wait()
        worker.stop()
        await running
    assert (await bench.row()).state is DeliveryState.RELAYED


async def test_a_stop_lets_the_attempt_under_way_end(bench: Bench) -> None:
    await bench.queue("d1")
    transport = Scripted(Accepted("250"))
    transport.gate.clear()
    worker = bench.worker(transport)
    running = asyncio.create_task(worker.run())
    await transport.begun.wait()
    worker.stop()
    transport.gate.set()
    await running
    assert (await bench.row()).state is DeliveryState.RELAYED
    assert worker.under_way == 0


@pytest.mark.parametrize("cut", ["stop", "cancel"])
async def test_a_dial_cut_by_the_stop_is_written_down(bench: Bench, cut: str) -> None:
    await bench.queue("d1")
    transport = Scripted(Accepted("250"))
    transport.gate.clear()
    worker = bench.worker(transport, drain=timedelta(seconds=0.02))
    running = asyncio.create_task(worker.run())
    await transport.begun.wait()
    if cut == "stop":
        worker.stop()
        await running
    else:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    row = await bench.row()
    assert (row.state, row.reason) == (DeliveryState.QUEUED, "dropped")
    assert not row.possibly_sent


async def test_a_dial_cut_after_the_final_dot_is_written_as_possibly_sent(
    bench: Bench, certs: Certs
) -> None:
    await bench.queue("d1")
    async with smtp(certs, {"final-dot": [SILENCE]}) as (transport, peer):
        worker = bench.worker(transport, drain=timedelta(0))
        running = asyncio.create_task(worker.run())
        await peer.final_dot_seen.wait()
        worker.stop()
        await running
    row = await bench.row()
    assert (row.state, row.possibly_sent) == (DeliveryState.QUEUED, True)


async def test_a_transport_that_raises_counts_as_possibly_sent(bench: Bench) -> None:
    class Broken(Scripted):
        async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
            raise RuntimeError(delivery.address)

    await bench.queue("d1")
    with structlog.testing.capture_logs() as logs:
        await bench.worker(Broken()).run_due()
    assert (await bench.row()).possibly_sent
    assert "medecin" not in repr(logs)


async def test_no_log_line_names_an_address_or_a_patient(bench: Bench, certs: Certs) -> None:
    await bench.queue("d1", "d2", "d3")
    script: dict[str, list[Act]] = {
        "rcpt": [Reply("550 5.1.1 <cabinet@medecin.example> unknown"), DROP, GOOD]
    }
    with structlog.testing.capture_logs() as logs:
        async with smtp(certs, script) as (transport, _):
            await bench.worker(transport, concurrency=1).run_due()
            await bench.worker(transport, concurrency=1).run_due()
            await bench.worker(transport, concurrency=1).run_due()
    assert len(logs) >= 3
    for secret in ("medecin", "IPP1", "hopital"):
        assert secret not in repr(logs)
    audit = await bench.store.read(lambda tx: tx.audit.entries())
    assert "medecin" not in repr([entry.detail for entry in audit])


async def test_an_outcome_that_cannot_be_written_before_the_stop_is_left_to_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.queue("d1")
    transport = Scripted(Accepted("250"))
    worker = bench.worker(transport, drain=timedelta(seconds=0.02))
    honest, broken = bench.store.write, asyncio.Event()

    async def write(work: Callable[[Tx], T]) -> T:
        if broken.is_set():
            raise StoreError(where="store", effect="refused", remedy="make room")
        return await honest(work)

    monkeypatch.setattr(bench.store, "write", write)
    transport.gate.clear()
    running = asyncio.create_task(worker.run())
    await transport.begun.wait()
    broken.set()
    transport.gate.set()
    worker.stop()
    await running
    assert (await bench.row()).state is DeliveryState.SENDING
    broken.clear()
    assert await bench.worker(transport).recover() == 1
    assert (await bench.row()).possibly_sent
