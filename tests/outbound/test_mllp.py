"""MLLP out: answers that come, come late, are another's, or are none; and who is let in."""

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import hl7
import pytest
from hl7.mllp import start_hl7_server

from engine.inbound.door import Door
from engine.inbound.mllp_server import MllpServer
from engine.inbound.receive import Receiver as JournalReceiver
from engine.model.channel import Mllp
from engine.model.config import Listener
from engine.model.errors import ConfigError
from engine.model.flow import (
    Accepted,
    Cause,
    Deferred,
    JournalState,
    Outcome,
    Rejected,
    Unknown,
)
from engine.outbound.mllp import MllpTransport
from engine.wire.mllp import frame
from tests.outbound.test_transport import a_message
from tests.support.adt import adt
from tests.support.certs import Certs
from tests.support.deliveries import a_delivery
from tests.support.mllp_peer import Tally
from tests.support.mllp_receiver import Receiver, Script, answer, receiver, says
from tests.support.stores import opened

ENHANCED = "|||AL|AL"


def line(peer: Receiver, **changes: Any) -> MllpTransport:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": peer.port,
        "tls": False,
        "commit_timeout": timedelta(milliseconds=400),
        "answer_timeout": timedelta(milliseconds=400),
    }
    return MllpTransport(Mllp(**(values | changes)))


async def sent(script: Script, acks: str = "|||", **changes: Any) -> Outcome:
    delivery = a_delivery("abc1")
    async with receiver(script) as peer:
        transport = line(peer, **changes)
        try:
            return await transport.attempt(delivery, a_message(delivery, acks=acks))
        finally:
            await transport.close()


@pytest.mark.parametrize(
    ("words", "acks", "outcome"),
    [
        (("AA",), "|||", Accepted("AA")),
        (("AE",), "|||", Rejected(Cause.REFUSED)),
        (("AR",), "|||", Deferred(Cause.BUSY)),
        (("CA", "AA"), ENHANCED, Accepted("AA")),
        (("CA", "AE"), ENHANCED, Rejected(Cause.REFUSED)),
        (("CA", "AR"), ENHANCED, Deferred(Cause.BUSY)),
        (("CE",), ENHANCED, Deferred(Cause.BUSY)),
        (("CR",), ENHANCED, Rejected(Cause.REFUSED)),
        (("CA",), "|||AL|NE", Accepted("CA")),
        (("CA",), ENHANCED, Accepted("CA, and no more")),
        (("XX",), "|||", Unknown()),
        ((), "|||", Unknown()),
    ],
)
async def test_each_answer_has_its_outcome(
    words: tuple[str, ...], acks: str, outcome: Outcome
) -> None:
    assert await sent(says(*words), acks) == outcome


async def test_where_the_site_says_so_the_commit_is_enough() -> None:
    assert await sent(says("CA"), ENHANCED, await_application=False) == Accepted("CA")


def writes(*blocks: Callable[[bytes], bytes], close: bool = False) -> Script:
    async def script(_: Receiver, message: bytes, writer: asyncio.StreamWriter) -> None:
        for block in blocks:
            writer.write(block(message))
        await writer.drain()
        if close:
            writer.close()

    return script


