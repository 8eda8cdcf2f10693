"""The stage of the demo: its folder, its mail server, and the daemon as its own process."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from engine.demo.mail_server import MailServer
from engine.demo.outcome import Outcome, outcome_of, settled
from engine.model.errors import StoreError
from engine.runtime import control
from engine.runtime.settings import Settings, load
from engine.store.sqlite import SqliteStore

ROOT: Final = Path(__file__).resolve().parents[2]
READY_WITHIN: Final = 20.0


@dataclass
class Stage:
    """Set up with `open`; `start`, `kill` and `stop` act on the daemon."""

    folder: Path
    mails: MailServer
    daemon: subprocess.Popen[bytes] | None = None
    settings: Settings = field(init=False)

    @classmethod
    def open(cls, folder: Path) -> "Stage":
        """Empty the folder, start the mail server, write the configuration."""
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "inbox").mkdir(parents=True)
        (folder / "gateway").mkdir()
        (folder / "tmp").mkdir()
        mails = MailServer(folder / "mails")
        mails.start_in_thread()
        text = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")
        text = text.replace("@mappings@", (ROOT / "mappings").as_posix())
        text = text.replace("port = 2525", f"port = {mails.port}")
        (folder / "relais.toml").write_text(text, encoding="utf-8")
        shutil.copy(ROOT / "fixtures/day/directory.csv", folder / "directory.csv")
        stage = cls(folder, mails)
        stage.settings = load(stage.config)
        return stage

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "relais.toml"

    @property
    def data(self) -> Path:
        """The daemon's folder."""
        return self.folder / "data"

    def start(self) -> float:
        """Start the daemon; gives the seconds until it was ready."""
        (self.data / "run.json").unlink(missing_ok=True)
        begun = time.monotonic()
        with (self.folder / "relais.log").open("ab") as log:
            self.daemon = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "engine.cli", "--config", str(self.config), "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(self.folder / "tmp")},
            )
        while time.monotonic() - begun < READY_WITHIN:
            if (self.data / "run.json").exists():
                return time.monotonic() - begun
            if self.daemon.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"the daemon did not start; see {self.folder / 'relais.log'}")

    def port(self) -> int:
        """The MLLP port of the listener, as the daemon that runs now says it."""
        try:
            told = json.loads((self.data / "run.json").read_text())
            return int(told["listeners"]["dpi"])
        except (OSError, ValueError, KeyError):
            raise ConnectionRefusedError from None

    def kill(self) -> None:
        """``kill -9``, and nothing else."""
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()
            (self.data / "run.json").unlink(missing_ok=True)

    def stop(self) -> int:
        """Ask the daemon to drain and end; gives its exit status."""
        if self.daemon is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.daemon.pid, signal.SIGTERM)
        try:
            return self.daemon.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            return self.daemon.wait()

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self.mails.stop_in_thread()

    def peak_memory(self) -> int:
        """Most memory that the daemon held until now, MiB."""
        assert self.daemon is not None
        status = Path(f"/proc/{self.daemon.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024

    def agree(self, ipp: str, purpose: str, rpps: str) -> bool:
        """A person records the agreement and confirms the doctor, at the command line."""
        try:
            control.call(
                self.settings.config,
                "consent.record",
                {
                    "patient": ipp,
                    "purposes": [purpose],
                    "state": "granted",
                    "recipient": rpps,
                    "by": "demo",
                },
            )
            control.call(self.settings.config, "gp.confirm", {"patient": ipp, "rpps": rpps})
        except Exception:  # killed, restarting, or the patient not read yet
            return False
        return True

    def reached(self, ipp: str, thread: str, verdict: str) -> bool:
        """Whether a thread has come to a verdict."""
        found = self.outcomes([ipp])
        return bool(found) and found[0].verdicts.get(thread) == verdict

    def outcomes(self, patients: list[str]) -> list[Outcome]:
        """What has come of some patients; empty while the store cannot be read."""
        try:
            store = SqliteStore.open_readonly(self.data / "relais.db")
        except StoreError:
            return []
        try:
            return store.read_sync(lambda tx: [outcome_of(tx, ipp) for ipp in patients])
        except StoreError:
            return []
        finally:
            store.close()

    def settled(self) -> bool:
        """Nothing waits to be read, decided or sent."""
        try:
            store = SqliteStore.open_readonly(self.data / "relais.db")
        except StoreError:
            return False
        try:
            return store.read_sync(lambda tx: settled(tx, datetime.now(UTC)))
        except StoreError:
            return False
        finally:
            store.close()
