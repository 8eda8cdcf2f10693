import shutil
from pathlib import Path

import pytest

from engine.compose.shop import load
from engine.model.errors import ConfigError
from engine.model.letter import LetterKind
from tests.support.letters import PARIS, ROOT, shop


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("letters", "terminologies"):
        shutil.copytree(ROOT / "mappings" / name, tmp_path / name)
    return tmp_path


def refused(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, zone=PARIS, source_oid="2.25.1")
    return str(caught.value)


def test_every_kind_of_letter_is_there() -> None:
    assert set(shop().patterns) == set(LetterKind)
    assert shop().patterns[LetterKind.ARRIVAL_NOTICE].sheet.type.code == "67851-6"
    assert shop().patterns[LetterKind.EXIT_LETTER].sheet.type.code == "11490-0"


def test_a_missing_font_is_said_at_loading(copy: Path) -> None:
    (copy / "letters" / "fonts" / "DejaVuSans.ttf").unlink()
    assert "fonts" in refused(copy)


def test_a_truncated_font_is_said_at_loading(copy: Path) -> None:
    font = copy / "letters" / "fonts" / "RelaisSans-Bold.ttf"
    font.write_bytes(font.read_bytes()[:40])
    assert "fonts" in refused(copy)


def test_an_unknown_field_of_a_template_is_named_at_loading(copy: Path) -> None:
    path = copy / "letters" / "exit-letter" / "letter.txt.j2"
    path.write_text(path.read_text().replace("{{ left }}", "{{ ecrou }}"))
    assert "ecrou" in refused(copy)


def test_a_missing_block_is_named_at_loading(copy: Path) -> None:
    path = copy / "letters" / "exit-notice" / "letter.txt.j2"
    path.write_text(path.read_text().replace("block closing", "block ending"))
    assert "closing" in refused(copy)


def test_a_broken_template_is_named_with_its_line(copy: Path) -> None:
    path = copy / "letters" / "exit-notice" / "mail.txt.j2"
    path.write_text("Bonjour,\n{% if %}")
    assert "mail.txt.j2, line 2" in refused(copy)


def test_a_rule_of_discretion_that_cannot_be_meant_is_named_at_loading(copy: Path) -> None:
    path = copy / "letters" / "discreet.toml"
    whole = path.read_text()
    path.write_text(whole.replace('rights = ["CNPE"]', 'rights = ["CPNE"]'))
    assert "rights" in refused(copy)
    path.write_text(whole.replace("[diagnoses]", "[diagnosis]"))
    assert "diagnos" in refused(copy)
    path.unlink()
    assert "discreet.toml" in refused(copy)


def test_a_class_that_no_table_knows_is_refused(copy: Path) -> None:
    path = copy / "letters" / "exit-notice" / "letter.toml"
    path.write_text(path.read_text().replace('class_code = "10"', 'class_code = "99"'))
    assert "class_code" in refused(copy)


def test_a_table_with_a_field_too_many_is_refused(copy: Path) -> None:
    path = copy / "terminologies" / "xdm.toml"
    path.write_text(path.read_text().replace("[format]", "[format]\nprice = 3"))
    assert "format.price" in refused(copy)