@pytest.mark.parametrize(
    "script",
    [
        writes(lambda m: frame(answer(m, "AA", control_id="other"))),
        writes(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        writes(lambda _: frame(b"\xff\xfe garbage")),
        writes(lambda _: frame(b"MSH|^~\\&|A|B\rMSA|AA\r")),
        writes(lambda m: frame(answer(m, "AA"))[:-2]),  # never ended
        writes(lambda m: frame(answer(m, "AA"))[:-2], close=True),
        writes(close=True),
        writes(lambda _: frame(b"x" * 70_000)),  # longer than we read
        writes(*[lambda m: frame(answer(m, "AA", control_id="other"))] * 40),
    ],
)
async def test_what_is_no_answer_to_our_message_leaves_it_possibly_sent(script: Script) -> None:
    assert await sent(script) == Unknown()


async def test_an_answer_after_those_to_others_is_found() -> None:
    script = writes(
        lambda m: frame(answer(m, "AE", control_id="other")), lambda m: frame(answer(m, "AA"))
    )
    assert await sent(script) == Accepted("AA")


async def test_an_answer_that_drips_does_not_hold_us_beyond_the_timeout() -> None:
    async def drip(_: Receiver, message: bytes, writer: asyncio.StreamWriter) -> None:
        for octet in frame(answer(message, "AA")):
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with asyncio.timeout(3):
        assert await sent(drip) == Unknown()


async def test_a_late_answer_is_never_taken_for_that_of_the_next_message() -> None:
    late: list[Callable[[], Awaitable[None]]] = []

    async def script(_: Receiver, message: bytes, writer: asyncio.StreamWriter) -> None:
        if late:
            await late.pop()()  # what should have come for the first one
            writer.write(frame(answer(message, "AE")))
            await writer.drain()
            return

        async def later() -> None:
            writer.write(frame(answer(message, "AA")))

        late.append(later)

    one, two = a_delivery("abc1"), a_delivery("abc2")
    async with receiver(script) as peer:
        transport = line(peer)
        assert await transport.attempt(one, a_message(one)) == Unknown()
        assert await transport.attempt(two, a_message(two)) == Rejected(Cause.REFUSED)
        assert peer.connections == 2
        await transport.close()


async def test_a_connection_is_kept_for_the_next_message_and_made_anew_when_it_is_gone() -> None:
    async with receiver(says("AA")) as peer:
        transport = line(peer)
        for number in range(3):
            delivery = a_delivery(f"abc{number}")
            assert await transport.attempt(delivery, a_message(delivery)) == Accepted("AA")
        assert peer.connections == 1
        peer.writers[0].transport.abort()
        await asyncio.sleep(0.05)
        delivery = a_delivery("abc9")
        assert await transport.attempt(delivery, a_message(delivery)) == Accepted("AA")
        assert peer.connections == 2
        await transport.close()


async def test_a_connection_that_nobody_needs_any_more_is_closed() -> None:
    async with receiver(says("AA")) as peer:
        transport = MllpTransport(Mllp(host="127.0.0.1", port=peer.port, tls=False), idle=0.05)
        delivery = a_delivery("abc1")
        assert await transport.attempt(delivery, a_message(delivery)) == Accepted("AA")
        async with asyncio.timeout(5):
            await asyncio.wait(peer.serving)  # it has seen the end
        await transport.close()


async def test_a_message_that_is_not_the_deliverys_own_is_refused_and_not_sent() -> None:
    async with receiver(says("AA")) as peer:
        transport = line(peer)
        for message in (
            a_message(a_delivery("abc2")),
            a_message(a_delivery("abc1")) + b"\x1c\r",
            b"\x0b" + a_message(a_delivery("abc1")),
            b"",
        ):
            outcome = await transport.attempt(a_delivery("abc1"), message)
            assert outcome == Rejected(Cause.INTERNAL)
        assert peer.connections == 0


async def test_cut_while_it_waits_for_an_answer_it_says_possibly_sent() -> None:
    arrived = asyncio.Event()

    async def script(_: Receiver, __: bytes, ___: asyncio.StreamWriter) -> None:
        arrived.set()

    delivery = a_delivery("abc1")
    async with receiver(script) as peer:
        transport = line(peer, commit_timeout=timedelta(seconds=30))
        attempt = asyncio.ensure_future(transport.attempt(delivery, a_message(delivery)))
        await arrived.wait()
        attempt.cancel()
        assert await attempt == Unknown()


@pytest.mark.parametrize("mutual", [False, True])
async def test_over_tls_the_right_names_and_certificates_are_let_in(
    certs: Certs, mutual: bool
) -> None:
    delivery = a_delivery("abc1")
    async with receiver(says("AA"), certs.server_context(client_ca=mutual)) as peer:
        client = {"certificate": certs.client, "key": certs.client} if mutual else {}
        transport = line(peer, host="localhost", tls=True, ca_file=certs.ca, **client)
        assert await transport.attempt(delivery, a_message(delivery)) == Accepted("AA")
        await transport.close()


@pytest.mark.parametrize("fault", ["authority", "expired", "name"])
async def test_over_tls_the_wrong_ones_are_a_matter_of_configuration_and_nothing_leaves(
    certs: Certs, fault: str
) -> None:
    chain = {"expired": certs.expired, "name": certs.wrong_name}.get(fault)
    context = certs.server_context(chain)
    delivery = a_delivery("abc1")
    async with receiver(says("AA"), context) as peer:
        ca = certs.other_ca if fault == "authority" else certs.ca
        transport = line(peer, host="localhost", tls=True, ca_file=ca)
        assert await transport.attempt(delivery, a_message(delivery)) == Deferred(Cause.TLS)
        assert peer.messages == []
        await transport.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_without_our_certificate_a_receiver_of_openssl_refuses_and_it_is_told_so(
    certs: Certs,
) -> None:
    server = await asyncio.create_subprocess_exec(
        *("openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-Verify", "1"),
        *("-verify_return_error", "-cert", str(certs.server), "-CAfile", str(certs.ca)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert server.stdout is not None
    try:
        told = b""
        while not (found := re.search(rb"ACCEPT 127\.0\.0\.1:(\d+)", told)):
            told += await asyncio.wait_for(server.stdout.readline(), 10)
        transport = MllpTransport(Mllp(host="localhost", port=int(found[1]), ca_file=certs.ca))
        delivery = a_delivery("abc1")
        assert await transport.attempt(delivery, a_message(delivery)) == Deferred(Cause.TLS)
        await transport.close()
    finally:
        if server.returncode is None:
            server.kill()
        await server.communicate()


async def test_a_peer_in_clear_where_tls_is_demanded_gets_nothing(certs: Certs) -> None:
    delivery = a_delivery("abc1")
    async with receiver(says("AA")) as peer:
        transport = line(
            peer,
            host="localhost",
            tls=True,
            ca_file=certs.ca,
            connect_timeout=timedelta(milliseconds=400),
        )
        outcome = await transport.attempt(delivery, a_message(delivery))
        assert isinstance(outcome, Deferred)
        assert peer.messages == []


def test_certificates_that_cannot_be_read_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        MllpTransport(Mllp(host="dpi", port=1, ca_file=tmp_path / "absent"))


async def test_a_server_of_python_hl7_reads_it_and_its_answer_is_understood() -> None:
    seen: list[hl7.Message] = []

    async def serve(reader: Any, writer: Any) -> None:
        message = await reader.readmessage()
        seen.append(message)
        writer.writemessage(message.create_ack("AA", application="DPI", facility="CH"))
        await writer.drain()
        writer.close()

    server = await start_hl7_server(serve, host="127.0.0.1", port=0, encoding="utf-8")
    async with server:
        port = server.sockets[0].getsockname()[1]
        transport = MllpTransport(Mllp(host="127.0.0.1", port=port, tls=False))
        delivery = a_delivery("abc1")
        assert await transport.attempt(delivery, a_message(delivery)) == Accepted("AA")
        await transport.close()
    assert str(seen[0]["MSH.F10"]) == "abc1"


async def test_our_own_listener_journals_it_once_however_often_it_comes(tmp_path: Path) -> None:
    delivery, tally = a_delivery("abc1"), Tally()
    with opened(tmp_path) as store:
        server = MllpServer(
            Listener(name="dpi", port=0, mapping="pam-fr"),
            Door("dpi"),
            JournalReceiver(store, tally, software="DPI"),
            tally,
        )
        await server.start()
        for _ in range(2):
            transport = MllpTransport(Mllp(host="127.0.0.1", port=server.port, tls=False))
            message = adt(number=delivery.id)
            assert await transport.attempt(delivery, message) == Accepted("AA")
            await transport.close()
        await server.drain(timedelta(seconds=5))
        rows = store.read_sync(lambda tx: tx.journal.listing())
    assert [one.state for one in rows] == [JournalState.RECEIVED]
