"""A document of the DPI, from its message to the mail that carries it, or to the reason why not."""

import io
import zipfile
from datetime import timedelta

import pytest

from engine.model.flow import Delivery, LetterKind
from engine.model.task import TaskKind
from tests.support.documents import (
    IPP,
    IPP_OID,
    N3,
    NEW,
    RTF,
    Cda,
    National,
    edited,
    encapsulated,
    flagged,
    plain,
)
from tests.support.house import Engine

PATIENT = "26000002"  # agreed to everything, came in and left: messages 012 and 016 of the day
HERS = ((IPP_OID, PATIENT),)
LETTER = National(documents=(Cda(N3, structured=True, patients=HERS),))


def hers(raw: bytes, at: str = "20260302083000") -> bytes:
    """A message of the fixtures, about this patient."""
    raw = raw.replace(IPP.encode(), PATIENT.encode()).replace(b"V260071", b"V260002")
    raw = raw.replace(b"~281099999900357^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8&ISO^INS", b"")
    for segment, field in (("MSH", 7), ("EVN", 2), ("TXA", 4)):
        raw = edited(raw, segment, field, at)
    return raw


async def left(engine: Engine, *messages: bytes) -> list[Delivery]:
    """Arrival, these messages, release, and the time that a letter takes."""
    await engine.hear("012-")
    for raw in messages:
        await engine.journal(raw)
    await engine.hear("016-")
    await engine.wait(timedelta(seconds=10))
    return engine.deliveries(PATIENT)


async def files(engine: Engine, letter: Delivery) -> dict[str, bytes]:
    return await engine.store.read(lambda tx: tx.outbox.files(letter.id))


async def tasks(engine: Engine) -> set[TaskKind]:
    return {one.kind for one in await engine.store.read(lambda tx: tx.tasks.listing())}


async def test_a_structured_document_is_told_in_every_rendering(engine: Engine) -> None:
    (letter,) = await left(engine, hers(LETTER.bytes()))
    assert letter.letter_kind is LetterKind.EXIT_LETTER
    made = await files(engine, letter)
    assert "asthme ancien" in made["letter.txt"].decode()
    assert "asthme ancien" in made["cda.xml"].decode()
    assert "SALBUTAMOL" in made["cda.xml"].decode()


async def test_a_letter_in_rtf_is_told_as_its_text(engine: Engine) -> None:
    (letter,) = await left(engine, hers(plain([encapsulated(RTF, "text", "RTF")])))
    text = (await files(engine, letter))["letter.txt"].decode()
    assert "évolution est favorable" in text
    assert "brouillon" not in text


@pytest.mark.parametrize("flags", [{"MASQUE_PS": "Y"}, {"DESTMSSANTEPS": "N"}])
async def test_a_document_kept_from_doctors_is_in_no_letter_and_its_absence_is_a_task(
    engine: Engine, flags: dict[str, str]
) -> None:
    (letter,) = await left(engine, hers(flagged(LETTER.bytes(), **flags)))
    assert letter.letter_kind is LetterKind.EXIT_NOTICE
    assert not any(b"asthme" in data for data in (await files(engine, letter)).values())
    assert TaskKind.LETTER_MISSING in await tasks(engine)


async def test_what_is_hidden_from_the_patient_goes_to_the_doctor_and_the_metadata_say_so(
    engine: Engine,
) -> None:
    (letter,) = await left(engine, hers(flagged(LETTER.bytes(), INVISIBLE_PATIENT="Y")))
    archive = zipfile.ZipFile(io.BytesIO((await files(engine, letter))["ihe_xdm.zip"]))
    (metadata,) = (
        archive.read(name) for name in archive.namelist() if name.endswith("METADATA.XML")
    )
    assert b'nodeRepresentation="INVISIBLE_PATIENT"' in metadata


async def test_a_document_that_is_withdrawn_before_the_release_is_in_no_letter(
    engine: Engine,
) -> None:
    gone = National("MDM^T04", "CA", "D", LETTER.documents).bytes()
    (letter,) = await left(
        engine, hers(LETTER.bytes()), edited(hers(gone, "20260302084000"), "MSH", 10, "D2")
    )
    assert letter.letter_kind is LetterKind.EXIT_NOTICE


async def test_a_document_masked_by_its_replacement_is_in_no_letter(engine: Engine) -> None:
    again = (Cda(NEW, structured=True, patients=HERS, replaces=N3),)
    masked = flagged(National("MDM^T10", "RO", "C", again, N3).bytes(), DESTMSSANTEPS="N")
    (letter,) = await left(
        engine, hers(LETTER.bytes()), edited(hers(masked, "20260302084000"), "MSH", 10, "D2")
    )
    assert letter.letter_kind is LetterKind.EXIT_NOTICE
