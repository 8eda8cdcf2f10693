"""Transport: one HL7 message over MLLP, with its answers awaited. For the hospital's own systems.

One connection, one message at a time, kept for the next. The last two bytes of a block, which make
it a message, are written apart, once all before them has been handed over: a connection that fails
until then has given nobody a message, and one that fails afterwards may have.

What can go wrong after those two bytes
    Silence, a close, an answer that is none, or answers to other messages alone, late ones say:
    possibly sent. The connection is dropped each time, so that an answer that comes late is never
    taken for that of the next message; and MSA-2 must be our MSH-10 besides. The same message goes
    again with the same MSH-10, by which its receiver knows it (HL7 v2.5 section 2.9.3).
"""

import asyncio
import re
import ssl
from contextlib import suppress
from typing import Final

from engine.model.channel import Mllp
from engine.model.errors import ConfigError
from engine.model.flow import Accepted, Cause, Deferred, Delivery, Outcome, Rejected, Unknown
from engine.wire.hl7_answer import outcome_of_answer, read_answer
from engine.wire.hl7_errors import UnreadableError
from engine.wire.hl7_header import Header, peek
from engine.wire.mllp import END_BLOCK, START_BLOCK, Deframer

_READ: Final = 64 * 1024
_PIECE: Final = 64 * 1024
_MOST_STRAY: Final = 16  # answers to other messages that are passed over, then it is enough
_CLOSE_SECONDS: Final = 2.0
_CERTIFICATE_ALERT: Final = re.compile("ALERT.*(CERT|UNKNOWN_CA|ACCESS_DENIED)")


class _Line:
    """A connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int
    ) -> None:
        self._reader, self._writer = reader, writer
        self._deframer = Deframer(limit)

    @property
    def usable(self) -> bool:
        """Nothing lies in it, and nobody has closed it."""
        return not (self._reader.at_eof() or self._writer.is_closing() or self._deframer.pending)

    async def write(self, data: bytes) -> None:
        """Hand over. OSError."""
        for at in range(0, len(data), _PIECE):
            self._writer.write(data[at : at + _PIECE])
            await self._writer.drain()

    async def next(self) -> list[bytes] | None:
        """Blocks that came; None at the end, or for bytes that are no block."""
        data = await self._reader.read(_READ)
        if not data:
            return None
        events = self._deframer.feed(data)
        whole = [one for one in events if isinstance(one, bytes)]
        return whole if len(whole) == len(events) and not self._deframer.garbage else None

    def drop(self) -> None:
        """Close at once."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close in order."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()


