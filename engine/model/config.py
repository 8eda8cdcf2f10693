"""The shape of relais.toml: every setting, its default and what it is for.

Values only: runtime.settings reads the file, resolves paths and secret references, and says each
mistake with its line. A path in the file is relative to the folder of the file.
"""

from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import Field

from engine.model.annuaire_config import Annuaire, Mailboxes
from engine.model.capacity import Capacity
from engine.model.channel import MIB, Channel, Record
from engine.model.letter import Signatory
from engine.model.policy import (
    AWAY_MAX,
    NOTICE_MAX_AGE,
    TRANSFER_WINDOW,
    VETOED_STATUS,
    Delays,
    IfNotAsked,
    Mode,
    Vetoes,
)
from engine.model.release import Around
from engine.model.retention import Retention
from engine.model.secret import SecretRef
from engine.model.value import Value


class TlsServer(Value):
    """TLS of a listener; with `client_ca`, senders must show a certificate that it issued."""

    certificate: Path = Field(description="PEM, server certificate then its chain.")
    key: Path = Field(description="PEM, private key; readable by the daemon alone.")
    client_ca: Path | None = Field(default=None, description="PEM: turns mutual TLS on.")


class OnError(StrEnum):
    """What a sender hears of a message that cannot be taken."""

    ANSWER = "answer"
    PARK = "park"


class Listener(Value):
    """One MLLP port."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="Name in the journal and metrics.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(ge=0, le=65535, description="TCP port; 0 lets the system choose.")
    mapping: str = Field(description="Folder of mappings/ that holds this sender's dialect.")
    on_error: OnError = Field(
        default=OnError.ANSWER,
        description="'answer': AE or AR. 'park': always AA, and the message waits in quarantine; "
        "for senders that stop their whole queue on an error.",
    )
    ack_mode: Literal["auto", "original", "enhanced"] = Field(
        default="auto", description="'auto' follows MSH-15 and MSH-16."
    )
    max_frame: int = Field(default=4 * MIB, ge=1024, description="Largest message, bytes.")
    frame_timeout: timedelta = Field(
        default=timedelta(seconds=30), description="Longest silence in the middle of a frame."
    )
    idle_timeout: timedelta = Field(
        default=timedelta(hours=1), description="Longest silence between two messages."
    )
    max_connections: int = Field(default=64, ge=1, description="Further ones are closed at once.")
    allow: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(), description="Networks that may connect; empty: any."
    )
    tls: TlsServer | None = Field(default=None, description="None: no TLS.")


class WatchedFolder(Value):
    """A folder where whole files, one or more messages each, are dropped."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="Name in the journal and metrics.")
    path: Path = Field(description="Watched; why a file was refused is told in quarantine/ in it.")
    mapping: str = Field(description="Folder of mappings/ that holds this sender's dialect.")
    pattern: str = Field(default="*.hl7", description="Names to take.")
    forms: bool = Field(
        default=True, description="Take *.json as letter forms, too: relais letter schema."
    )
    consents: bool = Field(
        default=False,
        description="Take *.csv and *.json as agreements, and nothing else: docs/consent-files.md.",
    )
    releases: bool = Field(
        default=False,
        description="Take *.csv and *.json as lists of coming releases, and nothing else: "
        "docs/release-files.md.",
    )
    flag: str | None = Field(
        default=None, description="Suffix of the file that says that its neighbour is whole: .ok"
    )
    settle: timedelta = Field(
        default=timedelta(seconds=2), description="Without `flag`: unchanged for that long."
    )
    sweep: timedelta = Field(default=timedelta(seconds=10), description="Look again that often.")
    keep: bool = Field(
        default=False,
        description="Keep what was taken in done/, in clear. Else it is removed: the store has it.",
    )
    max_file: int = Field(default=64 * MIB, ge=1024, description="Largest file, bytes.")


