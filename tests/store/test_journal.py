from collections.abc import Callable

import pytest

from engine.model.errors import StoreError
from engine.model.flow import AckCode, JournalState
from engine.store.interface import Earlier, Store, Tx
from tests.support.stores import NOW, after, entry


async def test_a_message_comes_back_as_it_was_stored(store: Store) -> None:
    new = entry(7, raw=bytes(range(256)), reason="103 MSH-18")
    number = await store.write(lambda tx: tx.journal.add(new, NOW))
    kept = await store.read(lambda tx: tx.journal.get(number))
    assert kept is not None
    assert (kept.id, kept.received_at, kept.raw) == (number, NOW, new.raw)
    assert (kept.source, kept.peer, kept.sender) == (new.source, new.peer, new.sender)
    assert (kept.control_id, kept.message_type) == (new.control_id, new.message_type)
    assert (kept.processing_id, kept.state, kept.ack) == ("P", JournalState.RECEIVED, AckCode.AA)
    assert (kept.reason, kept.size, kept.processed_at, kept.note) == ("103 MSH-18", 256, None, "")


async def test_an_unknown_entry_is_none(store: Store) -> None:
    assert await store.read(lambda tx: tx.journal.get(1)) is None


async def test_earlier_gives_the_same_sender_and_control_id_alone_oldest_first(
    store: Store,
) -> None:
    first, second = entry(1), entry(1, raw=b"other bytes", ack=AckCode.AE)
    wanted = await store.write(
        lambda tx: [
            Earlier(tx.journal.add(first, NOW), first.content_hash, AckCode.AA),
            Earlier(tx.journal.add(second, NOW), second.content_hash, AckCode.AE),
        ]
    )
    await store.write(lambda tx: tx.journal.add(entry(2), NOW))
    await store.write(lambda tx: tx.journal.add(entry(1, sender="OTHER|CHU"), NOW))
    await store.write(lambda tx: tx.journal.add(entry(1, state=JournalState.DUPLICATE), NOW))
    assert list(await store.read(lambda tx: tx.journal.earlier("DPI|CHU", "1"))) == wanted


async def test_a_message_without_a_control_id_is_never_the_same_as_another(store: Store) -> None:
    await store.write(lambda tx: tx.journal.add(entry(control_id="", sender=""), NOW))
    assert list(await store.read(lambda tx: tx.journal.earlier("", ""))) == []


async def test_earlier_sees_what_the_same_transaction_stored(store: Store) -> None:
    def twice(tx: Tx) -> int:
        tx.journal.add(entry(3), NOW)
        return len(tx.journal.earlier("DPI|CHU", "3"))

    assert await store.write(twice) == 1


async def test_unprocessed_gives_received_rows_oldest_first_with_their_bytes(store: Store) -> None:
    for number in range(5):
        await store.write(lambda tx, n=number: tx.journal.add(entry(n), NOW))
    await store.write(lambda tx: tx.journal.close(2, JournalState.PROCESSED, NOW, "1 fact"))
    rows = await store.read(lambda tx: tx.journal.unprocessed(3))
    assert [row.id for row in rows] == [1, 3, 4]
    assert [row.raw for row in rows] == [entry(n).raw for n in (0, 2, 3)]


async def test_close_says_how_it_ended_and_reopen_makes_it_received_again(store: Store) -> None:
    number = await store.write(lambda tx: tx.journal.add(entry(), NOW))
    await store.write(
        lambda tx: tx.journal.close(number, JournalState.PARKED, after(seconds=1), "PV1-3")
    )
    kept = await store.read(lambda tx: tx.journal.get(number))
    assert kept is not None
    assert (kept.state, kept.processed_at, kept.note) == (
        JournalState.PARKED,
        after(seconds=1),
        "PV1-3",
    )
    await store.write(lambda tx: tx.journal.reopen(number))
    again = await store.read(lambda tx: tx.journal.get(number))
    assert again is not None
    assert (again.state, again.processed_at, again.note) == (JournalState.RECEIVED, None, "")


@pytest.mark.parametrize("verb", ["close", "reopen"])
async def test_an_entry_that_does_not_exist_cannot_change(store: Store, verb: str) -> None:
    def change(tx: Tx) -> None:
        if verb == "close":
            tx.journal.close(9, JournalState.LEFT, NOW)
        else:
            tx.journal.reopen(9)

    with pytest.raises(StoreError):
        await store.write(change)


@pytest.mark.parametrize("state", [None, *JournalState])
async def test_a_listing_is_newest_first_and_light(
    store: Store, state: JournalState | None
) -> None:
    states = list(JournalState) * 3
    for number, each in enumerate(states):
        await store.write(lambda tx, n=number, s=each: tx.journal.add(entry(n, state=s), NOW))
    expected = [n + 1 for n, each in enumerate(states) if state in (None, each)][::-1]
    rows = await store.read(lambda tx: tx.journal.listing(state=state))
    assert [row.id for row in rows] == expected
    assert {row.raw for row in rows} == {b""}
    older = await store.read(
        lambda tx: tx.journal.listing(state=state, limit=1, before=expected[0])
    )
    assert [row.id for row in older] == expected[1:2]


async def test_counts_name_every_state(store: Store) -> None:
    assert await store.read(lambda tx: tx.journal.counts()) == dict.fromkeys(JournalState, 0)
    states = [*JournalState, JournalState.PROCESSED, JournalState.RECEIVED]
    for number, each in enumerate(states):
        await store.write(lambda tx, n=number, s=each: tx.journal.add(entry(n, state=s), NOW))
    counts = await store.read(lambda tx: tx.journal.counts())
    assert counts == {state: states.count(state) for state in JournalState}


async def test_labels_that_utf8_cannot_hold_do_not_lose_the_message(store: Store) -> None:
    new = entry(
        raw=b"\xff\xfe\x00", peer="r\udcc3sultat.hl7", source="dépôt\x00", control_id="\ud800"
    )
    number = await store.write(lambda tx: tx.journal.add(new, NOW))
    kept = await store.read(lambda tx: tx.journal.get(number))
    assert kept is not None
    assert (kept.raw, kept.source, kept.peer) == (new.raw, "dépôt\x00", "r?sultat.hl7")
    again = await store.read(lambda tx: tx.journal.earlier(new.sender, new.control_id))
    assert [row.id for row in again] == [number]


async def test_rows_are_there_after_the_store_was_opened_again(
    open_store: Callable[[], Store],
) -> None:
    store = open_store()
    number = await store.write(lambda tx: tx.journal.add(entry(), NOW))
    store.close()
    store = open_store()
    kept = await store.read(lambda tx: tx.journal.get(number))
    store.close()
    assert kept is not None
    assert kept.raw == entry().raw
