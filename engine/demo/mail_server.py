"""The development mail server: insists on STARTTLS, keeps each mail as a file, plays faults.

A mailbox chooses its fault by its local part, or by what follows a "+" in it, so that a drill
needs no code:

    451@…  550@…   that reply to RCPT (any 4yz or 5yz)
    greylist@…     451 the first time, then taken
    drop@…         hangs up at RCPT
    silence@…      never answers the final dot; the mail is thrown away
    lost@…         never answers the final dot; the mail is kept ("possibly sent")

Each may end in -N: only the first N times (`lost-1@…`, `cabinet.martin+451-2@…`).
The same Message-ID twice is two files: whoever counts, counts what really came.
"""

import asyncio
import hmac
import json
import logging
import os
import re
import ssl
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from engine.demo.authority import make_authority

_FAULT: Final = re.compile(r"(?:.*\+)?(\d{3}|greylist|drop|silence|lost)(?:-(\d+))?", re.ASCII)
_UNSAFE: Final = re.compile(r"[^a-z0-9@._+-]|^\.+")
_MAIL_DSN: Final = re.compile(r"\s(RET|ENVID)=(\S+)", re.I)
_RCPT_DSN: Final = re.compile(r"\s(NOTIFY|ORCPT)=(\S+)", re.I)
_SIZE_LIMIT: Final = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """A mail that was kept; written beside it as JSON."""

    file: str
    sender: str
    recipient: str
    ret: str | None
    envid: str | None
    notify: str | None
    orcpt: str | None
    tls: bool
    login: str | None


class _Server(SMTP):
    """aiosmtpd, which knows no DSN, with the parameters of RFC 3461 taken off and kept."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.dsn: dict[str, str] = {}

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        self.dsn = {}
        await super().smtp_MAIL(self._take(_MAIL_DSN, arg))

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        await super().smtp_RCPT(self._take(_RCPT_DSN, arg))

    def _take(self, wanted: re.Pattern[str], arg: str | None) -> str | None:
        if arg is None:
            return None
        path, bracket, parameters = arg.partition(">")
        self.dsn |= {name.upper(): value for name, value in wanted.findall(parameters)}
        return path + bracket + wanted.sub("", parameters)


class MailServer:
    """Listens on loopback, on any free port. Start and stop it in a loop, or in its own thread.

    ``folder`` gets ca.pem, server.pem and one folder a mailbox. With ``login`` (name, password),
    nothing is taken from anybody else.
    """

    def __init__(
        self, folder: Path, *, login: tuple[str, str] | None = None, port: int = 0
    ) -> None:
        self.folder = folder
        self._login = login
        self._wanted_port = port
        authority = make_authority(folder)
        self.ca = authority.ca
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(authority.server)
        self._met: Counter[str] = Counter()
        self._numbers = count(1)
        self._server: asyncio.Server | None = None
        self._sessions: set[_Server] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        # aiosmtpd logs every address at INFO.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)

    async def start(self) -> None:
        """Listen; `port` is known afterwards."""
        self._loop = asyncio.get_running_loop()
        self._server = await self._loop.create_server(self._session, "127.0.0.1", self._wanted_port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is None:
            return
        self._server.close()
        for session in list(self._sessions):
            self._hang_up(session)
        await self._server.wait_closed()
        await asyncio.sleep(0)  # lets the last connection_lost run
        self._server = None

    def start_in_thread(self) -> None:
        """As `start`, in a loop and a thread of its own."""
        loop, ready = asyncio.new_event_loop(), threading.Event()

        def serve() -> None:
            loop.run_until_complete(self.start())
            ready.set()
            loop.run_forever()
            loop.run_until_complete(self.stop())
            loop.close()

        self._thread = threading.Thread(target=serve, name="demo-mail", daemon=True)
        self._thread.start()
        ready.wait()

    def stop_in_thread(self) -> None:
        """As `stop`, after `start_in_thread`."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None

    def mails(self) -> list[Path]:
        """Every mail that was kept, oldest first."""
        return sorted(self.folder.glob("*/*.eml"), key=lambda path: path.name)

    def _session(self) -> _Server:
        session = _Server(
            self,
            data_size_limit=_SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Relais demo",
            tls_context=self._tls,
            require_starttls=True,
            auth_required=self._login is not None,
            authenticator=self._authenticate,
            auth_exclude_mechanism=None if self._login else ["LOGIN", "PLAIN"],
            loop=asyncio.get_running_loop(),
        )
        self._sessions.add(session)
        return session

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        if self._login is None or not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        name, password = (part.encode() for part in self._login)
        right = hmac.compare_digest(data.login, name) & hmac.compare_digest(data.password, password)
        return AuthResult(success=bool(right), handled=False, auth_data=data.login.decode())

    # What aiosmtpd asks of its handler.

    async def handle_EHLO(  # noqa: N802
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Announce DSN, once TLS stands."""
        session.host_name = hostname
        return [*responses[:-1], "250-DSN", responses[-1]] if session.ssl else responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a mailbox, or play its fault."""
        fault = self._fault(address, at_rcpt=True)
        if fault == "drop":
            self._hang_up(server)
        elif fault is not None:
            return f"{fault} {fault[0]}.0.0 as {fault} asks"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: _Server, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail, or fall silent."""
        faults = {self._fault(address, at_rcpt=False) for address in envelope.rcpt_tos}
        name = f"{time.time_ns():020}-{next(self._numbers)}"
        if "silence" not in faults:
            for address in envelope.rcpt_tos:
                self._keep(name, address, server, session, envelope)
        if faults & {"silence", "lost"}:
            await asyncio.Event().wait()  # until the client hangs up, or `stop` does
        return f"250 2.0.0 Ok: queued as {name.replace('-', 'N')}"

    def _fault(self, address: str, *, at_rcpt: bool) -> str | None:
        found = _FAULT.fullmatch(address.rpartition("@")[0].lower())
        if found is None:
            return None
        word, times = found[1], found[2]
        if word.isdigit() and word[0] not in "45":
            return None
        if (word in {"silence", "lost"}) == at_rcpt:
            return None  # its moment is the other one
        if word == "greylist":
            word, times = "451", times or "1"
        self._met[address.lower()] += 1
        if times is not None and self._met[address.lower()] > int(times):
            return None
        return word

    def _hang_up(self, server: SMTP) -> None:
        if isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()

    def _keep(
        self, name: str, address: str, server: _Server, session: Session, envelope: Envelope
    ) -> None:
        box = self.folder / (_UNSAFE.sub("_", address.lower())[:120] or "_")
        box.mkdir(exist_ok=True)
        login = session.auth_data if isinstance(session.auth_data, str) else None
        received = Received(
            file=f"{name}.eml",
            sender=str(envelope.mail_from),
            recipient=address,
            ret=server.dsn.get("RET"),
            envid=server.dsn.get("ENVID"),
            notify=server.dsn.get("NOTIFY"),
            orcpt=server.dsn.get("ORCPT"),
            tls=session.ssl is not None,
            login=login,
        )
        _put(box / f"{name}.json", json.dumps(asdict(received), indent=1).encode())
        _put(box / f"{name}.eml", envelope.original_content or b"")


def _put(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
