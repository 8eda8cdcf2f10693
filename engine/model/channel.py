"""The shape of one way out in relais.toml: a channel and what it needs to send.

Values only; see model.config.
"""

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from engine.model.value import Value

MIB: Final = 1024 * 1024


class SecretRef(Value):
    """Where a secret lies: ``file:/path``, ``env:NAME`` or ``credential:NAME`` (systemd)."""

    source: Literal["file", "env", "credential"]
    name: str


class Smtp(Value):
    """The relay that takes the mails of a channel."""

    host: str = Field(description="Name that the server's certificate must carry.")
    port: int = Field(default=587, ge=1, le=65535, description="TCP port.")
    security: Literal["starttls", "tls"] = Field(
        default="starttls",
        description="Never in clear: STARTTLS is demanded, or TLS from the start.",
    )
    ca_file: Path | None = Field(default=None, description="PEM; None: the system's authorities.")
    certificate: Path | None = Field(default=None, description="PEM: our client certificate.")
    key: Path | None = Field(default=None, description="PEM: its private key.")
    username: str | None = Field(default=None, description="Login, if the relay wants one.")
    password: SecretRef | None = Field(default=None, description="Reference, never the secret.")
    connections: int = Field(default=4, ge=1, le=32, description="Connections kept and reused.")
    timeout: timedelta = Field(default=timedelta(seconds=60), description="Per command.")
    data_timeout: timedelta = Field(
        default=timedelta(minutes=10),
        description="After the final dot (RFC 5321 section 4.5.3.2.6).",
    )


class Drop(Value):
    """A folder that a gateway empties."""

    path: Path = Field(description="Mails appear here, whole, by an atomic rename.")


class NeutralChannel(Value):
    """Who a mail is from where the detention must not be told: the hospital. Its relay must let it
    send, beside `sender`."""

    sender: str = Field(description="Envelope sender, From:, and the domain of the Message-ID.")
    sender_name: str = Field(description="Display name of From.")


class Channel(Value):
    """One way out. Exactly one of `smtp` and `folder`."""

    format: Literal["xdm", "hprim"] = Field(
        description="'xdm': MSSanté mail with IHE_XDM.ZIP and PDF. 'hprim': HPRIM text as the body."
    )
    sender: str = Field(description="Envelope sender and From: the application mailbox.")
    sender_name: str = Field(description="Display name of From.")
    smtp: Smtp | None = Field(default=None, description="Send over SMTP.")
    folder: Drop | None = Field(default=None, description="Write files for a gateway.")
    nil: str = Field(default="DEV000000", description="X-MSS-NIL, as convergence.esante gives it.")
    max_size: int = Field(default=10 * MIB, description="Largest mail, bytes.")
    per_minute: int = Field(
        default=60, ge=1, description="Most mails a minute to one destination domain."
    )
    neutral: NeutralChannel | None = Field(
        default=None, description="With the neutral face of a unit, every channel needs it."
    )
