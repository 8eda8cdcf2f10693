"""The structured body: which sections, which entries, and that every reference arrives."""

import re
import uuid
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from lxml import etree

from engine.compose.cda import render_cda
from engine.compose.outline import cells, outline
from engine.model.cda import SectionCode, StayCode
from engine.model.fact import Half
from engine.model.letter import Letter
from engine.model.summary import Allergy, Appointment, Code, Items, Treatment
from tests.support.any_items import any_items
from tests.support.letters import annex, second, shop
from tests.support.summaries import FULL, PSYCHIATRIC_ITEMS, TEXT, exit_letter, said

PDF = b"%PDF-1.4 not looked at here"
NS = {"c": "urn:hl7-org:v3", "xsi": "http://www.w3.org/2001/XMLSchema-instance"}
MANDATORY = {SectionCode.STATUS, SectionCode.REASON, SectionCode.STAY, SectionCode.DISCHARGE}
SIX = {
    StayCode.ENTRY, StayCode.EXIT, StayCode.SYNTHESIS, StayCode.MULTIRESISTANT,
    StayCode.TRANSFUSION, StayCode.BLOOD_PRODUCTS,
}  # fmt: skip
TWO = (said(FULL), said(PSYCHIATRIC_ITEMS, Half.DSP))


def made(of: Letter) -> etree._Element:
    return etree.fromstring(render_cda(of, PDF, shop()))


def all_of(where: etree._Element, path: str) -> list[Any]:
    return list(where.xpath(path, namespaces=NS))


def one_of(where: etree._Element, path: str) -> str:
    """The first value at a path; "" where there is none."""
    return str(next(iter(all_of(where, path)), ""))


def section(document: etree._Element, code: SectionCode) -> etree._Element:
    (found,) = all_of(document, f"//c:section[c:code/@code='{code.value}']")
    return found


def codes_of_sections(document: etree._Element) -> list[str]:
    return all_of(document, "//c:section/c:code/@code")


@pytest.mark.parametrize("items", [Items(), TEXT, FULL], ids=["nothing", "text", "full"])
def test_the_mandatory_sections_and_the_six_entries_of_the_stay_are_always_there(
    items: Items,
) -> None:
    document = made(exit_letter(said(items)))
    found = codes_of_sections(document)
    assert set(MANDATORY) <= set(found)
    assert len(found) == len(set(found))
    assert found == sorted(found, key=[one.value for one in SectionCode].index)
    stay = all_of(section(document, SectionCode.STAY), "c:entry/c:observation[c:templateId]")
    told = [one_of(one, "c:code/@code") for one in stay]
    assert len(told) == len(set(told))
    assert set(SIX) <= set(told)


@given(items=any_items(), other=any_items())
@settings(max_examples=60, deadline=None)
def test_every_reference_arrives_and_every_id_is_one_of_a_kind(items: Items, other: Items) -> None:
    document = made(exit_letter(said(items), said(other, Half.DSP)))
    idents = all_of(document, "//@ID")
    assert len(idents) == len(set(idents))
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", ident) for ident in idents)
    for target in all_of(document, "//c:reference/@value"):
        assert target.removeprefix("#") in idents
        assert target.startswith("#")
    roots = all_of(document, "//c:structuredBody//c:id/@root")
    assert len(roots) == len(set(roots))
    assert all(str(uuid.UUID(root)).upper() == root for root in roots)


@given(items=any_items())
@settings(max_examples=60, deadline=None)
def test_every_word_of_the_outline_stands_in_the_narrative(items: Items) -> None:
    letter = exit_letter(said(items))
    document = made(letter)
    told = {
        one.get("ID"): "\n".join(one.itertext()) for one in all_of(document, "//c:text//*[@ID]")
    }
    for block in outline(letter.summary, shop().zone):
        for cell in cells(block):
            if cell.path is not None:
                shown = told[f"relais.{cell.path}"]
                assert shown.split() == cell.text.split()


def test_the_same_letter_gives_the_same_bytes_and_another_version_other_identifiers() -> None:
    letter = exit_letter(*TWO)
    assert render_cda(letter, PDF, shop()) == render_cda(letter, PDF, shop())
    ids = "//c:structuredBody//c:id/@root"
    then = second(summary=letter.summary)
    assert not set(all_of(made(letter), ids)) & set(all_of(made(then), ids))


