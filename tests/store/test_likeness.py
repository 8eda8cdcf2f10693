"""The index of those who are alike: found by what they share, readable by nobody."""

from collections.abc import Callable

import pytest

from engine.store.interface import Store, Tx
from engine.store.sqlite import SqliteStore

A, B, C = "1|x", "2|x", "3|x"


async def test_who_shares_a_trace_is_found_and_nobody_else(store: Store) -> None:
    def work(tx: Tx) -> None:
        assert tx.facts.put_traces(A, ["date-name\0a", "names\0b"]) == []
        assert tx.facts.put_traces(B, ["names\0b", "other"]) == [A]
        assert tx.facts.put_traces(C, ["third"]) == []
        assert tx.facts.alike(A, ["names\0b", "date-name\0a"]) == [B]
        assert tx.facts.alike(C, ["third"]) == []

    await store.write(work)


async def test_a_change_tells_those_who_were_alike_too_and_no_change_tells_nobody(
    store: Store,
) -> None:
    def work(tx: Tx) -> None:
        tx.facts.put_traces(A, ["one"])
        tx.facts.put_traces(B, ["one"])
        tx.facts.put_traces(C, ["two"])
        assert list(tx.facts.put_traces(B, ["one"])) == []
        assert list(tx.facts.put_traces(B, ["two"])) == [A, C]
        assert tx.facts.alike(A, ["one"]) == []

    await store.write(work)


async def test_a_merged_patient_is_found_as_the_surviving_one_and_never_as_their_own_like(
    store: Store,
) -> None:
    def work(tx: Tx) -> None:
        tx.facts.put_traces(A, ["one"])
        tx.facts.put_traces(B, ["one"])
        tx.facts.put_traces(C, ["one"])
        assert tx.facts.link(A, B)
        assert tx.facts.alike(B, ["one"]) == [C]
        assert tx.facts.alike(C, ["one"]) == [B]

    await store.write(work)


async def test_the_index_outlives_a_restart(open_store: Callable[[], Store]) -> None:
    first = open_store()
    await first.write(lambda tx: tx.facts.put_traces(A, ["one"]))
    first.close()
    second = open_store()
    assert await second.read(lambda tx: tx.facts.alike(B, ["one"])) == [A]
    second.close()


async def test_a_work_that_is_undone_leaves_no_key_behind(store: Store) -> None:
    def broken(tx: Tx) -> None:
        tx.facts.put_traces(A, ["one"])
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await store.write(broken)
    await store.write(lambda tx: tx.facts.put_traces(A, ["one"]))
    assert await store.write(lambda tx: tx.facts.put_traces(B, ["one"])) == [A]


async def test_nothing_of_a_trace_can_be_read_in_the_file(store: Store) -> None:
    await store.write(lambda tx: tx.facts.put_traces(A, ["names\0LAMBERT\0THEO"]))
    assert isinstance(store, SqliteStore)
    rows = store.read_sync(
        lambda tx: tx.facts._run("SELECT trace FROM likeness", ()).fetchall()  # type: ignore[attr-defined]
    )
    assert [len(row[0]) for row in rows] == [16]
    assert b"LAMBERT" not in rows[0][0]
