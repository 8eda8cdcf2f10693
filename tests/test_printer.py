import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import printer
from engine.compose.annex import MAX_PAGES, Paper, print_letter
from engine.compose.faults import AnnexError, TooManyPagesError, UnusableAnnexError
from engine.compose.pdf import Press
from engine.compose.render import render
from engine.compose.template import write
from engine.compose.text import cleaned
from engine.model.letter import Letter, LetterKind
from engine.printer import MOST_ANSWER, MOST_CPU, MOST_MEMORY, print_apart
from tests.compose.test_annex import ENCRYPTED
from tests.support.letters import FACE, PARIS, annex, letter, shop
from tests.support.pdf_files import endless, immense

Print = Callable[..., Paper]
ONE_PAGE = annex(1).pdf
TWO_PAGES = annex(2).pdf


def exit_letter(*pdfs: bytes) -> Letter:
    annexes = tuple(annex(1).model_copy(update={"pdf": pdf}) for pdf in pdfs)
    return cleaned(letter(LetterKind.EXIT_LETTER, annexes=annexes))


def printed(
    of: Letter, how: Print = print_apart, press: Press | None = None, **more: float
) -> Paper:
    text = write(of, shop().patterns[of.kind], PARIS)
    return how(text, of, press or shop().press, PARIS, lambda: None, **more)


def children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


@contextmanager
def at_work(of: Letter, deadline: float) -> Iterator[tuple[int, Future[Paper]]]:
    """The child that prints, and what comes of it."""
    before = children()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(printed, of, deadline=deadline)
        yield wait_for(lambda: next(iter(children() - before), 0)), coming


def wait_for(look: Callable[[], int], seconds: float = 15) -> int:
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until
        time.sleep(0.005)
    return found


def gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def limits(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[47:].split()[0] for line in lines}


def test_a_letter_printed_apart_is_the_same_to_the_byte() -> None:
    of = exit_letter(TWO_PAGES, ONE_PAGE)
    apart = printed(of)
    assert apart.annex_pages == (2, 1)
    assert apart == printed(of, print_letter)


def test_the_mail_is_the_same_whoever_prints() -> None:
    of = exit_letter(TWO_PAGES)
    assert render(of, shop(), FACE, printer=print_apart) == render(of, shop(), FACE)


def test_the_template_is_the_one_that_was_loaded() -> None:
    of, loaded = exit_letter(ONE_PAGE), shop().press
    other = replace(loaded, template=loaded.template + b"\n#pagebreak()\nFin.\n")
    apart = printed(of, press=other)
    assert apart == printed(of, print_letter, other)
    assert apart != printed(of, print_letter)


def test_a_letter_without_annexes_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printer, "_COMMAND", ("/nonexistent",))
    assert printed(letter()).annex_pages == ()
    with pytest.raises(FileNotFoundError):
        printed(exit_letter(ONE_PAGE))


@pytest.mark.parametrize(
    "pdf",
    [b"", b"%PDF-1.7\nESSAI", TWO_PAGES[:-2000], ENCRYPTED],
    ids=["empty", "no", "torn", "locked"],
)
def test_a_pdf_that_cannot_be_read_is_refused_in_the_same_words(pdf: bytes) -> None:
    of = exit_letter(ONE_PAGE, pdf)
    with pytest.raises(UnusableAnnexError) as here:
        printed(of, print_letter)
    with pytest.raises(UnusableAnnexError) as apart:
        printed(of)
    assert str(apart.value) == str(here.value)
    assert "ESSAI" not in str(apart.value)


def test_too_many_pages_are_told_by_their_number() -> None:
    half = annex(16).pdf
    with pytest.raises(TooManyPagesError, match="LE-106") as caught:
        printed(exit_letter(half, half))
    assert f"32 pages; {MAX_PAGES} at most" in str(caught.value)


