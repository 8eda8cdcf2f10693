"""Builds the stages out of the settings; the only place that names SQLite, SMTP and folders."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from engine.decide.reasons import Reason
from engine.dispatch import Press
from engine.inbound.door import Door
from engine.knowledge import Knowledge
from engine.mapping.schema import Dialect
from engine.model.channel import Channel
from engine.model.config import Config, Listener, WatchedFolder
from engine.model.errors import ConfigError
from engine.model.flow import Delivery
from engine.model.policy import Mode
from engine.outbound.command import CommandTransport
from engine.outbound.folder import FolderTransport
from engine.outbound.mllp import MllpTransport
from engine.outbound.permission import Cancel, Leave, Permission, Wait
from engine.outbound.print_queue import PrintQueueTransport
from engine.outbound.smtp import SmtpTransport
from engine.outbound.traffic import Route
from engine.record import RECORD, Teller
from engine.runtime.leaflet import read_leaflet
from engine.runtime.letter_types import read_types
from engine.runtime.secrets import resolve_secret
from engine.runtime.settings import Settings
from engine.store.interface import Tx
from engine.store.masters import GivenMasters, MasterFile, Masters
from engine.store.sqlite import MASTER_FILE


def utc_now() -> datetime:
    """The clock of the daemon."""
    return datetime.now(UTC)


def knowledge_of(settings: Settings) -> Knowledge:
    """What decisions read of the settings."""
    return Knowledge(policy=settings.policy, doctors=settings.doctors)


def press_of(settings: Settings) -> Press:
    """What writing letters needs. Loads fonts, templates and tables: some 300 ms the first time."""
    import engine.compose.render
    import engine.verify  # noqa: F401  - what dispatch takes up with the first letter
    from engine.compose.shop import load as load_shop

    config = settings.config
    return Press(
        shop=load_shop(
            config.mappings,
            zone=ZoneInfo(config.time_zone),
            source_oid=config.hospital.source_oid,
        ),
        hospital=config.hospital,
        channels=config.channels,
        leaflets={
            key: read_leaflet(unit.leaflet) for key, unit in config.units.items() if unit.leaflet
        },
    )


def door_of(way_in: Listener | WatchedFolder, dialect: Dialect) -> Door:
    """How the messages of one listener or folder are judged."""
    if isinstance(way_in, Listener):
        return Door(
            source=way_in.name,
            required=dialect.mapping.required,
            aliases=dialect.mapping.charset,
            documents=dialect.mapping.document,
            on_error=way_in.on_error,
            ack_mode=way_in.ack_mode,
        )
    return Door(
        source=way_in.name,
        required=dialect.mapping.required,
        aliases=dialect.mapping.charset,
        documents=dialect.mapping.document,
    )


def dialects_by_source(settings: Settings) -> dict[str, Dialect]:
    """The mapping of each way in."""
    config = settings.config
    named = [(one.name, one.mapping) for one in config.listener]
    named += [(one.name, one.mapping) for one in config.folder]
    return {name: settings.dialects[mapping] for name, mapping in named}


def route_of(channel: Channel) -> Route:
    """How one channel sends. Raises ConfigError for a secret or a certificate it cannot read."""
    if channel.smtp is not None:
        password = resolve_secret(channel.smtp.password) if channel.smtp.password else None
        return Route(
            transport=SmtpTransport(channel.smtp, password),
            concurrency=channel.smtp.connections,
            per_minute=channel.per_minute,
        )
    if channel.command is not None:
        return Route(
            transport=CommandTransport(channel.command),
            concurrency=channel.command.concurrency,
            per_minute=channel.per_minute,
        )
    if channel.print is not None:
        return Route(transport=PrintQueueTransport(channel.print), per_minute=channel.per_minute)
    assert channel.folder is not None  # the settings see to it: exactly one of the four
    return Route(transport=FolderTransport(channel.folder.path), per_minute=channel.per_minute)


def routes_of(config: Config) -> dict[str, Route]:
    """Every way out. Raises ConfigError."""
    routes = {name: route_of(channel) for name, channel in config.channels.items()}
    if config.record is not None:
        # Its pace is that of its answers, one at a time.
        routes[RECORD] = Route(transport=MllpTransport(config.record.mllp), per_minute=6000)
    return routes


def teller_of(settings: Settings) -> Teller | None:
    """Who tells the hospital's record; None where the site wants none. Raises ConfigError."""
    config = settings.config
    if config.record is None:
        return None
    types = read_types(config.mappings / "letters")
    return Teller(config.record, config.hospital, knowledge_of(settings), types)


def allowed_address(settings: Callable[[], Settings]) -> Callable[[str], bool]:
    """The last guard of test mode."""

    def allowed(address: str) -> bool:
        config = settings().config
        return config.mode is Mode.PRODUCTION or address in config.test_mailboxes

    return allowed


@dataclass(frozen=True)
class Gate:
    """Puts the gate of `Knowledge` into the worker's words."""

    knowledge: Callable[[], Knowledge]

    def __call__(self, tx: Tx, delivery: Delivery, now: datetime) -> Permission:
        """Asked in the transaction that opens the attempt."""
        verdict = self.knowledge().may_leave(tx, delivery, now)
        if verdict is None:
            return Leave()
        if isinstance(verdict, Reason):
            return Cancel(verdict.value)
        return Wait(until=verdict, reason=Reason.HOLD_BACK.value)


def masters_of(config: Config) -> Masters:
    """Where the master keys of the store are."""
    reference = config.encryption.master_key
    if reference is None:
        return MasterFile(config.data / MASTER_FILE)
    place = f"{reference.source}:{reference.name}"

    def text() -> str:
        try:
            return resolve_secret(reference).get_secret_value()
        except ConfigError as error:
            raise ConfigError(
                what=error.what,
                where=place,
                effect="the store is sealed: it was not opened",
                remedy=error.remedy,
            ) from None

    return GivenMasters(place, text)


def store_path(data: Path) -> Path:
    """The one file of the store."""
    return data / "relais.db"


# Name in the store of the key that signed roots are checked with.
PUBLIC_KEY: Final = "audit-public-key"
