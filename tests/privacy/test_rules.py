import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.errors import ConfigError
from engine.privacy.fold import Words, fold
from engine.privacy.pattern import PatternError, read
from engine.privacy.rules import load

HEAD = 'version = "2026-11-24"\nsource = "tests"\nscope = "always"\n'
RULE = '[[rule]]\nid = "one"\nname = "one thing"\nsay = [{say}]\n'


def written(folder: Path, text: str) -> Path:
    (folder / "a.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + RULE.format(say='"mot"') + 'words = ["x"]\n', "words"),
        (HEAD + RULE.format(say='"mot", "..3"'), "begins with a word"),
        (HEAD + RULE.format(say='"# @"'), "nothing but numbers"),
        (HEAD + RULE.format(say='"ab*"'), "3 letters"),
        (HEAD + RULE.format(say='"mot ..99 mot"'), "gap"),
        (HEAD + RULE.format(say='"{nobody} mot"'), "nobody"),
        (HEAD + RULE.format(say='"(un|deux"'), "no word"),
        (HEAD + 'cut = ["autre"]\n' + RULE.format(say='"mot"'), "autre"),
        (HEAD + RULE.format(say='"mot"') * 2, "another rule"),
        (HEAD.replace("always", "often") + RULE.format(say='"mot"'), "scope"),
        ("version = ", "TOML"),
    ],
)
def test_a_mistake_is_told_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert told in caught.value.what
    assert "a.toml" in caught.value.where


def test_no_rules_at_all_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path)


def test_any_change_of_a_file_is_another_version(tmp_path: Path) -> None:
    before = load(written(tmp_path, HEAD + RULE.format(say='"mot"'))).version
    assert load(written(tmp_path, HEAD + RULE.format(say='"mots"'))).version != before


def stands(pattern: str, text: str) -> bool:
    words = Words(text)
    return any(
        one.span(words.row, words.ends, at) is not None
        for one in read(pattern, {"list": ("un", "deux mots")})
        for at in range(len(words.row))
    )


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("fin de peine", "Fin de  PEINE", True),
        ("fin de peine", "fin. De peine", False),
        ("n° (d|de)? écrou #", "N° d'écrou : 12", True),
        ("incarcer*", "réincarcéré", False),
        ("incarcer*", "incarcérés", True),
        ("peine ..2 mois", "peine de dix-huit mois", False),
        ("peine ..3 mois", "peine de dix-huit mois", True),
        ("peine ..3 mois", "peine. Dix mois", False),
        ("(a|fin de) peine", "à la fin de peine", True),
        ("{list} tests", "deux mots tests", True),
        ("(x|{list}) tests", "un test", False),
        ("statut prévenu", "statut\n\nprévenu", True),
    ],
)
def test_patterns_read_as_they_are_described(pattern: str, text: str, expected: bool) -> None:
    assert stands(pattern, text) is expected


@given(st.text(alphabet="(){}|#@*.?ab 12", max_size=40))
def test_any_pattern_is_read_or_refused(pattern: str) -> None:
    with contextlib.suppress(PatternError):  # told to whoever wrote it
        list(read(pattern, {}))


@given(st.text(max_size=200))
def test_folded_text_is_small_ascii(text: str) -> None:
    assert set(fold(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789 .\n\x1d")


def test_rules_are_bounded_in_time_by_their_form() -> None:
    pattern: Any = next(read("aaa ..12 (aaa|aaa aaa)? ..12 aaa ..12 bbb", {}))
    words = Words("aaa " * 3000)
    assert all(pattern.span(words.row, words.ends, at) is None for at in range(0, 3000, 100))
