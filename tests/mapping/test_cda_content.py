"""Round trips of our own documents, and documents of others read by their entries."""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from engine.compose.cda import render_cda
from engine.compose.text import cleaned
from engine.mapping.cda_content import merged, read_items, read_parts
from engine.model.cda import SectionCode
from engine.model.fact import Half
from engine.model.letter import Letter
from engine.model.summary import (
    Allergy,
    Appointment,
    Code,
    Contact,
    Items,
    Narrative,
    OpioidSubstitution,
    PlannedCare,
    Treatment,
)
from engine.wire.cda import open_cda
from engine.wire.encapsulated import ContentError
from tests.support.any_items import any_items
from tests.support.foreign_cda import document, section
from tests.support.letters import shop
from tests.support.summaries import FULL, PSYCHIATRIC_ITEMS, TEXT, exit_letter, said


def rendered(*parts: Items) -> bytes:
    halves = (Half.DSS, Half.DSP)
    letter: Letter = exit_letter(*(said(*one) for one in zip(parts, halves, strict=False)))
    return render_cda(letter, b"%PDF-1.4", shop())


def read(data: bytes) -> Items:
    return read_items(open_cda(data))


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)
    else:
        yield value


# Our own documents.


@pytest.mark.parametrize("items", [FULL, PSYCHIATRIC_ITEMS, TEXT], ids=["full", "other", "text"])
def test_a_summary_written_at_level_3_and_read_back_is_the_same(items: Items) -> None:
    items = cleaned(items)
    assert read(rendered(items)) == items


@given(items=any_items())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_summary_written_at_level_3_and_read_back_is_the_same(items: Items) -> None:
    assert read(rendered(items)) == items


@given(somatic=any_items(), psychiatric=any_items())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_half_of_a_letter_is_read_back_as_it_was_said(
    somatic: Items, psychiatric: Items
) -> None:
    root = open_cda(rendered(somatic, psychiatric))
    said_something = tuple(one for one in (somatic, psychiatric) if one != Items())
    assert read_parts(root) == said_something
    assert read_items(root) == merged(said_something)


def test_a_section_that_somebody_added_to_a_document_of_ours_is_read_too() -> None:
    added = section("", "Ajout", "<text>Ajouté par le service.</text>")
    data = rendered(TEXT).replace(b"</structuredBody>", f"{added}</structuredBody>".encode())
    assert read(data).narratives == (
        *TEXT.narratives,
        Narrative(heading="Ajout", text="Ajouté par le service."),
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"relais.0.synthesis", b"relais.0.no_such_item"),
        (b"relais.0.synthesis", b"relais.0.treatments.0.label.deeper"),
        (b"relais.0.synthesis", b"relais.0.\xc3\xa9"),
        (b'styleCode="xstarted"', b'styleCode="xinvented"'),
        (b"relais.0.naloxone", b"relais.0.naloxone.0"),
    ],
)
def test_marks_that_do_not_fit_are_read_as_words_and_nothing_is_lost(
    old: bytes, new: bytes
) -> None:
    data = rendered(FULL)
    assert old in data
    items = read(data.replace(old, new))
    found = words(items.model_dump_json())
    assert {"Diabète", "glycémie", "METFORMINE", "MÉTHADONE", "Pénicilline"} <= found


# The same documents, as a software that knows nothing of the marks would have written them.


def unmarked(data: bytes) -> bytes:
    return data.replace(b"relais.", b"ident.")


def test_entries_alone_give_the_coded_items() -> None:
    items = read(unmarked(rendered(FULL)))
    metformin = items.treatments[1]  # after the one that was stopped
    assert metformin.label == "METFORMINE 1000 mg, comprimé"
    assert {code.code for code in metformin.codes} == {"62552920", "A10BA02"}
    assert (metformin.start, metformin.end) == (date(2026, 9, 2), date(2026, 12, 1))
    assert "1 comprimé matin et soir, au repas" in (metformin.posology or "")
    assert [one.label for one in items.allergies] == ["Pénicilline", "Arachide"]
    assert items.allergies[0].kind == FULL.allergies[0].kind
    assert items.allergies[0].substance == FULL.allergies[0].substance
    assert [(one.day, one.hour) for one in items.appointments] == [
        (one.day, one.hour) for one in FULL.appointments
    ]
    assert items.devices[0].code == FULL.devices[0].code
    assert items.blood_products is True


