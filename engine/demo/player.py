"""Plays the day through real sockets, as a DPI does: one message, wait for its answer, the next.

A sender whose connection falls sends the unanswered message again; so does this one, which is
what lets the crash test kill the daemon at any moment.
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.demo.day import Day, Step
from engine.wire import mllp

_ANSWER: Final = 10.0
_AGAIN: Final = 0.1


class NoAnswerError(Exception):
    """The daemon did not come back before the deadline."""


@dataclass
class Sender:
    """One MLLP connection, made again when it falls. ``port`` is asked anew each time."""

    port: Callable[[], int]
    deadline: float
    answers: list[str]
    _socket: socket.socket | None = None

    def send(self, raw: bytes) -> None:
        """Send until it is answered. Raises NoAnswerError after the deadline."""
        while True:
            try:
                answer = self._once(raw)
            except OSError:
                self.close()
                if time.monotonic() > self.deadline:
                    raise NoAnswerError from None
                time.sleep(_AGAIN)
                continue
            code = answer.partition(b"MSA|")[2][:2].decode("ascii", "replace")
            self.answers.append(code)
            if code != "AR":
                return
            time.sleep(_AGAIN)  # "not now": the same again, as HL7 says of AR

    def _once(self, raw: bytes) -> bytes:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port()), timeout=_ANSWER)
        self._socket.sendall(mllp.frame(raw))
        data = b""
        while not data.endswith(b"\x1c\r"):
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionResetError
            data += piece
        return data

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def play(
    day: Day,
    sender: Sender,
    *,
    inbox: Path,
    agree: Callable[[str, str, str], bool],
    reached: Callable[[str, str, str], bool],
) -> None:
    """Play every step. ``agree`` says a consent as a person at the command line does and tells
    whether it was taken; ``reached`` tells whether a patient's thread has come to a verdict."""
    for step in day.steps:
        if step.send:
            sender.send(day.message(step.send))
        elif step.drop:
            _drop(inbox, step.drop, day.message(step.drop))
        else:
            _until(step, agree, reached, sender.deadline)


def _until(
    step: Step,
    agree: Callable[[str, str, str], bool],
    reached: Callable[[str, str, str], bool],
    deadline: float,
) -> None:
    while True:
        if step.agree is not None and agree(*step.agree):
            return
        if step.after is not None and reached(*step.after):
            return
        if time.monotonic() > deadline:
            raise NoAnswerError
        time.sleep(_AGAIN)


def _drop(folder: Path, name: str, data: bytes) -> None:
    """A whole file appears at once, as a careful sender does it."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.part"
    partial.write_bytes(data)
    os.replace(partial, folder / name)
