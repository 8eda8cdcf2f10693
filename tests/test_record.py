"""The hospital's record is told of each letter that left, once, and of nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.model.config import Retry
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.errors import OperationError
from engine.model.flow import (
    Cause,
    Deferred,
    Delivery,
    DeliveryState,
    JournalState,
    Outcome,
    Rejected,
)
from engine.model.receipt import Kept, Receipt, ReceiptKind, ReceiptSource
from engine.model.task import TaskKind
from engine.outbound.traffic import Route
from engine.outbound.worker import Worker
from engine.record import RECORD, Teller
from engine.runtime.wiring import Gate, routes_of, teller_of
from engine.store.interface import Tx
from engine.wire import hl7
from engine.wire.encapsulated import undo_base64
from engine.wire.mdm import Ends
from engine.wire.zam import Zam, ZamKind, read_zam, write_zam
from tests.commands.test_paper import DIRECTORY, PAPER, Silent
from tests.support.house import NOW, ROOT, Engine, opened
from tests.support.mllp_receiver import Receiver, receiver, says

IPP = "26000001"
SETTINGS = """[record]
application = "DPI"
[record.mllp]
host = "127.0.0.1"
port = {port}
tls = false
commit_timeout = "300ms"
[retry]
"""


class Refuses:
    """A way out that says one thing."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    async def attempt(self, _: Delivery, __: bytes) -> Outcome:
        return self.outcome

    async def close(self) -> None: ...


def worker(engine: Engine, teller: Teller | None, **ways: Route) -> Worker:
    def moved(tx: Tx, row: Delivery, now: Any) -> None:
        if teller is not None:
            teller.left_or_refused(tx, row.id, now)
        engine.knowledge.settle(tx, row.patient, now)

    return Worker(
        engine.store,
        routes_of(engine.settings.config) | ways,
        may_leave=Gate(lambda: engine.knowledge),
        allowed=lambda _: True,
        policy=Retry(),
        now=lambda: engine.now,
        dice=lambda: 0.5,
        counters=Silent(),
        moved=moved,
    )


@asynccontextmanager
async def another(engine: Engine, way: Route) -> AsyncIterator[Worker]:
    """A worker beside, whose letters meet this; its connection to the record is closed."""
    made = worker(engine, teller_of(engine.settings), mssante=way, apicrypt=way)
    try:
        yield made
    finally:
        await made._routes[RECORD].transport.close()


@asynccontextmanager
async def house(folder: Path, *words: str) -> AsyncIterator[tuple[Engine, Receiver, Worker]]:
    """An engine whose letters leave by the gateway's folder, and a record that says these words."""
    async with receiver(says(*words)) as peer:
        smtp_away = ("[retry]\n", SETTINGS.format(port=peer.port))
        engine = opened(folder, smtp_away)
        gateway = routes_of(engine.settings.config)["apicrypt"]
        running = worker(engine, teller_of(engine.settings), mssante=gateway)
        try:
            yield engine, peer, running
        finally:
            await running._routes[RECORD].transport.close()
            engine.store.close()


async def decided(engine: Engine) -> Delivery:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (letter,) = engine.deliveries(IPP)
    return letter


def about(engine: Engine, letter: Delivery) -> list[Delivery]:
    return list(engine.store.read_sync(lambda tx: tx.outbox.about(letter.id)))


async def test_a_letter_that_left_is_copied_to_the_record_with_its_own_state(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "CA", "AA") as (engine, peer, running):
        letter = await decided(engine)
        assert about(engine, letter) == []  # not before it left
        await running.run_due()
        (copy,) = about(engine, letter)
        assert copy.state is DeliveryState.QUEUED
        await running.run_due()
        (copy,) = about(engine, letter)
        assert copy.state is DeliveryState.RELAYED
        message = hl7.read(peer.messages[0])
        files = engine.store.read_sync(lambda tx: tx.outbox.files(letter.id))
        assert undo_base64(message.value("OBX", 5, 5)) == files["cda.xml"]
        assert message.header.control_id == copy.id
        assert message.header.processing_id == "P"
        assert message.value("PID", 3, 1) == IPP
        assert message.value("TXA", 12) == letter.document_oid
        # It is no letter: what is decided about the patient does not see it.
        assert [one.id for one in engine.deliveries(IPP)] == [letter.id]
        await engine.wait(timedelta(hours=1))
        await running.run_due()
        assert len(peer.messages) == 1