@given(items=any_items())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_word_of_a_narrative_is_lost_whoever_wrote_it(items: Items) -> None:
    data = unmarked(rendered(items))
    root = etree.fromstring(data.replace(b"<br/>", b" "))
    found = read(data)
    told = found.model_dump_json()
    kept = words(" ".join(str(one) for one in leaves(json.loads(told))))
    days = {f"{d}/{m}/{y}" for y, m, d in re.findall(r"(\d{4})-(\d\d)-(\d\d)", told)}
    for one in root.iter("{urn:hl7-org:v3}section"):
        code = one.find("{urn:hl7-org:v3}code").get("code")
        if code in ("33557-0", "55108-5"):
            continue
        for cell in one.find("{urn:hl7-org:v3}text").iter(
            "{urn:hl7-org:v3}td", "{urn:hl7-org:v3}content"
        ):
            text = "".join(cell.itertext())
            for day in re.findall(r"\d\d/\d\d/\d{4}", text):
                if day in days:
                    text = text.replace(day, " ")
            assert words(text) - _FILLING <= kept


# Words that only tell of an item which has a field of its own.
_FILLING = words(
    "Oui Non du au depuis le jusqu'au à h Aucun traitement à la sortie Aucune allergie connue"
)


# Documents of others.


def test_the_faults_of_published_examples_are_borne() -> None:
    items = read(
        document(
            section(
                "42545-4",
                "Synthèse",
                """<text><table><tbody>
                <tr><td>Sortie</td><td><content ID="out">05/11/2018, ailleurs</content></td></tr>
                <tr><td>Synthèse</td><td><content ID="syn">Infection guérie</content></td></tr>
                <tr><td>Évènements</td><td><content ID="ev">Aucun</content></td></tr>
                <tr><td>Transfusion</td><td><content ID="tr">Non</content></td></tr>
                </tbody></table></text>""",
                # No number sign; a target that does not exist.
                _simple("ORG-074", "out", '<value xsi:type="CE" code="x"/>'),
                _simple("MED-142", "syn", '<value xsi:type="ST">Infection guérie</value>'),
                _simple("MED-143", "ev", '<value xsi:type="ST">Aucun</value>'),
                _simple("MED-145", "nowhere", '<value xsi:type="BL" value="false"/>'),
            )
        )
    )
    assert items.synthesis == "Infection guérie"
    assert items.transfusion is False
    assert items.events == ()
    # What no item took: the way out, that nothing happened, the row that nothing points at.
    assert [one.text for one in items.narratives] == [
        "Sortie ; 05/11/2018, ailleurs\nÉvènements ; Aucun\nTransfusion ; Non"
    ]


def _simple(code: str, target: str, value: str) -> str:
    return (
        f'<observation classCode="OBS" moodCode="EVN"><code code="{code}"/>'
        f'<text><reference value="{target}"/></text>{value}</observation>'
    )


def test_a_free_posology_in_the_narrative_survives() -> None:
    items = read(
        document(
            section(
                "10183-2",
                "Traitements",
                """<text><table><thead><tr><th>Médicament</th><th>Posologie</th><th>Remarque</th></tr>
                </thead><tbody><tr><td><content ID="m1">AMLODIPINE 5 mg</content></td>
                <td>1 le matin, puis selon tension</td><td>surveiller</td></tr>
                <tr><td>Vitamine D</td><td>une ampoule</td><td/></tr></tbody></table></text>""",
                _drug("#m1", '<code code="60000001" codeSystem="1.2.250.1.213.2.3.1"/>'),
            )
        )
    )
    assert items.treatments == (
        Treatment(
            label="AMLODIPINE 5 mg",
            codes=(Code(code="60000001", system="1.2.250.1.213.2.3.1"),),
            posology="1 le matin, puis selon tension ; Remarque : surveiller",
            start=date(2025, 3, 14),
        ),
    )
    # The row without an entry stays, under the head of its table.
    assert items.narratives == (
        Narrative(
            heading="Traitements",
            text="Médicament ; Posologie ; Remarque\nVitamine D ; une ampoule",
        ),
    )


