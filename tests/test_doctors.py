"""From the doctor that a message names to the mailbox that is written to, through the stages."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.decide.plan import plan
from engine.decide.reasons import Reason
from engine.knowledge import disown
from engine.model.directory import TerritoryRow
from engine.model.errors import OperationError
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import Thread
from engine.model.people import Mailbox, MailboxType
from engine.model.task import Task, TaskKind
from engine.model.trail import AuditKind
from engine.store.interface import Tx
from tests.directory.test_domains import BAD, LIST
from tests.support.directories import box, generation, practice
from tests.support.house import ROOT, Engine

PATIENT, RPPS = "26000001", "10999990012"
ARRIVAL = (ROOT / "fixtures/day/011-lambert-A01.hl7").read_bytes()
LONG = timedelta(minutes=1)
OWN = box()
HOSPITAL = box(
    address="claire.martel@ch-exempleville.mssante.example",
    structure="R9",
    structure_name="CENTRE HOSPITALIER D'EXEMPLEVILLE",
)


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


def without_row(engine: Engine) -> None:
    """The site's own file does not know the doctor."""
    engine.settings.directory.pop(RPPS, None)


def national(engine: Engine, *boxes: Any, **more: Any) -> None:
    generation(engine.settings.config.data, boxes, [practice()], **more)


def tasks(engine: Engine, *, every: bool = False) -> list[Task]:
    rows = engine.store.read_sync(lambda tx: tx.tasks.listing(only_open=not every))
    return [one for one in rows if (one.patient or "").startswith(PATIENT)]


def kinds(engine: Engine) -> set[TaskKind]:
    return {one.kind for one in tasks(engine)}


def lines(engine: Engine, kind: AuditKind) -> list[dict[str, Any]]:
    rows = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    return [dict(row.detail) for row in rows if row.kind == kind]


def relayed(engine: Engine, delivery: Delivery) -> None:
    """The operator took it."""

    def work(tx: Tx) -> None:
        tx.outbox.open_attempt(delivery.id, engine.now)
        tx.outbox.move(delivery.id, DeliveryState.RELAYED, engine.now)

    engine.store.write_sync(work)


def message(*changes: tuple[str, str]) -> bytes:
    text = ARRIVAL.decode("iso-8859-15")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode("iso-8859-15")


async def arrived(engine: Engine, raw: bytes = ARRIVAL, span: timedelta = LONG) -> None:
    await engine.journal(raw)
    await engine.read()
    await engine.wait(span)


async def test_the_national_directory_answers_where_the_sites_file_is_silent(
    engine: Engine,
) -> None:
    without_row(engine)
    national(engine, OWN, HOSPITAL, mark="a")
    await arrived(engine)
    (letter,) = engine.deliveries(PATIENT)
    assert (letter.intended, letter.channel) == (OWN.address, "mssante")
    known = engine.settings.doctors.generation
    assert len(known) == 12
    assert lines(engine, AuditKind.LETTER_QUEUED)[0]["directory"] == f"annuaire:{known}"
    assert {one["directory"] for one in lines(engine, AuditKind.DECISION)} == {f"annuaire:{known}"}


async def test_the_sites_row_comes_first_and_never_against_the_nation(engine: Engine) -> None:
    national(engine, box(address="other@cabinets.mssante.example"))
    await arrived(engine)
    (letter,) = engine.deliveries(PATIENT)
    assert letter.intended == "claire.martel@cabinets.mssante.example"
    (line,) = lines(engine, AuditKind.LETTER_QUEUED)
    assert line["directory"].startswith("annuaire:")
    assert " local:" in line["directory"]


async def test_a_number_that_is_anothers_in_the_nation_is_a_doubt(engine: Engine) -> None:
    other = {"family": "QUESNOY", "given": "AURÈLE"}
    generation(engine.settings.config.data, [box(**other)], [practice(**other)])
    await arrived(engine)
    assert engine.deliveries(PATIENT) == []
    assert kinds(engine) == {TaskKind.GP_DOUBT}


async def test_a_mailbox_at_another_employer_is_not_the_family_doctors(
    engine: Engine, context: Context
) -> None:
    without_row(engine)
    national(engine, HOSPITAL)
    await arrived(engine)
    assert engine.deliveries(PATIENT) == []
    (asked,) = tasks(engine)
    assert asked.kind is TaskKind.MAILBOX_MISSING
    told = perform(context, "task.show", {"task": asked.id})
    assert "no mailbox of the family practice" in " ".join(told["directory"])
    assert "at another employer" in " ".join(told["candidates"])
    assert told["candidates"][0].startswith(f"1. RPPS {RPPS} MARTEL CLAIRE")