def test_a_drawing_without_end_is_ended_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAIS_SMTP_PASSWORD", "not for the child")
    begun, deadline = time.monotonic(), 2.0
    with at_work(exit_letter(endless()), deadline) as (child, coming):
        wait_for(lambda: limits(child)["Max cpu time"] == str(MOST_CPU))
        wait_for(lambda: Path(f"/proc/{child}/oom_score_adj").read_text() == "1000\n")
        assert limits(child)["Max address space"] == str(MOST_MEMORY)
        assert limits(child)["Max file size"] == str(MOST_ANSWER)
        assert limits(child)["Max core file size"] == "0"
        assert Path(f"/proc/{child}/environ").read_bytes() == b"MALLOC_ARENA_MAX=2\0"
        with pytest.raises(AnnexError, match="LE-106") as caught:
            coming.result()
    assert deadline <= time.monotonic() - begun < deadline + 1
    assert "limits of time" in str(caught.value)
    assert gone(child)


def test_a_picture_larger_than_the_memory_is_refused() -> None:
    with pytest.raises(AnnexError) as caught:
        printed(exit_letter(immense()))
    assert "limits of time, memory and size" in str(caught.value)
    assert printed(exit_letter(ONE_PAGE)).annex_pages == (1,)


def test_the_letter_in_hand_is_printed_while_the_service_is_asked_to_stop() -> None:
    with at_work(exit_letter(ONE_PAGE), 30) as (child, coming):
        os.kill(child, signal.SIGTERM)
        os.kill(child, signal.SIGINT)
        assert coming.result().annex_pages == (1,)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGTERM, signal.SIGINT} == set()


def test_a_killed_child_is_a_refusal() -> None:
    with at_work(exit_letter(ONE_PAGE), 30) as (child, coming):
        os.kill(child, signal.SIGKILL)
        with pytest.raises(AnnexError):
            coming.result()


def test_no_child_outlives_its_parent() -> None:
    of = "from tests.test_printer import *; printed(exit_letter(endless()))"
    parent = subprocess.Popen([sys.executable, "-c", of], stderr=subprocess.DEVNULL)
    tasks = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    child = wait_for(lambda: int((tasks.read_text().split() or ["0"])[0]))
    wait_for(lambda: limits(child)["Max cpu time"] == str(MOST_CPU))
    wait_for(lambda: Path(f"/proc/{child}/oom_score_adj").read_text() == "1000\n")
    parent.kill()
    parent.wait()
    wait_for(lambda: gone(child), 1)  # sooner than any of its limits


def row(*frames: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(one)) + one for one in frames)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff\xff\xff\xff",
        row(b"drawn", b"\1", b"%PDF-1.4")[:-1],
        row(b"drawn", b"\1\1", b"%PDF-1.4"),
        row(b"drawn", b"\0", b"%PDF-1.4"),
        row(b"drawn", bytes([MAX_PAGES + 1]), b"%PDF-1.4"),
        row(b"drawn", b"\1", b"<html>"),
        row(b"too-many", b"ESSAI MARCEL"),
        row(b"too-many", b"1" * 5000),
        row(b"ESSAI", b"MARCEL"),
    ],
    ids=range(10),
)
def test_an_answer_that_is_none_is_a_refusal(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"import sys; sys.stdin.buffer.read(); sys.stdout.buffer.write({answer!r})"
    monkeypatch.setattr(printer, "_COMMAND", (sys.executable, "-S", "-c", script))
    with pytest.raises(AnnexError) as caught:
        printed(exit_letter(ONE_PAGE))
    assert type(caught.value) is AnnexError
    assert "ESSAI" not in str(caught.value)


def test_an_answer_before_a_bad_end_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = row(b"drawn", b"\1", b"%PDF-1.4")
    script = f"import sys; sys.stdout.buffer.write({answer!r}); sys.exit(3)"
    monkeypatch.setattr(printer, "_COMMAND", (sys.executable, "-S", "-c", script))
    with pytest.raises(AnnexError):
        printed(exit_letter(ONE_PAGE))


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_frames_are_read_as_they_were_written(frames: list[bytes]) -> None:
    assert printer._frames(row(*frames)) == frames


@given(st.binary(max_size=60))
def test_any_bytes_are_whole_frames_or_none(data: bytes) -> None:
    assert row(*printer._frames(data)) in (data, b"")
