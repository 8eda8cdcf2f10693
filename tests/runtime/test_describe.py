"""The example settings file is printed from the types, and can be used."""

import shutil
import tomllib
from pathlib import Path

from engine.model.config import Config
from engine.runtime.describe import describe
from engine.runtime.settings import examine

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_example_is_what_the_program_prints() -> None:
    assert (ROOT / "config/relais.example.toml").read_text(encoding="utf-8") == describe()


def test_the_example_is_accepted_once_its_files_exist(tmp_path: Path) -> None:
    text = describe().replace("/etc/relais/mappings", (ROOT / "mappings").as_posix())
    text = text.replace("/etc/relais/directory.csv", "directory.csv")
    (tmp_path / "relais.toml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "fixtures/day/directory.csv", tmp_path)
    settings, mistakes = examine(tmp_path / "relais.toml")
    wrong = [str(one) for one in mistakes if one.weight.value == "error"]
    # The directory of the fixtures names a channel that the example has not.
    assert [one for one in wrong if "directory" not in one] == []
    assert settings is not None or wrong


def test_every_setting_is_in_the_example() -> None:
    uncommented = "\n".join(
        line[2:] if line.startswith("# ") and (" = " in line or line.startswith("# [")) else line
        for line in describe().splitlines()
    )
    told = tomllib.loads(uncommented)
    assert set(told) == set(Config.model_fields)
