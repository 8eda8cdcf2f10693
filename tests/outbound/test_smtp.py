import asyncio
import socket
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from engine.model.channel import Smtp
from engine.model.errors import ConfigError
from engine.model.flow import Accepted, Cause, Deferred, Outcome, Rejected, Unknown
from engine.model.secret import SecretRef
from engine.outbound.smtp import SmtpTransport
from tests.support.certs import Certs
from tests.support.deliveries import a_delivery, a_mime
from tests.support.smtp_peer import DROP, GOOD, SILENCE, Act, Peer, Reply, in_a_thread

PATIENCE = timedelta(seconds=0.25)
GENEROUS = timedelta(seconds=20)


def settings(peer: Peer | None, certs: Certs, **changes: Any) -> Smtp:
    values: dict[str, Any] = {
        "host": "localhost",
        "port": peer.port if peer else 1,
        "security": "tls" if peer and peer.implicit else "starttls",
        "ca_file": certs.ca,
        "timeout": GENEROUS,
        "data_timeout": GENEROUS,
    }
    return Smtp(**(values | changes))


async def attempt(smtp: Smtp, password: SecretStr | None = None) -> Outcome:
    transport = SmtpTransport(smtp, password)
    delivery = a_delivery()
    try:
        return await transport.attempt(delivery, a_mime(delivery))
    finally:
        await transport.close()


def peer_with(certs: Certs, script: dict[str, list[Act]], **changes: Any) -> Peer:
    return Peer(script, tls=changes.pop("tls", None) or certs.server_context(), **changes)


REPLIES: list[tuple[str, str, Outcome]] = [
    ("greeting", "421 later", Deferred(Cause.GREETING, 421)),
    ("greeting", "554 no", Deferred(Cause.GREETING, 554)),
    ("ehlo", "421 4.3.2 later", Deferred(Cause.GREETING, 421, "4.3.2")),
    ("ehlo", "550 no", Deferred(Cause.GREETING, 550)),
    ("starttls", "454 4.7.0 no", Deferred(Cause.TLS, 454, "4.7.0")),
    ("starttls", "501 no", Deferred(Cause.TLS, 501)),
    ("starttls", "421 no", Deferred(Cause.TLS, 421)),
    ("ehlo-secured", "421 4.7.1 certificate", Deferred(Cause.AUTH, 421, "4.7.1")),
    ("ehlo-secured", "554 5.7.1 certificate", Deferred(Cause.AUTH, 554, "5.7.1")),
    ("auth", "454 4.7.0 later", Deferred(Cause.AUTH, 454, "4.7.0")),
    ("auth", "535 5.7.8 bad", Deferred(Cause.AUTH, 535, "5.7.8")),
    ("auth", "421 bye", Deferred(Cause.AUTH, 421)),
    ("mail", "451 4.3.0 later", Deferred(Cause.BUSY, 451, "4.3.0")),
    ("mail", "421 bye", Deferred(Cause.BUSY, 421)),
    ("mail", "550 5.7.1 no", Rejected(Cause.REFUSED, 550, "5.7.1")),
    ("mail", "552 5.3.4 big", Rejected(Cause.SIZE, 552, "5.3.4")),
    ("rcpt", "451 4.7.1 grey", Deferred(Cause.BUSY, 451, "4.7.1")),
    ("rcpt", "421 bye", Deferred(Cause.BUSY, 421)),
    ("rcpt", "550 5.1.1 no", Rejected(Cause.MAILBOX, 550, "5.1.1")),
    ("data", "451 later", Deferred(Cause.BUSY, 451)),
    ("data", "421 bye", Deferred(Cause.BUSY, 421)),
    ("data", "554 no", Rejected(Cause.REFUSED, 554)),
    ("data", "250 what", Deferred(Cause.REFUSED, 250)),
    ("body", "452 4.3.1 full", Deferred(Cause.BUSY, 452, "4.3.1")),
    ("body", "552 5.3.4 big", Rejected(Cause.SIZE, 552, "5.3.4")),
    ("final-dot", "451 later", Deferred(Cause.BUSY, 451)),
    ("final-dot", "421 bye", Deferred(Cause.BUSY, 421)),
    ("final-dot", "554 5.7.1 no", Rejected(Cause.REFUSED, 554, "5.7.1")),
    ("final-dot", "552 5.3.4 big", Rejected(Cause.SIZE, 552, "5.3.4")),
    ("final-dot", "rubbish", Unknown()),
    ("quit", "500 what", Accepted("250 2.0.0 queued as 4XyZ12abc")),
]


