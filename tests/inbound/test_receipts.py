"""What follows a receipt, and what follows silence: on a real store, with a clock of the test."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decide.ladder import Rung, Watch, standing
from engine.inbound.receipts import notice_silence, take, told_by_person
from engine.model.config import Proof
from engine.model.errors import StoreError
from engine.model.flow import Cause, Deferred, Delivery, DeliveryState, Unknown
from engine.model.receipt import Kept, ReceiptKind, Returned
from engine.model.task import TaskKind
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore
from engine.wire.mail_return import read
from tests.support.deliveries import NOW, a_delivery
from tests.support.returned_mails import bounce, dsn, human_reply, ko_mail, mdn

WATCH = Watch(Proof(), frozenset({"mss"}))
FILED = "automatic-action/MDN-sent-automatically; processed"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "relais.db")
    yield opened
    opened.close()


def relayed(tx: Tx, ident: str, at: datetime = NOW, **changes: Any) -> None:
    tx.outbox.add(a_delivery(ident, created_at=at, due_at=at, **changes), b"mail", {})
    tx.outbox.move(ident, DeliveryState.SENDING, at)
    tx.outbox.move(ident, DeliveryState.RELAYED, at)


def heard(
    tx: Tx, raw: bytes, at: datetime = NOW, moved: Any = lambda _tx, _row, _now: None
) -> tuple[Kept, ...] | None:
    returned = read(raw)
    assert isinstance(returned, Returned)
    return take(tx, returned, raw, origin="mss 1/1", watch=WATCH, now=at, moved=moved)


def rung(tx: Tx, ident: str = "d1") -> Rung:
    row = tx.outbox.get(ident)
    assert row is not None
    return standing(row, tx.receipts.of_delivery(ident)).rung


def open_tasks(tx: Tx) -> list[TaskKind]:
    return sorted(one.kind for one in tx.tasks.listing())


def test_a_bounce_then_a_reading_asks_a_person_what_is_true(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        relayed(tx, "d1")
        heard(tx, dsn("failed", "5.1.1"))
        assert open_tasks(tx) == [TaskKind.RETURNED]
        heard(tx, mdn())
        assert open_tasks(tx) == [TaskKind.REPORTS_DISAGREE]

    store.write_sync(work)


def test_a_receipt_of_no_letter_of_ours_leaves_nothing(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        relayed(tx, "d1")
        before = tx.audit.head()
        assert heard(tx, dsn(envelope="x", original_id="<x@hopital.example>")) is None
        assert heard(tx, mdn(original_id="<d1@ailleurs.example>")) is None
        assert tx.audit.head() == before

    store.write_sync(work)


def test_a_bounce_that_names_the_mailbox_alone_is_tied_when_one_letter_went_there(
    store: SqliteStore,
) -> None:
    raw = bounce("Votre message n'a pas pu être remis à <cabinet@medecin.example>.")

    def work(tx: Tx) -> None:
        relayed(tx, "d1", NOW - timedelta(days=1))
        relayed(tx, "d2", NOW - timedelta(days=1), address="autre@medecin.example")
        relayed(tx, "d3", NOW - timedelta(days=6))
        kept = heard(tx, raw)
        assert kept is not None
        assert [one.delivery for one in kept] == ["d1"]
        relayed(tx, "d4", NOW - timedelta(days=1))
        assert heard(tx, raw.replace(b"bounce1", b"bounce2")) is None

    store.write_sync(work)


def test_the_copy_in_the_record_hides_no_bounce_that_names_the_mailbox_alone(
    store: SqliteStore,
) -> None:
    raw = bounce("Votre message n'a pas pu être remis à <cabinet@medecin.example>.")

    def work(tx: Tx) -> None:
        relayed(tx, "d1", NOW - timedelta(days=1))
        relayed(tx, "c1", NOW - timedelta(days=1), channel="record", about="d1")
        kept = heard(tx, raw)
        assert kept is not None
        assert [one.delivery for one in kept] == ["d1"]

    store.write_sync(work)


@pytest.mark.parametrize("raw", [dsn("failed", "5.1.1"), dsn(), mdn(), human_reply()])
def test_no_mail_says_anything_of_a_message_to_the_record(store: SqliteStore, raw: bytes) -> None:
    def work(tx: Tx) -> None:
        relayed(tx, "d0")
        possibly_sent(tx, about="d0", channel="record")
        assert heard(tx, raw) is None
        row = tx.outbox.get("d1")
        assert row is not None
        assert row.state is DeliveryState.QUEUED
        assert open_tasks(tx) == []

    store.write_sync(work)


def test_a_report_of_another_mailbox_is_kept_and_proves_nothing(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        relayed(tx, "d1")
        kept = heard(tx, mdn(recipient="ailleurs@x.example", original_recipient=None))
        assert kept is not None
        assert [one.other_box for one in kept] == [True]
        assert rung(tx) is Rung.ACCEPTED

    store.write_sync(work)


def test_a_reading_that_another_mailbox_tells_of_is_kept_and_proves_nothing(
    store: SqliteStore,
) -> None:
    """Its report names the right box, and somebody else wrote it."""
    raw = mdn().replace(b"From: Cabinet <cabinet@medecin.example>", b"From: <x@ailleurs.example>")

    def work(tx: Tx) -> None:
        relayed(tx, "d1")
        (kept,) = heard(tx, raw) or ()
        assert kept.other_box
        assert rung(tx) is Rung.ACCEPTED
        refusal = raw.replace(b"displayed", b"processed/error").replace(b"mdn1@", b"mdn2@")
        heard(tx, refusal)
        assert open_tasks(tx) == [TaskKind.REPORTS_DISAGREE]

    store.write_sync(work)


def test_an_answer_is_a_task_with_its_mail_kept_and_no_proof_before_a_person_read_it(
    store: SqliteStore,
) -> None:
    raw = human_reply()

    def work(tx: Tx) -> None:
        relayed(tx, "d1")
        (kept,) = heard(tx, raw) or ()
        assert tx.receipts.evidence(kept) == raw
        assert rung(tx) is Rung.DELIVERED
        assert open_tasks(tx) == [TaskKind.REPLY]
        assert heard(tx, raw) == ()
        heard(tx, raw.replace(b"<reply1@", b"<reply2@"))
        (task,) = tx.tasks.listing()  # ten answers are one look
        assert (task.about, task.patient) == ("d1", "IPP1|1.2.3")
        tx.tasks.close(task.id, NOW, "ide", "done")
        heard(tx, raw.replace(b"<reply1@", b"<reply3@"))
        assert open_tasks(tx) == [TaskKind.REPLY]

    store.write_sync(work)


def test_an_answer_of_a_stranger_is_read_too_and_one_of_our_own_people_is_none(
    store: SqliteStore,
) -> None:
    raw = human_reply()

    def work(tx: Tx) -> None:
        relayed(tx, "d1")
        ours = raw.replace(b"<cabinet@medecin.example>", b"<usmp@hopital.example>")
        assert heard(tx, ours) is None
        (kept,) = heard(tx, raw.replace(b"<cabinet@", b"<associe@")) or ()
        assert kept.other_box
        assert rung(tx) is Rung.ACCEPTED
        assert open_tasks(tx) == [TaskKind.REPLY]

    store.write_sync(work)


def test_what_comes_back_about_a_patient_who_was_forgotten_asks_nobody(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        notice_silence(tx, WATCH, NOW - timedelta(days=9))
        relayed(tx, "d1")
        tx.retention.forget("IPP1|1.2.3")
        late = NOW + timedelta(days=30)
        assert notice_silence(tx, WATCH, late) == 0
        for raw in (dsn("failed", "5.1.1"), human_reply(), mdn()):
            (kept,) = heard(tx, raw, late) or ()
            with pytest.raises(StoreError, match="no longer kept"):
                tx.receipts.evidence(kept)
        assert open_tasks(tx) == []
        assert len(tx.receipts.of_delivery("d1")) == 3
        assert tx.keys.counts() == {name: {"store": 1} for name in tx.keys.counts()}

    store.write_sync(work)


def test_a_mail_that_was_there_before_the_letter_is_about_another_one(store: SqliteStore) -> None:
    returned = read(mdn())
    assert isinstance(returned, Returned)

    def work(tx: Tx) -> None:
        relayed(tx, "d1")
        for hours, tied in ((-2, False), (-0.5, True)):
            arrived = NOW + timedelta(hours=hours)
            kept = take(tx, returned, mdn(), origin="m", watch=WATCH, now=NOW, arrived=arrived)
            assert (kept is not None) is tied

    store.write_sync(work)


def possibly_sent(tx: Tx, **changes: Any) -> None:
    """The operator fell silent after the final dot: it is to go again."""
    tx.outbox.add(a_delivery("d1", **changes), b"mail", {})
    number = tx.outbox.open_attempt("d1", NOW)
    tx.outbox.close_attempt("d1", number, Unknown(), NOW)
    tx.outbox.move("d1", DeliveryState.QUEUED, NOW, possibly_sent=True)


@pytest.mark.parametrize("raw", [dsn(), mdn(), mdn(FILED), ko_mail(902)])
def test_a_letter_that_was_possibly_sent_is_not_sent_again_once_a_receipt_proves_it(
    store: SqliteStore, raw: bytes
) -> None:
    told: list[Delivery] = []

    def work(tx: Tx) -> None:
        possibly_sent(tx)
        heard(tx, raw, moved=lambda _tx, row, _now: told.append(row))
        row = tx.outbox.get("d1")
        assert row is not None
        assert row.state is DeliveryState.RELAYED
        assert tx.outbox.due(NOW + timedelta(days=1), 10) == []

    store.write_sync(work)
    assert [one.id for one in told] == ["d1"]


@pytest.mark.parametrize(
    "raw",
    [
        dsn("delayed", "4.4.1"),
        dsn("relayed", "2.0.0"),
        dsn("failed", "5.1.1"),
        mdn(recipient="x@y.example", original_recipient=None),
    ],
)
def test_any_other_report_does_not_end_the_attempts(store: SqliteStore, raw: bytes) -> None:
    def work(tx: Tx) -> None:
        possibly_sent(tx)
        heard(tx, raw)
        row = tx.outbox.get("d1")
        assert row is not None
        assert row.state is DeliveryState.QUEUED

    store.write_sync(work)


def test_a_report_about_a_letter_that_was_never_taken_is_kept_and_moves_nothing(
    store: SqliteStore,
) -> None:
    def work(tx: Tx) -> None:
        tx.outbox.add(a_delivery("d1"), b"mail", {})
        number = tx.outbox.open_attempt("d1", NOW)
        tx.outbox.close_attempt("d1", number, Deferred(Cause.BUSY, 451), NOW)
        tx.outbox.move("d1", DeliveryState.QUEUED, NOW)
        heard(tx, mdn())
        row = tx.outbox.get("d1")
        assert row is not None
        assert row.state is DeliveryState.QUEUED

    store.write_sync(work)


def watched(tx: Tx, at: datetime) -> None:
    notice_silence(tx, WATCH, at)


def test_silence_is_asked_about_once_and_at_its_time(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        watched(tx, NOW)
        relayed(tx, "d1", NOW + timedelta(hours=1))
        watched(tx, NOW + timedelta(hours=72))
        assert open_tasks(tx) == []
        watched(tx, NOW + timedelta(hours=73))
        assert open_tasks(tx) == [TaskKind.PROOF_MISSING]
        (task,) = tx.tasks.listing()
        tx.tasks.close(task.id, NOW, "IDE", "called")
        watched(tx, NOW + timedelta(hours=99))
        assert open_tasks(tx) == []

    store.write_sync(work)


def test_a_letter_that_was_read_in_time_is_not_asked_about(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        watched(tx, NOW)
        relayed(tx, "d1", NOW + timedelta(hours=1))
        heard(tx, mdn(), NOW + timedelta(hours=2))
        watched(tx, NOW + timedelta(hours=99))
        assert open_tasks(tx) == []

    store.write_sync(work)


@pytest.mark.parametrize("enough", ["delivered", "displayed"])
def test_a_delivery_will_do_where_the_site_says_so(store: SqliteStore, enough: Any) -> None:
    watch = Watch(Proof(enough=enough), frozenset({"mss"}))

    def work(tx: Tx) -> None:
        notice_silence(tx, watch, NOW)
        relayed(tx, "d1", NOW + timedelta(hours=1))
        heard(tx, dsn(), NOW + timedelta(hours=2))
        notice_silence(tx, watch, NOW + timedelta(hours=99))
        assert bool(open_tasks(tx)) == (enough == "displayed")

    store.write_sync(work)


def test_a_late_receipt_closes_the_task(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        watched(tx, NOW)
        relayed(tx, "d1", NOW + timedelta(hours=1))
        watched(tx, NOW + timedelta(hours=99))
        heard(tx, mdn(FILED), NOW + timedelta(days=30))
        assert open_tasks(tx) == []
        assert rung(tx) is Rung.FILED

    store.write_sync(work)


def test_a_call_to_the_doctor_ends_the_loop_and_who_called_is_its_evidence(
    store: SqliteStore,
) -> None:
    def work(tx: Tx) -> None:
        watched(tx, NOW)
        relayed(tx, "d1", NOW + timedelta(hours=1))
        watched(tx, NOW + timedelta(hours=99))
        (task,) = tx.tasks.listing()
        tx.tasks.close(task.id, NOW, "ide", "received")
        nothing: Any = lambda _tx, _row, _now: None  # noqa: E731 - a callback that is not asked for
        told_by_person(
            tx, "d1", ReceiptKind.CONFIRMED, by="ide", watch=WATCH, now=NOW, moved=nothing
        )
        assert rung(tx) is Rung.CONFIRMED
        (kept,) = tx.receipts.of_delivery("d1")
        assert b'"by": "ide"' in tx.receipts.evidence(kept)

    store.write_sync(work)


def test_of_a_channel_without_a_mailbox_of_receipts_nobody_is_asked(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        watched(tx, NOW)
        relayed(tx, "d1", NOW + timedelta(hours=1), channel="apicrypt")
        watched(tx, NOW + timedelta(days=30))
        assert open_tasks(tx) == []

    store.write_sync(work)


def test_letters_from_before_the_first_look_are_left_alone(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        relayed(tx, "d1", NOW - timedelta(days=30))
        watched(tx, NOW)
        watched(tx, NOW + timedelta(days=1))
        assert open_tasks(tx) == []

    store.write_sync(work)


def test_six_hundred_silent_letters_are_all_asked_about_page_by_page(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        watched(tx, NOW)
        for n in range(600):
            relayed(tx, f"d{n}", NOW + timedelta(hours=1))  # all at one instant: ids break the tie
        late = NOW + timedelta(hours=99)
        turns = 0
        while notice_silence(tx, WATCH, late):
            turns += 1
        assert turns == 3
        assert tx.tasks.open_count() == {"proof-missing": 600}

    store.write_sync(work)


MAILS = [
    dsn(),
    dsn("delayed", "4.4.1", own="b@x"),
    dsn("relayed", "2.0.0", own="c@x"),
    dsn("failed", "5.1.1", own="d@x"),
    mdn(),
    mdn(FILED, own="e@x"),
    mdn("automatic-action/MDN-sent-automatically; deleted", own="f@x"),
    ko_mail(904),
]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(MAILS), max_size=8), st.data())
def test_doubled_late_and_disordered_mails_leave_the_same_standing_and_tasks(
    store: SqliteStore, mails: list[bytes], data: st.DataObject
) -> None:
    """Through the store: two letters hear the same mails, doubled, in two orders."""
    doubled = data.draw(st.permutations(mails + mails[:3]))
    told: list[tuple[Rung, list[TaskKind]]] = []

    class UndoneError(Exception):
        """So that the next example finds an empty store."""

    def hear(order: list[bytes]) -> None:
        def work(tx: Tx) -> None:
            relayed(tx, "d1")
            for minutes, raw in enumerate(order):
                heard(tx, raw, NOW + timedelta(minutes=minutes))
            told.append((rung(tx), open_tasks(tx)))
            assert len(tx.receipts.of_delivery("d1")) == len(set(order))
            raise UndoneError

        with pytest.raises(UndoneError):
            store.write_sync(work)

    hear(mails)
    hear(doubled)
    assert told[0] == told[1]
