import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.errors import StoreError
from engine.model.flow import (
    MOVES,
    Accepted,
    Cause,
    Deferred,
    Delivery,
    DeliveryState,
    Outcome,
    Rejected,
    Unknown,
)
from engine.store.interface import Attempt, Store, Tx
from tests.support.stores import NOW, OTHER, PATIENT, after, delivery, opened

CLOSED = set(DeliveryState) - {
    DeliveryState.QUEUED,
    DeliveryState.SENDING,
    DeliveryState.HELD,
}
# The shortest way to each state.
WAY = {
    DeliveryState.QUEUED: (),
    DeliveryState.SENDING: (DeliveryState.SENDING,),
    DeliveryState.HELD: (DeliveryState.HELD,),
    DeliveryState.CANCELLED: (DeliveryState.CANCELLED,),
    DeliveryState.EXPIRED: (DeliveryState.EXPIRED,),
    DeliveryState.RELAYED: (DeliveryState.SENDING, DeliveryState.RELAYED),
    DeliveryState.REJECTED: (DeliveryState.SENDING, DeliveryState.REJECTED),
}


def queue(tx: Tx, letter: Delivery) -> None:
    tx.outbox.add(letter, b"mime", {})


@pytest.mark.parametrize("discreet", [False, True])
async def test_a_letter_comes_back_as_it_was_queued(store: Store, discreet: bool) -> None:
    letter = delivery(
        parts=("b" * 64, "c" * 64), purposes=("x", "y"), discreet=discreet, reason="because"
    )
    files = {"letter.pdf": b"%PDF\x00", "cda.xml": b"<a/>"}
    await store.write(lambda tx: tx.outbox.add(letter, b"From: \xff\r\n", files))
    assert await store.read(lambda tx: tx.outbox.get("d1")) == letter
    assert await store.read(lambda tx: tx.outbox.mime("d1")) == b"From: \xff\r\n"
    assert await store.read(lambda tx: tx.outbox.files("d1")) == files
    assert await store.read(lambda tx: tx.outbox.get("d2")) is None


@pytest.mark.parametrize(
    "again", [delivery(), delivery("d2", message_id="<d1@chu.example>")], ids=["id", "Message-ID"]
)
async def test_the_same_letter_is_never_queued_twice(store: Store, again: Delivery) -> None:
    await store.write(lambda tx: queue(tx, delivery()))
    with pytest.raises(StoreError):
        await store.write(lambda tx: queue(tx, again))
    assert len(await store.read(lambda tx: tx.outbox.listing())) == 1


async def test_due_letters_come_most_overdue_first_without_the_busy_channels(
    store: Store,
) -> None:
    letters = [
        delivery("late", due_at=after(minutes=-9)),
        delivery("later", due_at=after(minutes=-20), channel="folder"),
        delivery("now"),
        delivery("soon", due_at=after(microseconds=1)),
        delivery("held", due_at=after(minutes=-30)),
    ]
    for letter in letters:
        await store.write(lambda tx, each=letter: queue(tx, each))
    await store.write(lambda tx: tx.outbox.move("held", DeliveryState.HELD, NOW))

    async def due(limit: int = 10, **busy: tuple[str, ...]) -> list[str]:
        rows = await store.read(lambda tx: tx.outbox.due(NOW, limit, **busy))
        return [row.id for row in rows]

    assert await due() == ["later", "late", "now"]
    assert await due(2) == ["later", "late"]
    assert await due(busy_channels=("folder", "?")) == ["late", "now"]
    assert await store.read(lambda tx: tx.outbox.next_due()) == after(minutes=-20)


async def test_an_empty_outbox_has_no_next_due(store: Store) -> None:
    assert await store.read(lambda tx: tx.outbox.next_due()) is None


