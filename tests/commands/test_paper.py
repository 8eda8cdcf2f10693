"""Paper, from the decision to the mail room: what waits, what was posted, what must not be."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.decide.reasons import Reason
from engine.knowledge import reconsider
from engine.model.config import Retry
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.errors import OperationError
from engine.model.flow import POSTED, TO_PRINT, Delivery, DeliveryState
from engine.model.task import TaskKind
from engine.outbound.print_queue import DONE, MANIFEST
from engine.outbound.worker import Worker
from engine.runtime.mail_room import MailRoom
from engine.runtime.settings import load
from engine.runtime.wiring import Gate, route_of
from engine.wire.paper_mail import paper_letter
from tests.support.house import Engine, opened

PAPER = """[channels.papier]
format = "paper"
sender = "usmp@hopital.example"
sender_name = "CH"
[channels.papier.print]
path = "print"
return_address = ["CH d'Exempleville"]
[channels.papier.neutral]
sender = "courrier@hopital.example"
sender_name = "CH"
[channels.mssante]
"""
DIRECTORY = """rpps;family;given;place;mailbox;type;channel;postal
10999990012;MARTEL;Claire;Exempleville;;CAB;papier;1 rue Fictive|00000 EXEMPLEVILLE
"""
IPP = "26000001"


class Silent:
    """Counters that nobody reads."""

    def increment(self, name: str, **labels: str) -> None: ...


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "print").mkdir()
    made = opened(tmp_path, ("[channels.mssante]\n", PAPER), directory=DIRECTORY)
    yield made
    made.store.close()


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


async def to_the_queue(engine: Engine) -> str:
    """A letter is decided, printed, and put in the queue; gives its number."""
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    channels = engine.settings.config.channels
    worker = Worker(
        engine.store,
        {name: route_of(one) for name, one in channels.items()},
        may_leave=Gate(lambda: engine.knowledge),
        allowed=lambda _: True,
        policy=Retry(),
        now=lambda: engine.now,
        dice=lambda: 0.5,
        counters=Silent(),
    )
    await worker.run_due()
    (letter,) = engine.deliveries(IPP)
    assert (letter.state, letter.reason) == (DeliveryState.RELAYED, TO_PRINT)
    return letter.id


def mail_room(engine: Engine) -> MailRoom:
    return MailRoom(
        engine.store,
        lambda: engine.settings.config.channels,
        lambda: engine.now,
        may_leave=engine.knowledge.may_leave,
    )


def queue(engine: Engine) -> Path:
    settings = engine.settings.config.channels["papier"].print
    assert settings is not None
    return settings.path


async def test_a_doctor_without_a_mailbox_gets_a_letter_that_the_mail_room_finds(
    engine: Engine, context: Context
) -> None:
    ident = await to_the_queue(engine)
    (line,) = (queue(engine) / MANIFEST).read_text().splitlines()
    told = json.loads(line)
    letter = paper_letter(engine.store.read_sync(lambda tx: tx.outbox.mime(ident)))
    assert letter is not None
    assert (told["id"], told["pages"]) == (ident, letter.pages)
    assert (queue(engine) / told["file"]).read_bytes() == letter.pdf
    (row,) = perform(context, "print.list", {})["letters"]
    assert (row["id"], row["post"]) == (ident, "yes")


async def test_posted_letters_close_once_with_who_said_so_and_leave_the_folder(
    engine: Engine, context: Context
) -> None:
    ident = await to_the_queue(engine)
    assert perform(context, "print.done", {"deliveries": [ident, ident]}) == {"posted": [ident]}
    (letter,) = engine.deliveries(IPP)
    assert (letter.state, letter.reason) == (DeliveryState.RELAYED, POSTED)
    assert not (queue(engine) / f"{ident}.pdf").exists()
    assert perform(context, "print.list", {})["letters"] == []
    lines = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    said = [one for one in lines if one.detail.get("reason") == POSTED]
    assert [(one.actor, one.subject) for one in said] == [("claire", f"delivery {ident}")]
    with pytest.raises(OperationError, match="posted before"):
        perform(context, "print.done", {"deliveries": [ident]})


async def test_one_that_is_not_in_a_queue_refuses_them_all(
    engine: Engine, context: Context
) -> None:
    ident = await to_the_queue(engine)
    with pytest.raises(OperationError, match="does not wait"):
        perform(context, "print.done", {"deliveries": [ident, "zzz"]})
    (letter,) = engine.deliveries(IPP)
    assert letter.reason == TO_PRINT


async def test_what_is_moved_to_done_is_posted_and_taken_away(engine: Engine) -> None:
    ident = await to_the_queue(engine)
    room = mail_room(engine)
    assert await room.run_once() == 0
    done = queue(engine) / DONE
    done.mkdir()
    (queue(engine) / f"{ident}.pdf").rename(done / f"{ident}.pdf")
    (done / "stranger.pdf").write_text("x")
    assert await room.run_once() == 1
    assert await room.run_once() == 0
    (letter,) = engine.deliveries(IPP)
    assert letter.reason == POSTED
    assert [one.name for one in done.iterdir()] == ["stranger.pdf"]


async def test_a_file_that_stays_after_a_crash_is_taken_away_without_a_second_line(
    engine: Engine,
) -> None:
    ident = await to_the_queue(engine)
    room = mail_room(engine)
    done = queue(engine) / DONE
    done.mkdir()
    (queue(engine) / f"{ident}.pdf").rename(done / f"{ident}.pdf")
    await room.run_once()
    (done / f"{ident}.pdf").write_text("again")
    assert await room.run_once() == 0
    assert list(done.iterdir()) == []
    lines = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    assert sum(one.detail.get("reason") == POSTED for one in lines) == 1


async def test_a_letter_whose_agreement_was_withdrawn_meanwhile_is_not_to_be_posted(
    engine: Engine, context: Context
) -> None:
    await to_the_queue(engine)
    engine.now += timedelta(seconds=1)
    said = ConsentStated(
        purpose=Purpose.ARRIVAL_NOTICE, state=ConsentState.WITHDRAWN, at=engine.now, by="IDE"
    )
    await engine.store.write(lambda tx: engine.tell(tx, IPP, said))
    (row,) = perform(context, "print.list", {})["letters"]
    assert row["post"] == "no: consent-withdrawn"


def asked(engine: Engine, *, only_open: bool = True) -> list[str]:
    tasks = engine.store.read_sync(lambda tx: tx.tasks.listing(only_open=only_open))
    return [str(one.about) for one in tasks if one.kind is TaskKind.NOT_TO_BE_POSTED]


async def said(engine: Engine, state: ConsentState) -> None:
    engine.now += timedelta(seconds=1)
    fact = ConsentStated(purpose=Purpose.ARRIVAL_NOTICE, state=state, at=engine.now, by="IDE")
    await engine.store.write(lambda tx: engine.tell(tx, IPP, fact))


async def test_the_mail_room_asks_back_what_must_not_be_posted_and_no_longer_once_it_may(
    engine: Engine,
) -> None:
    ident = await to_the_queue(engine)
    room = mail_room(engine)
    await room.run_once()
    assert asked(engine) == []
    await said(engine, ConsentState.WITHDRAWN)
    await room.run_once()
    await room.run_once()
    assert asked(engine, only_open=False) == [ident]
    await engine.wait(timedelta(seconds=1))
    assert asked(engine) == [ident]  # deciding anew about the patient does not close it
    await said(engine, ConsentState.GRANTED)
    await room.run_once()
    assert asked(engine) == []
    await said(engine, ConsentState.WITHDRAWN)
    await room.run_once()
    assert asked(engine) == [ident]


async def test_a_letter_that_is_withdrawn_from_the_queue_is_cancelled_and_its_file_is_gone(
    engine: Engine, context: Context
) -> None:
    ident = await to_the_queue(engine)
    await said(engine, ConsentState.WITHDRAWN)
    await mail_room(engine).run_once()
    with pytest.raises(OperationError, match="print queue"):
        perform(context, "outbox.cancel", {"delivery": ident})
    assert perform(context, "print.withdraw", {"deliveries": [ident]}) == {"withdrawn": [ident]}
    (letter,) = engine.deliveries(IPP)
    assert (letter.state, letter.reason) == (DeliveryState.CANCELLED, "consent-withdrawn")
    assert list(queue(engine).glob("*.pdf")) == []
    assert asked(engine) == []
    assert "annulé avant de partir" in account_of(engine)
    with pytest.raises(OperationError, match="does not wait"):
        perform(context, "print.done", {"deliveries": [ident]})
    await said(engine, ConsentState.GRANTED)
    await engine.wait(timedelta(seconds=6))
    assert [one.state for one in engine.deliveries(IPP)] == [
        DeliveryState.CANCELLED,
        DeliveryState.QUEUED,
    ]


async def test_what_a_person_withdraws_though_it_might_be_posted_is_not_written_anew(
    engine: Engine, context: Context
) -> None:
    ident = await to_the_queue(engine)
    perform(context, "print.withdraw", {"deliveries": [ident]})
    await engine.wait(timedelta(minutes=1))
    (letter,) = engine.deliveries(IPP)
    assert (letter.state, letter.reason) == (
        DeliveryState.CANCELLED,
        Reason.CANCELLED_BY_PERSON.value,
    )


async def test_what_lies_in_done_is_not_withdrawn(engine: Engine, context: Context) -> None:
    ident = await to_the_queue(engine)
    done = queue(engine) / DONE
    done.mkdir()
    (queue(engine) / f"{ident}.pdf").rename(done / f"{ident}.pdf")
    with pytest.raises(OperationError, match="lies in done/"):
        perform(context, "print.withdraw", {"deliveries": [ident]})
    (letter,) = engine.deliveries(IPP)
    assert letter.in_print_queue


async def test_what_is_posted_after_it_was_withdrawn_asks_a_person(
    engine: Engine, context: Context
) -> None:
    ident = await to_the_queue(engine)
    pdf = (queue(engine) / f"{ident}.pdf").read_bytes()
    perform(context, "print.withdraw", {"deliveries": [ident]})
    (queue(engine) / DONE).mkdir()
    (queue(engine) / DONE / f"{ident}.pdf").write_bytes(pdf)
    assert await mail_room(engine).run_once() == 0
    assert await mail_room(engine).run_once() == 0
    assert asked(engine) == [ident]
    assert list((queue(engine) / DONE).iterdir()) == []


async def test_the_letter_of_a_patient_who_is_forgotten_leaves_the_print_queue(
    engine: Engine, context: Context
) -> None:
    ident = await to_the_queue(engine)
    pdf = (queue(engine) / f"{ident}.pdf").read_bytes()
    perform(context, "patient.forget", {"patient": IPP})
    assert list(queue(engine).glob("*.pdf")) == []
    row = engine.store.read_sync(lambda tx: tx.outbox.get(ident))
    assert row is not None
    assert row.state is DeliveryState.CANCELLED
    # A crash between the two leaves the file: the mail room takes it away.
    (queue(engine) / f"{ident}.pdf").write_bytes(pdf)
    await mail_room(engine).run_once()
    assert list(queue(engine).glob("*.pdf")) == []
    # It was posted all the same: there is nobody left to ask about.
    (queue(engine) / DONE).mkdir()
    (queue(engine) / DONE / f"{ident}.pdf").write_bytes(pdf)
    await mail_room(engine).run_once()
    assert list((queue(engine) / DONE).iterdir()) == []
    assert asked(engine) == []


async def test_the_patient_is_told_what_was_done_and_no_more(engine: Engine) -> None:
    ident = await to_the_queue(engine)
    text = account_of(engine)
    assert "donné à imprimer et à poster le" in text
    context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
    perform(context, "print.done", {"deliveries": [ident]})
    assert "imprimé, et posté au plus tard le" in account_of(engine)


def account_of(engine: Engine) -> str:
    context = Context(engine.store, engine.settings, lambda: engine.now, "c", lambda: None)
    return str(perform(context, "patient.export", {"patient": IPP}))


STREET = "1 rue Fictive|00000 EXEMPLEVILLE"
TWO_WAYS = f"""rpps;family;given;place;mailbox;type;channel;postal
10999990012;MARTEL;Claire;Exempleville;martel@medecin.mssante.fr;CAB;mssante;{STREET}
"""


async def decided(engine: Engine) -> Delivery:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (letter,) = engine.deliveries(IPP)
    assert letter.state is DeliveryState.QUEUED
    return letter


async def test_a_letter_that_waits_is_not_posted_to_a_street_that_the_doctor_has_left(
    engine: Engine, tmp_path: Path
) -> None:
    letter = await decided(engine)
    moved = DIRECTORY.replace("1 rue Fictive", "9 avenue Neuve")
    (tmp_path / "directory.csv").write_text(moved, encoding="utf-8")
    later = Engine(engine.store, load(tmp_path / "relais.toml"), now=engine.now)
    verdict = engine.store.read_sync(lambda tx: later.knowledge.may_leave(tx, letter, later.now))
    assert verdict is Reason.SUPERSEDED
    await later.store.write(lambda tx: reconsider(tx, later.now))
    await later.wait(timedelta(minutes=1))
    first, second = later.deliveries(IPP)
    assert (first.state, second.state) == (DeliveryState.CANCELLED, DeliveryState.QUEUED)
    again = later.store.read_sync(lambda tx: later.knowledge.may_leave(tx, second, later.now))
    assert again is None


async def test_a_letter_that_waits_leaves_by_the_way_that_the_doctor_wants_since(
    tmp_path: Path,
) -> None:
    (tmp_path / "print").mkdir()
    engine = opened(tmp_path, ("[channels.mssante]\n", PAPER), directory=TWO_WAYS)
    letter = await decided(engine)
    assert letter.channel == "mssante"
    context = Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)
    perform(context, "doctor.note", {"rpps": "10999990012", "channel": "papier"})
    verdict = engine.store.read_sync(lambda tx: engine.knowledge.may_leave(tx, letter, engine.now))
    assert verdict is Reason.SUPERSEDED
    await engine.wait(timedelta(minutes=1))
    first, second = engine.deliveries(IPP)
    assert (first.channel, first.state) == ("mssante", DeliveryState.CANCELLED)
    assert (second.channel, second.state) == ("papier", DeliveryState.QUEUED)
    engine.store.close()
