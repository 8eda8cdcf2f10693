"""Bytes that somebody changed stop what they belong to, are told, and stop nothing else."""

from datetime import timedelta

import apsw

from engine.model.flow import JournalState
from engine.model.people import Professional
from engine.model.recipient import Gap
from engine.model.task import TaskKind
from engine.outbound.ledger import behind
from engine.runtime.doctors import Doctors
from engine.store.directory import directory_path
from tests.support.directories import box, generation, practice
from tests.support.house import ROOT, Engine

PATIENT = "26000001"
RPPS = "10999990012"


def damage(engine: Engine, statement: str) -> None:
    """Change bytes in the file, as somebody with an editor would."""
    connection = apsw.Connection(str(engine.settings.path.parent / "relais.db"))
    try:
        connection.execute(statement)
        assert connection.changes()
    finally:
        connection.close()


def entries(engine: Engine) -> list[JournalState]:
    rows = engine.store.read_sync(lambda tx: tx.journal.listing())
    return [one.state for one in reversed(rows)]


def unreadable(engine: Engine) -> list[str]:
    tasks = engine.store.read_sync(lambda tx: tx.tasks.open_of(TaskKind.MESSAGE_UNREADABLE))
    return [one.about for one in tasks]


async def test_a_message_whose_bytes_do_not_open_is_put_aside_and_the_next_is_read(
    engine: Engine,
) -> None:
    for stem in ("011-lambert-A01", "021-caron-A01"):
        await engine.journal((ROOT / f"fixtures/day/{stem}.hl7").read_bytes())
    damage(engine, "UPDATE journal_raw SET raw = zeroblob(length(raw)) WHERE journal_id = 1")
    await engine.read()
    assert entries(engine) == [JournalState.PARKED, JournalState.PROCESSED]
    assert unreadable(engine) == ["journal 1"]
    later = engine.now + timedelta(minutes=5)
    assert not engine.store.read_sync(lambda tx: behind(tx, later))


async def test_a_patient_whose_facts_do_not_open_parks_their_messages_alone(
    engine: Engine,
) -> None:
    await engine.hear("lambert-A01")
    damage(engine, "UPDATE fact SET heard = zeroblob(length(heard))")
    await engine.hear("lambert-A01", "caron-A01")
    states = entries(engine)
    assert states[-1] is JournalState.PROCESSED
    assert JournalState.RECEIVED not in states
    later = engine.now + timedelta(minutes=5)
    assert not engine.store.read_sync(lambda tx: behind(tx, later))


def test_a_damaged_directory_is_a_doubt_and_no_address_is_believed(engine: Engine) -> None:
    config = engine.settings.config
    boxes = [box(address=f"doctor-{n}@cabinets.mssante.example", family=f"N{n}") for n in range(99)]
    generation(config.data, boxes, [practice()])
    path = directory_path(config.data)
    whole = path.read_bytes()
    # All but the head and the schema.
    path.write_bytes(whole[:4096] + b"\x5a" * (len(whole) - 4096))
    doctors = Doctors(config, {})
    try:
        answer = doctors.find(Professional(rpps=RPPS, family="MARTEL"), None)
        assert {(one.gap, one.mailbox) for one in answer.choices} <= {
            (Gap.DOCTOR, None), (Gap.MISSING, None)
        }  # fmt: skip
        assert doctors.address_fault("x@unknown.example", "mssante") is not None
    finally:
        doctors.close()