async def test_what_waited_is_sent_when_a_new_generation_answers(engine: Engine) -> None:
    without_row(engine)
    national(engine, HOSPITAL, mark="a")
    await arrived(engine)
    assert kinds(engine) == {TaskKind.MAILBOX_MISSING}
    national(engine, HOSPITAL, OWN, mark="b")
    await engine.wait(timedelta(seconds=1))
    (letter,) = engine.deliveries(PATIENT)
    assert letter.intended == OWN.address
    assert kinds(engine) == set()
    (closed,) = tasks(engine, every=True)
    assert closed.closed_by == "relais"


async def test_a_new_generation_never_sends_again_what_was_sent(engine: Engine) -> None:
    without_row(engine)
    national(engine, OWN, mark="a")
    await arrived(engine)
    relayed(engine, *engine.deliveries(PATIENT))
    national(engine, box(address="new.practice@cabinets.mssante.example"), mark="b")
    await engine.wait(timedelta(seconds=1))
    await engine.journal(
        message(("|D000001|", "|D000002|"), ("ADT^A01^ADT_A01", "ADT^A31^ADT_A05"))
    )
    await engine.read()
    await engine.wait(LONG)
    (letter,) = engine.deliveries(PATIENT)
    assert letter.intended == OWN.address
    assert kinds(engine) == set()


async def test_a_letter_that_waits_follows_the_doctor_to_the_new_mailbox(engine: Engine) -> None:
    without_row(engine)
    national(engine, OWN, mark="a")
    await arrived(engine)
    moved = box(address="new.practice@cabinets.mssante.example")
    national(engine, moved, mark="b")
    (old,) = engine.deliveries(PATIENT)

    def gate(tx: Tx) -> object:
        return engine.knowledge.may_leave(tx, old, engine.now)

    assert engine.store.read_sync(gate) is Reason.SUPERSEDED
    await engine.wait(timedelta(seconds=1))
    by_state = {one.state: one.intended for one in engine.deliveries(PATIENT)}
    assert by_state == {
        DeliveryState.CANCELLED: OWN.address,
        DeliveryState.QUEUED: moved.address,
    }


BY_NAME = message(
    ("10999990012^MARTEL^Claire^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^RPPS|20260112080000",
     "^MARTEL^Claire|20260112080000||||||^^EXEMPLEVILLE^^59000|^PRN^PH^^33^3^20000001"),
)  # fmt: skip


async def test_a_name_alone_is_taken_when_one_doctor_fits_and_the_place_says_so(
    engine: Engine, context: Context
) -> None:
    without_row(engine)
    national(engine, OWN)
    await arrived(engine, BY_NAME)
    (letter,) = engine.deliveries(PATIENT)
    assert (letter.rpps, letter.intended) == (RPPS, OWN.address)
    told = perform(context, "why", {"patient": PATIENT})["text"]
    assert f"RPPS {RPPS} (found by the name MARTEL Claire)" in told


@pytest.mark.parametrize(
    "raw",
    [
        BY_NAME.replace(b"^^EXEMPLEVILLE^^59000|^PRN^PH^^33^3^20000001", b"|"),
        BY_NAME.replace(b"^^EXEMPLEVILLE^^59000", b"^^AUTREVILLE^^33000").replace(
            b"3^20000001", b"5^56000009"
        ),
    ],
    ids=["no place", "another place"],
)
async def test_a_name_without_a_place_is_a_task_with_the_candidates(
    engine: Engine, context: Context, raw: bytes
) -> None:
    national(engine, OWN)
    await arrived(engine, raw)
    assert engine.deliveries(PATIENT) == []
    (asked,) = tasks(engine)
    assert asked.kind is TaskKind.GP_DOUBT
    told = perform(context, "task.show", {"task": asked.id})
    assert RPPS in told["candidates"][0]
    assert "family name:" in told["candidates"][0]
    assert told["why_nobody"]


@pytest.mark.parametrize("listed", [True, False], ids=["white list", "no list yet"])
async def test_bad_addresses_are_refused_when_decided_and_when_they_would_leave(
    engine: Engine, listed: bool
) -> None:
    """60 of them, each with the reason. Without any list those that need none are refused."""
    good = "a.b@medecin.mssante.fr"
    if listed:
        rows = [box(holder="810999990020", address=good)]
        generation(engine.settings.config.data, rows, domains=sorted(LIST.names))
    mailbox = Mailbox(
        rpps=RPPS, family="MARTEL", given="Claire", address=good, type=MailboxType.PER,
        channel="mssante",
    )  # fmt: skip
    engine.settings.directory[RPPS] = (mailbox,)
    await arrived(engine)
    (letter,) = engine.deliveries(PATIENT)
    assert letter.intended == good
    refused = 0
    for address, why in BAD:
        if not (listed or why.wrong_anywhere):
            continue
        engine.settings.directory[RPPS] = (mailbox.model_copy(update={"address": address}),)

        def decide(tx: Tx) -> tuple[Any, Any]:
            scene = engine.knowledge.scene(tx, letter.patient, engine.now)
            (thread,) = (one for one in plan(scene).threads if one.thread is Thread.ARRIVAL)
            return thread, scene.answer

        thread, answer = engine.store.read_sync(decide)
        assert thread.reason is Reason.ADDRESS_REFUSED, address
        assert thread.send is None
        assert [one.reason for one in thread.cancels] == [Reason.ADDRESS_REFUSED]
        assert {one.why for one in answer.choices} == {why.value}
        changed = replace(letter, intended=address, address=address)
        engine.settings.directory[RPPS] = (mailbox,)

        def gate(tx: Tx, of: Delivery = changed) -> object:
            return engine.knowledge.may_leave(tx, of, engine.now)

        assert engine.store.read_sync(gate) is Reason.ADDRESS_REFUSED, address
        refused += 1
    assert refused >= (60 if listed else 30)


