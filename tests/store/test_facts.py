import asyncio
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.continuity import Continuity, Need
from engine.model.errors import StoreError
from engine.model.fact import PatientsMerged
from engine.store.facts import identity
from engine.store.interface import StayRow, Store, Tx
from engine.store.vault import closed
from tests.support.stores import NOW, OTHER, PATIENT, after, entry, heard, movement, opened, stay


async def test_facts_come_back_as_they_were_heard(store: Store) -> None:
    said = [heard(1), heard(2, test=True), heard(3, fact=PatientsMerged(eliminated=OTHER))]
    assert await store.write(lambda tx: tx.facts.add(said)) == 3
    assert list(await store.read(lambda tx: tx.facts.of_patient(PATIENT))) == said
    assert list(await store.read(lambda tx: tx.facts.of_patient(OTHER))) == []


async def test_a_fact_read_anew_is_not_added_twice(store: Store) -> None:
    paris = timezone(timedelta(hours=1))
    again = heard(1, heard_at=after(hours=2), recorded_at=NOW.astimezone(paris))
    assert await store.write(lambda tx: tx.facts.add([heard(1), heard(1)])) == 1
    assert await store.write(lambda tx: tx.facts.add([again, heard(2)])) == 1
    kept = await store.read(lambda tx: tx.facts.of_patient(PATIENT))
    assert [fact.heard_at for fact in kept] == [NOW, NOW]


@pytest.mark.parametrize(
    "other",
    [
        heard(1, patient=OTHER),
        heard(1, fact=movement(1, at=after(minutes=1))),
        heard(1, recorded_at=after(seconds=1)),
        heard(1, sender_order="01"),
        heard(1, test=True),
    ],
    ids=["patient", "content", "recorded_at", "sender_order", "test"],
)
async def test_a_fact_that_differs_is_another_fact(store: Store, other: object) -> None:
    assert await store.write(lambda tx: tx.facts.add([heard(1), other])) == 2


def test_the_identity_of_a_fact_does_not_change_from_one_version_to_the_next() -> None:
    expected = "af3bbc7272084e3aab80f8d2fd450fd9a832eb9535f82d39539b18356eb5c90d"
    assert identity(heard(1)).hex() == expected


async def test_dropping_the_facts_of_an_entry_leaves_those_of_others(store: Store) -> None:
    def work(tx: Tx) -> None:
        first, second = tx.journal.add(entry(1), NOW), tx.journal.add(entry(2), NOW)
        tx.facts.add([heard(1, journal_id=first), heard(2, journal_id=second), heard(3)])
        tx.facts.drop_of_journal(first)

    await store.write(work)
    kept = await store.read(lambda tx: tx.facts.of_patient(PATIENT))
    assert [fact.sender_order for fact in kept] == ["2", "3"]


async def test_a_stored_fact_that_cannot_be_read_says_no_value(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        await store.write(lambda tx: tx.facts.add([heard(1)]))

        def spoil(tx: Tx) -> None:
            ((patient, digest),) = tx.facts._run("SELECT patient, digest FROM fact").fetchall()
            text = b'{"patient": "DUPONT"}'
            sealed = closed(tx.keys.seal_of(patient), text, b"fact.heard", patient + digest)
            tx.facts._run("UPDATE fact SET heard = ?", (sealed,))

        await store.write(spoil)
        with pytest.raises(StoreError) as caught:
            await store.read(lambda tx: tx.facts.of_patient(PATIENT))
    assert "DUPONT" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_merged_patient_is_read_with_the_one_that_survives(store: Store) -> None:
    await store.write(lambda tx: tx.facts.add([heard(1), heard(2, patient=OTHER)]))
    assert await store.write(lambda tx: tx.facts.link(OTHER, PATIENT))
    for key in (PATIENT, OTHER):
        assert await store.read(lambda tx, k=key: tx.facts.root(k)) == PATIENT
        assert await store.read(lambda tx, k=key: tx.facts.cluster(k)) == [PATIENT, OTHER]
        facts = await store.read(lambda tx, k=key: tx.facts.of_patient(k))
        assert [fact.sender_order for fact in facts] == ["1", "2"]


async def test_a_key_never_heard_is_its_own_root_and_cluster(store: Store) -> None:
    assert await store.read(lambda tx: tx.facts.root("x|1")) == "x|1"
    assert list(await store.read(lambda tx: tx.facts.cluster("x|1"))) == ["x|1"]


async def test_links_are_transitive_and_never_close_a_cycle(store: Store) -> None:
    links = [("a", "b"), ("b", "c"), ("c", "d")]
    for one, two in links:
        assert await store.write(lambda tx, o=one, t=two: tx.facts.link(o, t))
    for one, two in [("d", "a"), ("c", "a"), ("b", "a"), ("a", "a")]:
        assert not await store.write(lambda tx, o=one, t=two: tx.facts.link(o, t))
    assert [await store.read(lambda tx, k=key: tx.facts.root(k)) for key in "abcd"] == ["d"] * 4
    assert await store.write(lambda tx: tx.facts.link("a", "b"))  # again: no harm, no change


KEYS = st.sampled_from("abcdefg")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, KEYS), max_size=10), st.randoms())
def test_any_order_of_links_gives_the_same_patients(
    links: list[tuple[str, str]], shuffle: object
) -> None:
    # Links that go down the alphabet cannot close a cycle, whatever their order.
    downward = [(max(pair), min(pair)) for pair in links if pair[0] != pair[1]]
    shuffled = list(downward)
    shuffle.shuffle(shuffled)

    async def roots(order: list[tuple[str, str]], folder: str) -> list[tuple[str, list[str]]]:
        with opened(Path(folder)) as store:

            def work(tx: Tx) -> list[tuple[str, list[str]]]:
                assert all(tx.facts.link(one, two) for one, two in order)
                return [(tx.facts.root(k), sorted(tx.facts.cluster(k))) for k in "abcdefg"]

            return await store.write(work)

    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        first = asyncio.run(roots(downward, one))
        assert asyncio.run(roots(shuffled, two)) == first
    for (root, cluster), key in zip(first, "abcdefg", strict=True):
        assert key in cluster
        assert root in cluster
    for one, two in downward:
        assert first["abcdefg".index(one)] == first["abcdefg".index(two)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, KEYS), max_size=14))
