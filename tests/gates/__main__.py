"""``make gatetest``: each gate taken away in turn must turn at least one test red.

In a copy of the tree; first the chosen tests must be green with every gate in place.
"""

import argparse
import importlib
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from hypothesis import Phase, settings

from tests.gates.mutation import ROOT, Mutation, NoSuchGateError
from tests.gates.table import GATES

_LEFT_OUT: Final = (".git", ".venv", ".hypothesis", "build", "var")
_RED: Final = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", re.MULTILINE)
_LONGEST: Final = 900.0  # seconds of one run of tests
_FORK: Final = multiprocessing.get_context("fork")
_OTHERS: Final = (  # what tests load and no mutation changes
    "apsw", "click.testing", "cryptography.x509", "hypothesis.strategies", "lxml.etree",
    "prometheus_client", "pydantic", "pytest_asyncio", "structlog", "typst", "watchfiles",
    "aiosmtplib", "jinja2",
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What became of one mutation. ``red``: the first test that saw it."""

    mutation: Mutation
    red: str
    fault: str
    seconds: float


def copied(folder: Path) -> Path:
    """The tree, without what is made of it; tests that look beside it find the same."""
    target = folder / "tree"

    def left_out(_at: str, names: list[str]) -> list[str]:
        return [name for name in names if name in _LEFT_OUT or name.endswith("_cache")]

    shutil.copytree(ROOT, target, ignore=left_out)
    beside = ROOT.parent / "shared"
    if beside.exists():  # the samples and references
        (folder / "shared").symlink_to(beside)
    return target


def tested(tree: Path, *what: str) -> tuple[int, str]:
    """Run tests in a child until one is red; gives pytest's exit code and what it said.

    The child begins with the libraries of others loaded, and with nothing of ours.
    """
    said = tree / "said.txt"
    child = _FORK.Process(target=_child, args=(tree, what, said))
    child.start()
    child.join(_LONGEST)
    if child.is_alive():
        child.kill()
        child.join()
        return 1, "FAILED it-never-ends"
    return child.exitcode or 0, said.read_text(encoding="utf-8", errors="replace")


def _child(tree: Path, what: Sequence[str], said: Path) -> None:
    with said.open("wb") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)
    for name in [one for one in sys.modules if one.split(".")[0] in ("engine", "tests")]:
        del sys.modules[name]
    sys.path.insert(0, str(tree))
    os.chdir(tree)
    options = [
        "-x",
        "-q",
        "--tb=no",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--assert=plain",
    ]
    # That a test is red is enough: nobody waits for the least example.
    profile = {"deadline": None, "phases": (Phase.explicit, Phase.generate), "database": None}
    settings.register_profile("gates", **profile)
    code = pytest.main([*options, "--hypothesis-profile=gates", *what])
    sys.stdout.flush()
    os._exit(int(code))


def judged(tree: Path, mutation: Mutation, *, whole: bool) -> Seen:
    """Take the gate away in this tree, look who sees it, put it back."""
    begun, path = time.monotonic(), tree / mutation.file
    text = path.read_text(encoding="utf-8")
    try:
        changed = mutation.applied(text)
        compile(changed, mutation.file, "exec")
    except (NoSuchGateError, SyntaxError) as error:
        return Seen(mutation, "", str(error), 0.0)
    try:
        _written(path, changed)
        code, said = tested(tree, *mutation.tests)
        if code == 0 and whole:
            code, said = tested(tree, "tests")
    finally:
        _written(path, text)
    red = _RED.search(said)
    spent = time.monotonic() - begun
    if code == 0:
        return Seen(mutation, "", "", spent)
    if code != 1 or red is None:
        return Seen(mutation, "", f"the tests could not be run: {said.strip()[-300:]}", spent)
    return Seen(mutation, red[1], "", spent)


def _written(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    for stale in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        stale.unlink()


def main() -> int:
    """Judge all; 0 when every one was seen."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--only", default="", help="gates whose name or mutation holds this")
    options.add_argument("--chosen", action="store_true", help="never fall back to the whole suite")
    chosen = options.parse_args()
    gates = [one for one in GATES if chosen.only in f"{one.gate}: {one.what}"]
    begun, top = time.monotonic(), Path(tempfile.mkdtemp(prefix="relais-gates-"))
    for name in _OTHERS:
        importlib.import_module(name)
    try:
        first = copied(top / "0")
        code, said = tested(first, *sorted({test for one in gates for test in one.tests}))
        if code != 0:
            print(f"with every gate in place the tests are not green:\n{said[-2000:]}")
            return 2
        print(
            f"{len(gates)} mutations; with every gate: green, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        survived = 0
        with ProcessPoolExecutor(chosen.jobs, mp_context=_FORK) as pool:
            for seen in pool.map(partial(_judged, top, whole=not chosen.chosen), gates):
                survived += not seen.red
                told = seen.red or f"NOT SEEN {seen.fault}".rstrip()
                gate, what = seen.mutation.gate, seen.mutation.what
                print(f"{gate:36} {what:64} {seen.seconds:5.1f} s  {told}", flush=True)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print(f"{len(gates) - survived} seen, {survived} not, in {time.monotonic() - begun:.0f} s")
    return 1 if survived else 0


def _judged(top: Path, mutation: Mutation, *, whole: bool) -> Seen:
    """In this process's own tree."""
    mine = top / str(os.getpid())
    tree = mine / "tree" if mine.exists() else copied(mine)
    return judged(tree, mutation, whole=whole)


if __name__ == "__main__":
    sys.exit(main())
