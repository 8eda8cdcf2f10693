"""The shape of one way out in relais.toml: a channel and what it needs to send.

Values only; see model.config.
"""

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from engine.model.secret import SecretRef
from engine.model.value import Value

MIB: Final = 1024 * 1024


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


class Command(Value):
    """A program of the site or of a network's operator, run once a mail: an Apicrypt connector."""

    argv: tuple[str, ...] = Field(
        min_length=1,
        description="Absolute path of the program, then its arguments. No shell reads them. "
        "Replaced in arguments: {recipient}, {local} (before its @), {sender}, {id}, {file}.",
    )
    body: Literal["mail", "text"] = Field(
        default="mail",
        description="What it is given. 'mail': the whole mail. 'text': its first text alone, with "
        "the bytes of its character set; with format 'hprim', the HPRIM file.",
    )
    give: Literal["stdin", "file"] = Field(
        default="stdin", description="'file': a file of `private`, named by {file}."
    )
    private: Path | None = Field(
        default=None, description="Folder for 'file', of this account alone (0700)."
    )
    environment: dict[str, str] = Field(
        default_factory=dict, description="All of its environment; no secret is ours to give."
    )
    timeout: timedelta = Field(
        default=timedelta(seconds=60),
        description="Then it is killed with all that it started; the mail is possibly sent.",
    )
    concurrency: int = Field(default=1, ge=1, le=16, description="Runs at once.")
    refused: tuple[int, ...] = Field(
        default=(64, 65, 66),
        description="Exit codes after which the same mail would fail again (sysexits.h).",
    )
    no_mailbox: tuple[int, ...] = Field(
        default=(67, 68), description="Exit codes that say: no such recipient."
    )
    possibly_sent: tuple[int, ...] = Field(
        default=(),
        description="Exit codes after which the mail may have left. Any other one but "
        "0 means: not sent, try again later.",
    )


class PrintQueue(Value):
    """Letters on paper, for those without an electronic mailbox: PDF files and a manifest."""

    path: Path = Field(
        description="<id>.pdf and manifest.jsonl appear here; what is moved to done/ "
        "in it was printed and posted."
    )
    return_address: tuple[str, ...] = Field(
        default=(),
        max_length=4,
        description="Small lines at the top of the address page: the hospital's mail room.",
    )
    window_left: int = Field(
        default=100, ge=15, le=150, description="Of the address, mm from the left (NF Z10-011)."
    )
    window_top: int = Field(default=45, ge=30, le=250, description="mm from the top of the sheet.")
    window_width: int = Field(default=90, ge=50, le=180, description="mm.")
    window_height: int = Field(default=35, ge=20, le=60, description="mm.")


class Mllp(Value):
    """A way out to a system of the hospital over MLLP: copies of what was sent, receipts."""

    host: str = Field(description="With TLS, the name that the certificate must carry.")
    port: int = Field(ge=1, le=65535, description="TCP port.")
    tls: bool = Field(default=True, description="Off only on loopback or behind a proxy.")
    ca_file: Path | None = Field(default=None, description="PEM; None: the system's authorities.")
    certificate: Path | None = Field(default=None, description="PEM: our client certificate.")
    key: Path | None = Field(default=None, description="PEM: its private key.")
    connect_timeout: timedelta = Field(default=timedelta(seconds=20), description="To connect.")
    commit_timeout: timedelta = Field(
        default=timedelta(seconds=30),
        description="Until the first answer; after it the message is possibly received.",
    )
    answer_timeout: timedelta = Field(
        default=timedelta(minutes=2), description="From CA until AA, AE or AR, if awaited."
    )
    await_application: bool = Field(
        default=True,
        description="After CA, wait for AA on the same connection too. False: CA is enough.",
    )
    max_answer: int = Field(default=64 * 1024, ge=1024, description="Longest answer, bytes.")


class Record(Value):
    """The hospital's record, told over MLLP what was sent: copies as MDM, receipts as ZAM."""

    application: str = Field(description="MSH-5.")
    facility: str = Field(default="", description="MSH-6.")
    own_facility: str = Field(default="", description="MSH-4; empty: the hospital's FINESS.")
    assigner: str = Field(default="", description="PID-3.4.1: name of the domain of the IPP.")
    content: Literal["cda", "pdf"] = Field(
        default="cda", description="In OBX-5; a letter that has no CDA goes as PDF."
    )
    profile: str = Field(
        default="2.1^CISIS_CDA_HL7_V2", description="MSH-21 of copies with a CDA and of receipts."
    )
    enhanced: bool = Field(
        default=True, description="Ask for CA, then AA (MSH-15, MSH-16). False: AA alone."
    )
    replacements: bool = Field(
        default=True, description="A new version replaces the copy before it (T10). False: T02."
    )
    receipts: bool = Field(
        default=True, description="ZAM to the senders of documents that ask for it."
    )
    mllp: Mllp


class Channel(Value):
    """One way out. Exactly one of `smtp`, `folder`, `command` and `print`."""

    format: Literal["xdm", "hprim", "paper"] = Field(
        description="'xdm': MSSanté mail with IHE_XDM.ZIP and PDF. 'hprim': HPRIM text as the "
        "body. 'paper': a PDF that begins with an address page."
    )
    sender: str = Field(description="Envelope sender and From: the application mailbox.")
    sender_name: str = Field(description="Display name of From.")
    smtp: Smtp | None = Field(default=None, description="Send over SMTP.")
    folder: Drop | None = Field(default=None, description="Write files for a gateway.")
    command: Command | None = Field(default=None, description="Run a program.")
    print: PrintQueue | None = Field(default=None, description="Have it printed and posted.")
    nil: str = Field(default="DEV000000", description="X-MSS-NIL, as convergence.esante gives it.")
    max_size: int = Field(default=10 * MIB, description="Largest mail, bytes.")
    per_minute: int = Field(
        default=60, ge=1, description="Most mails a minute to one destination domain."
    )
    neutral: NeutralChannel | None = Field(
        default=None, description="With the neutral face of a unit, every channel needs it."
    )
    apicrypt: bool = Field(
        default=False,
        description="What takes these mails encrypts them for Apicrypt: addresses under "
        "apicrypt.org may be given to it. Else they are refused, unless the white list holds them.",
    )
