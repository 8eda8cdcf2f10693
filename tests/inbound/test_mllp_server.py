import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.inbound.door import Door
from engine.inbound.mllp_server import MllpServer
from engine.inbound.receive import Receiver
from engine.model.config import Listener, OnError, TlsServer
from engine.model.flow import JournalState
from engine.store.interface import Entry
from engine.store.sqlite import SqliteStore
from engine.wire.mllp import frame
from tests.support.adt import FIXTURES, adt, each_sample
from tests.support.certs import make_certs
from tests.support.mllp_peer import Peer, Tally

FAULTS = FIXTURES / "faults"
Serving = Callable[..., Any]
GRACE = timedelta(seconds=5)


@pytest.fixture
def serving(receiver: Receiver, tally: Tally) -> Serving:
    @asynccontextmanager
    async def serve(door: Door | None = None, **settings: Any) -> AsyncIterator[MllpServer]:
        listener = Listener(name="dpi", port=0, mapping="pam-fr", **settings)
        server = MllpServer(listener, door or Door("dpi"), receiver, tally)
        await server.start()
        try:
            yield server
        finally:
            await server.drain(GRACE)

    return serve


async def rows(store: SqliteStore, count: int) -> list[Entry]:
    """The journal, oldest first, once it holds that many rows."""
    async with asyncio.timeout(10):
        while True:
            found = await store.read(lambda tx: tx.journal.listing(limit=1000))
            if len(found) >= count:
                assert len(found) == count
                return list(reversed(found))
            await asyncio.sleep(0.005)


@each_sample
async def test_each_national_sample_is_answered_aa_and_kept_as_it_came(
    serving: Serving, store: SqliteStore, sample: Path
) -> None:
    raw = sample.read_bytes()
    async with serving() as server, Peer(server.port) as peer:
        assert b"\rMSA|AA|" in await peer.send(raw)
    (row,) = await rows(store, 1)
    whole = await store.read(lambda tx: tx.journal.get(row.id))
    assert whole is not None
    assert whole.raw == raw


async def test_pipelined_frames_are_answered_in_their_order(
    serving: Serving, store: SqliteStore
) -> None:
    numbers = [str(n) for n in range(300)]
    data = b"".join(frame(adt(number=number)) for number in numbers)
    async with serving() as server, Peer(server.port) as peer:
        await peer.write(data)
        answers = [await peer.answer() for _ in numbers]
    assert [answer.split(b"MSA|AA|")[1].rstrip(b"\r").decode() for answer in answers] == numbers
    assert [row.control_id for row in await rows(store, 300)] == numbers


async def test_a_message_in_any_cut_is_one_message(serving: Serving, store: SqliteStore) -> None:
    data = frame(adt())
    async with serving() as server, Peer(server.port) as peer:
        for n in range(0, len(data), 7):
            await peer.write(data[n : n + 7])
            await asyncio.sleep(0)
        assert b"MSA|AA|1" in await peer.answer()
    await rows(store, 1)


async def test_two_frames_in_a_read_are_two_messages(serving: Serving, store: SqliteStore) -> None:
    async with serving() as server, Peer(server.port) as peer:
        await peer.write((FAULTS / "two-in-a-read.mllp").read_bytes())
        assert b"MSA|AA|1" in await peer.answer()
        assert b"MSA|AA|2" in await peer.answer()
    await rows(store, 2)


async def test_a_frame_that_the_sender_cuts_by_leaving_is_kept_in_quarantine(
    serving: Serving, store: SqliteStore
) -> None:
    torn = (FAULTS / "torn-frame.mllp").read_bytes()
    async with serving() as server:
        async with Peer(server.port) as peer:
            await peer.write(torn)
            peer.half_close()
            assert await peer.closed()
        (row,) = await rows(store, 1)
    assert row.state is JournalState.QUARANTINE
    assert row.reason == f"torn-frame: the connection closed, {len(torn) - 1} bytes"


async def test_a_frame_begun_anew_is_torn_and_only_the_whole_one_is_answered(
    serving: Serving, store: SqliteStore
) -> None:
    async with serving() as server, Peer(server.port) as peer:
        await peer.write((FAULTS / "torn-then-whole.mllp").read_bytes())
        assert b"MSA|AA|1" in await peer.answer()
        assert b"MSA|AA|2" in await peer.send(adt(number="2"))
    found = await rows(store, 3)
    assert found[0].reason == "torn-frame: another frame began, 180 bytes"
    assert [row.state for row in found[1:]] == [JournalState.RECEIVED] * 2


async def test_silence_in_the_middle_of_a_frame_ends_the_connection_and_no_other(
    serving: Serving, store: SqliteStore
) -> None:
    async with (
        serving(frame_timeout=timedelta(milliseconds=100)) as server,
        Peer(server.port) as other,
        Peer(server.port) as peer,
    ):
        assert b"MSA|AA|8" in await other.send(adt(number="8"))
        await peer.write(frame(adt())[:-1])
        assert await peer.closed()
        assert b"MSA|AA|9" in await other.send(adt(number="9"))
    found = await rows(store, 3)
    reasons = {row.reason for row in found if row.state is JournalState.QUARANTINE}
    size = len(adt()) + 1
    assert reasons == {f"torn-frame: silence in the middle of it, {size} bytes"}


