"""The daemon's local socket: one request, one answer, whoever asks and however badly."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.model.errors import OperationError
from engine.runtime import control
from engine.runtime.control import ControlServer, NotRunningError, actor, call_at
from tests.support.service import Service

ME = control.login_of(os.getuid())


async def perform(operation: str, args: dict[str, Any], who: str) -> dict[str, Any]:
    """What the daemon would do."""
    match operation:
        case "echo":
            return {"args": args, "by": who}
        case "refuse":
            raise OperationError(what="No.", where="here", effect="nothing", remedy="leave it")
        case _:
            raise ZeroDivisionError("CANARI")


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    server = ControlServer(tmp_path / "s", perform)
    await server.start()
    yield tmp_path / "s"
    await server.stop()
    assert not (tmp_path / "s").exists()


async def asked(path: Path, operation: str, args: dict[str, Any], by: str | None = None) -> Any:
    return await asyncio.to_thread(call_at, path, operation, args, by)


async def raw(path: Path, data: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(data)
    writer.write_eof()
    answer: dict[str, Any] = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_request_comes_back_with_its_result_and_the_login_that_the_kernel_tells(
    path: Path,
) -> None:
    told = await asked(path, "echo", {"é": [1, None, "\n\u2028"]})
    assert told == {"args": {"é": [1, None, "\n\u2028"]}, "by": ME}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_refusal_comes_back_in_its_own_words(path: Path) -> None:
    with pytest.raises(OperationError) as raised:
        await asked(path, "refuse", {})
    error = raised.value
    assert (error.what, error.where, error.effect, error.remedy) == (
        "No.", "here", "nothing", "leave it",
    )  # fmt: skip


async def test_a_fault_comes_back_without_its_text(path: Path) -> None:
    with pytest.raises(OperationError, match="ZeroDivisionError") as raised:
        await asked(path, "fault", {})
    assert "CANARI" not in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b'{"op": 1}\n', b"null\n", b"", b"no end",
        b'{"op": "echo", "args": 3}\n', b'{"op": "echo", "args": {}, "by": {"a": 1}}' * 2 + b"\n",
        b"[" * 100_000 + b"\n", b'{"op": "echo", "args": "' + b"x" * (3 << 20) + b'"}\n',
        b"x" * (40 << 20),
    ],
    ids=lambda line: line[:24],
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_hurts_nobody(path: Path, line: bytes) -> None:
    try:
        told = await raw(path, line)
    except (ConnectionError, json.JSONDecodeError):
        assert len(line) > 16 << 20  # hung up on, after more than enough
    else:
        assert told["ok"] is False
        assert "not understood" in told["error"]["what"]
    assert await asked(path, "echo", {}) == {"args": {}, "by": ME}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200).filter(lambda one: b"\n" not in one))
async def test_no_bytes_are_ever_taken_for_a_request(path: Path, data: bytes) -> None:
    assert (await raw(path, data + b"\n"))["ok"] is False


async def test_a_peer_that_hangs_up_hurts_nobody(path: Path) -> None:
    for data in (b"", b'{"op": "ec', b'{"op": "echo", "args": {}}\n'):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(data)
    assert await asked(path, "echo", {}) == {"args": {}, "by": ME}


def test_root_alone_acts_in_somebody_elses_name() -> None:
    assert actor("root", "claire") == "claire"
    assert actor("root", None) == "root"
    assert actor("claire", None) == actor("claire", "") == actor("claire", "claire") == "claire"
    for by in ("root", "paul", {"a": 1}, 3):
        with pytest.raises(OperationError, match="Root alone"):
            actor("claire", by)
    with pytest.raises(OperationError):
        actor("root", {"a": 1})


@pytest.mark.skipif(os.getuid() != 0, reason="changes its account")
async def test_another_account_cannot_name_somebody_else_even_if_it_reaches_the_socket(
    path: Path,
) -> None:
    for folder in (path, *path.parents):
        if folder.is_relative_to("/tmp"):
            folder.chmod(folder.stat().st_mode | (0o666 if folder == path else 0o011))
    script = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "s.sendall(sys.argv[2].encode() + b'\\n'); sys.stdout.write(s.recv(65536).decode())"
    )
    for by, ok in (("root", False), (None, True)):
        process = await asyncio.create_subprocess_exec(
            "/usr/bin/python3" if Path("/usr/bin/python3").exists() else "python3",
            "-c", script, str(path), json.dumps({"op": "echo", "args": {}, "by": by}),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        told = json.loads(out)
        assert told["ok"] is ok
        if ok:
            assert told["result"]["by"] == control.login_of(65534)


def test_without_a_daemon_it_is_told_apart_from_one_that_falls_silent(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError):
        call_at(tmp_path / "none", "echo", {})
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(str(tmp_path / "s"))
        ear.listen()
        import threading

        def hang_up() -> None:
            line, _ = ear.accept()
            line.recv(65536)
            line.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(OperationError, match="did not answer") as raised:
            call_at(tmp_path / "s", "echo", {})
        thread.join()
    assert "may have been done" in raised.value.effect


async def test_a_socket_file_that_nobody_holds_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / "s"))
    server = ControlServer(tmp_path / "s", perform)
    await server.start()
    assert (await asked(tmp_path / "s", "echo", {}))["by"] == ME
    await server.stop()


def test_commands_reach_the_daemon_and_refusals_come_back_in_its_words(service: Service) -> None:
    service.start()
    service.ready()
    config = service.config()
    assert control.call(config, "status", {})["mode"] == "production"
    assert control.call(config, "pause", {})["paused"] is True
    assert control.call(config, "status", {})["paused"] is True
    with pytest.raises(OperationError, match="No patient"):
        control.call(config, "why", {"patient": "nobody"})
    with pytest.raises(OperationError, match="no operation"):
        control.call(config, "rm -rf", {})
    # `pause` must work even while somebody edits the file.
    service.change("[hospital]", "[hospita")
    assert service.command("resume").returncode == 0
