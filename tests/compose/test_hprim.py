import re
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compose.faults import IdentityError
from engine.compose.hprim import render_hprim
from engine.compose.plain import WIDTH, plain_words, render_plain
from engine.compose.template import write
from engine.compose.text import ascii_name, clean_line, clean_text, cleaned
from engine.model.fact import Half
from engine.model.letter import Letter, LetterKind
from engine.model.summary import Items, Narrative, OpioidSubstitution, Treatment
from tests.support.examples import whole_letter
from tests.support.letters import (
    DOCTOR,
    PARIS,
    PATIENT,
    SOMATIC,
    UNIT,
    WOMAN,
    contribution,
    letter,
    shop,
    summary,
)

END = ["****FIN****", "****FINFICHIER****", ""]


def made(of: Letter, plain: str = "Bonjour,\n\nTexte.") -> bytes:
    return render_hprim(plain, of, PARIS)


def read(content: bytes) -> tuple[list[str], list[str]]:
    """An own reader: (header, body lines). Demands what the strictest known readers demand."""
    text = content.decode("latin-1")
    assert "\n" not in text.replace("\r\n", "")
    assert "\r" not in text.replace("\r\n", "")
    lines = text.split("\r\n")
    assert lines[-3:] == END
    assert [line for line in lines[:-3] if "****" in line] == []
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for line in lines for c in line)
    assert lines[12] == ""
    return lines[:12], lines[13:-3]


def medshake_score(header: list[str]) -> int:
    """The score that one reader wants at 10 or above, from its documented weights."""

    def real(day: str) -> bool:
        try:
            return datetime.strptime(day, "%d/%m/%Y").strftime("%d/%m/%Y") == day  # noqa: DTZ007
        except ValueError:
            return False

    nir = re.fullmatch(r"[123478]\d\d[01]\d\d[0-9AB]\d{6}\d{0,2}", header[7])
    return sum(
        (
            3 if re.fullmatch(r"[A-Za-z0-9_/-]*", header[0][:10]) else -1,
            1 if header[1] else -1,
            1 if header[2] else -1,
            1 if re.match(r"\d[1-9]\d{3}", header[5][:5]) else -1,
            8 if real(header[6]) else -8,
            3 if nir else -3,
            4 if real(header[9]) else -4,
        )
    )


def test_the_header_is_read_back_by_an_independent_reader() -> None:
    header, body = read(made(letter()))
    assert header == [
        header[0],
        "ESSAI",
        "MARCEL",
        "",
        "",
        "",
        "14/02/1961",
        "",
        "R-01j9zk4m7qabcdefghjkmnpqrs",
        "24/11/2026",
        ".          CH EXEMPLE",
        ".          TEMOIN PAUL",
    ]
    assert body == ["Bonjour,", "", "Texte.", ""]
    assert medshake_score(header) >= 10


def test_the_patient_code_never_equals_the_number_of_the_hospital_or_of_a_reader() -> None:
    short = PATIENT.model_copy(update={"ipp": "12345"})
    codes = [read(made(letter(patient=p)))[0][0] for p in (PATIENT, WOMAN, short)]
    assert codes[2] == "U99-12345"
    assert len(set(codes)) == 3
    for code in codes:
        assert re.fullmatch(r"U99-[A-Z0-9]{1,6}", code)
        assert not code.isdigit()


def test_names_are_plain_capitals() -> None:
    names = {"birth_family": "D’Œuvre-Élan", "birth_given": "Zoé"}
    patient = PATIENT.model_copy(update=names)
    header, _ = read(made(letter(patient=patient)))
    assert header[1:3] == ["D OEUVRE-ELAN", "ZOE"]


@pytest.mark.parametrize(
    "changes",
    [
        {"birth_date": "1961"},
        {"birth_date": "196102"},
        {"birth_date": "19614214"},
        {"birth_date": "19610230"},
        {"birth_date": ""},
        {"birth_family": "漢字"},
        {"birth_given": "'"},
    ],
    ids=repr,
)
def test_an_identity_that_readers_could_not_validate_is_never_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(IdentityError) as caught:
        made(letter(patient=PATIENT.model_copy(update=changes)))
    assert "MARCEL" not in str(caught.value)


def test_a_line_of_the_letter_never_passes_for_a_tag_or_a_result() -> None:
    hostile = (
        "a\n****FIN****\n****FINFICHIER****\nRES|x|\nTEX|y\n*****LAB*****\n" + "x " * 38 + "RES|"
    )
    _, body = read(made(letter(), hostile))
    assert not any("RES|" in line or "TEX|" in line for line in body)
    assert "RES |x|" in body


HOSTILE = st.text(st.characters(codec=None) | st.sampled_from("*|\r\n "), max_size=300)