@pytest.mark.parametrize(("verb", "text", "expected"), REPLIES)
async def test_every_refusal_has_its_outcome(
    certs: Certs, verb: str, text: str, expected: Outcome
) -> None:
    async with peer_with(certs, {verb: [Reply(text)]}) as peer:
        smtp = settings(peer, certs, username="relais")
        assert await attempt(smtp, SecretStr("x")) == expected


SILENT = {
    "greeting": Deferred(Cause.GREETING),
    "ehlo": Deferred(Cause.GREETING),
    "starttls": Deferred(Cause.TLS),
    "ehlo-secured": Deferred(Cause.GREETING),
    "auth": Deferred(Cause.DROPPED),
    "mail": Deferred(Cause.DROPPED),
    "rcpt": Deferred(Cause.DROPPED),
    "data": Deferred(Cause.DROPPED),
    "final-dot": Unknown(),
    "quit": Accepted("250 2.0.0 queued as 4XyZ12abc"),
}


@pytest.mark.parametrize("act", [SILENCE, DROP], ids=["silence", "drop"])
@pytest.mark.parametrize("verb", list(SILENT))
async def test_every_silence_and_every_drop_has_its_outcome(
    certs: Certs, verb: str, act: Act
) -> None:
    # The wait that is cut short is the one under test; the others must not be.
    short = {"data_timeout" if verb == "final-dot" else "timeout": PATIENCE}
    async with peer_with(certs, {verb: [act]}) as peer:
        smtp = settings(peer, certs, username="relais", **(short if act is SILENCE else {}))
        assert await attempt(smtp, SecretStr("x")) == SILENT[verb]


async def test_a_drop_in_the_middle_of_the_body_is_deferred_since_no_final_dot_left(
    certs: Certs,
) -> None:
    async with peer_with(certs, {"body": [DROP]}) as peer:
        transport = SmtpTransport(settings(peer, certs))
        delivery = a_delivery()
        mime = a_mime(delivery, (b"x" * 70 + b"\r\n") * 250_000)
        assert await transport.attempt(delivery, mime) == Deferred(Cause.DROPPED)
        await transport.close()
        assert not peer.mails


async def test_a_peer_that_stops_reading_the_body_is_deferred(certs: Certs) -> None:
    async with peer_with(certs, {"body": [SILENCE]}) as peer:
        transport = SmtpTransport(settings(peer, certs, timeout=PATIENCE))
        delivery = a_delivery()
        mime = a_mime(delivery, (b"x" * 70 + b"\r\n") * 250_000)
        assert await transport.attempt(delivery, mime) == Deferred(Cause.DROPPED)
        await transport.close()


async def test_a_mail_arrives_byte_for_byte_with_its_envelope(certs: Certs) -> None:
    async with peer_with(certs, {}) as peer:
        delivery = a_delivery()
        outcome = await attempt(settings(peer, certs))
        assert outcome == Accepted("250 2.0.0 queued as 4XyZ12abc")
        (mail,) = peer.mails
        assert mail.body == a_mime(delivery)
        assert "ENVID=d1" in mail.mail_line
        assert "RET=HDRS" in mail.mail_line
        assert "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;cabinet@medecin.example" in mail.rcpt_line


async def test_nothing_listens_is_connect(certs: Certs) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can take the port
        smtp = settings(None, certs, port=taken.getsockname()[1], host="127.0.0.1")
        assert await attempt(smtp) == Deferred(Cause.CONNECT)


async def test_an_unknown_host_is_connect(certs: Certs) -> None:
    smtp = settings(None, certs, host="relais.invalid", timeout=timedelta(seconds=5))
    assert await attempt(smtp) == Deferred(Cause.CONNECT)


async def test_a_relay_without_starttls_never_hears_of_the_mail(certs: Certs) -> None:
    async with Peer({}, offer_starttls=False) as peer:
        smtp = settings(peer, certs, username="relais")
        assert await attempt(smtp, SecretStr("secret")) == Deferred(Cause.TLS)
        assert [line.split()[0] for line in peer.commands] == ["EHLO"]


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
@pytest.mark.parametrize("fault", ["wrong-ca", "expired", "wrong-name"])
async def test_a_certificate_that_does_not_hold_is_tls(
    certs: Certs, fault: str, implicit: bool
) -> None:
    chain = {"expired": certs.expired, "wrong-name": certs.wrong_name}.get(fault)
    async with peer_with(certs, {}, tls=certs.server_context(chain), implicit=implicit) as peer:
        changes = {"ca_file": certs.other_ca} if fault == "wrong-ca" else {}
        with structlog.testing.capture_logs() as logs:
            assert await attempt(settings(peer, certs, **changes)) == Deferred(Cause.TLS)
        assert [line["event"] for line in logs] == ["smtp-tls-failed"]
        assert not any(line.startswith("MAIL") for line in peer.commands)


