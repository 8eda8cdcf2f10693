import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.compose.faults import PaperError
from engine.compose.layout import patient_lines
from engine.compose.pdf import Press, load_press, print_letter, typeset_here
from engine.compose.template import write
from engine.model.fact import Half
from engine.model.letter import HEADINGS, Letter, LetterKind
from engine.model.summary import Items, Narrative, OpioidSubstitution, Treatment
from tests.support.examples import corrected_letter, whole_letter
from tests.support.letters import (
    DOCTOR,
    PARIS,
    PATIENT,
    PSYCHIATRIC,
    ROOT,
    SOMATIC,
    UNIT,
    WOMAN,
    annex,
    contribution,
    letter,
    second,
    shop,
    summary,
)
from tests.support.pdf_a import faults

CASES = {
    "arrival": letter(),
    "arrival, woman without INS": letter(patient=WOMAN),
    "exit notice": letter(LetterKind.EXIT_NOTICE),
    "exit letter": letter(LetterKind.EXIT_LETTER),
    "second version": second(summary=summary(SOMATIC, PSYCHIATRIC)),
    "every item": whole_letter(),
    "every item, second version": corrected_letter(),
    "many pages": letter(LetterKind.EXIT_LETTER, summary=summary(*(SOMATIC,) * 12)),
}


def made(of: Letter, press: Press | None = None) -> bytes:
    text = write(of, shop().patterns[of.kind], PARIS)
    return print_letter(text, of, press or shop().press, PARIS, typeset_here).pdf