def test_no_sequence_of_links_ever_makes_a_cycle(links: list[tuple[str, str]]) -> None:
    async def go(folder: str) -> None:
        with opened(Path(folder)) as store:

            def work(tx: Tx) -> list[tuple[str, str]]:
                return [pair for pair in links if tx.facts.link(*pair)]

            taken = await store.write(work)
        onward: dict[str, set[str]] = {}
        for one, two in taken:
            onward.setdefault(one, set()).add(two)
        for start, beyond in onward.items():
            seen: set[str] = set()
            todo = list(beyond)
            while todo:
                key = todo.pop()
                assert key != start
                if key not in seen:
                    seen.add(key)
                    todo.extend(onward.get(key, ()))

    with TemporaryDirectory() as folder:
        asyncio.run(go(folder))


async def test_patients_are_found_by_the_identifier_without_its_authority(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.facts.add([heard(1), heard(2, patient=OTHER), heard(3, patient="9000001|1.2.250.9")])
        tx.facts.link(OTHER, "9000003|1.2.250.1.999.1")

    await store.write(work)

    async def like(text: str) -> list[str]:
        return list(await store.read(lambda tx: tx.facts.patients_like(text)))

    assert await like("9000001") == [PATIENT, "9000001|1.2.250.9"]
    assert await like("9000002") == ["9000003|1.2.250.1.999.1"]
    assert await like(OTHER) == ["9000003|1.2.250.1.999.1"]
    assert await like("900000") == []
    assert await like("%") == []


async def test_bytes_are_kept_once_under_their_hash(store: Store) -> None:
    data = bytes(range(256)) * 40
    digest = sha256(data).hexdigest()
    for _ in range(2):
        assert await store.write(lambda tx: tx.facts.put_blob(data, PATIENT)) == digest
    assert await store.read(lambda tx: tx.facts.blob(digest)) == data
    with pytest.raises(KeyError):
        await store.read(lambda tx: tx.facts.blob("0" * 64))


async def test_a_stay_is_replaced_by_what_is_known_now(store: Store) -> None:
    now = stay(verdicts={"arrival": "sent", "exit": "waits"}, next_look_at=NOW, closed=True)
    await store.write(lambda tx: tx.facts.put_stay(stay()))
    await store.write(lambda tx: tx.facts.put_stay(now))
    assert list(await store.read(lambda tx: tx.facts.stays_of(PATIENT))) == [now]
    assert list(await store.read(lambda tx: tx.facts.all_stays())) == [now]


async def test_releases_are_found_by_their_day_and_come_back_as_they_were(store: Store) -> None:
    told = Continuity(released_at=NOW, needs=(Need.TREATMENT,), gp_lacks="gp-unknown")
    later = told.model_copy(update={"released_at": after(days=1)})
    rows = [stay("a", continuity=told), stay("b", continuity=later), stay("c")]
    for row in rows:
        await store.write(lambda tx, r=row: tx.facts.put_stay(r))

    async def found(since: datetime, until: datetime) -> list[StayRow]:
        return list(await store.read(lambda tx: tx.facts.stays_released(since, until)))

    assert await found(NOW, after(days=1)) == rows[:1]
    assert await found(NOW, after(days=2)) == rows[:2]
    assert await found(after(days=2), after(days=3)) == []


async def test_two_patients_never_share_the_row_of_a_stay(store: Store) -> None:
    rows = [stay(), stay(patient=OTHER, verdicts={})]
    for row in rows:
        await store.write(lambda tx, r=row: tx.facts.put_stay(r))
    assert list(await store.read(lambda tx: tx.facts.all_stays())) == rows
    assert list(await store.read(lambda tx: tx.facts.stays_of(OTHER))) == rows[1:]


async def test_after_a_merge_a_stay_has_one_row(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.facts.put_stay(stay(patient=OTHER))
        tx.facts.link(OTHER, PATIENT)
        tx.facts.put_stay(stay())

    await store.write(work)
    assert list(await store.read(lambda tx: tx.facts.all_stays())) == [stay()]


async def test_due_patients_come_most_overdue_first_and_once(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.facts.put_stay(stay("a", patient="p1|x", next_look_at=after(minutes=-1)))
        tx.facts.put_stay(stay("b", patient="p2|x", next_look_at=after(minutes=-9)))
        tx.facts.put_stay(stay("c", patient="p1|x", next_look_at=after(minutes=-5)))
        tx.facts.put_stay(stay("d", patient="p3|x", next_look_at=after(seconds=1)))
        tx.facts.put_stay(stay("e", patient="p4|x"))
        tx.facts.put_stay(stay("f", patient="p5|x", next_look_at=NOW))
        tx.facts.link("p1|x", "p6|x")

    await store.write(work)
    due = await store.read(lambda tx: tx.facts.due_patients(NOW, 10))
    assert list(due) == ["p2|x", "p6|x", "p5|x"]
    assert list(await store.read(lambda tx: tx.facts.due_patients(NOW, 1))) == ["p2|x"]
    assert all(one != two for one, two in pairwise(due))
