"""SIGHUP: what is good takes effect, what is bad changes nothing, and nobody is cut off for it."""

import json
import shutil
import signal
import socket

import pytest

from engine.runtime import control
from engine.store.sqlite import SqliteStore
from engine.wire.mllp import frame
from tests.support.service import MESSAGE, ROOT, Service

SECOND = '[[listener]]\nname = "second"\nport = {port}\nmapping = "sillage"\n\n[[folder]]'


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('mode = "production"', 'mode = "nonsense"', "not one of the choices"),
        ("[hospital]", "[hospital", "not valid TOML"),
        ('data = "data"', 'data = "elsewhere"', "at a start alone: data"),
        ("[health]\nport = 0", "[health]\nport = 9", "at a start alone: health"),
        ("[hospital]\nname", '[hospital]\nsoftware_id = "X"\nname', "hospital.software_id"),
    ],
)
def test_a_bad_file_keeps_the_old_settings_and_says_so(
    service: Service, old: str, new: str, words: str
) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    service.change(old, new)
    told = service.reload("reload-refused")
    assert words in told["what"]
    assert told["why"] == "the settings in use stay as they are"
    assert service.send(MESSAGE, port) == "AA"
    if "data" not in words:  # a person can still stop everything, whatever the file says now
        assert service.command("pause").returncode == 0
    assert service.end() == 0


def test_a_port_that_is_taken_refuses_the_reload_and_nothing_changes(service: Service) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service.change("[[folder]]", SECOND.format(port=taken.getsockname()[1]))
        service.change('mode = "production"', 'mode = "test"\ntest_mailboxes = ["a@b.example"]')
        told = service.reload("reload-refused")
    assert "address already in use" in told["what"]
    assert control.call(service.config(), "status", {})["mode"] == "production"
    assert service.send(MESSAGE, port) == "AA"
    # The same file, once the port is free, is taken.
    assert service.reload("reloaded")["mode"] == "test"


def test_a_good_file_takes_effect_and_keeps_the_senders_that_it_does_not_concern(
    service: Service,
) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as held:
        service.change('arrival = "5s"', 'arrival = "1h"')
        service.change("[[folder]]", SECOND.format(port=0))
        service.change('mode = "production"', 'mode = "test"\ntest_mailboxes = ["a@b.example"]')
        told = service.reload("reloaded")
        assert told["mode"] == "test"
        assert told["listeners"]["dpi"] == port
        assert (
            json.loads((service.folder / "data/run.json").read_text())["listeners"]
            == (told["listeners"])
        )
        assert service.send(MESSAGE, told["listeners"]["second"]) == "AA"
        held.sendall(frame(MESSAGE))
        assert b"MSA|AA" in held.recv(65536)
    assert control.call(service.config(), "status", {})["mode"] == "test"
    assert service.end() == 0
    store = SqliteStore.open_readonly(service.folder / "data/relais.db")
    try:
        lines = store.read_sync(lambda tx: tx.audit.entries(limit=1000))
        assert [one.detail for one in lines if one.kind == "config-loaded"] == [{"taken": True}]
    finally:
        store.close()


def test_a_listener_is_changed_in_place_on_its_port_and_removed(service: Service) -> None:
    port = free_port()
    service.change("[[folder]]", SECOND.format(port=port))
    service.start()
    first = service.ready()["listeners"]
    assert first["second"] == port
    service.change('name = "second"', 'name = "second"\nmax_frame = 2048')
    assert service.reload("reloaded")["listeners"] == first
    assert service.send(MESSAGE + b"NTE|1||" + b"x" * 4096 + b"\r", port) == "AE"
    second = SECOND.format(port=port).replace('"second"', '"second"\nmax_frame = 2048')
    service.change(second, "[[folder]]")
    assert service.reload("reloaded")["listeners"] == {"dpi": first["dpi"]}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_watched_folder_is_added_and_removed(service: Service) -> None:
    service.start()
    service.ready()
    (service.folder / "other").mkdir()
    service.change('path = "inbox"', 'path = "other"')
    service.reload("reloaded")
    (service.folder / "other/a.hl7").write_bytes(MESSAGE)
    service.wait(lambda: not (service.folder / "other/a.hl7").exists())
    assert service.end() == 0