class Retry(Value):
    """When to try again, and when to hand over to a person."""

    first: timedelta = Field(default=timedelta(minutes=1), description="After the first failure.")
    factor: float = Field(default=2.0, ge=1, description="Each wait is that many times the last.")
    most: timedelta = Field(default=timedelta(hours=1), description="Longest wait.")
    jitter: float = Field(default=0.2, ge=0, le=1, description="Random share added or taken away.")
    give_up_after: timedelta = Field(
        default=timedelta(hours=24), description="Age that ends in a person's task."
    )
    breaker_after: int = Field(
        default=5, ge=1, description="Failures in a row that make a destination rest."
    )
    breaker_pause: timedelta = Field(default=timedelta(minutes=5), description="How long it rests.")


class Hospital(Value):
    """The legal sender."""

    name: str = Field(description="As documents show it.")
    finess: str = Field(pattern=r"^[0-9AB]{9}$", description="FINESS of the custodian.")
    patient_oid: str = Field(
        pattern=r"^[0-2](\.\d+)+$", description="Domain of patient numbers when PID-3.4 has no OID."
    )
    visit_oid: str = Field(pattern=r"^[0-2](\.\d+)+$", description="Domain of visit numbers.")
    source_oid: str = Field(
        pattern=r"^[0-2](\.\d+)+$", description="This system, as sourceId of XDM submissions."
    )
    software_id: str = Field(default="RELAIS", description="MSH-3 of our answers.")


class NeutralUnit(Value):
    """How it shows itself instead where the detention must not be told. Nothing here may say
    prison, nor reach the unit under a name or number that does."""

    name: str = Field(description="Name in the letterhead: a department of the hospital.")
    address: tuple[str, ...] = Field(default=(), description="Lines of the letterhead.")
    city: str = Field(description="Place before the date.")
    name_dss: str = Field(
        default="Soins somatiques", description="The somatic half, beside its part."
    )
    name_dsp: str = Field(
        default="Soins psychiatriques", description="The psychiatric half, beside its part."
    )
    phone_dss: str | None = Field(default=None, description="Somatic care: a switchboard.")
    phone_dsp: str | None = Field(default=None, description="Psychiatric care: a switchboard.")
    secure_address: str = Field(description="MSSanté address read by people: Reply-To.")
    signature: str = Field(default="L'équipe médicale", description="Under the letter.")
    responsible: Signatory = Field(description="Physician who answers for what is sent.")


class Unit(Value):
    """How one USMP of the mapping shows itself in a letter."""

    name: str = Field(description="Name in the letterhead.")
    address: tuple[str, ...] = Field(default=(), description="Lines of the letterhead.")
    city: str = Field(description="Place before the date.")
    name_dss: str = Field(
        default="Soins somatiques (DSS)", description="The somatic half, beside its part."
    )
    name_dsp: str = Field(
        default="Soins psychiatriques (DSP)", description="The psychiatric half, beside its part."
    )
    phone_dss: str | None = Field(default=None, description="Somatic care.")
    phone_dsp: str | None = Field(default=None, description="Psychiatric care.")
    secure_address: str = Field(description="MSSanté address read by people: Reply-To.")
    signature: str = Field(default="L'équipe de l'unité sanitaire", description="Under the letter.")
    responsible: Signatory = Field(description="Physician who answers for what is sent.")
    leaflet: Path | None = Field(
        default=None,
        description="PDF/A-1 on the unit, joined to the arrival notice; at most 2 MiB.",
    )
    delays: Delays | None = Field(default=None, description="Instead of the general ones.")
    neutral: NeutralUnit | None = Field(
        default=None, description="None: a stay that must not be told as a detention is not told."
    )


class Health(Value):
    """The loopback port of /healthz, /readyz and /metrics."""

    host: str = Field(default="127.0.0.1", description="Keep it on loopback.")
    port: int = Field(default=9464, ge=0, le=65535, description="0 lets the system choose.")


class Audit(Value):
    """The trail."""

    signing_key: Path | None = Field(
        default=None, description="Ed25519 private key, PEM. None: <data>/audit.key, made once."
    )


class Encryption(Value):
    """What seals the store. Back it up apart from the store: without it nothing can be read."""

    master_key: SecretRef | None = Field(
        default=None,
        description="Reference to the master key. None: <data>/master.key, made once.",
    )