async def test_implicit_tls_carries_a_mail(certs: Certs) -> None:
    async with peer_with(certs, {}, implicit=True) as peer:
        assert isinstance(await attempt(settings(peer, certs)), Accepted)


async def test_tls_older_than_1_2_is_refused(certs: Certs) -> None:
    context = SmtpTransport(settings(None, certs))._context
    assert context.minimum_version.name == "TLSv1_2"
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
async def test_our_client_certificate_is_shown_to_a_relay_that_wants_one(
    certs: Certs, implicit: bool
) -> None:
    tls = certs.server_context(client_ca=True)
    async with peer_with(certs, {}, tls=tls, implicit=implicit) as peer:
        smtp = settings(peer, certs, certificate=certs.client, key=certs.client)
        assert isinstance(await attempt(smtp), Accepted)
    async with peer_with(certs, {}, tls=tls, implicit=implicit) as peer:
        outcome = await attempt(settings(peer, certs))
        assert isinstance(outcome, Deferred)
        assert outcome.cause in {Cause.TLS, Cause.GREETING, Cause.CONNECT}
        assert not peer.mails


async def test_the_login_is_sent_once_and_never_logged(certs: Certs) -> None:
    script: dict[str, list[Act]] = {"auth": [Reply("535 5.7.8 no")]}
    async with peer_with(certs, script) as peer:
        smtp = settings(
            peer, certs, username="relais", password=SecretRef(source="file", name="/x")
        )
        with structlog.testing.capture_logs() as logs:
            outcome = await attempt(smtp, SecretStr("motdepasse"))
        assert outcome == Deferred(Cause.AUTH, 535, "5.7.8")
        assert sum(line.startswith("AUTH") for line in peer.commands) == 1
        assert "motdepasse" not in repr(logs)


async def test_a_relay_without_a_known_login_method_is_auth(certs: Certs) -> None:
    async with peer_with(certs, {}, extensions=("AUTH GSSAPI",)) as peer:
        smtp = settings(peer, certs, username="relais")
        assert await attempt(smtp, SecretStr("x")) == Deferred(Cause.AUTH)


async def test_connections_are_reused_and_survive_a_refused_recipient(certs: Certs) -> None:
    script: dict[str, list[Act]] = {"rcpt": [GOOD, Reply("550 5.1.1 no"), GOOD]}
    async with peer_with(certs, script) as peer:
        transport = SmtpTransport(settings(peer, certs))
        outcomes = []
        for number in range(3):
            delivery = a_delivery(f"d{number}")
            outcomes.append(await transport.attempt(delivery, a_mime(delivery)))
        await transport.close()
        assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Accepted]
        assert peer.connections == 1
        assert peer.commands.count("RSET") == 1


@pytest.mark.parametrize("act", [DROP, Reply("421 4.4.2 timeout")], ids=["drop", "421"])
async def test_a_waiting_connection_that_the_relay_closed_costs_no_attempt(
    certs: Certs, act: Act
) -> None:
    async with peer_with(certs, {"mail": [GOOD, act, GOOD]}) as peer:
        transport = SmtpTransport(settings(peer, certs))
        for number in range(2):
            delivery = a_delivery(f"d{number}")
            assert isinstance(await transport.attempt(delivery, a_mime(delivery)), Accepted)
        await transport.close()
        assert peer.connections == 2
        assert len(peer.mails) == 2


async def test_after_a_silence_the_connection_is_never_used_again(certs: Certs) -> None:
    async with peer_with(certs, {"rcpt": [SILENCE, GOOD]}) as peer:
        transport = SmtpTransport(settings(peer, certs, timeout=PATIENCE))
        delivery = a_delivery()
        assert await transport.attempt(delivery, a_mime(delivery)) == Deferred(Cause.DROPPED)
        assert isinstance(await transport.attempt(delivery, a_mime(delivery)), Accepted)
        await transport.close()
        assert peer.connections == 2


