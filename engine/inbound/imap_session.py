"""One IMAP session: the few commands that a reader of receipts needs, each within bounds.

Spec    RFC 3501 (IMAP4rev1), 2177 (IDLE), 4616 (PLAIN), 4422 appendix A (EXTERNAL), 8314 (TLS).
What can go wrong: anything; every fault is an ImapError that names the step, and never quotes the
server or a mail. After one the connection is dropped: its answers may no longer match commands.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final, Self

from pydantic import SecretStr

from engine.model.config import Returns
from engine.model.errors import ConfigError

MOST_OF_A_MAIL: Final = 256 * 1024  # bytes fetched: reports come before the mail they return
_MOST_LINE: Final = 4 * 1024 * 1024  # a SEARCH of some 500,000 numbers
_MOST_LITERALS: Final = 64  # in one response
_MOST_RESPONSES: Final = 10_000  # to one command
_IDLE_MOST: Final = 28 * 60.0  # seconds: RFC 2177 asks for a renewal before 29 minutes

_PAST_ANY_UID: Final = 2**32  # RFC 3501 section 9: nz-number

_NUMBER: Final = re.compile(rb"\d{1,10}")
_LITERAL: Final = re.compile(rb"\{(\d{1,10})\+?\}\r\n\Z")
_UID: Final = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE: Final = re.compile(rb"\bRFC822\.SIZE (\d{1,19})\b")
_ARRIVED: Final = re.compile(
    rb'\bINTERNALDATE "([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d\d)(\d\d)"'
)
_MONTHS: Final = (
    *(b"jan", b"feb", b"mar", b"apr", b"may", b"jun"),
    *(b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"),
)
_QUOTED_BODY: Final = re.compile(rb'BODY\[\](?:<0>)? "((?:[^"\\]|\\.)*)"')
_CODE: Final = re.compile(rb"\[(UIDVALIDITY|UIDNEXT) (\d{1,10})\]")
_FLAGS: Final = re.compile(rb"\[PERMANENTFLAGS \(([^()]*)\)\]")


class Fault(StrEnum):
    """What a session failed at."""

    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"  # a person must mend it: asked again at the pace of the poll
    FOLDER = "folder"
    BROKEN = "broken"  # dropped, silent, or no IMAP


class ImapError(Exception):
    """A session that is of no more use."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(f"{fault.value}: {why}")
        self.fault = fault
        self.why = why


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder as it was opened. ``validity`` is UIDVALIDITY: when it changes, UIDs mean other
    mails. ``own_flags``: whether keywords of ours may be kept; ``writable``: whether any flag."""

    validity: int
    writable: bool
    own_flags: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """The beginning of one mail, how long it is, and when it came, by the server's own clock."""

    uid: int
    size: int
    arrived: datetime | None  # INTERNALDATE
    raw: bytes


