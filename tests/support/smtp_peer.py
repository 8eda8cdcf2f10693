"""A scripted SMTP server on loopback: it follows the protocol except where the test says so.

    peer = Peer({"rcpt": [Reply("451 4.7.1 later"), GOOD]})

The script gives, for each verb, what happens each time it is met: a Reply, SILENCE, DROP, or
GOOD. When a list is used up its last item repeats; a verb without a list is GOOD. Verbs: greeting,
ehlo, starttls, ehlo-secured, auth, mail, rcpt, data, body (drop or reply in the middle of it),
final-dot, rset, quit.
"""

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final


@dataclass(frozen=True)
class Reply:
    """Say this; after 421 the peer also hangs up."""

    text: str


@dataclass(frozen=True)
class _Act:
    name: str


GOOD: Final = _Act("good")
SILENCE: Final = _Act("silence")
DROP: Final = _Act("drop")

Act = Reply | _Act

_GOOD_REPLIES: Final = {
    "greeting": "220 peer.example ESMTP",
    "starttls": "220 2.0.0 go ahead",
    "auth": "235 2.7.0 welcome",
    "mail": "250 2.1.0 ok",
    "rcpt": "250 2.1.5 ok",
    "data": "354 go on",
    "final-dot": "250 2.0.0 Ok: queued as 4XyZ12abc",
    "rset": "250 2.0.0 ok",
    "quit": "221 2.0.0 bye",
}


class _HangUpError(Exception):
    pass


@dataclass
class Mail:
    """A mail that came in whole, as it was before dot-stuffing."""

    mail_line: str
    rcpt_line: str
    body: bytes


@dataclass
class Peer:
    """Use as an async context manager; `port` is known inside."""

    script: dict[str, list[Act]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    extensions: tuple[str, ...] = (
        "SIZE 20000000",
        "8BITMIME",
        "DSN",
        "SMTPUTF8",
        "AUTH PLAIN LOGIN",
    )
    offer_starttls: bool = True

    port: int = 0
    connections: int = 0
    mails: list[Mail] = field(default_factory=list)
    whole: list[Mail] = field(default_factory=list)  # those that were not answered for, too
    commands: list[str] = field(default_factory=list)
    final_dot_seen: asyncio.Event = field(default_factory=asyncio.Event)
    quit_heard: asyncio.Event = field(default_factory=asyncio.Event)
    silences: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> "Peer":
        self._met: Counter[str] = Counter()
        self._release = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(
            self._client, "127.0.0.1", 0, ssl=self.tls if self.implicit else None, limit=2**26
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release.set()
        self._server.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=2)
            for task in late:
                task.cancel()
        await self._server.wait_closed()

    def _act(self, verb: str) -> Act:
        acts = self.script.get(verb)
        turn = self._met[verb]
        self._met[verb] += 1
        return GOOD if not acts else acts[min(turn, len(acts) - 1)]

    def _next(self, verb: str) -> Act:
        """What comes next; a step that goes by the book is over with that."""
        acts = self.script.get(verb) or [GOOD]
        act = acts[min(self._met[verb], len(acts) - 1)]
        self._met[verb] += act is GOOD
        return act

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._session(reader, writer)
        except (_HangUpError, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(
        self, writer: asyncio.StreamWriter, verb: str, good: str | None = None
    ) -> bool:
        """True: the step succeeded, by the book."""
        act = self._act(verb)
        if act is SILENCE:
            self.silences.set()
            await self._release.wait()
            raise _HangUpError
        if act is DROP:
            raise _HangUpError
        text = act.text if isinstance(act, Reply) else (good or _GOOD_REPLIES[verb])
        writer.write(text.encode() + b"\r\n")
        await writer.drain()
        if text.startswith("421"):
            writer.close()
            await writer.wait_closed()
            raise _HangUpError
        return act is GOOD

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secured = self.implicit
        mail_line = rcpt_line = ""
        await self._answer(writer, "greeting")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.commands.append(line)
            verb = line.split(" ", 1)[0].lower()
            if verb == "ehlo":
                offers = list(self.extensions)
                if self.offer_starttls and not secured:
                    offers.append("STARTTLS")
                lines = ["peer.example", *offers]
                good = "\r\n".join(f"250-{word}" for word in lines[:-1]) + f"\r\n250 {lines[-1]}"
                if not offers:
                    good = "250 peer.example"
                await self._answer(writer, "ehlo-secured" if secured else "ehlo", good)
            elif verb == "starttls":
                if await self._answer(writer, "starttls"):
                    assert self.tls is not None
                    await writer.start_tls(self.tls)
                    secured = True
            elif verb == "mail":
                mail_line = line
                await self._answer(writer, "mail")
            elif verb == "rcpt":
                rcpt_line = line
                await self._answer(writer, "rcpt")
            elif verb == "data":
                if not await self._answer(writer, "data"):
                    continue
                if (act := self._next("body")) is not GOOD:
                    await reader.read(10)
                    if act is SILENCE:
                        writer.transport.pause_reading()  # type: ignore[attr-defined]
                    await self._answer(writer, "body", "250 too early")
                body = await reader.readuntil(b"\r\n.\r\n")
                self.final_dot_seen.set()
                whole = body[:-3].replace(b"\r\n..", b"\r\n.")
                whole = whole[1:] if whole.startswith(b"..") else whole
                mail = Mail(mail_line, rcpt_line, whole)
                self.whole.append(mail)
                if await self._answer(writer, "final-dot"):
                    self.mails.append(mail)
            elif verb == "quit":
                self.quit_heard.set()
                await self._answer(writer, "quit")
                return
            else:
                await self._answer(writer, verb)


@asynccontextmanager
async def in_a_thread(peer: Peer) -> AsyncIterator[Peer]:
    """Run the peer in a loop of its own, for measures of ours alone."""
    started, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with peer:
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    await asyncio.to_thread(started.wait)
    try:
        yield peer
    finally:
        loop.call_soon_threadsafe(ended.set)
        await asyncio.to_thread(thread.join)
        loop.close()
