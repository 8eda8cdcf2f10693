"""A white list signed as the real one is, by an invented authority."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

MADE = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
DOMAINS = (
    ("medecin.mssante.fr", "CN=a.example,OU=111,O=UN,C=FR"),
    ("medecin.mssante.fr", "CN=b.example, OU=111, O=UN, C=FR"),
    ("interop-mssante.apicrypt.org", "CN=mailin.example,OU=222,O=DEUX,C=FR"),
)
_EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
_DS = "http://www.w3.org/2000/09/xmldsig#"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """One key for each name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    name: str,
    issuer: str,
    *,
    ca: bool = False,
    serial: int = 1,
    until: datetime = MADE + timedelta(days=400),
    signed_by: str | None = None,
    own_key: Key | None = None,
) -> x509.Certificate:
    """A certificate of that name, signed with the key of its issuer."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key((own_key or key(name)).public_key())
        .serial_number(serial)
        .not_valid_before(MADE - timedelta(days=400))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key(signed_by or issuer), SHA256())
    )


ROOT = certificate("AC RACINE", "AC RACINE", ca=True)
MIDDLE = certificate("AC ORGANISATIONS", "AC RACINE", ca=True, serial=2)
SIGNER = certificate("alb.mssante.fr", "AC ORGANISATIONS", serial=3)


def listed(domains: tuple[tuple[str, str], ...] = DOMAINS) -> bytes:
    """The list without its signature."""
    rows = "\n".join(
        f"    <Domaine>\n      <Nom>{name}</Nom>\n      <Description>&#233;</Description>\n"
        f"      <DNCertificatOperateur>{operator}</DNCertificatOperateur>\n    </Domaine>"
        for name, operator in domains
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        '<ListeBlancheMSSante xmlns="https://listeblanche.mssante.fr/schema"'
        ' xmlns:unused="urn:x">\n'
        f"  <DateDeGeneration>{MADE:%Y-%m-%dT%H:%M:%SZ}</DateDeGeneration>\n"
        f"  <ListeDomaines>\n{rows}\n  </ListeDomaines>\n</ListeBlancheMSSante>\n"
    ).encode()


def signed(
    content: bytes | None = None,
    *,
    chain: tuple[x509.Certificate, ...] = (SIGNER, MIDDLE),
    signer: rsa.RSAPrivateKey | None = None,
    edit: Callable[[str], str] = lambda info: info,
) -> bytes:
    """The list with an enveloped signature; ``edit`` changes SignedInfo before it is signed."""
    document = etree.fromstring(listed() if content is None else content)
    digest = hashlib.sha256(_canonical(document.getroottree())).digest()
    info = edit(
        f'<ds:SignedInfo xmlns:ds="{_DS}">'
        f'<ds:CanonicalizationMethod Algorithm="{_EXC}"/>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
        f'<ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="{_DS}enveloped-signature"/>'
        f'<ds:Transform Algorithm="{_EXC}"/></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{base64.b64encode(digest).decode()}</ds:DigestValue></ds:Reference>"
        "</ds:SignedInfo>"
    )
    value = (signer or key("alb.mssante.fr")).sign(
        _canonical(etree.fromstring(info)), padding.PKCS1v15(), SHA256()
    )
    carried = "".join(
        f"<ds:X509Certificate>{base64.b64encode(one.public_bytes(Encoding.DER)).decode()}"
        "</ds:X509Certificate>"
        for one in chain
    )
    signature = etree.fromstring(
        f'<ds:Signature xmlns:ds="{_DS}">{info}<ds:SignatureValue>'
        f"{base64.encodebytes(value).decode()}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:X509Data>{carried}</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
    document.append(signature)
    return etree.tostring(document, encoding="UTF-8", xml_declaration=True)


def _canonical(of: "etree._Element | etree._ElementTree[etree._Element]") -> bytes:
    return etree.tostring(of, method="c14n", exclusive=True, with_comments=False)
