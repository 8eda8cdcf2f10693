"""Reads the white list of MSSanté domains, once its signature has been proved.

Spec: listeblanchemssante.xml: ``ListeBlancheMSSante`` holds a ``Domaine`` for each domain and
operator certificate, under an enveloped signature (W3C XML Signature 1.1: exclusive C14N,
rsa-sha256) of ``CN=alb.mssante.fr``, issued by IGC-Santé.

The rules of the signature are taken literally: one reference, to the whole document, through the
two transforms that the list uses. A signature that covers less proves nothing of the rest.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from engine.directory.extraction import UnreadableFileError

SIGNER: Final = "alb.mssante.fr"
_LIST: Final = "{https://listeblanche.mssante.fr/schema}"
_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_UNISSUED: Final = (
    x509.ExtensionNotFound,
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,  # a damaged number of an algorithm
)
_LONGEST_CHAIN: Final = 5
_MOST_DOMAINS: Final = 200_000

_Element = etree._Element


@dataclass(frozen=True, slots=True)
class WhiteList:
    """The domains, each with an operator's distinguished name; a domain may have several."""

    generated: datetime
    domains: tuple[tuple[str, str], ...]


def read_white_list(
    data: bytes, authorities: Sequence[x509.Certificate], *, signer: str = SIGNER
) -> WhiteList:
    """Prove the signature, then read. Raises UnreadableFileError: no list, or not proved.

    ``authorities``: certificates that the signer's leads to; any of them ends the chain.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise UnreadableFileError("it is not well-formed XML", "download it again") from None
    if root.tag != _LIST + "ListeBlancheMSSante" or root.getroottree().docinfo.doctype:
        raise UnreadableFileError("it is no white list of MSSanté", "check which file it is")
    generated = _generated(root)
    _prove(root, authorities, signer, generated)
    found = [
        (name.strip(), (one.findtext(_LIST + "DNCertificatOperateur") or "").strip())
        for one in root.iterfind(f"{_LIST}ListeDomaines/{_LIST}Domaine")
        if (name := one.findtext(_LIST + "Nom"))
    ]
    if len(found) > _MOST_DOMAINS:
        raise UnreadableFileError("it holds too many domains", "check which file it is")
    return WhiteList(generated, tuple(dict.fromkeys(found)))


def _generated(root: _Element) -> datetime:
    try:
        at = datetime.fromisoformat((root.findtext(_LIST + "DateDeGeneration") or "").strip())
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UnreadableFileError("it does not say when it was made", "download it again")
    return at


def _prove(
    root: _Element, authorities: Sequence[x509.Certificate], signer: str, at: datetime
) -> None:
    signatures = list(root.iter(_DS + "Signature"))
    if len(signatures) != 1 or signatures[0].getparent() is not root:
        raise _unproved("it does not carry one signature of its own")
    signature = signatures[0]
    signed = _one(signature, "SignedInfo")
    if _algorithm(_one(signed, "CanonicalizationMethod")) != _EXCLUSIVE:
        raise _unproved("its canonical form is another one")
    if _algorithm(_one(signed, "SignatureMethod")) != _RSA_SHA256:
        raise _unproved("its signature is of another kind than RSA with SHA-256")
    reference = _one(signed, "Reference")
    transforms = [_algorithm(one) for one in _one(reference, "Transforms")]
    if reference.get("URI") != "" or transforms != [_ENVELOPED, _EXCLUSIVE]:
        raise _unproved("its signature does not cover the whole list")
    if any(len(one) for one in (*_one(reference, "Transforms"), signed[0])):
        raise _unproved("its canonical form has parameters")
    if _algorithm(_one(reference, "DigestMethod")) != _SHA256:
        raise _unproved("its digest is another one than SHA-256")
    digest = hashlib.sha256(_without(root, signature)).digest()
    if not hmac.compare_digest(digest, _octets(_one(reference, "DigestValue"))):
        raise _unproved("it was changed after it was signed")
    certificate = _signer(signature, authorities, signer, at)
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise _unproved("its signer's key cannot be read") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise _unproved("its signer has no RSA key")
    try:
        key.verify(
            _octets(_one(signature, "SignatureValue")), _canonical(signed), padding.PKCS1v15(),
            SHA256(),
        )  # fmt: skip
    except InvalidSignature:
        raise _unproved("its signature does not hold") from None


def _canonical(of: "_Element | etree._ElementTree[_Element]") -> bytes:
    return etree.tostring(of, method="c14n", exclusive=True, with_comments=False)


def _without(root: _Element, signature: _Element) -> bytes:
    """The document without its signature (XML Signature, section 6.6.4), in canonical form."""
    copy = deepcopy(root.getroottree())
    gone = copy.getroot()[root.index(signature)]
    before = gone.getprevious()
    if gone.tail:  # lxml takes the text behind an element away with it
        if before is None:
            copy.getroot().text = (copy.getroot().text or "") + gone.tail
        else:
            before.tail = (before.tail or "") + gone.tail
    copy.getroot().remove(gone)
    return _canonical(copy)


def _signer(
    signature: _Element, authorities: Sequence[x509.Certificate], signer: str, at: datetime
) -> x509.Certificate:
    """The certificate that signed, once a chain leads from it to an authority."""
    try:
        carried = [
            x509.load_der_x509_certificate(_octets(one))
            for one in _one(_one(signature, "KeyInfo"), "X509Data").iterfind(
                _DS + "X509Certificate"
            )
        ]
    except ValueError:
        raise _unproved("its signer's certificate cannot be read") from None
    named = [one for one in carried if _common_name(one) == signer]
    if len(named) != 1:
        raise _unproved(f"its signer is not {signer}")
    if not _leads(named[0], carried, authorities, at):
        raise _unproved("its signer's certificate was not issued by the authorities given")
    return named[0]


def _leads(
    leaf: x509.Certificate,
    carried: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    at: datetime,
) -> bool:
    one = leaf
    for _ in range(_LONGEST_CHAIN):
        if not one.not_valid_before_utc <= at <= one.not_valid_after_utc:
            return False
        if any(_issued(one, authority) and _valid(authority, at) for authority in authorities):
            return True
        above = [other for other in carried if other != one and _issued(one, other)]
        if not above:
            return False
        one = above[0]
    return False


def _valid(one: x509.Certificate, at: datetime) -> bool:
    return one.not_valid_before_utc <= at <= one.not_valid_after_utc


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    """Signed by a certificate that may sign certificates (RFC 5280 section 4.2.1.9)."""
    try:
        constraints = by.extensions.get_extension_for_class(x509.BasicConstraints).value
        one.verify_directly_issued_by(by)
    except _UNISSUED:
        return False
    return constraints.ca


def _common_name(of: x509.Certificate) -> str:
    names = of.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _one(of: _Element, name: str) -> _Element:
    found = of.findall(_DS + name)
    if len(found) != 1:
        raise _unproved("its signature is not built as such a list's is")
    return found[0]


def _algorithm(of: _Element) -> str:
    return of.get("Algorithm", "")


def _octets(of: _Element) -> bytes:
    try:
        return base64.b64decode("".join((of.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise _unproved("its signature is not built as such a list's is") from None


def _unproved(why: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"its signature is not proved: {why}",
        "download the list again, and the chain of IGC-Santé that signs it now",
    )
