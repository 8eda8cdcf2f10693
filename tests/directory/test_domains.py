"""A professional is written to in a domain of the white list, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.directory.domains import (
    AddressFault,
    comparable_domain,
    fault_of,
    parse_dn,
    plain_address,
    trusted_domains,
)

LIST = trusted_domains(
    [
        "medecin.mssante.fr",
        "chu-lille.mssante.fr",
        "patient.mssante.fr",
        "mssante.apicrypt.org",
        "interop-mssante.apicrypt.org",
        "pro.mssante.fr",
        "clinique.example",
    ]
)
LOOKS, UNLISTED = AddressFault.LOOKS_LIKE, AddressFault.UNLISTED
PUBLIC, PATIENT = AddressFault.PUBLIC, AddressFault.PATIENT
APICRYPT = AddressFault.APICRYPT
ADDRESS, DOMAIN = AddressFault.NOT_AN_ADDRESS, AddressFault.NOT_A_DOMAIN

BAD = [
    # A listed name with more around it, or less.
    ("a.b@medecin.mssante.fr.example.net", LOOKS),
    ("a.b@medecin.mssante.fr.com", LOOKS),
    ("a.b@xmedecin.mssante.fr", LOOKS),
    ("a.b@sub.medecin.mssante.fr", LOOKS),
    ("a.b@mssante.fr", LOOKS),
    ("a.b@autre.mssante.fr", LOOKS),  # true to form, and on no list
    ("a.b@medecin-mssante.fr", LOOKS),
    ("a.b@medecinmssante.fr", LOOKS),
    ("a.b@medecin.mssante-fr.com", LOOKS),
    ("a.b@medecin.mssante.org", LOOKS),
    ("a.b@medecin.mssante.fr-secure.net", LOOKS),
    ("a.b@mssante.medecin.fr", LOOKS),
    # One letter, or two that read as one.
    ("a.b@rnedecin.mssante.fr", LOOKS),
    ("a.b@medecin.rnssante.fr", LOOKS),
    ("a.b@medecin.mssantes.fr", LOOKS),
    ("a.b@medecin.msssante.fr", LOOKS),
    ("a.b@medecin.mssamte.fr", LOOKS),
    ("a.b@medecim.mssante.fr", LOOKS),
    ("a.b@medecin.mssant.fr", LOOKS),
    ("a.b@medecin.rnssante.fr.", DOMAIN),
    ("a.b@c1inique.example", LOOKS),
    ("a.b@clinque.example", LOOKS),
    ("a.b@cliniques.example", LOOKS),
    ("a.b@chu-li11e.mssante.fr", LOOKS),
    ("a.b@chulille.mssante.fr", LOOKS),
    # Other alphabets, and their A-labels.
    ("a.b@mеdecin.mssante.fr", LOOKS),  # CYRILLIC SMALL LETTER IE
    ("a.b@medecin.mѕѕante.fr", LOOKS),  # CYRILLIC SMALL LETTER DZE
    ("a.b@cliniquе.example", LOOKS),
    ("a.b@médecin.mssante.fr", LOOKS),
    ("a.b@xn--mdecin-bva.mssante.fr", LOOKS),
    ("a.b@medecin.mssante.fr\u200b", DOMAIN),
    ("a.b@mede\u200dcin.mssante.fr", DOMAIN),
    ("a.b@mede\u00adcin.mssante.fr", DOMAIN),
    ("a.b@ｍedecin.mssante.fr", DOMAIN),  # FULLWIDTH LATIN SMALL LETTER M
    ("a.b@straße.mssante.fr", DOMAIN),  # two versions of IDNA read two names
    # Public mail.
    ("a.b@gmail.com", PUBLIC),
    ("dr.b@Orange.fr", PUBLIC),
    ("a.b@wanadoo.fr", PUBLIC),
    ("a.b@laposte.net", PUBLIC),
    ("a.b@hotmail.fr", PUBLIC),
    ("a.b@icloud.com", PUBLIC),
    ("a.b@protonmail.com", PUBLIC),
    # Patients.
    ("160019900000187@patient.mssante.fr", PATIENT),
    ("a.b@PATIENT.mssante.fr", PATIENT),
    ("a.b@x.patient.mssante.fr", PATIENT),
    # Apicrypt outside the list.
    ("prenom.NOM@medical59.apicrypt.org", APICRYPT),
    ("prenom.NOM@medical.apicrypt.org", APICRYPT),
    ("a.b@apicrypt.org", APICRYPT),
    ("a.b@x.mssante.apicrypt.org", APICRYPT),
    ("a.b@mssante.apicrypt.com", LOOKS),
    ("a.b@apicrypt.org.example.net", LOOKS),
    # On no list.
    ("a.b@ch-exempleville.example", UNLISTED),
    ("a.b@ght-invention.test", UNLISTED),
    # Not one plain address.
    ("", ADDRESS),
    ("medecin.mssante.fr", ADDRESS),
    ("@medecin.mssante.fr", ADDRESS),
    ("a.b@", DOMAIN),
    ("a b@medecin.mssante.fr", ADDRESS),
    ('"a b"@medecin.mssante.fr', ADDRESS),
    ("Dr B <a.b@medecin.mssante.fr>", ADDRESS),
    ("a.b@medecin.mssante.fr,c@example.net", ADDRESS),
    ("a.b@medecin.mssante.fr\r\nBcc: c@example.net", ADDRESS),
    ("@relay.example:a.b@medecin.mssante.fr", ADDRESS),
    ("a%b@medecin.mssante.fr", ADDRESS),
    ("a..b@medecin.mssante.fr", ADDRESS),
    (".a@medecin.mssante.fr", ADDRESS),
    ("é@medecin.mssante.fr", ADDRESS),
    ("a" * 65 + "@medecin.mssante.fr", ADDRESS),
    ("a.b@[127.0.0.1]", DOMAIN),
    ("a.b@127.0.0.1", DOMAIN),
    ("a.b@localhost", DOMAIN),
    ("a.b@medecin_x.mssante.fr", DOMAIN),
    ("a.b@-medecin.mssante.fr", DOMAIN),
    ("a.b@medecin..mssante.fr", DOMAIN),
    ("a.b@example.net@medecin.mssante.fr", ADDRESS),
]


@pytest.mark.parametrize(("address", "why"), BAD)
def test_a_bad_address_is_refused_with_its_reason(address: str, why: AddressFault) -> None:
    assert fault_of(address, LIST) is why


def test_there_are_sixty_bad_addresses_at_least() -> None:
    assert len({address for address, _ in BAD}) >= 60


@pytest.mark.parametrize(
    "address",
    [
        "a.b@medecin.mssante.fr",
        "a.b@MEDECIN.MSSante.fr",
        "a.b@mssante.apicrypt.org",
        "a.b@interop-mssante.apicrypt.org",
        "a.b@clinique.example",
        "anne.lefevre-coeur+x@chu-lille.mssante.fr",
    ],
)
def test_a_listed_domain_is_taken_whatever_it_ends_in(address: str) -> None:
    assert fault_of(address, LIST) is None


def test_an_accented_domain_is_the_same_in_both_its_forms() -> None:
    listed = trusted_domains(["hôpital.mssante.fr"])
    assert fault_of("a.b@HÔPITAL.mssante.fr", listed) is None
    assert fault_of("a.b@xn--hpital-ixa.mssante.fr", listed) is None
    assert "hôpital.mssante.fr" in listed


def test_apicrypt_is_reached_outside_the_list_by_its_own_channel_alone() -> None:
    assert fault_of("a.B@medical59.apicrypt.org", LIST, apicrypt_channel=True) is None
    assert fault_of("a.B@apicrypt.org.example.net", LIST, apicrypt_channel=True) is LOOKS


def test_a_domain_that_the_list_holds_and_idna_cannot_compare_trusts_nobody() -> None:
    assert trusted_domains(["straße.example", "", "x", "1.2.3.4"]).names == frozenset()


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABELS, min_size=1, max_size=4), st.sampled_from(sorted(LIST.names)))
def test_nothing_before_or_after_a_listed_name_is_ever_trusted(
    labels: list[str], name: str
) -> None:
    for domain in (".".join([*labels, name]), ".".join([name, *labels]), labels[0] + name):
        if domain not in LIST.names:
            assert fault_of("a.b@" + domain, LIST) is not None


@given(st.text(max_size=60))
def test_whatever_is_trusted_is_one_plain_address_in_a_listed_domain(text: str) -> None:
    for address in (text, text + "@medecin.mssante.fr", "a@" + text):
        if fault_of(address, LIST) is None:
            assert plain_address(address)
            assert comparable_domain(address.rpartition("@")[2]) in LIST.names


def test_an_operators_name_is_compared_by_its_attributes() -> None:
    one = parse_dn("CN=smtp-1.sante.example,OU=343975235300037,O=EXEMPLE SARL,C=FR")
    assert one == parse_dn("C=FR, O=Exemple  SARL, OU=343975235300037, CN=smtp-1.sante.example")
    assert one != parse_dn("CN=smtp-2.sante.example,OU=343975235300037,O=EXEMPLE SARL,C=FR")
    assert parse_dn(r"O=A\, B,C=FR") == {("O", "a, b"), ("C", "fr")}
    for text in ("", "CN", "CN=,O=x", "=x"):
        with pytest.raises(ValueError, match="distinguished name"):
            parse_dn(text)
