import base64
import email
import io
import zipfile
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.compose.faults import AddressError, SizeError
from engine.compose.mail import ChannelFace, Renderings, build, pdf_name, subject
from engine.model.letter import Letter, LetterKind
from tests.support.letters import (
    DOCTOR,
    FACE,
    HPRIM_FACE,
    PATIENT,
    UNIT,
    WOMAN,
    letter,
    second,
    shop,
)

PDF, ZIP = b"%PDF-1.4 " + bytes(range(256)) * 40, b"PK" + bytes(range(256))
MADE = Renderings(
    "Chère consœur,\n\nBonjour.\n", PDF, xdm=ZIP, hprim="Été\r\n.\r\n".encode("latin-1")
)


def raw(of: Letter, face: ChannelFace = FACE) -> bytes:
    return build(of, MADE, shop(), face)


def read(content: bytes) -> EmailMessage:
    """Parse as a stranger would, and refuse any defect; the wire form is checked as well."""
    lines = content.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(len(line) for line in lines) <= 998
    assert content.isascii()
    message = email.message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
        assert all(value.defects == () for value in part.values() if hasattr(value, "defects"))
    return message


def test_the_mail_has_the_headers_of_the_national_rules() -> None:
    mail = read(raw(letter()))
    assert mail["From"].addresses[0].addr_spec == FACE.sender
    assert mail["From"].addresses[0].display_name == "CH Exemple - Unité sanitaire"
    assert mail["To"].addresses[0].addr_spec == FACE.address
    assert mail["Reply-To"] == UNIT.secure_address
    assert mail["Date"].datetime == letter().issued_at.replace(microsecond=0)
    assert mail["Message-ID"] == FACE.message_id
    assert mail["Subject"] == "XDM/1.0/DDM+CR d'admission ESSAI MARCEL 14/02/1961"
    assert mail["Disposition-Notification-To"] == FACE.sender
    assert (mail["X-MSS-NIL"], mail["X-MSS-CODECDA"], mail["X-MSS-INS"]) == (
        "DEV000000",
        "67851-6",
        "O",
    )
    for absent in ("Sender", "In-Reply-To", "References", "X-MSS-MES", "Return-Receipt-To", "Bcc"):
        assert mail[absent] is None


def test_the_leaflet_of_the_unit_is_a_part_of_its_own_whose_name_tells_nothing() -> None:
    made = replace(MADE, leaflet=b"%PDF-1.7 unit")
    for face in (FACE, HPRIM_FACE):
        parts = list(read(build(letter(), made, shop(), face)).iter_parts())
        assert parts[-1].get_content() == b"%PDF-1.7 unit"
        assert parts[-1].get_filename() == "Presentation de l'unite.pdf"
        assert len(parts) == len(list(read(build(letter(), MADE, shop(), face)).iter_parts())) + 1


def test_the_parts_are_the_words_the_zip_and_the_pdf_unchanged() -> None:
    text, archive, pdf = list(read(raw(letter())).iter_parts())
    assert (text.get_content_type(), text.get_content_charset()) == ("text/plain", "utf-8")
    assert text.get_content().replace("\r\n", "\n") == MADE.mail_text
    assert (archive.get_content_type(), archive.get_filename()) == (
        "application/zip",
        "IHE_XDM.ZIP",
    )
    assert archive.get_payload(decode=True) == ZIP
    assert pdf.get_content_type() == "application/pdf"
    assert pdf.get_filename() == "20260901_CR d'admission_ESSAI_MARCEL.pdf"
    assert pdf.get_payload(decode=True) == PDF


def test_the_label_is_cut_at_forty_characters_without_diacritics() -> None:
    of = letter(LetterKind.EXIT_LETTER, patient=WOMAN)
    assert subject(of, shop()) == (
        "XDM/1.0/DDM+Lettre de liaison a la sortie d'un etabl LEFEVRE-GARCON ZOE 01/09/1987"
    )
    assert read(raw(of))["Subject"] == subject(of, shop())
    assert pdf_name(of, shop()) == (
        "20260901_Lettre de liaison a la sortie d'un etabl_LEFEVRE-GARCON_ZOE.pdf"
    )


def test_an_incomplete_birth_date_leaves_the_subject() -> None:
    of = letter(patient=PATIENT.model_copy(update={"birth_date": "1961"}))
    assert subject(of, shop()).endswith("ESSAI MARCEL")


def test_without_a_qualified_ins_the_mail_says_so() -> None:
    assert read(raw(letter(patient=WOMAN)))["X-MSS-INS"] == "N"


def test_a_replacement_hangs_on_the_mail_that_it_replaces() -> None:
    of = second()
    mail = read(raw(of))
    assert of.replaces is not None
    assert mail["Message-ID"] == FACE.message_id
    assert mail["In-Reply-To"] == of.replaces.message_id != FACE.message_id
    assert mail["References"] == of.replaces.message_id


def test_the_test_mailbox_of_the_channel_wins_over_the_doctor_s_address() -> None:
    face = FACE.model_copy(update={"address": "essais@ch-exemple.mssante.fr"})
    content = raw(letter(), face)
    assert read(content)["To"].addresses[0].addr_spec == "essais@ch-exemple.mssante.fr"
    assert DOCTOR.address.encode() not in content


