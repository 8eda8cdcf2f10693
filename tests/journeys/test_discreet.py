"""From a message to the mail: letters of who does not want the detention told."""

import email
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path

import typst

from engine.compose.pdf import typeset_here
from engine.dispatch import Dispatcher, Press
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import LetterKind
from engine.store.interface import Tx
from tests.support.house import ROOT, Engine, opened, shop
from tests.support.unpacked import telling, texts

IPP = "26000029"
# The open sender in a domain of its own, which tells where it is.
OPEN_SENDER = "relais@usmp.ch-exempleville.mssante.example"
OWN_DOMAIN = ("relais@ch-exempleville.mssante.example", OPEN_SENDER)
NEUTRAL_BOX = "courrier@ch-exempleville.mssante.example"
LEAFLET = typst.compile(b"= The unit and its numbers", pdf_standards=["a-1b"], timestamp=0)


async def mail_of(engine: Engine, delivery: Delivery) -> tuple[bytes, EmailMessage]:
    mime = await engine.store.read(lambda tx: tx.outbox.mime(delivery.id))
    mail = email.message_from_bytes(mime, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mime, mail


def relayed(engine: Engine, delivery: Delivery) -> None:
    def work(tx: Tx) -> None:
        tx.outbox.move(delivery.id, DeliveryState.SENDING, engine.now)
        tx.outbox.move(delivery.id, DeliveryState.RELAYED, engine.now)

    engine.store.write_sync(work)


def said(engine: Engine, ipp: str, state: ConsentState) -> None:
    told = ConsentStated(purpose=Purpose.DETENTION_TOLD, state=state, at=engine.now, by="IDE")
    engine.store.write_sync(lambda tx: engine.tell(tx, ipp, told))


async def test_a_refusal_in_a_message_gives_the_hospital_s_face_to_notice_and_letter(
    tmp_path: Path,
) -> None:
    engine = opened(tmp_path, OWN_DOMAIN)
    await engine.hear("vasseur-A01")
    await engine.wait(timedelta(seconds=6))
    (notice,) = engine.deliveries(IPP)
    relayed(engine, notice)
    await engine.hear("vasseur-T02", "vasseur-A03")
    await engine.wait(timedelta(seconds=10))
    notice, letter = engine.deliveries(IPP)
    assert (notice.letter_kind, letter.letter_kind) == (
        LetterKind.ARRIVAL_NOTICE,
        LetterKind.EXIT_LETTER,
    )
    for one in (notice, letter):
        mime, mail = await mail_of(engine, one)
        assert one.discreet
        assert one.sender == NEUTRAL_BOX
        assert one.message_id == f"<{one.id}@ch-exempleville.mssante.example>"
        assert mail["Message-ID"] == one.message_id
        assert mail["From"].addresses[0].addr_spec == NEUTRAL_BOX
        assert mail["From"].addresses[0].display_name == "CH d'Exempleville"
        assert mail["Reply-To"] == "medecine@ch-exempleville.mssante.example"
        assert mail["Disposition-Notification-To"] == NEUTRAL_BOX
        assert telling(mime) == []
        whole = " ".join(text for _, text in texts(mime))
        assert "Consultations de médecine" in whole
        assert OPEN_SENDER.rpartition("@")[2] not in whole
        assert "Sequedin" not in whole
    engine.store.close()


async def test_a_refusal_at_the_command_line_stops_the_open_letter_and_another_follows(
    tmp_path: Path,
) -> None:
    engine = opened(tmp_path, OWN_DOMAIN)
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    (first,) = engine.deliveries("26000001")
    assert not first.discreet
    assert telling((await mail_of(engine, first))[0])
    engine.now += timedelta(seconds=1)
    assert engine.store.read_sync(lambda tx: engine.knowledge.may_leave(tx, first, engine.now)) is (
        None
    )
    said(engine, "26000001", ConsentState.REFUSED)
    stopped = engine.store.read_sync(lambda tx: engine.knowledge.may_leave(tx, first, engine.now))
    assert stopped == "superseded"
    await engine.wait(timedelta(seconds=1))
    first, second = engine.deliveries("26000001")
    assert first.state is DeliveryState.CANCELLED
    assert second.state is DeliveryState.QUEUED
    assert second.discreet
    assert telling((await mail_of(engine, second))[0]) == []
    engine.store.close()


async def test_a_later_version_under_the_neutral_face_names_nothing_of_the_open_first(
    tmp_path: Path,
) -> None:
    engine = opened(tmp_path, OWN_DOMAIN)
    await engine.hear("017-", "018-", "019-", "020-")
    await engine.wait(timedelta(minutes=5))
    (first,) = engine.deliveries("26000003")
    assert not first.discreet
    relayed(engine, first)
    said(engine, "26000003", ConsentState.REFUSED)
    await engine.wait(timedelta(minutes=5))
    assert len(engine.deliveries("26000003")) == 1  # told once is told
    await engine.hear("067-")
    await engine.wait(timedelta(minutes=5))
    _, second = engine.deliveries("26000003")
    mime, mail = await mail_of(engine, second)
    assert (second.version, second.discreet) == (2, True)
    assert mail["References"] is None
    assert telling(mime) == []
    assert OPEN_SENDER.rpartition("@")[2] not in " ".join(text for _, text in texts(mime))
    engine.store.close()


async def test_a_doctor_who_is_reached_by_hprim_learns_nothing_either(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    (path,) = (ROOT / "fixtures/day").glob("*vasseur-A01*")
    raw = path.read_bytes().replace(b"10999990012^MARTEL^Claire", b"10999990020^DELATTRE^Hugues")
    await engine.journal(raw)
    await engine.read()
    await engine.wait(timedelta(seconds=6))
    (notice,) = engine.deliveries(IPP)
    mime, mail = await mail_of(engine, notice)
    assert notice.channel == "apicrypt"
    assert notice.sender == "courrier@medical59.apicrypt.example"
    assert mail["Subject"] == "Avis de prise en charge"
    assert telling(mime) == []
    engine.store.close()


async def test_the_leaflet_of_the_unit_stays_here(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    config = engine.settings.config
    press = Press(
        shop=shop(),
        hospital=config.hospital,
        channels=config.channels,
        leaflets=dict.fromkeys(config.units, LEAFLET),
    )
    engine.dispatcher = Dispatcher(
        engine.store,
        knowledge=lambda: engine.knowledge,
        press=lambda: press,
        typeset=typeset_here,
        now=lambda: engine.now,
    )
    await engine.hear("lambert-A01", "vasseur-A01")
    await engine.wait(timedelta(seconds=6))
    (told,), (kept,) = engine.deliveries("26000001"), engine.deliveries(IPP)
    assert len(list((await mail_of(engine, told))[1].iter_attachments())) == 3
    assert len(list((await mail_of(engine, kept))[1].iter_attachments())) == 2
    engine.store.close()


async def test_a_channel_without_a_neutral_sender_sends_nothing_and_asks(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    config = engine.settings.config
    bare = {name: one.model_copy(update={"neutral": None}) for name, one in config.channels.items()}
    press = Press(shop=shop(), hospital=config.hospital, channels=bare)
    engine.dispatcher = Dispatcher(
        engine.store,
        knowledge=lambda: engine.knowledge,
        press=lambda: press,
        typeset=typeset_here,
        now=lambda: engine.now,
    )
    await engine.hear("vasseur-A01")
    await engine.wait(timedelta(seconds=6))
    assert engine.deliveries(IPP) == []

    def tasks(tx: Tx) -> list[str]:
        (patient,) = tx.facts.patients_like(IPP)
        return [one.kind.value for one in tx.tasks.of_patient(patient) if one.open]

    assert engine.store.read_sync(tasks) == ["letter-impossible"]
    engine.store.close()


async def test_the_audit_tells_under_which_face_a_letter_was_queued(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    await engine.hear("lambert-A01", "vasseur-A01")
    await engine.wait(timedelta(seconds=6))
    lines = engine.store.read_sync(lambda tx: list(tx.audit.entries(limit=10_000)))
    faces = {
        (one.patient or "").partition("|")[0]: one.detail["face"]
        for one in lines
        if one.kind == "letter-queued"
    }
    assert faces == {"26000001": "open", IPP: "discreet"}
    engine.store.close()
