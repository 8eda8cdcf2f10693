"""What an operator sees: exit statuses, plain words, no traceback."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from engine.store.sqlite import SqliteStore
from tests.support.house import Engine

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT.parent / "shared/samples/pam-fr"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
async def config(engine: Engine) -> str:
    """A store with one patient, closed, where a command finds it."""
    await engine.hear("lambert-A01", "faure-A01", "faure-A03")
    path = engine.settings.path
    engine.store.close()
    data = engine.settings.config.data
    data.mkdir(exist_ok=True)
    shutil.move(path.parent / "relais.db", data / "relais.db")
    return str(path)


def test_help_answers_at_once_and_loads_nothing_heavy() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from engine.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "heavy = {'typst', 'lxml', 'hl7apy', 'pydantic', 'apsw', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("status",), "production"),
        (("journal", "list"), "ADT^A01"),
        (("journal", "show", "1"), "facts"),
        (("journal", "show", "1", "--raw"), "LAMBERT"),
        (("outbox", "list"), "(none)"),
        (("task", "list"), "exit-kind-unknown"),
        (("task", "show", "1"), "do"),
        (("consent", "list", "26000001"), "arrival-notice"),
        (("why", "26000001"), "Médecin traitant: MARTEL Claire"),
        (("why", "26000001", "--json"), '"threads"'),
        (("consent", "record", "26000001", "--purpose", "dmp", "--state", "refused"), "recorded"),
        (("gp", "confirm", "26000001", "--rpps", "10999990012"), "confirmed"),
        (("journal", "replay", "1"), "read anew"),
        (("pause",), "nothing leaves"),
        (("resume",), "sending again"),
        (("config", "check"), "can be used"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else None,
)
def test_a_command_does_its_work_without_a_daemon(
    config: str, words: tuple[str, ...], shown: str
) -> None:
    result = run("--config", config, *words)
    assert result.exit_code == 0, result.output
    assert shown in result.output


@pytest.mark.parametrize(
    ("words", "status", "shown"),
    [
        (("why", "nobody"), 1, "do:"),
        (("task", "done", "77"), 1, "no such task"),
        (("outbox", "hold", "x"), 1, "no such delivery"),
        (("journal", "show", "x"), 2, "Usage"),
        (("nonsense",), 2, "No such command"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else None,
)
def test_a_refusal_is_told_in_words_and_by_the_status(
    config: str, words: tuple[str, ...], status: int, shown: str
) -> None:
    result = run("--config", config, *words)
    assert result.exit_code == status
    assert shown in result.output
    assert "Traceback" not in result.output


def test_without_a_settings_file_the_cure_is_told(tmp_path: Path) -> None:
    result = run("--config", str(tmp_path / "none.toml"), "status")
    assert result.exit_code == 1
    assert "do:" in result.output


def test_verify_names_the_line_that_was_altered(config: str) -> None:
    assert run("--config", config, "audit", "verify").exit_code == 1  # no key: never started
    store = SqliteStore.open(Path(config).parent / "data/relais.db")
    from engine.audit import private_key_from_seed, public_key_pem

    pem = public_key_pem(private_key_from_seed(b"1" * 32).public_key())
    store.write_sync(lambda tx: tx.meta.put("audit-public-key", pem))
    store.close()
    good = run("--config", config, "audit", "verify")
    assert (good.exit_code, "the chain holds" in good.output) == (0, True)
    raw = apsw.Connection(str(Path(config).parent / "data/relais.db"))
    for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 3")
    raw.close()
    bad = run("--config", config, "audit", "verify")
    assert bad.exit_code == 1
    assert "3" in bad.output


def test_map_try_shows_what_is_read_and_what_is_missing() -> None:
    path = next((ROOT / "fixtures/day").glob("*lambert-A01*"))
    shown = run("map", "try", "--mapping", "sillage", str(path))
    assert shown.exit_code == 0
    assert "gp-confirmed" in shown.output
    assert run("map", "try", "--mapping", "nowhere", str(path)).exit_code == 1


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the national samples are not beside the checkout")
def test_map_try_reads_the_national_samples() -> None:
    for path in sorted(SAMPLES.glob("*.[he][lr][7]")):
        result = run("map", "try", "--mapping", "pam-fr", str(path))
        assert result.exit_code == 0, result.output


def test_hl7_check_tells_what_is_remarkable_in_a_message(tmp_path: Path) -> None:
    path = next((ROOT / "fixtures/day").glob("*lambert-A01*"))
    assert "ZBE" in run("hl7", "check", str(path)).output
    (tmp_path / "bad.hl7").write_bytes(b"PID|1\r")
    assert run("hl7", "check", str(tmp_path / "bad.hl7")).exit_code == 1


def test_a_signing_key_is_made_once(tmp_path: Path) -> None:
    first = run("audit", "keygen", str(tmp_path / "key.pem"))
    assert first.exit_code == 0
    assert "PUBLIC KEY" in first.output
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    assert run("audit", "keygen", str(tmp_path / "key.pem")).exit_code == 1
