"""The contract that every transport keeps: each of the five passes every test of this file."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from engine.model.channel import Command, Mllp, PrintQueue
from engine.model.flow import Accepted, Cause, Deferred, Delivery, Rejected, Unknown
from engine.outbound.command import CommandTransport
from engine.outbound.folder import FolderTransport
from engine.outbound.mllp import MllpTransport
from engine.outbound.print_queue import MANIFEST, PrintQueueTransport, manifest_ids
from engine.outbound.smtp import SmtpTransport
from engine.outbound.transport import Transport
from tests.outbound.test_smtp import peer_with, settings
from tests.support.certs import Certs
from tests.support.deliveries import a_delivery, a_mime
from tests.support.mllp_receiver import receiver, says

KINDS = ("smtp", "folder", "command", "print", "mllp")


@dataclass
class Way:
    """A transport, what is given to it, and what came out at its other end."""

    kind: str
    transport: Transport
    arrived: Callable[[], list[bytes]]
    again: Callable[[], Transport]  # another one for the same way, as after a restart

    def letter(self, delivery: Delivery, size: int = 0) -> bytes:
        """What lies in the outbox for this delivery."""
        if self.kind == "mllp":
            return a_message(delivery, size)
        if self.kind == "print":
            return a_paper_mail(delivery, size)
        body = (b"." * 76 + b"\r\n") * (size // 78) if size else b"Bonjour\r\n.\r\n..points\r\n"
        return a_mime(delivery, body)

    def content(self, letter: bytes) -> bytes:
        """What of it arrives."""
        if self.kind != "print":
            return letter
        return base64.b64decode(letter.partition(b"base64\r\n\r\n")[2].partition(b"\r\n--")[0])

    def copies(self) -> set[bytes]:
        """What arrived, as its receiver counts it: known again by its number, or its name."""
        return set(self.arrived())


def a_message(delivery: Delivery, size: int = 0, *, acks: str = "|||") -> bytes:
    """An HL7 message with the delivery's number."""
    head = f"MSH|^~\\&|RELAIS|CH|DPI|CH|20260302080000||MDM^T02^MDM_T02|{delivery.id}|P|2.6{acks}"
    return head.encode() + b"\rOBX|1|ED|||^text^XML^Base64^" + b"A" * size + b"\r"


def a_paper_mail(delivery: Delivery, size: int = 0) -> bytes:
    """A mail as format "paper" makes it, around a PDF of two pages."""
    pdf = b"%PDF-1.4\n1 0 obj<</Type /Page>>endobj\n2 0 obj<</Type/Page/Parent 3 0 R>>endobj\n"
    pdf += b"3 0 obj<</Type /Pages /Count 2>>endobj\n" + b"%" * size
    part = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    part += base64.b64encode(pdf)
    head = b'Content-Type: multipart/mixed; boundary="b"\r\nMessage-ID: '
    return head + delivery.message_id.encode() + b"\r\n\r\n--b\r\n" + part + b"\r\n--b--\r\n"


def script(folder: Path, text: str) -> str:
    """A program of /bin/sh."""
    path = folder / "connector"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


@pytest.fixture(params=KINDS)
async def way(request: pytest.FixtureRequest, certs: Certs, tmp_path: Path) -> AsyncIterator[Way]:
    kind, out = request.param, tmp_path / "out"
    out.mkdir()

    def files(pattern: str) -> Callable[[], list[bytes]]:
        return lambda: [one.read_bytes() for one in sorted(out.glob(pattern))]

    match kind:
        case "smtp":
            async with peer_with(certs, {}) as peer:
                made = lambda: SmtpTransport(settings(peer, certs))  # noqa: E731
                transport = made()
                yield Way(kind, transport, lambda: [mail.body for mail in peer.mails], made)
                await transport.close()
        case "mllp":
            async with receiver(says("AA")) as peer_:
                address = Mllp(host="127.0.0.1", port=peer_.port, tls=False)
                one = MllpTransport(address)
                yield Way(kind, one, lambda: peer_.messages, lambda: MllpTransport(address))
                await one.close()
        case "folder":
            yield Way(kind, FolderTransport(out), files("*.eml"), lambda: FolderTransport(out))
        case "print":
            queue = PrintQueue(path=out)
            yield Way(
                kind, PrintQueueTransport(queue), files("*.pdf"), lambda: PrintQueueTransport(queue)
            )
        case _:
            program = script(tmp_path, f'cat >"{out}/.$1" && mv "{out}/.$1" "{out}/$1"')
            command = Command(argv=(program, "{id}"))
            yield Way(
                kind, CommandTransport(command), files("*"), lambda: CommandTransport(command)
            )


async def test_an_accepted_letter_is_there_byte_for_byte(way: Way) -> None:
    delivery = a_delivery("abc1")
    letter = way.letter(delivery)
    assert isinstance(await way.transport.attempt(delivery, letter), Accepted)
    assert way.arrived() == [way.content(letter)]


