"""A program of the site: its exit codes, its end, and what it can see of us."""

import asyncio
import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.model.channel import Command
from engine.model.flow import Accepted, Cause, Deferred, Outcome, Rejected, Unknown
from engine.outbound.command import CommandTransport, first_text
from tests.outbound.test_transport import script
from tests.support.deliveries import a_delivery, a_mime


async def run(folder: Path, text: str, *arguments: str, **changes: Any) -> Outcome:
    program = script(folder, text)
    transport = CommandTransport(Command(argv=(program, *arguments), **changes))
    delivery = a_delivery("abc1")
    return await transport.attempt(delivery, a_mime(delivery))


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, Accepted(reply="exit 0")),
        (64, Rejected(Cause.REFUSED, 64)),
        (65, Rejected(Cause.REFUSED, 65)),
        (67, Rejected(Cause.MAILBOX, 67)),
        (68, Rejected(Cause.MAILBOX, 68)),
        (75, Deferred(Cause.COMMAND, 75)),
        (1, Deferred(Cause.COMMAND, 1)),
        (77, Deferred(Cause.COMMAND, 77)),
        (255, Deferred(Cause.COMMAND, 255)),
        (90, Unknown()),
    ],
)
async def test_each_exit_code_has_its_outcome(tmp_path: Path, code: int, outcome: Outcome) -> None:
    assert await run(tmp_path, f"exit {code}", possibly_sent=(90,)) == outcome


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(code=st.integers(1, 255))
async def test_a_code_that_no_table_names_is_never_a_success_and_never_lost(
    tmp_path: Path, code: int
) -> None:
    outcome = await run(tmp_path, f"exit {code}", refused=(), no_mailbox=(), possibly_sent=())
    assert outcome == Deferred(Cause.COMMAND, code)


async def test_a_program_ended_by_a_signal_may_have_sent(tmp_path: Path) -> None:
    assert await run(tmp_path, "kill -9 $$") == Unknown()


