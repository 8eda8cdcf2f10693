"""The contract that every transport keeps."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.model.flow import Accepted
from engine.outbound.folder import FolderTransport
from engine.outbound.smtp import SmtpTransport
from engine.outbound.transport import Transport
from tests.outbound.test_smtp import peer_with, settings
from tests.support.certs import Certs
from tests.support.deliveries import a_delivery, a_mime

Way = tuple[Transport, Callable[[], list[bytes]]]


@pytest.fixture(params=["smtp", "folder"])
async def way(request: pytest.FixtureRequest, certs: Certs, tmp_path: Path) -> AsyncIterator[Way]:
    """A transport, and what came out at its other end."""
    if request.param == "folder":
        yield FolderTransport(tmp_path), lambda: [f.read_bytes() for f in tmp_path.iterdir()]
        return
    async with peer_with(certs, {}) as peer:
        transport = SmtpTransport(settings(peer, certs))
        yield transport, lambda: [mail.body for mail in peer.mails]
        await transport.close()


async def test_an_accepted_mail_is_there_byte_for_byte(way: Way) -> None:
    transport, arrived = way
    delivery = a_delivery("abc1")
    outcome = await transport.attempt(delivery, a_mime(delivery))
    assert isinstance(outcome, Accepted)
    assert arrived() == [a_mime(delivery)]


async def test_the_answer_that_is_kept_names_nobody(way: Way) -> None:
    transport, _ = way
    delivery = a_delivery("abc1")
    outcome = await transport.attempt(delivery, a_mime(delivery))
    assert isinstance(outcome, Accepted)
    assert "@" not in outcome.reply
    assert "medecin" not in outcome.reply


async def test_a_large_mail_arrives_whole(way: Way) -> None:
    transport, arrived = way
    delivery = a_delivery("abc1")
    mime = a_mime(delivery, (b"." * 76 + b"\r\n") * 100_000)
    assert isinstance(await transport.attempt(delivery, mime), Accepted)
    assert arrived() == [mime]


async def test_closing_twice_is_allowed(way: Way) -> None:
    transport, _ = way
    await transport.close()
    await transport.close()
