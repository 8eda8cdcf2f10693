"""Bar 3, the way out: each fault, for each kind of letter, ends in the stated state; nothing is
lost, and whatever arrives, however often, is one letter."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from engine.model.flow import DeliveryState
from engine.model.letter import LetterKind
from engine.model.task import TaskKind
from engine.outbound.smtp import SmtpTransport
from tests.outbound.test_smtp import PATIENCE, settings
from tests.outbound.test_worker import NOW, Bench, bench
from tests.support.certs import Certs
from tests.support.deliveries import a_delivery, a_mime
from tests.support.smtp_peer import DROP, GOOD, SILENCE, Act, Peer, Reply

__all__ = ["bench"]

RELAYED, REJECTED, EXPIRED = DeliveryState.RELAYED, DeliveryState.REJECTED, DeliveryState.EXPIRED
FAILED, UNCERTAIN = (TaskKind.DELIVERY_FAILED,), (TaskKind.DELIVERY_UNCERTAIN,)
DAY = timedelta(days=1)
SHORT = {"timeout": PATIENCE, "data_timeout": PATIENCE}
LARGE = (b"x" * 70 + b"\r\n") * 250_000  # more than the buffers of both ends hold


@dataclass(frozen=True)
class Fault:
    """What the peer does; where the letter ends, who is asked, how often it arrived whole."""

    script: dict[str, list[Act]] = field(default_factory=dict)
    ends: DeliveryState = RELAYED
    asked: tuple[TaskKind, ...] = ()
    whole: int = 1
    attempts: int = 2  # the first one meets the fault; a day passes before the last
    peer: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    chain: str = "server"
    body: bytes | None = None


def once(verb: str, *acts: Act, **changes: Any) -> Fault:
    return Fault({verb: [*acts, GOOD]}, **changes)


def for_ever(verb: str, act: Act, **changes: Any) -> Fault:
    told: dict[str, Any] = {"ends": EXPIRED, "asked": FAILED, "whole": 0}
    return Fault({verb: [act]}, **(told | changes))


def refused(verb: str, text: str, **changes: Any) -> Fault:
    told: dict[str, Any] = {"ends": REJECTED, "asked": FAILED, "whole": 0, "attempts": 1}
    return Fault({verb: [Reply(text)]}, **(told | changes))


FAULTS = {
    "none": Fault(attempts=1),
    "4xx for the sender": once("mail", Reply("451 4.3.0 later")),
    "greylisting": once("rcpt", Reply("451 4.7.1 greylisted, try again in 300 seconds")),
    "the box is full for now": once("rcpt", Reply("452 4.2.2 mailbox full")),
    "4xx after the final dot": once("final-dot", Reply("451 4.3.2 later"), whole=2),
    "421 in the middle": once("data", Reply("421 4.3.2 shutting down")),
    "cut before the body": once("data", DROP),
    "cut before the final dot": once("body", DROP, body=LARGE),
    "cut after the final dot": once("final-dot", DROP, whole=2),
    "silence after the final dot": once("final-dot", SILENCE, whole=2, ours=SHORT),
    "an answer that is none": once("final-dot", Reply("rubbish"), whole=2),
    "a peer slow to greet": once("greeting", SILENCE, ours=SHORT),
    "a peer slow in the middle": once("rcpt", SILENCE, ours=SHORT),
    "slow for ever after the final dot": for_ever(
        "final-dot", SILENCE, asked=UNCERTAIN, whole=2, ours=SHORT
    ),
    "greylisting for ever": for_ever("rcpt", Reply("451 4.7.1 greylisted")),
    "TLS expired": for_ever("quit", GOOD, chain="expired"),
    "a certificate of another name": for_ever("quit", GOOD, chain="wrong_name"),
    "a certificate of another authority": for_ever("quit", GOOD, ours={"ca_file": "other"}),
    "no TLS at all": for_ever("quit", GOOD, peer={"offer_starttls": False}),
    "our certificate is refused": for_ever("ehlo-secured", Reply("554 5.7.1 certificate")),
    "nobody listens": for_ever("quit", GOOD, ours={"port": 0}),
    "5xx: no such mailbox": refused("rcpt", "550 5.1.1 no such user"),
    "5xx: the box is full for good": refused("rcpt", "552 5.2.2 over quota"),
    "5xx: refused after the final dot": refused("final-dot", "554 5.7.1 policy", whole=1),
    "oversized, as the peer announced": refused(
        "quit", "221 bye", peer={"extensions": ("SIZE 100", "DSN")}
    ),
    "oversized, after the final dot": refused("final-dot", "552 5.3.4 too big", whole=1),
}
LETTERS: Sequence[tuple[LetterKind, int]] = (
    (LetterKind.ARRIVAL_NOTICE, 40),
    (LetterKind.EXIT_NOTICE, 400),
    (LetterKind.EXIT_LETTER, 4000),
)


@pytest.mark.parametrize(("kind", "lines"), LETTERS, ids=str)
@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_on_the_way_out_ends_in_the_stated_state(
    bench: Bench, certs: Certs, name: str, kind: LetterKind, lines: int
) -> None:
    fault = FAULTS[name]
    delivery = a_delivery("d1", letter_kind=kind)
    mime = a_mime(delivery, fault.body or b"Une ligne de la lettre.\r\n" * lines)
    chain = getattr(certs, fault.chain)
    ours = dict(fault.ours)
    if "ca_file" in ours:
        ours["ca_file"] = certs.other_ca
    await bench.store.write(lambda tx: tx.outbox.add(delivery, mime, {}))
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can take the port
        if "port" in ours:
            ours |= {"port": unheard.getsockname()[1], "host": "127.0.0.1"}
        async with Peer(fault.script, tls=certs.server_context(chain), **fault.peer) as peer:
            transport = SmtpTransport(settings(peer, certs, **ours))
            for last in [False, True][-fault.attempts :]:
                bench.clock = NOW + DAY if last and fault.attempts > 1 else NOW
                assert await bench.worker(transport).run_due() == 1
            await transport.close()
    row = await bench.row()
    assert row.state is fault.ends
    assert row.attempts == fault.attempts
    assert await bench.tasks() == list(fault.asked)
    # However often it arrived, it is one letter: the same bytes, hence the same Message-ID.
    assert [mail.body for mail in peer.whole] == [mime] * fault.whole
    assert len(peer.mails) == (1 if fault.ends is RELAYED else 0)
    # Nothing is lost: the mail is kept, and each attempt has its end.
    assert await bench.store.read(lambda tx: tx.outbox.mime("d1")) == mime
    tried = await bench.store.read(lambda tx: tx.outbox.attempts("d1"))
    assert all(one.closed_at is not None for one in tried)