class ImapSession:
    """Made by `open`. One command at a time."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: Returns
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._settings = settings
        self._seconds = settings.timeout.total_seconds()
        self._count = 0
        self._offers: frozenset[bytes] = frozenset()

    @classmethod
    async def open(
        cls, settings: Returns, context: ssl.SSLContext, password: SecretStr | None
    ) -> Self:
        """Connect, secure, log in. Raises ImapError."""
        at_once = settings.security == "tls"
        try:
            async with asyncio.timeout(settings.timeout.total_seconds()):
                reader, writer = await asyncio.open_connection(
                    settings.host,
                    settings.port,
                    ssl=context if at_once else None,
                    server_hostname=settings.host if at_once else None,
                    limit=_MOST_LINE,
                )
        except ssl.SSLError as error:
            raise ImapError(Fault.TLS, _tls_words(error)) from None
        except (OSError, TimeoutError) as error:
            raise ImapError(Fault.CONNECT, type(error).__name__) from None
        session = cls(reader, writer, settings)
        try:
            await session._begin(context, password)
        except BaseException:
            session.drop()
            raise
        return session

    async def _begin(self, context: ssl.SSLContext, password: SecretStr | None) -> None:
        greeting = b"".join(await self._answer())
        if not greeting.startswith((b"* OK", b"* PREAUTH")):
            raise ImapError(Fault.CONNECT, "the server turned us away")
        if self._settings.security == "starttls":
            await self._ask("STARTTLS", Fault.TLS)
            # RFC 3501 section 6.2.1: what was said in clear is forgotten, and what a stranger may
            # have slipped in behind the answer is not taken for the server's.
            if self._buffered():
                raise ImapError(Fault.TLS, "bytes in clear after STARTTLS")
            try:
                async with asyncio.timeout(self._seconds):
                    await self._writer.start_tls(context, server_hostname=self._settings.host)
            except ssl.SSLError as error:
                raise ImapError(Fault.TLS, _tls_words(error)) from None
            except (OSError, TimeoutError) as error:
                raise ImapError(Fault.TLS, type(error).__name__) from None
        if not greeting.startswith(b"* PREAUTH"):
            await self._capabilities()
            await self._log_in(password)
        await self._capabilities()  # a server may offer more once it knows us

    def _buffered(self) -> bool:
        held: bytearray = getattr(self._reader, "_buffer", bytearray())
        return bool(held)

    async def _capabilities(self) -> None:
        offers: set[bytes] = set()
        for one in await self._ask("CAPABILITY"):
            if one[0].upper().startswith(b"* CAPABILITY"):
                offers.update(one[0].upper().split()[2:])
        self._offers = frozenset(offers)

    async def _log_in(self, password: SecretStr | None) -> None:
        user = self._settings.username
        if user is None or password is None:
            await self._authenticate("EXTERNAL", (user or "").encode())
        elif b"AUTH=PLAIN" in self._offers:
            secret = password.get_secret_value()
            await self._authenticate("PLAIN", b"\0" + user.encode() + b"\0" + secret.encode())
        else:
            words = f"LOGIN {_quoted(user)} {_quoted(password.get_secret_value())}"
            await self._ask(words, Fault.LOGIN)

    async def _authenticate(self, method: str, answer: bytes) -> None:
        tag = await self._say(f"AUTHENTICATE {method}")
        line = b"".join(await self._answer())
        if not line.startswith(b"+"):
            raise ImapError(Fault.LOGIN, f"{method} was refused")
        await self._write((base64.b64encode(answer) or b"=") + b"\r\n")
        await self._until(tag, Fault.LOGIN)

    async def select(self) -> Folder:
        """Open the folder of the settings. Raises ImapError."""
        validity, own = 0, False
        read_only = False
        tag = await self._say(f"SELECT {_quoted(self._settings.folder)}")
        for one in await self._until(tag, Fault.FOLDER):
            if (found := _CODE.search(one[0])) and found[1] == b"UIDVALIDITY":
                validity = int(found[2])
            if flags := _FLAGS.search(one[0]):
                own = rb"\*" in flags[1]
            read_only = read_only or b"[READ-ONLY]" in one[0].upper()
        if not validity:  # RFC 3501 section 2.3.1.1: then UIDs cannot be relied on
            raise ImapError(Fault.FOLDER, "the server gives no UIDVALIDITY")
        return Folder(validity, not read_only, own)

    async def uids(self, after: int) -> list[int]:
        """UIDs above `after`, ascending."""
        found: set[int] = set()
        for one in await self._ask(f"UID SEARCH UID {after + 1}:*"):
            words = one[0].split()
            if words[:2] == [b"*", b"SEARCH"]:
                found.update(int(word) for word in words[2:] if _NUMBER.fullmatch(word))
        # RFC 3501 section 6.4.8: "n:*" holds the last mail even when its UID is below n.
        return sorted(uid for uid in found if after < uid < _PAST_ANY_UID)

    async def fetch(self, uids: Sequence[int]) -> dict[int, Fetched]:
        """The beginnings of these mails, unseen flags untouched. One that is gone is left out."""
        wanted = ",".join(str(uid) for uid in uids)
        items = f"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.{MOST_OF_A_MAIL}>)"
        found: dict[int, Fetched] = {}
        for one in await self._ask(f"UID FETCH {wanted} {items}"):
            told = b"".join(one[::2])
            uid, size = _UID.search(told), _SIZE.search(told)
            if b" FETCH " not in told or uid is None or size is None:
                continue  # flags of some mail, changed by somebody else
            quoted = _QUOTED_BODY.search(told)
            raw = one[1] if len(one) > 1 else quoted[1] if quoted else b""
            if int(uid[1]) in uids:
                found[int(uid[1])] = Fetched(int(uid[1]), int(size[1]), _arrived(told), raw)
        return found

    async def mark(self, uids: Iterable[int], flags: Sequence[str]) -> None:
        """Set flags on mails. Those that are gone do not matter."""
        numbers = ",".join(str(uid) for uid in uids)
        await self._ask(f"UID STORE {numbers} +FLAGS.SILENT ({' '.join(flags)})")

    @property
    def idles(self) -> bool:
        """Whether the server tells of new mails by itself."""
        return b"IDLE" in self._offers

    async def idle(self, seconds: float, stop: asyncio.Event) -> None:
        """Wait for a new mail, the end of the time, or `stop`."""
        tag = await self._say("IDLE")
        line = b"".join(await self._answer())
        if not line.startswith(b"+"):
            raise ImapError(Fault.BROKEN, "IDLE was refused")
        stopped = asyncio.ensure_future(stop.wait())
        try:
            async with asyncio.timeout(min(seconds, _IDLE_MOST)):
                while not stopped.done():
                    heard = asyncio.ensure_future(self._pieces())
                    try:
                        await asyncio.wait({heard, stopped}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not heard.done():
                            heard.cancel()
                            await asyncio.wait({heard})
                    if heard.cancelled():
                        break
                    words = heard.result()[0].upper().split()
                    if words[:2] == [b"*", b"BYE"]:
                        raise ImapError(Fault.BROKEN, "the server said BYE")
                    if words[2:3] in ([b"EXISTS"], [b"RECENT"]):
                        break
        except TimeoutError:
            pass  # time to look again
        finally:
            stopped.cancel()
        await self._write(b"DONE\r\n")
        await self._until(tag, Fault.BROKEN)

    async def close(self) -> None:
        """Say LOGOUT and let go."""
        with contextlib.suppress(ImapError):
            await self._say("LOGOUT")
        self.drop()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                await self._writer.wait_closed()

    def drop(self) -> None:
        """Let go at once."""
        self._writer.close()

    # The wire ---------------------------------------------------------------------------------

    async def _ask(self, words: str, fault: Fault = Fault.BROKEN) -> list[list[bytes]]:
        return await self._until(await self._say(words), fault)

    async def _say(self, words: str) -> bytes:
        self._count += 1
        tag = b"R%d" % self._count
        await self._write(tag + b" " + words.encode() + b"\r\n")
        return tag

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                self._writer.write(data)
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise ImapError(Fault.BROKEN, type(error).__name__) from None

    async def _until(self, tag: bytes, fault: Fault) -> list[list[bytes]]:
        """Untagged responses up to the tagged one, that one last."""
        found: list[list[bytes]] = []
        while len(found) < _MOST_RESPONSES:
            one = await self._answer()
            found.append(one)
            first = one[0]
            if first.startswith(tag + b" "):
                if first[len(tag) + 1 :].upper().startswith(b"OK"):
                    return found
                raise ImapError(fault, "the server refused")
            if first.upper().startswith(b"* BYE"):
                raise ImapError(Fault.BROKEN, "the server said BYE")
        raise ImapError(Fault.BROKEN, "too many responses")

    async def _answer(self) -> list[bytes]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._pieces()
        except TimeoutError:
            raise ImapError(Fault.BROKEN, "no answer in time") from None

    async def _pieces(self) -> list[bytes]:
        """One response: text, literal, text, …; the literals at the odd places."""
        pieces: list[bytes] = []
        try:
            while True:
                line = await self._reader.readuntil(b"\r\n")
                found = _LITERAL.search(line)
                if found is None:
                    return [*pieces, line]
                size = int(found[1])
                if size > MOST_OF_A_MAIL or len(pieces) >= 2 * _MOST_LITERALS:
                    raise ImapError(Fault.BROKEN, "a literal longer than was asked for")
                pieces += [line, await self._reader.readexactly(size)]
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            raise ImapError(Fault.BROKEN, type(error).__name__) from None


def client_context(settings: Returns) -> ssl.SSLContext:
    """TLS as the settings ask for it. Raises ConfigError for files that cannot be read."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # Référentiel MSSanté #2, ECO.1.1.1
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ValueError) as error:
        raise ConfigError(
            what=f"A certificate cannot be used ({type(error).__name__}).",
            where=f"returns from {settings.host}",
            effect="no receipt is read there",
            remedy="check ca_file, certificate and key",
        ) from None
    return context


def _arrived(told: bytes) -> datetime | None:
    found = _ARRIVED.search(told)
    if found is None or found[2].lower() not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(found[n]) for n in (1, 3, 4, 5, 6))
    zone = timedelta(hours=int(found[7]), minutes=int(found[7][:1] + found[8]))
    try:
        month = _MONTHS.index(found[2].lower()) + 1
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(zone))
    except ValueError:
        return None


def _quoted(text: str) -> str:
    """RFC 3501 section 4.3. Raises ImapError for what no quoted string holds."""
    if not text.isascii() or any(ord(char) < 32 for char in text):
        raise ImapError(Fault.LOGIN, "a name or password that IMAP LOGIN cannot carry")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tls_words(error: ssl.SSLError) -> str:
    return str(getattr(error, "verify_message", None) or error.reason or type(error).__name__)
