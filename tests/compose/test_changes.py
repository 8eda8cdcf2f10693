"""What changed since the version before: said in full, said once, and never more than is known."""

from datetime import date, time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from engine.compose.changes import MOST, changes_of
from engine.compose.outline import blocks_of, cells
from engine.model.fact import Half
from engine.model.letter import CANCELLATIONS, Letter, LetterKind, Replaced
from engine.model.summary import (
    Appointment,
    Change,
    Contribution,
    ExitSummary,
    Items,
    Narrative,
    OpioidSubstitution,
    Result,
    Source,
    Treatment,
)
from tests.support.any_summary import ITEMS
from tests.support.examples import WHOLE, corrected_letter
from tests.support.letters import PSYCHIATRIC, SOMATIC, contribution, letter, second, summary

EASY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def of(items: Items, half: Half = Half.DSS) -> ExitSummary:
    return summary(contribution(half, SOMATIC.said.at, None, items))


def changes(before: ExitSummary, after: ExitSummary) -> tuple[str, ...]:
    """What a second letter says has changed, when these are the contents of both."""

    def told(content: ExitSummary, half: Half) -> list[Contribution]:
        written = [one for one in content.contributions if one.said.source is not Source.MESSAGE]
        return [one for one in written if one.half is half]

    replaced = second().replaces
    assert replaced is not None
    had = tuple(half for half in Half if told(before, half))
    modified = tuple(half for half in had if told(before, half) != told(after, half))
    told_before = {"halves": had, "modified": modified, "summary": before}
    return changes_of(second(summary=after, replaces=replaced.model_copy(update=told_before)))


