"""Bar 3, the way back: each fault, for each kind of letter, ends in the stated state; nothing is
lost, and there is no second letter."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from engine.decide.ladder import Rung, Watch, standing
from engine.inbound.receipts import notice_silence, take
from engine.model.config import Proof
from engine.model.flow import DeliveryState
from engine.model.letter import LetterKind
from engine.model.receipt import Returned
from engine.model.task import TaskKind
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore
from engine.wire.mail_return import read
from tests.support.deliveries import NOW, a_delivery
from tests.support.returned_mails import (
    NATIONAL_2025,
    NATIONAL_2026,
    NATIONAL_2026_FIELD,
    automatic_reply,
    bounce,
    dsn,
    human_reply,
    ko_mail,
    mdn,
)

WATCH = Watch(Proof(), frozenset({"mss"}))
FILED = "automatic-action/MDN-sent-automatically; processed"
DELETED = "automatic-action/MDN-sent-automatically; deleted"
SOON, LATE = timedelta(minutes=1), timedelta(days=40)
T = TaskKind


@dataclass(frozen=True)
class Fault:
    """What comes back, after how long; where the letter then stands, and who is asked."""

    mails: tuple[tuple[timedelta, bytes], ...]
    rung: Rung
    tasks: tuple[TaskKind, ...]
    receipts: int


FAULTS = {
    "nothing comes back": Fault((), Rung.ACCEPTED, (T.PROOF_MISSING,), 0),
    "the DSN is lost, the MDN is not": Fault(((SOON, mdn()),), Rung.DISPLAYED, (), 1),
    "the MDN is lost": Fault(((SOON, dsn()),), Rung.DELIVERED, (T.PROOF_MISSING,), 1),
    "the MDN is late": Fault(((SOON, dsn()), (LATE, mdn())), Rung.DISPLAYED, (), 2),
    "the DSN is doubled": Fault(
        ((SOON, dsn()), (SOON, dsn()), (LATE, dsn())), Rung.DELIVERED, (T.PROOF_MISSING,), 1
    ),
    "the MDN is doubled on two ways": Fault(
        ((SOON, mdn()), (LATE, b"Received: x\r\n" + mdn())), Rung.DISPLAYED, (), 1
    ),
    "the DSN comes after the MDN": Fault(((SOON, mdn(FILED)), (LATE, dsn())), Rung.FILED, (), 2),
    "the MDN is of another address": Fault(
        ((SOON, mdn(recipient="a@x.example", original_recipient=None)),),
        Rung.ACCEPTED,
        (T.PROOF_MISSING,),
        1,
    ),
    "the MDN was written by another address": Fault(
        ((SOON, mdn().replace(b"Cabinet <cabinet@", b"X <x@")),),
        Rung.ACCEPTED,
        (T.PROOF_MISSING,),
        1,
    ),
    "the report names two letters": Fault(
        ((SOON, dsn(original_id="<d0@hopital.example>")),), Rung.ACCEPTED, (T.PROOF_MISSING,), 0
    ),
    "the doctor answers": Fault(
        ((SOON, human_reply()),), Rung.DELIVERED, (T.PROOF_MISSING, T.REPLY), 1
    ),
    "a bounce of another address": Fault(
        ((SOON, dsn("failed", "5.1.1", recipient="a@x.example", original_recipient=None)),),
        Rung.UNKNOWN,
        (T.REPORTS_DISAGREE,),
        1,
    ),
    "the box is full": Fault(
        ((SOON, dsn("failed", "5.2.2", diagnostic="552 5.2.2 full")),),
        Rung.FAILED,
        (T.RETURNED,),
        1,
    ),
    "the box is full, in free text": Fault(
        ((SOON, bounce("<cabinet@medecin.example> : échec de remise, 552 5.2.2 boîte pleine")),),
        Rung.FAILED,
        (T.RETURNED,),
        1,
    ),
    "delayed, then delivered": Fault(
        ((SOON, dsn("delayed", "4.4.1", own="a@x")), (LATE, dsn())),
        Rung.DELIVERED,
        (T.PROOF_MISSING,),
        2,
    ),
    "delayed, then given up": Fault(
        ((SOON, dsn("delayed", "4.4.1", own="a@x")), (LATE, dsn("failed", "4.4.7"))),
        Rung.FAILED,
        (T.RETURNED,),
        2,
    ),
    "relayed to a system without reports": Fault(
        ((SOON, dsn("relayed")),), Rung.ACCEPTED, (T.PROOF_MISSING,), 1
    ),
    "deleted unread": Fault(
        ((SOON, dsn()), (SOON, mdn(DELETED))), Rung.DELIVERED, (T.PROOF_MISSING,), 2
    ),
    "the doctor is away": Fault(
        ((SOON, automatic_reply("Auto-Submitted: auto-replied")),),
        Rung.ACCEPTED,
        (T.PROOF_MISSING,),
        1,
    ),
    "902 in the form of 2025": Fault(
        ((SOON, mdn(NATIONAL_2025)),), Rung.REFUSED, (T.FILING_REFUSED,), 1
    ),
    "904 in the form of 2026": Fault(
        ((SOON, mdn(NATIONAL_2026, fields=[NATIONAL_2026_FIELD.format(code=904)])),),
        Rung.REFUSED,
        (T.IDENTITY_REFUSED,),
        1,
    ),
    "905 by an ordinary mail": Fault(
        ((SOON, ko_mail(905)),), Rung.REFUSED, (T.IDENTITY_REFUSED,), 1
    ),
    "seen, and refused by the software": Fault(
        ((SOON, mdn()), (SOON, ko_mail(906))), Rung.REFUSED, (T.FILING_REFUSED,), 2
    ),
    "delivered, then bounced": Fault(
        ((SOON, dsn()), (LATE, dsn("failed", "5.0.0", own="b@x"))),
        Rung.UNKNOWN,
        (T.REPORTS_DISAGREE,),
        2,
    ),
    "forged for a letter that never was": Fault(
        ((SOON, mdn(original_id="<zz@hopital.example>")),), Rung.ACCEPTED, (T.PROOF_MISSING,), 0
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "relais.db")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "kind", [LetterKind.ARRIVAL_NOTICE, LetterKind.EXIT_NOTICE, LetterKind.EXIT_LETTER]
)
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_on_the_way_back_ends_in_the_stated_state(
    store: SqliteStore, name: str, kind: LetterKind
) -> None:
    fault = FAULTS[name]

    def work(tx: Tx) -> None:
        notice_silence(tx, WATCH, NOW)
        tx.outbox.add(a_delivery("d1", letter_kind=kind), b"mail", {})
        tx.outbox.add(a_delivery("d0", letter_kind=kind, channel="other"), b"mail", {})
        for state in (DeliveryState.SENDING, DeliveryState.RELAYED):
            tx.outbox.move("d1", state, NOW + timedelta(seconds=1))
        steps = [(after, raw) for after, raw in fault.mails]
        for after, raw in [one for one in steps if one[0] == SOON]:
            hear(tx, raw, after)
        notice_silence(tx, WATCH, NOW + WATCH.wait(kind) + SOON)
        for after, raw in [one for one in steps if one[0] == LATE]:
            hear(tx, raw, after)
        row = tx.outbox.get("d1")
        assert row is not None
        kept = tx.receipts.of_delivery("d1")
        assert standing(row, kept).rung is fault.rung
        assert tuple(one.kind for one in tx.tasks.listing()) == fault.tasks
        assert len(kept) == fault.receipts
        assert all(tx.receipts.evidence(one) for one in kept)
        assert row.state is DeliveryState.RELAYED
        assert {one.id for one in tx.outbox.listing()} == {"d0", "d1"}

    store.write_sync(work)


def hear(tx: Tx, raw: bytes, after: timedelta) -> None:
    returned = read(raw)
    assert isinstance(returned, Returned)
    at = NOW + after
    take(tx, returned, raw, origin="mss 1/1", watch=WATCH, now=at, arrived=at)