async def test_a_program_that_is_none_is_deferred(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    transport = CommandTransport(Command(argv=(str(plain),)))
    assert await transport.attempt(a_delivery("abc1"), b"x") == Deferred(Cause.COMMAND)


async def test_the_timeout_kills_all_that_the_program_started(tmp_path: Path) -> None:
    text = f"sleep 300 & echo $! >{tmp_path}/child; sleep 300"
    assert await run(tmp_path, text, timeout=timedelta(milliseconds=500)) == Unknown()
    await gone(int((tmp_path / "child").read_text()))


async def test_what_a_program_leaves_running_ends_with_it(tmp_path: Path) -> None:
    assert isinstance(await run(tmp_path, f"sleep 300 & echo $! >{tmp_path}/child"), Accepted)
    await gone(int((tmp_path / "child").read_text()))


async def gone(pid: int) -> None:
    """Wait until a killed process is no more than a zombie for its new parent."""
    async with asyncio.timeout(5):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                return
            if state in "ZX":
                return
            await asyncio.sleep(0.01)


async def test_a_cut_run_is_killed_and_may_have_sent(tmp_path: Path) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    attempt = asyncio.ensure_future(run(tmp_path, f"echo $$ >{fifo}; sleep 300"))
    pid = int(await asyncio.to_thread(fifo.read_text))  # the program runs now
    attempt.cancel()
    assert await attempt == Unknown()
    await gone(pid)


async def test_it_sees_of_the_environment_only_what_the_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAIS_SECRET", "s3cret")
    await run(tmp_path, f"/usr/bin/env >{tmp_path}/seen", environment={"KEYS": "/etc/keys"})
    seen = (tmp_path / "seen").read_text()
    assert "KEYS=/etc/keys" in seen
    assert "s3cret" not in seen
    shell = {"PWD", "SHLVL", "_", "OLDPWD"}  # made by /bin/sh itself
    assert set(re.findall(r"(?m)^(\w+)=", seen)) <= {"KEYS"} | shell


async def test_endless_output_neither_stops_nor_fills_anything_and_is_kept_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "head -c 50000000 /dev/zero; cat; cat >&2; exit 75"
    assert await run(tmp_path, text) == Deferred(Cause.COMMAND, 75)
    told = capfd.readouterr()
    assert not told.out
    assert not told.err


async def test_a_program_that_never_reads_does_not_hold_us(tmp_path: Path) -> None:
    transport = CommandTransport(Command(argv=(script(tmp_path, "exit 0"),)))
    delivery = a_delivery("abc1")
    mime = a_mime(delivery, b"x" * 9_000_000)
    assert isinstance(await transport.attempt(delivery, mime), Accepted)


async def test_arguments_are_no_shell_and_are_put_in_once(tmp_path: Path) -> None:
    text = f'for one in "$@"; do echo "$one" >>{tmp_path}/seen; done'
    program = script(tmp_path, text)
    transport = CommandTransport(Command(argv=(program, "-d", "{local}", "to={recipient}", "{id}")))
    delivery = a_delivery("abc1", "{id}$(touch${IFS}x)@medical59.apicrypt.org")
    await transport.attempt(delivery, a_mime(delivery))
    assert not (tmp_path / "seen").exists()  # brackets are in no address that is let through
    delivery = a_delivery("abc1", "{id}`x`@medical59.apicrypt.org")
    await transport.attempt(delivery, a_mime(delivery))
    assert (tmp_path / "seen").read_text().splitlines() == [
        "-d",
        "{id}`x`",
        "to={id}`x`@medical59.apicrypt.org",
        "abc1",
    ]


@pytest.mark.parametrize("address", ["-v@medecin.example", "a b@c.example", "a@b@c", "", "a"])
async def test_an_address_that_could_be_an_option_is_refused_and_nothing_runs(
    tmp_path: Path, address: str
) -> None:
    transport = CommandTransport(Command(argv=(script(tmp_path, f"touch {tmp_path}/ran"),)))
    outcome = await transport.attempt(a_delivery("abc1", address), b"x")
    assert outcome == Rejected(Cause.MAILBOX)
    assert not (tmp_path / "ran").exists()


async def test_the_file_is_private_holds_the_bytes_and_is_gone_afterwards(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    text = f'stat -c %a "$1" >{tmp_path}/mode; cp "$1" {tmp_path}/seen; cat >{tmp_path}/stdin'
    outcome = await run(tmp_path, text, "{file}", give="file", private=private)
    assert isinstance(outcome, Accepted)
    assert (tmp_path / "seen").read_bytes() == a_mime(a_delivery("abc1"))
    assert (tmp_path / "mode").read_text().strip() == "600"
    assert (tmp_path / "stdin").read_bytes() == b""
    assert list(private.iterdir()) == []


@pytest.mark.parametrize("turns", range(6))
async def test_a_run_cut_at_any_moment_leaves_no_file(tmp_path: Path, turns: int) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    attempt = asyncio.ensure_future(
        run(tmp_path, "sleep 60", "{file}", give="file", private=private)
    )
    for _ in range(turns):
        await asyncio.sleep(0)
    attempt.cancel()
    await asyncio.gather(attempt, return_exceptions=True)
    assert list(private.iterdir()) == []


async def test_the_file_never_goes_through_a_link(tmp_path: Path) -> None:
    private, other = tmp_path / "private", tmp_path / "other"
    private.mkdir()
    (private / "abc1").symlink_to(other)
    outcome = await run(tmp_path, 'test -s "$1"', "{file}", give="file", private=private)
    assert isinstance(outcome, Accepted)
    assert not other.exists()


async def test_a_private_folder_that_is_not_there_defers(tmp_path: Path) -> None:
    outcome = await run(tmp_path, "exit 0", "{file}", give="file", private=tmp_path / "no")
    assert outcome == Deferred(Cause.FOLDER)


async def test_with_body_text_the_program_reads_the_first_text_in_its_own_bytes(
    tmp_path: Path,
) -> None:
    mime = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: text/plain; charset=ISO-8859-1\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"U59-000001\r\nMOD=C8LE\r\n****FIN****\r\n****FINFICHIER****\r\n\r\n"
        b"--b\r\nContent-Type: application/pdf\r\n\r\n%PDF-\r\n--b--\r\n"
    )
    program = script(tmp_path, f"cat >{tmp_path}/seen")
    transport = CommandTransport(Command(argv=(program,), body="text"))
    assert isinstance(await transport.attempt(a_delivery("abc1"), mime), Accepted)
    seen = (tmp_path / "seen").read_bytes()
    assert seen.startswith(b"U59-000001\r\nMOD\xc8LE\r\n")
    assert b"%PDF" not in seen
    assert first_text(b"Content-Type: application/pdf\r\n\r\nx") is None


async def test_an_id_that_is_no_id_of_ours_is_refused(tmp_path: Path) -> None:
    transport = CommandTransport(Command(argv=(script(tmp_path, "exit 0"),)))
    delivery = replace(a_delivery(), id="../out")
    assert await transport.attempt(delivery, b"x") == Rejected(Cause.INTERNAL)