ANSWERS = (StayCode.TRANSFUSION, StayCode.BLOOD_PRODUCTS, StayCode.MULTIRESISTANT)


def entries_of_the_stay(document: etree._Element) -> dict[str, etree._Element]:
    found = all_of(section(document, SectionCode.STAY), "c:entry/c:observation")
    return {one_of(one, "c:code/@code"): one for one in found}


def test_as_shipped_what_nobody_said_of_the_stay_is_unknown_and_never_no() -> None:
    document = made(exit_letter(said(Items())))
    found = entries_of_the_stay(document)
    assert set(found) == set(SIX)
    for code in ANSWERS:
        (value,) = all_of(found[code], "c:value")
        assert (value.get("nullFlavor"), value.get("value")) == ("UNK", None)
    assert all_of(found[StayCode.SYNTHESIS], "c:value/@nullFlavor") == ["NI"]
    assert ">Non<" not in etree.tostring(document, encoding="unicode")


def test_what_the_settings_answer_for_the_authors_is_marked_as_ours() -> None:
    codes = shop().cda
    told = type(codes.ordinary)(transfusion=False, blood_products=False, multiresistant=False)
    ours = replace(shop(), cda=codes.model_copy(update={"ordinary": told}))
    document = etree.fromstring(render_cda(exit_letter(said(Items())), PDF, ours))
    found = entries_of_the_stay(document)
    for code in ANSWERS:
        assert all_of(found[code], "c:value/@value") == ["false"]
        assert all_of(found[code], "c:text/c:reference/@value")[0].startswith("#relais.stay.")


def test_a_release_is_never_said_to_be_to_a_home_that_nobody_told() -> None:
    way = entries_of_the_stay(made(exit_letter(said(FULL))))[StayCode.EXIT]
    assert all_of(way, "c:value/@displayName") == ["Autre destination"]


def test_an_event_is_told_in_words_and_never_called_adverse() -> None:
    document = made(exit_letter(said(FULL)))
    assert FULL.events
    assert StayCode.EVENT not in entries_of_the_stay(document)
    words = "".join(section(document, SectionCode.STAY).find("c:text", NS).itertext())
    assert all(event in words for event in FULL.events)


NO_INFORMATION = {SectionCode.DISCHARGE: "treatments", SectionCode.ALLERGIES: "allergies"}


@pytest.mark.parametrize("where", NO_INFORMATION)
@pytest.mark.parametrize(
    ("of", "words"),
    [
        (exit_letter(said(TEXT)), "Voir le texte de la lettre."),
        (exit_letter(said(Items(synthesis="Suivi."))), "Voir le texte de la lettre."),
        (exit_letter(said(Items(events=("Éruption.",)))), "Voir le texte de la lettre."),
        (
            exit_letter(said(Items(naloxone=True)), annexes=(annex(),)),
            "Voir le texte de la lettre.",
        ),
        (exit_letter(said(Items(naloxone=True))), "Aucune information sur les "),
    ],
    ids=["narrative", "synthesis", "event", "pages", "none"],
)
def test_what_free_text_may_hold_is_never_said_to_be_absent(
    where: SectionCode, of: Letter, words: str
) -> None:
    ident = f"relais.stay.{NO_INFORMATION[where]}"
    told = one_of(section(made(of), where), f".//c:content[@ID='{ident}']/text()")
    assert told.startswith(words)


def test_a_yes_of_one_half_outweighs_the_no_of_the_other() -> None:
    document = made(
        exit_letter(said(Items(transfusion=False)), said(Items(transfusion=True), Half.DSP))
    )
    (entry,) = all_of(document, f"//c:observation[c:code/@code='{StayCode.TRANSFUSION}']")
    assert all_of(entry, "c:value/@value") == ["true"]
    assert all_of(entry, "c:text/c:reference/@value") == ["#relais.1.transfusion"]


def test_two_halves_share_the_one_synthesis_each_under_its_heading() -> None:
    (value,) = all_of(
        made(exit_letter(*TWO)), f"//c:observation[c:code/@code='{StayCode.SYNTHESIS}']/c:value"
    )
    parts = value.text.split("\n\n")
    assert parts[0].startswith("Prise en charge somatique\nDiabète équilibré")
    assert "Prise en charge psychiatrique\nTrouble anxieux stable." in parts


