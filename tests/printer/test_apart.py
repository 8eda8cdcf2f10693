import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.compose.faults import (
    AnnexError,
    PaperError,
    TooManyPagesError,
    UnusableAnnexError,
)
from engine.compose.paper import MAX_PAGES, Paper, Typesetter
from engine.compose.pdf import Press, print_letter, typeset_here
from engine.compose.render import render
from engine.compose.template import write
from engine.compose.text import cleaned
from engine.model.letter import Letter, LetterKind
from engine.printer import apart
from engine.printer.apart import Printer
from engine.printer.child import MOST_CPU, MOST_LETTERS, MOST_MEMORY, MOST_WRITTEN
from engine.printer.frames import message
from tests.compose.test_annex import ENCRYPTED
from tests.support.letters import FACE, PARIS, annex, letter, shop
from tests.support.pdf_files import endless, immense

ONE_PAGE = annex(1).pdf
TWO_PAGES = annex(2).pdf


@pytest.fixture
def printer() -> Iterator[Printer]:
    made = Printer()
    yield made
    made.close()


def exit_letter(*pdfs: bytes) -> Letter:
    annexes = tuple(annex(1).model_copy(update={"pdf": pdf}) for pdf in pdfs)
    return cleaned(letter(LetterKind.EXIT_LETTER, annexes=annexes))


def printed(of: Letter, typeset: Typesetter | None = None, press: Press | None = None) -> Paper:
    text = write(of, shop().patterns[of.kind], PARIS)
    return print_letter(text, of, press or shop().press, PARIS, typeset or Printer())


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
        coming = pool.submit(printed, of, Printer(deadline))
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


def test_a_letter_printed_apart_is_the_same_to_the_byte(printer: Printer) -> None:
    with_annexes = printed(exit_letter(TWO_PAGES, ONE_PAGE), printer)
    assert with_annexes.annex_pages == (2, 1)
    assert with_annexes == printed(exit_letter(TWO_PAGES, ONE_PAGE), typeset_here)
    assert printed(letter(), printer) == printed(letter(), typeset_here)


def test_the_mail_is_the_same_whoever_prints(printer: Printer) -> None:
    of = exit_letter(TWO_PAGES)
    assert render(of, shop(), FACE, typeset=printer) == render(of, shop(), FACE)


@pytest.mark.parametrize("of", [letter(), exit_letter(ONE_PAGE)], ids=["plain", "with an annex"])
def test_the_template_is_the_one_that_was_loaded(of: Letter, printer: Printer) -> None:
    loaded = shop().press
    other = replace(loaded, template=loaded.template + b"\n#pagebreak()\nFin.\n")
    apart = printed(of, printer, other)
    assert apart == printed(of, typeset_here, other)
    assert apart != printed(of, typeset_here)


def test_letters_without_annexes_share_a_process_and_others_have_one_each(
    printer: Printer,
) -> None:
    before = children()
    printed(letter(), printer)
    kept = children() - before
    assert len(kept) == 1
    printed(letter(), printer)
    printed(exit_letter(ONE_PAGE), printer)
    assert children() - before == kept
    printer.close()
    assert children() == before


def test_the_process_that_is_kept_loads_the_engine_and_not_the_model() -> None:
    look = (
        "import sys, engine.printer.child\n"
        "print(sorted({'typst', 'pydantic', 'lxml', 'apsw', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['typst']"


def test_the_daemon_never_loads_the_engine() -> None:
    look = "import sys, engine.runtime.run, engine.compose.shop; print('typst' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_process_that_has_ended_is_replaced(printer: Printer) -> None:
    before = children()
    wanted = printed(letter(), printer)
    (first,) = children() - before
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: gone(first))
    assert printed(letter(), printer) == wanted
    (second,) = children() - before
    assert second != first


def test_a_process_of_age_is_replaced(monkeypatch: pytest.MonkeyPatch, printer: Printer) -> None:
    young = "from engine.printer import child; child.MOST_LETTERS = 2; child.main()"
    monkeypatch.setattr(apart, "_COMMAND", (sys.executable, "-c", young))
    assert MOST_LETTERS > 2
    papers = [printed(letter(), printer) for _ in range(5)]
    assert len(set(papers)) == 1


def test_a_letter_that_ends_every_process_is_refused_after_two(
    monkeypatch: pytest.MonkeyPatch, printer: Printer, tmp_path: Path
) -> None:
    count = f"open({str(tmp_path / 'begun')!r}, 'a').write('x')"
    monkeypatch.setattr(apart, "_COMMAND", (sys.executable, "-S", "-c", count))
    with pytest.raises(PaperError) as caught:
        printed(letter(), printer)
    assert "ESSAI" not in str(caught.value)
    assert (tmp_path / "begun").read_text() == "x"
    with pytest.raises(PaperError):
        printed(letter(), printer)


def test_a_template_without_end_is_ended_at_the_deadline() -> None:
    endless = replace(shop().press, template=b"#while true {}")
    printer, begun = Printer(1.0), time.monotonic()
    with pytest.raises(PaperError):
        printed(letter(), printer, endless)
    assert time.monotonic() - begun < 5
    printer.close()


@pytest.mark.parametrize(
    "pdf",
    [b"", b"%PDF-1.7\nESSAI", TWO_PAGES[:-2000], ENCRYPTED],
    ids=["empty", "no", "torn", "locked"],
)
def test_a_pdf_that_cannot_be_read_is_refused_in_the_same_words(pdf: bytes) -> None:
    of = exit_letter(ONE_PAGE, pdf)
    with pytest.raises(UnusableAnnexError) as here:
        printed(of, typeset_here)
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
        assert limits(child)["Max file size"] == str(MOST_WRITTEN)
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
    of = "from tests.printer.test_apart import *; printed(exit_letter(endless()))"
    parent = subprocess.Popen([sys.executable, "-c", of], stderr=subprocess.DEVNULL)
    tasks = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    child = wait_for(lambda: int((tasks.read_text().split() or ["0"])[0]))
    wait_for(lambda: limits(child)["Max cpu time"] == str(MOST_CPU))
    wait_for(lambda: Path(f"/proc/{child}/oom_score_adj").read_text() == "1000\n")
    parent.kill()
    parent.wait()
    wait_for(lambda: gone(child), 1)  # sooner than any of its limits


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff" * 8,
        message((b"drawn", b"\1", b"%PDF-1.4"))[:-1],
        message((b"drawn", b"\1\1", b"%PDF-1.4")),
        message((b"drawn", b"\0", b"%PDF-1.4")),
        message((b"drawn", bytes([MAX_PAGES + 1]), b"%PDF-1.4")),
        message((b"drawn", b"\1", b"<html>")),
        message((b"too-many", b"ESSAI MARCEL")),
        message((b"too-many", b"1" * 5000)),
        message((b"ESSAI", b"MARCEL")),
    ],
    ids=range(10),
)
def test_an_answer_that_is_none_is_a_refusal(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"import socket; s = socket.socket(fileno=0); s.recv(1 << 20); s.sendall({answer!r})"
    monkeypatch.setattr(apart, "_COMMAND", (sys.executable, "-S", "-c", script))
    with pytest.raises(AnnexError) as caught:
        printed(exit_letter(ONE_PAGE))
    assert type(caught.value) is AnnexError
    assert "ESSAI" not in str(caught.value)
