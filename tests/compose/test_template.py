from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.compose.faults import DateError, TemplateError, VersionError
from engine.compose.outline import cells, parts
from engine.compose.template import LetterText, read_pattern, write
from engine.model.fact import Half
from engine.model.letter import HEADINGS, Letter, LetterKind
from tests.support.letters import (
    PARIS,
    PATIENT,
    PSYCHIATRIC,
    SOMATIC,
    WOMAN,
    contribution,
    letter,
    second,
    shop,
    summary,
)

EXIT = (LetterKind.EXIT_NOTICE, LetterKind.EXIT_LETTER)


def words(of: Letter) -> LetterText:
    return write(of, shop().patterns[of.kind], PARIS)


def whole(of: Letter) -> str:
    text = words(of)
    told = "\n".join(
        f"{part.heading} {part.byline} " + " ".join(c.text for b in part.blocks for c in cells(b))
        for part in parts(of.summary, PARIS)
    )
    return "\n".join(
        (text.title, text.object, text.replaces or "", *text.changes, text.opening, told,
         text.closing, text.mail)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sex", "said"),
    [
        ("F", "Votre patiente, Madame Marcel ESSAI, née le 14 février 1961, est prise en charge"),
        ("M", "Votre patient, Monsieur Marcel ESSAI, né le 14 février 1961, est pris en charge"),
        ("U", "Votre patient(e), Marcel ESSAI, né(e) le 14 février 1961, est pris(e) en charge"),
    ],
)
def test_the_words_agree_with_the_sex(sex: str, said: str) -> None:
    text = words(letter(patient=PATIENT.model_copy(update={"sex": sex})))
    assert text.opening.startswith(said)


def test_the_arrival_notice_says_where_how_to_reach_the_unit_and_what_it_asks_for() -> None:
    text = words(letter())
    for said in (
        "Unité sanitaire d'Exempleville, CH EXEMPLE",
        "pour la durée de son incarcération",
        "depuis le 1er septembre 2026",
        "usmp@ch-exemple.mssante.fr",
        "soins somatiques\u00a0: 03 00 00 00 01",
        "soins psychiatriques\u00a0: 03 00 00 00 02",
        "antécédents",
        "traitements en cours",
        "reprendra contact avec vous",
        "avec l'accord de votre patient",
    ):
        assert said in text.opening
    assert text.greeting == "Chère consœur, cher confrère,"


def test_a_unit_without_a_psychiatric_number_says_none() -> None:
    unit = letter().unit.model_copy(update={"phone_dsp": None})
    assert "soins psychiatriques" not in words(letter(unit=unit)).opening


def test_dates_are_told_in_the_zone_of_the_hospital() -> None:
    late = datetime(2026, 9, 1, 22, 30, tzinfo=UTC)  # 0.30 the next day in Paris
    assert "depuis le 2 septembre 2026" in words(letter(arrived_at=late)).opening


def test_the_exit_letter_joins_both_halves_somatic_first_and_says_who_wrote_what_and_when() -> None:
    told = parts(
        letter(LetterKind.EXIT_LETTER, summary=summary(PSYCHIATRIC, SOMATIC)).summary, PARIS
    )
    assert [p.heading for p in told] == [HEADINGS[Half.DSS], HEADINGS[Half.DSP]]
    assert told[0].byline == (
        "Rédigé par Dr Claire MODÈLE (Médecine Générale), le 23 novembre 2026"
    )
    assert told[1].byline == "Rédigé par Dr Jean-Noël EXEMPLE (Psychiatrie), le 24 novembre 2026"
    unsigned = contribution(Half.DSS, SOMATIC.said.at, None, SOMATIC.items)
    (alone,) = parts(letter(LetterKind.EXIT_LETTER, summary=summary(unsigned)).summary, PARIS)
    assert alone.byline == "Rédigé le 23 novembre 2026"


