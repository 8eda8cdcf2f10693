import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.compose.faults import PaperError
from engine.compose.pdf import Press, load_press, patient_lines, render_pdf
from engine.compose.template import write
from engine.model.letter import Letter, LetterKind
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
    letter,
    second,
    shop,
)
from tests.support.pdf_a import faults

CASES = {
    "arrival": letter(),
    "arrival, woman without INS": letter(patient=WOMAN),
    "exit notice": letter(LetterKind.EXIT_NOTICE),
    "exit letter": letter(LetterKind.EXIT_LETTER),
    "second version": second(sections=(SOMATIC, PSYCHIATRIC)),
    "many pages": letter(LetterKind.EXIT_LETTER, sections=(SOMATIC,) * 12),
}


def made(of: Letter, press: Press | None = None) -> bytes:
    text = write(of, shop().patterns[of.kind], PARIS)
    return render_pdf(text, of, (), press or shop().press, PARIS)


def read(pdf: bytes) -> str:
    """The text, as an independent reader extracts it."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    return subprocess.run(
        [tool, "-layout", "-", "-"], input=pdf, capture_output=True, check=True
    ).stdout.decode()


@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_every_letter_is_pdf_a_1b(of: Letter) -> None:
    assert faults(made(of)) == []


def test_the_gate_sees_a_file_that_is_not_archival() -> None:
    assert faults(annex(1).pdf) != []
    assert faults(made(letter()).replace(b"<pdfaid:part>1", b"<pdfaid:part>9")) != []


def test_the_level_and_the_title_are_declared_and_the_document_is_tagged() -> None:
    pdf = made(letter())
    assert pdf.startswith(b"%PDF-1.4")
    assert b"<pdfaid:part>1</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in pdf
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
        "Soins somatiques",
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
    of = letter(
        LetterKind.EXIT_LETTER,
        patient=PATIENT.model_copy(update={"birth_given_all": value}),
        recipient=DOCTOR.model_copy(update={"place": value}),
        unit=UNIT.model_copy(update={"hospital": value, "unit": value, "address": (value,)}),
        sections=(SOMATIC.model_copy(update={"heading": value, "text": value}),),
    )
    text = read(made(of))
    squeezed = "".join(text.split())
    # Presentation ligatures come back as their letters.
    wanted = "".join(value.split()).replace("ﬁ", "fi").replace("ﬀ", "ff")
    assert squeezed.replace("ﬁ", "fi").replace("ﬀ", "ff").count(wanted) >= 6


def test_a_name_of_sixty_letters_stays_on_the_page() -> None:
    long = "A" * 29 + "-" + "B" * 30
    of = letter(patient=PATIENT.model_copy(update={"birth_family": long, "birth_given": long}))
    pdf = made(of)
    assert faults(pdf) == []
    assert long in read(pdf).replace("\n", " ")


def test_signs_that_no_font_draws_are_replaced_rather_than_block_the_letter() -> None:
    section = SOMATIC.model_copy(update={"text": "漢字 \U0001f600 ₂ ≥ ✓ \ue000 x"})
    pdf = made(letter(LetterKind.EXIT_LETTER, sections=(section,)))
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
    part = SOMATIC.model_copy(update={"text": "Ligne.\n\n" * count + "Fin."})
    last = read(made(letter(LetterKind.EXIT_LETTER, sections=(SOMATIC, part)))).split("\f")[-2]
    assert "salutations confraternelles" in last
    assert "RPPS" in last
