"""The daemon as its own process: signals, reload, refusals, health."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.demo.player import Sender
from engine.model.errors import OperationError
from engine.runtime import control
from engine.runtime.settings import load
from engine.store.sqlite import SqliteStore

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


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def test_a_message_is_acknowledged_and_lies_in_the_journal_after_an_orderly_end(
    service: Service,
) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    assert service.send(MESSAGE, port) == "AA"
    with socket.create_connection(("127.0.0.1", port)):  # an idle sender must not hold it up
        assert service.end() == 0
    store = SqliteStore.open(service.folder / "data/relais.db")
    try:
        entry = store.read_sync(lambda tx: tx.journal.get(1))
        assert entry is not None
        assert entry.raw == MESSAGE
        kinds = [one.kind for one in store.read_sync(lambda tx: tx.audit.entries(limit=1000))]
        assert kinds[0] == "service-started"
        assert kinds[-1] == "service-stopped"
    finally:
        store.close()


def test_a_reload_with_a_bad_file_keeps_the_old_one_and_says_so(service: Service) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    service.change('mode = "production"', 'mode = "nonsense"')
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)
    service.wait(lambda: "reload-refused" in service.log())
    assert service.send(MESSAGE, port) == "AA"
    assert service.end() == 0


def test_a_reload_with_a_good_file_takes_effect_and_keeps_the_sockets_that_did_not_change(
    service: Service,
) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    held = socket.create_connection(("127.0.0.1", port))
    service.change('arrival = "5s"', 'arrival = "1h"')
    service.change(
        "[[folder]]", '[[listener]]\nname = "second"\nport = 0\nmapping = "sillage"\n\n[[folder]]'
    )
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)
    service.wait(lambda: '"reloaded"' in service.log())
    assert service.send(MESSAGE, port) == "AA"
    held.settimeout(0.2)
    with pytest.raises(TimeoutError):  # still open
        held.recv(1)
    held.close()
    assert service.end() == 0


def test_a_second_daemon_on_the_same_data_refuses_and_the_first_goes_on(service: Service) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    second = subprocess.run(
        [
            sys.executable,
            "-m",
            "engine.cli",
            "--config",
            str(service.folder / "relais.toml"),
            "serve",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=30,
    )
    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert "do:" in second.stderr
    assert service.send(MESSAGE, port) == "AA"


def test_a_port_that_is_taken_ends_it_with_one_and_a_word(service: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service.change("port = 0", f"port = {taken.getsockname()[1]}")
        service.start()
        assert service.process is not None
        assert service.process.wait(timeout=20) == 1
    assert "start-failed" in service.log()
    assert "Traceback" not in service.log()


def test_probes_and_metrics_answer_on_loopback(service: Service) -> None:
    service.start()
    told = service.ready()
    service.send(MESSAGE, told["listeners"]["dpi"])

    def get(path: str) -> tuple[int, str]:
        try:
            url = f"http://127.0.0.1:{told['health']}{path}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    assert get("/healthz") == (200, "ok\n")
    assert get("/readyz")[0] == 200
    assert get("/nothing")[0] == 404
    families = {one.name: one for one in text_string_to_metric_families(get("/metrics")[1])}
    (sample,) = [one for one in families["relais_received"].samples if one.name.endswith("_total")]
    assert (sample.labels, sample.value) == ({"source": "dpi", "ack": "AA"}, 1)
    assert "relais_outbox" in families


def test_commands_reach_the_daemon_and_refusals_come_back_in_its_words(service: Service) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    service.send(MESSAGE, port)
    config = load(service.folder / "relais.toml").config
    assert control.call(config, "status", {})["mode"] == "production"
    assert control.call(config, "pause", {})["paused"] is True
    with pytest.raises(OperationError, match="No patient"):
        control.call(config, "why", {"patient": "nobody"})
    with pytest.raises(OperationError, match="no operation"):
        control.call(config, "rm -rf", {})
    assert (config.data / "control.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("garbage", [b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b'{"op": 1}\n'])
def test_garbage_on_the_control_socket_is_refused_and_hurts_nobody(
    service: Service, garbage: bytes
) -> None:
    service.start()
    service.ready()
    config = load(service.folder / "relais.toml").config
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(str(control.socket_path(config)))
        line.sendall(garbage)
        assert json.loads(line.recv(65536))["ok"] is False
    assert control.call(config, "status", {})["paused"] is False


def test_systemd_hears_ready_reloading_and_stopping(service: Service, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(15)
        service.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="400000")
        service.ready()
        heard = [ear.recv(4096).decode()]
        while not any(one.startswith("WATCHDOG=1") for one in heard):
            heard.append(ear.recv(4096).decode())
        assert heard[0].startswith("READY=1")
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        while not any(re.match(r"RELOADING=1\nMONOTONIC_USEC=\d+", one) for one in heard):
            heard.append(ear.recv(4096).decode())
        service.process.send_signal(signal.SIGTERM)
        while "STOPPING=1" not in heard:
            heard.append(ear.recv(4096).decode())