@pytest.mark.parametrize("kind", EXIT)
def test_an_awaited_part_is_announced_without_saying_which(kind: LetterKind) -> None:
    with_dsp = whole(letter(kind, withheld=(Half.DSP,)))
    assert "Un complément pourra vous être adressé." in with_dsp
    assert with_dsp == whole(letter(kind, withheld=(Half.DSS,)))
    assert "complément" not in whole(letter(kind))


def test_a_second_version_says_what_it_annuls_and_replaces() -> None:
    text = words(second())
    said = "Cette lettre annule et remplace la version n°\u00a01 du 24 novembre 2026."
    assert text.replaces == said
    assert "annule et remplace la version n°\u00a01 du 24 novembre 2026" in text.mail
    assert words(letter()).replaces is None
    assert (words(second(LetterKind.ARRIVAL_NOTICE)).replaces or "").startswith("Cet avis annule")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"replaces": second().replaces},
        {"version": 2, "replaces": second().replaces},  # its own identifier
        {
            "version": 2,
            "document_oid": "2.25.9",
            "replaces": second().replaces.model_copy(update={"version": 2}),  # type: ignore[union-attr]
        },
    ],
    ids=["replaces nothing", "first replaces", "replaces itself", "replaces its equal"],
)
def test_a_broken_chain_of_versions_never_leaves(changes: dict[str, Any]) -> None:
    with pytest.raises(VersionError):
        words(letter(**changes))


@pytest.mark.parametrize("kind", EXIT)
@pytest.mark.parametrize("offset", [timedelta(seconds=1), timedelta(days=30)])
def test_a_release_still_to_come_is_never_told(kind: LetterKind, offset: timedelta) -> None:
    with pytest.raises(DateError):
        words(letter(kind, left_at=letter().issued_at + offset))


@pytest.mark.parametrize("kind", EXIT)
def test_an_exit_without_an_exit_or_before_the_arrival_is_refused(kind: LetterKind) -> None:
    for left in (None, letter().arrived_at - timedelta(days=1)):
        with pytest.raises(DateError):
            words(letter(kind, left_at=left))


def test_an_arrival_notice_never_tells_when_the_care_ends() -> None:
    planned = datetime(2027, 5, 17, tzinfo=UTC)
    assert whole(letter(left_at=planned)) == whole(letter())


PENAL = (
    "écrou", "détenu", "détention", "prison", "peine", "condamn", "prévenu", "greffe", "libération",
    "cellule", "pénitentiaire", "juge", "levée",
)  # fmt: skip


@pytest.mark.parametrize("kind", list(LetterKind))
@pytest.mark.parametrize("patient", [PATIENT, WOMAN], ids=["man", "woman"])
def test_no_template_speaks_of_penal_matters(kind: LetterKind, patient: Any) -> None:
    text = whole(letter(kind, patient=patient, withheld=(Half.DSP,), summary=summary())).lower()
    assert [word for word in PENAL if word in text] == []
    # The one word that the notice of arrival may say, and nothing else may.
    assert ("incarcération" in text) is (kind is LetterKind.ARRIVAL_NOTICE)


def test_a_template_that_reaches_for_what_is_not_there_is_an_error_not_a_blank() -> None:
    sheet = shop().patterns[LetterKind.EXIT_LETTER].sheet
    blocks = "".join(
        f"{{% block {n} %}}x{{% endblock %}}" for n in ("object", "replaces", "closing")
    )
    for expression in ("patient.ecrou", "replaces.version", "1 // 0", "patient.__class__.mro()"):
        body = blocks + (
            "{% block greeting %}x{% endblock %}{% block opening %}{{ "
            + expression
            + " }}{% endblock %}"
        )
        pattern = read_pattern(sheet, body, "x", where="here")
        with pytest.raises(TemplateError) as caught:
            write(letter(LetterKind.EXIT_LETTER), pattern, PARIS)
        assert caught.value.__cause__ is None
        assert "ESSAI" not in str(caught.value)


def test_french_signs_stand_after_a_no_break_space() -> None:
    for kind in LetterKind:
        text = words(letter(kind, summary=summary()))
        for said in (text.opening, text.closing, text.mail):
            assert " :" not in said
            assert " ;" not in said
