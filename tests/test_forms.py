"""Forms and clinical feeds, from the journal to the letter: what leaves, and what stays here."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.inbound.door import Door
from engine.inbound.receive import Receiver
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.flow import JournalState
from engine.model.letter import LetterKind
from engine.model.stay import Stay
from engine.model.task import TaskKind
from engine.process import Processor
from tests.support.forms import EXAMPLE, encoded, form
from tests.support.house import Engine
from tests.support.mllp_peer import Tally

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
CLINICAL = FIXTURES / "inbound/clinical"
PATIENT = "26000003"
SOON = timedelta(hours=1)
TRUSTED = ("allergies", "diagnoses", "treatment", "vaccination", "appointment")


def trust(engine: Engine, *feeds: str) -> None:
    """Have the site trust feeds of its record."""
    before = engine.settings.dialects["sillage"]
    changed = {
        name: getattr(before.clinical, name).model_copy(update={"validated": True})
        for name in feeds
    }
    dialect = before.model_copy(update={"clinical": before.clinical.model_copy(update=changed)})
    engine.processor = Processor(
        engine.store,
        dialects=lambda _source: dialect,
        knowledge=lambda: engine.knowledge,
        now=lambda: engine.now,
    )


async def feed(engine: Engine, *names: str) -> None:
    for name in names:
        await engine.journal((CLINICAL / f"{name}.hl7").read_bytes())
    await engine.read()


async def drop(engine: Engine, raw: bytes) -> int:
    """A form in the watched folder, as far as the journal; then read."""
    receiver = Receiver(engine.store, Tally(), software="RELAIS", clock=lambda: engine.now)
    receipt = await receiver.take_form(raw, door=Door("dpi"), peer="lettre.json")
    await engine.read()
    assert receipt.journal_id is not None
    return receipt.journal_id


async def state_of(engine: Engine, number: int) -> tuple[JournalState, str]:
    entry = await engine.store.read(lambda tx: tx.journal.get(number))
    assert entry is not None
    return entry.state, entry.note


async def letters(engine: Engine) -> list[str]:
    """The texts of the exit letters that lie in the outbox, versions in order."""
    await engine.wait(SOON)
    rows = [one for one in engine.deliveries(PATIENT) if one.letter_kind is LetterKind.EXIT_LETTER]
    found = [await engine.store.read(lambda tx, id_=one.id: tx.outbox.files(id_)) for one in rows]
    return [files["letter.txt"].decode() for files in found]


def stay_of(engine: Engine) -> Stay:
    def look(tx: Any) -> Stay:
        (patient,) = tx.facts.patients_like(PATIENT)
        return engine.knowledge.scene(tx, patient, engine.now).record.stays[0]

    return engine.store.read_sync(look)


def flat(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").replace("\u202f", " ").split())


async def test_a_form_becomes_the_part_of_its_half(engine: Engine) -> None:
    await engine.hear("hennebelle-A01")
    number = await drop(engine, EXAMPLE)
    assert await state_of(engine, number) == (JournalState.PROCESSED, "")
    await engine.hear("hennebelle-A03")
    (text,) = await letters(engine)
    for words in ("naloxone", "le 2 mars à 8 h", "Pharmacie du Beffroi", "Synthèse", "C2S"):
        assert words in flat(text)


async def test_a_form_that_is_not_validated_never_leaves(engine: Engine) -> None:
    await engine.hear("hennebelle-A01")
    await drop(engine, encoded(form(validated=False, validated_by=...)))
    await engine.hear("hennebelle-A03")
    assert await letters(engine) == []


async def test_a_form_of_the_same_number_corrects_and_a_withdrawal_takes_back(
    engine: Engine,
) -> None:
    await engine.hear("hennebelle-A01")
    await drop(engine, EXAMPLE)
    await drop(engine, encoded(form(items={"synthesis": "Corrigé."})))
    (document,) = stay_of(engine).documents
    content = await engine.store.read(lambda tx: tx.facts.blob(document.content))
    assert content == b'{"synthesis":"Corrig\xc3\xa9."}'
    await drop(engine, encoded(form(items=..., withdraw=True, validated=False)))
    assert stay_of(engine).documents == ()


async def test_a_form_of_an_unknown_patient_or_visit_waits_for_a_person_and_a_replay(
    engine: Engine,
) -> None:
    number = await drop(engine, EXAMPLE)
    assert await state_of(engine, number) == (
        JournalState.PARKED,
        "/patient: No patient of that number is known.",
    )
    (task,) = await engine.store.read(lambda tx: tx.tasks.listing())
    assert (task.kind, task.about) == (TaskKind.MESSAGE_UNREADABLE, f"journal {number}")
    await engine.hear("hennebelle-A01")
    other = await drop(engine, encoded(form(visit="V9")))
    assert (await state_of(engine, other))[1].startswith("/visit")
    await engine.store.write(lambda tx: tx.journal.reopen(number))
    await engine.read()
    assert (await state_of(engine, number))[0] is JournalState.PROCESSED
    assert len(stay_of(engine).documents) == 1


async def test_a_form_never_overwrites_or_replaces_the_other_halfs_document(
    engine: Engine,
) -> None:
    await engine.hear("hennebelle-A01")
    await drop(engine, EXAMPLE)
    for changes in ({}, {"document": "N2", "replaces": "USMP-2026-0117"}):
        number = await drop(engine, encoded(form(half="DSP", **changes)))
        assert (await state_of(engine, number))[0] is JournalState.PARKED
    (document,) = stay_of(engine).documents
    assert document.half == "DSS"


OLDER = "2026-03-01T08:00:00+01:00"


@pytest.mark.parametrize(
    "taken_back",
    [{"items": ..., "withdraw": True}, {"validated": False, "validated_by": ...}],
)
async def test_an_older_date_on_a_form_that_takes_words_back_never_undoes_it(
    engine: Engine, taken_back: dict[str, Any]
) -> None:
    await engine.hear("hennebelle-A01")
    await drop(engine, EXAMPLE)
    number = await drop(engine, encoded(form(written_at=OLDER, **taken_back)))
    assert await state_of(engine, number) == (JournalState.PROCESSED, "")
    assert not any(one.usable for one in stay_of(engine).documents)
    await engine.hear("hennebelle-A03")
    assert await letters(engine) == []


async def test_a_form_never_takes_the_number_of_another_stays_document(engine: Engine) -> None:
    await engine.hear("hennebelle-A01")
    await drop(engine, EXAMPLE)
    await engine.hear("hennebelle-A03")
    again = (FIXTURES / "day").glob("*hennebelle-A01.hl7")
    (arrival,) = [one.read_bytes() for one in again]
    later = arrival.replace(b"V260003", b"V260999").replace(b"20260112", b"20260303")
    engine.now += timedelta(days=1)
    await engine.journal(later.replace(b"|M31^", b"|M999^").replace(b"|D000007|", b"|D999|"))
    await engine.read()
    for changes, place in (({}, "/document"), ({"document": "N2", "replaces": "USMP-2026-0117"},
                                               "/replaces")):  # fmt: skip
        raw = encoded(form(visit="V260999", **changes))
        state, note = await state_of(engine, await drop(engine, raw))
        assert state is JournalState.PARKED
        assert note.startswith(place)
    (document,) = stay_of(engine).documents
    assert document.document == "USMP-2026-0117"


FEEDS = (
    "A08-allergies", "A08-diagnoses", "RDE-O11-orders", "VXU-V04-doses", "SIU-S12-follow-up",
    "SIU-S12-escort", "SIU-S12-other-kind", "SIU-S12-before",
)  # fmt: skip
SAID = ("PÉNICILLINES", "Diabète de type 2, sans", "METFORMINE", "Hépatite B", "20/03/2026")
BARE = encoded(form(items={"synthesis": "Suivi simple."}))


@pytest.mark.parametrize("trusted", [(), ("allergies",), TRUSTED])
async def test_trusted_feeds_enrich_the_letter_and_no_other_is_told(
    engine: Engine, trusted: tuple[str, ...]
) -> None:
    trust(engine, *trusted)
    await engine.hear("hennebelle-A01")
    await feed(engine, *FEEDS)
    await drop(engine, BARE)
    await engine.hear("hennebelle-A03")
    (text,) = await letters(engine)
    told = [words for words in SAID if words in flat(text)]
    assert told == [words for words, name in zip(SAID, TRUSTED, strict=True) if name in trusted]
    # No psychiatric part leaves here; and nothing at all of an escort does.
    for words in ("Schizophrénie", "OLANZAPINE", "AMOXICILLINE", "21/03", "22/03", "28/02",
                  "xtraction", "Pneumocoque"):  # fmt: skip
        assert words not in flat(text)


async def test_feeds_alone_call_for_no_letter(engine: Engine) -> None:
    trust(engine, *TRUSTED)
    await engine.hear("hennebelle-A01")
    await feed(engine, *FEEDS)
    await engine.hear("hennebelle-A03")
    assert await letters(engine) == []


async def test_a_change_of_the_feeds_calls_for_no_new_version(engine: Engine) -> None:
    trust(engine, *TRUSTED)
    await engine.hear("hennebelle-A01")
    await feed(engine, "A08-allergies")
    await drop(engine, BARE)
    await engine.hear("hennebelle-A03")
    assert len(await letters(engine)) == 1
    await feed(engine, "RDE-O11-orders")
    assert len(await letters(engine)) == 1


async def test_what_feeds_said_leaves_no_more_once_the_somatic_agreement_is_withdrawn(
    engine: Engine,
) -> None:
    trust(engine, *TRUSTED)
    await engine.hear("hennebelle-A01")
    await feed(engine, *FEEDS)
    await drop(engine, encoded(form(half="DSP", items={"synthesis": "Suivi psychiatrique."})))
    withdrawn = ConsentStated(
        purpose=Purpose.EXIT_LETTER_SOMATIC,
        state=ConsentState.WITHDRAWN,
        at=engine.now,
        by="test",
    )
    await engine.store.write(lambda tx: engine.tell(tx, PATIENT, withdrawn))
    await engine.hear("hennebelle-A03")
    (text,) = await letters(engine)
    assert "Suivi psychiatrique." in text
    assert not [words for words in SAID if words in flat(text)]
    assert "Schizophrénie" in flat(text)  # the psychiatric half agreed, and its part leaves


async def test_a_discontinued_order_and_a_cancelled_appointment_are_gone(engine: Engine) -> None:
    trust(engine, *TRUSTED)
    await engine.hear("hennebelle-A01")
    # Out of order: the end is heard first.
    await feed(engine, "SIU-S15-cancelled", "RDE-O11-stopped", "SIU-S13-moved", *FEEDS)
    await drop(engine, BARE)
    await engine.hear("hennebelle-A03")
    (text,) = await letters(engine)
    for words in ("METFORMINE", "20/03/2026", "27/03/2026"):
        assert words not in flat(text)
