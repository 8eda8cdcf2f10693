"""What each role sees of one source."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.compose.faults import NothingShownError
from engine.compose.mail import ChannelFace
from engine.compose.outline import cells, outline
from engine.compose.render import render
from engine.compose.shop import load
from engine.compose.view import ALL, read_roles, view, viewed
from engine.model.errors import ConfigError
from engine.model.letter import Letter, LetterKind
from engine.model.people import Role
from engine.model.summary import Contribution, ExitSummary
from engine.verify import check
from tests.support.any_summary import SUMMARIES, leaves
from tests.support.examples import WHOLE, corrected_letter, whole_letter
from tests.support.letters import FACE, HPRIM_FACE, PARIS, ROOT, annex, letter, shop

SHIPPED = tomllib.loads((ROOT / "mappings/letters/roles.toml").read_text())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SUMMARIES, st.sets(st.sampled_from(sorted(ALL))))
def test_a_role_never_sees_an_item_that_is_not_on_its_list(
    summary: ExitSummary, fields: set[str]
) -> None:
    shown = [
        (one, path)
        for one in view(summary, frozenset(fields)).contributions
        for path, _ in leaves(one.items, "0")
    ]
    assert {path.split(".")[1] for _, path in shown} <= fields
    assert all(one.said.validated for one, _ in shown)
    everything = [
        path
        for one in summary.contributions
        if one.said.validated
        for path, _ in leaves(one.items, "0")
        if path.split(".")[1] in fields
    ]
    assert sorted(path for _, path in shown) == sorted(everything)


def test_what_its_author_has_not_validated_is_shown_to_nobody() -> None:
    draft = WHOLE.contributions[0]
    unsure = Contribution(
        half=draft.half, said=draft.said.model_copy(update={"validated": False}), items=draft.items
    )
    of = letter(
        LetterKind.EXIT_LETTER,
        summary=WHOLE.model_copy(update={"contributions": (unsure, WHOLE.contributions[1])}),
    )
    text = render(of, shop(), FACE).files["letter.txt"].decode()
    assert "METFORMINE" not in text
    assert "SERTRALINE" in text


def test_the_doctor_is_shown_all_and_the_coordinator_nothing_clinical() -> None:
    roles = read_roles(SHIPPED)
    assert set(roles) == set(Role)
    assert roles[Role.GP] == ALL
    told = {
        cell.text
        for block in outline(view(WHOLE, roles[Role.COORDINATOR]), PARIS)
        for cell in cells(block)
    }
    assert "Dentiste" in told
    assert not any("METFORMINE" in one or "MÉTHADONE" in one for one in told)


def test_a_role_that_does_not_see_all_sees_no_page_of_an_annex_nor_of_the_version_before() -> None:
    fields = read_roles(SHIPPED)[Role.NURSE]
    seen = viewed(corrected_letter().model_copy(update={"annexes": (annex(1),)}), fields)
    assert seen.annexes == ()
    assert seen.replaces is not None
    assert seen.replaces.summary is not None
    assert all(one.items.synthesis is None for one in seen.replaces.summary.contributions)
    assert viewed(whole_letter(), ALL) == whole_letter()


def _to(role: Role, of: Letter) -> Letter:
    reader = of.recipient.model_copy(update={"role": role})
    return of.model_copy(update={"recipient": reader})


WORD_OF = {
    "synthesis": "Primo-infection",
    "diagnoses": "Entorse",
    "treatments": "METFORMINE",
    "opioid": "MÉTHADONE",
    "results": "crachats",
    "screenings": "VIH",
    "vaccinations": "saisonnière",
    "appointments": "Dentiste",
    "plan": "Automesure",
    "rights": "ALD",
    "suicide_risk": "suicidaire",
    "relays": "Passerelle",
}


@pytest.mark.parametrize("face", [FACE, HPRIM_FACE], ids=["xdm", "hprim"])
@pytest.mark.parametrize("role", list(Role))
def test_every_form_of_a_letter_to_a_role_says_what_it_may_read_and_no_more(
    role: Role, face: ChannelFace
) -> None:
    made = render(_to(role, whole_letter()), shop(), face)
    assert check("mail", made.mime, leaving=True).grave == ()
    fields = read_roles(SHIPPED)[role]
    for form in {"letter.txt", "letter.pdf", "letter.hpr", "cda.xml"} & made.files.keys():
        words = _words(form, made.files[form])
        for name, word in WORD_OF.items():
            assert (word in words) is (name in fields), (form, name)


def _words(form: str, content: bytes) -> str:
    if form == "letter.pdf":
        return _printed(content)
    return content.decode("latin-1" if form == "letter.hpr" else "utf-8")


def _printed(content: bytes) -> str:
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    done = subprocess.run([tool, "-", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode()


def test_another_role_than_the_doctor_is_neither_called_one_nor_the_attending_physician() -> None:
    doctor = render(whole_letter(), shop(), FACE).files
    nurse = render(_to(Role.NURSE, whole_letter()), shop(), FACE).files
    for form, word in (("letter.txt", b"confr\xc3\xa8re"), ("letter.txt", b"Dr Paul"),
                       ("letter.txt", b"votre patient"), ("cda.xml", b'code="PCP"')):  # fmt: skip
        assert word in doctor[form]
        assert word not in nurse[form]


def test_an_exit_letter_of_which_a_role_is_shown_nothing_is_not_made() -> None:
    clinical = letter(LetterKind.EXIT_LETTER)  # free text alone
    with pytest.raises(NothingShownError):
        render(_to(Role.COORDINATOR, clinical), shop(), FACE)
    render(_to(Role.COORDINATOR, letter()), shop(), FACE)  # a notice has no content to hide


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('gp = ["treatment"]', "unknown item treatment; did you mean treatments?"),
        ('nurses = "all"', "unknown role; did you mean nurse?"),
        ('gp = "some"', "neither"),
        ("gp = [1]", "neither"),
        ("", "this role is missing"),
        ("gp = [", "Invalid"),
    ],
)
def test_a_wrong_role_is_refused_with_its_cure(tmp_path: Path, line: str, said: str) -> None:
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    (tmp_path / "mappings/letters/roles.toml").write_text(line)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "mappings", zone=PARIS, source_oid="2.25.1")
    assert said in caught.value.what
    assert "roles.toml" in caught.value.where
