"""The house keeps its plan: who may import whom, and one door to each library."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parents[1] / "engine"

_STAGES = {"process", "dispatch", "knowledge", "printer"}
_PURE = {"model", "wire", "decide", "compose", "audit", "audit_export", "mapping"}
# What each room may import of ours, itself excepted. `store.interface` is the store's door.
MAY = {
    "model": set(),
    "wire": {"model"},
    "audit": {"model"},
    "audit_export": {"model", "audit"},
    "decide": {"model", "wire"},
    "compose": {"model"},
    "mapping": {"model", "wire"},
    "store": {"model", "audit"},
    "inbound": {"model", "wire", "decide", "store.interface"},
    "outbound": {"model", "wire", "decide", "store.interface"},
    **dict.fromkeys(_STAGES, _PURE | _STAGES | {"store.interface"}),
    "runtime": _PURE | _STAGES | {"store", "store.interface", "inbound", "outbound", "commands"},
    "commands": _PURE | _STAGES | {"store", "store.interface", "outbound", "runtime"},
    "demo": _PURE | _STAGES | {"store", "store.interface", "runtime", "commands"},
    "cli": {"model", "wire", "audit", "store", "runtime", "commands", "demo"},
}
# The only files that import a library.
DOORS = {
    "typst": {"compose/pdf.py", "compose/annex.py"},
    "jinja2": {"compose/template.py"},
    "lxml": {"compose/cda.py", "compose/cda_people.py", "compose/metadata.py", "compose/xdm.py",
             "mapping/content.py", "audit_export.py"},
    "aiosmtplib": {"outbound/smtp_session.py"},
    "aiosmtpd": {"demo/mail_server.py"},
    "hl7apy": {"wire/hl7_check.py"},
    "prometheus_client": {"runtime/metrics.py", "runtime/health.py"},
    "watchfiles": {"inbound/file_drop.py"},
    "click": {"cli.py"},
    "hl7": set(),
}  # fmt: skip
FILES = sorted(path for path in ENGINE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def room(path: Path) -> str:
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_imports_go_down_only(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "engine" or len(parts) < 2 or parts[1] in (here, "__version__"):
            continue
        through_door = name.startswith("engine.store.interface") and "store.interface" in MAY[here]
        assert parts[1] in MAY[here] or through_door, f"{here} imports {name}"


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_its_door(library: str) -> None:
    users = {
        str(path.relative_to(ENGINE))
        for path in FILES
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users <= DOORS[library]


def test_sql_and_its_engine_stay_in_the_store() -> None:
    users = {room(path) for path in FILES if any(n.split(".")[0] == "apsw" for n in imports(path))}
    assert users == {"store"}


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in _PURE], ids=lambda p: p.stem)
def test_pure_rooms_read_no_clock_throw_no_dice_and_write_no_log(path: Path) -> None:
    forbidden = {"random", "secrets", "socket", "asyncio", "structlog", "logging", "time",
                 "subprocess", "threading", "os"}  # fmt: skip
    found = {name.split(".")[0] for name in imports(path)} & forbidden
    # hl7apy reports its findings through a file; annexes need a file that the typesetter can open.
    excused = {
        "wire/hl7_check.py": {"os"},
        "compose/annex.py": {"os"},
        "compose/pdf.py": {"os"},
    }
    assert found <= excused.get(str(path.relative_to(ENGINE)), set())
