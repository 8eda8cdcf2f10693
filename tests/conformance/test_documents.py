"""The national kit cannot run here; our own rules, which mirror it, judge the same documents."""

from pathlib import Path

import pytest
from lxml import etree

from engine.mapping.cda_content import read_parts
from engine.model.letter import Letter
from engine.verify.check import check
from tests.conformance.documents import cda, letters
from tests.conformance.kit import Kit, KitError

LETTERS = letters()


@pytest.mark.parametrize("of", LETTERS.values(), ids=LETTERS)
def test_no_document_that_leaves_has_a_fault_by_our_own_rules(of: Letter) -> None:
    report = check("cda.xml", cda(of), leaving=True)
    assert [(one.place, one.sentence) for one in report.findings] == []


@pytest.mark.parametrize("name", [name for name in LETTERS if name.startswith("n3-full")])
def test_a_document_that_leaves_can_be_read_back(name: str) -> None:
    letter = LETTERS[name]
    (items,) = read_parts(etree.fromstring(cda(letter)))
    assert items == letter.summary.contributions[0].items


def test_a_folder_that_is_no_kit_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    with pytest.raises(KitError):
        Kit(tmp_path, tmp_path / "work", None)
    assert not (tmp_path / "work").exists()
