"""Receipts in the store: each once, in order; and letters whose silence is to be looked at."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from engine.model.flow import DeliveryState
from engine.model.letter import LetterKind
from engine.model.receipt import Receipt, ReceiptKind, ReceiptSource
from engine.store.interface import NewReceipt, Relayed, Tx
from engine.store.sqlite import SqliteStore
from tests.support.stores import NOW, after, delivery, opened

START = Relayed(NOW - timedelta(days=1), "")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with opened(tmp_path) as one:
        yield one


def relayed(tx: Tx, name: str, minutes: int, **changes: Any) -> None:
    tx.outbox.add(delivery(name, **changes), b"mail", {})
    tx.outbox.move(name, DeliveryState.SENDING, NOW)
    tx.outbox.move(name, DeliveryState.RELAYED, after(minutes=minutes))


def a_receipt(tx: Tx, name: str = "d1", said: str = "a", **changes: Any) -> NewReceipt:
    values: dict[str, Any] = {
        "delivery": name,
        "identity": sha256(said.encode()).hexdigest(),
        "receipt": Receipt(
            ReceiptKind.REFUSED,
            ReceiptSource.MDN,
            status="5.7.1",
            code=902,
            by_machine=True,
            said_at=NOW,
        ),
        "other_box": True,
        "evidence": b"From: x\r\n\r\n",
        "origin": "mss 1/2",
    }
    return NewReceipt(**(values | changes))


def test_a_receipt_comes_back_as_it_was_kept(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        relayed(tx, "d1", 0)
        new = a_receipt(tx)
        kept = tx.receipts.add(new, after(minutes=1))
        assert kept is not None
        assert list(tx.receipts.of_delivery("d1")) == [kept]
        assert (kept.receipt, kept.other_box, kept.origin) == (new.receipt, True, "mss 1/2")
        assert kept.received_at == after(minutes=1)
        assert tx.receipts.evidence(kept) == b"From: x\r\n\r\n"

    store.write_sync(work)


def test_the_same_receipt_is_kept_once_a_delivery_and_another_beside_it(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        relayed(tx, "d1", 0)
        relayed(tx, "d2", 0)
        assert tx.receipts.add(a_receipt(tx), NOW) is not None
        assert tx.receipts.add(a_receipt(tx), after(days=9)) is None
        assert tx.receipts.add(a_receipt(tx, said="b"), NOW) is not None
        assert tx.receipts.add(a_receipt(tx, "d2"), NOW) is not None
        assert len(tx.receipts.of_delivery("d1")) == 2
        assert tx.receipts.counts()[ReceiptKind.REFUSED] == 3
        assert tx.receipts.counts()[ReceiptKind.FILED] == 0

    store.write_sync(work)


def test_letters_taken_since_a_place_come_in_order_and_page_by_page(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        for name, minutes in (("c", 2), ("a", 1), ("b", 1), ("d", 9)):
            relayed(tx, name, minutes)
        relayed(tx, "e", 1, letter_kind=LetterKind.EXIT_LETTER)
        tx.outbox.add(delivery("f"), b"mail", {})
        found: list[str] = []
        place = START
        while page := tx.receipts.relayed(LetterKind.ARRIVAL_NOTICE, place, after(minutes=5), 1):
            found += [one.delivery for one in page]
            place = page[-1]
        assert found == ["a", "b", "c"]
        assert list(tx.receipts.left_since(after(minutes=2), 10)) == ["d", "c"]

    store.write_sync(work)


def test_every_kind_and_every_source_has_its_word_in_the_schema(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        relayed(tx, "d1", 0)
        for kind in ReceiptKind:
            for source in ReceiptSource:
                new = a_receipt(tx, said=f"{kind} {source}", receipt=Receipt(kind, source))
                assert tx.receipts.add(new, NOW) is not None

    store.write_sync(work)