def test_a_reload_looks_at_waiting_patients_again(service: Service) -> None:
    # The doctor has no mailbox at first; the directory is completed; the task closes by itself.
    path = service.folder / "directory.csv"
    whole = path.read_text(encoding="utf-8")
    path.write_text(
        "".join(line for line in whole.splitlines(True) if "10999990012" not in line),
        encoding="utf-8",
    )
    service.change('arrival = "5s"', 'arrival = "0s"')
    service.change('consultation = "7s"', 'consultation = "0s"')
    service.change("[hospital]", 'notice_max_age = "36500d"\n[hospital]')
    service.start()
    service.send(MESSAGE, service.ready()["listeners"]["dpi"])
    config = service.config()

    def kinds() -> list[str]:
        return [one["kind"] for one in control.call(config, "task.list", {})["tasks"]]

    service.wait(lambda: kinds() == ["mailbox-missing"])
    path.write_text(whole, encoding="utf-8")
    service.reload("reloaded")
    service.wait(lambda: kinds() == [])


@pytest.mark.parametrize("file", ["mapping.toml", "units.toml"])
def test_a_mapping_that_cannot_be_opened_refuses_the_reload_and_nobody_is_cut_off(
    service: Service, file: str
) -> None:
    # Like a file that root saved for itself alone; a folder is none for root's own tests either.
    shutil.copytree(ROOT / "mappings", service.folder / "mappings")
    service.change((ROOT / "mappings").as_posix(), "mappings")
    service.start()
    port = service.ready()["listeners"]["dpi"]
    path = service.folder / "mappings/sillage" / file
    path.rename(path.with_suffix(".kept"))
    path.mkdir()
    assert service.reload("reload-refused")["why"] == "the settings in use stay as they are"
    assert service.send(MESSAGE, port) == "AA"
    path.rmdir()
    path.with_suffix(".kept").rename(path)
    service.reload("reloaded")
    assert service.end() == 0


def test_a_number_that_no_reader_takes_refuses_the_reload(service: Service) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    service.change("per_minute = 6000", "per_minute = " + "9" * 6000)
    service.reload("reload-refused")
    assert service.send(MESSAGE, port) == "AA"
    assert service.end() == 0


def test_an_end_that_comes_during_a_reload_waits_for_it_and_is_an_orderly_one(
    service: Service,
) -> None:
    address = service.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(address))
        ear.settimeout(15)
        service.start(NOTIFY_SOCKET=str(address))
        port = service.ready()["listeners"]["dpi"]
        assert ear.recv(4096).startswith(b"READY=1")
        whole = frame(MESSAGE)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as held:
            held.sendall(whole[:100])  # a frame under way: the end waits for the rest of it
            service.wait(lambda: 'relais_connections{source="dpi"} 1' in service.get("/metrics")[1])
            service.change("[[folder]]", SECOND.format(port=0))
            assert service.process is not None
            service.process.send_signal(signal.SIGHUP)
            assert ear.recv(4096).startswith(b"RELOADING=1")
            service.process.send_signal(signal.SIGTERM)
            service.wait(lambda: service.lines("reloaded") or service.lines("stage-failed"))
            held.sendall(whole[100:])
            assert b"MSA|AA" in held.recv(65536)
        assert service.process.wait(timeout=20) == 0
    assert not service.lines("stage-failed")
    assert not (service.folder / "data/run.json").exists()


def test_an_address_that_is_lost_in_a_reload_ends_the_daemon_so_that_it_starts_anew(
    service: Service,
) -> None:
    port = free_port()
    service.change("[[folder]]", SECOND.format(port=port))
    service.start()
    service.ready()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as held:
        held.sendall(frame(MESSAGE)[:100])  # a frame under way: the old listener waits for it
        service.wait(lambda: 'relais_connections{source="second"} 1' in service.get("/metrics")[1])
        service.change('name = "second"', 'name = "second"\nmax_frame = 2048')
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            service.wait(lambda: took(thief, port))
            thief.listen()
            held.close()
            assert service.process.wait(timeout=20) == 1
    assert [one["error"] for one in service.lines("stage-failed")] == ["LostError"]
    assert not service.lines("reload-refused")


def took(thief: socket.socket, port: int) -> bool:
    try:
        thief.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
