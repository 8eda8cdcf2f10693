import pytest

from engine.model.errors import StoreError
from engine.model.task import Task, TaskKind
from engine.store.interface import Store, Tx
from tests.support.stores import NOW, OTHER, PATIENT, after, wanted


async def test_the_same_key_is_the_same_task_open_or_closed(store: Store) -> None:
    first = await store.write(lambda tx: tx.tasks.raise_(wanted(about="M1"), NOW))
    assert first == Task(id=first.id, raised_at=NOW, **wanted(about="M1").model_dump())
    again = await store.write(lambda tx: tx.tasks.raise_(wanted(about="M2"), after(hours=1)))
    assert again == first
    await store.write(lambda tx: tx.tasks.close(first.id, after(hours=2), "anna", "done"))
    closed = await store.write(lambda tx: tx.tasks.raise_(wanted(), after(hours=3)))
    assert closed == await store.read(lambda tx: tx.tasks.get(first.id))
    assert (closed.closed_at, closed.closed_by, closed.answer) == (after(hours=2), "anna", "done")
    assert not closed.open


async def test_a_task_closes_once(store: Store) -> None:
    task = await store.write(lambda tx: tx.tasks.raise_(wanted(), NOW))
    await store.write(lambda tx: tx.tasks.close(task.id, NOW, "anna", "yes"))
    for number in (task.id, task.id + 1):
        with pytest.raises(StoreError):
            await store.write(lambda tx, n=number: tx.tasks.close(n, NOW, "bob", "no"))
    kept = await store.read(lambda tx: tx.tasks.get(task.id))
    assert kept is not None
    assert (kept.closed_by, kept.answer) == ("anna", "yes")


async def test_lists_and_counts_of_tasks(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.tasks.raise_(wanted("a"), NOW)
        tx.tasks.raise_(wanted("b", kind=TaskKind.MAILBOX_MISSING, patient=OTHER), NOW)
        tx.tasks.raise_(wanted("c", patient=None, stay=None), NOW)
        tx.tasks.raise_(wanted("d"), NOW)
        tx.tasks.close(1, NOW, "anna", "")
        tx.facts.link(OTHER, PATIENT)

    await store.write(work)

    async def keys(**options: bool | int) -> list[str]:
        rows = await store.read(lambda tx: tx.tasks.listing(**options))
        return [task.key for task in rows]

    assert await keys() == ["d", "c", "b"]
    assert await keys(only_open=False) == ["d", "c", "b", "a"]
    assert await keys(limit=1) == ["d"]
    mine = await store.read(lambda tx: tx.tasks.of_patient(PATIENT))
    assert [task.key for task in mine] == ["a", "b", "d"]
    assert await store.read(lambda tx: tx.tasks.open_count()) == {
        "gp-unknown": 2,
        "mailbox-missing": 1,
    }
    assert await store.read(lambda tx: tx.tasks.get(99)) is None


async def test_small_values_are_put_replaced_and_dropped(store: Store) -> None:
    async def get() -> str | None:
        return await store.read(lambda tx: tx.meta.get("paused"))

    assert await get() is None
    for value in ("yes", "", None, None):
        await store.write(lambda tx, v=value: tx.meta.put("paused", v))
        assert await get() == value
