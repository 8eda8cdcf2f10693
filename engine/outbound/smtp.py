"""Transport: one relay over SMTP, with connections kept and reused.

One session carries one mail at a time. What the peer says or does is turned into an Outcome by
smtp_session and wire.mail_status.
"""

import asyncio
from typing import Final

import structlog
from pydantic import SecretStr

from engine.model.channel import Smtp
from engine.model.flow import Cause, Deferred, Delivery, Outcome, Unknown
from engine.outbound.envelope import Envelope, envelope
from engine.outbound.smtp_session import QUIT_SECONDS, Session, Stopped, client_context
from engine.wire.mail_status import Stage

_log = structlog.get_logger("outbound.smtp")

_MAILS_A_SESSION: Final = 100  # relays close long sessions; better at a moment of our choice


class SmtpTransport:
    """Sends through one relay, over at most `settings.connections` connections, kept for reuse.

    ``password`` is the secret that `settings.password` refers to. ``idle`` is how long, in
    seconds, a connection waits for a next mail. Raises ConfigError for unreadable certificates.
    """

    def __init__(
        self, settings: Smtp, password: SecretStr | None = None, *, idle: float = 20.0
    ) -> None:
        self._settings = settings
        self._password = password
        self._idle_seconds = idle
        self._context = client_context(settings)
        self._slots = asyncio.Semaphore(settings.connections)
        self._idle: list[Session] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        """Try once. Raises CancelledError alone, and only before the final dot has left."""
        async with self._slots:
            try:
                session = self._waiting_session()
                if session is not None:
                    try:
                        return await self._carry(session, delivery, mime)
                    except Stopped as failed:
                        # The relay had closed the waiting connection: it has seen nothing of
                        # this mail, so this is not yet an attempt.
                        if failed.stage is not Stage.MAIL or session.connected:
                            raise
                session = Session(self._settings, self._context, self._password)
                return await self._carry(session, delivery, mime)
            except Stopped as failed:
                return failed.outcome

    async def _carry(self, session: Session, delivery: Delivery, mime: bytes) -> Outcome:
        """One mail over one session, which is then kept, reset or dropped."""
        try:
            if not session.connected:
                await session.open()
            wanted = envelope(delivery, mime, session.offer)
            if not isinstance(wanted, Envelope):
                self._keep(session)
                return wanted
            outcome = await session.send(wanted, mime)
        except Stopped as failed:
            await self._after_failure(session, failed)
            raise
        except asyncio.CancelledError:
            session.drop()
            if session.stage is Stage.FINAL_DOT:
                return Unknown()  # the peer may have it: that must be written down
            raise
        except Exception as error:
            session.drop()
            _log.error(
                "smtp-internal-fault",
                delivery=delivery.id,
                stage=session.stage.value,
                error=type(error).__name__,
            )
            if session.stage is Stage.FINAL_DOT:
                return Unknown()
            return Deferred(Cause.INTERNAL)
        self._keep(session)
        return outcome

    async def _after_failure(self, session: Session, failed: Stopped) -> None:
        if not (failed.answered and session.connected):
            session.drop()
            return
        try:
            await session.reset()
        except Stopped:
            session.drop()
        except asyncio.CancelledError:
            session.drop()
            raise failed from None  # the outcome is known: it must not be lost
        else:
            self._keep(session)

    def _waiting_session(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if session.idle_timer is not None:
                session.idle_timer.cancel()
                session.idle_timer = None
            if session.connected:
                return session
            session.drop()
        return None

    def _keep(self, session: Session) -> None:
        if self._closed or session.mails >= _MAILS_A_SESSION or not session.connected:
            self._let_go(session)
            return
        self._idle.append(session)
        session.idle_timer = asyncio.get_running_loop().call_later(
            self._idle_seconds, self._expire, session
        )

    def _expire(self, session: Session) -> None:
        if session in self._idle:
            self._idle.remove(session)
            self._let_go(session)

    def _let_go(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(session.quit())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Say QUIT on every waiting connection. Attempts under way close theirs as they end."""
        self._closed = True
        while self._idle:
            self._let_go(self._idle.pop())
        if self._leaving:
            await asyncio.wait(set(self._leaving), timeout=2 * QUIT_SECONDS)
