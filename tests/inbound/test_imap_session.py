"""The IMAP session against servers that misbehave. The well-behaved one is in test_returns."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from engine.decide.ladder import Watch
from engine.inbound import imap_session
from engine.inbound.imap_session import Fault, ImapError, ImapSession, client_context
from engine.inbound.returns import ReturnsReader
from engine.model.config import Proof, Returns
from engine.store.sqlite import SqliteStore
from tests.support.certs import Certs, make_certs

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certs:
    return make_certs(tmp_path_factory.mktemp("certs"))


@asynccontextmanager
async def serving(certs: Certs, peer: Peer, **changes: Any) -> AsyncIterator[Returns]:
    """A server on loopback; give the settings that lead to it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await peer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client let go
        finally:
            writer.close()

    tls = changes.pop("tls", None) or certs.server_context()
    tls = None if changes.get("security") == "starttls" else tls
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    values: dict[str, Any] = {
        "host": "localhost",
        "port": server.sockets[0].getsockname()[1],
        "ca_file": certs.ca,
        "username": "usmp",
        "channels": ("mss",),
        "timeout": timedelta(seconds=2),
    }
    try:
        yield Returns(**(values | changes))
    finally:
        server.close()


def script(*answers: tuple[str, bytes], login: bool = True) -> Peer:
    """Answer each command by its first matching word; `%` stands for its tag."""
    known = dict(answers)
    if login:
        known = {
            "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n% OK\r\n",
            "LOGIN": b"% OK\r\n",
        } | known

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(known.get("", b"* OK hello\r\n"))
        while line := await reader.readline():
            tag, _, words = line.partition(b" ")
            verb = " ".join(words.decode().split()[: 2 if words.startswith(b"UID") else 1])
            answer = known.get(verb)
            if answer is None:
                return
            writer.write(answer.replace(b"%", tag))
            await writer.drain()

    return peer


async def opened(settings: Returns) -> ImapSession:
    return await ImapSession.open(settings, client_context(settings), SecretStr("secret"))


async def fault_of(certs: Certs, peer: Peer, act: Any = None, **changes: Any) -> Fault:
    async def use(settings: Returns) -> None:
        session = await opened(settings)
        try:
            await (act(session) if act else session.select())
        finally:
            session.drop()

    async with serving(certs, peer, **changes) as settings:
        with pytest.raises(ImapError) as caught:
            await use(settings)
        return caught.value.fault


SELECTED = b"* OK [UIDVALIDITY 7] \r\n* OK [PERMANENTFLAGS (\\Seen \\*)] \r\n% OK\r\n"


async def test_what_a_folder_says_of_itself(certs: Certs) -> None:
    for answer, writable, own in (
        (SELECTED, True, True),
        (SELECTED.replace(rb" \*", b""), True, False),
        (SELECTED.replace(b"% OK", b"% OK [READ-ONLY]"), False, True),
    ):
        async with serving(certs, script(("SELECT", answer))) as settings:
            session = await opened(settings)
            folder = await session.select()
            session.drop()
            assert (folder.validity, folder.writable, folder.own_flags) == (7, writable, own)


@pytest.mark.parametrize(
    ("peer", "fault"),
    [
        (script(("", b"* BYE full\r\n")), Fault.CONNECT),
        (script(("", b"220 smtp.example ESMTP\r\n")), Fault.CONNECT),
        (script(("", b"x" * 5_000_000)), Fault.BROKEN),
        (script(("CAPABILITY", b"* BYE\r\n"), login=False), Fault.BROKEN),
        (script(("LOGIN", b"% NO\r\n")), Fault.LOGIN),
        (script(("SELECT", b"% NO\r\n")), Fault.FOLDER),
        (script(("SELECT", b"* 3 EXISTS\r\n% OK\r\n")), Fault.FOLDER),
        (script(("SELECT", b"* 3 EXISTS\r\n" * 20_000)), Fault.BROKEN),
        (script(("SELECT", b"* BYE\r\n")), Fault.BROKEN),
        (script(("SELECT", b"* OK {99999999}\r\n")), Fault.BROKEN),
        (script(("SELECT", b"* OK {0}\r\n" * 99)), Fault.BROKEN),
        (script(("SELECT", b"% O")), Fault.BROKEN),
    ],
)
async def test_a_server_that_misbehaves_ends_the_session_and_nothing_else(
    certs: Certs, peer: Peer, fault: Fault
) -> None:
    assert await fault_of(certs, peer) is fault


async def test_a_server_that_is_silent_is_left_in_time(certs: Certs) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with asyncio.timeout(5):
        assert await fault_of(certs, silent, timeout=timedelta(milliseconds=200)) is Fault.BROKEN


async def test_bytes_slipped_in_before_starttls_end_the_session(certs: Certs) -> None:
    """What stands in clear behind the answer to STARTTLS is a stranger's (CVE-2011-0411)."""
    peer = script(("STARTTLS", b"% OK\r\n* PREAUTH welcome\r\nR2 OK\r\n"))
    assert await fault_of(certs, peer, security="starttls") is Fault.TLS


async def test_a_server_without_starttls_gets_no_login(certs: Certs) -> None:
    said: list[bytes] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* PREAUTH come in\r\n")
        while line := await reader.readline():
            said.append(line)
            writer.write(line.split()[0] + b" NO\r\n")

    assert await fault_of(certs, peer, security="starttls") is Fault.TLS
    assert not any(b"LOGIN" in line or b"AUTHENTICATE" in line for line in said)


