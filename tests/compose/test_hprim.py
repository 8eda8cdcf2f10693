import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose.faults import IdentityError
from engine.compose.hprim import render_hprim
from engine.compose.template import write
from engine.compose.text import clean_text
from engine.model.letter import Letter, LetterKind
from tests.support.letters import DOCTOR, PARIS, PATIENT, UNIT, WOMAN, letter, shop

END = ["****FIN****", "****FINFICHIER****", ""]


def made(of: Letter, plain: str = "Bonjour,\n\nTexte.\n") -> bytes:
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
    assert not any(line.startswith(("RES|", "TEX|")) for line in body)
    assert " RES|x|" in body


HOSTILE = st.text(st.characters(codec=None) | st.sampled_from("*|\r\n "), max_size=300)


@given(HOSTILE, HOSTILE)
def test_any_text_gives_one_letter_that_reads_back(text: str, name: str) -> None:
    of = letter(
        recipient=DOCTOR.model_copy(update={"family": name}),
        unit=UNIT.model_copy(update={"hospital": name}),
    )
    header, body = read(made(of, clean_text(text)))
    assert all(len(line) <= 78 for line in body)
    assert header[10].strip(". ")
    assert header[11].strip(". ")
    assert all(line == line.rstrip() for line in header[6:10])


@given(st.text("AB é-*", min_size=1, max_size=400))
def test_no_word_is_lost_when_lines_are_folded(text: str) -> None:
    _, body = read(made(letter(), text))
    kept = re.sub(r"\*{4,}", "***", text)
    assert re.sub(r"\s", "", "".join(body)) == re.sub(r"\s", "", kept)


def test_the_whole_exit_letter_fits_the_profile() -> None:
    of = letter(LetterKind.EXIT_LETTER)
    text = write(of, shop().patterns[of.kind], PARIS)
    _, body = read(made(of, text.opening + text.parts[0].text))
    assert any("METFORMINE" in line for line in body)
