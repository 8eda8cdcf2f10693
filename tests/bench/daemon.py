"""The real daemon, ``relais serve``, for measurements; and what it costs to have it."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median

from engine.demo.day import load_day
from engine.demo.player import Sender, play
from engine.demo.run import wait_until_settled
from engine.demo.stage import ROOT, Stage
from tests.bench.row import Row

STARTS = 5
DAY_WITHIN = 90.0
CONFIG = """
mode = "production"
data = "data"
mappings = "{mappings}"
directory = "directory.csv"

[hospital]
name = "CH d'Exempleville"
finess = "590000006"
patient_oid = "1.2.250.1.999.1"
visit_oid = "1.2.250.1.999.1.2"
source_oid = "1.2.250.1.999.9"

[units.exemple]
name = "Unité sanitaire"
city = "Exempleville"
secure_address = "usmp@ch-exempleville.mssante.example"
responsible = {{ rpps = "10999990038", family = "MODÈLE", given = "Claire" }}

[channels.mssante]
format = "xdm"
sender = "relais@ch-exempleville.mssante.example"
sender_name = "CH d'Exempleville"
folder = {{ path = "gateway" }}

[[listener]]
name = "bench"
port = 0
mapping = "pam-fr"
max_connections = 100

[health]
port = 0
"""


@contextmanager
def daemon(folder: Path) -> Iterator[int]:
    """``relais serve`` in a folder of its own; gives its MLLP port."""
    (folder / "gateway").mkdir()
    (folder / "directory.csv").write_text("rpps,family,given,place,mailbox,type,channel\n")
    config = folder / "relais.toml"
    config.write_text(CONFIG.format(mappings=(ROOT / "mappings").as_posix()), encoding="utf-8")
    with (folder / "relais.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.cli", "--config", str(config), "serve"],
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
        try:
            told = folder / "data/run.json"
            until = time.monotonic() + 20
            while not told.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((folder / "relais.log").read_text())
                time.sleep(0.01)
            time.sleep(0.7)  # what is loaded after the door is open is loaded
            yield int(json.loads(told.read_text())["listeners"]["bench"])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def run() -> list[Row]:
    """How soon it is ready, and the most memory it holds through the demo day."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage.open(Path(folder, "stage"))
        try:
            starts = []
            for _ in range(STARTS):
                starts.append(stage.start())
                stage.stop()
            stage.start()
            until = time.monotonic() + DAY_WITHIN
            sender = Sender(port=stage.port, deadline=until, answers=[])
            day = load_day(ROOT / "fixtures/day", date.today())
            inbox = stage.folder / "inbox"
            play(day, sender, inbox=inbox, agree=stage.agree, reached=stage.reached)
            sender.close()
            if not wait_until_settled(stage, until):
                raise RuntimeError("the demo day did not settle")
            memory = stage.peak_memory()
        finally:
            stage.close()
    return [
        Row("relais serve: start to ready", round(median(starts), 2), "s", target="< 1"),
        Row("relais serve: most memory through the demo day", memory, "MiB RSS", target="< 120"),
    ]
