"""The unit file and the container say what the program does."""

import re
from pathlib import Path

import pytest

from engine.model.config import Health

ROOT = Path(__file__).resolve().parents[2]
UNIT = (ROOT / "config/relais.service").read_text(encoding="utf-8").splitlines()
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify", "NotifyAccess=main", "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure", "User=relais", "StateDirectory=relais", "StateDirectoryMode=0700",
        "UMask=0077", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes",
        "PrivateTmp=yes", "MemoryDenyWriteExecute=yes", "CapabilityBoundingSet=",
    ],
)  # fmt: skip
def test_the_unit_is_hardened_and_is_told_when_the_daemon_is_ready(line: str) -> None:
    assert line in UNIT


def test_the_unit_starts_the_command_and_waits_longer_for_its_end_than_the_daemon_does() -> None:
    assert any(re.fullmatch(r"ExecStart=\S+/relais --config \S+ serve", line) for line in UNIT)
    told = dict(line.split("=", 1) for line in UNIT if re.match(r"\w+=", line))
    assert int(told["TimeoutStopSec"]) > 10 + 30  # WaysIn.close, then the stages
    assert int(told["WatchdogSec"]) >= 10


def instructions(word: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in DOCKERFILE if line.startswith(f"{word} ")]


def test_the_image_copies_what_exists_and_what_is_not_ignored() -> None:
    copied = [
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in IGNORED
    assert IGNORED[1] == "*"


def test_the_image_is_pinned_installs_by_hash_and_runs_as_nobody_in_particular() -> None:
    assert all(re.match(r"python:3\.11-slim-\w+", line) for line in instructions("FROM"))
    assert any("--require-hashes -r requirements.lock" in line for line in instructions("RUN"))
    assert instructions("USER")[-1] not in ("root", "0")
    assert instructions("VOLUME") == ['["/var/lib/relais"]']
    assert not any(re.search(r"(?i)password|secret|token", line) for line in DOCKERFILE)


def test_the_image_is_probed_where_the_daemon_answers() -> None:
    (probe,) = (line for line in DOCKERFILE if line.startswith("HEALTHCHECK"))
    health = Health()
    assert f"http://{health.host}:{health.port}/readyz" in probe