def _drug(target: str, code: str, extra: str = "") -> str:
    return f"""<substanceAdministration classCode="SBADM" moodCode="INT">
      <text><reference value="{target}"/></text>
      <effectiveTime xsi:type="IVL_TS">
        <low value="20250314"/><high nullFlavor="UNK"/></effectiveTime>
      {extra}<consumable><manufacturedProduct><manufacturedMaterial>{code}
      </manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"""


def test_a_dose_that_no_narrative_tells_is_told_by_the_entry() -> None:
    dose = (
        '<doseQuantity><low value="1" unit="{tbl}"/><high value="1" unit="{tbl}"/></doseQuantity>'
    )
    drug = _drug("#nowhere", '<code displayName="SOLIAN"/>', dose)
    items = read(document(section("10183-2", "Traitements", "<text/>", drug)))
    assert [(one.label, one.posology) for one in items.treatments] == [("SOLIAN", "1 tbl")]


def test_none_and_no_information_are_told_apart() -> None:
    def absent(code: str) -> Items:
        entry = (
            '<substanceAdministration classCode="SBADM" moodCode="EVN">'
            f'<code code="{code}" codeSystem="2.16.840.1.113883.5.1150.1"/>'
            '<text><reference value="#n"/></text></substanceAdministration>'
        )
        text = '<text><content ID="n">Pas de traitement</content></text>'
        return read(document(section("10183-2", "Traitements", text, entry)))

    assert absent("no-known-medications") == Items(treatments_none=True)
    assert absent("no-medication-info") == Items(
        narratives=(Narrative(heading="Traitements", text="Pas de traitement"),)
    )


def test_an_allergy_that_names_no_substance_is_left_in_its_words() -> None:
    entry = (
        '<act classCode="ACT" moodCode="EVN"><entryRelationship><observation>'
        '<code code="416098002" codeSystem="2.16.840.1.113883.6.96"/>'
        '<text><reference value="#NOWHERE"/></text>'
        '<value xsi:type="CD"><originalText><reference value="#"/></originalText></value>'
        "</observation></entryRelationship></act>"
    )
    text = "<text>Aucune allergie identifiée</text>"
    assert read(document(section("48765-2", "Allergies", text, entry))) == Items(
        narratives=(Narrative(heading="Allergies", text="Aucune allergie identifiée"),)
    )


def test_results_appointments_and_care_are_read_and_their_other_words_kept() -> None:
    items = read(
        document(
            section(
                "30954-2",
                "Résultats",
                '<text><paragraph ID="r">Potassium 4,1 mmol/L (3,5 à 5)</paragraph></text>',
                '<observation><code code="2823-3" displayName="Potassium" '
                'codeSystem="2.16.840.1.113883.6.1"/><text><reference value="#r"/></text>'
                '<effectiveTime value="20250301"/>'
                '<value xsi:type="PQ" value="4.1" unit="mmol/L"/></observation>',
            ),
            section(
                "18776-5",
                "Suites",
                """<text><list><item><content ID="a">Cardiologue</content>, apporter l'ECG</item>
                <item ID="b">Bilan lipidique</item></list></text>""",
                '<encounter><code code="AMB"/><text><reference value="#a"/></text>'
                '<effectiveTime value="202503211430+0100"/></encounter>',
                '<observation moodCode="INT"><text><reference value="#b"/></text>'
                '<effectiveTime value="20250401"/></observation>',
            ),
        )
    )
    assert items.results[0].label == "Potassium"
    assert (items.results[0].value, items.results[0].unit) == ("4.1", "mmol/L")
    assert items.appointments[0] == Appointment.model_validate(
        {"label": "Cardiologue, apporter l'ECG", "day": "2025-03-21", "hour": "14:30"}
    )
    assert items.plan == (PlannedCare(label="Bilan lipidique", due=date(2025, 4, 1)),)
    assert [one.heading for one in items.narratives] == ["Résultats"]


