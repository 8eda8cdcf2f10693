"""Where a secret lies; never the secret."""

from typing import Literal

from engine.model.value import Value


class SecretRef(Value):
    """Where a secret lies: ``file:/path``, ``env:NAME`` or ``credential:NAME`` (systemd)."""

    source: Literal["file", "env", "credential"]
    name: str