async def test_a_domain_that_left_the_list_meanwhile_stops_the_letter_at_the_gate(
    engine: Engine,
) -> None:
    without_row(engine)
    national(engine, OWN, domains=["cabinets.mssante.example"], mark="a")
    await arrived(engine)
    (letter,) = engine.deliveries(PATIENT)
    national(engine, OWN, domains=["others.mssante.example"], mark="b")

    def gate(tx: Tx) -> object:
        return engine.knowledge.may_leave(tx, letter, engine.now)

    assert engine.store.read_sync(gate) is Reason.ADDRESS_REFUSED
    await engine.wait(timedelta(seconds=1))
    assert [one.state for one in engine.deliveries(PATIENT)] == [DeliveryState.CANCELLED]
    assert kinds(engine) == {TaskKind.ADDRESS_REFUSED}


async def test_apicrypt_is_written_to_by_a_channel_that_encrypts_for_it_alone(
    engine: Engine,
) -> None:
    row = Mailbox(
        rpps=RPPS, family="MARTEL", given="Claire", address="claire.MARTEL@medical59.apicrypt.org",
        type=MailboxType.PER, channel="apicrypt",
    )  # fmt: skip
    fault = engine.settings.doctors.address_fault
    assert fault(row.address, "mssante") is not None
    assert fault(row.address, "apicrypt") is None
    engine.settings.directory[RPPS] = (row.model_copy(update={"channel": "mssante"}),)
    await arrived(engine)
    assert kinds(engine) == {TaskKind.ADDRESS_REFUSED}


async def test_the_portal_is_looked_at_once_the_patient_agreed_and_its_answer_is_a_source(
    engine: Engine, context: Context
) -> None:
    start = ARRIVAL.decode("iso-8859-15")
    role = start[start.index("ROL|") : start.index("PV1|")]
    confirmation = start[start.index("OBX|5|") :]
    await arrived(engine, message((role, ""), (confirmation, "")))
    assert kinds(engine) == {TaskKind.GP_UNKNOWN}
    args = {"patient": PATIENT, "rpps": RPPS, "family": "MARTEL", "looked_by": "S. Modèle"}
    with pytest.raises(OperationError, match="agreement"):
        perform(context, "gp.found", args)
    said = {"patient": PATIENT, "purposes": ["gp-lookup"], "state": "granted"}
    perform(context, "consent.record", said)
    assert TaskKind.GP_ON_PORTAL in kinds(engine)
    sheet = perform(context, "gp.worklist", {})["csv"]
    (row,) = csv.DictReader(io.StringIO(sheet))
    assert (row["family"], row["recorded"]) == ("LAMBERT", "not-recorded")
    row |= {
        "answer": "declared", "rpps": RPPS, "gp_family": "MARTEL",
        "looked_at": engine.now.isoformat(), "looked_by": "S. Modèle",
    }  # fmt: skip
    text = io.StringIO()
    writer = csv.DictWriter(text, row)
    writer.writeheader()
    writer.writerows([row, row | {"patient": "99|nobody"}, row | {"looked_by": ""}])
    told = perform(context, "gp.import", {"csv": text.getvalue()})
    assert told["taken"] == 1
    assert [one["line"] for one in told["left"]] == [3, 4]
    await engine.wait(LONG)
    (letter,) = engine.deliveries(PATIENT)
    assert letter.rpps == RPPS
    assert kinds(engine) == set()
    (line,) = lines(engine, AuditKind.GP_FOUND)
    assert (line["source"], line["looked_by"]) == ("amelipro", "S. Modèle")


