import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.audit import GENESIS, private_key_from_seed, sign_root, verify
from engine.model.errors import StoreError
from engine.store.connection import open_writing
from engine.store.interface import Store, Tx
from tests.support.stores import NOW, OTHER, PATIENT, after, entry, opened

KEY = private_key_from_seed(bytes(range(32)))


async def test_the_trail_starts_at_zero(store: Store) -> None:
    assert await store.read(lambda tx: tx.audit.head()) == (0, GENESIS)
    assert list(await store.read(lambda tx: tx.audit.entries())) == []


async def test_a_line_comes_back_as_it_was_written(store: Store) -> None:
    seq = await store.write(
        lambda tx: tx.audit.append(
            "decision",
            now=NOW,
            actor="anna",
            patient=PATIENT,
            stay="V1",
            subject="é",
            told="né",
            count=3,
            held=True,
            none=None,
        )
    )
    (line,) = await store.read(lambda tx: tx.audit.entries())
    assert (line.seq, line.at) == (seq, "2026-03-10T09:30:00.123456+00:00") == (1, line.at)
    assert (line.kind, line.actor, line.patient, line.stay, line.subject) == (
        "decision",
        "anna",
        PATIENT,
        "V1",
        "é",
    )
    assert line.detail == {"told": "né", "count": 3, "held": True, "none": None}
    assert (line.previous, line.hash) == (GENESIS, (await head(store))[1])


async def head(store: Store) -> tuple[int, bytes]:
    return await store.read(lambda tx: tx.audit.head())


async def test_a_value_without_one_spelling_is_refused(store: Store) -> None:
    with pytest.raises(TypeError):
        await store.write(lambda tx: tx.audit.append("x", now=NOW, share=0.5))
    assert await head(store) == (0, GENESIS)


async def test_works_that_fail_leave_no_gap_in_the_chain(store: Store) -> None:
    def fails(tx: Tx) -> None:
        tx.audit.append("lost", now=NOW)
        raise ZeroDivisionError

    def works(tx: Tx) -> int:
        return tx.audit.append("kept", now=NOW)

    tries = [store.write(fails if n % 3 == 0 else works) for n in range(60)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert [each for each in results if isinstance(each, int)] == list(range(1, 41))
    lines = await store.read(lambda tx: tx.audit.entries())
    assert {line.kind for line in lines} == {"kept"}
    verdict = verify(lines, (), KEY.public_key())
    assert (verdict.ok, verdict.lines) == (True, 40)


async def test_the_chain_goes_on_after_the_store_was_opened_again(
    open_store: Callable[[], Store],
) -> None:
    for _ in range(3):
        store = open_store()
        await store.write(lambda tx: tx.audit.append("service-started", now=NOW))
        lines = await store.read(lambda tx: tx.audit.entries())
        store.close()
    assert verify(lines, (), KEY.public_key()).lines == 3


async def test_entries_are_read_in_pieces(store: Store) -> None:
    def work(tx: Tx) -> None:
        for _ in range(7):
            tx.audit.append("x", now=NOW)

    await store.write(work)
    assert [e.seq for e in await store.read(lambda tx: tx.audit.entries(limit=3))] == [1, 2, 3]
    assert [e.seq for e in await store.read(lambda tx: tx.audit.entries(after=5))] == [6, 7]


async def test_the_lines_of_a_patient_are_the_last_of_the_cluster_oldest_first(
    store: Store,
) -> None:
    def work(tx: Tx) -> None:
        for key in (PATIENT, OTHER, None, "x|y", PATIENT):
            tx.audit.append("x", now=NOW, patient=key)
        tx.facts.link(OTHER, PATIENT)

    await store.write(work)

    async def lines(key: str, limit: int = 500) -> list[int]:
        return [e.seq for e in await store.read(lambda tx: tx.audit.of_patient(key, limit))]

    assert await lines(OTHER) == await lines(PATIENT) == [1, 2, 5]
    assert await lines(PATIENT, 2) == [2, 5]
    assert await lines("x|y") == [4]


async def test_head_before_an_instant_is_the_last_line_written_before_it(store: Store) -> None:
    def work(tx: Tx) -> None:
        for hours in (0, 1, 2):
            tx.audit.append("x", now=after(hours=hours))

    await store.write(work)
    lines = await store.read(lambda tx: tx.audit.entries())
    for instant, seq in ((NOW, 0), (after(minutes=1), 1), (after(hours=2), 2), (after(days=1), 3)):
        found = await store.read(lambda tx, at=instant: tx.audit.head_before(at))
        assert found == (seq, lines[seq - 1].hash if seq else GENESIS)


async def test_a_day_has_one_root(store: Store) -> None:
    root = sign_root(KEY, "2026-03-09", 0, GENESIS)
    await store.write(lambda tx: tx.audit.add_root(root))
    assert list(await store.read(lambda tx: tx.audit.roots())) == [root]
    with pytest.raises(StoreError):
        await store.write(lambda tx: tx.audit.add_root(root))


async def test_labels_that_utf8_cannot_hold_do_not_stop_the_trail(store: Store) -> None:
    await store.write(
        lambda tx: tx.audit.append("x", now=NOW, subject="file \udcc3", name="\udcc3")
    )
    lines = await store.read(lambda tx: tx.audit.entries())
    assert (lines[0].subject, lines[0].detail) == ("file ?", {"name": "\udcc3"})
    assert verify(lines, (), KEY.public_key()).ok


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET kind = 'y'",
        "UPDATE audit SET seq = 9",
        "DELETE FROM audit",
        "REPLACE INTO audit SELECT * FROM audit",
        "UPDATE audit_root SET seq = 0",
        "DELETE FROM audit_root",
        "REPLACE INTO audit_root SELECT * FROM audit_root",
    ],
)
async def test_sqlite_itself_refuses_to_change_the_trail(tmp_path: Path, sql: str) -> None:
    with opened(tmp_path) as store:
        await store.write(lambda tx: tx.audit.append("x", now=NOW))
        await store.write(lambda tx: tx.audit.add_root(sign_root(KEY, "2026-03-09", 0, GENESIS)))
    connection = open_writing(tmp_path / "relais.db")
    with pytest.raises(Exception, match="append-only"):
        connection.execute(sql)
    connection.close()


async def test_a_message_its_row_and_its_line_commit_together_or_not_at_all(store: Store) -> None:
    def receive(tx: Tx) -> None:
        number = tx.journal.add(entry(), NOW)
        tx.audit.append("message-received", now=NOW, subject=f"journal {number}")
        raise KeyError

    with pytest.raises(KeyError):
        await store.write(receive)
    assert await head(store) == (0, GENESIS)
    assert await store.read(lambda tx: tx.journal.get(1)) is None
