"""Certificates for tests: an authority, a server, a client, and the broken ones."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certs:
    """PEM files, and the server contexts made from them."""

    ca: Path
    other_ca: Path
    client: Path  # certificate and key in one file
    server: Path
    expired: Path
    wrong_name: Path

    def server_context(
        self, chain: Path | None = None, *, client_ca: bool = False
    ) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain or self.server)
        if client_ca:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make_certs(folder: Path) -> Certs:
    """Write a fresh set into `folder`."""
    authority, other = trustme.CA(), trustme.CA()

    def issue(name: str, *identities: str, not_after: dt.datetime | None = None) -> Path:
        path = folder / f"{name}.pem"
        leaf = authority.issue_cert(*identities, not_after=not_after)
        leaf.private_key_and_cert_chain_pem.write_to_path(str(path))
        path.chmod(0o600)
        return path

    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    other.cert_pem.write_to_path(str(folder / "other-ca.pem"))
    return Certs(
        ca=folder / "ca.pem",
        other_ca=folder / "other-ca.pem",
        client=issue("client", "relais@hopital.example"),
        server=issue("server", "localhost", "127.0.0.1"),
        expired=issue("expired", "localhost", not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        wrong_name=issue("wrong-name", "autre.example"),
    )
