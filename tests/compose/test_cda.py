import base64
from typing import Any

import pytest
from lxml import etree

from engine.compose.cda import render_cda
from engine.compose.cda_people import authors
from engine.compose.faults import AddressError, IdentityError
from engine.compose.render import render
from engine.model.fact import Half
from engine.model.letter import Letter, LetterKind
from engine.model.summary import Source
from engine.verify import check
from tests.support.letters import (
    DOCTOR,
    FACE,
    PATIENT,
    PSYCHIATRIC,
    PSYCHIATRIST,
    RESPONSIBLE,
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

PDF = b"%PDF-1.4 not looked at here"
NS = {"c": "urn:hl7-org:v3"}

# The order of the header's children, as the schema has it (POCD_MT000040).
ORDER = [
    "realmCode", "typeId", "templateId", "id", "code", "title", "effectiveTime",
    "confidentialityCode", "languageCode", "setId", "versionNumber", "recordTarget", "author",
    "custodian", "informationRecipient", "legalAuthenticator", "authenticator", "participant",
    "documentationOf", "relatedDocument", "componentOf", "component",
]  # fmt: skip


def made(of: Letter) -> etree._Element:
    return etree.fromstring(render_cda(of, PDF, shop()))


def all_of(document: etree._Element, path: str) -> list[Any]:
    return list(document.xpath(path, namespaces=NS))


CASES = {
    "arrival": letter(),
    "arrival without INS": letter(patient=WOMAN),
    "exit notice": letter(LetterKind.EXIT_NOTICE),
    "exit letter": letter(LetterKind.EXIT_LETTER),
    "second version, two authors": second(summary=summary(SOMATIC, PSYCHIATRIC)),
}


@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_the_header_has_the_order_of_the_schema_and_three_template_ids(of: Letter) -> None:
    document = made(of)
    tags = [etree.QName(child).localname for child in document]
    assert tags == sorted(tags, key=ORDER.index)
    assert set(ORDER) - set(tags) <= {"relatedDocument", "authenticator"}
    assert tags.count("templateId") == 3
    assert "schemaLocation" not in etree.tostring(document).decode()


LEVEL_1 = {name: of for name, of in CASES.items() if of.kind is not LetterKind.EXIT_LETTER}


@pytest.mark.parametrize("of", LEVEL_1.values(), ids=LEVEL_1)
def test_the_body_of_a_notice_is_the_pdf_unchanged(of: Letter) -> None:
    (body,) = all_of(made(of), "c:component/c:nonXMLBody/c:text")
    assert (body.get("mediaType"), body.get("representation")) == ("application/pdf", "B64")
    assert base64.b64decode(body.text) == PDF


def test_an_exit_letter_with_content_is_structured_and_claims_the_national_model() -> None:
    document = made(letter(LetterKind.EXIT_LETTER))
    assert all_of(document, "c:templateId/@root")[2:] == ["1.2.250.1.213.1.1.1.29"]
    assert all_of(document, "c:templateId/@extension") == ["2022.01"]
    assert len(all_of(document, "c:component/c:structuredBody")) == 1


def test_an_exit_letter_that_exists_in_pdf_alone_is_level_1_and_does_not_claim_the_model() -> None:
    document = made(letter(LetterKind.EXIT_LETTER, summary=summary(), annexes=(annex(),)))
    assert all_of(document, "c:templateId/@root")[2:] == ["1.3.6.1.4.1.19376.1.2.20"]
    assert len(all_of(document, "c:component/c:nonXMLBody")) == 1


def test_what_messages_said_beside_a_pdf_makes_no_structured_letter() -> None:
    heard = SOMATIC.model_copy(
        update={"said": SOMATIC.said.model_copy(update={"source": Source.MESSAGE})}
    )
    of = letter(LetterKind.EXIT_LETTER, summary=summary(heard), annexes=(annex(),))
    document = made(of)
    assert all_of(document, "c:templateId/@root")[2:] == ["1.3.6.1.4.1.19376.1.2.20"]
    assert len(all_of(document, "c:component/c:nonXMLBody")) == 1
    report = check("x", render(of, shop(), FACE).mime, leaving=True)
    assert report.findings == ()


@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_no_mailbox_and_no_word_of_the_unit_stands_in_the_header(of: Letter) -> None:
    document = made(of)
    document.remove(all_of(document, "c:component")[0])
    text = etree.tostring(document, encoding="unicode").lower()
    for word in ("@", "mailto", "sanitaire", "incarc", "pénit", "invention", "03 00"):
        assert word not in text


def test_one_author_answers_for_the_document_and_the_other_attests_to_his_part() -> None:
    document = made(second(summary=summary(SOMATIC, PSYCHIATRIC)))
    by = "c:assignedEntity/c:id/@extension"
    assert all_of(document, f"c:legalAuthenticator/{by}") == ["810999999997"]
    assert all_of(document, f"c:authenticator/{by}") == ["810999999989"]
    assert all_of(document, "c:authenticator/c:time/@value") == ["20261124090000+0100"]


def test_who_is_not_known_to_be_a_physician_has_no_title() -> None:
    nurse = PSYCHIATRIST.model_copy(
        update={"specialty_code": "G15_60", "specialty": "Infirmier", "family": "INVENTÉE"}
    )
    unknown = PSYCHIATRIST.model_copy(update={"specialty_code": None, "specialty": None})
    for who in (nurse, unknown):
        part = contribution(Half.DSP, PSYCHIATRIC.said.at, who, PSYCHIATRIC.items)
        document = made(letter(LetterKind.EXIT_LETTER, summary=summary(part)))
        named = "c:author/c:assignedAuthor[c:id/@extension='810999999989']"
        assert len(all_of(document, f"{named}//c:family")) == 1
        assert all_of(document, f"{named}//c:suffix") == []


def test_what_a_message_said_in_the_background_makes_nobody_an_author() -> None:
    said = PSYCHIATRIC.said.model_copy(update={"source": Source.MESSAGE})
    of = letter(
        LetterKind.EXIT_LETTER,
        summary=summary(SOMATIC, PSYCHIATRIC.model_copy(update={"said": said})),
    )
    assert [who.rpps for who, _ in authors(of)] == [RESPONSIBLE.rpps]


def test_a_qualified_patient_has_the_ins_and_every_trait_that_must_go_with_it() -> None:
    document = made(letter())
    ids = [(i.get("root"), i.get("extension")) for i in all_of(document, "//c:patientRole/c:id")]
    assert ids == [
        ("1.2.250.1.213.1.4.10", "161029999900145"),
        ("2.25.281474976710656900", "26000123"),
    ]
    name = [
        (etree.QName(n).localname, n.get("qualifier"), n.text)
        for n in all_of(document, "//c:patient/c:name/*")
    ]
    assert name == [
        ("family", "BR", "ESSAI"),
        ("given", None, "MARCEL JEAN"),
        ("given", "BR", "MARCEL"),
    ]
    assert all_of(document, "//c:birthplace/c:place/c:addr/c:county/text()") == ["99999"]
    assert all_of(document, "//c:birthTime/@value") == ["19610214"]


def test_without_a_qualified_ins_the_patient_is_known_by_the_local_number_alone() -> None:
    document = made(letter(patient=WOMAN))
    assert all_of(document, "//c:patientRole/c:id/@extension") == ["26000777"]
    assert all_of(document, "//c:birthplace") == []
    qualifiers = all_of(document, "//c:patient/c:name/c:family/@qualifier")
    assert qualifiers == ["BR", "CL"]


def test_the_patient_s_address_is_masked() -> None:
    document = made(letter())
    assert all_of(document, "//c:patientRole/c:addr/@nullFlavor") == ["MSK"]
    assert all_of(document, "//c:patientRole/c:telecom/@nullFlavor") == ["MSK"]


@pytest.mark.parametrize(("sex", "code"), [("F", "F"), ("M", "M"), ("U", "UN"), ("?", "UN")])
def test_the_sex_is_one_of_the_three_codes(sex: str, code: str) -> None:
    patient = PATIENT.model_copy(update={"sex": sex})
    document = made(letter(patient=patient))
    assert all_of(document, "//c:administrativeGenderCode/@code") == [code]


def test_a_lunar_birth_date_becomes_its_year_and_the_ins_is_left_out() -> None:
    document = made(letter(patient=PATIENT.model_copy(update={"birth_date": "19614214"})))
    assert all_of(document, "//c:birthTime/@value") == ["1961"]
    assert len(all_of(document, "//c:patientRole/c:id")) == 1


def test_each_author_stands_once_and_the_responsible_is_always_one_of_them() -> None:
    later = PSYCHIATRIC.said.model_copy(update={"at": letter().issued_at})
    again = PSYCHIATRIC.model_copy(update={"said": later})
    of = letter(LetterKind.EXIT_LETTER, summary=summary(PSYCHIATRIC, again))
    assert [(who.rpps, at) for who, at in authors(of)] == [
        (PSYCHIATRIST.rpps, letter().issued_at),
        (RESPONSIBLE.rpps, letter().issued_at),
    ]
    found = all_of(made(of), "c:author/c:assignedAuthor/c:id/@extension")
    assert found == ["810999999989", "810999999997"]


def test_an_author_without_a_national_number_stays_in_the_text_alone() -> None:
    local = PSYCHIATRIST.model_copy(update={"rpps": "DR-12"})
    part = contribution(Half.DSP, PSYCHIATRIC.said.at, local, PSYCHIATRIC.items)
    of = letter(LetterKind.EXIT_LETTER, summary=summary(part))
    assert all_of(made(of), "c:author/c:assignedAuthor/c:id/@extension") == ["810999999997"]


def test_a_second_version_replaces_the_first_in_the_same_set() -> None:
    first, then = made(letter(LetterKind.EXIT_LETTER)), made(second())
    replaced = "c:relatedDocument[@typeCode='RPLC']/c:parentDocument/c:id/@root"
    assert all_of(then, replaced) == all_of(first, "c:id/@root")
    assert all_of(then, "c:setId/@root") == all_of(first, "c:setId/@root")
    assert all_of(then, "c:id/@root") != all_of(first, "c:id/@root")
    assert all_of(then, "c:versionNumber/@value") == ["2"]
    assert all_of(then, "c:relatedDocument/c:parentDocument/c:setId") == []


def test_an_arrival_notice_has_a_beginning_and_no_end() -> None:
    planned = letter(left_at=letter(LetterKind.EXIT_NOTICE).left_at)
    assert all_of(made(planned), "//c:high") == []
    assert all_of(made(planned), "//c:serviceEvent/c:effectiveTime/c:low/@value") == [
        "20260901101500+0200"
    ]


def test_times_carry_the_offset_of_their_own_season() -> None:
    document = made(letter(LetterKind.EXIT_NOTICE))
    assert all_of(document, "//c:encompassingEncounter/c:effectiveTime/*/@value") == [
        "20260901101500+0200",
        "20261124110000+0100",
    ]


@pytest.mark.parametrize("rpps", ["", "1099999999", "109999999970", "1099999999A", "１0999999997"])
def test_a_professional_without_an_rpps_of_eleven_digits_is_refused(rpps: str) -> None:
    for changes in (
        {"recipient": DOCTOR.model_copy(update={"rpps": rpps})},
        {
            "unit": UNIT.model_copy(
                update={"responsible": RESPONSIBLE.model_copy(update={"rpps": rpps})}
            )
        },
    ):
        with pytest.raises(AddressError):
            made(letter(**changes))


@pytest.mark.parametrize("finess", ["", "99000002", "9900000281", "99000 028"])
def test_a_finess_of_the_wrong_shape_is_refused(finess: str) -> None:
    with pytest.raises(AddressError):
        made(letter(unit=UNIT.model_copy(update={"finess": finess})))


def test_without_a_year_of_birth_there_is_no_document() -> None:
    with pytest.raises(IdentityError):
        made(letter(patient=PATIENT.model_copy(update={"birth_date": "?"})))