@pytest.mark.parametrize(("start", "to"), list(itertools.product(DeliveryState, DeliveryState)))
async def test_every_pair_of_states_moves_as_the_table_says(
    store: Store, start: DeliveryState, to: DeliveryState
) -> None:
    def arrive(tx: Tx) -> None:
        queue(tx, delivery())
        for state in WAY[start]:
            tx.outbox.move("d1", state, NOW)

    await store.write(arrive)
    before = await store.read(lambda tx: tx.outbox.get("d1"))
    if to in MOVES[start]:
        moved = await store.write(
            lambda tx: tx.outbox.move(
                "d1", to, after(hours=1), due_at=after(hours=2), reason="r", possibly_sent=True
            )
        )
        assert moved == await store.read(lambda tx: tx.outbox.get("d1"))
        assert (moved.state, moved.reason, moved.possibly_sent) == (to, "r", True)
        assert moved.due_at == after(hours=2)
        assert moved.closed_at == (after(hours=1) if to in CLOSED else None)
    else:
        with pytest.raises(StoreError):
            await store.write(lambda tx: tx.outbox.move("d1", to, NOW))
        assert await store.read(lambda tx: tx.outbox.get("d1")) == before


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*DeliveryState, "open", "close"]), max_size=25)))
def test_no_sequence_of_verbs_ever_leaves_the_table_of_moves(
    tmp_path_factory: pytest.TempPathFactory, sequences: list[list[str]]
) -> None:
    async def go(folder: Path) -> None:
        with opened(folder) as store:
            for number, sequence in enumerate(sequences):
                name = f"d{number}"
                await store.write(lambda tx, n=name: queue(tx, delivery(n)))
                await follow(store, name, sequence)

    asyncio.run(go(tmp_path_factory.mktemp("moves")))


async def follow(store: Store, name: str, sequence: list[str]) -> None:
    state, opened_attempts = DeliveryState.QUEUED, 0
    for verb in sequence:

        def work(tx: Tx, verb: str = verb, last: int = opened_attempts) -> None:
            if verb == "open":
                tx.outbox.open_attempt(name, NOW)
            elif verb == "close":
                tx.outbox.close_attempt(name, last, None, NOW)
            else:
                tx.outbox.move(name, DeliveryState(verb), NOW)

        try:
            await store.write(work)
        except StoreError:
            refused = True
        else:
            refused = False
        row = await store.read(lambda tx: tx.outbox.get(name))
        assert row is not None
        assert row.state is state if refused else row.state in {state, *MOVES[state]}
        if verb not in ("open", "close"):
            assert refused == (DeliveryState(verb) not in MOVES[state])
        opened_attempts += verb == "open" and not refused
        state = row.state
        attempts = await store.read(lambda tx: tx.outbox.attempts(name))
        assert [each.number for each in attempts] == list(range(1, row.attempts + 1))
        assert row.attempts == opened_attempts


async def test_an_attempt_is_written_before_dialing_and_counts(store: Store) -> None:
    await store.write(lambda tx: queue(tx, delivery()))
    assert await store.write(lambda tx: tx.outbox.open_attempt("d1", NOW)) == 1
    row = await store.read(lambda tx: tx.outbox.get("d1"))
    assert row is not None
    assert (row.state, row.attempts) == (DeliveryState.SENDING, 1)
    assert [each.id for each in await store.read(lambda tx: tx.outbox.sending())] == ["d1"]
    assert list(await store.read(lambda tx: tx.outbox.attempts("d1"))) == [
        Attempt("d1", 1, NOW, None, None, None, None, None)
    ]