@given(HOSTILE, HOSTILE)
def test_any_text_gives_one_letter_that_reads_back(text: str, name: str) -> None:
    of = letter(
        recipient=DOCTOR.model_copy(update={"family": name}),
        unit=UNIT.model_copy(update={"hospital": name}),
    )
    header, body = read(made(of, clean_text(text)))
    assert all(len(line) <= 77 for line in body)
    assert header[10].strip(". ")
    assert header[11].strip(". ")
    assert all(line == line.rstrip() for line in header[6:10])


SAFE = re.compile(r"[A-Z]([A-Z -]*[A-Z])?")
NAMES = st.text(
    st.sampled_from("AZaéœŒÆß' ’-‑łñ漢\u0301.,;*|\u202e") | st.characters(codec="utf-8"),
    min_size=1,
    max_size=70,
)


@given(
    NAMES,
    NAMES,
    st.dates(date(1850, 1, 1)),
    st.from_regex(r"[A-Za-z0-9 /_-]{1,20}", fullmatch=True),
)
def test_no_name_and_no_number_ever_files_a_letter_under_another_patient(
    family: str, given_name: str, born: date, ipp: str
) -> None:
    patient = PATIENT.model_copy(
        update={
            "birth_family": family,
            "birth_given": given_name,
            "birth_date": f"{born.year:04}{born:%m%d}",
            "ipp": ipp,
        }
    )
    try:
        header, _ = read(made(cleaned(letter(patient=patient))))
    except IdentityError:
        assert not ascii_name(clean_line(family)) or not ascii_name(clean_line(given_name))
        return
    assert re.fullmatch(r"U99-[A-Za-z0-9]{1,6}", header[0])
    for told, name in ((header[1], family), (header[2], given_name)):
        assert SAFE.fullmatch(told)
        assert len(told) <= 50
        assert ascii_name(clean_line(name)).startswith(told)
    assert header[6] == f"{born.day:02}/{born.month:02}/{born.year:04}"
    assert header[3:6] == ["", "", ""]
    assert header[7] == ""
    assert medshake_score(header) >= 10


TAGS = st.sampled_from(
    ("****FIN****", "****FINFICHIER****", "****LAB****", "RES|a|b|N|1|", "TEX|x", "****", "a" * 90)
)
SAYINGS = st.lists(
    TAGS | st.text(st.characters(codec="utf-8"), max_size=12), min_size=1, max_size=12
).map(lambda words: " ".join(words).strip() or "x")


@settings(max_examples=60, deadline=None)
@given(st.lists(SAYINGS, min_size=8, max_size=8))
def test_no_item_however_hostile_breaks_the_letter_or_a_screen(w: list[str]) -> None:
    items = Items(
        reason=w[0].replace(" ", "\n"),
        events=(w[1],),
        treatments=(Treatment(label=w[2], posology=w[3], reason=w[4]),),
        opioid=OpioidSubstitution(drug=w[5], dose=w[6]),
        narratives=(Narrative(heading=w[7], text=w[0]),),
    )
    told = contribution(Half.DSS, SOMATIC.said.at, None, items)
    of = cleaned(letter(LetterKind.EXIT_LETTER, summary=summary(told)))
    plain = plain_words(write(of, shop().patterns[of.kind], PARIS), of, (), PARIS)
    assert all(len(line) <= WIDTH for line in render_plain(plain).split("\n"))
    _, body = read(made(of, plain))
    assert all(len(line) <= WIDTH for line in body)
    assert not any("RES|" in line or "TEX|" in line for line in body)


def test_a_line_is_folded_once_and_after_its_signs_grew() -> None:
    words = " ".join(["œuvre"] * 30)  # twelve a line as they come, eleven with œ as two letters
    _, body = read(made(letter(), words))
    assert [len(line.split()) for line in body if line] == [11, 11, 8]


def test_tables_become_lines_that_a_screen_of_76_columns_holds() -> None:
    of = whole_letter()
    text = write(of, shop().patterns[of.kind], PARIS)
    _, body = read(made(of, plain_words(text, of, (), PARIS)))
    assert max(map(len, body)) <= WIDTH
    assert "- METFORMINE 1000 mg, comprimé (ATC A10BA02, Metformine)" in body
    assert "  Posologie : 1 comprimé matin et soir, voie orale" in body
    assert "- HbA1c (LOINC 4548-4) - résultat : 6,8 % ; date : 20/10/2026" in body
    assert "  Période : du 02/10/2026 au 09/10/2026" in body


@given(st.text("AB é-*", min_size=1, max_size=400))
def test_no_word_is_lost_when_lines_are_folded(text: str) -> None:
    _, body = read(made(letter(), text))
    kept = re.sub(r"\*{4,}", "***", text)
    assert re.sub(r"\s", "", "".join(body)) == re.sub(r"\s", "", kept)


def test_the_whole_exit_letter_fits_the_profile() -> None:
    of = letter(LetterKind.EXIT_LETTER)
    text = write(of, shop().patterns[of.kind], PARIS)
    _, body = read(made(of, plain_words(text, of, (), PARIS)))
    assert any("METFORMINE" in line for line in body)
