"""Each mistake of a settings file: its line, what is wrong, and the cure; all at once."""

import shutil
from pathlib import Path

import pytest

from engine.model.policy import Mode
from engine.runtime.mistakes import SettingsError, Weight
from engine.runtime.settings import examine, load, policy_of

ROOT = Path(__file__).resolve().parents[2]
DEMO = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "fixtures/day/directory.csv", tmp_path)
    for name in ("inbox", "gateway", "mails"):
        (tmp_path / name).mkdir()
    return tmp_path


def written(folder: Path, *changes: tuple[str, str], text: str = DEMO) -> Path:
    text = text.replace("@mappings@", (ROOT / "mappings").as_posix())
    text = text.replace('ca_file = "mails/ca.pem"\n', "")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "relais.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(path: Path) -> list[str]:
    return [str(one) for one in examine(path)[1]]


def test_a_good_file_is_used(folder: Path) -> None:
    settings = load(written(folder))
    assert settings.config.mode is Mode.PRODUCTION
    assert set(policy_of(settings.config).units) == {"annoeullin", "sequedin"}
    assert settings.config.data == folder / "data"


@pytest.mark.parametrize(
    ("change", "line", "setting", "words"),
    [
        (('mode = "production"', 'mode = "prod"'), 3, "mode", "production"),
        (('mode = "production"', 'mode = "test"'), None, "test_mailboxes", "test"),
        (('finess = "590000006"', "finess = 590000006"), 10, "hospital.finess", "text"),
        (('finess = "590000006"', 'finess = "59"'), 10, "hospital.finess", ""),
        (('arrival = "5s"', 'arival = "5s"'), None, "delays.arival", "arrival"),
        (('arrival = "5s"', 'arrival = "soon"'), None, "delays.arrival", "30m"),
        (("port = 2525", "port = 99999"), None, "channels.mssante.smtp.port", ""),
        (
            ("port = 2525", 'port = 2525\npassword = "hunter2"'),
            None,
            "channels.mssante.smtp.password",
            "file:",
        ),
        (('folder = { path = "gateway" }', ""), None, "channels.apicrypt", "smtp"),
        (('mapping = "sillage"', 'mapping = "silage"'), None, "listener", "sillage"),
        (("[units.annoeullin]", "[units.annoelin]"), None, "units", "annoe"),
        (('directory = "directory.csv"', 'directory = "nowhere.csv"'), 6, "directory", "directory"),
        (('name = "CH d\'Exempleville"\n', ""), None, "hospital", "name"),
    ],
    ids=lambda one: one[1][:30] if isinstance(one, tuple) else None,
)
def test_a_mistake_is_told_with_its_place_and_its_cure(
    folder: Path, change: tuple[str, str], line: int | None, setting: str, words: str
) -> None:
    path = written(folder, change)
    told = mistakes(path)
    assert any(setting in one and words in one and " — " in one for one in told), told
    if line is not None:
        assert any(one.startswith(f"relais.toml:{line}:") for one in told), told
    assert all("hunter2" not in one for one in told)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    path = written(
        folder, ('mode = "production"', 'mode = "prod"'), ('finess = "590000006"', 'finess = "5"')
    )
    assert len(mistakes(path)) == 2
    with pytest.raises(SettingsError) as raised:
        load(path)
    assert "and 1 more" in str(raised.value)


def test_a_file_that_is_no_toml_is_told_with_its_line(folder: Path) -> None:
    path = written(folder, ("[hospital]", "[hospital"))
    assert mistakes(path)[0].startswith("relais.toml:")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("10999990013,X,Y,Z,a@b.mssante.example,PER,mssante", "RPPS"),
        ("10999990012,X,Y,Z,not-an-address,PER,mssante", "address"),
        ("10999990012,X,Y,Z,a@b.mssante.example,XXX,mssante", "type"),
        ("10999990012,X,Y,Z,a@b.mssante.example,PER,pigeon", "channel"),
        ("10999990012,X,Y", ""),
    ],
)
def test_a_bad_row_of_the_directory_is_told_by_its_line_and_names_nobody(
    folder: Path, row: str, words: str
) -> None:
    with (folder / "directory.csv").open("a", encoding="utf-8") as file:
        file.write(row.replace(",X,", ",CANARI,") + "\n")
    told = mistakes(written(folder))
    assert any("directory.csv" in one and words in one for one in told), told
    assert all("CANARI" not in one for one in told)


def test_a_bad_row_of_the_directory_never_becomes_a_mailbox(folder: Path) -> None:
    with (folder / "directory.csv").open("a", encoding="utf-8") as file:
        file.write("10999990053,NEW,Y,Z,nobody,PER,mssante\n")
    settings, _ = examine(written(folder))
    assert settings is None or "10999990053" not in settings.directory


def test_health_on_every_address_is_advised_against(folder: Path) -> None:
    _, found = examine(written(folder, ("[health]", '[health]\nhost = "0.0.0.0"')))
    assert any(one.weight is Weight.ADVICE and "health" in str(one) for one in found)