def test_a_synthesis_alone_is_pointed_at_and_a_free_text_stands_in_for_it() -> None:
    path = f"//c:observation[c:code/@code='{StayCode.SYNTHESIS}']"
    (one,) = all_of(made(exit_letter(said(FULL))), path)
    assert all_of(one, "c:text/c:reference/@value") == ["#relais.0.synthesis"]
    (other,) = all_of(made(exit_letter(said(TEXT))), path)
    assert all_of(other, "c:value/text()") == [TEXT.narratives[0].text]


def test_only_a_treatment_that_ended_is_given_and_every_other_is_still_to_be_taken() -> None:
    document = made(exit_letter(said(FULL)))
    moods = {
        code: all_of(section(document, code), "c:entry/c:substanceAdministration/@moodCode")
        for code in (SectionCode.STOPPED, SectionCode.DISCHARGE)
    }
    assert moods[SectionCode.STOPPED] == ["EVN"]
    # Four treatments that go on, the opioid, the injection, the tuberculosis.
    assert moods[SectionCode.DISCHARGE] == ["INT"] * 7


def test_only_a_cis_code_names_the_product_and_the_others_are_its_translations() -> None:
    document = made(exit_letter(said(FULL)))
    coded = all_of(section(document, SectionCode.DISCHARGE), ".//c:manufacturedMaterial/c:code")
    assert [(one.get("code"), one.get("nullFlavor")) for one in coded[:3]] == [
        ("62552920", None),
        (None, "OTH"),
        (None, "OTH"),
    ]
    assert all_of(coded[0], "c:translation/@code") == ["A10BA02"]
    assert all_of(coded[1], "c:translation/@codeSystem") == ["1.2.250.1.213.2.61"]


@pytest.mark.parametrize(
    ("start", "end", "low", "high"),
    [
        (date(2026, 9, 2), date(2026, 12, 1), "20260902", "20261201"),
        (None, date(2026, 12, 1), "UNK", "20261201"),
        (date(2026, 9, 2), None, "20260902", "UNK"),
        (date(2026, 9, 2), date(2026, 9, 1), "20260902", "UNK"),
        (date(2026, 9, 2), date(2026, 9, 2), "20260902", "20260902"),
        (date(33, 4, 3), None, "00330403", "UNK"),
    ],
)
def test_a_period_has_both_ends_and_none_before_its_beginning(
    start: date | None, end: date | None, low: str, high: str
) -> None:
    items = Items(treatments=(Treatment(label="X", start=start, end=end),))
    (period,) = all_of(
        made(exit_letter(said(items))), "//c:substanceAdministration/c:effectiveTime"
    )
    assert [one.get("value") or one.get("nullFlavor") for one in period] == [low, high]


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (Items(treatments_none=True), "no-known-medications"),
        (Items(synthesis="Suivi."), "no-medication-info"),
    ],
)
def test_no_treatment_and_no_information_are_two_things(items: Items, code: str) -> None:
    document = made(exit_letter(said(items)))
    found = all_of(section(document, SectionCode.DISCHARGE), ".//c:substanceAdministration/c:code")
    assert [one.get("code") for one in found] == [code]


def test_a_medicine_of_any_kind_belies_that_there_is_none() -> None:
    document = made(exit_letter(said(Items(opioid=FULL.opioid)), said(PSYCHIATRIC_ITEMS, Half.DSP)))
    names = all_of(section(document, SectionCode.DISCHARGE), ".//c:manufacturedMaterial/c:name")
    assert [one.text for one in names] == ["MÉTHADONE, gélule"]


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (Items(allergies_none=True), ["no-known-allergies"]),
        (Items(synthesis="Suivi."), ["no-allergy-info"]),
        (Items(allergies=(Allergy(label="Arachide"),), allergies_none=True), []),
    ],
)
def test_allergies_are_listed_or_told_to_be_none_or_unknown(items: Items, code: list[str]) -> None:
    document = made(exit_letter(said(items)))
    assert all_of(section(document, SectionCode.ALLERGIES), ".//c:value/@code") == code