class MllpTransport:
    """Sends to one receiver. ``idle`` is how long, in seconds, a connection waits for a next
    message. Raises ConfigError for certificates that cannot be read."""

    def __init__(self, settings: Mllp, *, idle: float = 60.0) -> None:
        self._settings = settings
        self._idle_seconds = idle
        self._idle_timer: asyncio.TimerHandle | None = None
        self._context = client_context(settings) if settings.tls else None
        self._turn = asyncio.Lock()  # answers of a receiver come in the order of the messages
        self._line: _Line | None = None
        self._closed = False

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        """Try once; ``mime`` is the message. Raises CancelledError alone, and only before its last
        bytes have left."""
        try:
            header = peek(mime)
        except UnreadableError:
            return Rejected(Cause.INTERNAL)
        # Its number is the delivery's: the receiver knows a second try by it.
        if header.control_id != delivery.id or START_BLOCK in mime or END_BLOCK[:1] in mime:
            return Rejected(Cause.INTERNAL)
        async with self._turn:
            return await self._carry(header, mime)

    async def close(self) -> None:
        """Let go of the connection."""
        self._closed = True
        line = self._waiting_line()
        if line is not None:
            await line.close()

    def _waiting_line(self) -> _Line | None:
        """Take the connection that was kept, if there is one."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        line, self._line = self._line, None
        return line

    def _keep(self, line: _Line) -> None:
        self._line = line
        self._idle_timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._expire)

    def _expire(self) -> None:
        line = self._waiting_line()
        if line is not None:
            line.drop()  # nothing is under way in it

    async def _carry(self, header: Header, message: bytes) -> Outcome:
        line = self._waiting_line()
        if line is not None and not line.usable:
            line.drop()
            line = None
        if line is not None:
            try:
                await line.write(START_BLOCK + message)
            except OSError:  # closed while it waited: this is not yet an attempt
                line.drop()
                line = None
            except asyncio.CancelledError:
                line.drop()
                raise
        if line is None:
            opened = await self._opened(message)
            if not isinstance(opened, _Line):
                return opened
            line = opened
        return await self._finished(line, header)

    async def _opened(self, message: bytes) -> _Line | Outcome:
        """A new connection, with all of the message but its end handed over."""
        settings = self._settings
        line: _Line | None = None
        try:
            async with asyncio.timeout(settings.connect_timeout.total_seconds()):
                reader, writer = await asyncio.open_connection(
                    settings.host,
                    settings.port,
                    ssl=self._context,
                    server_hostname=settings.host if self._context else None,
                )
            line = _Line(reader, writer, settings.max_answer)
            async with asyncio.timeout(settings.commit_timeout.total_seconds()):
                await line.write(START_BLOCK + message)
        except ssl.SSLError:
            cause = Cause.TLS
        except (OSError, TimeoutError):  # TimeoutError is an OSError; named for the reader
            cause = Cause.CONNECT if line is None else Cause.DROPPED
        except asyncio.CancelledError:
            if line is not None:
                line.drop()
            raise
        else:
            return line
        if line is not None:
            line.drop()
        return Deferred(cause)

    async def _finished(self, line: _Line, header: Header) -> Outcome:
        """Write the end of the block, and await what is said of it."""
        try:
            await line.write(END_BLOCK)
            outcome = await self._answered(line, header)
        except ssl.SSLError as error:
            line.drop()
            # TLS 1.3: our certificate is judged after the handshake, and before any message.
            refused = _CERTIFICATE_ALERT.search(error.reason or "") is not None
            return Deferred(Cause.TLS) if refused else Unknown()
        except (OSError, asyncio.CancelledError):
            outcome = None
        if outcome is None:
            line.drop()
            return Unknown()
        if self._closed or not line.usable:
            await line.close()
        else:
            self._keep(line)
        return outcome

    async def _answered(self, line: _Line, header: Header) -> Outcome | None:
        """None: nothing that can be relied on was said."""
        settings = self._settings
        committed, stray = False, 0
        enhanced = header.accept_ack in {"AL", "SU", "ER"}
        waits = settings.await_application and header.application_ack not in {"", "NE"}
        clock = asyncio.get_running_loop().time  # one that drips must not hold us longer
        until = clock() + settings.commit_timeout.total_seconds()
        while True:
            try:
                async with asyncio.timeout_at(until):
                    blocks = await line.next()
            except TimeoutError:
                # It said CA: it is on their disk (section 2.9.3.1), and we must not send again.
                return Accepted(reply="CA, and no more") if committed else None
            if blocks is None:
                return Accepted(reply="CA, then closed") if committed else None
            for raw in blocks:
                answer = read_answer(raw)
                if answer is None or answer.answers != header.control_id:
                    stray += 1
                    if stray > _MOST_STRAY:
                        return None
                    continue
                outcome = outcome_of_answer(answer)
                if outcome is not None:
                    return outcome
                if not (enhanced and waits):
                    return Accepted(reply="CA")
                committed = True
                until = clock() + settings.answer_timeout.total_seconds()


def client_context(settings: Mllp) -> ssl.SSLContext:
    """TLS 1.2 or later, the server's name checked, our certificate if there is one. ConfigError."""
    try:
        context = ssl.create_default_context(
            cafile=None if settings.ca_file is None else str(settings.ca_file)
        )
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigError(
            what="The certificates of an MLLP channel cannot be read.",
            where=f"ca_file, certificate or key of {settings.host}",
            effect=f"nothing can be sent there ({type(error).__name__})",
            remedy="give PEM files that the daemon may read, the key beside its certificate",
        ) from None
    return context
