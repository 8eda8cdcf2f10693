"""What was found and what is given: the blocks that open a part."""

from collections.abc import Iterator
from typing import Final

from engine.compose.blocks import Block, Cell, Paragraphs, Topic
from engine.compose.outline_words import (
    CHANGES,
    alone,
    cell,
    coded,
    contact,
    day,
    joined,
    pairs,
    period,
    rows_of,
    table,
    text,
    with_codes,
    yes_no,
)
from engine.model.summary import (
    Allergy,
    Change,
    Diagnosis,
    Items,
    LongActingInjection,
    Result,
    Treatment,
)

_TREATMENT_HEAD: Final = ("Médicament", "Posologie", "Période", "Évolution et motif")


def clinical_blocks(items: Items, root: str) -> Iterator[Block]:
    """From the reason of the care to the results; ``root`` is the first word of each path."""
    yield from text(Topic.REASON, "Motif de la prise en charge", items.reason, f"{root}.reason")
    yield from text(Topic.SYNTHESIS, "Synthèse médicale", items.synthesis, f"{root}.synthesis")
    yield from _stay(items, root)
    yield from _diseases(items, root)
    yield from _treatments(items, root)
    yield from _special_treatments(items, root)
    yield from _mental_health(items, root)
    yield from _allergies(items, root)
    yield from _results(items, root)


def _stay(items: Items, root: str) -> Iterator[Block]:
    yield from table(
        Topic.SYNTHESIS,
        "Évènements au cours de la prise en charge",
        ("Évènement",),
        [(Cell(one, f"{root}.events.{i}"),) for i, one in enumerate(items.events)],
    )
    yield from pairs(
        Topic.SYNTHESIS,
        "Sécurité sanitaire",
        (
            "Recherche de micro-organismes multirésistants",
            cell(yes_no(items.multiresistant), f"{root}.multiresistant"),
        ),
        (
            "Transfusion de produits sanguins",
            cell(yes_no(items.transfusion), f"{root}.transfusion"),
        ),
        (
            "Administration de dérivés du sang",
            cell(yes_no(items.blood_products), f"{root}.blood_products"),
        ),
    )


def _diseases(items: Items, root: str) -> Iterator[Block]:
    yield from table(
        Topic.DISEASES,
        "Maladies et diagnostics",
        ("Maladie", "Chronique", "Depuis le"),
        rows_of(items.diagnoses, f"{root}.diagnoses", _disease),
    )


def _disease(one: Diagnosis, at: str) -> tuple[Cell, ...]:
    return (
        coded(one.label, one.code, at),
        cell(yes_no(one.chronic or None), f"{at}.chronic"),
        cell(day(one.since), f"{at}.since"),
    )


def _treatments(items: Items, root: str) -> Iterator[Block]:
    numbered = list(enumerate(items.treatments))
    going_on = [(i, one) for i, one in numbered if one.change is not Change.STOPPED]
    stopped = [(i, one) for i, one in numbered if one.change is Change.STOPPED]
    yield from table(
        Topic.TREATMENTS,
        "Traitements à la sortie",
        _TREATMENT_HEAD,
        [_treatment(one, f"{root}.treatments.{i}") for i, one in going_on],
    )
    if items.treatments_none:
        yield Paragraphs(
            Topic.TREATMENTS,
            "Traitements à la sortie" if not going_on else "",
            Cell("Aucun traitement à la sortie.", f"{root}.treatments_none"),
        )
    yield from table(
        Topic.STOPPED,
        "Traitements arrêtés",
        _TREATMENT_HEAD,
        [_treatment(one, f"{root}.treatments.{i}") for i, one in stopped],
    )


def _treatment(one: Treatment, at: str) -> tuple[Cell, ...]:
    codes = [(code, f"{at}.codes.{i}") for i, code in enumerate(one.codes)]
    return (
        with_codes(Cell(one.label, f"{at}.label"), codes),
        joined(", ", cell(one.posology, f"{at}.posology"), cell(one.route, f"{at}.route")),
        period(cell(day(one.start), f"{at}.start"), cell(day(one.end), f"{at}.end")),
        joined(
            " : ",
            cell(one.change and CHANGES[one.change], f"{at}.change"),
            cell(one.reason, f"{at}.reason"),
        ),
    )