async def test_a_record_that_refuses_ends_in_a_task_and_the_letter_stays_sent(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "AE") as (engine, _, running):
        letter = await decided(engine)
        await running.run_due()
        await running.run_due()
        (copy,) = about(engine, letter)
        assert copy.state is DeliveryState.REJECTED
        (letter,) = engine.deliveries(IPP)
        assert letter.state is DeliveryState.RELAYED
        tasks = engine.store.read_sync(lambda tx: tx.tasks.of_patient(letter.patient))
        assert [(one.kind, one.about) for one in tasks if one.open] == [
            (TaskKind.RECORD_NOT_TOLD, copy.id)
        ]
        context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
        perform(context, "outbox.retry", {"delivery": copy.id})
        shown = perform(context, "outbox.show", {"delivery": letter.id})
        assert shown["record"] == [f"{copy.id} queued"]


async def test_a_record_that_is_silent_is_asked_again_with_the_same_number(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as (engine, peer, running):
        letter = await decided(engine)
        await running.run_due()
        for _ in range(2):
            await running.run_due()
            engine.now += timedelta(hours=1)
        (copy,) = about(engine, letter)
        assert copy.possibly_sent
        assert copy.attempts == 2
        assert len({hl7.peek(one).control_id for one in peer.messages}) == 1


async def test_a_letter_that_was_cancelled_is_never_copied(tmp_path: Path) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        letter = await decided(engine)
        engine.now += timedelta(seconds=1)
        said = ConsentStated(
            purpose=Purpose.ARRIVAL_NOTICE, state=ConsentState.WITHDRAWN, at=engine.now, by="IDE"
        )
        await engine.store.write(lambda tx: engine.tell(tx, IPP, said))
        await running.run_due()
        await running.run_due()
        (letter,) = engine.deliveries(IPP)
        assert letter.state is DeliveryState.CANCELLED
        assert about(engine, letter) == []
        assert peer.messages == []


async def test_a_copy_queued_by_mistake_for_a_letter_that_did_not_leave_is_stopped_by_the_gate(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        letter = await decided(engine)
        wrong = replace(
            letter, id="wrong1", message_id="<wrong1@x.example>", channel=RECORD, about=letter.id
        )
        await engine.store.write(lambda tx: tx.outbox.add(wrong, b"MSH|^~\\&|", {}))
        context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
        perform(context, "outbox.cancel", {"delivery": letter.id})
        await running.run_due()
        (copy,) = about(engine, letter)
        assert copy.state is DeliveryState.CANCELLED
        assert peer.messages == []


async def test_the_consent_of_the_patient_for_the_doctor_is_not_the_gate_of_the_copy(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        letter = await decided(engine)
        await running.run_due()
        engine.now += timedelta(seconds=1)
        said = ConsentStated(
            purpose=Purpose.ARRIVAL_NOTICE, state=ConsentState.WITHDRAWN, at=engine.now, by="IDE"
        )
        await engine.store.write(lambda tx: engine.tell(tx, IPP, said))
        await running.run_due()
        (copy,) = about(engine, letter)
        assert copy.state is DeliveryState.RELAYED
        assert len(peer.messages) == 1


async def test_a_copy_that_cannot_be_made_loses_neither_the_outcome_nor_itself(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "AA") as (engine, _, running):
        teller = teller_of(engine.settings)
        assert teller is not None
        broken = worker(engine, replace(teller, types={}), mssante=running._routes["apicrypt"])
        letter = await decided(engine)
        await broken.run_due()
        (letter,) = engine.deliveries(IPP)
        assert letter.state is DeliveryState.RELAYED
        tasks = engine.store.read_sync(lambda tx: tx.tasks.of_patient(letter.patient))
        assert [one.kind for one in tasks if one.open] == [TaskKind.RECORD_NOT_TOLD]


async def test_who_is_forgotten_is_no_longer_told_of(tmp_path: Path) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        letter = await decided(engine)
        await running.run_due()
        context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
        perform(context, "patient.forget", {"patient": IPP})
        await running.run_due()
        (copy,) = about(engine, letter)
        assert copy.state is DeliveryState.CANCELLED
        assert peer.messages == []


def flag(code: str, value: str) -> bytes:
    return f"OBX|9|CWE|{code}^x^MetaDMPMSS||{value}^^expandedYes-NoIndicator||||||F\r".encode()


async def asked_for_a_receipt(engine: Engine) -> tuple[Delivery, str]:
    """A letter whose first document alone asks for a receipt; and the number of its message."""
    asked = []
    for stem in ("012-", "013-", "014-", "015-", "016-"):
        (path,) = (ROOT / "fixtures/day").glob(f"*{stem}*.hl7")
        raw = path.read_bytes()
        if b"|MDM^T02" in raw:
            wants = "Y" if not asked else "N"
            raw += flag("MASQUE_PS", "N") + flag("DESTMSSANTEPS", "Y")
            raw += flag("ACK_RECEPTION", wants)
            asked.append(hl7.peek(raw).control_id)
        await engine.journal(raw)
    assert len(asked) > 1
    await engine.read()
    await engine.wait(timedelta(seconds=10))
    (letter,) = engine.deliveries("26000002")
    return letter, asked[0]


REFUSING = Route(Refuses(Rejected(Cause.MAILBOX, 550, "5.1.1")))


async def test_a_refused_letter_is_told_to_the_sender_of_a_document_that_asked(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        letter, asked = await asked_for_a_receipt(engine)
        async with another(engine, REFUSING) as refused:
            await refused.run_due()
        await running.run_due()
        (told,) = [read_zam(hl7.read(one)) for one in peer.messages]
        assert told == Zam(
            ZamKind.DELIVERY, asked, positive=False, address=letter.intended, code="550",
            words="refused",
        )  # fmt: skip


async def test_a_refusal_is_told_even_if_the_letter_is_tried_anew_and_each_once(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        letter, asked = await asked_for_a_receipt(engine)
        context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
        async with another(engine, REFUSING) as refused:
            for _ in range(2):
                await refused.run_due()
                perform(context, "outbox.retry", {"delivery": letter.id})
        engine.now += timedelta(seconds=1)
        async with another(engine, Route(Refuses(Deferred(Cause.BUSY, 451, "4.3.0")))) as busy:
            await busy.run_due()
        await running.run_due()
        told = [read_zam(hl7.read(one)) for one in peer.messages]
        refusals = [(one.answers, one.positive, one.code) for one in told]
        assert refusals == [(asked, False, "550")] * 2


async def test_a_letter_that_grew_too_old_is_told_as_not_delivered(tmp_path: Path) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        letter, asked = await asked_for_a_receipt(engine)
        async with another(engine, Route(Refuses(Deferred(Cause.CONNECT)))) as trying:
            for _ in range(60):
                await trying.run_due()
                if engine.deliveries("26000002")[0].state is DeliveryState.EXPIRED:
                    break
                engine.now += timedelta(hours=8)
        await running.run_due()
        (told,) = [read_zam(hl7.read(one)) for one in peer.messages]
        assert told == Zam(
            ZamKind.DELIVERY, asked, positive=False, address=letter.intended, code="441",
            words="not delivered in time",
        )  # fmt: skip


def kept(letter: Delivery, kind: ReceiptKind, *, other_box: bool = False, **said: Any) -> Kept:
    receipt = Receipt(kind, ReceiptSource.DSN, **said)
    return Kept(1, letter.id, receipt, other_box, NOW, "0" * 64, "mss 1/2")


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        (ReceiptKind.FAILED, {"status": "5.2.2"}, (ZamKind.DELIVERY, "552")),
        (ReceiptKind.REFUSED, {"code": 902}, (ZamKind.READING, "902")),
    ],
)
async def test_bad_news_comes_back_with_the_code_of_its_table(
    tmp_path: Path, kind: ReceiptKind, said: dict[str, Any], told: tuple[ZamKind, str]
) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        for stem in ("012-", "013-", "014-", "016-"):
            (path,) = (ROOT / "fixtures/day").glob(f"*{stem}*.hl7")
            raw = path.read_bytes()
            if b"|MDM^T02" in raw:
                raw += flag("MASQUE_PS", "N") + flag("DESTMSSANTEPS", "Y")
                raw += flag("ACK_RECEPTION", "Y") + flag("ACK_LECTURE_MSS", "Y")
            await engine.journal(raw)
        await engine.read()
        await engine.wait(timedelta(seconds=10))
        await running.run_due()
        (letter,) = engine.deliveries("26000002")
        teller = teller_of(engine.settings)
        assert teller is not None
        await engine.store.write(
            lambda tx: teller.came_back(tx, letter, kept(letter, kind, **said), engine.now)
        )
        while await running.run_due():
            pass
        found = [read_zam(hl7.read(one)) for one in peer.messages]
        (zam,) = [one for one in found if one is not None]
        assert (zam.kind, zam.code, zam.positive) == (*told, False)


@pytest.mark.parametrize(
    ("kind", "wish"),
    [(ZamKind.DELIVERY, "ACK_RECEPTION"), (ZamKind.READING, "ACK_LECTURE_MSS")],
)
async def test_what_comes_back_about_a_letter_is_told_once_to_those_who_asked_for_that_kind(
    tmp_path: Path, kind: ZamKind, wish: str
) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        asked = []
        for stem in ("012-", "013-", "014-", "015-", "016-"):
            (path,) = (ROOT / "fixtures/day").glob(f"*{stem}*.hl7")
            raw = path.read_bytes()
            if b"|MDM^T02" in raw:
                raw += flag("MASQUE_PS", "N") + flag("DESTMSSANTEPS", "Y") + flag(wish, "Y")
                asked.append(hl7.peek(raw).control_id)
            await engine.journal(raw)
        await engine.read()
        await engine.wait(timedelta(seconds=10))
        await running.run_due()
        (letter,) = engine.deliveries("26000002")
        teller = teller_of(engine.settings)
        assert teller is not None

        def tell(tx: Tx) -> None:
            for one in (ReceiptKind.DELIVERED, ReceiptKind.DISPLAYED, ReceiptKind.DELETED):
                stray = kept(letter, one, other_box=True)
                teller.came_back(tx, letter, stray, engine.now)
                teller.came_back(tx, letter, kept(letter, one), engine.now)

        for _ in range(2):
            await engine.store.write(tell)
            while await running.run_due():
                pass
        read = [hl7.read(one) for one in peer.messages]
        told = [found for found in map(read_zam, read) if found is not None]
        assert sorted(one.answers for one in told) == sorted(asked)
        assert {(one.kind, one.positive, one.address) for one in told} == {
            (kind, True, letter.intended)
        }


@pytest.mark.parametrize("positive", [True, False])
async def test_a_receipt_about_our_copy_is_told_in_the_audit_and_a_refusal_asks_once(
    tmp_path: Path, positive: bool
) -> None:
    async with house(tmp_path, "AA") as (engine, _, running):
        letter = await decided(engine)
        await running.run_due()
        await running.run_due()
        (copy,) = about(engine, letter)
        teller = teller_of(engine.settings)
        assert teller is not None
        said = Zam(ZamKind.DELIVERY, copy.id, positive=positive, code="" if positive else "550")
        for number in ("Z1", "Z2"):
            await engine.journal(write_zam(said, number, engine.now, teller._ends()))
        await engine.read()
        entry = engine.store.read_sync(lambda tx: tx.journal.get(engine.numbers[-1]))
        assert entry is not None
        assert entry.state is JournalState.PROCESSED
        lines = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
        told = [one for one in lines if one.kind == "record-answered"]
        assert [one.detail["positive"] for one in told] == [positive, positive]
        await engine.store.write(lambda tx: engine.knowledge.settle(tx, letter.patient, engine.now))
        tasks = engine.store.read_sync(lambda tx: tx.tasks.of_patient(letter.patient))
        kinds = [one.kind for one in tasks if one.open]
        assert kinds == ([] if positive else [TaskKind.RECORD_REFUSED])


async def test_a_receipt_about_nothing_of_ours_is_left_and_an_unsure_one_parked(
    engine: Engine,
) -> None:
    await engine.hear("lambert-A01")
    ends = Ends("PFI", "CH", "RELAIS", "CH", "P")
    said = Zam(ZamKind.READING, "M999", positive=True, address="a@b.example")
    raw = write_zam(said, "Z1", engine.now, ends)
    await engine.journal(raw)
    await engine.journal(raw.replace(b"|Y^^", b"|?^^"))
    await engine.read()
    entries = engine.store.read_sync(lambda tx: [tx.journal.get(one) for one in engine.numbers])
    states = [one.state for one in entries if one]
    assert states == [JournalState.PROCESSED, JournalState.LEFT, JournalState.PARKED]


async def test_a_new_version_replaces_the_copy_of_the_one_before(tmp_path: Path) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        for stems in (("017-", "018-", "019-", "020-"), ("067-",)):
            await engine.hear(*stems)
            for _ in range(4):
                await engine.wait(timedelta(hours=1))
                await running.run_due()
        told = [hl7.read(one) for one in peer.messages]
        by_number = {one.value("TXA", 12): one for one in told}
        later = [one for one in told if one.value("TXA", 13)]
        assert later
        for message in told:
            before = message.value("TXA", 13)
            assert message.header.event == ("T10" if before else "T02")
            assert not before or before in by_number


async def test_a_letter_on_paper_is_copied_once_it_was_posted_and_as_pdf(tmp_path: Path) -> None:
    (tmp_path / "print").mkdir()
    async with receiver(says("AA")) as peer:
        changes = ("[retry]\n", SETTINGS.format(port=peer.port)), ("[channels.mssante]\n", PAPER)
        engine = opened(tmp_path, *changes, directory=DIRECTORY)
        running = worker(engine, teller_of(engine.settings))
        letter = await decided(engine)
        await running.run_due()
        assert about(engine, letter) == []  # it lies in the print queue
        context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
        perform(context, "print.done", {"deliveries": [letter.id]})
        await running.run_due()
        message = hl7.read(peer.messages[0])
        assert undo_base64(message.value("OBX", 5, 5)).startswith(b"%PDF-")
        assert [one.value(15, 4) for one in message.all("PRT")] == ["", ""]
        await running._routes[RECORD].transport.close()
        engine.store.close()


async def test_a_copy_that_a_person_cancelled_is_refused_the_word_that_is_for_letters(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "AA") as (engine, peer, running):
        letter = await decided(engine)
        await running.run_due()
        (copy,) = about(engine, letter)
        context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
        perform(context, "outbox.cancel", {"delivery": copy.id})
        with pytest.raises(OperationError):
            perform(context, "outbox.again", {"delivery": copy.id})
        tasks = engine.store.read_sync(lambda tx: tx.tasks.of_patient(letter.patient))
        assert [one for one in tasks if one.kind is TaskKind.CANCELLED_LETTER] == []
        await engine.wait(timedelta(minutes=1))
        await running.run_due()
        assert peer.messages == []
        assert [one.id for one in engine.deliveries(IPP)] == [letter.id]


async def test_a_refusal_about_a_patient_who_was_forgotten_is_proof_and_asks_nobody(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "AA") as (engine, _, running):
        letter = await decided(engine)
        await running.run_due()
        await running.run_due()
        (copy,) = about(engine, letter)
        context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
        perform(context, "patient.forget", {"patient": IPP})
        teller = teller_of(engine.settings)
        assert teller is not None
        said = Zam(ZamKind.DELIVERY, copy.id, positive=False, code="550")
        await engine.journal(write_zam(said, "Z1", engine.now, teller._ends()))
        await engine.read()
        lines = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
        assert [one.kind for one in lines if one.kind == "record-answered"] == ["record-answered"]
        tasks = engine.store.read_sync(lambda tx: tx.tasks.of_patient(letter.patient))
        assert [one.kind for one in tasks if one.open] == []
