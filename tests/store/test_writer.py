"""Group commit: what is acknowledged is on the disk, what fails fails alone, or all is undone."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.audit import private_key_from_seed, verify
from engine.model.errors import StoreError
from engine.store.interface import Store, Tx
from engine.store.sqlite import SqliteStore
from tests.support.stores import NOW, entry, opened

KEY = private_key_from_seed(bytes(range(32)))


async def test_a_value_and_an_exception_come_back_to_their_caller(store: Store) -> None:
    def fails(tx: Tx) -> None:
        tx.meta.put("a", "lost")
        raise LookupError("mine")

    results = await asyncio.gather(
        store.write(lambda tx: tx.meta.put("b", "kept")),
        store.write(fails),
        store.write(lambda tx: (tx.meta.get("a"), tx.meta.get("b"))),
        return_exceptions=True,
    )
    assert results[0] is None
    assert isinstance(results[1], LookupError)
    assert results[2] == (None, "kept")


async def test_a_work_that_is_refused_by_the_schema_fails_alone_and_in_our_words(
    store: Store,
) -> None:
    def breaks_a_rule(tx: Tx) -> None:
        tx.journal.add(entry(content_hash=b"short"), NOW)

    one, two, three = await asyncio.gather(
        store.write(lambda tx: tx.journal.add(entry(1), NOW)),
        store.write(breaks_a_rule),
        store.write(lambda tx: tx.journal.add(entry(2), NOW)),
        return_exceptions=True,
    )
    assert (one, three) == (1, 2)
    assert isinstance(two, StoreError)


async def test_a_read_sees_one_snapshot_while_others_write(store: Store) -> None:
    seen, written = threading.Event(), threading.Event()

    def look_twice(tx: Tx) -> tuple[str | None, str | None]:
        before = tx.meta.get("a")
        seen.set()
        assert written.wait(10)
        return before, tx.meta.get("a")

    reading = asyncio.create_task(store.read(look_twice))
    await asyncio.to_thread(seen.wait, 10)
    await store.write(lambda tx: tx.meta.put("a", "new"))
    written.set()
    assert await reading == (None, None)
    assert await store.read(lambda tx: tx.meta.get("a")) == "new"


@pytest.mark.parametrize(
    "work",
    [
        lambda tx: tx.meta.put("a", "b"),
        lambda tx: tx.journal.add(entry(), NOW),
        lambda tx: tx.audit.append("x", now=NOW),
    ],
    ids=["meta", "journal", "audit"],
)
async def test_a_read_that_writes_is_refused(store: Store, work: object) -> None:
    with pytest.raises(StoreError):
        await store.read(work)
    assert await store.read(lambda tx: tx.audit.head()) == (0, bytes(32))


async def test_fifty_producers_lose_and_double_nothing(store: Store) -> None:
    async def produce(producer: int) -> list[int]:
        numbers = []
        for each in range(40):
            new = entry(producer * 1000 + each)

            def work(tx: Tx, new: object = new) -> int:
                number = tx.journal.add(new, NOW)
                tx.audit.append("message-received", now=NOW, subject=f"journal {number}")
                return number

            numbers.append(await store.write(work))
            assert numbers == sorted(numbers)
        return numbers

    numbers = [n for each in await asyncio.gather(*map(produce, range(50))) for n in each]
    assert sorted(numbers) == list(range(1, 2001))
    rows = await store.read(lambda tx: tx.journal.listing(limit=5000))
    assert len({row.control_id for row in rows}) == 2000
    lines = await store.read(lambda tx: tx.audit.entries(limit=5000))
    assert [line.subject for line in lines] == [f"journal {n}" for n in range(1, 2001)]
    assert verify(lines, (), KEY.public_key()).lines == 2000
    assert store.backlog == 0


async def test_works_come_from_several_loops_and_from_plain_threads(tmp_path: Path) -> None:
    with opened(tmp_path) as store:

        async def many() -> list[int]:
            works = [store.write(lambda tx: tx.audit.append("x", now=NOW)) for _ in range(30)]
            return list(await asyncio.gather(*works))

        def other_loop() -> list[int]:
            return asyncio.run(many())

        def plain() -> list[int]:
            return [store.write_sync(lambda tx: tx.audit.append("x", now=NOW)) for _ in range(30)]

        found = await asyncio.gather(
            many(), asyncio.to_thread(other_loop), asyncio.to_thread(plain)
        )
        assert sorted(n for each in found for n in each) == list(range(1, 91))
        with pytest.raises(ZeroDivisionError):
            store.write_sync(lambda tx: 1 / 0)


async def test_a_cancelled_caller_harms_nobody(store: Store) -> None:
    gate = threading.Event()
    first = asyncio.create_task(store.write(lambda tx: gate.wait(10)))
    gone = asyncio.create_task(store.write(lambda tx: tx.meta.put("gone", "yes")))
    last = asyncio.create_task(store.write(lambda tx: tx.meta.get("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    assert await first
    assert await last == "yes"
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_work_that_asks_for_a_write_is_refused_and_not_left_waiting(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as store, pytest.raises(StoreError):
        await store.write(lambda tx: store.write_sync(lambda inner: None))


async def test_close_finishes_what_is_queued_and_then_refuses(store: Store) -> None:
    works = [
        asyncio.create_task(store.write(lambda tx: tx.audit.append("x", now=NOW)))
        for _ in range(700)
    ]
    await asyncio.sleep(0)
    assert store.backlog > 0
    store.close()
    assert sorted(await asyncio.gather(*works)) == list(range(1, 701))
    with pytest.raises(StoreError):
        await store.write(lambda tx: None)
    with pytest.raises(StoreError):
        await store.read(lambda tx: None)


async def test_a_full_disk_fails_the_works_and_the_next_batch_works_again(
    tmp_path: Path,
) -> None:
    def receive(number: int) -> object:
        def work(tx: Tx) -> int:
            tx.audit.append("message-received", now=NOW)
            return tx.journal.add(entry(number, raw=bytes(20_000)), NOW)

        return work

    with opened(tmp_path) as store:
        await store.write(receive(0))
        pages = store.write_sync(lambda tx: tx.meta._run("PRAGMA page_count").fetchall()[0][0])
        limit(store, pages + 20)
        tries = [store.write(receive(n)) for n in range(1, 101)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        refused = [each for each in results if isinstance(each, StoreError)]
        kept = [each for each in results if isinstance(each, int)]
        assert refused
        assert len(refused) + len(kept) == 100
        assert "disk is full" in str(refused[0])
        limit(store, 1 << 30)
        assert await store.write(receive(200)) == len(kept) + 2
        rows = await store.read(lambda tx: tx.journal.listing(limit=1000))
        lines = await store.read(lambda tx: tx.audit.entries())
    assert len(rows) == len(lines) == len(kept) + 2
    assert verify(lines, (), KEY.public_key()).ok


def limit(store: SqliteStore, pages: int) -> None:
    store.write_sync(lambda tx: tx.meta._run(f"PRAGMA max_page_count = {pages}").fetchall())


FILE_SIZE_LIMIT = """
import asyncio, resource, signal, sys
from pathlib import Path
from engine.model.errors import StoreError
from engine.store.sqlite import SqliteStore
from tests.support.stores import NOW, entry