def _special_treatments(items: Items, root: str) -> Iterator[Block]:
    naloxone = ("Kit de naloxone remis", cell(yes_no(items.naloxone), f"{root}.naloxone"))
    if (one := items.opioid) is not None:
        at = f"{root}.opioid"
        yield from pairs(
            Topic.TREATMENTS,
            "Traitement de substitution aux opioïdes",
            ("Médicament", Cell(one.drug, f"{at}.drug")),
            ("Posologie", cell(one.dose, f"{at}.dose")),
            ("Dernière prise", cell(one.last_dose, f"{at}.last_dose")),
            ("Fin de l'ordonnance", cell(day(one.prescription_end), f"{at}.prescription_end")),
            ("Pharmacie relais", contact(one.pharmacy, f"{at}.pharmacy")),
            ("Prescripteur relais", contact(one.prescriber, f"{at}.prescriber")),
            naloxone,
        )
    else:
        yield from pairs(Topic.TREATMENTS, "Réduction des risques", naloxone)
    yield from table(
        Topic.TREATMENTS,
        "Traitements injectables à action prolongée",
        ("Médicament", "Dose", "Dernière injection", "Prochaine injection"),
        rows_of(items.injections, f"{root}.injections", _injection),
    )


def _injection(shot: LongActingInjection, at: str) -> tuple[Cell, ...]:
    return (
        Cell(shot.drug, f"{at}.drug"),
        cell(shot.dose, f"{at}.dose"),
        cell(day(shot.last), f"{at}.last"),
        cell(day(shot.next_due), f"{at}.next_due"),
    )


def _mental_health(items: Items, root: str) -> Iterator[Block]:
    yield from text(Topic.SYNTHESIS, "Addictions", items.addictions, f"{root}.addictions")
    yield from text(
        Topic.SYNTHESIS,
        "Suivi psychiatrique",
        items.psychiatric_follow_up,
        f"{root}.psychiatric_follow_up",
    )
    yield from text(
        Topic.SYNTHESIS, "Risque suicidaire", items.suicide_risk, f"{root}.suicide_risk"
    )
    yield from pairs(
        Topic.CARE_PLAN,
        "Structures de suivi",
        ("CSAPA", contact(items.csapa, f"{root}.csapa")),
        ("CMP", contact(items.cmp, f"{root}.cmp")),
    )


def _allergies(items: Items, root: str) -> Iterator[Block]:
    heading = "Allergies et intolérances"
    yield from table(
        Topic.ALLERGIES,
        heading,
        ("Substance", "Type", "Réaction", "Depuis le"),
        rows_of(items.allergies, f"{root}.allergies", _allergy),
    )
    if items.allergies_none:
        yield Paragraphs(
            Topic.ALLERGIES,
            heading if not items.allergies else "",
            Cell("Aucune allergie connue.", f"{root}.allergies_none"),
        )


def _allergy(one: Allergy, at: str) -> tuple[Cell, ...]:
    codes = [(one.substance, f"{at}.substance")] if one.substance else []
    return (
        with_codes(Cell(one.label, f"{at}.label"), codes),
        cell(alone(one.kind), f"{at}.kind"),
        cell(one.reaction, f"{at}.reaction"),
        cell(day(one.since), f"{at}.since"),
    )


def _results(items: Items, root: str) -> Iterator[Block]:
    numbered = [(f"{root}.results.{i}", one) for i, one in enumerate(items.results)]
    yield from table(
        Topic.RESULTS,
        "Résultats d'examens",
        ("Examen", "Résultat", "Date"),
        [_result(one, at) for at, one in numbered if one.value is not None],
    )
    yield from table(
        Topic.RESULTS,
        "Résultats en attente",
        ("Examen", "Unité", "Date"),
        [_result(one, at) for at, one in numbered if one.value is None],
    )


def _result(one: Result, at: str) -> tuple[Cell, ...]:
    told = joined(" ", cell(one.value, f"{at}.value"), cell(one.unit, f"{at}.unit"))
    flag = cell("anormal" if one.abnormal else None, f"{at}.abnormal")
    return (
        coded(one.label, one.code, at),
        joined(", ", told, flag),
        cell(day(one.at), f"{at}.at"),
    )
