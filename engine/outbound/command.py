"""Transport: a program, run once a mail; its exit code is the answer.

For networks that are reached by their operator's own program (Apicrypt: an encrypting connector).

What can go wrong
    The program does not start, hangs, prints without end, or leaves others running. It reads from
    a file in memory, so it cannot make us wait by not reading; what it prints goes nowhere, since
    it may quote the letter; at its end, or at the end of our patience, its whole process group is
    killed. Killed, or ended by a signal, it may have sent: possibly sent. (One that makes itself a
    session of its own escapes the group: systemd's cgroup ends it with the service.)
    The daemon dies while it runs: the attempt is cut, and possibly sent as well.

Exit codes: sysexits.h; the table is the site's (model.channel.Command).
"""

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from email import message_from_bytes
from email.policy import compat32
from pathlib import Path
from typing import Final, cast

from engine.model.channel import Command
from engine.model.flow import Accepted, Cause, Deferred, Delivery, Outcome, Rejected, Unknown
from engine.outbound.envelope import plain_address
from engine.outbound.folder import SAFE_ID

_PRIVATE: Final = 0o600


class CommandTransport:
    """Runs `settings.argv` for each mail."""

    def __init__(self, settings: Command) -> None:
        self._settings = settings

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        """Run it once. Raises CancelledError alone, and only before the program has started."""
        settings = self._settings
        if SAFE_ID.fullmatch(delivery.id) is None:
            return Rejected(Cause.INTERNAL)
        # An address that begins with a dash would be an option to the program.
        if not plain_address(delivery.address) or delivery.address.startswith("-"):
            return Rejected(Cause.MAILBOX)
        if not plain_address(delivery.sender) or delivery.sender.startswith("-"):
            return Rejected(Cause.INTERNAL)
        content = mime if settings.body == "mail" else first_text(mime)
        if content is None:
            return Rejected(Cause.INTERNAL)
        file: Path | None = None
        if settings.give == "file":
            if settings.private is None:
                return Deferred(Cause.FOLDER)
            file = settings.private / delivery.id
        try:
            if file is not None:
                await _written(file, content)
            return await self._run(_arguments(settings, delivery, file), content, file)
        except OSError:
            return Deferred(Cause.FOLDER)
        finally:
            if file is not None:
                with suppress(OSError):
                    file.unlink(missing_ok=True)

    async def close(self) -> None:
        """Nothing waits: a run ends with its attempt."""

    async def _run(self, arguments: list[str], content: bytes, file: Path | None) -> Outcome:
        try:
            process = _start(arguments, None if file else content, self._settings.environment)
        except OSError:
            return Deferred(Cause.COMMAND)  # not there, not ours to run, no process to be had
        watch = os.pidfd_open(process.pid)
        try:
            try:
                async with asyncio.timeout(self._settings.timeout.total_seconds()):
                    await _ended(watch)
            except (TimeoutError, asyncio.CancelledError):
                return Unknown()
            finally:
                # Not reaped yet, so the number of the group is still its own.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                code = await asyncio.shield(asyncio.to_thread(process.wait))
        finally:
            os.close(watch)
        return self._outcome(code)

    def _outcome(self, code: int) -> Outcome:
        settings = self._settings
        if code == 0:
            return Accepted(reply="exit 0")
        if code < 0 or code in settings.possibly_sent:
            return Unknown()
        if code in settings.no_mailbox:
            return Rejected(Cause.MAILBOX, code)
        if code in settings.refused:
            return Rejected(Cause.REFUSED, code)
        return Deferred(Cause.COMMAND, code)  # EX_TEMPFAIL, and whatever is not told


def first_text(mime: bytes) -> bytes | None:
    """The first text/plain part of a mail, its encoding undone, in its own character set; None
    when there is none. An HPRIM channel puts the HPRIM file there."""
    message = message_from_bytes(mime, policy=compat32)
    for part in message.walk():
        if part.get_content_type() == "text/plain" and part.get_filename() is None:
            return cast("bytes | None", part.get_payload(decode=True))
    return None


def _arguments(settings: Command, delivery: Delivery, file: Path | None) -> list[str]:
    known = {
        "{recipient}": delivery.address,
        "{local}": delivery.address.rpartition("@")[0],
        "{sender}": delivery.sender,
        "{id}": delivery.id,
        "{file}": "" if file is None else str(file),
    }
    program, *rest = settings.argv
    found = [program]
    for one in rest:
        at, made = 0, ""
        while at < len(one):  # once over: what was put in is not looked at again
            name = next((name for name in known if one.startswith(name, at)), None)
            made += one[at] if name is None else known[name]
            at += 1 if name is None else len(name)
        found.append(made)
    return found


def _start(
    arguments: list[str], content: bytes | None, environment: dict[str, str]
) -> "subprocess.Popen[bytes]":
    if content is None:
        source = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    else:
        source = os.memfd_create("mail", os.MFD_CLOEXEC)  # never on a disk, and nobody waits
    try:
        if content is not None:
            view = memoryview(content)
            while view:
                view = view[os.write(source, view) :]
            os.lseek(source, 0, os.SEEK_SET)
        return subprocess.Popen(  # noqa: S603 - the site's own program, without a shell
            arguments,
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            close_fds=True,
            start_new_session=True,
        )
    finally:
        os.close(source)


async def _ended(watch: int) -> None:
    """Wait until the process behind a pidfd has ended; it stays to be reaped."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def told() -> None:
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(watch, told)
    try:
        await ended
    finally:
        loop.remove_reader(watch)


async def _written(file: Path, content: bytes) -> None:
    """Write it; cancelled, wait for the thread, so that whoever removes the file comes after it."""
    work = asyncio.ensure_future(asyncio.to_thread(_write_private, file, content))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait({work})
        raise


def _write_private(path: Path, content: bytes) -> None:
    # One of an attempt before may lie there; a link never does what we want.
    path.unlink(missing_ok=True)
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