class Log(Value):
    """Technical logs: JSON lines on standard error, never patient data."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least."
    )


class Returns(Value):
    """A mailbox where receipts come back: the `sender` of its channels. Read over IMAP."""

    host: str = Field(description="Name that the server's certificate must carry.")
    port: int = Field(default=993, ge=1, le=65535, description="TCP port.")
    security: Literal["starttls", "tls"] = Field(
        default="tls", description="Never in clear: TLS from the start, or STARTTLS is demanded."
    )
    ca_file: Path | None = Field(default=None, description="PEM; None: the system's authorities.")
    certificate: Path | None = Field(default=None, description="PEM: our client certificate.")
    key: Path | None = Field(default=None, description="PEM: its private key.")
    username: str | None = Field(
        default=None, description="Login; None: the client certificate alone (SASL EXTERNAL)."
    )
    password: SecretRef | None = Field(default=None, description="Reference, never the secret.")
    folder: str = Field(default="INBOX", description="Folder that is read; mails stay in it.")
    channels: tuple[str, ...] = Field(
        description="Channels whose receipts come here: silence about their letters is noticed."
    )
    poll: timedelta = Field(
        default=timedelta(minutes=5), description="Look again that often, IDLE or not."
    )
    timeout: timedelta = Field(default=timedelta(seconds=60), description="Per command.")


class Proof(Value):
    """How long a letter may go without proof that it was read, before a person calls."""

    arrival_notice: timedelta = Field(default=timedelta(hours=72), description="Arrival notices.")
    exit_notice: timedelta = Field(default=timedelta(hours=72), description="Exit notices.")
    exit_letter: timedelta = Field(default=timedelta(hours=48), description="Exit letters.")
    correction: timedelta = Field(
        default=timedelta(hours=24), description="Letters that take another one back."
    )
    enough: Literal["delivered", "displayed"] = Field(
        default="displayed",
        description="'displayed': read or filed. 'delivered': a delivery to the box will do.",
    )


class Config(Value):
    """The whole of relais.toml."""

    mode: Mode = Field(
        description="'production', or 'test': every mail goes to `test_mailboxes` only."
    )
    data: Path = Field(description="Folder of the store, the key and the control socket.")
    mappings: Path = Field(default=Path("mappings"), description="Folder of the mappings.")
    directory: Path = Field(
        description="CSV: rpps,family,given,place,mailbox,type,channel; and role, if you like."
    )
    time_zone: str = Field(default="Europe/Paris", description="Of dates without an offset.")
    test_mailboxes: tuple[str, ...] = Field(
        default=(), description="Where test mails may go; they go to the first one."
    )
    detention_if_not_asked: IfNotAsked = Field(
        default=IfNotAsked.TOLD,
        description="While no answer to 'may the doctor know of the detention' is recorded: "
        "'told', or 'discreet'. 'told' is right only where the form that asks for the other "
        "agreements says where the letters come from.",
    )
    notice_max_age: timedelta = Field(
        default=NOTICE_MAX_AGE, description="Older arrivals and exits are not told by machine."
    )
    transfer_window: timedelta = Field(
        default=TRANSFER_WINDOW, description="Exit, then arrival in another USMP: a transfer."
    )
    away_max: timedelta = Field(
        default=AWAY_MAX,
        ge=timedelta(days=1),
        description="Away (hospital, leave) for longer: a task asks where.",
    )
    vetoed_status: tuple[str, ...] = Field(
        default=VETOED_STATUS, description="PID-32 values that silence all until a person looks."
    )
    vetoes: Vetoes = Vetoes()
    capacity: Capacity = Capacity()
    hospital: Hospital
    units: dict[str, Unit] = Field(description="By USMP key of the mapping's units.toml.")
    delays: Delays = Delays()
    release: Around = Around()
    channels: dict[str, Channel]
    record: Record | None = None
    listener: tuple[Listener, ...] = ()
    folder: tuple[WatchedFolder, ...] = ()
    returns: dict[str, Returns] = Field(default_factory=dict)
    proof: Proof = Proof()
    retry: Retry = Retry()
    health: Health = Health()
    audit: Audit = Audit()
    encryption: Encryption = Encryption()
    retention: Retention = Retention()
    annuaire: Annuaire = Annuaire()
    mailboxes: Mailboxes = Mailboxes()
    log: Log = Log()