async def test_the_answer_that_is_kept_names_nobody(way: Way) -> None:
    delivery = a_delivery("abc1")
    outcome = await way.transport.attempt(delivery, way.letter(delivery))
    assert isinstance(outcome, Accepted)
    assert "@" not in outcome.reply
    assert "medecin" not in outcome.reply


async def test_a_large_letter_arrives_whole(way: Way) -> None:
    delivery = a_delivery("abc1")
    letter = way.letter(delivery, 7_800_000)
    assert isinstance(await way.transport.attempt(delivery, letter), Accepted)
    assert way.arrived() == [way.content(letter)]


async def test_a_second_try_after_a_crash_makes_no_second_logical_copy(way: Way) -> None:
    delivery = a_delivery("abc1")
    letter = way.letter(delivery)
    await way.transport.attempt(delivery, letter)
    restarted = way.again()
    assert isinstance(await restarted.attempt(delivery, letter), Accepted)
    assert way.copies() == {way.content(letter)}  # the same number, or the same name, each time
    await restarted.close()


async def test_several_letters_at_once_all_arrive_each_as_itself(way: Way) -> None:
    deliveries = [a_delivery(f"abc{n}") for n in range(8)]
    letters = [way.letter(one, 78 * n) for n, one in enumerate(deliveries)]
    outcomes = await asyncio.gather(
        *(way.transport.attempt(*pair) for pair in zip(deliveries, letters, strict=True))
    )
    assert all(isinstance(one, Accepted) for one in outcomes)
    assert sorted(way.arrived()) == sorted(way.content(one) for one in letters)


async def test_a_cut_attempt_either_says_that_it_may_have_left_or_leaves_the_next_one_whole(
    way: Way,
) -> None:
    delivery = a_delivery("abc1")
    letter = way.letter(delivery, 780_000)
    attempt = asyncio.ensure_future(way.transport.attempt(delivery, letter))
    await asyncio.sleep(0)
    attempt.cancel()
    (outcome,) = await asyncio.gather(attempt, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError | Unknown | Accepted)
    assert isinstance(await way.transport.attempt(delivery, letter), Accepted)
    assert way.copies() == {way.content(letter)}


async def test_closing_twice_is_allowed(way: Way) -> None:
    await way.transport.close()
    await way.transport.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_is_not_there_defers_with_its_cause(
    kind: str, certs: Certs, tmp_path: Path, unused_tcp_port: int
) -> None:
    absent = tmp_path / "absent"
    delivery = a_delivery("abc1")
    ways: dict[str, tuple[Transport, Cause]] = {
        "folder": (FolderTransport(absent), Cause.FOLDER),
        "print": (PrintQueueTransport(PrintQueue(path=absent)), Cause.FOLDER),
        "command": (CommandTransport(Command(argv=(str(absent),))), Cause.COMMAND),
        "mllp": (
            MllpTransport(Mllp(host="127.0.0.1", port=unused_tcp_port, tls=False)),
            Cause.CONNECT,
        ),
    }
    if kind == "smtp":
        async with peer_with(certs, {}) as peer:
            transport: Transport = SmtpTransport(settings(peer, certs))
        cause = Cause.CONNECT
    else:
        transport, cause = ways[kind]
    letter = Way(kind, transport, list, lambda: transport).letter(delivery)
    assert await transport.attempt(delivery, letter) == Deferred(cause)
    assert not absent.exists()


@pytest.mark.parametrize("kind", ["command", "mllp"])
async def test_silence_is_possibly_sent_and_never_longer_than_the_timeout(
    kind: str, tmp_path: Path
) -> None:
    delivery, short = a_delivery("abc1"), timedelta(milliseconds=300)
    if kind == "command":
        hung = CommandTransport(Command(argv=(script(tmp_path, "sleep 60"),), timeout=short))
        assert await hung.attempt(delivery, a_mime(delivery)) == Unknown()
        return
    async with receiver(says()) as peer:
        line = Mllp(host="127.0.0.1", port=peer.port, tls=False, commit_timeout=short)
        transport = MllpTransport(line)
        assert await transport.attempt(delivery, a_message(delivery)) == Unknown()
        await transport.close()


@pytest.mark.parametrize("way", ["print", "mllp"], indirect=True)
async def test_what_cannot_be_a_letter_of_this_way_is_refused_and_nothing_leaves(
    way: Way,
) -> None:
    outcome = await way.transport.attempt(a_delivery("abc1"), b"Bonjour")
    assert outcome == Rejected(Cause.INTERNAL)
    assert way.arrived() == []


async def test_the_manifest_has_one_line_a_letter_and_names_nobody(tmp_path: Path) -> None:
    transport, delivery = PrintQueueTransport(PrintQueue(path=tmp_path)), a_delivery("abc1")
    for _ in range(3):
        await transport.attempt(delivery, a_paper_mail(delivery))
    text = (tmp_path / MANIFEST).read_text()
    assert len(text.splitlines()) == 1
    assert "@" not in text
    assert manifest_ids(tmp_path) == {"abc1"}