async def test_silence_between_frames_ends_the_connection_without_a_trace(
    serving: Serving, store: SqliteStore
) -> None:
    settings = {"idle_timeout": timedelta(milliseconds=100)}
    async with serving(**settings) as server, Peer(server.port) as peer:
        assert b"MSA|AA|1" in await peer.send(adt())
        assert await peer.closed()
    await rows(store, 1)


@pytest.mark.parametrize("name", ["unframed", "http-request"])
async def test_bytes_outside_frames_are_kept_and_the_connection_closed(
    serving: Serving, store: SqliteStore, name: str
) -> None:
    data = (FAULTS / f"{name}.mllp").read_bytes()
    settings = {"frame_timeout": timedelta(milliseconds=100)}
    async with serving(**settings) as server, Peer(server.port) as peer:
        await peer.write(data)
        assert await peer.closed()
        (row,) = await rows(store, 1)
    assert row.reason == f"garbage: silence in the middle of it, {len(data)} bytes"


async def test_endless_bytes_outside_frames_are_not_awaited(
    serving: Serving, store: SqliteStore
) -> None:
    async with serving() as server, Peer(server.port) as peer:
        await peer.write(b"x" * 70_000)
        assert await peer.closed()
        (row,) = await rows(store, 1)
    assert row.reason.startswith("garbage: too many bytes outside a frame, ")
    assert row.size <= 64 * 1024


@pytest.mark.parametrize("on_error", list(OnError))
async def test_a_frame_over_the_limit_is_refused_and_the_connection_goes_on(
    serving: Serving, store: SqliteStore, on_error: OnError
) -> None:
    door = Door("dpi", on_error=on_error)
    async with serving(door, max_frame=2048) as server, Peer(server.port) as peer:
        answer = await peer.send(adt(number="7") + b"NTE|" + b"x" * 5000)
        assert b"MSA|AE|7" in answer
        assert b"ERR||" in answer
        assert b"MSA|AA|8" in await peer.send(adt(number="8"))
    found = await rows(store, 2)
    assert found[0].reason.startswith("oversize-frame: ")


@pytest.mark.parametrize("path", sorted(FAULTS.glob("*.hl7")), ids=lambda path: path.stem)
async def test_each_bad_message_is_answered_kept_and_followed_by_the_next(
    serving: Serving, store: SqliteStore, path: Path
) -> None:
    async with serving() as server, Peer(server.port) as peer:
        answer = await peer.send(path.read_bytes())
        assert answer.split(b"\rMSA|")[1][:2] in {b"AE", b"AR"}
        assert b"\rERR|" in answer
        assert b"MSA|AA|next" in await peer.send(adt(number="next"))
    found = await rows(store, 2)
    assert [row.state for row in found] == [JournalState.QUARANTINE, JournalState.RECEIVED]


async def test_a_sender_that_breaks_off_after_its_message_has_it_stored_once(
    serving: Serving, store: SqliteStore
) -> None:
    async with serving() as server:
        async with Peer(server.port) as peer:
            await peer.write(frame(adt()))
            await rows(store, 1)
            peer.hang_up()
        async with Peer(server.port) as peer:
            assert b"MSA|AA|1" in await peer.send(adt())
    await rows(store, 1)


async def test_a_sender_that_closes_its_side_still_hears_the_answers(
    serving: Serving, store: SqliteStore
) -> None:
    async with serving() as server, Peer(server.port) as peer:
        await peer.write(frame(adt(number="1")) + frame(adt(number="2")))
        peer.half_close()
        assert b"MSA|AA|1" in await peer.answer()
        assert b"MSA|AA|2" in await peer.answer()
        assert await peer.closed()


async def test_one_connection_too_many_is_closed_at_once(serving: Serving, tally: Tally) -> None:
    async with serving(max_connections=2) as server:
        async with Peer(server.port) as one, Peer(server.port) as two:
            assert b"MSA|AA|1" in await one.send(adt(number="1"))
            assert b"MSA|AA|2" in await two.send(adt(number="2"))
            async with Peer(server.port) as three:
                assert await three.closed()
            assert b"MSA|AA|3" in await one.send(adt(number="3"))
        assert tally.seen["turned away: too-many"] == 1
        async with asyncio.timeout(10):
            while tally.open:
                await asyncio.sleep(0.005)
        async with Peer(server.port) as four:
            assert b"MSA|AA|4" in await four.send(adt(number="4"))


