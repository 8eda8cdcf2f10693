"""The white list is read once its signature is proved, and never before."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from engine.directory.extraction import UnreadableFileError
from engine.directory.white_list import read_white_list
from tests.support.white_list import (
    DOMAINS,
    MADE,
    MIDDLE,
    ROOT,
    SIGNER,
    certificate,
    key,
    listed,
    signed,
)

GOOD = signed()


def refused(data: bytes, *authorities: x509.Certificate) -> str:
    with pytest.raises(UnreadableFileError) as error:
        read_white_list(data, authorities or (ROOT,))
    return error.value.what


def test_a_list_that_is_signed_is_read() -> None:
    read = read_white_list(GOOD, (ROOT,))
    assert read.domains == DOMAINS
    assert read.generated == MADE


def test_the_authority_may_be_the_one_that_issued_the_signer() -> None:
    assert read_white_list(signed(chain=(SIGNER,)), (MIDDLE,)).domains == DOMAINS


def test_the_spelling_of_the_xml_does_not_matter_and_its_words_do() -> None:
    respelt = GOOD.replace(b'standalone="no"', b"").replace(b"<Nom>", b"<Nom  >")
    respelt = respelt.replace("é".encode(), b"&#xE9;")
    assert read_white_list(respelt, (ROOT,)).domains == DOMAINS
    commented = GOOD.replace(b"<ListeDomaines>", b"<ListeDomaines><!-- x -->")
    assert read_white_list(commented, (ROOT,)).domains == DOMAINS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"medecin.mssante.fr", b"medecim.mssante.fr"),
        (b"<Nom>medecin.mssante.fr</Nom>", b"<Nom>medecin.mssante.fr.evil.example</Nom>"),
        (b"</ListeDomaines>", b"<Domaine><Nom>evil.example</Nom></Domaine></ListeDomaines>"),
        (b"2026-11-24T06", b"2026-11-25T06"),
        (b"  <ListeDomaines>", b" <ListeDomaines>"),
    ],
)
def test_a_list_that_was_changed_is_refused(old: bytes, new: bytes) -> None:
    assert old in GOOD
    assert "changed after it was signed" in refused(GOOD.replace(old, new, 1))


def test_a_list_without_a_signature_or_with_two_is_refused() -> None:
    assert "one signature" in refused(listed())
    at = GOOD.index(b"<ds:Signature ")
    end = GOOD.index(b"</ds:Signature>") + len(b"</ds:Signature>")
    assert "one signature" in refused(GOOD[:end] + GOOD[at:end] + GOOD[end:])
    inside = GOOD[:at].replace(b"</ListeDomaines>", GOOD[at:end] + b"</ListeDomaines>") + GOOD[end:]
    assert "one signature" in refused(inside)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('URI=""', 'URI="#x"', "whole list"),
        ('URI=""', "", "whole list"),
        ("enveloped-signature", "base64", "whole list"),
        ("xmlenc#sha256", "xmldsig#sha1", "SHA-256"),
        ("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256", "RSA"),
        ('CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
         'CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"',
         "canonical form"),
        ("</ds:Reference>", '</ds:Reference><ds:Reference URI="#y"/>', "built"),
        ("<ds:DigestValue>", "<ds:DigestValue>*", "built"),
    ],
)  # fmt: skip
def test_a_signature_by_other_rules_is_refused_though_it_holds(
    old: str, new: str, why: str
) -> None:
    data = signed(edit=lambda info: info.replace(old, new))
    assert why in refused(data)


def test_a_signature_by_another_key_is_refused() -> None:
    assert "does not hold" in refused(signed(signer=key("somebody")))


def test_a_signer_that_the_authorities_do_not_know_is_refused() -> None:
    other = certificate("AC AUTRE", "AC AUTRE", ca=True)
    assert "not issued" in refused(GOOD, other)
    with pytest.raises(UnreadableFileError):
        read_white_list(GOOD, ())
    impostor = certificate("AC RACINE", "AC RACINE", ca=True, signed_by="thief",
                           own_key=key("thief"))  # fmt: skip
    assert "not issued" in refused(GOOD, impostor)


def test_a_certificate_of_another_name_does_not_sign_the_list() -> None:
    other = certificate("autre.mssante.fr", "AC ORGANISATIONS", serial=9)
    data = signed(chain=(other, MIDDLE), signer=key("autre.mssante.fr"))
    assert "signer is not" in refused(data)


def test_a_certificate_that_may_not_issue_certificates_issues_none() -> None:
    leaf = certificate("AC ORGANISATIONS", "AC RACINE", ca=False, serial=7)
    assert "not issued" in refused(signed(chain=(SIGNER, leaf)))


def test_a_signer_that_had_expired_when_the_list_was_made_is_refused() -> None:
    old = certificate(
        "alb.mssante.fr", "AC ORGANISATIONS", serial=8, until=MADE - timedelta(days=1)
    )
    assert "not issued" in refused(signed(chain=(old, MIDDLE)))


def test_a_signer_with_a_key_of_another_kind_is_refused() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    one = certificate("alb.mssante.fr", "AC ORGANISATIONS", serial=10, own_key=curve)
    assert "no RSA key" in refused(signed(chain=(one, MIDDLE)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<x/>",
        GOOD[: len(GOOD) // 2],
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + listed().split(b"?>", 1)[1],
        GOOD.replace(b"2026-11-24T06:00:00Z", b"hier"),
        b"<ListeBlancheMSSante/>",
    ],
)
def test_what_is_no_such_list_is_refused(data: bytes) -> None:
    refused(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_no_changed_byte_ever_adds_a_domain(at: int, value: int) -> None:
    changed = bytearray(GOOD)
    changed[at] = value
    try:
        read = read_white_list(bytes(changed), (ROOT,))
    except UnreadableFileError:
        return
    assert read.domains == DOMAINS
