"""The daemon as its own process: what it promises at its start, at its end, and to its probes."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.store.sqlite import SqliteStore
from tests.support.service import MESSAGE, ROOT, Service


def test_a_message_is_acknowledged_and_lies_in_the_journal_after_an_orderly_end(
    service: Service,
) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    assert service.send(MESSAGE, port) == "AA"
    with socket.create_connection(("127.0.0.1", port)):  # an idle sender must not hold it up
        begun = time.monotonic()
        assert service.end() == 0
        assert time.monotonic() - begun < 5
    assert not (service.folder / "data/run.json").exists()
    assert not (service.folder / "data/control.sock").exists()
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


def test_a_message_that_was_answered_survives_kill_9(service: Service) -> None:
    service.start()
    assert service.send(MESSAGE, service.ready()["listeners"]["dpi"]) == "AA"
    service.kill()
    (service.folder / "data/run.json").unlink()
    service.start()
    service.ready()
    told = json.loads(service.command("journal", "list", "--json").stdout)
    assert [(one["ack"], one["type"][:7]) for one in told] == [("AA", "ADT^A01")]


def test_what_lies_in_the_folder_before_the_start_is_taken(service: Service) -> None:
    (service.folder / "inbox/a.hl7").write_bytes(MESSAGE)
    service.start()
    service.ready()
    service.wait(lambda: not (service.folder / "inbox/a.hl7").exists())
    assert service.end() == 0


def test_a_second_daemon_on_the_same_data_refuses_and_the_first_goes_on(service: Service) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    second = service.command("serve")
    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert "ST-100 The store is in use." in second.stderr
    assert "do:" in second.stderr
    assert service.send(MESSAGE, port) == "AA"


@pytest.mark.parametrize(
    ("setting", "where"),
    [("port = 0\nmapping", "listener dpi"), ("port = 0\n\n[log]", "the health port")],
)
def test_a_port_that_is_taken_ends_it_with_one_and_a_line_that_names_it(
    service: Service, setting: str, where: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service.change(setting, setting.replace("0", str(port), 1))
        service.start()
        assert service.process is not None
        assert service.process.wait(timeout=20) == 1
    (line,) = service.lines("start-failed")
    assert "address already in use" in line["what"]
    assert where in line["where"]
    assert str(port) in line["where"]
    assert "Traceback" not in service.log()


def test_letters_that_cannot_be_written_end_it_with_one_and_a_line(service: Service) -> None:
    shutil.copytree(ROOT / "mappings", service.folder / "mappings")
    (service.folder / "mappings/letters/exit-letter/letter.txt.j2").unlink()
    service.change((ROOT / "mappings").as_posix(), "mappings")
    service.start()
    assert service.process is not None
    assert service.process.wait(timeout=20) == 1
    (line,) = service.lines("start-failed")
    assert "letter" in line["what"]


@pytest.mark.parametrize("broken", ["not a key", ""])
def test_a_damaged_audit_key_ends_it_in_words_and_is_never_replaced(
    service: Service, broken: str
) -> None:
    data = service.folder / "data"
    data.mkdir()
    (data / "audit.key").write_text(broken)
    (data / "audit.key").chmod(0o600)
    done = service.command("serve")
    assert done.returncode == 1
    assert "signing key cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert (data / "audit.key").read_text() == broken


def test_a_settings_file_with_mistakes_ends_it_in_words(service: Service) -> None:
    service.change('mode = "production"', 'mode = "prod"')
    done = service.command("serve")
    assert done.returncode == 1
    assert "relais.toml:3" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_sigterm_ends_it_at_once(service: Service) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(b"\x0bMSH|^~\\&|")  # a frame under way: the first SIGTERM waits for it
        service.wait(lambda: 'relais_connections{source="dpi"} 1' in service.get("/metrics")[1])
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        service.wait(lambda: service.lines("stopping"))
        assert service.end() == 1
    assert service.lines("stopped-at-once")


def test_probes_and_metrics_answer_on_loopback(service: Service) -> None:
    service.start()
    service.send(MESSAGE, service.ready()["listeners"]["dpi"])
    assert service.get("/healthz") == (200, "ok\n")
    assert service.get("/readyz") == (200, "ok\n")
    assert service.get("/nothing")[0] == 404
    families = {one.name: one for one in text_string_to_metric_families(service.get("/metrics")[1])}
    (sample,) = [one for one in families["relais_received"].samples if one.name.endswith("_total")]
    assert (sample.labels, sample.value) == ({"source": "dpi", "ack": "AA"}, 1)
    assert families["relais_paused"].samples[0].value == 0
    assert families["relais_overdue_seconds"].samples[0].value == 0
    assert set(families) >= {
        "relais_journal", "relais_outbox", "relais_writer_backlog", "relais_connections",
        "process_resident_memory_bytes",
    }  # fmt: skip
    assert service.command("pause").returncode == 0
    assert "relais_paused 1.0" in service.get("/metrics")[1]


def test_metrics_and_logs_at_debug_hold_nothing_of_the_patient_or_the_doctor(
    service: Service,
) -> None:
    service.start()
    service.send(MESSAGE, service.ready()["listeners"]["dpi"])
    service.wait(lambda: 'state="processed"} 1' in service.get("/metrics")[1])
    told = service.log() + service.get("/metrics")[1]
    for word in ("LAMBERT", "THÉO", "26000001", "V260001", "MARTEL", "10999990012", "19900417"):
        assert word not in told
        assert word.lower() not in told.lower()


def test_a_probe_that_hangs_up_leaves_no_traceback(service: Service) -> None:
    service.start()
    health = service.ready()["health"]
    for request in (b"", b"GET", b"GET /metrics HTTP/1.1\r\n\r\n", b"\xff\x00\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", health)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            probe.sendall(request)
    assert service.get("/healthz")[0] == 200
    assert service.end() == 0
    assert "Traceback" not in service.log()
    assert all(line.startswith("{") for line in service.log().splitlines())


def test_systemd_hears_ready_watchdog_reloading_and_stopping(service: Service) -> None:
    address = service.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(address))
        ear.settimeout(15)
        service.start(NOTIFY_SOCKET=str(address), WATCHDOG_USEC="400000")
        service.ready()

        def until(pattern: str) -> list[str]:
            heard = [ear.recv(4096).decode()]
            while not re.match(pattern, heard[-1]):
                heard.append(ear.recv(4096).decode())
            return heard

        assert until("READY=1")[0].startswith("READY=1")
        until("WATCHDOG=1")
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        before = time.monotonic_ns() // 1000
        told = until("RELOADING=1")[-1]
        assert int(told.split("MONOTONIC_USEC=")[1]) >= before - 1_000_000
        until("READY=1")
        service.process.send_signal(signal.SIGTERM)
        until("STOPPING=1")


def test_no_file_of_the_daemon_is_open_to_other_accounts(service: Service) -> None:
    service.start()
    service.send(MESSAGE, service.ready()["listeners"]["dpi"])
    data = service.folder / "data"
    assert data.stat().st_mode & 0o777 == 0o700
    for name in ("relais.db", "relais.db-wal", "audit.key", "control.sock"):
        assert (data / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.skipif(os.getuid() != 0, reason="changes its account")
def test_another_account_is_told_how_to_run_a_command(service: Service) -> None:
    service.start()
    service.ready()
    for path in (service.folder, *service.folder.parents):
        if path.is_relative_to("/tmp"):
            path.chmod(path.stat().st_mode | 0o011)
    # What the command loads is loaded before the account changes: the checkout may be root's.
    script = (
        "import os, sys, engine.runtime.offline, engine.commands; from engine.cli import main\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--config", str(service.folder / "relais.toml"), "status"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "may not talk to the daemon" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