def test_a_section_without_a_reader_stays_words() -> None:
    text = (
        "<text><paragraph>Père :<br/>diabète</paragraph><paragraph>Mère : rien</paragraph></text>"
    )
    assert read(document(section("10157-6", "Antécédents familiaux", text))) == Items(
        narratives=(
            Narrative(heading="Antécédents familiaux", text="Père :\ndiabète\nMère : rien"),
        )
    )


def test_more_entries_than_any_letter_has_are_refused() -> None:
    many = "<observation/>" * 2001
    data = document(
        section("18776-5", "Suites", "<text>x</text>").replace(
            "</text>", f"</text><entry>{many}</entry>", 1
        )
    )
    with pytest.raises(ContentError):
        read(data)


def test_more_items_of_a_kind_than_any_letter_has_are_refused_without_quoting_one() -> None:
    def drugs(many: int) -> bytes:
        each = (_drug("#nowhere", f'<code displayName="SECRET{n}"/>') for n in range(many))
        return document(section("10183-2", "T", "<text/>", *each))

    assert len(read(drugs(500)).treatments) == 500
    with pytest.raises(ContentError) as caught:
        read(drugs(501))
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_words_too_long_for_an_item_stay_in_the_narrative() -> None:
    long = "mot " * 200
    text = f"""<text><table><tbody><tr><td><content ID="m">X</content></td><td>{long}</td></tr>
    <tr><td ID="n">{long} fin</td><td>une fois</td></tr></tbody></table></text>"""
    items = read(
        document(section("10183-2", "T", text, _drug("#m", "<code/>"), _drug("#n", "<code/>")))
    )
    told = " ".join(one.text for one in items.narratives)
    assert told.split().count("mot") == 400
    assert words(told) >= {"X", "fin", "une", "fois"}


def test_a_narrative_longer_than_any_letter_is_refused_before_it_is_taken_apart() -> None:
    text = f"<text>{'<content ID=' + chr(34) + 'a' + chr(34) + '>'}{'x' * 200_001}</content></text>"
    with pytest.raises(ContentError):
        read(document(section("18776-5", "Suites", text)))


@pytest.mark.parametrize(
    "value", ["20251350", "2025", "", "99999999", "２０２５０１０１", "20250101 OR 1"]
)
def test_a_date_that_is_none_is_no_date(value: str) -> None:
    drug = _drug("#m", '<code displayName="X"/>').replace("20250314", value)
    items = read(document(section("10183-2", "T", "<text/>", drug)))
    expected = date(2025, 1, 1) if value.startswith("20250101") else None
    assert items.treatments[0].start == expected


# Several parts in one.


def test_what_two_parts_say_is_joined_and_a_second_plan_goes_on_as_words() -> None:
    pharmacy = Contact(name="Pharmacie A")
    one = Items(
        synthesis="Un.",
        allergies_none=True,
        opioid=OpioidSubstitution(drug="MÉTHADONE", pharmacy=pharmacy),
        transfusion=False,
    )
    other = Items(
        synthesis="Deux.",
        allergies=(Allergy(label="Arachide"),),
        opioid=OpioidSubstitution(drug="BUPRÉNORPHINE", dose="8 mg"),
        transfusion=True,
    )
    both = merged((one, other))
    assert both.synthesis == "Un.\n\nDeux."
    assert both.allergies == other.allergies
    assert not both.allergies_none
    assert both.opioid == one.opioid
    assert both.transfusion is True
    assert both.narratives == (Narrative(text="BUPRÉNORPHINE, 8 mg"),)


