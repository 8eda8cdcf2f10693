from datetime import UTC, datetime

from engine.audit import private_key_from_seed, verify
from engine.store.interface import Store, Tx
from engine.store.seal import seal

KEY = private_key_from_seed(bytes(range(32)))


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


async def test_each_finished_day_gets_one_root_of_its_last_line(store: Store) -> None:
    def week(tx: Tx) -> None:
        for day, hour in ((1, 8), (1, 23), (2, 0), (4, 9), (5, 1)):
            tx.audit.append("x", now=at(day, hour))

    await store.write(week)
    made = await store.write(lambda tx: seal(tx, at(5), KEY))
    assert [(root.day, root.seq) for root in made] == [
        ("2026-03-01", 2),
        ("2026-03-02", 3),
        ("2026-03-03", 3),
        ("2026-03-04", 4),
    ]
    assert list(await store.read(lambda tx: tx.audit.roots())) == list(made)
    lines = await store.read(lambda tx: tx.audit.entries())
    assert [line.kind for line in lines[5:]] == ["root-signed"] * 4
    verdict = verify(lines, made, KEY.public_key())
    assert (verdict.ok, verdict.lines, verdict.roots, verdict.sealed) == (True, 9, 4, 4)


async def test_sealing_again_the_same_day_does_nothing(store: Store) -> None:
    await store.write(lambda tx: tx.audit.append("x", now=at(1)))
    assert len(await store.write(lambda tx: seal(tx, at(2), KEY))) == 1
    assert len(await store.write(lambda tx: seal(tx, at(2, 23), KEY))) == 0
    assert len(await store.write(lambda tx: seal(tx, at(3, 0), KEY))) == 1


async def test_nothing_is_sealed_before_the_first_line_or_before_its_day_ended(
    store: Store,
) -> None:
    assert len(await store.write(lambda tx: seal(tx, at(9), KEY))) == 0
    await store.write(lambda tx: tx.audit.append("x", now=at(9)))
    assert len(await store.write(lambda tx: seal(tx, at(9, 23), KEY))) == 0


async def test_a_clock_that_steps_back_breaks_no_root(store: Store) -> None:
    for day in (3, 4, 2, 5):
        await store.write(lambda tx, d=day: tx.audit.append("x", now=at(d)))
        await store.write(lambda tx, d=day: seal(tx, at(d, 13), KEY))
    roots = await store.read(lambda tx: tx.audit.roots())
    lines = await store.read(lambda tx: tx.audit.entries())
    assert verify(lines, roots, KEY.public_key()).ok