async def test_only_the_networks_of_the_listener_come_in(serving: Serving, tally: Tally) -> None:
    async with serving(allow=("192.0.2.0/24",)) as server, Peer(server.port) as peer:
        await peer.write(frame(adt()))
        assert await peer.closed()
    assert tally.seen == {"turned away: network": 1}
    async with serving(allow=("127.0.0.0/8",)) as server, Peer(server.port) as peer:
        assert b"MSA|AA|1" in await peer.send(adt())


@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
async def test_a_mapped_address_is_the_address_it_maps(serving: Serving, host: str) -> None:
    async with serving(allow=("127.0.0.0/8",)) as server:
        assert server.admits(host) == ""
        assert server.admits("::1") == "network"


async def test_a_fast_sender_is_paused_and_nothing_is_lost(
    serving: Serving, store: SqliteStore
) -> None:
    numbers = [str(n) for n in range(400)]
    async with serving() as server, Peer(server.port) as peer:
        await peer.write(b"".join(frame(adt(number=number)) for number in numbers))
        (connection,) = server.connections
        assert len(connection._events) <= 200  # one read, not the whole of what was sent
        for _ in numbers:
            await peer.answer()
        assert connection._reading
    await rows(store, 400)


async def test_draining_answers_what_was_received_and_refuses_the_rest(
    serving: Serving, store: SqliteStore
) -> None:
    async with serving() as server, Peer(server.port) as peer, Peer(server.port) as idle:
        await peer.write(b"".join(frame(adt(number=str(n))) for n in range(50)))
        assert b"MSA|AA|0" in await peer.answer()  # all fifty came in the same read
        draining = asyncio.create_task(server.drain(GRACE))
        for n in range(1, 50):
            assert b"MSA|AA|%d\r" % n in await peer.answer()
        assert await peer.closed()
        assert await idle.closed()
        port = server.port if server._server and server._server.sockets else None
        await draining
        assert port is None
        assert not server.connections
    await rows(store, 50)


async def test_draining_waits_for_a_frame_under_way(serving: Serving, store: SqliteStore) -> None:
    data = frame(adt())
    async with serving() as server, Peer(server.port) as peer:
        await peer.write(data[:50])
        async with asyncio.timeout(10):
            while sum(connection._deframer.pending for connection in server.connections) < 50:
                await asyncio.sleep(0.005)
        draining = asyncio.create_task(server.drain(GRACE))
        await asyncio.sleep(0)
        await peer.write(data[50:])
        assert b"MSA|AA|1" in await peer.answer()
        assert await peer.closed()
        await draining
    await rows(store, 1)


async def test_draining_does_not_wait_for_ever(serving: Serving, store: SqliteStore) -> None:
    async with serving() as server, Peer(server.port) as peer:
        assert b"MSA|AA|1" in await peer.send(adt())
        await peer.write(b"\x0bMSH|")
        async with asyncio.timeout(10):
            while not next(iter(server.connections))._deframer.pending:
                await asyncio.sleep(0.005)
        await server.drain(timedelta(milliseconds=50))
        assert await peer.closed()
    assert (await rows(store, 2))[1].reason == "torn-frame: the daemon stops, 4 bytes"


async def test_the_door_may_be_replaced_while_it_runs(serving: Serving) -> None:
    raw = adt(charset="UTF8")
    async with serving() as server, Peer(server.port) as peer:
        assert b"MSA|AE|1" in await peer.send(raw)
        server.door = Door("dpi", aliases={"UTF8": "UNICODE UTF-8"})
        assert b"MSA|AA|1" in await peer.send(raw)


async def test_mutual_tls_takes_the_senders_of_our_authority_alone(
    serving: Serving, store: SqliteStore, tmp_path: Path
) -> None:
    certs = make_certs(tmp_path)
    tls = TlsServer(certificate=certs.server, key=certs.server, client_ca=certs.ca)
    known = ssl.create_default_context(cafile=str(certs.ca))
    known.load_cert_chain(certs.client)
    stranger = ssl.create_default_context(cafile=str(certs.ca))
    async with serving(tls=tls) as server:
        async with Peer(server.port, tls=known) as peer:
            await peer.write(b"".join(frame(adt(number=str(n))) for n in range(100)))
            for n in range(100):
                assert b"MSA|AA|%d\r" % n in await peer.answer()
        # In TLS 1.3 the client learns of the refusal when it reads.
        with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
            async with Peer(server.port, tls=stranger) as peer:
                await peer.send(adt(number="stranger"))
        async with Peer(server.port) as plain:
            await plain.write(frame(adt(number="plain")))
            assert await plain.closed()
    found = await rows(store, 100)
    assert not {row.control_id for row in found} & {"stranger", "plain"}


async def test_a_tls_file_that_cannot_be_used_is_told_at_the_start(
    serving: Serving, tmp_path: Path
) -> None:
    tls = TlsServer(certificate=tmp_path / "none.pem", key=tmp_path / "none.pem")
    with pytest.raises(OSError, match="No such file"):
        async with serving(tls=tls):
            pass
