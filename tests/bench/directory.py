"""The national directory at its real size: import, search, and noisy questions.

535,000 mailboxes of an invented country, and its professionals' file. The import is a process of
its own, which says what memory it took. Searches are measured beside what a site would write
without an index: a LIKE over the same rows, in the standard library's sqlite3.
"""

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.directory.doctor import recognise
from engine.directory.resolve import Resolved
from engine.directory.search import search
from engine.store.directory import directory_path
from engine.store.directory_reader import DirectoryReader
from tests.bench.row import Row
from tests.support.annuaire import Country
from tests.support.annuaire_noise import Question, questions

PEER = "sqlite3 LIKE '%…%' over the same rows"
DOCTORS, OTHERS, ORGANISATIONS = 230_000, 162_000, 80_000
QUESTIONS = 5000
PEER_QUESTIONS = 30


def run(scale: float = 1.0, count: int = QUESTIONS) -> list[Row]:
    """Rows for the table; ``scale`` below 1 gives a smaller country, for a try."""
    with TemporaryDirectory(prefix="relais-bench-") as folder:
        site = Path(folder)
        country = Country(*(int(n * scale) for n in (DOCTORS, OTHERS, ORGANISATIONS)))
        boxes, practices = country.write(site)
        alone = _import(site / "alone", boxes)
        both = _import(site / "both", boxes, practices)
        asked = questions(country, count)
        del country
        reader = DirectoryReader.open(directory_path(site / "both"))
        assert reader is not None
        with reader:
            rows = reader.counts()["mailbox"]
            searched = _searches(reader, asked)
            peer = _peer(directory_path(site / "both"), asked)
    return [
        Row(f"directory: import of {rows:,} mailboxes", alone.seconds, "s", target="< 60"),
        Row("its memory at the most", alone.mebibytes, "MiB", target="< 500"),
        Row("the same with the professionals' file", both.seconds, "s"),
        Row("its memory at the most", both.mebibytes, "MiB", target="< 500"),
        Row("directory search, p99", searched.p99 * 1000, "ms", target="< 20"),
        Row("directory searches", 1 / searched.mean, "/s", PEER, 1 / peer),
        Row(f"wrong among {count:,} noisy questions", searched.wrong, "", target="0"),
        Row("corroborated ones resolved", 100 * searched.resolved, "%", target=">= 90"),
    ]


@dataclass(frozen=True, slots=True)
class _Cost:
    seconds: float
    mebibytes: float


def _import(site: Path, *files: Path) -> _Cost:
    """In a process of its own, as an operator does it."""
    site.mkdir()
    script = (
        "import re, sys; from pathlib import Path; from tests.support.directories import do_import;"
        "do_import(Path(sys.argv[1]), *map(Path, sys.argv[2:]));"
        # The system's ru_maxrss counts the parent's pages that a new process starts with.
        "print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, str(site), *map(str, files)],
        check=True,
        capture_output=True,
        text=True,
    )
    return _Cost(time.perf_counter() - begun, int(done.stdout) / 1024)


@dataclass(frozen=True, slots=True)
class _Searched:
    p99: float
    mean: float
    wrong: int
    resolved: float


def _searches(reader: DirectoryReader, asked: list[Question]) -> _Searched:
    times: list[float] = []
    wrong = right = corroborated = 0
    for one in asked:
        begun = time.perf_counter()
        search(reader, one.asked)
        times.append(time.perf_counter() - begun)
        judged = recognise(reader, one.asked, complete=True)  # as decisions do
        corroborated += one.corroborated
        if isinstance(judged, Resolved):
            same = judged.candidate.person.rpps == one.rpps
            wrong += not same
            right += same and one.corroborated
    times.sort()
    return _Searched(
        times[int(len(times) * 0.99)], sum(times) / len(times), wrong, right / corroborated
    )


def _peer(path: Path, asked: list[Question]) -> float:
    """Seconds of one search by LIKE: family name in any part, and the given name."""
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    try:
        return _mean(
            [
                lambda one=one: connection.execute(
                    "SELECT holder, family, given, postal, address FROM mailbox"
                    " WHERE family LIKE ? AND given LIKE ? LIMIT 20",
                    (f"%{one.asked.family}%", f"%{one.asked.given}%"),
                ).fetchall()
                for one in random.Random(1).sample(asked, min(PEER_QUESTIONS, len(asked)))
            ]
        )
    finally:
        connection.close()


def _mean(acts: list[Callable[[], object]]) -> float:
    begun = time.perf_counter()
    for act in acts:
        act()
    return (time.perf_counter() - begun) / len(acts)