async def test_a_fetch_gives_the_beginnings_asked_for_and_nothing_else(certs: Certs) -> None:
    answer = (
        b"* 4 FETCH (FLAGS (\\Seen))\r\n"
        b"* 1 FETCH (UID 5 RFC822.SIZE 900 "
        b'INTERNALDATE " 2-Mar-2026 09:00:00 -0130" '
        b"BODY[]<0> {4}\r\nmail)\r\n"
        b'* 2 FETCH (BODY[]<0> "" UID 6 RFC822.SIZE 0)\r\n'
        b"* 3 FETCH (UID 99 RFC822.SIZE 4 BODY[]<0> {4}\r\nnope)\r\n% OK\r\n"
    )
    async with serving(certs, script(("UID FETCH", answer))) as settings:
        session = await opened(settings)
        found = await session.fetch([5, 6, 7])
        session.drop()
    assert {uid: (one.size, one.arrived, one.raw) for uid, one in found.items()} == {
        5: (900, datetime(2026, 3, 2, 10, 30, tzinfo=UTC), b"mail"),
        6: (0, None, b""),
    }


async def test_a_mail_longer_than_was_asked_for_is_not_swallowed(certs: Certs) -> None:
    long = b"* 1 FETCH (UID 5 RFC822.SIZE 9 BODY[] {%d}\r\n" % (imap_session.MOST_OF_A_MAIL + 1)
    peer = script(("UID FETCH", long.replace(b"%", b"")))
    assert await fault_of(certs, peer, lambda session: session.fetch([5])) is Fault.BROKEN


async def test_a_search_above_the_last_mail_gives_none(certs: Certs) -> None:
    """RFC 3501 section 6.4.8: "10:*" holds the last mail even when its number is 9."""
    peer = script(("UID SEARCH", b"* SEARCH 9\r\n* SEARCH 12 11\r\n% OK\r\n"))
    async with serving(certs, peer) as settings:
        session = await opened(settings)
        assert await session.uids(9) == [11, 12]
        session.drop()


@pytest.mark.parametrize(
    "text", ["31-Feb-2026 00:00:00 +0000", "01-Xyz-2026 00:00:00 +0000", "yesterday", ""]
)
async def test_a_date_that_is_none_is_left_out(certs: Certs, text: str) -> None:
    answer = f'* 1 FETCH (UID 5 RFC822.SIZE 0 INTERNALDATE "{text}" BODY[]<0> "")\r\n% OK\r\n'
    async with serving(certs, script(("UID FETCH", answer.encode()))) as told:
        session = await opened(told)
        found = await session.fetch([5])
        session.drop()
    assert found[5].arrived is None


async def test_names_and_passwords_cannot_say_a_command_of_their_own(certs: Certs) -> None:
    async with serving(certs, script(), username='a"\r\nR9 LOGOUT') as settings:
        with pytest.raises(ImapError) as caught:
            await opened(settings)
    assert caught.value.fault is Fault.LOGIN


async def test_no_fault_quotes_the_server(certs: Certs) -> None:
    peer = script(("SELECT", b"% NO mailbox of ESSAI Marcel\r\n"))
    async with serving(certs, peer) as settings:
        session = await opened(settings)
        with pytest.raises(ImapError) as caught:
            await session.select()
        session.drop()
    assert "ESSAI" not in f"{caught.value} {caught.value.why}"


async def test_without_a_password_the_client_certificate_alone_logs_in(certs: Certs) -> None:
    said: list[bytes] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert writer.get_extra_info("peercert") is not None
        writer.write(b"* OK\r\n")
        while line := await reader.readline():
            said.append(line)
            tag = line.split()[0]
            if b"AUTHENTICATE" in line:
                writer.write(b"+ \r\n")
                said.append(await reader.readline())
            writer.write(tag + b" OK\r\n")

    context = certs.server_context(client_ca=True)
    keys = {"certificate": certs.client, "key": certs.client, "username": None}
    async with serving(certs, peer, tls=context, **keys) as settings:
        session = await ImapSession.open(settings, client_context(settings), None)
        await session.close()
    assert b"R2 AUTHENTICATE EXTERNAL\r\n" in said
    assert said[said.index(b"R2 AUTHENTICATE EXTERNAL\r\n") + 1] == b"=\r\n"


async def test_a_number_out_of_thin_air_hides_no_mail_that_comes_later(
    certs: Certs, tmp_path: Path
) -> None:
    given = b"Subject: x\r\n\r\n"
    mail = b"* 1 FETCH (UID 7 RFC822.SIZE %d BODY[]<0> {%d}\r\n%s)\r\n" % (
        len(given),
        len(given),
        given,
    )
    peer = script(
        ("SELECT", b"* OK [UIDVALIDITY 5] x\r\n% OK [READ-WRITE] x\r\n"),
        ("UID SEARCH", b"* SEARCH 7 4294967295 4294967296 9999999999 \xb2\r\n% OK x\r\n"),
        ("UID FETCH", mail + b"% OK x\r\n"),
        ("LOGOUT", b"% OK x\r\n"),
    )
    store = SqliteStore.open(tmp_path / "relais.db")
    try:
        async with serving(certs, peer) as settings:
            reader = ReturnsReader(
                "mss",
                settings,
                store,
                context=client_context(settings),
                password=SecretStr("secret"),
                watch=lambda: Watch(Proof(), frozenset({"mss"})),
                now=lambda: datetime(2026, 3, 2, tzinfo=UTC),
                counters=(tally := Tally()),
            )
            assert await reader.run_once() == 1
        assert tally.seen == {"no-report": 1, "not-given": 1}
        place = await store.read(lambda tx: tx.meta.get("returns:mss"))
        assert place == '{"validity":5,"uid":7,"unmarked":[]}'
    finally:
        store.close()


class Tally:
    """Verdicts, as the reader counted them."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def increment(self, name: str, **labels: str) -> None:
        if name == "returns_mails":
            self.seen[labels["verdict"]] += 1
