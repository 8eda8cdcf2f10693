"""One SMTP connection, with TLS, always. The only import of aiosmtplib.

After any timeout, drop or reply that is none, the connection is closed: later replies might no
longer match their commands.

Faults: whatever the peer says or does becomes an Outcome by wire.mail_status. The password and
the peer's words are never logged.
"""

import asyncio
import socket
import ssl
from typing import Any, Final, cast

import aiosmtplib
import structlog
from pydantic import SecretStr

from engine.model.channel import Smtp
from engine.model.errors import ConfigError
from engine.model.flow import Cause, Deferred, Outcome
from engine.outbound.envelope import Envelope, Offer, transmitted
from engine.wire.mail_status import Mishap, Stage, outcome_of_mishap, outcome_of_reply

_log = structlog.get_logger("outbound.smtp")

# In this order. Over TLS, PLAIN costs one round trip; only one method is tried, because each
# refused login counts towards the lock of an account.
_LOGIN_METHODS: Final = ("plain", "login", "cram-md5")

QUIT_SECONDS: Final = 2.0


class Stopped(Exception):  # noqa: N818  - an outcome on its way up, not an error
    """The mail did not go; what it means, and whether the session can serve again."""

    def __init__(self, outcome: Outcome, stage: Stage, *, answered: bool) -> None:
        super().__init__()
        self.outcome = outcome
        self.stage = stage
        self.answered = answered


def client_context(settings: Smtp) -> ssl.SSLContext:
    """TLS 1.2 or later, the server's name checked, our certificate if there is one.

    Raises ConfigError when a file cannot be read or holds no certificate or key.
    """
    try:
        context = ssl.create_default_context(
            cafile=None if settings.ca_file is None else str(settings.ca_file)
        )
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # ECO.1.1.1
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigError(
            what="The certificates of a channel cannot be read.",
            where=f"ca_file, certificate or key of the relay {settings.host}",
            effect=f"no mail can leave through it ({type(error).__name__})",
            remedy="give PEM files that the daemon may read, the key beside its certificate",
        ) from None
    return context