async def main():
    store = SqliteStore.open(Path(sys.argv[1]) / "relais.db")
    def work(tx):
        tx.audit.append("message-received", now=NOW)
        return tx.journal.add(entry(raw=bytes(50_000)), NOW)
    await store.write(work)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (Path(sys.argv[1]) / "relais.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, hard))
    results = await asyncio.gather(*[store.write(work) for _ in range(40)], return_exceptions=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    after = await store.write(work)
    lines = await store.read(lambda tx: tx.audit.head()[0])
    rows = await store.read(lambda tx: tx.journal.counts())
    kept = sum(isinstance(each, int) for each in results)
    refused = sum(isinstance(each, StoreError) for each in results)
    store.close()
    print(kept, refused, after, lines, sum(rows.values()))

asyncio.run(main())
"""


def test_a_file_that_cannot_grow_at_commit_fails_the_whole_batch_and_claims_nothing(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILE_SIZE_LIMIT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    kept, refused, last, lines, rows = map(int, done.stdout.split())
    assert refused > 0
    assert kept + refused == 40
    assert last == lines == rows == kept + 2


PRODUCERS = """
import asyncio, json, os, sys
from pathlib import Path
from engine.store.sqlite import SqliteStore
from tests.support.stores import NOW, entry

async def main():
    store = SqliteStore.open(Path(sys.argv[1]) / "relais.db")
    async def produce(producer):
        each = 0
        while True:
            each += 1
            def work(tx):
                number = tx.journal.add(entry(f"{producer}-{each}"), NOW)
                tx.audit.append("message-received", now=NOW, subject=f"journal {number}")
                return number
            number = await store.write(work)
            os.write(1, f"{number} {producer}-{each}\\n".encode())
    await asyncio.gather(*map(produce, range(50)))

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(4))
def test_after_kill_9_every_acknowledged_row_is_there_and_the_chain_holds(
    tmp_path: Path, seed: int
) -> None:
    wanted = random.Random(seed).randrange(100, 3000)
    process = subprocess.Popen(
        [sys.executable, "-c", PRODUCERS, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    said = b""
    while said.count(b"\n") < wanted:
        piece = os.read(process.stdout.fileno(), 4096)
        assert piece
        said += piece
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read()
    process.stdout.close()
    process.wait(10)
    acknowledged = dict(line.split() for line in said.decode().rpartition("\n")[0].splitlines())
    with opened(tmp_path) as store:
        rows = store.read_sync(lambda tx: tx.journal.listing(limit=1_000_000))
        lines = store.read_sync(lambda tx: tx.audit.entries(limit=1_000_000))
    kept = {str(row.id): row.control_id for row in rows}
    assert len(acknowledged) >= wanted
    assert acknowledged.items() <= kept.items()
    assert [line.subject for line in lines] == [f"journal {n}" for n in range(1, len(rows) + 1)]
    assert verify(lines, (), KEY.public_key()).lines == len(rows)


async def test_a_damaged_file_closes_the_store_for_good(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(200):
            await store.write(lambda tx, n=number: tx.journal.add(entry(n, raw=bytes(9000)), NOW))
    path = tmp_path / "relais.db"
    size = path.stat().st_size
    with path.open("r+b") as file:  # everything but the first pages, which hold the schema
        file.seek(size // 4)
        file.write(random.Random(1).randbytes(size - size // 4))
    with opened(tmp_path) as store:
        reads = [store.write(lambda tx, n=n: tx.journal.get(n)) for n in range(1, 201)]
        results = await asyncio.gather(*reads, return_exceptions=True)
        assert all(isinstance(each, StoreError) for each in results)
        with pytest.raises(StoreError) as caught:
            await store.write(lambda tx: tx.meta.put("a", "b"))
        assert "damaged" in caught.value.effect


async def test_the_log_is_brought_into_the_file_when_nobody_writes(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(150):
            await store.write(lambda tx, n=number: tx.journal.add(entry(n, raw=bytes(9000)), NOW))
        path = tmp_path / "relais.db"
        for _ in range(200):
            if path.stat().st_size > 150 * 9000:
                break
            await asyncio.sleep(0.05)
        assert path.stat().st_size > 150 * 9000
