"""A scripted MLLP sender for tests, and counters that remember what they were told."""

import asyncio
import ssl
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Self

from engine.model.flow import AckCode
from engine.wire.mllp import Deframer, FaultKind, frame


class Tally:
    """Counters (engine.inbound.receive) for tests and measurements."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.open = 0

    def received(self, source: str, ack: AckCode) -> None:
        self.seen[f"received {ack.value}"] += 1

    def duplicate(self, source: str) -> None:
        self.seen["duplicate"] += 1

    def fault(self, source: str, kind: FaultKind) -> None:
        self.seen[kind.value] += 1

    def store_failed(self, source: str) -> None:
        self.seen["store failed"] += 1

    def connections(self, source: str, count: int) -> None:
        self.open = count

    def turned_away(self, source: str, why: str) -> None:
        self.seen[f"turned away: {why}"] += 1


class Peer:
    """One connection of a sender that does exactly what the test says."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls
        self._deframer = Deframer(1 << 20)
        self._answers: list[bytes] = []

    async def __aenter__(self) -> Self:
        name = "localhost" if self._tls else None
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._tls, server_hostname=name
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, message: bytes) -> bytes:
        """Send a framed message, and give its answer, unframed."""
        await self.write(frame(message))
        return await self.answer()

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> bytes:
        """The next answer. EOFError when the server closes instead."""
        while not self._answers:
            data = await asyncio.wait_for(self._reader.read(65536), 10)
            if not data:
                raise EOFError
            for event in self._deframer.feed(data):
                assert isinstance(event, bytes), event
                self._answers.append(event)
        return self._answers.pop(0)

    async def closed(self) -> bool:
        """Wait until the server closes, without any further answer."""
        try:
            return await asyncio.wait_for(self._reader.read(), 10) == b""
        except ConnectionError:
            return True

    def half_close(self) -> None:
        """Say that nothing more will come, and go on listening."""
        self._writer.write_eof()

    def hang_up(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()
