"""`relais serve` as a process of its own, in a folder of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from engine.demo.player import Sender
from engine.model.config import Config
from engine.runtime.settings import load

ROOT = Path(__file__).resolve().parents[2]
MESSAGE = next((ROOT / "fixtures/day").glob("*lambert-A01*")).read_bytes()


class Service:
    """`relais serve` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        text = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")
        text = text.replace("@mappings@", (ROOT / "mappings").as_posix())
        self.write(text.replace('ca_file = "mails/ca.pem"\n', ""))
        shutil.copy(ROOT / "fixtures/day/directory.csv", folder)
        (folder / "inbox").mkdir()
        (folder / "gateway").mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, text: str) -> None:
        (self.folder / "relais.toml").write_text(text, encoding="utf-8")

    def change(self, old: str, new: str) -> None:
        text = (self.folder / "relais.toml").read_text(encoding="utf-8")
        assert old in text
        self.write(text.replace(old, new, 1))

    def start(self, **environment: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "engine.cli",
                    "--config",
                    str(self.folder / "relais.toml"),
                    "serve",
                ],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=os.environ | environment,
            )

    def ready(self) -> dict[str, Any]:
        self.wait((self.folder / "data/run.json").exists)
        told: dict[str, Any] = json.loads((self.folder / "data/run.json").read_text())
        return told

    def wait(self, happened: Any, within: float = 15) -> None:
        until = time.monotonic() + within
        while not happened():
            assert self.process is not None
            assert self.process.poll() is None or happened(), self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def send(self, raw: bytes, port: int) -> str:
        sender = Sender(port=lambda: port, deadline=time.monotonic() + 10, answers=[])
        sender.send(raw)
        sender.close()
        return sender.answers[0]

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def reload(self, word: str) -> dict[str, Any]:
        """SIGHUP; wait for the next log line of that event, and give it."""
        assert self.process is not None
        before = len(self.lines(word))
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: len(self.lines(word)) > before)
        return self.lines(word)[-1]

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The whole log lines of one event."""
        whole = self.log().split("\n")[:-1]
        told = (json.loads(line) for line in whole if line.startswith("{"))
        return [line for line in told if line["event"] == event]

    def get(self, path: str) -> tuple[int, str]:
        """Ask the health port."""
        health = self.ready()["health"]
        try:
            url = f"http://127.0.0.1:{health}{path}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def config(self) -> Config:
        """The settings of the file, as a command reads them."""
        return load(self.folder / "relais.toml").config

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`relais` with this settings file."""
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "engine.cli",
                "--config",
                str(self.folder / "relais.toml"),
                *words,
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=30,
        )

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
