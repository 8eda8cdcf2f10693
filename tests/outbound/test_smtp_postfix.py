"""Our transport against the mail server that half of the operators run."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest

from engine.model.channel import Smtp
from engine.model.flow import Accepted, Cause, Deferred, Outcome, Rejected
from engine.outbound.smtp import SmtpTransport
from tests.support.certs import Certs, make_certs
from tests.support.deliveries import a_delivery, a_mime
from tests.support.postfix import MISSING, Postfix, postfix

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def relay(certs: Certs) -> Iterator[Postfix]:
    with postfix(certs) as running:
        yield running


async def send(
    relay: Postfix, certs: Certs, address: str, mime: bytes | None = None, **changes: Any
) -> Outcome:
    values: dict[str, Any] = {
        "host": "localhost",
        "port": relay.port,
        "ca_file": certs.ca,
        "certificate": certs.client,
        "key": certs.client,
        "timeout": timedelta(seconds=20),
        "data_timeout": timedelta(seconds=20),
    }
    transport = SmtpTransport(Smtp(**(values | changes)))
    delivery = a_delivery(changes.pop("ident", "envid0"), address)
    try:
        return await transport.attempt(delivery, mime or a_mime(delivery))
    finally:
        await transport.close()


def report(mails: list[bytes], action: str) -> dict[str, str]:
    """The fields of the delivery report with this action (RFC 3464)."""
    for raw in mails:
        mail = message_from_bytes(raw)
        for part in mail.walk():
            if part.get_content_type() == "message/delivery-status":
                fields: dict[str, str] = {}
                for block in part.get_payload():
                    assert not isinstance(block, str)
                    fields |= {name.lower(): value for name, value in block.items()}
                if fields.get("action") == action:
                    return fields | {"_": str(b"Bonjour" in raw)}
    raise AssertionError(f"no {action} report among {len(mails)} mails")


async def test_a_mail_is_delivered_and_its_report_names_the_delivery(
    relay: Postfix, certs: Certs
) -> None:
    outcome = await send(relay, certs, "cabinet@medecin.example")
    assert isinstance(outcome, Accepted)
    assert outcome.reply.startswith("250 2.0.0 queued as ")
    (mail,) = relay.inbox("cabinet")
    assert b"<envid0@hopital.example>" in mail
    fields = report(relay.inbox("usmp"), "delivered")
    assert fields["original-envelope-id"] == "envid0"
    assert fields["original-recipient"] == "rfc822;cabinet@medecin.example"
    assert fields["_"] == "False"  # headers only: the letter does not travel back


async def test_a_failure_further_on_comes_back_with_the_delivery_id(
    relay: Postfix, certs: Certs
) -> None:
    before = len(relay.inbox("usmp", wanted=0))
    assert isinstance(await send(relay, certs, "cabinet@nulle-part.example"), Accepted)
    fields = report(relay.inbox("usmp", wanted=before + 1), "failed")
    assert fields["original-envelope-id"] == "envid0"
    assert fields["status"] == "5.3.0"


async def test_without_our_certificate_the_relay_refuses_and_it_is_a_matter_of_configuration(
    relay: Postfix, certs: Certs
) -> None:
    outcome = await send(relay, certs, "cabinet@medecin.example", certificate=None, key=None)
    assert isinstance(outcome, Deferred)
    assert outcome.cause is Cause.AUTH


async def test_a_certificate_that_another_authority_issued_is_refused_as_none_is(
    relay: Postfix, certs: Certs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    strangers = make_certs(tmp_path_factory.mktemp("strangers"))
    before = len(relay.inbox("cabinet", wanted=0))
    outcome = await send(
        relay, certs, "cabinet@medecin.example", certificate=strangers.client, key=strangers.client
    )
    assert isinstance(outcome, Deferred)
    assert outcome.cause in (Cause.AUTH, Cause.TLS)
    assert len(relay.inbox("cabinet", wanted=0)) == before


async def test_a_relay_of_another_authority_is_not_trusted(relay: Postfix, certs: Certs) -> None:
    outcome = await send(relay, certs, "cabinet@medecin.example", ca_file=certs.other_ca)
    assert outcome == Deferred(Cause.TLS)


async def test_an_unknown_mailbox_is_rejected(relay: Postfix, certs: Certs) -> None:
    outcome = await send(relay, certs, "personne@medecin.example")
    assert outcome == Rejected(Cause.MAILBOX, 550, "5.1.1")


async def test_a_large_mail_arrives_whole_and_a_larger_one_is_not_begun(
    relay: Postfix, certs: Certs
) -> None:
    before = len(relay.inbox("cabinet", wanted=0))
    mime = a_mime(a_delivery("envid0"), (b"q" * 76 + b"\r\n") * 115_000)
    assert isinstance(await send(relay, certs, "cabinet@medecin.example", mime), Accepted)
    mails = relay.inbox("cabinet", wanted=before + 1)
    assert sum(mail.count(b"q" * 76) for mail in mails) == 115_000
    outcome = await send(relay, certs, "cabinet@medecin.example", mime + mime)
    assert outcome == Rejected(Cause.SIZE, None, "5.3.4")