@given(items=any_items())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_part_alone_is_what_it_was(items: Items) -> None:
    assert merged((items,)) == items
    assert merged(()) == Items()


GONE = ("aborted", "cancelled", "nullified", "suspended", "held")
TOLD = (
    "<text><table><thead><tr><th>Quoi</th><th>Posologie</th></tr></thead><tbody>"
    '<tr><td ID="m">METHADONE</td><td>arrêtée le 1/2</td></tr></tbody></table></text>'
)


def denied(entry: str, how: str) -> str:
    """The entry, negated or with a state of its act."""
    if how == "negated":
        return re.sub(r"^<(\w+)", r'<\1 negationInd="true"', entry)
    return re.sub(r"^(<\w+[^>]*>)", rf'\1<statusCode code="{how}"/>', entry)


def _observed(target: str) -> str:
    return (
        '<observation classCode="OBS" moodCode="EVN"><code code="416098002" '
        'codeSystem="2.16.840.1.113883.6.96" displayName="allergie"/>'
        f'<text><reference value="{target}"/></text>'
        f'<value xsi:type="CD"><originalText><reference value="{target}"/></originalText></value>'
        "</observation>"
    )


ENTRIES = {
    SectionCode.DISCHARGE.value: _drug("#m", '<code displayName="METHADONE"/>'),
    SectionCode.STOPPED.value: _drug("#m", '<code displayName="METHADONE"/>'),
    SectionCode.ALLERGIES.value: _observed("#m"),
    SectionCode.RESULTS.value: _observed("#m"),
    SectionCode.PLAN.value: '<encounter><text><reference value="#m"/></text></encounter>',
    SectionCode.DEVICES.value: '<supply><text><reference value="#m"/></text></supply>',
}
CODED = ("treatments", "allergies", "results", "appointments", "plan", "devices")


def coded(items: Items) -> list[str]:
    return [name for name in CODED if getattr(items, name)]


@pytest.mark.parametrize("code", ENTRIES)
@pytest.mark.parametrize("how", ["negated", *GONE])
def test_what_an_entry_denies_or_gave_up_is_no_item_and_its_words_stay(how: str, code: str) -> None:
    entry = ENTRIES[code]
    assert coded(read(document(section(code, "Partie", TOLD, entry))))
    items = read(document(section(code, "Partie", TOLD, denied(entry, how))))
    assert coded(items) == []
    assert "METHADONE ; arrêtée le 1/2" in items.narratives[0].text


@pytest.mark.parametrize("how", ["negated", *GONE])
def test_an_allergy_whose_act_was_given_up_is_no_allergy(how: str) -> None:
    inner = f"<act><entryRelationship>{_observed('#m')}</entryRelationship></act>"
    items = read(document(section("48765-2", "Allergies", TOLD, denied(inner, how))))
    assert coded(items) == []
    within = f"<act><entryRelationship>{denied(_observed('#m'), how)}</entryRelationship></act>"
    items = read(document(section("48765-2", "Allergies", TOLD, within)))
    assert coded(items) == []
    assert "METHADONE" in items.narratives[0].text


@pytest.mark.parametrize("code", ["10183-2", "42349-1", "48765-2", "10157-6"])
def test_words_that_their_author_struck_out_are_never_read(code: str) -> None:
    text = (
        '<text><paragraph><content revised="delete">TRAMADOL <content ID="m">fort</content>'
        "</content> PARACETAMOL</paragraph></text>"
    )
    for entries in ((), (_drug("#m", '<code displayName="TRAMADOL"/>'), _observed("#m"))):
        items = read(document(section(code, "Traitements", text, *entries)))
        told = items.model_dump_json()
        assert "PARACETAMOL" in told
        assert "TRAMADOL" not in told
        assert "fort" not in told
