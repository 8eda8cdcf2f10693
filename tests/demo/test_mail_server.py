import json
import smtplib
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from engine.demo.mail_server import MailServer
from engine.model.channel import Smtp
from engine.model.flow import Accepted, Cause, Deferred, Outcome, Rejected, Unknown
from engine.outbound.smtp import SmtpTransport
from tests.support.deliveries import a_delivery, a_mime


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MailServer]:
    server = MailServer(tmp_path / "mail")
    await server.start()
    yield server
    await server.stop()


def smtp(server: MailServer, **changes: Any) -> Smtp:
    values: dict[str, Any] = {
        "host": "localhost",
        "port": server.port,
        "ca_file": server.ca,
        "timeout": timedelta(seconds=20),
        "data_timeout": timedelta(seconds=0.3),
    }
    return Smtp(**(values | changes))


async def send(server: MailServer, address: str, times: int = 1) -> list[Outcome]:
    transport = SmtpTransport(smtp(server))
    delivery = a_delivery("abc1", address)
    outcomes = [await transport.attempt(delivery, a_mime(delivery)) for _ in range(times)]
    await transport.close()
    return outcomes


async def test_a_mail_is_kept_byte_for_byte_in_its_mailbox_with_its_dsn_wishes(
    server: MailServer,
) -> None:
    (outcome,) = await send(server, "cabinet.martin@medecin.example")
    assert isinstance(outcome, Accepted)
    (mail,) = server.mails()
    assert mail.parent.name == "cabinet.martin@medecin.example"
    assert mail.read_bytes() == a_mime(a_delivery("abc1"))
    kept = json.loads(mail.with_suffix(".json").read_text())
    assert kept["envid"] == "abc1"
    assert kept["ret"] == "HDRS"
    assert kept["notify"] == "SUCCESS,FAILURE,DELAY"
    assert kept["orcpt"] == "rfc822;cabinet.martin@medecin.example"
    assert kept["tls"] is True


async def test_the_same_message_twice_is_two_files(server: MailServer) -> None:
    await send(server, "cabinet@medecin.example", 2)
    assert len(server.mails()) == 2


FAULTS: list[tuple[str, list[Outcome | type[Accepted]], int]] = [
    ("451@x.example", [Deferred(Cause.BUSY, 451, "4.0.0")] * 2, 0),
    ("550@x.example", [Rejected(Cause.MAILBOX, 550, "5.0.0")] * 2, 0),
    ("cabinet+550@x.example", [Rejected(Cause.MAILBOX, 550, "5.0.0")], 0),
    ("greylist@x.example", [Deferred(Cause.BUSY, 451, "4.0.0"), Accepted, Accepted], 2),
    ("cabinet+451-2@x.example", [Deferred(Cause.BUSY, 451, "4.0.0")] * 2 + [Accepted], 1),
    ("drop-1@x.example", [Deferred(Cause.DROPPED), Accepted], 1),
    ("silence-1@x.example", [Unknown(), Accepted], 1),
    ("lost-1@x.example", [Unknown(), Accepted], 2),
    ("250@x.example", [Accepted], 1),
    ("dr.4510@x.example", [Accepted], 1),
]


@pytest.mark.parametrize(("address", "expected", "kept"), FAULTS)
async def test_a_mailbox_plays_the_fault_of_its_name(
    server: MailServer, address: str, expected: list[Outcome | type[Accepted]], kept: int
) -> None:
    outcomes = await send(server, address, len(expected))
    assert [Accepted if isinstance(o, Accepted) else o for o in outcomes] == expected
    assert len(server.mails()) == kept


async def test_only_the_right_login_is_taken(tmp_path: Path) -> None:
    server = MailServer(tmp_path, login=("relais", "bon"))
    await server.start()
    delivery, outcomes = a_delivery(), []
    for password in ("bon", "mauvais"):
        transport = SmtpTransport(smtp(server, username="relais"), SecretStr(password))
        outcomes.append(await transport.attempt(delivery, a_mime(delivery)))
        await transport.close()
    anonymous = SmtpTransport(smtp(server))
    outcomes.append(await anonymous.attempt(delivery, a_mime(delivery)))
    await anonymous.close()
    await server.stop()
    assert isinstance(outcomes[0], Accepted)
    assert outcomes[1:] == [
        Deferred(Cause.AUTH, 535, "5.7.8"),
        Deferred(Cause.AUTH, 530, "5.7.0"),
    ]


def test_in_its_own_thread_it_serves_and_refuses_a_mail_in_clear(tmp_path: Path) -> None:
    server = MailServer(tmp_path / "mail")
    server.start_in_thread()
    try:
        with smtplib.SMTP("localhost", server.port, timeout=10) as client:
            client.ehlo()
            assert client.mail("a@b.example")[0] == 530
            client.starttls(context=ssl.create_default_context(cafile=str(server.ca)))
            client.sendmail("a@b.example", ["../../c@d.example"], b"Subject: x\r\n\r\nx\r\n")
    finally:
        server.stop_in_thread()
    (mail,) = server.mails()
    assert mail.parent.parent == tmp_path / "mail"
