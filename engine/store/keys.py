"""The file of the audit's private key: made once, read by the daemon alone."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit import private_key_from_pem, private_key_from_seed, private_key_pem
from engine.model.errors import StoreError


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """Read the key, or make it, mode 0600, whole or not at all.

    Raises ``StoreError`` when others may read or write the file, or when it is not an Ed25519
    key: a new key is never put in the place of one that cannot be read.
    """
    if not path.exists():
        _create(path)
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read(65536)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read", "check its owner") from None
    if mode & 0o077:
        raise _unusable(path, f"others may read it (mode {mode:04o})", f"run: chmod 600 {path}")
    try:
        return private_key_from_pem(pem)
    except ValueError as error:
        raise _unusable(path, str(error), "restore it from the backup") from None


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(private_key_pem(private_key_from_seed(secrets.token_bytes(32))))
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never takes the place of a key that another process made
        # meanwhile: that one counts.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unusable(path: Path, why: str, remedy: str) -> StoreError:
    return StoreError(
        what="The audit's signing key cannot be used.",
        where=str(path),
        effect=f"{why}; nothing was signed",
        remedy=remedy,
    )
