"""Who may import whom, and which file alone may import a library: read from the sources."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parents[1] / "engine"

PURE = {
    *("model", "wire", "mapping", "decide", "compose", "directory", "verify", "privacy", "audit"),
    "audit_export",
}

# A room (a folder, or a module at the root) → the rooms it may import, itself left out.
MAY: dict[str, set[str]] = {
    "model": set(),
    "wire": {"model"},
    "audit": {"model"},
    "audit_export": {"model"},
    "compose": {"model"},
    "mapping": {"model", "wire"},
    "decide": {"model", "wire"},
    "directory": {"model"},
    "store": {"model", "audit"},
    "inbound": {"model", "wire", "decide", "store.interface"},
    "outbound": {"model", "wire", "decide", "store.interface"},
    # Prints letters in a child process: it loads nothing of the model.
    "printer": {"model", "compose"},
    "knowledge": {"model", "decide", "settled", "store.interface"},
    "settled": {"model", "decide", "store.interface"},
    "record": {"model", "wire", "knowledge", "store.interface"},
    "releases": {"model", "decide", "store.interface"},
    "forms": {"model", "knowledge", "store.interface"},
    "agreements": {"model", "store.interface"},
    "heard": {"model", "mapping", "store.interface"},
    "process": {
        *("model", "wire", "mapping", "decide", "agreements", "forms", "heard", "knowledge"),
        *("record", "store.interface"),
    },
    # Judges bytes as a stranger would: it never looks at how compose made them.
    "verify": {"model", "wire", "decide.admission"},
    # Reads letters as the firewall does; it unpacks by the readers of `verify`.
    "privacy": {"model", "verify"},
    "dispatch": {
        *("model", "decide", "compose", "verify", "knowledge", "store.interface"),
    },
}
# The shell: the rooms it may not import.
MAY_NOT: dict[str, set[str]] = {
    "runtime": {"cli", "demo"},
    "commands": {"cli", "demo"},
    "cli": set(MAY) - {"wire", "model"},  # `relais hl7 check` needs neither store nor daemon
    "demo": {"cli"},
}

DOORS: dict[str, set[str]] = {
    "typst": {"compose/typeset.py"},
    "aiosmtplib": {"outbound/smtp_session.py"},
    "hl7apy": {"wire/hl7_check.py"},
    "apsw": {"store/*"},
    "prometheus_client": {"runtime/metrics.py", "runtime/health.py"},
    "aiosmtpd": {"demo/*"},
    "jinja2": {"compose/template.py"},
    "striprtf": {"mapping/rtf.py"},
    "watchfiles": {"inbound/file_drop.py"},
    "click": {"cli/*"},
    "wsgiref": {"runtime/health.py"},
    "lxml": {
        "compose/cda.py", "compose/cda_people.py", "compose/metadata.py", "compose/xdm.py",
        "mapping/content.py", "mapping/cda_content.py", "mapping/cda_entries.py",
        "mapping/cda_values.py",
        "mapping/cda_marks.py", "mapping/cda_pieces.py", "audit_export.py",
        "mapping/content_narrative.py",
        "wire/cda.py", "verify/xml.py", "verify/rules.py", "directory/white_list.py",
    },
}  # fmt: skip
# The bench measures against it; nothing of ours may.
PEERS = {"hl7"}

# What a pure room may not touch: clock, dice, files, sockets, logs, other processes.
IMPURE = {
    "asyncio", "logging", "os", "random", "secrets", "shutil", "socket", "ssl", "structlog",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib.request",
}  # fmt: skip
# Why a pure file may all the same.
EXCUSED = {
    ("wire/hl7_check.py", "tempfile"): "hl7apy writes its findings to a file, and to nothing else",
    (
        "compose/typeset.py",
        "os",
    ): "an annex reaches the typesetter as a memory file, without a name",
}


def sources() -> list[Path]:
    return sorted(ENGINE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> tuple[str, ...]:
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever the import stands. ``from a import b`` gives
    ``a.b`` when that is a module of ours, else ``a``."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides its room"
            module = node.module or ""
            for one in node.names:
                below = ENGINE.parent / module.replace(".", "/") / one.name
                ours = below.with_suffix(".py").exists() or below.is_dir()
                yield f"{module}.{one.name}" if ours else module


def room_of(path: Path) -> str:
    parts = path.relative_to(ENGINE).parts
    return parts[0].removesuffix(".py")


def test_every_room_is_in_the_table() -> None:
    rooms = {room_of(path) for path in sources()} - {"__init__"}
    assert rooms == set(MAY) | set(MAY_NOT)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ENGINE)))
def test_arrows_go_down(path: Path) -> None:
    room = room_of(path)
    for name in imported(path):
        if not name.startswith("engine."):
            continue
        other = name.split(".")[1]
        if other == room:
            continue
        if room in MAY:
            allowed = MAY[room]
            precise = ".".join(name.split(".")[1:3])
            assert other in allowed or precise in allowed, f"{room} imports {name}"
        else:
            assert other not in MAY_NOT[room], f"{room} imports {name}"


@pytest.mark.parametrize("library", DOORS)
def test_a_library_has_one_door(library: str) -> None:
    found = {
        path.relative_to(ENGINE)
        for path in sources()
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert found, f"nobody imports {library}"
    strays = [one for one in found if not any(one.match(door) for door in DOORS[library])]
    assert strays == []


def test_nothing_of_ours_stands_on_the_peers_that_it_is_measured_against() -> None:
    for path in sources():
        assert not PEERS & {name.split(".")[0] for name in imported(path)}, path


def test_pure_rooms_have_no_clock_no_dice_no_socket_and_no_log() -> None:
    strays = [
        f"{path.relative_to(ENGINE)}: {name}"
        for path in sources()
        if room_of(path) in PURE
        for name in imported(path)
        if (name in IMPURE or name.split(".")[0] in IMPURE)
        and (str(path.relative_to(ENGINE)), name) not in EXCUSED
    ]
    assert strays == []


def test_identifiers_are_derived_and_never_drawn() -> None:
    drawn = [
        str(path.relative_to(ENGINE))
        for path in sources()
        if room_of(path) in PURE and re.search(r"uuid[14]\(", path.read_text(encoding="utf-8"))
    ]
    assert drawn == []


def test_the_clock_is_read_in_the_shell_alone() -> None:
    strays = []
    for path in sources():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today"):
                whole = ast.unparse(node)
                if whole.split(".")[0] in ("datetime", "date"):
                    strays.append((room_of(path), whole))
    # inbound.receive has a default for its clock, which the tests replace.
    assert {room for room, _ in strays} == {"runtime", "demo", "inbound"}


def test_logs_are_set_up_in_one_place() -> None:
    strays = [
        str(path.relative_to(ENGINE))
        for path in sources()
        if "structlog.configure" in path.read_text(encoding="utf-8")
    ]
    assert strays == ["runtime/logs.py"]


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    long = {
        str(path.relative_to(ENGINE)): count
        for path in sources()
        if (count := path.read_text(encoding="utf-8").count("\n")) > 400
    }
    assert long == {}
