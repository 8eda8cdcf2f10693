"""What is no longer kept, and what stays all the same."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from engine.audit import private_key_from_seed, verify
from engine.model.errors import StoreError
from engine.model.flow import DeliveryState, JournalState
from engine.model.task import RETURNED_KINDS, TaskKind
from engine.store.interface import Forgotten, Tx
from tests.support.stores import (
    NOW,
    OTHER,
    PATIENT,
    after,
    came_back,
    delivery,
    entry,
    heard,
    opened,
    stay,
    wanted,
)

LATER = after(days=1)  # everything of NOW is older than this
THIRD = "9000003|1.2.250.1.999.1"


def rows(tx: Tx, table: str) -> int:
    count: int = tx.meta._run(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    return count


def at_rest(tx: Tx, patient: str = PATIENT, name: str = "d1") -> None:
    """A patient whose stay is over and whose letter was taken."""
    number = tx.journal.add(entry(f"{name}-1"), NOW)
    tx.facts.add([heard(1, patient=patient, journal_id=number)])
    tx.facts.put_blob(f"document of {patient}".encode(), patient)
    tx.facts.put_stay(stay(f"V/{name}", patient=patient, closed=True))
    tx.outbox.add(
        delivery(name, patient=patient, statement="s", parts=("p",)), b"mail", {"a": b"b"}
    )
    tx.outbox.open_attempt(name, NOW)
    tx.outbox.move(name, DeliveryState.RELAYED, NOW)
    tx.receipts.add(came_back(b"From: Dr", name), NOW)
    task = tx.tasks.raise_(wanted(f"t/{name}", patient=patient), NOW)
    tx.tasks.close(task.id, NOW, "claire", "done")
    tx.journal.close(number, JournalState.PROCESSED, NOW, patient=patient)
    tx.audit.append("read", now=NOW, patient=patient)


def document_of(tx: Tx, patient: str) -> bytes:
    return tx.facts.blob(sha256(f"document of {patient}".encode()).hexdigest())


def test_a_forgotten_patient_is_gone_and_the_proof_stays(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(at_rest)
        store.write_sync(lambda tx: at_rest(tx, OTHER, "d2"))
        gone = store.write_sync(lambda tx: tx.retention.forget(PATIENT))
        assert gone == Forgotten(facts=1, documents=1, messages=1, letters=1)

        def look(tx: Tx) -> None:
            assert list(tx.facts.of_patient(PATIENT)) == []
            assert list(tx.facts.stays_of(PATIENT)) == []
            assert list(tx.tasks.of_patient(PATIENT)) == []
            assert list(tx.outbox.of_patient(PATIENT)) == []
            with pytest.raises(KeyError):
                document_of(tx, PATIENT)
            with pytest.raises(StoreError, match="no longer kept"):
                tx.outbox.mime("d1")
            assert tx.outbox.files("d1") == {}
            message = tx.journal.get(1)
            assert message is not None
            assert (message.kept, message.raw, message.peer) == (False, b"", "")
            assert (message.control_id, message.note) == ("d1-1", "forgotten")
            # To whom, when, under which Message-ID: proof.
            (proof,) = tx.outbox.of_patient(PATIENT, forgotten=True)
            assert proof.message_id == delivery("d1").message_id
            assert proof.intended == delivery("d1").intended
            assert (proof.state, proof.parts, proof.statement) == (DeliveryState.RELAYED, (), "")
            assert len(tx.audit.of_patient(PATIENT)) == 3
            (receipt,) = tx.receipts.of_delivery("d1")
            assert receipt.evidence == sha256(b"From: Dr").hexdigest()
            with pytest.raises(StoreError, match="no longer kept"):
                tx.receipts.evidence(receipt)
            assert list(tx.facts.patients_like("9000001")) == [PATIENT]
            # Another patient is untouched.
            assert document_of(tx, OTHER)
            assert tx.outbox.mime("d2") == b"mail"
            assert tx.receipts.evidence(tx.receipts.of_delivery("d2")[0]) == b"From: Dr"
            assert len(tx.tasks.of_patient(OTHER)) == 1

        store.read_sync(look)
        key = private_key_from_seed(b"1" * 32).public_key()
        assert verify(store.read_sync(lambda tx: tx.audit.entries()), (), key).ok


def test_the_keys_of_a_forgotten_patient_are_in_no_file(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(at_rest)
        store.give_back()  # so that the file has them, too

        def secrets(tx: Tx) -> list[bytes]:
            run = tx.meta._run
            return [
                row[0]
                for sql in ("SELECT wrapped FROM patient", "SELECT salt FROM journal")
                for row in run(sql).fetchall()
            ]

        keys = store.read_sync(secrets)
        data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert [key in data for key in keys] == [True, True]
        store.write_sync(lambda tx: tx.retention.forget(PATIENT))
        store.give_back()
        data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert [key in data for key in keys] == [False, False]


def test_all_numbers_of_a_merged_patient_are_forgotten_together(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(at_rest)
        store.write_sync(lambda tx: at_rest(tx, OTHER, "d2"))
        store.write_sync(lambda tx: tx.facts.link(PATIENT, OTHER))
        gone = store.write_sync(lambda tx: tx.retention.forget(PATIENT))
        assert gone == Forgotten(facts=2, documents=2, messages=2, letters=2)
        assert store.read_sync(lambda tx: tx.facts.cluster(PATIENT)) == [PATIENT, OTHER]


def test_what_comes_after_starts_a_new_key_and_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(at_rest)
        store.write_sync(lambda tx: tx.retention.forget(PATIENT))
        store.write_sync(lambda tx: at_rest(tx, name="d9"))
        assert len(store.read_sync(lambda tx: tx.facts.of_patient(PATIENT))) == 1
        assert [d.id for d in store.read_sync(lambda tx: tx.outbox.of_patient(PATIENT))] == ["d9"]
        assert store.read_sync(lambda tx: document_of(tx, PATIENT))
        # A number of a task is never given twice: the audit speaks of it.
        assert [t.id for t in store.read_sync(lambda tx: tx.tasks.of_patient(PATIENT))] == [2]
        again = store.write_sync(lambda tx: tx.retention.forget(PATIENT))
        assert again.letters == 1


def test_a_message_that_waits_to_be_read_anew_is_left_when_its_patient_is_forgotten(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as store:
        store.write_sync(at_rest)
        store.write_sync(lambda tx: tx.journal.reopen(1))
        store.write_sync(lambda tx: tx.retention.forget(PATIENT))
        assert store.read_sync(lambda tx: tx.journal.counts())[JournalState.RECEIVED] == 0
        with pytest.raises(StoreError):
            store.write_sync(lambda tx: tx.journal.reopen(1))


def test_old_messages_lose_their_bytes_and_keep_their_row(tmp_path: Path) -> None:
    def fill(tx: Tx) -> None:
        for number, state in enumerate(JournalState, 1):
            tx.journal.add(entry(number, state=state), NOW)
        tx.journal.add(entry(9, state=JournalState.PARKED), NOW)
        tx.journal.add(entry(10, state=JournalState.PROCESSED), LATER)
        tx.tasks.raise_(wanted("message:7", kind=TaskKind.MESSAGE_UNREADABLE, patient=None), NOW)

    with opened(tmp_path) as store:
        store.write_sync(fill)
        freed = [store.write_sync(lambda tx: tx.retention.purge_messages(LATER, 2)) for _ in "1234"]
        assert freed == [2, 2, 1, 0]
        listed = store.read_sync(lambda tx: tx.journal.listing())
        kept = {row.id: row.state for row in listed if row.kept}
        assert kept == {
            1: JournalState.RECEIVED,  # not read yet
            7: JournalState.PARKED,  # a person is asked about it
            8: JournalState.PROCESSED,  # young
        }
        assert {row.control_id for row in listed} == {*map(str, range(1, 7)), "9", "10"}
        assert {row.peer for row in listed} == {entry().peer}
        # It is still known, so that it is a duplicate when it comes again.
        assert [one.id for one in store.read_sync(lambda tx: tx.journal.earlier("DPI|CHU", "2"))]


def test_old_letters_lose_their_bytes_and_stay_known(tmp_path: Path) -> None:
    def fill(tx: Tx) -> None:
        for name in ("open", "sent", "failed", "asked", "young"):
            patient = f"{name}|x"
            tx.outbox.add(delivery(name, patient=patient), b"mail", {"a": b"b"})
            if name != "open":
                tx.outbox.open_attempt(name, NOW)
                state = DeliveryState.RELAYED if name == "sent" else DeliveryState.REJECTED
                tx.outbox.move(name, state, LATER if name == "young" else NOW)
        tx.tasks.raise_(wanted(patient="asked|x", kind=TaskKind.DELIVERY_FAILED), NOW)

    with opened(tmp_path) as store:
        store.write_sync(fill)
        assert store.write_sync(lambda tx: tx.retention.purge_letters(LATER, 100)) == 2
        assert store.write_sync(lambda tx: tx.retention.purge_letters(LATER, 100)) == 0
        for name, kept in (
            ("open", True), ("sent", False), ("failed", False), ("asked", True), ("young", True)
        ):  # fmt: skip
            files = store.read_sync(lambda tx, n=name: tx.outbox.files(n))
            assert bool(files) is kept, name
            assert store.read_sync(lambda tx, n=name: tx.outbox.of_patient(f"{n}|x"))
        with pytest.raises(StoreError, match="no longer kept"):  # nothing is left to send
            store.write_sync(lambda tx: tx.outbox.move("failed", DeliveryState.QUEUED, NOW))
        store.write_sync(lambda tx: tx.outbox.move("asked", DeliveryState.QUEUED, NOW))


def test_a_receipt_that_comes_after_the_patient_was_forgotten_is_proof_without_its_mail(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as store:
        store.write_sync(at_rest)
        store.write_sync(lambda tx: tx.retention.forget(PATIENT))
        store.write_sync(lambda tx: at_rest(tx, name="d9"))  # heard of anew: there is a key again
        late = came_back(b"From: Dr late")
        store.write_sync(lambda tx: tx.receipts.add(late, LATER))
        first, second = store.read_sync(lambda tx: tx.receipts.of_delivery("d1"))
        assert (first.received_at, second.received_at) == (NOW, LATER)
        with pytest.raises(StoreError, match="no longer kept"):
            store.read_sync(lambda tx: tx.receipts.evidence(second))
        assert store.read_sync(lambda tx: rows(tx, "receipt_mail")) == 1  # that of d9


def test_mails_that_came_back_go_with_their_letter_and_wait_for_who_is_asked(
    tmp_path: Path,
) -> None:
    def fill(tx: Tx) -> None:
        for name in ("read", "returned"):
            patient = f"{name}|x"
            tx.outbox.add(delivery(name, patient=patient), b"mail", {})
            tx.outbox.open_attempt(name, NOW)
            tx.outbox.move(name, DeliveryState.RELAYED, NOW)
            tx.receipts.add(came_back(name=name), NOW)
        tx.tasks.raise_(wanted("a", patient="returned|x", kind=TaskKind.RETURNED), NOW)
        tx.tasks.raise_(wanted("b", patient="read|x", kind=TaskKind.GP_UNCONFIRMED), NOW)

    with opened(tmp_path) as store:
        store.write_sync(fill)
        assert store.write_sync(lambda tx: tx.retention.purge_letters(LATER, 100)) == 1
        assert store.read_sync(lambda tx: rows(tx, "receipt_mail")) == 1
        assert len(store.read_sync(lambda tx: tx.receipts.of_delivery("read"))) == 1
        # One that comes later is found though the letter's own mail is gone.
        store.write_sync(lambda tx: tx.receipts.add(came_back(b"later", "read"), NOW))
        assert store.write_sync(lambda tx: tx.retention.purge_letters(LATER, 100)) == 1
        assert store.write_sync(lambda tx: tx.retention.purge_letters(LATER, 100)) == 0
        assert store.read_sync(lambda tx: tx.outbox.mime("returned")) == b"mail"


def test_tasks_that_decide_something_are_left(tmp_path: Path) -> None:
    def fill(tx: Tx) -> None:
        for number, kind in enumerate(TaskKind):
            task = tx.tasks.raise_(wanted(f"k{number}", kind=kind), NOW)
            tx.tasks.close(task.id, NOW, "claire", "go-on")
        for key, when in (("message:1", NOW), ("message:2", LATER)):
            task = tx.tasks.raise_(wanted(key, kind=TaskKind.MESSAGE_UNREADABLE, patient=None), NOW)
            tx.tasks.close(task.id, when, "claire", "done")
        tx.tasks.raise_(wanted("open", kind=TaskKind.DELIVERY_FAILED), NOW)

    with opened(tmp_path) as store:
        store.write_sync(fill)
        assert store.write_sync(lambda tx: tx.retention.purge_tasks(LATER, 100)) == 3 + len(
            RETURNED_KINDS
        )
        left = store.read_sync(lambda tx: tx.tasks.listing(only_open=False))
        closed = {task.kind for task in left if not task.open and task.patient}
        assert closed == set(TaskKind) - RETURNED_KINDS - {
            TaskKind.DELIVERY_FAILED,
            TaskKind.DELIVERY_UNCERTAIN,
        }
        assert {task.key for task in left} >= {"message:2", "open"}


def open_task(tx: Tx) -> None:
    tx.tasks.raise_(wanted("another"), NOW)


def queued(tx: Tx) -> None:
    tx.outbox.add(delivery("d2"), b"mail", {})


def failed_lately(tx: Tx) -> None:
    queued(tx)
    tx.outbox.move("d2", DeliveryState.CANCELLED, LATER)


BUSY = {
    "inside": lambda tx: tx.facts.put_stay(stay("V2", closed=False)),
    "to be looked at": lambda tx: tx.facts.put_stay(stay("V2", closed=True, next_look_at=NOW)),
    "heard lately": lambda tx: tx.facts.add([heard(2, heard_at=LATER)]),
    "a task": open_task,
    "a letter": queued,
    "a letter closed lately": failed_lately,
    "another number": lambda tx: (
        tx.facts.link(OTHER, PATIENT),
        tx.facts.put_stay(stay("V2", patient=OTHER, closed=False)),
    ),
}


@pytest.mark.parametrize("why", BUSY)
def test_a_patient_with_something_under_way_is_not_at_rest(tmp_path: Path, why: str) -> None:
    with opened(tmp_path) as store:
        store.write_sync(at_rest)
        store.write_sync(lambda tx: at_rest(tx, THIRD, "d3"))
        both = store.read_sync(lambda tx: sorted(tx.retention.at_rest(LATER, 10)))
        assert both == [PATIENT, THIRD]
        assert store.read_sync(lambda tx: tx.retention.at_rest(NOW, 10)) == []
        store.write_sync(BUSY[why])
        assert store.read_sync(lambda tx: tx.retention.at_rest(LATER, 10)) == [THIRD]
        assert store.write_sync(lambda tx: tx.retention.purge_documents(LATER, 10)) == 1
        assert store.write_sync(lambda tx: tx.retention.purge_documents(LATER, 10)) == 0
        assert store.read_sync(lambda tx: document_of(tx, PATIENT))


def test_a_patient_heard_of_and_never_inside_rests_too(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(lambda tx: tx.facts.add([heard(1)]))
        assert store.read_sync(lambda tx: tx.retention.at_rest(LATER, 10)) == [PATIENT]
        store.write_sync(lambda tx: tx.retention.forget(PATIENT))
        assert store.read_sync(lambda tx: tx.retention.at_rest(LATER, 10)) == []


def test_the_room_of_what_was_purged_goes_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "relais.db"
    with opened(tmp_path) as store:
        for number in range(60):

            def add(tx: Tx, n: int = number) -> None:
                raw = bytes(100_000)
                number = tx.journal.add(
                    entry(n + 1, raw=raw, content_hash=sha256(raw).digest()), NOW
                )
                tx.journal.close(number, JournalState.PROCESSED, NOW)

            store.write_sync(add)
        store.give_back()
        full = path.stat().st_size
        assert full > 60 * 100_000
        assert store.write_sync(lambda tx: tx.retention.purge_messages(LATER, 50)) == 50
        given = store.give_back()
        assert given > 50 * 100_000 * 0.98
        assert path.stat().st_size == full - given
        assert (tmp_path / "relais.db-wal").stat().st_size == 0
        rest = store.read_sync(lambda tx: [row.id for row in tx.journal.listing() if row.kept])
        assert rest == list(range(60, 50, -1))
        message = store.read_sync(lambda tx: tx.journal.get(60))
        assert message is not None
        assert message.raw == bytes(100_000)


def test_ages_are_counted_to_the_microsecond(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(at_rest)
        just = NOW + timedelta(microseconds=1)
        assert store.read_sync(lambda tx: tx.retention.at_rest(NOW, 9)) == []
        assert store.read_sync(lambda tx: tx.retention.at_rest(just, 9)) == [PATIENT]
        assert store.write_sync(lambda tx: tx.retention.purge_messages(NOW, 9)) == 0
        assert store.write_sync(lambda tx: tx.retention.purge_messages(just, 9)) == 1
