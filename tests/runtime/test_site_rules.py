"""mappings/rules is data: every mistake in it is told, with its cure."""

from pathlib import Path

import pytest

from engine.runtime.site_rules import RulesError, read_without_gp
from tests.support.house import ROOT

UNITS = ("annoeullin", "sequedin")
HEAD = 'version = "2026-11-24"\n'
RULE = '[[rule]]\nname = "a"\nservice = "CSAPA"\nrole = "csapa"\n'


def written(folder: Path, text: str) -> Path:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules/without-gp.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_rules_that_are_shipped_can_be_used() -> None:
    rules = read_without_gp(ROOT / "mappings", UNITS)
    assert {one.service for one in rules} >= {"CSAPA", "EMOT", "EMPP", "MEDICAL-HOME",
                                              "REGIONAL-UNION", "CLAT"}  # fmt: skip


def test_a_site_without_the_file_has_no_rules(tmp_path: Path) -> None:
    assert read_without_gp(tmp_path, UNITS) == ()


@pytest.mark.parametrize(
    ("text", "what", "cure"),
    [
        ("x = [", "no readable TOML", "correct"),
        (RULE, "version", "head of that file"),
        (HEAD + RULE + 'colour = "red"\n', "colour", "head of that file"),
        (HEAD + RULE.replace("CSAPA", "CSPA"), "no such service", "did you mean CSAPA?"),
        (HEAD + RULE.replace('"csapa"', '"csap"'), "role", "head of that file"),
        (HEAD + RULE + 'items = ["opiod"]\n', "no such item", "did you mean opioid?"),
        (HEAD + RULE + 'units = ["sequdin"]\n', "no such unit", "did you mean sequedin?"),
        (HEAD + RULE + 'gp = ["unknown"]\n', "gp", "head of that file"),
        (HEAD + RULE + RULE, "two rules are called a", "a name of its own"),
    ],
)
def test_a_mistake_is_told_with_its_cure(tmp_path: Path, text: str, what: str, cure: str) -> None:
    with pytest.raises(RulesError) as error:
        read_without_gp(written(tmp_path, text), UNITS)
    assert what in error.value.faults[0][0]
    assert cure in error.value.faults[0][1]


def test_units_are_judged_only_where_a_mapping_can_be_read(tmp_path: Path) -> None:
    text = HEAD + RULE + 'units = ["sequdin"]\n'
    assert len(read_without_gp(written(tmp_path, text), ())) == 1
