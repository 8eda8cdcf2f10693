"""What an operator sees: exit statuses, plain words, no traceback."""

import json
import resource
import shutil
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from engine.cli import main
from engine.cli.show import printable
from engine.model.flow import AckCode, JournalState
from engine.store.interface import NewEntry
from engine.store.sqlite import SqliteStore
from tests.support.house import Engine, opened

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
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_help_costs_less_than_half_a_second_of_the_processor() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    relais = [sys.executable, "-m", "engine.cli", "--help"]
    subprocess.run(relais, capture_output=True, cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


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
        (("journal", "list", "--state", "x"), 1, "one of: received"),
        (("journal", "list", "--limit", "0"), 1, "do:"),
        (("outbox", "list", "--state", "x"), 1, "one of: queued"),
        (("outbox", "show", "x"), 1, "no such delivery"),
        (("task", "show", "77"), 1, "no such task"),
        (("gp", "confirm", "26000001", "--rpps", "10999990020"), 1, "not the one declared"),
        (("consent", "record", "26000001", "--purpose", "x", "--state", "granted"), 1, "one of:"),
        (("audit", "export", "--output", "/nowhere/x"), 1, "cannot be written"),
        (("map", "try", "/nowhere"), 2, "does not exist"),
        (("audit", "export"), 2, "Missing option"),
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
    assert "line 3" in bad.output


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


def test_map_try_reads_every_message_of_the_day_and_misses_nothing() -> None:
    files = [str(path) for path in sorted((ROOT / "fixtures/day").glob("*.hl7"))]
    result = run("map", "try", "--mapping", "sillage", "--json", *files)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert len(told) == len(files)
    assert all(one["facts"] for one in told)
    said = {fact["kind"] for one in told for fact in one["facts"]}
    assert said >= {"person", "gp", "gp-confirmed", "movement", "consent", "document", "merged"}


def test_map_try_takes_a_file_as_a_watched_folder_would(tmp_path: Path) -> None:
    one = next((ROOT / "fixtures/day").glob("*lambert-A01*")).read_bytes()
    batch = b"FHS|^~\\&\r\n" + one.replace(b"\r", b"\r\n") * 2 + b"FTS\r\n"
    (tmp_path / "batch.hl7").write_bytes(batch)
    (tmp_path / "framed.hl7").write_bytes(b"\x0b" + one + b"\x1c\r")
    for name, count in (("batch.hl7", 2), ("framed.hl7", 1)):
        result = run("map", "try", "--mapping", "sillage", str(tmp_path / name))
        assert result.exit_code == 0, result.output
        assert result.output.count("ADT^A01") == count
        assert run("hl7", "check", str(tmp_path / name)).exit_code == 0


def test_map_try_says_what_cannot_be_read_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(b"PID|1\r")
    good = next((ROOT / "fixtures/day").glob("*lambert-A01*"))
    result = run("map", "try", "--mapping", "sillage", str(tmp_path / "a.hl7"), str(good))
    assert result.exit_code == 1
    assert "cannot be read" in result.output
    assert "ADT^A01" in result.output
    assert "Traceback" not in result.output


def test_the_shipped_mappings_are_where_it_is_said() -> None:
    assert (Path(run("map", "where").output.strip()) / "pam-fr/mapping.toml").is_file()


def test_a_command_before_the_first_start_says_so(tmp_path: Path) -> None:
    engine = opened(tmp_path)  # the settings and their files
    engine.store.close()
    result = run("--config", str(engine.settings.path), "status")
    assert result.exit_code == 1
    assert "relais serve" in result.output
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data/master.key"]


def test_config_check_tells_each_mistake_and_its_count(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    engine.store.close()
    path = engine.settings.path
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('mode = "production"', 'mode = "prod"'), encoding="utf-8")
    result = run("--config", str(path), "config", "check")
    assert result.exit_code == 1
    assert "error: relais.toml:3: mode: not one of the choices" in result.output
    assert "1 mistake: the daemon would not start" in result.output


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


@pytest.mark.parametrize(
    "words",
    [
        ("journal", "list"),
        ("journal", "list", "--json"),
        ("journal", "show", "4"),
        ("journal", "show", "4", "--raw"),
    ],
    ids=" ".join,
)
def test_what_a_sender_wrote_never_commands_the_terminal(
    config: str, words: tuple[str, ...]
) -> None:
    hostile = "\x1b]0;title\x07\x9b2J\u202e"
    entry = NewEntry(
        source="dpi",
        peer="",
        raw=f"MSH|^~\\&|{hostile}".encode(),
        content_hash=b"0" * 32,
        sender="",
        control_id=hostile,
        message_type=hostile,
        processing_id="",
        state=JournalState.QUARANTINE,
        ack=AckCode.AE,
    )
    store = SqliteStore.open(Path(config).parent / "data/relais.db")
    assert store.write_sync(lambda tx: tx.journal.add(entry, datetime.now(UTC))) == 4
    store.close()
    result = run("--config", config, *words)
    assert result.exit_code == 0, result.output
    assert "title" in result.output
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(result.output)


@given(st.text())
def test_no_character_that_commands_a_terminal_is_printed(text: str) -> None:
    shown = printable(text, "")
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in shown)
    assert printable(shown, "") == shown