async def test_no_more_connections_are_opened_than_allowed(certs: Certs) -> None:
    async with peer_with(certs, {}) as peer:
        transport = SmtpTransport(settings(peer, certs, connections=2))
        wanted = [a_delivery(f"d{number}") for number in range(8)]
        outcomes = await asyncio.gather(*(transport.attempt(d, a_mime(d)) for d in wanted))
        await transport.close()
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert peer.connections <= 2
        assert len(peer.mails) == 8


async def test_a_connection_that_waits_too_long_says_quit(certs: Certs) -> None:
    async with peer_with(certs, {}) as peer:
        transport = SmtpTransport(settings(peer, certs), idle=0.01)
        delivery = a_delivery()
        await transport.attempt(delivery, a_mime(delivery))
        async with asyncio.timeout(5):
            await peer.quit_heard.wait()
        await transport.close()


async def test_cut_after_the_final_dot_is_possibly_sent(certs: Certs) -> None:
    async with peer_with(certs, {"final-dot": [SILENCE]}) as peer:
        transport = SmtpTransport(settings(peer, certs))
        delivery = a_delivery()
        task = asyncio.create_task(transport.attempt(delivery, a_mime(delivery)))
        await peer.final_dot_seen.wait()
        task.cancel()
        assert await task == Unknown()
        await transport.close()


async def test_cut_before_the_final_dot_is_a_plain_cancellation(certs: Certs) -> None:
    async with peer_with(certs, {"rcpt": [SILENCE]}) as peer:
        transport = SmtpTransport(settings(peer, certs))
        delivery = a_delivery()
        task = asyncio.create_task(transport.attempt(delivery, a_mime(delivery)))
        await peer.silences.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await transport.close()


async def test_a_mail_that_is_too_large_for_the_relay_is_never_begun(certs: Certs) -> None:
    async with peer_with(certs, {}, extensions=("SIZE 100",)) as peer:
        delivery = a_delivery()
        transport = SmtpTransport(settings(peer, certs))
        outcome = await transport.attempt(delivery, a_mime(delivery, b"x" * 100))
        assert outcome == Rejected(Cause.SIZE, None, "5.3.4")
        await transport.close()
        assert not any(line.startswith("MAIL") for line in peer.commands)


async def test_a_9_mb_mail_arrives_and_never_stalls_the_loop_for_20_ms(certs: Certs) -> None:
    async with in_a_thread(peer_with(certs, {})) as peer:
        transport = SmtpTransport(settings(peer, certs))
        small, large = a_delivery("d0"), a_delivery("d1")
        await transport.attempt(small, a_mime(small))  # the handshake is not what is measured
        mime = a_mime(large, (b"q" * 76 + b"\r\n") * 115_000)
        assert len(mime) > 8_900_000
        stalls: list[float] = []

        async def watch() -> None:
            last = time.thread_time()
            while True:
                await asyncio.sleep(0)
                now = time.thread_time()  # of this thread: other processes do not count
                stalls.append(now - last)
                last = now

        watcher = asyncio.create_task(watch())
        outcome = await transport.attempt(large, mime)
        watcher.cancel()
        await transport.close()
        assert isinstance(outcome, Accepted)
        assert peer.mails[1].body == mime
        assert max(stalls) < 0.020


async def test_a_fault_of_ours_gives_an_outcome_and_names_nobody(
    certs: Certs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("cabinet@medecin.example")

    monkeypatch.setattr("engine.outbound.smtp.envelope", broken)
    async with peer_with(certs, {}) as peer:
        with structlog.testing.capture_logs() as logs:
            assert await attempt(settings(peer, certs)) == Deferred(Cause.INTERNAL)
        assert "medecin" not in repr(logs)


def test_unreadable_certificates_are_said_with_their_cure(certs: Certs, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="certificates") as caught:
        SmtpTransport(settings(None, certs, ca_file=tmp_path / "absent.pem"))
    assert caught.value.remedy
    (tmp_path / "empty.pem").write_text("rien")
    with pytest.raises(ConfigError):
        SmtpTransport(settings(None, certs, certificate=tmp_path / "empty.pem"))


async def test_an_address_that_cannot_be_said_is_rejected(certs: Certs) -> None:
    async with peer_with(certs, {}) as peer:
        transport = SmtpTransport(settings(peer, certs))
        delivery = replace(a_delivery(), address="a@b> NOTIFY=NEVER <c@d")
        assert await transport.attempt(delivery, b"\r\n") == Rejected(Cause.MAILBOX, None, "5.1.3")
        await transport.close()
