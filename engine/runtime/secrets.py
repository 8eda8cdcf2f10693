"""Secrets by reference: ``file:/path``, ``env:NAME``, ``credential:NAME`` (systemd)."""

import os
import re
from pathlib import Path
from typing import Literal, cast

from pydantic import SecretStr

from engine.model.channel import SecretRef
from engine.model.errors import ConfigError

_REFERENCE = re.compile(r"(file|env|credential):(.+)", re.DOTALL)
_MOST = 64 * 1024  # bytes; a larger file is no password


def parse_reference(text: str, base: Path) -> SecretRef | None:
    """Read a reference; a relative file is taken from `base`. None: it is not one."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        return None
    source = cast(Literal["file", "env", "credential"], found[1])
    name = str(base / found[2]) if source == "file" else found[2]
    return SecretRef(source=source, name=name)


def resolve_secret(reference: SecretRef) -> SecretStr:
    """Read the secret; one final line end is not part of it.

    Raises ConfigError when it is not there, empty, or unreadable.
    """
    place = f"{reference.source}:{reference.name}"
    match reference.source:
        case "env":
            value = os.environ.get(reference.name)
            if value is None:
                raise _missing(place, "the variable is not set", f"set {reference.name}")
        case "credential":
            folder = os.environ.get("CREDENTIALS_DIRECTORY")
            if folder is None:
                raise _missing(
                    place,
                    "systemd gave no credentials to this process",
                    f"add LoadCredential={reference.name}:/path to the unit",
                )
            value = _read(Path(folder) / reference.name, place)
        case "file":
            value = _read(Path(reference.name), place)
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise _missing(place, "the secret is empty", "write the secret in it")
    return SecretStr(value)


def _read(path: Path, place: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise _missing(place, reason, "create the file, readable by the daemon alone") from None
    except ValueError:  # a NUL byte, which no path holds
        raise _missing(repr(place), "this is no path", "check the path") from None
    if len(data) > _MOST:
        raise _missing(place, "the file is too large for a secret", "check the path")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _missing(place, "the file is not UTF-8 text", "check the path") from None


def _missing(place: str, reason: str, cure: str) -> ConfigError:
    return ConfigError(
        what=f"A secret cannot be read: {reason}.",
        where=place,
        effect="the channel that needs it cannot log in",
        remedy=cure,
    )
