import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from engine.inbound.door import Door
from engine.inbound.receive import Receiver
from engine.model.config import OnError
from engine.model.errors import StoreError
from engine.model.flow import AckCode, JournalState
from engine.store.interface import Entry, Tx
from engine.store.sqlite import SqliteStore
from engine.wire.hl7_documents import DocumentRules
from engine.wire.hl7_events import RequiredFields
from engine.wire.mllp import Fault, FaultKind
from tests.support import documents
from tests.support.adt import adt
from tests.support.mllp_peer import Tally

T = TypeVar("T")
DOOR = Door("dpi")
PARK = Door("dpi", on_error=OnError.PARK)
WRONG = adt(number="9").replace(b"0001^^^CHU", b"^^^CHU")


async def journal(store: SqliteStore) -> list[Entry]:
    """Oldest first."""
    return list(reversed(await store.read(lambda tx: tx.journal.listing(limit=1000))))


async def audit(store: SqliteStore) -> list[str]:
    return [line.kind for line in await store.read(lambda tx: tx.audit.entries())]


class FailingStore:
    """A real store whose writes fail, or whose writes of some messages fail."""

    def __init__(self, store: SqliteStore, fails: Callable[[], bool]) -> None:
        self._store = store
        self._fails = fails

    async def write(self, work: Callable[[Tx], T]) -> T:
        if self._fails():
            raise StoreError(where="disk", effect="nothing was written", remedy="make room")
        return await self._store.write(work)

    read = property(lambda self: self._store.read)
    backlog = 0

    def close(self) -> None:
        pass


async def test_an_accepted_message_is_in_the_journal_and_the_audit(
    store: SqliteStore, receiver: Receiver, tally: Tally
) -> None:
    raw = adt(number="77")
    answer = await receiver.receive(raw, door=DOOR, peer="192.0.2.1")
    assert answer is not None
    assert b"MSA|AA|77" in answer
    (row,) = await journal(store)
    assert (row.source, row.peer, row.sender) == ("dpi", "192.0.2.1", "DPI|CHU")
    assert (row.control_id, row.message_type, row.processing_id) == ("77", "ADT^A01", "P")
    assert (row.state, row.ack, row.reason) == (JournalState.RECEIVED, AckCode.AA, "")
    whole = await store.read(lambda tx: tx.journal.get(row.id))
    assert whole is not None
    assert whole.raw == raw
    assert await audit(store) == ["message-received"]
    assert tally.seen == {"received AA": 1}


async def test_the_answer_is_named_after_the_journal_row(
    store: SqliteStore, receiver: Receiver
) -> None:
    answer = await receiver.receive(adt(), door=DOOR, peer="")
    (row,) = await journal(store)
    assert answer is not None
    assert answer.split(b"|")[9] == str(row.id).encode()


async def test_a_refused_message_waits_in_quarantine_with_the_reason(
    store: SqliteStore, receiver: Receiver, tally: Tally
) -> None:
    answer = await receiver.receive(WRONG, door=DOOR, peer="")
    assert answer is not None
    assert b"MSA|AE|9" in answer
    assert b"ERR||PID^1^3|101^" in answer
    (row,) = await journal(store)
    assert (row.state, row.ack, row.reason) == (
        JournalState.QUARANTINE,
        AckCode.AE,
        "101 PID^1^3",
    )
    assert await audit(store) == ["message-quarantined"]
    assert tally.seen == {"received AE": 1}


async def test_a_document_without_a_flag_is_refused_naming_the_obx_and_nothing_is_taken(
    store: SqliteStore, receiver: Receiver
) -> None:
    raw = documents.without(documents.fixture("t02-n1"), "OBX:MASQUE_PS")
    answer = await receiver.receive(raw, door=DOOR, peer="")
    assert answer is not None
    _, msa, err = answer.decode().rstrip("\r").split("\r")
    assert msa == "MSA|AE|D000071"
    assert err == (
        "ERR||OBX^2^3|101^Required field missing^HL70357|E||||The OBX MASQUE_PS is missing."
    )
    (row,) = await journal(store)
    assert (row.state, row.reason) == (JournalState.QUARANTINE, "101 OBX^2^3")


async def test_each_door_has_its_own_table_of_audiences(receiver: Receiver) -> None:
    strict = Door("dpi", documents=DocumentRules(audiences="strict"))
    for door, code in ((DOOR, b"MSA|AA|"), (strict, b"MSA|AE|")):
        raw = documents.edited(documents.fixture("t02-n1"), "MSH", 10, code.decode()[4:6])
        answer = await receiver.receive(raw, door=door, peer="")
        assert answer is not None
        assert code in answer