def test_an_hprim_mail_has_the_letter_as_its_body_and_names_no_patient_in_its_headers() -> None:
    content = raw(letter(), HPRIM_FACE)
    mail = read(content)
    assert mail["Subject"] == "Avis de prise en charge"
    for absent in ("X-MSS-CODECDA", "X-MSS-INS", "X-MSS-NIL"):
        assert mail[absent] is None
    text, pdf = list(mail.iter_parts())
    assert text.get_content_charset() == "iso-8859-1"
    assert text.get_payload(decode=True) == MADE.hprim
    assert pdf.get_filename() == f"{letter().delivery}.pdf"
    assert b"ESSAI" not in content


def test_the_boundary_is_the_delivery_s_and_stands_in_no_part() -> None:
    one, other = raw(letter()), raw(letter(delivery="another"))
    boundary = read(one).get_boundary()
    assert boundary != read(other).get_boundary()
    assert one == raw(letter())
    assert one.count(str(boundary).encode()) == 5


@pytest.mark.parametrize(
    "address",
    [
        "",
        "paul",
        "paul@",
        "a b@c.fr",
        "a@b.fr\r\nBcc: x@y.fr",
        "a@b.fr, x@y.fr",
        "<a@b.fr>",
        '"a b"@c.fr',
        "é@b.fr",
        "a@-b.fr",
        "a@b..fr",
        "a" * 250 + "@b.fr",
    ],
)
def test_what_is_not_an_address_never_becomes_a_header(address: str) -> None:
    faces = [FACE.model_copy(update={name: address}) for name in ("sender", "address")]
    unit = UNIT.model_copy(update={"secure_address": address})
    for of, face in [(letter(), faces[0]), (letter(), faces[1]), (letter(unit=unit), FACE)]:
        with pytest.raises(AddressError) as caught:
            raw(of, face)
        assert "paul" not in str(caught.value)


@pytest.mark.parametrize("message_id", ["", "<>", "<a b@c>", "<a@c>\r\nBcc: d@e", "<a@c> <b@c>"])
def test_a_malformed_message_id_is_refused(message_id: str) -> None:
    with pytest.raises(AddressError):
        raw(letter(), FACE.model_copy(update={"message_id": message_id}))


def test_a_mail_above_the_limit_of_its_channel_is_refused_and_one_at_the_limit_is_not() -> None:
    size = len(raw(letter()))
    assert len(raw(letter(), FACE.model_copy(update={"max_size": size}))) == size
    with pytest.raises(SizeError):
        raw(letter(), FACE.model_copy(update={"max_size": size - 1}))


NAMES = st.text(
    st.characters(codec=None) | st.sampled_from("\r\n:\"'\\;,<>@=?_ é"), max_size=90
) | st.just("x\r\nBcc: victim@example.test\r\n\r\nbody")


@example("", "\xa00", "x")
@given(NAMES, NAMES, NAMES)
def test_no_name_ever_adds_a_header_or_breaks_a_part(family: str, given_: str, nil: str) -> None:
    from engine.compose.text import cleaned

    of = cleaned(
        letter(
            patient=PATIENT.model_copy(update={"birth_family": family, "birth_given": given_}),
            recipient=DOCTOR.model_copy(update={"family": family, "given": given_}),
        )
    )
    face = FACE.model_copy(update={"sender_name": family, "nil": nil})
    mail = read(raw(of, face))
    assert sorted(mail.keys()) == sorted(read(raw(letter())).keys())
    assert [p.get_content_type() for p in mail.iter_parts()] == [
        "text/plain", "application/zip", "application/pdf",
    ]  # fmt: skip
    assert mail["To"].addresses[0].addr_spec == FACE.address
    assert len(mail["To"].addresses) == 1


def test_a_name_in_another_alphabet_is_encoded_and_kept() -> None:
    of = letter(patient=PATIENT.model_copy(update={"birth_family": "ИВАНОВ"}))
    mail = read(raw(of))
    assert "ИВАНОВ" in mail["Subject"]
    assert "ИВАНОВ" in (list(mail.iter_parts())[2].get_filename() or "")


def test_long_lines_and_dots_of_the_words_come_through() -> None:
    words = "." + "é" * 2000 + "\n.\nFrom here\n"
    made = Renderings(words, PDF, xdm=ZIP)
    mail = read(build(letter(), made, shop(), FACE))
    text: Any = next(mail.iter_parts())
    assert text.get_content().replace("\r\n", "\n") == words


def test_the_base64_of_the_files_is_that_of_the_standard_library() -> None:
    expected = base64.encodebytes(PDF).replace(b"\n", b"\r\n")
    assert expected in raw(letter())


def test_the_zip_of_a_whole_letter_opens_out_of_the_mail() -> None:
    from engine.compose.render import render

    mail = read(render(letter(), shop(), FACE).mime)
    content = list(mail.iter_parts())[1].get_payload(decode=True)
    assert isinstance(content, bytes)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