async def test_sources_that_disagree_are_a_doubt_until_a_person_decides(
    engine: Engine, context: Context
) -> None:
    perform_later = {"patient": PATIENT, "purposes": ["gp-lookup"], "state": "granted"}
    await engine.journal(ARRIVAL)
    await engine.read()
    perform(context, "consent.record", perform_later)
    other = "10999990046"
    perform(context, "gp.found", {"patient": PATIENT, "rpps": other, "family": "WATTEAU"})
    await engine.wait(LONG)
    assert engine.deliveries(PATIENT) == []
    (asked,) = tasks(engine)
    assert asked.kind is TaskKind.GP_DOUBT
    told = perform(context, "task.show", {"task": asked.id})["said"]
    assert [one.partition(",")[0] for one in told] == ["record", "amelipro"]
    with pytest.raises(OperationError, match="not the one declared"):
        perform(context, "gp.confirm", {"patient": PATIENT, "rpps": "10999990061"})
    perform(context, "gp.confirm", {"patient": PATIENT, "rpps": RPPS})
    await engine.wait(LONG)
    (letter,) = engine.deliveries(PATIENT)
    assert letter.rpps == RPPS
    assert kinds(engine) == set()


@pytest.mark.parametrize("by_command", [True, False])
async def test_not_my_patient_stops_everything_to_that_doctor_and_opens_an_incident(
    engine: Engine, context: Context, by_command: bool
) -> None:
    await arrived(engine)
    (letter,) = engine.deliveries(PATIENT)
    relayed(engine, letter)
    if by_command:
        perform(context, "gp.disown", {"patient": PATIENT, "rpps": RPPS})
    else:
        engine.store.write_sync(
            lambda tx: disown(
                tx, engine.knowledge, letter.patient, RPPS, engine.now, by="receipt 1"
            )
        )
    await engine.hear("lambert-A01")  # the record says the same doctor again
    await engine.wait(LONG)
    assert kinds(engine) == {TaskKind.GP_DISOWNED, TaskKind.INCIDENT}
    assert len(engine.deliveries(PATIENT)) == 1

    def gate(tx: Tx) -> object:
        return engine.knowledge.may_leave(tx, letter, engine.now)

    assert engine.store.read_sync(gate) is Reason.GP_DISOWNED
    perform(context, "gp.confirm", {"patient": PATIENT, "rpps": RPPS})
    assert kinds(engine) == {TaskKind.INCIDENT}


async def test_what_is_remembered_of_a_doctor_chooses_the_channel_or_paper(
    engine: Engine, context: Context
) -> None:
    noted: Callable[..., Any] = lambda **args: perform(  # noqa: E731
        context, "doctor.note", {"rpps": RPPS, **args}
    )
    noted(format="hprim")
    await arrived(engine)
    (letter,) = engine.deliveries(PATIENT)
    assert letter.channel == "apicrypt"
    noted(no_mail=True)
    await engine.wait(LONG)
    assert [one.state for one in engine.deliveries(PATIENT)] == [DeliveryState.CANCELLED]
    assert kinds(engine) == {TaskKind.NO_ELECTRONIC_MAIL}
    (row,) = perform(context, "doctor.list", {})["doctors"]
    assert (row["rpps"], row["no_mail"], row["by"]) == (RPPS, True, "claire")
    perform(context, "doctor.forget", {"rpps": RPPS})
    await engine.wait(LONG)
    (again,) = (one for one in engine.deliveries(PATIENT) if one.state is DeliveryState.QUEUED)
    assert again.channel == "mssante"


async def test_a_patient_without_a_doctor_is_a_task_that_names_who_may_take_over(
    engine: Engine,
) -> None:
    home = TerritoryRow(
        "MEDICAL-HOME", "Maison médicale de garde", "Lyre", "59000", "EXEMPLEVILLE", "0320000002",
        "garde@cabinets.mssante.example", "",
    )  # fmt: skip
    far = home._replace(kind="CSAPA", name="CSAPA des Ormes", address="x@gmail.com")
    national(engine, OWN, territory=[home, far])
    for stem in ("012-dubreuil-A01", "013-dubreuil-A02", "016-dubreuil-A03"):
        raw = (ROOT / f"fixtures/day/{stem}.hl7").read_bytes()
        raw = re.sub(rb"ROL\|[^\r]*\r", b"", raw).replace(b"\rPV1|1|I", b"\rPV2|||||||SM\rPV1|1|I")
        await engine.journal(raw)
    await engine.read()
    found = engine.store.read_sync(lambda tx: tx.tasks.listing())
    told = {one.about for one in found if one.kind is TaskKind.WITHOUT_GP}
    where = "Maison médicale de garde, EXEMPLEVILLE, 0320000002, garde@cabinets.mssante.example"
    assert f"a-doctor: MEDICAL-HOME (gp): {where}" in told
    # Seen by the psychiatric half; that of the addictions nobody spoke.
    assert "psychiatric-transition: EMOT (cmp): none in the territory file" in told
    assert not any(one.startswith("addictions") for one in told)
