"""A neutral face that tells the detention is refused, and so is half of one."""

import shutil
from pathlib import Path

import pytest

from engine.model.config import NeutralUnit, Unit
from engine.model.policy import IfNotAsked
from engine.privacy.report import OwnTerms
from engine.runtime.lexicon import rules_of, says_prison
from engine.runtime.mistakes import Mistake, Weight
from engine.runtime.settings import examine, load, policy_of
from tests.support.golden import ROOT as GOLDEN

ROOT = GOLDEN.parents[1]
DEMO = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")
SENDER = 'sender = "courrier@ch-exempleville.mssante.example"\nsender_name = "CH d\'Exempleville"\n'
BOX = 'secure_address = "medecine@ch-exempleville.mssante.example"'
TABLE = '[units.annoeullin.neutral]\nname = "Consultations de médecine"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "fixtures/day/directory.csv", tmp_path)
    for name in ("inbox", "gateway"):
        (tmp_path / name).mkdir()
    return tmp_path


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = DEMO.replace("@mappings@", (ROOT / "mappings").as_posix())
    text = text.replace('ca_file = "mails/ca.pem"\n', "")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "relais.toml"
    path.write_text(text, encoding="utf-8")
    return path


def stops(path: Path) -> list[Mistake]:
    return [one for one in examine(path)[1] if one.weight is Weight.STOPS]


def without(table: str) -> tuple[str, str]:
    """Take a table away."""
    head = DEMO[DEMO.index(table) :]
    whole = table + head[len(table) :].split("\n[", 1)[0]
    return whole, ""


def test_both_faces_of_a_unit_reach_the_decisions_and_the_site_s_setting_does(folder: Path) -> None:
    policy = policy_of(load(written(folder)).config)
    assert policy.detention_if_not_asked is IfNotAsked.TOLD
    face = policy.units["annoeullin"]
    assert face.neutral is not None
    assert face.unit == "Unité sanitaire d'Annœullin"
    assert face.neutral.unit == "Consultations de médecine"
    assert (face.neutral.hospital, face.neutral.finess) == (face.hospital, face.finess)
    assert face.neutral.neutral is None
    discreet = ('mode = "production"', 'mode = "production"\ndetention_if_not_asked = "discreet"')
    config = load(written(folder, discreet)).config
    assert policy_of(config).detention_if_not_asked is IfNotAsked.DISCREET


TELLING: dict[str, tuple[str, str, str]] = {
    "name": (TABLE, TABLE.replace("médecine", "l'USMP"), "name"),
    "name in other letters": (TABLE, TABLE.replace("médecine", "MEDECINE PÉNITENTIAIRE"), "name"),
    "address": ('["1 place de l\'Hôpital"', "[\"Maison d'arrêt d'Exempleville\"", "address.1"),
    "mailbox": (BOX, BOX.replace("medecine", "usmp"), "secure_address"),
    "signature": (BOX, f"{BOX}\nsignature = \"L'équipe de l'unité sanitaire\"", "signature"),
    "half": (BOX, f'{BOX}\nname_dss = "Soins somatiques (DSS)"', "name_dss"),
}


@pytest.mark.parametrize("name", TELLING)
def test_a_word_of_prison_in_the_face_of_a_unit_is_refused_at_its_line(
    folder: Path, name: str
) -> None:
    old, new, setting = TELLING[name]
    # The first table of the file is the one changed: that of the first unit.
    (found,) = stops(written(folder, (old, new)))
    assert found.setting == f"units.annoeullin.neutral.{setting}"
    assert "tells the detention" in found.what
    assert "médecine" not in found.what.lower()


def test_a_specialty_of_prison_medicine_is_refused(folder: Path) -> None:
    start = DEMO.index("[units.annoeullin.neutral]")
    table = DEMO[start : DEMO.index("[units.sequedin]")]
    told = table.replace("Médecine Générale (SM)", "Capacité Médecine Pénitentiaire")
    (found,) = stops(written(folder, (table, told)))
    assert found.setting == "units.annoeullin.neutral.responsible.specialty"


