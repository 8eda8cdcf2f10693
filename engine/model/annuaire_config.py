"""The settings of the national directory, and of which mailbox is written to."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from engine.model.people import MailboxType
from engine.model.secret import SecretRef
from engine.model.value import Value


class Live(Value):
    """The FHIR API of the Annuaire Santé, for `relais directory live`. Decisions never ask it."""

    enabled: bool = Field(default=False, description="Off: nothing is ever asked of it.")
    base: str = Field(
        default="https://gateway.api.esante.gouv.fr/fhir/v2", description="Version 2, R4."
    )
    api_key: SecretRef | None = Field(
        default=None, description="Reference to the key of portal.api.esante.gouv.fr."
    )
    ca_file: Path | None = Field(default=None, description="PEM; None: the system's authorities.")
    per_second: int = Field(
        default=5, ge=1, le=17, description="Most questions a second; the API allows 17."
    )
    keep: timedelta = Field(
        default=timedelta(hours=1),
        le=timedelta(days=1),
        description="How long an answer is remembered.",
    )
    timeout: timedelta = Field(default=timedelta(seconds=30), description="Of one question.")


class Annuaire(Value):
    """The national directory, as `relais directory import` leaves it."""

    max_age: timedelta = Field(
        default=timedelta(days=14),
        ge=timedelta(days=1),
        description="Older files are told by relais status and relais config check.",
    )
    live: Live = Live()


class Mailboxes(Value):
    """Which mailbox of a doctor is written to. A doctor's mailbox at another employer (hospital,
    insurer, prison) never is. Rows of `directory` come first, whatever their type."""

    order: tuple[MailboxType, ...] = Field(
        default=(MailboxType.PER, MailboxType.CAB),
        min_length=1,
        description="Types, best first: PER personal, CAB and ORG of the practice, APP of its "
        "software. A type that is not named is not written to.",
    )
    arrival_notice: tuple[MailboxType, ...] = Field(
        default=(), description="Instead, for arrival notices; empty: `order`."
    )
    exit_notice: tuple[MailboxType, ...] = Field(
        default=(), description="Instead, for exit notices; empty: `order`."
    )
    exit_letter: tuple[MailboxType, ...] = Field(
        default=(), description="Instead, for exit letters; empty: `order`."
    )
    first_domains: tuple[str, ...] = Field(
        default=(), description="Of two mailboxes of one kind, the one in these domains."
    )
    last_domains: tuple[str, ...] = Field(
        default=(), description="Of two mailboxes of one kind, not the one in these domains."
    )
    channel: str | None = Field(
        default=None,
        description="The [channels.*] for mailboxes of the national directory. None: the only one "
        "of format xdm.",
    )
