from typing import Any

import pytest

from engine.compose.faults import IdentityError
from engine.compose.identity import birth_date, doctor_name, shown_ins, shown_name, trade
from engine.model.letter import LetterPatient
from engine.model.people import INS_NIR, Ins, Professional
from tests.support.letters import DOCTOR, PATIENT, RESPONSIBLE, WOMAN, letter


def patient(**changes: Any) -> LetterPatient:
    return PATIENT.model_copy(update=changes)


@pytest.mark.parametrize(
    ("text", "hl7", "phrase", "short"),
    [
        ("19610214", "19610214", "le 14 février 1961", "14/02/1961"),
        ("19610201", "19610201", "le 1er février 1961", "01/02/1961"),
        ("196102", "196102", "en février 1961", "02/1961"),
        ("1961", "1961", "en 1961", "1961"),
        ("19610000", "1961", "en 1961", "1961"),
        ("19613214", "1961", "en 1961", "1961"),
        ("19610231", "1961", "en 1961", "1961"),
    ],
)
def test_a_birth_date_is_told_as_far_as_it_is_known(
    text: str, hl7: str, phrase: str, short: str
) -> None:
    born = birth_date(letter(patient=patient(birth_date=text)))
    assert (born.hl7, born.phrase, born.short) == (hl7, phrase, short)


@pytest.mark.parametrize("text", ["", "61", "0000", "inconnue", "1961-02-14", "196"])
def test_without_a_year_of_birth_no_letter_is_made(text: str) -> None:
    with pytest.raises(IdentityError):
        birth_date(letter(patient=patient(birth_date=text)))


@pytest.mark.parametrize(
    "changes",
    [
        {"ins": None},
        {"birth_family": ""},
        {"birth_given": ""},
        {"birth_given_all": ""},
        {"birth_date": "196102"},
        {"birth_date": "19611314"},
        {"sex": "U"},
        {"birth_place_code": None},
        {"birth_place_code": "PARIS"},
        {"ins": Ins(matricule="16102999990014", oid=INS_NIR)},
        {"ins": Ins(matricule="161029999900146", oid=INS_NIR)},
    ],
    ids=repr,
)
def test_the_ins_never_goes_out_without_all_the_traits_that_go_with_it(
    changes: dict[str, Any],
) -> None:
    assert shown_ins(letter(patient=patient(**changes))) is None


def test_a_qualified_ins_with_all_its_traits_goes_out() -> None:
    real = Ins(matricule="161029999900145", oid=INS_NIR)
    assert shown_ins(letter(patient=patient(ins=real))) == real


def test_the_used_name_is_the_one_a_doctor_is_told() -> None:
    assert shown_name(WOMAN) == "Madame Zoé D'ŒUVRE"
    assert shown_name(PATIENT) == "Monsieur Marcel ESSAI"
    assert shown_name(patient(sex="U")) == "Marcel ESSAI"


def test_only_a_physician_is_called_doctor() -> None:
    nurse = RESPONSIBLE.model_copy(update={"specialty_code": "G15_60", "specialty": "Infirmier"})
    assert doctor_name(RESPONSIBLE) == "Dr Claire MODÈLE"
    assert doctor_name(nurse) == "Claire MODÈLE"
    assert doctor_name(DOCTOR) == "Dr Paul TÉMOIN"
    unknown = RESPONSIBLE.model_copy(update={"specialty_code": None})
    assert doctor_name(unknown) == "Claire MODÈLE"
    assert doctor_name(unknown, physician=True) == "Dr Claire MODÈLE"
    assert doctor_name(nurse, physician=True) == "Claire MODÈLE"
    assert doctor_name(Professional(family="Modèle", given="Claire")) == "Claire MODÈLE"
    assert (trade(RESPONSIBLE), trade(nurse)) == ("Médecine Générale", "Infirmier")