async def test_where_errors_are_parked_the_sender_hears_aa_and_the_row_is_in_quarantine(
    store: SqliteStore, receiver: Receiver
) -> None:
    for raw in (WRONG, b"no message", adt(charset="KLINGON")):
        answer = await receiver.receive(raw, door=PARK, peer="")
        assert answer is not None
        assert b"MSA|AA|" in answer
        assert b"ERR|" not in answer
    rows = await journal(store)
    assert {row.state for row in rows} == {JournalState.QUARANTINE}
    assert [row.reason for row in rows] == ["101 PID^1^3", "100 MSH^1", "103 MSH^1^18"]


async def test_the_same_message_again_gets_the_same_answer_and_no_second_row(
    store: SqliteStore, receiver: Receiver, tally: Tally
) -> None:
    clock = datetime(2026, 1, 5, tzinfo=UTC)
    receiver = Receiver(store, tally, software="RELAIS", clock=lambda: clock)
    for raw in (adt(), WRONG):
        first = await receiver.receive(raw, door=DOOR, peer="")
        again = await receiver.receive(raw, door=DOOR, peer="")
        assert first == again
    assert len(await journal(store)) == 2
    assert await audit(store) == [
        "message-received",
        "message-duplicate",
        "message-quarantined",
        "message-duplicate",
    ]
    assert tally.seen["duplicate"] == 2


async def test_the_same_number_with_other_content_is_another_message_and_the_journal_says_so(
    store: SqliteStore, receiver: Receiver
) -> None:
    other = adt(family="AUTRE")
    await receiver.receive(adt(), door=DOOR, peer="")
    for _ in range(2):  # and again: no second row of the other one either
        answer = await receiver.receive(other, door=DOOR, peer="")
        assert answer is not None
        assert b"MSA|AA|1" in answer
    assert [(row.state, row.reason) for row in await journal(store)] == [
        (JournalState.RECEIVED, ""),
        (JournalState.RECEIVED, "MSH-10 was journal 1's before"),
    ]


async def test_another_sender_may_use_the_same_number(
    store: SqliteStore, receiver: Receiver
) -> None:
    await receiver.receive(adt(), door=DOOR, peer="")
    await receiver.receive(adt(msh={3: "GAM"}), door=DOOR, peer="")
    assert [row.state for row in await journal(store)] == [JournalState.RECEIVED] * 2


async def test_a_refused_message_may_be_repaired_under_its_number(
    store: SqliteStore, receiver: Receiver
) -> None:
    await receiver.receive(WRONG, door=DOOR, peer="")
    answer = await receiver.receive(adt(number="9"), door=DOOR, peer="")
    assert answer is not None
    assert b"MSA|AA|9" in answer
    assert [row.state for row in await journal(store)] == [
        JournalState.QUARANTINE,
        JournalState.RECEIVED,
    ]


async def test_a_refused_message_is_taken_once_the_mapping_is_repaired(
    store: SqliteStore, receiver: Receiver
) -> None:
    raw = adt(charset="UTF8")
    await receiver.receive(raw, door=DOOR, peer="")
    repaired = Door("dpi", aliases={"UTF8": "UNICODE UTF-8"})
    answer = await receiver.receive(raw, door=repaired, peer="")
    assert answer is not None
    assert b"MSA|AA|1" in answer
    assert [row.state for row in await journal(store)] == [
        JournalState.QUARANTINE,
        JournalState.RECEIVED,
    ]


async def test_a_failing_store_claims_nothing_and_the_sender_may_try_again(
    store: SqliteStore, tally: Tally
) -> None:
    broken = True
    receiver = Receiver(FailingStore(store, lambda: broken), tally, software="RELAIS")
    for door in (DOOR, PARK):  # nor where errors are parked: it would be lost
        answer = await receiver.receive(adt(), door=door, peer="")
        assert answer is not None
        assert b"MSA|AR|1" in answer
        assert b"|207^" in answer
    assert tally.seen == {"store failed": 2}
    assert await journal(store) == []
    broken = False
    answer = await receiver.receive(adt(), door=DOOR, peer="")
    assert answer is not None
    assert b"MSA|AA|1" in answer


async def test_one_message_that_the_store_refuses_spares_those_beside_it(
    store: SqliteStore, tally: Tally
) -> None:
    class Choosy(FailingStore):
        async def write(self, work: Callable[[Tx], T]) -> T:
            def guarded(tx: Tx) -> T:
                result = work(tx)
                if any(row.control_id == "2" for row in tx.journal.listing(limit=10)):
                    raise StoreError(where="row", effect="refused", remedy="none")
                return result

            return await self._store.write(guarded)

    receiver = Receiver(Choosy(store, lambda: False), tally, software="RELAIS")
    answers = await asyncio.gather(
        *(receiver.receive(adt(number=str(n)), door=DOOR, peer="") for n in range(1, 5))
    )
    codes = [answer.split(b"MSA|")[1][:2] for answer in answers if answer is not None]
    assert codes == [b"AA", b"AR", b"AA", b"AA"]
    assert [row.control_id for row in await journal(store)] == ["1", "3", "4"]