class Session:
    """One connection to the relay, from the greeting to QUIT."""

    def __init__(self, settings: Smtp, context: ssl.SSLContext, password: SecretStr | None) -> None:
        self._settings = settings
        self._password = password
        self._timeout = settings.timeout.total_seconds()
        self._client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.security == "tls",
            start_tls=False,  # done by hand below: it must not be skipped
            tls_context=context,
            timeout=self._timeout,
            local_hostname="localhost",  # replaced at EHLO
        )
        self._writer: asyncio.StreamWriter | None = None
        self.offer = Offer()
        self.stage = Stage.CONNECT
        self.mails = 0
        self.idle_timer: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    async def open(self) -> None:
        """Greeting, TLS, EHLO, login. Raises Stopped."""
        await self._connect()
        if self._settings.security == "starttls":
            await self._ehlo(Stage.EHLO)
            await self._secure()
        await self._ehlo(Stage.EHLO_SECURED)
        self.offer = Offer.of(self._client.esmtp_extensions)
        await self._login()
        # After the last change of transport: the protocol is aiosmtplib's flow control, made to
        # be driven by a StreamWriter.
        self._writer = asyncio.StreamWriter(
            cast(asyncio.WriteTransport, self._client.transport),
            cast(asyncio.BaseProtocol, self._client.protocol),
            None,
            asyncio.get_running_loop(),
        )

    async def _connect(self) -> None:
        self.stage = Stage.CONNECT
        try:
            await self._client.connect()
        except aiosmtplib.SMTPConnectResponseError as error:
            raise self._refused(Stage.GREETING, error) from None
        except aiosmtplib.SMTPResponseException:
            raise self._mishap(Stage.GREETING, Mishap.GARBAGE) from None
        except aiosmtplib.SMTPConnectError as error:
            match error.__cause__:
                case ssl.SSLError() as cause:
                    self._tell_tls(cause)
                    raise self._mishap(Stage.CONNECT, Mishap.NO_TLS) from None
                case aiosmtplib.SMTPTimeoutError():
                    raise self._mishap(Stage.GREETING, Mishap.SILENCE) from None
                case aiosmtplib.SMTPServerDisconnected():
                    raise self._mishap(Stage.GREETING, Mishap.DROP) from None
                case _:
                    raise self._mishap(Stage.CONNECT, Mishap.NO_CONNECTION) from None
        except (OSError, aiosmtplib.SMTPException):
            raise self._mishap(Stage.CONNECT, Mishap.NO_CONNECTION) from None

    async def _ehlo(self, stage: Stage) -> None:
        self.stage = stage
        name = socket.gethostname()
        if "." not in name or not name.isascii():
            # RFC 5321 section 4.1.3: without a name of its own, a client gives its address.
            host = str(self._client.get_transport_info("sockname")[0]) if self.connected else ""
            name = f"[IPv6:{host}]" if ":" in host else f"[{host or '127.0.0.1'}]"
        try:
            await self._client.ehlo(hostname=name)
        except aiosmtplib.SMTPHeloError as error:
            raise self._refused(stage, error) from None
        except (OSError, aiosmtplib.SMTPException) as error:
            raise self._fell(stage, error) from None

    async def _secure(self) -> None:
        self.stage = Stage.TLS
        if not self._client.supports_extension("starttls"):
            raise self._mishap(Stage.TLS, Mishap.NO_TLS)  # perhaps stripped on the way: never on
        try:
            await self._client.starttls()
        except aiosmtplib.SMTPResponseException as error:
            raise self._refused(Stage.TLS, error) from None
        except (OSError, aiosmtplib.SMTPException) as error:
            if isinstance(error, ssl.SSLError):
                self._tell_tls(error)
            raise self._fell(Stage.TLS, error) from None

    async def _login(self) -> None:
        username, password = self._settings.username, self._password
        if username is None:
            return
        self.stage = Stage.AUTH
        offered = self._client.server_auth_methods
        method = next((name for name in _LOGIN_METHODS if name in offered), None)
        if method is None:
            raise self._mishap(Stage.AUTH, Mishap.NO_METHOD)
        verb = {
            "plain": self._client.auth_plain,
            "login": self._client.auth_login,
            "cram-md5": self._client.auth_crammd5,
        }[method]
        secret = "" if password is None else password.get_secret_value()
        try:
            await verb(username, secret)
        except aiosmtplib.SMTPResponseException as error:
            raise self._refused(Stage.AUTH, error) from None
        except (OSError, aiosmtplib.SMTPException) as error:
            raise self._fell(Stage.AUTH, error) from None

    async def send(self, wanted: Envelope, mime: bytes) -> Outcome:
        """MAIL, RCPT, DATA. Gives Accepted; anything else comes as Stopped."""
        self.mails += 1
        await self._say(Stage.MAIL, *wanted.mail)
        await self._say(Stage.RCPT, *wanted.rcpt)
        await self._say(Stage.DATA, b"DATA")
        return await self._body(mime)

    async def _say(self, stage: Stage, *words: bytes) -> None:
        self.stage = stage
        try:
            reply = await self._client.execute_command(*words)
        except (OSError, aiosmtplib.SMTPException) as error:
            raise self._fell(stage, error) from None
        outcome = outcome_of_reply(stage, reply.code, reply.message)
        if outcome is not None:
            raise Stopped(outcome, stage, answered=200 <= reply.code <= 599)

    async def _body(self, mime: bytes) -> Outcome:
        protocol, writer = self._client.protocol, self._writer
        if protocol is None or writer is None:
            raise self._mishap(Stage.DATA, Mishap.DROP)
        # Read from the start: a relay may refuse in the middle of the body and hang up.
        reply = asyncio.ensure_future(protocol.read_response(timeout=None))
        try:
            for piece in transmitted(mime):
                writer.write(piece)
                await self._drained(writer, reply)
            self.stage = Stage.FINAL_DOT  # from here on, the peer may have the whole mail
            writer.write(b".\r\n")
            done, _ = await asyncio.wait(
                {reply}, timeout=self._settings.data_timeout.total_seconds()
            )
            if not done:
                raise self._mishap(Stage.FINAL_DOT, Mishap.SILENCE)
            return self._settled(reply)
        finally:
            if not reply.cancel() and not reply.cancelled():
                reply.exception()  # seen: a peer that hangs up twice is not worth a warning

    async def _drained(
        self, writer: asyncio.StreamWriter, reply: "asyncio.Future[aiosmtplib.SMTPResponse]"
    ) -> None:
        """Wait until the piece is on its way; raise when the relay answers before the end."""
        drain = asyncio.ensure_future(writer.drain())
        try:
            either: set[asyncio.Future[Any]] = {drain, reply}
            await asyncio.wait(either, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
            if reply.done():
                self._settled(reply)
                raise self._mishap(Stage.DATA, Mishap.GARBAGE)
            if not drain.done():
                raise self._mishap(Stage.DATA, Mishap.SILENCE)
            if drain.exception() is not None:
                raise self._mishap(Stage.DATA, Mishap.DROP)
        finally:
            if not drain.done():
                drain.cancel()
        await asyncio.sleep(0)  # drain() does not yield while the buffer has room

    def _settled(self, reply: "asyncio.Future[aiosmtplib.SMTPResponse]") -> Outcome:
        try:
            code, text = reply.result()
        except (OSError, aiosmtplib.SMTPException) as error:
            raise self._fell(self.stage, error) from None
        outcome = outcome_of_reply(self.stage, code, text)
        if self.stage is Stage.FINAL_DOT and outcome is not None and 200 <= code <= 299:
            return outcome
        # Before the final dot the relay still awaits the rest of the body: not reusable.
        answered = self.stage is Stage.FINAL_DOT and 400 <= code <= 599
        raise Stopped(outcome or Deferred(Cause.DROPPED, code), self.stage, answered=answered)

    async def reset(self) -> None:
        """RSET, so that the next mail starts clean. Raises Stopped."""
        await self._say(Stage.MAIL, b"RSET")

    async def quit(self) -> None:
        """Say QUIT if the peer still listens, then close."""
        try:
            if self.connected:
                await self._client.quit(timeout=QUIT_SECONDS)
        except (OSError, aiosmtplib.SMTPException):
            pass  # the mail was settled before; a peer that hangs up without a word is no event
        finally:
            self.drop()

    def drop(self) -> None:
        """Close at once, without a word and without waiting for the peer."""
        if self.idle_timer is not None:
            self.idle_timer.cancel()
            self.idle_timer = None
        transport = self._client.transport
        self._client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()

    def _refused(self, stage: Stage, error: aiosmtplib.SMTPResponseException) -> Stopped:
        outcome = outcome_of_reply(stage, error.code, error.message)
        if outcome is None:  # a success where a failure was announced: out of step
            outcome = outcome_of_mishap(stage, Mishap.GARBAGE)
        return Stopped(outcome, stage, answered=False)

    def _fell(self, stage: Stage, error: Exception) -> Stopped:
        if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
            return self._mishap(stage, Mishap.NO_TLS)
        if isinstance(error, TimeoutError):
            return self._mishap(stage, Mishap.SILENCE)
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return self._mishap(stage, Mishap.GARBAGE)
        return self._mishap(stage, Mishap.DROP)

    def _mishap(self, stage: Stage, mishap: Mishap) -> Stopped:
        return Stopped(outcome_of_mishap(stage, mishap), stage, answered=False)

    def _tell_tls(self, error: ssl.SSLError) -> None:
        # OpenSSL's own words: they name a fault of certificates, never a person.
        why = getattr(error, "verify_message", None) or error.reason or type(error).__name__
        _log.warning("smtp-tls-failed", relay=self._settings.host, why=str(why))