@pytest.mark.parametrize(
    "kind",
    [
        Code(code="DA", system="2.16.840.1.113883.5.4", display="drug allergy"),
        Code(code="73211009", system="2.16.840.1.113883.6.96", display="diabète sucré"),
    ],
)
def test_a_kind_of_allergy_outside_the_value_set_is_a_translation(kind: Code) -> None:
    document = made(exit_letter(said(Items(allergies=(Allergy(label="X", kind=kind),)))))
    (code,) = all_of(section(document, SectionCode.ALLERGIES), ".//c:observation/c:code")
    assert code.get("code") == "420134006"
    assert all_of(code, "c:translation/@code") == [kind.code]


def test_a_moment_of_long_ago_has_a_year_of_four_digits_and_an_offset_without_seconds() -> None:
    items = Items.model_validate(
        {"appointments": [{"label": "X", "day": "0625-03-01", "hour": "08:00"}]}
    )
    document = made(exit_letter(said(items)))
    assert all_of(document, "//c:encounter/c:effectiveTime/@value") == ["06250301080000+0009"]


def test_an_appointment_has_its_hour_in_the_season_s_offset_or_asks_for_a_call() -> None:
    document = made(exit_letter(said(FULL)))
    found = all_of(section(document, SectionCode.PLAN), "c:entry/c:encounter")
    assert [one_of(one, "c:effectiveTime/@value") for one in found] == [
        "20261204103000+0100",
        "20261201",
        "",
    ]
    assert all_of(found[2], "c:priorityCode/@code") == ["CS"]


def test_the_unit_can_be_reached_from_the_plan_of_care() -> None:
    text = etree.tostring(
        section(made(exit_letter(said(Items()))), SectionCode.PLAN), encoding="unicode"
    )
    assert "usmp@ch-exemple.mssante.fr" in text
    assert "03" in text


def test_the_results_have_no_entry_and_their_codes_stand_with_the_stay() -> None:
    document = made(exit_letter(said(FULL)))
    assert all_of(section(document, SectionCode.RESULTS), "c:entry") == []
    stay = section(document, SectionCode.STAY)
    beyond = all_of(stay, "c:entry/c:observation[not(c:templateId)]/c:code/@code")
    assert beyond == ["29308-4", "4548-4", "14682-9", "30956-7"]


def test_a_letter_still_incomplete_says_so() -> None:
    path = "//c:observation[c:code/@code='GEN-065']/c:value/@code"
    assert all_of(made(exit_letter(said(FULL))), path) == ["9571008"]
    awaited = made(exit_letter(said(FULL), withheld=(Half.DSP,)))
    assert all_of(awaited, path) == ["385651009"]
    assert "encore attendue" in "".join(section(awaited, SectionCode.STATUS).itertext())


def test_a_version_says_which_one_it_replaces_in_words_too() -> None:
    document = made(second(summary=exit_letter(*TWO).summary))
    words = "".join(section(document, SectionCode.STATUS).itertext())
    assert "Annule et remplace la version 1 du 24/11/2026." in words


def test_annexed_pages_travel_in_a_copy_of_the_whole_letter() -> None:
    assert SectionCode.PDF not in codes_of_sections(made(exit_letter(said(FULL))))
    document = made(exit_letter(said(FULL), annexes=(annex(),)))
    copy = section(document, SectionCode.PDF)
    assert all_of(copy, "c:title/text()") == ["Copie du document"]
    (media,) = all_of(copy, ".//c:observationMedia")
    assert all_of(copy, ".//c:renderMultiMedia/@referencedObject") == [media.get("ID")]


def test_an_hour_with_an_offset_keeps_the_time_on_the_wall() -> None:
    items = Items.model_validate(
        {"appointments": [{"label": "X", "day": "2026-07-01", "hour": "10:30:00+02:00"}]}
    )
    assert items.appointments[0] != Appointment(label="X")
    document = made(exit_letter(said(items)))
    assert all_of(document, "//c:encounter/c:effectiveTime/@value") == ["20260701103000+0200"]
    assert all_of(document, "//*[@ID='relais.0.appointments.0.hour']/@styleCode") == ["x10:30:00"]
