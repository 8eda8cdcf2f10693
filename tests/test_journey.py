"""Journal → facts → decisions → letters, on a real store, with a clock that the test moves."""

from datetime import timedelta
from pathlib import Path

from engine.knowledge import look_again
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.flow import DeliveryState, JournalState
from engine.model.letter import LetterKind
from engine.model.task import TaskKind
from engine.store.interface import Tx
from tests.support.house import Engine

ROOT = Path(__file__).resolve().parents[1]


async def test_an_agreed_arrival_becomes_a_letter_in_the_outbox_after_the_hold_back(
    engine: Engine,
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=4))
    assert engine.deliveries("26000001") == []
    await engine.wait(timedelta(seconds=2))
    (letter,) = engine.deliveries("26000001")
    assert letter.state is DeliveryState.QUEUED
    assert letter.intended == "claire.martel@cabinets.mssante.example"
    files = await engine.store.read(lambda tx: tx.outbox.files(letter.id))
    assert set(files) >= {"letter.pdf", "cda.xml", "ihe_xdm.zip", "letter.txt"}


async def test_looking_again_never_writes_a_second_letter(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    for _ in range(4):
        await engine.wait(timedelta(seconds=6))
        await engine.store.write(lambda tx: look_again(tx, "26000001|1.2.250.1.999.1", engine.now))
    assert len(engine.deliveries("26000001")) == 1


async def test_both_halves_are_joined_and_the_pdf_becomes_pages(engine: Engine) -> None:
    await engine.hear("012-", "013-", "014-", "015-", "016-")
    await engine.wait(timedelta(seconds=10))
    (letter,) = engine.deliveries("26000002")
    assert [part[:3] for part in letter.parts] == ["DSP", "DSS"]


async def test_a_withdrawal_at_the_command_line_cancels_what_is_queued(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    engine.now += timedelta(seconds=1)
    said = ConsentStated(
        purpose=Purpose.ARRIVAL_NOTICE, state=ConsentState.WITHDRAWN, at=engine.now, by="IDE"
    )
    await engine.store.write(lambda tx: engine.tell(tx, "26000001", said))
    (letter,) = engine.deliveries("26000001")
    refused = await engine.store.read(lambda tx: engine.knowledge.may_leave(tx, letter, engine.now))
    assert refused == "consent-withdrawn"
    await engine.wait(timedelta(seconds=1))
    (letter,) = engine.deliveries("26000001")
    assert letter.state is DeliveryState.CANCELLED


async def test_an_unreadable_document_is_parked_with_a_task_and_others_go_on(
    engine: Engine,
) -> None:
    path = sorted((ROOT / "fixtures/day").glob("*hennebelle-T02.hl7"))[0]
    broken = path.read_bytes().replace(b"^Base64^", b"^Base64^%%%")
    await engine.journal(broken)
    await engine.hear("lambert-A01")
    states = await engine.store.read(
        lambda tx: [tx.journal.get(number) for number in engine.numbers]
    )
    assert [one.state for one in states if one] == [JournalState.PARKED, JournalState.PROCESSED]
    tasks = await engine.store.read(lambda tx: tx.tasks.listing())
    assert TaskKind.MESSAGE_UNREADABLE in {one.kind for one in tasks}


async def test_a_replay_says_everything_anew_and_changes_nothing(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    before = await engine.store.read(lambda tx: tx.facts.of_patient("26000001|1.2.250.1.999.1"))
    await engine.store.write(lambda tx: tx.journal.reopen(engine.numbers[0]))
    await engine.read()
    after = await engine.store.read(lambda tx: tx.facts.of_patient("26000001|1.2.250.1.999.1"))
    assert {one.fact.model_dump_json() for one in before} == {
        one.fact.model_dump_json() for one in after
    }


async def test_a_test_message_is_left_aside_in_production(engine: Engine) -> None:
    await engine.hear("test-A01")
    entry = await engine.store.read(lambda tx: tx.journal.get(engine.numbers[0]))
    assert entry is not None
    assert entry.state is JournalState.LEFT
    await engine.wait(timedelta(days=4))
    assert engine.deliveries("26000012") == []


async def test_a_merge_after_the_arrival_leaves_one_notice(engine: Engine) -> None:
    await engine.hear("leroy-A01")
    await engine.wait(timedelta(seconds=6))
    assert len(engine.deliveries("26000915")) == 1
    await engine.hear("leroy-A40", "leroy-Z99")
    await engine.wait(timedelta(seconds=60))
    assert len(engine.deliveries("26000015")) == 1


async def test_each_change_of_mind_leaves_a_line_in_the_audit(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    lines = await engine.store.read(lambda tx: tx.audit.of_patient("26000001|1.2.250.1.999.1"))
    assert [line.kind for line in lines].count("letter-queued") == 1
    reasons = [line.detail.get("reason") for line in lines if line.kind == "decision"]
    assert "hold-back" in reasons
    assert "queued" in reasons


async def test_each_agreement_read_in_a_message_has_its_line_in_the_audit(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    lines = await engine.store.read(lambda tx: tx.audit.of_patient("26000001|1.2.250.1.999.1"))
    kinds = [line.kind for line in lines]
    assert kinds.count("consent-recorded") == 4
    assert kinds.count("gp-confirmed") == 1


async def test_a_notice_about_an_arrival_that_never_happened_is_taken_back_on_request(
    engine: Engine,
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (told,) = engine.deliveries("26000001")

    def relayed(tx: Tx) -> None:
        tx.outbox.move(told.id, DeliveryState.SENDING, engine.now)
        tx.outbox.move(told.id, DeliveryState.RELAYED, engine.now)

    await engine.store.write(relayed)
    (path,) = (ROOT / "fixtures/day").glob("*lambert-A01.hl7")
    undone = path.read_bytes().replace(b"ADT^A01", b"ADT^A11").replace(b"|INSERT|", b"|CANCEL|")
    await engine.journal(undone.replace(b"|DAY001|", b"|DAY001X|"))
    await engine.read()
    wrong, incident = await engine.store.read(lambda tx: tx.tasks.listing()[::-1])
    assert (wrong.kind, wrong.about) == (TaskKind.CORRECTION, told.id)
    assert (incident.kind, incident.about) == (TaskKind.INCIDENT, told.id)

    def answer(tx: Tx) -> None:
        tx.tasks.close(wrong.id, engine.now, "IDE", "cancel-notice")
        engine.knowledge.settle(tx, "26000001|1.2.250.1.999.1", engine.now)

    await engine.store.write(answer)
    await engine.wait(timedelta(seconds=1))
    _, notice = engine.deliveries("26000001")
    assert (notice.letter_kind, notice.version) == (LetterKind.ARRIVAL_CANCELLED, 2)
    assert notice.set_oid == told.set_oid
    refused = await engine.store.read(lambda tx: engine.knowledge.may_leave(tx, notice, engine.now))
    assert refused is None
    files = await engine.store.read(lambda tx: tx.outbox.files(notice.id))
    words = files["letter.txt"].decode()
    assert "est annulé" in words
    assert "incarcération" not in words
    assert told.document_oid.encode() in files["cda.xml"]
    await engine.wait(timedelta(days=1))
    assert len(engine.deliveries("26000001")) == 2


def moved_to_another(raw: bytes, former: bytes, other: bytes) -> bytes:
    """An A44 made of an arrival: the account of ``former`` is from now on of ``other``."""
    lines = [line for line in raw.split(b"\r") if line[:3] in (b"MSH", b"EVN", b"PID")]
    head = b"\r".join(lines).replace(b"ADT^A01^ADT_A01", b"ADT^A44^ADT_A43")
    head = head.replace(b"D000001", b"D000001X").replace(former, other)
    head = head.replace(b"LAMBERT", b"AUTRE").replace(b"20260302081500", b"20260302083000")
    mrg = (
        b"MRG|" + former + b"^^^CHEX&1.2.250.1.999.1&ISO^PI||D260001^^^CHEX&1.2.250.1.999.1&ISO^AN"
    )
    return head + b"\r" + mrg + b"\r"


async def test_a_stay_moved_to_another_patient_is_corrected_with_one_and_asked_about_with_the_other(
    engine: Engine,
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (told,) = engine.deliveries("26000001")

    def relayed(tx: Tx) -> None:
        tx.outbox.move(told.id, DeliveryState.SENDING, engine.now)
        tx.outbox.move(told.id, DeliveryState.RELAYED, engine.now)

    await engine.store.write(relayed)
    (path,) = (ROOT / "fixtures/day").glob("*lambert-A01.hl7")
    await engine.journal(moved_to_another(path.read_bytes(), b"26000001", b"26000099"))
    await engine.read()
    wrong, incident = await engine.store.read(lambda tx: tx.tasks.listing()[::-1])
    assert (wrong.kind, wrong.about) == (TaskKind.CORRECTION, told.id)
    assert (incident.kind, incident.about) == (TaskKind.INCIDENT, told.id)
    await engine.wait(timedelta(days=4))
    assert engine.deliveries("26000099") == []
    tasks = await engine.store.read(lambda tx: tx.tasks.listing())
    asked = {one.kind for one in tasks if (one.patient or "").startswith("26000099")}
    assert asked == {TaskKind.GP_UNKNOWN}
    # What is said later under the wrong number follows the stay.
    late = path.read_bytes().replace(b"ADT^A01^ADT_A01", b"ADT^A03^ADT_A03")
    late = late.replace(b"M11^", b"M12^").replace(b"D000001", b"D000009")
    await engine.journal(late.replace(b"20260302081500", b"20260303081500"))
    await engine.read()
    stays = await engine.store.read(
        lambda tx: engine.knowledge.scene(tx, "26000099|1.2.250.1.999.1", engine.now).record.stays
    )
    assert len(stays) == 1
    assert stays[0].exit is not None
    former = await engine.store.read(
        lambda tx: engine.knowledge.scene(tx, "26000001|1.2.250.1.999.1", engine.now).record
    )
    assert former.stays == ()
    assert former.orphans == ()
    # The same two records merged afterwards are one stay again.
    merge = moved_to_another(path.read_bytes(), b"26000001", b"26000099")
    merge = merge.replace(b"ADT^A44^ADT_A43", b"ADT^A40^ADT_A39").replace(b"D000001X", b"D000001Y")
    await engine.journal(merge)
    await engine.read()
    merged = await engine.store.read(
        lambda tx: engine.knowledge.scene(tx, "26000099|1.2.250.1.999.1", engine.now).record
    )
    assert len(merged.stays) == 1
