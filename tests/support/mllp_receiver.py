"""A receiver over MLLP for tests: it does exactly what its script says of each message."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.model.flow import AckCode
from engine.wire.hl7_ack import ack
from engine.wire.hl7_header import peek
from engine.wire.mllp import Deframer, frame

Script = Callable[["Receiver", bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """What came, and how many connections it took."""

    script: Script
    port: int = 0
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        self.writers.append(writer)
        deframer = Deframer(64 << 20)
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                for event in deframer.feed(data):
                    if isinstance(event, bytes):
                        self.messages.append(event)
                        await self.script(self, event, writer)
                        if writer.is_closing():
                            return
        writer.close()


def answer(message: bytes, word: str, *, control_id: str | None = None) -> bytes:
    """An answer with this MSA-1, and MSA-2 as it should be unless told otherwise."""
    made = ack(
        peek(message),
        AckCode.AA,
        control_id="R1",
        at=datetime(2026, 3, 2, 8, tzinfo=UTC),
        software="DPI",
        mode="original",
    )
    assert made is not None
    ident = peek(message).control_id
    new = f"MSA|{word}|{ident if control_id is None else control_id}".encode()
    return made.replace(f"MSA|AA|{ident}".encode(), new)


def says(*words: str) -> Script:
    """Answer each message with these, in order."""

    async def script(_: Receiver, message: bytes, writer: asyncio.StreamWriter) -> None:
        for word in words:
            writer.write(frame(answer(message, word)))
        await writer.drain()

    return script


@asynccontextmanager
async def receiver(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Listen on a free port of loopback."""
    running = Receiver(script)
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for writer in running.writers:
            writer.transport.abort()
        await server.wait_closed()
        if running.serving:
            await asyncio.wait(running.serving, timeout=5)