async def test_two_workers_never_open_the_same_letter(store: Store) -> None:
    await store.write(lambda tx: queue(tx, delivery()))
    tries = [store.write(lambda tx: tx.outbox.open_attempt("d1", NOW)) for _ in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert results.count(1) == 1
    assert sum(isinstance(each, StoreError) for each in results) == 19


@pytest.mark.parametrize(
    ("outcome", "row"),
    [
        (Accepted("250 2.0.0 Ok"), ("accepted", None, None, None, "250 2.0.0 Ok")),
        (Deferred(Cause.BUSY, 451, "4.3.0"), ("deferred", "busy", 451, "4.3.0", None)),
        (Rejected(Cause.MAILBOX, 550, "5.1.1"), ("rejected", "mailbox", 550, "5.1.1", None)),
        (Unknown(), ("possibly-sent", "silence", None, None, None)),
        (None, ("cut", None, None, None, None)),
    ],
    ids=["accepted", "deferred", "rejected", "unknown", "cut"],
)
async def test_each_outcome_is_written_on_its_attempt(
    store: Store, outcome: Outcome | None, row: tuple[object, ...]
) -> None:
    def work(tx: Tx) -> None:
        queue(tx, delivery())
        tx.outbox.open_attempt("d1", NOW)
        tx.outbox.close_attempt("d1", 1, outcome, after(seconds=3))

    await store.write(work)
    (kept,) = await store.read(lambda tx: tx.outbox.attempts("d1"))
    assert kept.closed_at == after(seconds=3)
    assert (kept.outcome, kept.cause, kept.code, kept.status, kept.reply) == row


async def test_an_attempt_closes_once(store: Store) -> None:
    def work(tx: Tx) -> None:
        queue(tx, delivery())
        tx.outbox.open_attempt("d1", NOW)
        tx.outbox.close_attempt("d1", 1, Unknown(), NOW)

    await store.write(work)
    for number in (1, 2):
        with pytest.raises(StoreError):
            await store.write(
                lambda tx, n=number: tx.outbox.close_attempt("d1", n, Accepted(""), NOW)
            )
    (kept,) = await store.read(lambda tx: tx.outbox.attempts("d1"))
    assert kept.outcome == "possibly-sent"


async def test_a_second_attempt_follows_a_closed_one(store: Store) -> None:
    def work(tx: Tx) -> int:
        queue(tx, delivery())
        tx.outbox.open_attempt("d1", NOW)
        tx.outbox.close_attempt("d1", 1, Deferred(Cause.CONNECT), NOW)
        tx.outbox.move("d1", DeliveryState.QUEUED, NOW, due_at=after(minutes=1))
        return tx.outbox.open_attempt("d1", after(minutes=1))

    assert await store.write(work) == 2


async def test_the_letters_of_a_patient_are_those_of_the_cluster_oldest_first(
    store: Store,
) -> None:
    def work(tx: Tx) -> None:
        queue(tx, delivery("new", created_at=after(hours=1)))
        queue(tx, delivery("old", patient=OTHER, created_at=after(hours=-1)))
        queue(tx, delivery("none", patient="x|y"))
        tx.facts.link(OTHER, PATIENT)

    await store.write(work)
    for key in (PATIENT, OTHER):
        rows = await store.read(lambda tx, k=key: tx.outbox.of_patient(k))
        assert [row.id for row in rows] == ["old", "new"]
    rows = await store.read(lambda tx: tx.outbox.of_patient("x|y"))
    assert [row.id for row in rows] == ["none"]


async def test_listing_and_counts_follow_the_states(store: Store) -> None:
    def work(tx: Tx) -> None:
        for name in ("a", "b", "c"):
            queue(tx, delivery(name))
        tx.outbox.move("b", DeliveryState.CANCELLED, NOW)

    await store.write(work)

    async def ids(state: DeliveryState | None, limit: int = 9) -> list[str]:
        rows = await store.read(lambda tx: tx.outbox.listing(state=state, limit=limit))
        return [row.id for row in rows]

    assert await ids(None) == ["c", "b", "a"]
    assert await ids(None, 1) == ["c"]
    assert await ids(DeliveryState.QUEUED) == ["c", "a"]
    expected = dict.fromkeys(DeliveryState, 0)
    expected |= {DeliveryState.QUEUED: 2, DeliveryState.CANCELLED: 1}
    assert await store.read(lambda tx: tx.outbox.counts()) == expected


async def test_a_letter_that_does_not_exist_is_refused(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.write(lambda tx: tx.outbox.move("x", DeliveryState.HELD, NOW))
    with pytest.raises(StoreError):
        await store.write(lambda tx: tx.outbox.open_attempt("x", NOW))
    with pytest.raises(StoreError):
        await store.read(lambda tx: tx.outbox.mime("x"))
