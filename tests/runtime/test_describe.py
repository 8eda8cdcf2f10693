"""The example settings file is printed from the types, and can be used."""

import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from engine.model.channel import SecretRef
from engine.model.config import Config
from engine.model.value import Value
from engine.runtime.describe import describe
from engine.runtime.directory_file import COLUMNS
from engine.runtime.settings import examine, examine_letters

ROOT = Path(__file__).resolve().parents[2]


def uncommented() -> dict[str, Any]:
    """The example with every setting in it, those that it leaves out too."""
    lines = (
        line[2:] if line.startswith("# ") and (" = " in line or line.startswith("# [")) else line
        for line in describe().splitlines()
    )
    return tomllib.loads("\n".join(lines))


def test_the_committed_example_is_what_the_program_prints() -> None:
    assert (ROOT / "config/relais.example.toml").read_text(encoding="utf-8") == describe()


def test_the_example_is_accepted_without_a_word_once_its_files_exist(tmp_path: Path) -> None:
    text = describe().replace("/etc/relais/mappings", (ROOT / "mappings").as_posix())
    text = text.replace("/etc/relais/directory.csv", "directory.csv")
    text = text.replace("/var/lib/relais", "data")
    (tmp_path / "relais.toml").write_text(text, encoding="utf-8")
    (tmp_path / "directory.csv").write_text(";".join(COLUMNS) + "\n", encoding="utf-8")
    settings, mistakes = examine(tmp_path / "relais.toml")
    assert [str(one) for one in mistakes] == []
    assert settings is not None
    assert examine_letters(settings) == ()


def test_what_the_example_shows_as_a_default_is_the_default() -> None:
    told = uncommented()
    assert told["retry"]["first"] == "1m"
    assert told["listener"][0]["max_frame"] == 4 * 1024 * 1024
    assert told["delays"] == {
        "arrival": "30m", "release": "2h", "version": "15m", "consultation": "3d"
    }  # fmt: skip


def test_every_setting_of_every_table_is_in_the_example() -> None:
    def lacking(model: type[Value], told: Any, path: str) -> list[str]:
        out = []
        for name, field in model.model_fields.items():
            here = f"{path}.{name}"
            if name not in told:
                out.append(here)
                continue
            for inner, shape in inner_tables(field.annotation):
                one = told[name]
                if shape is dict:
                    one = next(iter(one.values()))
                elif shape is tuple:
                    one = one[0]
                out += lacking(inner, one, here)
        return out

    assert lacking(Config, uncommented(), "") == []


def inner_tables(annotation: Any) -> list[tuple[type[Value], Any]]:
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return [] if annotation is SecretRef else [(annotation, None)]
    origin = get_origin(annotation)
    found = [one for argument in get_args(annotation) for one in inner_tables(argument)]
    if origin in (Union, UnionType):
        return found
    return [(inner, origin) for inner, _ in found]