def between(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    return changes(of(Items(**before)), of(Items(**after)))


METFORMIN = Treatment(
    label="METFORMINE 1000 mg", posology="1 comprimé le soir", change=Change.CONTINUED
)
TWICE = METFORMIN.model_copy(update={"posology": "1 comprimé matin et soir"})
STOPPED = METFORMIN.model_copy(update={"change": Change.STOPPED, "reason": "diarrhée"})
EYES = Appointment(label="Ophtalmologie", day=date(2026, 12, 4), hour=time(9))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            {},
            {"treatments": (METFORMIN,)},
            "Traitement ajouté : METFORMINE 1000 mg, 1 comprimé le soir, poursuivi",
        ),
        ({"treatments": (METFORMIN,)}, {}, "Traitement retiré : METFORMINE 1000 mg"),
        (
            {"treatments": (METFORMIN,)},
            {"treatments": (TWICE,)},
            "Traitement modifié : METFORMINE 1000 mg – posologie : 1 comprimé matin et soir "
            "(auparavant : 1 comprimé le soir)",
        ),
        (
            {"treatments": (METFORMIN,)},
            {"treatments": (STOPPED,)},
            "Traitement modifié : METFORMINE 1000 mg – évolution et motif : arrêté : diarrhée "
            "(auparavant : poursuivi)",
        ),
        (
            {"appointments": (EYES,)},
            {"appointments": (EYES.model_copy(update={"hour": time(10, 30)}),)},
            "Rendez-vous modifié : Ophtalmologie – date : 04/12/2026 à 10 h 30 "
            "(auparavant : 04/12/2026 à 9 h 00)",
        ),
        (
            {"results": (Result(label="HbA1c"),)},
            {"results": (Result(label="HbA1c", value="6,8", unit="%"),)},
            "Résultat modifié : HbA1c – résultat : 6,8 %",
        ),
        (
            {"opioid": OpioidSubstitution(drug="MÉTHADONE", dose="40 mg")},
            {"opioid": OpioidSubstitution(drug="MÉTHADONE", dose="60 mg")},
            "Traitement de substitution aux opioïdes, posologie : 60 mg (auparavant : 40 mg)",
        ),
        ({"naloxone": True}, {}, "Réduction des risques, kit de naloxone remis : retiré"),
        ({"housing": "Chez lui."}, {"housing": "Au foyer."}, "Rubrique modifiée : Hébergement"),
        (
            {"narratives": (Narrative(text="Un."),)},
            {"narratives": (Narrative(text="Deux."),)},
            "Rubrique modifiée : Autres informations",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_change_is_told_in_one_sentence(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    assert between({"reason": "x", **before}, {"reason": "x", **after}) == (said,)


def test_of_a_plain_text_it_is_said_that_it_changed() -> None:
    before, after = ({"narratives": (Narrative(text=text),)} for text in ("Un.", "Deux."))
    assert between(before, after) == ("Rubrique modifiée : texte de la partie somatique",)


def test_two_lines_of_one_medicine_that_change_places_are_no_change_of_a_medicine() -> None:
    found = between({"treatments": (METFORMIN, TWICE)}, {"treatments": (TWICE, METFORMIN)})
    assert found == ("Partie somatique modifiée",)


@EASY
@given(ITEMS, ITEMS)
def test_nothing_changed_if_and_only_if_the_same_is_read(one: Items, other: Items) -> None:
    assert changes(of(one), of(one)) == ()
    told = [{(c.text) for b in blocks_of(items) for c in cells(b)} for items in (one, other)]
    found = changes(of(one), of(other))
    assert len(found) <= MOST
    if told[0] != told[1]:
        assert found


def test_a_whole_half_is_named_and_not_recited() -> None:
    assert changes(summary(SOMATIC), summary(SOMATIC, PSYCHIATRIC)) == (
        "Partie psychiatrique ajoutée",
    )
    assert changes(WHOLE, summary(WHOLE.contributions[1])) == ("Partie somatique retirée",)


def test_what_messages_said_is_no_change_of_the_letter() -> None:
    heard = Contribution(
        half=Half.DSS,
        said=SOMATIC.said.model_copy(update={"source": Source.MESSAGE}),
        items=Items(treatments=(METFORMIN,)),
    )
    assert changes(summary(SOMATIC), summary(SOMATIC, heard)) == ()


def test_a_long_list_ends_with_how_many_there_are_more() -> None:
    many = tuple(Treatment(label=f"M{n}") for n in range(40))
    found = between({}, {"treatments": many})
    assert len(found) == MOST
    assert found[-1] == f"et {40 - MOST + 1} autres modifications"


def replacing(**changes: Any) -> Letter:
    of = second(summary=summary(SOMATIC, PSYCHIATRIC))
    assert of.replaces is not None
    return of.model_copy(update={"replaces": of.replaces.model_copy(update=changes)})


def test_without_the_content_of_the_version_before_only_what_is_known_is_said() -> None:
    unknown = replacing(halves=(Half.DSS,), modified=(Half.DSS,), summary=None)
    assert changes_of(unknown) == ("Partie somatique modifiée", "Partie psychiatrique ajoutée")
    same = replacing(halves=(Half.DSS, Half.DSP), modified=(), summary=None)
    assert changes_of(same) == ()


def test_a_part_that_was_taken_back_is_never_quoted() -> None:
    of = second(summary=summary(SOMATIC))
    assert isinstance(of.replaces, Replaced)
    had = of.replaces.model_copy(
        update={"halves": (Half.DSS, Half.DSP), "summary": summary(SOMATIC, PSYCHIATRIC)}
    )
    assert changes_of(of.model_copy(update={"replaces": had})) == ("Partie psychiatrique retirée",)


@pytest.mark.parametrize("kind", sorted(CANCELLATIONS))
def test_a_letter_that_takes_another_back_says_nothing_of_what_that_one_held(
    kind: LetterKind,
) -> None:
    of = letter(kind)
    assert of.replaces is not None
    had = of.replaces.model_copy(update={"halves": tuple(Half), "summary": WHOLE})
    assert changes_of(of.model_copy(update={"replaces": had})) == ()


def test_a_first_version_has_nothing_to_say_of_one_before() -> None:
    assert changes_of(letter(LetterKind.EXIT_LETTER)) == ()
    assert len(changes_of(corrected_letter())) > 5