def test_a_word_of_prison_in_the_neutral_sender_is_refused(folder: Path) -> None:
    for old, new, setting in (
        ("courrier@", "usmp@", "sender"),
        ('"CH d\'Exempleville"', '"CH Exempleville - Unites sanitaires"', "sender_name"),
    ):
        (found,) = stops(written(folder, (SENDER, SENDER.replace(old, new))))
        assert found.setting == f"channels.mssante.neutral.{setting}"


def test_a_hospital_whose_name_says_it_has_no_neutral_face(folder: Path) -> None:
    found = stops(
        written(folder, ('name = "CH d\'Exempleville"', 'name = "Hôpital pénitentiaire"'))
    )
    assert [one.setting for one in found] == ["hospital.name"]


def test_what_the_open_face_shows_is_no_neutral_face(folder: Path) -> None:
    open_box = ("usmp.annoeullin@ch-exempleville", "equipe@ch-exempleville")
    for changes, setting in (
        ((open_box, (BOX, BOX.replace("medecine", "equipe"))), "secure_address"),
        ((("03 00 00 00 10", "03.00.00.00.03"),), "phone_dss"),
        ((("1 place de l'Hôpital", "2, avenue de l'Invention"),), "address.1"),
    ):
        (found,) = stops(written(folder, *changes))
        assert found.setting == f"units.annoeullin.neutral.{setting}"
        assert "open face" in found.what


def test_a_sender_who_shows_the_hospital_s_name_alone_tells_nothing(folder: Path) -> None:
    plain = ("CH d'Exempleville - Unites sanitaires", "CH d'Exempleville")
    assert stops(written(folder, plain)) == []


def test_the_face_of_a_unit_and_the_sender_of_a_channel_go_together(folder: Path) -> None:
    (found,) = stops(written(folder, without("[channels.apicrypt.neutral]")))
    assert found.setting == "channels.apicrypt"
    assert "add the table [channels.apicrypt.neutral]" in found.cure
    units = (without("[units.annoeullin.neutral]"), without("[units.sequedin.neutral]"))
    assert {one.setting for one in stops(written(folder, *units))} == {
        "channels.mssante.neutral",
        "channels.apicrypt.neutral",
    }
    channels = (without("[channels.mssante.neutral]"), without("[channels.apicrypt.neutral]"))
    assert stops(written(folder, *units, *channels)) == []
    # One unit may do without: its stays that must be discreet are for a person.
    assert stops(written(folder, units[0])) == []


def test_a_neutral_face_with_a_mistake_in_it_is_not_told_to_be_missing(folder: Path) -> None:
    found = stops(written(folder, (SENDER, SENDER.replace("sender_name", "sendername"))))
    assert {one.setting for one in found} == {
        "channels.mssante.neutral.sendername",
        "channels.mssante.neutral.sender_name",
    }


def test_addresses_and_numbers_are_checked_as_those_of_the_open_face(folder: Path) -> None:
    no_box = (BOX, BOX.replace("@", " at "))
    assert [one.setting for one in stops(written(folder, no_box))] == [
        "units.annoeullin.neutral.secure_address"
    ]
    no_sender = (SENDER, SENDER.replace("courrier@", "courrier"))
    assert [one.setting for one in stops(written(folder, no_sender))] == [
        "channels.mssante.neutral.sender"
    ]


def test_without_the_rules_no_neutral_face_is_taken(folder: Path) -> None:
    mappings = folder / "mappings"
    shutil.copytree(ROOT / "mappings", mappings)
    shutil.rmtree(mappings / "privacy")
    (found,) = stops(written(folder, ((ROOT / "mappings").as_posix(), mappings.as_posix())))
    assert found.setting == "mappings"


def test_what_is_shipped_as_a_default_says_nothing() -> None:
    rules = rules_of(ROOT / "mappings")
    defaults = [
        one.default for one in NeutralUnit.model_fields.values() if isinstance(one.default, str)
    ]
    assert len(defaults) == 3
    for text in defaults:
        assert not says_prison(text, rules, OwnTerms())
    assert says_prison(Unit.model_fields["signature"].default, rules, OwnTerms())