def read(pdf: bytes, order: str = "-layout") -> str:
    """The text, as an independent reader extracts it: as it is laid out, or as it was written."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    return subprocess.run(
        [tool, order, "-", "-"], input=pdf, capture_output=True, check=True
    ).stdout.decode()


@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_every_letter_is_pdf_a_1a(of: Letter) -> None:
    assert faults(made(of)) == []


def test_the_gate_sees_a_file_that_is_not_archival() -> None:
    assert faults(annex(1).pdf) != []
    assert faults(made(letter()).replace(b"<pdfaid:part>1", b"<pdfaid:part>9")) != []


def test_the_level_and_the_title_are_declared_and_the_document_is_tagged() -> None:
    pdf = made(letter())
    assert pdf.startswith(b"%PDF-1.4")
    assert b"<pdfaid:part>1</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in pdf
    assert b"Avis de prise en charge" in pdf
    assert b"/StructTreeRoot" in pdf
    assert b"/Lang" in pdf


def test_the_same_letter_gives_the_same_bytes_whatever_the_thread() -> None:
    of = CASES["exit letter"]
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: made(of), range(8)))) == 1


def test_the_paper_says_what_the_letter_says() -> None:
    text = " ".join(read(made(CASES["second version"])).split())
    for said in (
        "CH EXEMPLE",
        "Unité sanitaire d'Exempleville",
        "Dr Paul TÉMOIN",
        "Exempleville, le 26 novembre 2026",
        "1 61 02 99 999 001 45",
        "annule et remplace la version n° 1 du 24 novembre 2026",
        HEADINGS[Half.DSS],
        "Soins somatiques (DSS)",
        "Rédigé par Dr Jean-Noël EXEMPLE (Psychiatrie), le 24 novembre 2026",
        "MÉTHADONE 40 mg par jour",
        "L'équipe de l'unité sanitaire",
        "page 1 sur",
    ):
        assert said in text


HOSTILE = [
    '#import "@preview/x:1.0.0": *',
    "]#panic()[",
    "$x^2$ *gras* _it_ `code` <label> @ref = titre",
    "\\u{41} // comment /* */",
    "L'Œuvre-d’Ærø ﬁ ﬀ",
    "<script>alert(1)</script>&amp;",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_printed_as_it_is_and_never_read_as_markup(value: str) -> None:
    items = Items(
        reason=value,
        synthesis=f"- {value}",
        events=(value,),
        treatments=(Treatment(label=value, posology=value),),
        opioid=OpioidSubstitution(drug=value),
        narratives=(Narrative(heading=value, text=value),),
    )
    hostile = contribution(Half.DSS, SOMATIC.said.at, None, items)
    of = letter(
        LetterKind.EXIT_LETTER,
        patient=PATIENT.model_copy(update={"birth_given_all": value}),
        recipient=DOCTOR.model_copy(update={"place": value}),
        unit=UNIT.model_copy(update={"hospital": value, "unit": value, "address": (value,)}),
        summary=summary(hostile),
    )
    text = read(made(of), "-raw")
    squeezed = "".join(text.split())
    # Presentation ligatures come back as their letters.
    wanted = "".join(value.split()).replace("ﬁ", "fi").replace("ﬀ", "ff")
    assert squeezed.replace("ﬁ", "fi").replace("ﬀ", "ff").count(wanted) >= 13


def test_a_name_of_sixty_letters_stays_on_the_page() -> None:
    long = "A" * 29 + "-" + "B" * 30
    of = letter(patient=PATIENT.model_copy(update={"birth_family": long, "birth_given": long}))
    pdf = made(of)
    assert faults(pdf) == []
    assert long in read(pdf).replace("\n", " ")


def test_signs_that_no_font_draws_are_replaced_rather_than_block_the_letter() -> None:
    odd = "漢字 \U0001f600 ₂ ≥ ✓ \ue000 x" + "漢" * 40
    items = Items(reason=odd, treatments=(Treatment(label=odd, posology=odd),))
    told = contribution(Half.DSS, SOMATIC.said.at, None, items)
    pdf = made(letter(LetterKind.EXIT_LETTER, summary=summary(told)))
    assert faults(pdf) == []


def test_the_identity_block_has_the_ins_only_when_it_may_go_out() -> None:
    assert any(label == "INS (NIR)" for label, _ in patient_lines(letter()))
    assert not any("INS" in label for label, _ in patient_lines(letter(patient=WOMAN)))
    assert ("Nom utilisé", "ZOÉ D'ŒUVRE") in patient_lines(letter(patient=WOMAN))


def test_a_template_that_the_engine_refuses_is_an_error_that_quotes_nothing(
    tmp_path: Path,
) -> None:
    shutil.copytree(ROOT / "mappings" / "letters", tmp_path / "letters")
    bad = tmp_path / "letters" / "letter.typ"
    bad.write_text(bad.read_text() + "\n#panic(d.patient)")
    with pytest.raises(PaperError) as caught:
        made(letter(), load_press(tmp_path / "letters"))
    error: Any = caught.value
    assert error.__cause__ is None
    assert "ESSAI" not in str(error) + repr(error)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 9, 14, 20])
def test_the_signature_never_stands_alone_on_a_page(count: int) -> None:
    part = contribution(Half.DSS, SOMATIC.said.at, None, "Ligne.\n\n" * count + "Fin.")
    of = letter(LetterKind.EXIT_LETTER, summary=summary(SOMATIC, part))
    last = read(made(of)).split("\f")[-2]
    assert "salutations confraternelles" in last
    assert "RPPS" in last


def test_no_word_however_long_leaves_its_column() -> None:
    long = "X" * 300
    items = Items(
        reason=long,
        treatments=(Treatment(label=long, posology=long, reason=long),),
        opioid=OpioidSubstitution(drug=long),
    )
    pdf = made(
        letter(
            LetterKind.EXIT_LETTER,
            summary=summary(contribution(Half.DSS, SOMATIC.said.at, None, items)),
        )
    )
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    boxes = subprocess.run(
        [tool, "-bbox", "-", "-"], input=pdf, capture_output=True, check=True
    ).stdout.decode()
    right = [float(x) for x in re.findall(r'xMax="([0-9.]+)" yMax="[0-9.]+">X', boxes)]
    assert len(right) > 10
    assert max(right) <= (210 - 22) / 25.4 * 72 + 0.5
    assert faults(pdf) == []


def test_a_table_that_goes_on_over_the_page_tells_its_head_again() -> None:
    many = tuple(Treatment(label=f"MEDICAMENT {n}", posology="1 le matin") for n in range(80))
    told = contribution(Half.DSS, SOMATIC.said.at, None, Items(treatments=many))
    pages = read(made(letter(LetterKind.EXIT_LETTER, summary=summary(told)))).split("\f")
    assert [page.count("Posologie") for page in pages if "MEDICAMENT" in page] == [1, 1, 1]
    assert b"/TH" in made(letter(LetterKind.EXIT_LETTER, summary=summary(told)))


def test_no_heading_is_left_alone_at_the_foot_of_a_page() -> None:
    for count in range(0, 24, 3):
        items = Items(
            reason="Ligne.\n\n" * count + "Fin.",
            treatments=(Treatment(label="METFORMINE", posology="1 le matin"),),
        )
        told = contribution(Half.DSS, SOMATIC.said.at, None, items)
        for page in read(made(letter(LetterKind.EXIT_LETTER, summary=summary(told)))).split("\f"):
            assert ("Traitements à la sortie" in page) is ("METFORMINE" in page)
