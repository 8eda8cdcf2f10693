"""Files of agreements and mapped capacities, from the journal to what leaves."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.inbound.door import Door
from engine.inbound.receive import Receiver
from engine.model.consent import Collected, ConsentStated, Purpose, Voice
from engine.model.flow import DeliveryState, JournalState
from engine.model.letter import LetterKind
from engine.model.task import TaskKind
from tests.support.house import Engine
from tests.support.mllp_peer import Tally

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures/inbound"
CSV = (FIXTURES / "consents/agreements.csv").read_bytes()
SOON, LATER = timedelta(seconds=6), timedelta(hours=1)


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


async def drop(engine: Engine, raw: bytes) -> int:
    receiver = Receiver(engine.store, Tally(), software="RELAIS", clock=lambda: engine.now)
    receipt = await receiver.take_consents(raw, door=Door("dpi"), peer="accords.csv")
    await engine.read()
    assert receipt.journal_id is not None
    return receipt.journal_id


async def feed(engine: Engine, *names: str) -> None:
    for name in names:
        await engine.journal((FIXTURES / f"capacity/{name}.hl7").read_bytes())
    await engine.read()


async def state_of(engine: Engine, number: int) -> tuple[JournalState, str]:
    entry = await engine.store.read(lambda tx: tx.journal.get(number))
    assert entry is not None
    return entry.state, entry.note


def consents_of(engine: Engine, ipp: str) -> list[ConsentStated]:
    def look(tx: Any) -> list[ConsentStated]:
        (patient,) = tx.facts.patients_like(ipp)
        return [
            one.fact for one in tx.facts.of_patient(patient) if isinstance(one.fact, ConsentStated)
        ]

    return engine.store.read_sync(look)


def kinds(engine: Engine) -> set[TaskKind]:
    return {one.kind for one in engine.store.read_sync(lambda tx: tx.tasks.listing())}


def file_of(*lines: dict[str, str]) -> bytes:
    return json.dumps({"consents": "relais-consents/1", "statements": lines}).encode()


def line(ipp: str, purpose: str, state: str, **more: str) -> dict[str, str]:
    at = "2026-03-02T15:00:00+01:00"
    return {"patient": ipp, "purpose": purpose, "state": state, "at": at, "by": "a form"} | more


async def test_the_example_counts_as_what_the_patient_said(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    number = await drop(engine, CSV)
    assert await state_of(engine, number) == (JournalState.PROCESSED, "")
    said = {one.purpose: one for one in consents_of(engine, "26000001") if one.by == "IDE Accueil"}
    written = said[Purpose.LETTER_WRITTEN]
    assert (written.how, written.language, written.visit) == (
        Collected.INTERPRETER, "ar", "V260001",
    )  # fmt: skip
    lines = engine.store.read_sync(lambda tx: tx.audit.entries(limit=1000))
    told = [one.detail for one in lines if one.detail.get("purpose") == "letter-written"]
    assert [(one["how"], one["language"], one["voice"]) for one in told] == [
        ("interpreter", "ar", "patient")
    ]


async def test_a_refusal_in_a_file_stops_what_is_queued(engine: Engine) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(SOON)
    (queued,) = engine.deliveries("26000001")
    assert queued.state is DeliveryState.QUEUED
    await drop(engine, file_of(line("26000001", "arrival-notice", "withdrawn")))
    (stopped,) = engine.deliveries("26000001")
    assert (stopped.state, stopped.reason) == (DeliveryState.CANCELLED, "consent-withdrawn")


async def test_a_line_about_nobody_known_waits_and_keeps_no_refusal_of_another(
    engine: Engine,
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(SOON)
    number = await drop(
        engine,
        file_of(
            line("26000002", "exit-notice", "granted"),
            line("26000001", "arrival-notice", "refused"),
        ),
    )
    assert await state_of(engine, number) == (
        JournalState.PARKED,
        "/statements/0: no patient of that number is known",
    )
    assert kinds(engine) == {TaskKind.MESSAGE_UNREADABLE}
    assert engine.deliveries("26000001")[0].state is DeliveryState.CANCELLED
    await engine.hear("dubreuil-A01")
    await engine.store.write(lambda tx: tx.journal.reopen(number))
    await engine.read()
    assert (await state_of(engine, number))[0] is JournalState.PROCESSED
    assert [one for one in consents_of(engine, "26000002") if one.by == "a form"]
    refusals = [one for one in consents_of(engine, "26000001") if one.by == "a form"]
    assert len(refusals) == 1


async def test_every_patient_of_a_file_is_decided_about_anew(engine: Engine) -> None:
    await engine.hear("lambert-A01", "dubreuil-A01")
    await engine.wait(SOON)
    lines = [line(ipp, "arrival-notice", "refused") for ipp in ("26000002", "26000001")]
    await drop(engine, file_of(*lines))
    assert engine.deliveries("26000001")[0].state is DeliveryState.CANCELLED


async def test_the_entry_can_be_looked_at_line_by_line(engine: Engine, context: Context) -> None:
    await engine.hear("lambert-A01")
    number = await drop(
        engine,
        file_of(line("26000001", "dmp", "granted"), line("x", "dmp", "granted")),
    )
    told = perform(context, "journal.show", {"entry": number})
    assert told["event"] == "CONSENTS"
    assert [one["purpose"] for one in told["facts"]] == ["dmp"]
    assert told["missing"] == ["/statements/1: no patient of that number is known"]


# ---- capacities, as the record's messages say them ----


async def test_a_minors_notice_leaves_when_a_parent_agreed_and_not_before(engine: Engine) -> None:
    await feed(engine, "minor-arrived")
    await engine.wait(LATER)
    assert engine.deliveries("26000801") == []
    assert kinds(engine) == {TaskKind.VOICE_MISSING}
    await feed(engine, "minor-parent-agreed")
    await engine.wait(SOON)
    (notice,) = engine.deliveries("26000801")
    assert notice.letter_kind is LetterKind.ARRIVAL_NOTICE
    await feed(engine, "minor-parent-refused")
    assert engine.deliveries("26000801")[0].state is DeliveryState.CANCELLED
    assert kinds(engine) == set()


async def test_a_minors_secret_care_is_asked_about_and_its_letter_hides_from_the_parents(
    engine: Engine, context: Context
) -> None:
    await feed(engine, "minor-arrived", "minor-secret-care", "minor-parent-agreed")
    await engine.wait(LATER)
    assert engine.deliveries("26000801") == []
    (task,) = engine.store.read_sync(lambda tx: tx.tasks.listing())
    assert task.kind is TaskKind.KEPT_FROM_PARENTS
    perform(
        context,
        "consent.record",
        {
            "patient": "26000801",
            "purposes": ["arrival-notice"],
            "state": "granted",
            "recipient": "10999990012",
        },
    )
    await engine.wait(SOON)
    assert engine.deliveries("26000801") == []
    perform(context, "task.done", {"task": task.id, "answer": "go-on"})
    await engine.wait(SOON)
    (notice,) = engine.deliveries("26000801")
    files = engine.store.read_sync(lambda tx: tx.outbox.files(notice.id))
    hidden = b"INVISIBLE_REPRESENTANTS_LEGAUX"
    assert any(hidden in data for data in files.values())


async def test_a_protected_adults_notice_leaves_when_the_representative_agreed(
    engine: Engine,
) -> None:
    await feed(engine, "protected-arrived")
    await engine.wait(LATER)
    assert engine.deliveries("26000802") == []
    await feed(engine, "protected-representative-agreed")
    await engine.wait(SOON)
    assert len(engine.deliveries("26000802")) == 1


async def test_an_infant_gets_a_task_and_no_letter(engine: Engine) -> None:
    await feed(engine, "infant-arrived")
    await engine.wait(LATER)
    assert engine.deliveries("26000803") == []
    assert kinds(engine) == {TaskKind.INFANT}


async def test_a_letter_that_must_not_be_written_is_read_with_how_it_was_asked(
    engine: Engine,
) -> None:
    await feed(engine, "letter-refused")
    (said,) = (
        one for one in consents_of(engine, "26000804") if one.purpose is Purpose.LETTER_WRITTEN
    )
    assert (said.state, said.how, said.voice) == (
        "refused", Collected.INTERPRETER, Voice.PATIENT,
    )  # fmt: skip


# ---- what an operator does ----


async def test_a_protection_is_recorded_shown_and_audited_without_its_name(
    engine: Engine, context: Context
) -> None:
    await engine.hear("lambert-A01")
    told = perform(
        context,
        "patient.protect",
        {"patient": "26000001", "regime": "tutelle", "representative": "Mme OUDART"},
    )
    assert told["protection"]["representative"] == "Mme OUDART"
    await engine.wait(LATER)
    assert engine.deliveries("26000001") == []
    assert "Mme OUDART" in perform(context, "why", {"patient": "26000001"})["text"]
    lines = engine.store.read_sync(lambda tx: tx.audit.entries(limit=1000))
    acts = [one.detail for one in lines if one.detail.get("act") == "protect"]
    assert acts == [{"act": "protect", "regime": "tutelle", "representative": True}]


async def test_a_withdrawal_is_answered_with_what_it_comes_too_late_for(
    engine: Engine, context: Context
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(SOON)
    (notice,) = engine.deliveries("26000001")

    def leave(tx: Any) -> None:
        tx.outbox.open_attempt(notice.id, engine.now)
        tx.outbox.move(notice.id, DeliveryState.RELAYED, engine.now)

    engine.store.write_sync(leave)
    engine.now += LATER
    args = {"patient": "26000001", "purposes": ["arrival-notice"], "state": "withdrawn"}
    told = perform(context, "consent.record", args | {"how": "oral", "language": "fr"})
    (late,) = told["too_late_for"]
    assert (late["rpps"], late["message_id"]) == (notice.rpps, notice.message_id)
    assert late["doctor"] == "MARTEL Claire"
    assert late["sent_at"] == (engine.now - LATER).isoformat(timespec="seconds")
    register = perform(context, "consent.show", {"patient": "26000001"})
    (stay,) = register["stays"]
    assert stay["now"]["arrival-notice"] == "the patient withdrew the agreement"
    assert stay["now"]["letter-written"] == "not refused"
    assert stay["now"]["detention-told"] == "letters tell it"
    last = stay["said"][-1]
    assert (last["how"], last["language"], last["voice"]) == ("oral", "fr", "patient")
    assert [one["message_id"] for one in last["too_late_for"]] == [notice.message_id]
    assert "too late for arrival-notice" in perform(context, "why", args)["text"]
