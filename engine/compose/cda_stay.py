"""The summary of the stay: how it began and ended, what happened, what the law asks.

Source  LDL-SES 2022.01, section FR-Resultats-evenements: six entries are mandatory.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from engine.compose.cda_codes import put_item_code, put_own_code
from engine.compose.cda_page import TYPE, Page, put_table, refer, ts
from engine.compose.cda_people import Element, put
from engine.compose.shop import Coded
from engine.model.cda import ANS, DIAGNOSIS, LOINC, MARK, VACCINE, SectionCode, StayCode
from engine.model.summary import Code, Contribution

_SIMPLE: Final = "1.3.6.1.4.1.19376.1.5.3.1.4.13"
_FR_SIMPLE: Final = "1.2.250.1.213.1.1.3.48"
_TEMPLATE: Final = {
    StayCode.ENTRY: "6",
    StayCode.EXIT: "7",
    StayCode.SYNTHESIS: "9",
    StayCode.MULTIRESISTANT: "8",
    StayCode.TRANSFUSION: "10",
    StayCode.BLOOD_PRODUCTS: "2",
}
_LABEL: Final = {
    StayCode.ENTRY: "Modalité d'entrée",
    StayCode.EXIT: "Modalité de sortie",
    StayCode.SYNTHESIS: "Synthèse médicale",
    StayCode.MULTIRESISTANT: (
        "Recherche de microorganismes multi-résistants ou émergents effectuée"
    ),
    StayCode.TRANSFUSION: "Transfusion de produits sanguins",
    StayCode.BLOOD_PRODUCTS: "Administration de dérivés du sang",
}
_ANSWERS: Final = {
    "multiresistant": StayCode.MULTIRESISTANT,
    "transfusion": StayCode.TRANSFUSION,
    "blood_products": StayCode.BLOOD_PRODUCTS,
}
_WORDS: Final = {True: "Oui", False: "Non", None: "Non renseigné"}


def put_stay(page: Page) -> None:
    """The section: our own rows, then what the parts tell, then the entries.

    Events stand in the narrative alone: the model's one entry for them (MED-143) says that each
    was adverse, and nobody told us so.
    """
    section, text = page.section(
        SectionCode.STAY,
        (
            "1.3.6.1.4.1.19376.1.5.3.1.1.21.2.9",
            "1.3.6.1.4.1.19376.1.7.3.1.1.13.7",
            "1.2.250.1.213.1.1.2.163",
            "1.2.250.1.213.1.1.2.163.1",
        ),
        "Evènements observés",
        "Synthèse médicale du séjour",
    )
    letter, codes = page.letter, page.shop.cda
    answers = {name: _answer(page, name) for name in _ANSWERS}
    rows = put_table(text, "Séjour", ())
    _row(
        rows, "Date et modalité d'entrée", "entry", _way(page, letter.arrived_at, codes.entry_mode)
    )
    _row(rows, "Date et modalité de sortie", "exit", _way(page, letter.left_at, codes.exit_mode))
    for name, (value, path) in answers.items():
        if path is None:  # nobody said it: the words must stand somewhere all the same
            _row(rows, _LABEL[_ANSWERS[name]], name, _WORDS[value])
    page.tell(text, SectionCode.STAY)

    _way_entry(page, section, StayCode.ENTRY, letter.arrived_at, codes.entry_mode)
    _way_entry(page, section, StayCode.EXIT, letter.left_at, codes.exit_mode)
    _put_synthesis(page, section)
    for name, (value, path) in answers.items():
        target = f"#{MARK}{path or f'stay.{name}'}"
        observation = _observation(page, section, _ANSWERS[name], target, letter.left_at)
        answer = put(observation, "value")
        answer.set(TYPE, "BL")
        if value is None:
            answer.set("nullFlavor", "UNK")
        else:
            answer.set("value", "true" if value else "false")
    for path, code, display, at, words in _coded(page):
        _put_coded(page, section, path, code, display, at, words)


def _row(rows: Element, label: str, name: str, words: str) -> None:
    row = put(rows, "tr")
    put(row, "th", label)
    put(put(row, "td"), "content", words, ID=f"{MARK}stay.{name}")


def _way(page: Page, at: datetime | None, mode: Coded) -> str:
    day = "date inconnue" if at is None else f"{at.astimezone(page.shop.zone):%d/%m/%Y}"
    return f"{day}, {mode.display}"


def _answer(page: Page, name: str) -> tuple[bool | None, str | None]:
    """What the parts say of one question, and where; a yes outweighs a no, both our settings."""
    told = [(getattr(part.contribution.items, name), f"{part.index}.{name}") for part in page.parts]
    said = sorted((one for one in told if one[0] is not None), key=lambda one: not one[0])
    return said[0] if said else (getattr(page.shop.cda.ordinary, name), None)


def _observation(
    page: Page, section: Element, code: StayCode, target: str, at: datetime | None
) -> Element:
    observation = put(put(section, "entry"), "observation", classCode="OBS", moodCode="EVN")
    for root in (_SIMPLE, _FR_SIMPLE, f"{_FR_SIMPLE}.{_TEMPLATE[code]}"):
        put(observation, "templateId", root=root)
    put(observation, "id", root=page.uid(f"stay/{code.value}"))
    put_own_code(observation, "code", Coded(code=code.value, display=_LABEL[code], system=ANS))
    refer(observation, "text", target)
    put(observation, "statusCode", code="completed")
    _when(observation, at and at.astimezone(page.shop.zone).date())
    return observation


def _when(parent: Element, day: date | None) -> None:
    if day is None:
        put(parent, "effectiveTime", nullFlavor="UNK")
    else:
        put(parent, "effectiveTime", value=ts(day))


def _way_entry(
    page: Page, section: Element, code: StayCode, at: datetime | None, mode: Coded
) -> None:
    name = "entry" if code is StayCode.ENTRY else "exit"
    observation = _observation(page, section, code, f"#{MARK}stay.{name}", at)
    put_own_code(observation, "value", mode, "CE")


def _put_synthesis(page: Page, section: Element) -> None:
    """The one synthesis that the model has room for: every part's, each under its heading.

    A part without one is told by its free text, which is what its author wrote instead.
    """
    told = [(part, _written(part.contribution)) for part in page.parts]
    told = [(part, words) for part, words in told if words]
    whole = f"#{MARK}section.{SectionCode.STAY.value}"
    one = told[0][0] if len(told) == 1 else None
    single = one is not None and one.contribution.items.synthesis is not None
    target = f"#{MARK}{one.index}.synthesis" if one is not None and single else whole
    observation = _observation(page, section, StayCode.SYNTHESIS, target, page.letter.left_at)
    words = "\n\n".join(
        text if len(told) == 1 else f"{part.heading}\n{text}" for part, text in told
    )
    value = put(observation, "value", words or None)
    value.set(TYPE, "ST")
    if not words:
        value.set("nullFlavor", "NI")


def _written(one: Contribution) -> str:
    if one.items.synthesis is not None:
        return one.items.synthesis
    return "\n\n".join(
        f"{told.heading}\n{told.text}" if told.heading else told.text
        for told in one.items.narratives
    )


Found = tuple[str, Code, str, date | None, str | None]


def _coded(page: Page) -> Iterator[Found]:
    """Coded items that the model has no entry for: diagnoses, results, vaccines."""
    for part in page.parts:
        items, root = part.contribution.items, str(part.index)
        for i, diagnosis in enumerate(items.diagnoses):
            if diagnosis.code is not None:
                at = f"{root}.diagnoses.{i}"
                yield at, diagnosis.code, DIAGNOSIS, diagnosis.since, None
        for i, result in enumerate(items.results):
            if result.code is not None:
                words = " ".join(one for one in (result.value, result.unit) if one)
                yield f"{root}.results.{i}", result.code, "", result.at, words
        for i, shot in enumerate(items.vaccinations):
            if shot.code is not None:
                yield f"{root}.vaccinations.{i}", shot.code, VACCINE, shot.day, None


_ASKED: Final = {DIAGNOSIS: "Diagnostic", VACCINE: "Vaccin"}


def _put_coded(
    page: Page,
    section: Element,
    path: str,
    code: Code,
    asked: str,
    day: date | None,
    words: str | None,
) -> None:
    """An observation beyond the model: no templateId, since it follows no national template.

    The section of results takes no entry (LDL-SES), so that they stand here.
    """
    observation = put(put(section, "entry"), "observation", classCode="OBS", moodCode="EVN")
    put(observation, "id", root=page.uid(f"coded/{path}"))
    target = f"#{MARK}{path}.label"
    if asked:
        put_own_code(observation, "code", Coded(code=asked, display=_ASKED[asked], system=LOINC))
    else:
        put_item_code(observation, "code", code, target)
    refer(observation, "text", f"#{MARK}{path}")
    put(observation, "statusCode", code="completed")
    _when(observation, day)
    if asked:
        put_item_code(observation, "value", code, target, "CD")
        return
    value = put(observation, "value", words or None)
    value.set(TYPE, "ST")
    if not words:
        value.set("nullFlavor", "NAV")  # still awaited
