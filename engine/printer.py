"""Prints letters that have annexes, in a process of their own.

What can go wrong
    The PDF of a hospital's record is a stranger's file. One that is made for it keeps the drawing
    engine busy for hours, takes all the memory, or aborts the process. So it is opened only by a
    child, which has a deadline, limits, and nothing to steal but this one letter; the daemon gets
    a PDF or a refusal. The child gives no words back: an error's text could quote the document.

Job and answer are anonymous files in memory (memfd), so neither side can block the other, and the
kernel bounds the answer (RLIMIT_FSIZE). Both are a row of frames: length, 4 bytes, big-endian;
content.

    job     letter and words as JSON, the template, then the annexes
    answer  "drawn", pages of each annex (one byte each), the PDF
            "too-many", the number of pages
            "unusable"   an annex is
            "refused"    by the engine, for the letter itself
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

import engine
from engine.compose.annex import MAX_PAGES, Paper, print_letter
from engine.compose.faults import (
    AnnexError,
    PaperError,
    TooManyPagesError,
    UnusableAnnexError,
)
from engine.compose.pdf import Checkpoint, Press, load_press
from engine.compose.template import LetterText
from engine.model.errors import ConfigError
from engine.model.letter import Letter

DEADLINE: Final = 30.0  # seconds, from the start of the child to its end
MOST_CPU: Final = 30  # seconds, over all its threads
MOST_MEMORY: Final = 1024 * 1024 * 1024  # bytes of address space; 30 scanned pages take 0.4 GiB
MOST_ANSWER: Final = 32 * 1024 * 1024  # bytes; no mailbox takes as much
MOST_FILES: Final = 64

_LIMITS: Final = (
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_CPU, MOST_CPU),
    (resource.RLIMIT_AS, MOST_MEMORY),
    (resource.RLIMIT_FSIZE, MOST_ANSWER),
    (resource.RLIMIT_NOFILE, MOST_FILES),
)
_ROOT: Final = Path(engine.__file__).resolve().parents[1]
_COMMAND: Final = (sys.executable, "-E", "-s", "-m", "engine.printer")
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Job:
    """What the child is told, beside the template and the annexes."""

    text: LetterText
    letter: Letter  # its annexes without their content
    letters: Path
    zone: str


_JOB: Final = TypeAdapter(Job)


def print_apart(
    text: LetterText,
    letter: Letter,
    press: Press,
    zone: tzinfo,
    checkpoint: Checkpoint,
    *,
    deadline: float = DEADLINE,
) -> Paper:
    """`print_letter`, in a child when the letter has annexes. Blocks for ``deadline`` seconds most.

    The same bytes as in-process. Raises AnnexError as well when the child dies, is killed or gives
    an answer that is none; PaperError.
    """
    if not letter.annexes:
        return print_letter(text, letter, press, zone, checkpoint)
    checkpoint()
    bare = tuple(one.model_copy(update={"pdf": b""}) for one in letter.annexes)
    job = Job(text, letter.model_copy(update={"annexes": bare}), press.letters, str(zone))
    parts = (_JOB.dump_json(job), press.template, *(one.pdf for one in letter.annexes))
    answer = _run(parts, deadline)
    match _frames(answer):
        case [b"drawn", pages, pdf] if _sound(letter, pages) and pdf.startswith(b"%PDF-"):
            return Paper(pdf, tuple(pages))
        case [b"too-many", total] if total.isdigit() and len(total) < 6:
            raise TooManyPagesError(letter, int(total), MAX_PAGES)
        case [b"unusable"]:
            raise UnusableAnnexError(letter)
        case [b"refused"]:
            raise PaperError(
                letter,
                remedy="compare mappings/letters with the one that is shipped; where it is the "
                "same, have the unit shorten its documents",
            )
        case _:
            raise AnnexError(
                letter,
                what="A PDF joined to this letter could not be drawn within the limits of time, "
                "memory and size.",
                remedy="have the unit send this document by its own mailbox",
            )


def _sound(letter: Letter, pages: bytes) -> bool:
    return len(pages) == len(letter.annexes) and all(pages) and sum(pages) <= MAX_PAGES


def _run(parts: Iterable[bytes], deadline: float) -> bytes:
    """Give the job to a child; its answer, or nothing when it did not end well and in time."""
    with (
        open(os.memfd_create("job", os.MFD_CLOEXEC), "w+b") as job,
        open(os.memfd_create("answer", os.MFD_CLOEXEC), "rb") as answer,
    ):
        for part in parts:
            _write_frame(job, part)
        job.seek(0)
        child = _start(job.fileno(), answer.fileno())
        try:
            status = child.wait(deadline)
        except subprocess.TimeoutExpired:
            return b""
        finally:
            child.kill()
            child.wait()
        answer.seek(0)
        return answer.read(MOST_ANSWER + 1) if status == 0 else b""


def _start(job: int, answer: int) -> subprocess.Popen[bytes]:
    # A supervisor that stops the service signals every process of it at once, and a terminal its
    # whole group; yet a letter in hand is finished. Blocked signals stay blocked in the child.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            _COMMAND,
            stdin=job,
            stdout=answer,
            stderr=subprocess.DEVNULL,  # the engine's words may quote the document
            cwd=_ROOT,
            env={"MALLOC_ARENA_MAX": "2"},  # no secret of the daemon's; little address space
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _write_frame(row: BinaryIO, content: bytes) -> None:
    row.write(struct.pack(">I", len(content)))
    row.write(content)


def _frames(row: bytes) -> list[bytes]:
    """The frames of a row; none when it is torn."""
    found, at = [], 0
    while at < len(row):
        if len(row) - at < 4:
            return []
        (size,) = struct.unpack_from(">I", row, at)
        at += 4
        if size > len(row) - at:
            return []
        found.append(row[at : at + size])
        at += size
    return found


# The child


def _confine() -> None:
    """Before the first byte of a stranger is read."""
    for kind, most in _LIMITS:
        _, hard = resource.getrlimit(kind)
        ours = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (ours, ours))
    os.nice(5)
    # Not without its parent; and when memory runs short, rather than its parent.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _answer(row: bytes) -> list[bytes]:
    """Do a job; the frames of the answer."""
    head, template, *annexes = _frames(row)
    job = _JOB.validate_json(head)
    filled = tuple(
        one.model_copy(update={"pdf": pdf})
        for one, pdf in zip(job.letter.annexes, annexes, strict=True)
    )
    letter = job.letter.model_copy(update={"annexes": filled})
    try:
        # The daemon's template: the file may have changed since it was loaded.
        press = replace(load_press(job.letters), template=template)
        paper = print_letter(job.text, letter, press, ZoneInfo(job.zone), lambda: None)
    except TooManyPagesError as error:
        return [b"too-many", str(error.total).encode()]
    except AnnexError:
        return [b"unusable"]
    except (PaperError, ConfigError):
        return [b"refused"]
    return [b"drawn", bytes(paper.annex_pages), paper.pdf]


def main() -> int:
    """The child's life: a job from standard input, the answer to standard output."""
    _confine()
    for content in _answer(sys.stdin.buffer.read()):
        _write_frame(sys.stdout.buffer, content)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
