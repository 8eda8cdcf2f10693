"""The daemon's local socket: how a command reaches the one process that writes the store.

A request is one line of JSON, ``{"op": …, "args": {…}, "by": …}``; so is the answer. Who asks is
told by the kernel (SO_PEERCRED): the login of the process at the other end. Root alone may act in
somebody else's name.
"""

import asyncio
import contextlib
import json
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import structlog

from engine.model.config import Config
from engine.model.errors import EngineError, OperationError

log = structlog.get_logger()

_LONGEST: Final = 1024 * 1024
_MOST_TOO_LONG: Final = 16  # times the longest request
_PATIENCE: Final = 60.0

# operation, arguments, actor → result
Perform = Callable[[str, dict[str, Any], str], Awaitable[dict[str, Any]]]


class NotRunningError(Exception):
    """No daemon answers."""


def socket_path(config: Config) -> Path:
    """Where the socket is."""
    return socket_in(config.data)


def socket_in(data: Path) -> Path:
    """Where the socket of a data folder is."""
    return data / "control.sock"


class ControlServer:
    """Listens on the socket and has each request performed."""

    def __init__(self, path: Path, perform: Perform) -> None:
        self._path = path
        self._perform = perform
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. A socket file that nobody holds is taken over."""
        self._path.unlink(missing_ok=True)  # the store's lock says that we are alone
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, path=self._path, limit=_LONGEST
            )
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                line = await _line(reader)
            answer = await self._answer(line, _login(writer))
            writer.write(json.dumps(answer, ensure_ascii=False, default=str).encode() + b"\n")
            await writer.drain()
        except (TimeoutError, OSError) as error:
            log.warning("control-broken-off", error=type(error).__name__)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, line: bytes, login: str) -> dict[str, Any]:
        try:
            request = json.loads(line)
            operation, args = str(request["op"]), dict(request["args"])
            by = actor(login, request.get("by"))
        except EngineError as error:
            return _refused(error)
        except (ValueError, KeyError, TypeError, RecursionError):
            return _refused(
                OperationError(
                    where="the control socket",
                    effect="nothing was done",
                    remedy="use the relais command of the same version as the daemon",
                    what="The request is not understood.",
                )
            )
        try:
            return {"ok": True, "result": await self._perform(operation, args, by)}
        except EngineError as error:
            return _refused(error)
        except Exception as error:
            log.error("operation-fault", kind=operation, exc_info=error)
            return _refused(
                OperationError(
                    where=f"operation {operation}",
                    effect="nothing was done",
                    remedy="look at the daemon's log for operation-fault, and report it",
                    what=f"A fault of the engine ({type(error).__name__}).",
                )
            )


async def _line(reader: asyncio.StreamReader) -> bytes:
    """One request; empty when it is too long. That much is still read, so that the answer reaches
    a peer that is not done sending."""
    for place in range(_MOST_TOO_LONG):
        try:
            line = await reader.readline()
        except ValueError:
            continue
        return b"" if place else line
    return b""


def _refused(error: EngineError) -> dict[str, Any]:
    told = {
        "code": error.code,
        "what": error.what,
        "where": error.where,
        "effect": error.effect,
        "do": error.remedy,
    }
    return {"ok": False, "error": told}


def closed_to_us(place: Path) -> OperationError:
    """This account may reach neither the daemon nor its store."""
    return OperationError(
        what="This account may not talk to the daemon.",
        where=str(place),
        effect="nothing was done",
        remedy="run it as root, or as the account of the daemon (sudo -u relais relais …)",
    )


def _login(writer: asyncio.StreamWriter) -> str:
    peer: socket.socket = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return login_of(struct.unpack("3i", credentials)[1])


def actor(login: str, by: Any) -> str:
    """In whose name an operation is done. Raises OperationError: root alone may name another."""
    if not by or by == login:
        return login
    if login != "root" or not isinstance(by, str):
        raise OperationError(
            what="Root alone may act in another person's name.",
            where="--by",
            effect="nothing was done",
            remedy="leave --by out: your own login is recorded",
        )
    return by


def login_of(uid: int) -> str:
    """Login name of a user id."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def call(
    config: Config, operation: str, args: dict[str, Any], by: str | None = None
) -> dict[str, Any]:
    """Have the daemon of that configuration perform an operation; see `call_at`."""
    return call_at(socket_path(config), operation, args, by)


def call_at(
    path: Path, operation: str, args: dict[str, Any], by: str | None = None
) -> dict[str, Any]:
    """Have the daemon that listens at `path` perform an operation.

    Raises NotRunningError when no daemon listens; OperationError when this account may not reach
    it, when it falls silent, and, in the daemon's own words, when it refuses.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(_PATIENCE)
        try:
            line.connect(str(path))
        except PermissionError:
            raise closed_to_us(path) from None
        except OSError:
            raise NotRunningError from None
        request = json.dumps({"op": operation, "args": args, "by": by}).encode() + b"\n"
        try:
            line.sendall(request)
            data = b""
            while not data.endswith(b"\n"):
                piece = line.recv(65536)
                if not piece:
                    raise ConnectionError
                data += piece
        except OSError:
            # It may have been done: to do it here as well would do it twice.
            raise OperationError(
                what="The daemon did not answer.",
                where=str(path),
                effect="what was asked may have been done, or not",
                remedy="look (relais status, relais why), then ask again",
            ) from None
    answer = json.loads(data)
    if answer["ok"]:
        result: dict[str, Any] = answer["result"]
        return result
    told = answer["error"]
    refusal = OperationError(
        where=told["where"], effect=told["effect"], remedy=told["do"], what=told["what"]
    )
    refusal.code = told["code"]
    raise refusal
