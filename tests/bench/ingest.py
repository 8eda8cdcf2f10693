"""Durable ingest beside python-hl7: the same client, the same run, in turns.

Each run of ours has a fresh store; after it the rows of the journal are counted: none lost, none
twice. The peer stores nothing, so it is sent fewer messages: its rate does not depend on it.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

import apsw

from engine.decide.admission import admit
from engine.model.flow import AckCode
from engine.wire.hl7_ack import ack
from engine.wire.hl7_events import RequiredFields
from engine.wire.mllp import Deframer
from tests.bench.daemon import daemon
from tests.bench.mllp_client import message
from tests.bench.row import Row

PEER = "python-hl7 asyncio MLLP server"
OURS_COUNT = 10_000
PEER_COUNT = 2_000
ROUNDS = 5
TARGETS = {10: (8, "≥ 8"), 50: (12, "≥ 12")}


class Run(NamedTuple):
    """What the client saw."""

    rate: float
    p50: float
    p99: float


def run() -> list[Row]:
    rows = [Row("verdict and ACK of an ADT, CPU", round(verdict_cost(), 1), "µs", target="< 60")]
    for connections in TARGETS:
        ours, peers = [], []
        for _ in range(ROUNDS):
            ours.append(measure_ours(connections))
            peers.append(measure_peer(connections))
        rows += report(connections, ours, peers)
    return rows


def verdict_cost() -> float:
    """CPU of all that the receive path does to a message but sockets and store, in µs."""
    raw = message(1)
    deframer, required, at = Deframer(len(raw)), RequiredFields(), datetime.now(UTC)

    def once() -> None:
        (found,) = deframer.feed(raw)
        assert isinstance(found, bytes)
        hashlib.sha256(found).digest()
        verdict = admit(found, required=required, aliases={})
        assert verdict.ack is AckCode.AA
        header, charset = verdict.header, verdict.charset
        ack(header, verdict.ack, control_id="1", at=at, software="RELAIS", charset=charset)

    return min(timeit.repeat(once, number=1000, repeat=7)) * 1000


def report(connections: int, ours: list[Run], peers: list[Run]) -> list[Row]:
    """Medians of the rounds."""
    over = f"{OURS_COUNT:,} ADT over {connections} connections"
    return [
        Row(
            f"durable ingest, {over}",
            round(median(one.rate for one in ours)),
            "messages/s",
            PEER,
            round(median(one.rate for one in peers)),
            TARGETS[connections][1],
        ),
        Row(
            f"ACK latency p50, {over}",
            round(median(one.p50 for one in ours), 2),
            "ms",
            PEER,
            round(median(one.p50 for one in peers), 2),
        ),
        Row(
            f"ACK latency p99, {over}",
            round(median(one.p99 for one in ours), 2),
            "ms",
            PEER,
            round(median(one.p99 for one in peers), 2),
            "< 10" if connections == 10 else "",
        ),
    ]


def measure_ours(connections: int, count: int = OURS_COUNT) -> Run:
    """One run against `relais serve` on a fresh store: everything that the daemon does goes on
    meanwhile. Raises RuntimeError when a message is lost or doubled."""
    with tempfile.TemporaryDirectory() as folder:
        with daemon(Path(folder)) as port:
            seen = client(port, connections, count)
        rows, distinct = counted(Path(folder, "data", "relais.db"))
        if not rows == distinct == count:
            raise RuntimeError(f"{count} sent, {rows} rows, {distinct} different ones")
    return seen


def counted(database: Path) -> tuple[int, int]:
    """Rows of the journal, and how many different messages they hold."""
    journal = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        query = "SELECT count(*), count(DISTINCT identity) FROM journal"
        rows, distinct = journal.execute(query).fetchall()[0]
    finally:
        journal.close()
    return rows, distinct


def measure_peer(connections: int, count: int = PEER_COUNT) -> Run:
    """One run against python-hl7."""
    with server("tests.bench.mllp_python_hl7") as port:
        return client(port, connections, count)


def client(port: int, connections: int, count: int) -> Run:
    """Run the sender in its own process."""
    command = [sys.executable, "-m", "tests.bench.mllp_client"]
    arguments = [str(port), str(connections), str(count)]
    done = subprocess.run(command + arguments, check=True, capture_output=True, text=True)
    seen = json.loads(done.stdout)
    if seen["accepted"] != count:
        raise RuntimeError(f"{count} sent, {seen['accepted']} answered AA")
    return Run(count / seen["seconds"], seen["p50"], seen["p99"])


@contextmanager
def server(module: str, *arguments: str) -> Iterator[int]:
    """A server in its own process; gives its port, and ends it in order."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(30)
