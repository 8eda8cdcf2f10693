"""Sockets, TLS, timeouts and limits around wire.mllp: one object a listener.

A connection is served strictly in order: a frame is taken up when the answer to the one before
is written, pipelined or not. A reader that is ahead of the store is paused, so a fast sender
costs a bounded amount of memory.
"""

import asyncio
import ssl
from collections import deque
from datetime import timedelta
from ipaddress import ip_address
from typing import Final, cast

import structlog

from engine.inbound.door import Counters, Door, Receipt
from engine.inbound.receive import Receiver
from engine.model.config import Listener, TlsServer
from engine.wire.mllp import Deframer, Fault, frame

log = structlog.get_logger("inbound")

_READ: Final = 64 * 1024
_AHEAD: Final = 32  # events of one connection that wait before its reader is paused
_MOST_GARBAGE: Final = 64 * 1024  # bytes outside any frame that end a connection
_HANDSHAKE: Final = 10.0  # seconds for TLS
_FASTEST_LOOK: Final = 0.02
_SLOWEST_LOOK: Final = 1.0


def tls_context(tls: TlsServer) -> ssl.SSLContext:
    """TLS 1.2 or later; with `client_ca`, a sender must show a certificate that it issued.

    Raises OSError (ssl.SSLError included) when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.client_ca is not None:
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class MllpServer:
    """One MLLP port. `door` may be replaced while it runs: the next message is judged by it."""

    def __init__(
        self, listener: Listener, door: Door, receiver: Receiver, counters: Counters
    ) -> None:
        self.listener = listener
        self.door = door
        self.receiver = receiver
        self.counters = counters
        self.connections: set[_Connection] = set()
        self.buffer = memoryview(bytearray(_READ))
        self._server: asyncio.Server | None = None
        self._look: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that was bound; useful when 0 was asked for."""
        if self._server is None:
            raise RuntimeError("the listener is not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Bind and listen. Raises OSError when the address or a TLS file cannot be used."""
        listener = self.listener
        context = tls_context(listener.tls) if listener.tls else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self),
            listener.host,
            listener.port,
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE if context else None,
        )
        self._watch()

    async def drain(self, grace: timedelta) -> None:
        """Stop accepting, finish and answer what was received, close.

        A frame under way may still come to its end within `grace`; after that it is torn.
        """
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.finish()
        deadline = asyncio.get_running_loop().time() + grace.total_seconds()
        await self._settled(deadline)
        for connection in list(self.connections):
            connection.cut("the daemon stops")
        await self._settled(None)
        if self._look is not None:
            self._look.cancel()

    async def _settled(self, deadline: float | None) -> None:
        loop = asyncio.get_running_loop()
        while self.connections:
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                return
            gone = [connection.gone for connection in self.connections]
            await asyncio.wait(gone, timeout=left)

    def admits(self, host: str) -> str:
        """Why a peer is turned away; empty: it may come in."""
        if self.listener.allow:
            address = ip_address(host.split("%", 1)[0])
            address = getattr(address, "ipv4_mapped", None) or address
            if not any(address in network for network in self.listener.allow):
                return "network"
        return "too-many" if len(self.connections) >= self.listener.max_connections else ""

    def opened(self, connection: "_Connection") -> None:
        """Count a connection in."""
        self.connections.add(connection)
        self.counters.connections(self.listener.name, len(self.connections))

    def closed(self, connection: "_Connection") -> None:
        """Count a connection out."""
        self.connections.discard(connection)
        self.counters.connections(self.listener.name, len(self.connections))

    def _watch(self) -> None:
        """One timer for all connections: cheaper than one for each frame."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self.connections):
            connection.look(now)
        shortest = min(self.listener.frame_timeout, self.listener.idle_timeout).total_seconds()
        period = min(max(shortest / 8, _FASTEST_LOOK), _SLOWEST_LOOK)
        self._look = loop.call_later(period, self._watch)


class _Connection(asyncio.BufferedProtocol):
    def __init__(self, server: MllpServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._deframer = Deframer(server.listener.max_frame)
        self._events: deque[tuple[bytes | Fault, str]] = deque()
        self._busy = False  # an event is with the receiver
        self._lost = False  # the transport is closed
        self._finishing = False  # to be closed once all is answered
        self._reading = True
        self._writable = True
        self._heard = self._loop.time()
        self._turned_away = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        server = self._server
        why = server.admits(self._peer)
        if why:
            self._turned_away = True
            server.counters.turned_away(server.listener.name, why)
            log.warning("connection-turned-away", source=server.listener.name, why=why)
            self._transport.abort()
            return
        server.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (asyncio calls it so)
        # One for all: what is read is copied out before the loop reads for anyone else.
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._turned_away:
            return
        self._heard = self._loop.time()
        events = self._deframer.feed(bytes(self._server.buffer[:nbytes]))
        if events:
            self._take(events, "another frame began")
        elif self._deframer.garbage > _MOST_GARBAGE:
            self._break_off("too many bytes outside a frame")

    def eof_received(self) -> bool:
        self._take(self._deframer.end(), "the connection closed")
        self._finishing = True
        # Half open until the answers are written; TLS knows no such state.
        return self._busy and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._turned_away:
            return
        if exc is not None:
            log.info(
                "connection-broken", source=self._server.listener.name, error=type(exc).__name__
            )
        self._lost = True
        self._take(self._deframer.end(), "the connection closed")
        self._leave_if_done()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._next()

    def finish(self) -> None:
        """Close once what was received is answered."""
        self._finishing = True
        self._leave_if_done()

    def cut(self, why: str) -> None:
        """Close now; what is under way is torn."""
        self._take(self._deframer.end(), why)
        self._transport.abort()

    def look(self, now: float) -> None:
        """Close a connection that has been silent for too long."""
        listener = self._server.listener
        silence = timedelta(seconds=now - self._heard)
        if not self._writable:
            if silence > listener.frame_timeout:
                self.cut("the sender reads no answers")
        elif self._busy:
            self._heard = now  # we are the slow ones
        elif self._deframer.pending:
            if silence > listener.frame_timeout:
                self._break_off("silence in the middle of it")
        elif silence > listener.idle_timeout:
            self._transport.close()

    def _break_off(self, why: str) -> None:
        self._take(self._deframer.end(), why)
        self.finish()

    def _take(self, events: list[bytes | Fault], why: str) -> None:
        for event in events:
            self._events.append((event, why))
        if not self._busy:
            self._next()
        if len(self._events) > _AHEAD and self._reading and not self._lost:
            self._reading = False
            self._transport.pause_reading()

    def _next(self) -> None:
        """Hand the oldest event to the receiver, unless the answer to another is awaited."""
        if self._busy or not self._events or not (self._writable or self._lost):
            return
        event, why = self._events.popleft()
        server = self._server
        self._busy = True
        if isinstance(event, bytes):
            server.receiver.submit(event, door=server.door, peer=self._peer, done=self._done)
        else:
            server.receiver.submit_fault(
                event, door=server.door, peer=self._peer, why=why, done=self._done
            )

    def _done(self, receipt: Receipt) -> None:
        self._busy = False
        if receipt.answer is not None and not self._transport.is_closing():
            self._transport.write(frame(receipt.answer))
        self._next()
        if not self._reading and len(self._events) <= _AHEAD // 2 and not self._lost:
            self._reading = True
            self._transport.resume_reading()
        self._leave_if_done()

    def _leave_if_done(self) -> None:
        if self._busy or self._events:
            return
        if self._lost:
            if not self.gone.done():
                self.gone.set_result(None)
                self._server.closed(self)
        elif self._finishing and not self._deframer.pending:
            self._transport.close()
