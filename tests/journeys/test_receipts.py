"""Bar 1 of the loop that is closed: the real daemon, a real Postfix, a real Dovecot. No mock."""

import imaplib
import shutil
import smtplib
import ssl
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from engine.decide.ladder import Rung, standing
from engine.demo.day import moved
from engine.model.flow import Delivery
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore
from tests.support import dovecot as imap
from tests.support import postfix as smtp
from tests.support.certs import Certs, make_certs
from tests.support.service import MESSAGE, Service

MISSING = imap.MISSING or smtp.MISSING
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

US = "relais@ch-exempleville.mssante.example"
DOCTOR = "claire.martel@cabinets.mssante.example"
# The domain of the other doctor is nowhere: Postfix takes the mail, and sends it back.
DAY = date(2026, 3, 2)

RETURNS = """
[returns.mssante]
host = "localhost"
port = {port}
ca_file = "{ca}"
username = "{us}"
password = "file:imap-password"
channels = ["mssante"]
poll = "30s"

[proof]
arrival_notice = "{wait}"
"""


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certs:
    return make_certs(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def relay(certs: Certs) -> Iterator[smtp.Postfix]:
    with smtp.postfix(certs, (US, DOCTOR)) as running:
        yield running


@pytest.fixture(scope="module")
def boxes(certs: Certs, relay: smtp.Postfix) -> Iterator[imap.Dovecot]:
    with imap.dovecot(certs, (US, DOCTOR), relay.root / "mail") as running:
        yield running


class House:
    """The daemon between the two servers, and the doctor at the other end."""

    def __init__(
        self, service: Service, certs: Certs, relay: smtp.Postfix, boxes: imap.Dovecot
    ) -> None:
        self.service, self.certs, self.relay, self.boxes = service, certs, relay, boxes

    def configure(self, wait: str) -> None:
        """The settings of the demo, sending to Postfix and reading from Dovecot."""
        secret = self.service.folder / "imap-password"
        secret.write_text(imap.SECRET)
        secret.chmod(0o600)
        tls = f'ca_file = "{self.certs.ca}"\ncertificate = "{self.certs.client}"\n'
        tls += f'key = "{self.certs.client}"\n'
        self.service.change("port = 2525\n", f"port = {self.relay.port}\n{tls}")
        values = {"port": self.boxes.tls_port, "ca": self.certs.ca, "us": US, "wait": wait}
        text = (self.service.folder / "relais.toml").read_text(encoding="utf-8")
        self.service.write(text + RETURNS.format(**values))

    def hear(self, raw: bytes) -> None:
        """A message of the record, moved to yesterday."""
        shift = date.today() - timedelta(days=1) - DAY
        port = self.service.ready()["listeners"]["dpi"]
        assert self.service.send(moved(raw, shift), port) == "AA"

    def look(self, work: Callable[[Tx], Any]) -> Any:
        store = SqliteStore.open_readonly(self.service.folder / "data/relais.db")
        try:
            return store.read_sync(work)
        finally:
            store.close()

    def deliveries(self) -> list[Delivery]:
        found: list[Delivery] = self.look(lambda tx: list(tx.outbox.listing()))
        return found

    def rung(self) -> Rung | None:
        """Of the one letter; None: it is not written yet."""

        def work(tx: Tx) -> Rung | None:
            rows = tx.outbox.listing()
            return standing(rows[0], tx.receipts.of_delivery(rows[0].id)).rung if rows else None

        found: Rung | None = self.look(work)
        return found

    def tasks(self) -> dict[str, int]:
        found: dict[str, int] = self.look(lambda tx: tx.tasks.open_count())
        return found

    def until(self, happened: Callable[[], bool]) -> None:
        self.service.wait(happened, within=30)

    def read_by_the_doctor(self) -> EmailMessage:
        """The doctor's software opens its box, as any client does."""
        context = ssl.create_default_context(cafile=self.certs.ca)
        client = imaplib.IMAP4_SSL("localhost", self.boxes.tls_port, ssl_context=context)
        client.login(DOCTOR, imap.SECRET)
        client.select("INBOX")
        _, rows = client.fetch("1:*", "(BODY[])")
        client.logout()
        whole = rows[-2]
        assert isinstance(whole, tuple)
        mail = message_from_bytes(whole[1], policy=policy.default)
        assert isinstance(mail, EmailMessage)
        return mail

    def answer(self, mail: EmailMessage, disposition: str, error: str = "") -> None:
        """The MDN that the mail asks for, sent as RFC 8098 wants it: from nobody."""
        asked = str(mail["Disposition-Notification-To"])
        assert asked == US
        report = (
            f"From: {DOCTOR}\r\nTo: {asked}\r\nSubject: Lu\r\nMessage-ID: <lu-{disposition[-5:]}"
            f"@cabinets.mssante.example>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=m\r\n"
            "\r\n--m\r\nContent-Type: text/plain\r\n\r\nLu.\r\n--m\r\n"
            "Content-Type: message/disposition-notification\r\n\r\n"
            f"Final-Recipient: rfc822;{DOCTOR}\r\n"
            f"Original-Message-ID: {mail['Message-ID']}\r\nDisposition: {disposition}\r\n"
            f"{error}\r\n--m--\r\n"
        )
        context = ssl.create_default_context(cafile=self.certs.ca)
        context.load_cert_chain(self.certs.client)
        with smtplib.SMTP("localhost", self.relay.port) as client:
            client.starttls(context=context)
            client.sendmail("", [asked], report)


@pytest.fixture
def house(
    tmp_path: Path, certs: Certs, relay: smtp.Postfix, boxes: imap.Dovecot
) -> Iterator[House]:
    # The same messages make the same letters: what came back in another test would be theirs.
    for box in (relay.root / "mail").iterdir():
        shutil.rmtree(box)
    service = Service(tmp_path)
    yield House(service, certs, relay, boxes)
    service.kill()


def to_a_doctor_who_is_nowhere() -> bytes:
    """The arrival of another patient, whose doctor's domain does not exist."""
    raw = MESSAGE
    for before, after in (
        ("26000001", "26000099"), ("D260001", "D260099"), ("V260001", "V260099"),
        ("M11^", "M99^"), ("D000001", "D000099"), ("LAMBERT", "DUHAMEL"), ("THÉO", "LOUIS"),
        ("19900417", "19721203"), ("10999990012^MARTEL^Claire", "10999990038^LEFÈVRE-CŒUR^Anne"),
    ):  # fmt: skip
        raw = raw.replace(before.encode("iso8859-15"), after.encode("iso8859-15"))
    assert raw != MESSAGE
    return raw


def test_a_notice_is_sent_then_delivered_then_read_and_stands_as_displayed(house: House) -> None:
    house.configure(wait="1h")
    house.service.start()
    house.hear(MESSAGE)
    house.until(lambda: house.rung() is Rung.DELIVERED)
    (delivery,) = house.deliveries()
    assert delivery.intended == DOCTOR
    mail = house.read_by_the_doctor()
    assert mail["Message-ID"] == delivery.message_id
    house.answer(mail, "manual-action/MDN-sent-manually; displayed")
    house.until(lambda: house.rung() is Rung.DISPLAYED)
    assert "proof-missing" not in house.tasks()
    shown = house.service.command("outbox", "show", delivery.id)
    assert "displayed" in shown.stdout, shown.stderr
    story = house.service.command("why", "26000001").stdout
    assert "stands: displayed" in story
    assert "receipt 1" in story
    evidence = house.service.command("outbox", "evidence", delivery.id, "2").stdout
    assert "Disposition: manual-action/MDN-sent-manually; displayed" in evidence
    lines = house.look(lambda tx: [one for one in tx.audit.entries() if one.kind == "receipt"])
    assert [one.detail["stands"] for one in lines] == ["delivered", "displayed"]
    assert all(one.patient == delivery.patient for one in lines)
    # What came back is quoted in no file beside the store, and in the store it is sealed.
    data = house.service.folder / "data"
    files = [path for path in data.rglob("*") if path.is_file()]
    assert any(path.name == "relais.db" for path in files)
    for word in (DOCTOR.encode(), b"LAMBERT", b"Original-Message-ID", b"multipart/report"):
        assert not [path for path in files if word in path.read_bytes()], word
    log = house.service.log()
    assert DOCTOR not in log
    assert "LAMBERT" not in log
    assert house.service.end() == 0


def test_a_letter_that_bounces_is_a_task_and_a_call_to_the_doctor_ends_it(house: House) -> None:
    house.configure(wait="1h")
    house.service.start()
    house.hear(to_a_doctor_who_is_nowhere())
    house.until(lambda: house.rung() is Rung.FAILED)
    house.until(lambda: "returned" in house.tasks())
    (delivery,) = house.deliveries()
    (task,) = house.look(lambda tx: [t for t in tx.tasks.listing() if t.kind == "returned"])
    assert task.about == delivery.id
    done = house.service.command("task", "done", str(task.id), "--answer", "received")
    assert done.returncode == 0, done.stderr
    assert house.rung() is Rung.CONFIRMED
    assert "returned" not in house.tasks()


def test_a_refusal_for_the_identity_is_an_identity_task(house: House) -> None:
    house.configure(wait="1h")
    settings = (house.service.folder / "relais.toml").read_text(encoding="utf-8")
    house.service.write(settings.partition("[returns")[0])
    house.service.start()
    house.hear(MESSAGE)
    house.until(lambda: house.rung() is Rung.ACCEPTED)
    house.service.write(settings)  # the box comes with a reload, and holds the report already
    house.service.reload("reloaded")
    house.until(lambda: house.rung() is Rung.DELIVERED)
    error = "Error: 904^INS non concordante^applicationErrorCondition| E^Error^errorSeverity\r\n"
    disposition = "automatic-action/MDN-sent-automatically; processed/error"
    house.answer(house.read_by_the_doctor(), disposition, error)
    house.until(lambda: house.rung() is Rung.REFUSED)
    assert house.tasks()["identity-refused"] == 1
    assert house.service.lines("return-looked-at")[-1]["verdict"] == "taken"


def test_silence_becomes_a_task_that_a_late_receipt_closes(house: House) -> None:
    house.configure(wait="1s")
    house.service.start()
    house.hear(MESSAGE)
    house.until(lambda: house.rung() is Rung.DELIVERED)
    house.service.end()  # the look at silence comes each minute; a start looks at once
    house.service.start()
    house.until(lambda: "proof-missing" in house.tasks())
    house.answer(house.read_by_the_doctor(), "manual-action/MDN-sent-manually; displayed")
    house.until(lambda: "proof-missing" not in house.tasks())
    assert house.rung() is Rung.DISPLAYED
