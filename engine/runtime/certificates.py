"""Checks of certificates and keys: there, readable, of one pair, in their time."""

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from engine.runtime.mistakes import Weight
from engine.runtime.toml_positions import Path as Place

_SOON = timedelta(days=30)

Told_co = TypeVar("Told_co", covariant=True)


class Tell(Protocol[Told_co]):
    """Makes a finding."""

    def __call__(self, path: Place, what: str, cure: str, weight: Weight = ...) -> Told_co: ...


def check_pair(
    place: Place, certificate: Path, key: Path, now: datetime, tell: Tell[Told_co]
) -> Iterator[Told_co]:
    """A certificate (then its chain) and its private key."""
    usable = True
    for name, path in (("certificate", certificate), ("key", key)):
        for told in _readable((*place, name), path, tell):
            usable = False
            yield told
    if not usable:
        return
    yield from _in_time((*place, "certificate"), certificate, now, tell)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty password: a locked key is refused here, and never asked for on a terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError, OSError) as error:
        mismatch = getattr(error, "reason", "") == "KEY_VALUES_MISMATCH"
        yield tell(
            (*place, "key"),
            "not the key of this certificate" if mismatch else "not a usable private key",
            "give the PEM key of the certificate, without a passphrase",
        )
        return
    if key.stat().st_mode & 0o077:
        yield tell((*place, "key"), "others can read this file", f"chmod 600 {key}", Weight.ADVICE)


def check_authority(
    place: Place, path: Path, now: datetime, tell: Tell[Told_co]
) -> Iterator[Told_co]:
    """One or more authorities' certificates."""
    unreadable = list(_readable(place, path, tell))
    if unreadable:
        yield from unreadable
    else:
        yield from _in_time(place, path, now, tell)


def check_signing_key(place: Place, path: Path, tell: Tell[Told_co]) -> Iterator[Told_co]:
    """The Ed25519 key of the audit."""
    unreadable = list(_readable(place, path, tell))
    if unreadable:
        yield from unreadable
        return
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        sound = isinstance(load_pem_private_key(path.read_bytes(), None), Ed25519PrivateKey)
    except (ValueError, TypeError):
        sound = False
    if not sound:
        yield tell(place, "not an Ed25519 private key in PEM", "make one: relais audit keygen")


def _readable(place: Place, path: Path, tell: Tell[Told_co]) -> Iterator[Told_co]:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        yield tell(place, f"{path.name}: {reason}", "check the path and who may read it")


def _in_time(place: Place, path: Path, now: datetime, tell: Tell[Told_co]) -> Iterator[Told_co]:
    from cryptography import x509

    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        certificates = []
    if not certificates:
        yield tell(place, "not a certificate in PEM", "convert it: openssl x509 -in … -out ….pem")
        return
    # The first one is ours, or the only one that must hold; a bundle may keep an old root.
    first = certificates[0]
    if first.not_valid_after_utc <= now:
        yield tell(place, f"expired on {first.not_valid_after_utc:%Y-%m-%d}", "have it renewed")
    elif first.not_valid_before_utc > now:
        yield tell(
            place,
            f"not valid before {first.not_valid_before_utc:%Y-%m-%d}",
            "check the clock of this machine, or wait",
        )
    elif first.not_valid_after_utc <= now + _SOON:
        yield tell(
            place,
            f"expires on {first.not_valid_after_utc:%Y-%m-%d}",
            "have it renewed in time",
            Weight.ADVICE,
        )