async def test_what_arrives_together_is_kept_in_its_order_and_once(
    store: SqliteStore, receiver: Receiver
) -> None:
    numbers = [str(n) for n in range(40)]
    raws = [adt(number=number) for number in numbers for _ in range(2)]
    answers = await asyncio.gather(*(receiver.receive(raw, door=DOOR, peer="") for raw in raws))
    assert all(answer is not None and b"MSA|AA|" in answer for answer in answers)
    assert [row.control_id for row in await journal(store)] == numbers


async def test_senders_that_are_answered_together_are_stored_together(
    store: SqliteStore, tally: Tally
) -> None:
    works = 0

    def counting() -> bool:
        nonlocal works
        works += 1
        return False

    receiver = Receiver(FailingStore(store, counting), tally, software="RELAIS")

    async def sender(name: str, count: int) -> None:
        for n in range(count):
            raw = adt(number=f"{name}{n}")
            answer = await receiver.receive(raw, door=DOOR, peer="")
            assert answer is not None
            assert b"MSA|AA|" in answer

    # One of them leaves earlier than the others, and does not hold them up.
    await asyncio.gather(*(sender(name, 20 if name == "A" else 40) for name in "ABCDE"))
    assert len(await journal(store)) == 180
    assert works <= 60
    works = 0
    await sender("F", 10)
    assert works == 10


async def test_an_enhanced_sender_that_wants_no_answer_gets_none_and_is_stored(
    store: SqliteStore, receiver: Receiver
) -> None:
    assert await receiver.receive(adt(msh={15: "NE"}), door=DOOR, peer="") is None
    door = Door("dpi", ack_mode="enhanced")
    answer = await receiver.receive(adt(number="2"), door=door, peer="")
    assert answer is not None
    assert b"MSA|CA|2" in answer
    assert len(await journal(store)) == 2


async def test_the_required_fields_are_those_of_the_door(
    store: SqliteStore, receiver: Receiver
) -> None:
    door = Door("dpi", required=RequiredFields(person=("PID-5",)))
    answer = await receiver.receive(WRONG, door=door, peer="")
    assert answer is not None
    assert b"MSA|AA|9" in answer


@pytest.mark.parametrize("kind", [FaultKind.TORN, FaultKind.GARBAGE, FaultKind.FILE])
async def test_bytes_that_are_no_message_are_kept_without_an_answer(
    store: SqliteStore, receiver: Receiver, tally: Tally, kind: FaultKind
) -> None:
    raw = adt()[:100]
    receipt = await receiver.quarantine(Fault(kind, raw, 100), door=PARK, peer="", why="silence")
    assert receipt.answer is None
    (row,) = await journal(store)
    assert (row.state, row.ack, row.control_id) == (JournalState.QUARANTINE, AckCode.AE, "")
    assert row.reason == f"{kind.value}: silence, 100 bytes"
    whole = await store.read(lambda tx: tx.journal.get(row.id))
    assert whole is not None
    assert whole.raw == raw
    assert tally.seen == {kind.value: 1}


async def test_a_torn_message_does_not_stand_in_the_way_of_the_whole_one(
    store: SqliteStore, receiver: Receiver
) -> None:
    await receiver.quarantine(Fault(FaultKind.TORN, adt()[:100], 100), door=DOOR, peer="", why="")
    answer = await receiver.receive(adt(), door=DOOR, peer="")
    assert answer is not None
    assert b"MSA|AA|1" in answer


@pytest.mark.parametrize("door", [DOOR, PARK])
async def test_a_frame_over_the_limit_is_refused_even_where_errors_are_parked(
    store: SqliteStore, receiver: Receiver, door: Door
) -> None:
    fault = Fault(FaultKind.OVERSIZE, adt(number="77") + b"x" * 70_000, 9_000_000)
    receipt = await receiver.quarantine(fault, door=door, peer="", why="")
    assert receipt.answer is not None
    assert b"MSA|AE|77" in receipt.answer
    (row,) = await journal(store)
    assert row.reason == "oversize-frame: 9000000 bytes, the first 65536 kept"


async def test_no_value_of_a_message_reaches_the_log_or_the_reason(
    store: SqliteStore, receiver: Receiver
) -> None:
    name, number, sender = "CANARYNAME", "CANARYNUMBER", "CANARYSENDER"
    good = adt(family=name, number=number, msh={3: sender})
    bad = good.replace(b"0001^^^CHU", b"^^^CHU").replace(number.encode(), b"CANARYTWO")
    with capture_logs() as logs:
        for raw in (good, good, bad, bad[5:], good.replace(b"ZOE", b"ZO")):
            await receiver.receive(raw, door=DOOR, peer="CANARYPEER")
        fault = Fault(FaultKind.OVERSIZE, good, len(good))
        await receiver.quarantine(fault, door=DOOR, peer="CANARYPEER", why="")
    assert logs
    rows = await journal(store)
    lines = await store.read(lambda tx: tx.audit.entries())
    said = json.dumps([logs, [row.reason for row in rows], [line.detail for line in lines]])
    assert "CANARY" not in said
