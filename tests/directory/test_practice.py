"""Which activities are a family practice's."""

import pytest

from engine.directory.practice import family_practice


@pytest.mark.parametrize(
    ("mode", "label", "own"),
    [
        ("L", "Cabinet individuel", True),
        ("L", "Cabinet de groupe", True),
        ("L", "Exercice en société", True),
        ("L", "Maison de santé", True),
        ("S", "Centre de santé", True),
        ("S", "Cabinet individuel", False),
        ("L", "Etablissement privé non PSPH", False),
        ("L", "Etablissement public de santé", False),
        ("S", "Etablissement public de santé", False),
        ("L", "", False),
        ("", "", False),
    ],
)
def test_a_family_practice(mode: str, label: str, own: bool) -> None:
    assert family_practice(mode, label) is own
