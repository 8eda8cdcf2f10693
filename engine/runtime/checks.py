"""What the values of relais.toml must be to one another and to the machine."""

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import engine
from engine.mapping.load import load_mapping
from engine.mapping.schema import Dialect
from engine.model.config import Channel, Health, Hospital, Listener, SecretRef, Unit, WatchedFolder
from engine.model.errors import ConfigError
from engine.model.people import luhn_ok, rpps_ok
from engine.model.policy import Mode
from engine.runtime import certificates
from engine.runtime.directory_file import Directory, DirectoryError, read_directory
from engine.runtime.mistakes import Weight
from engine.runtime.secrets import resolve_secret
from engine.runtime.toml_positions import Path as Place

_MOST_ROWS_TOLD: Final = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: at a setting (`path`), or at a line of another file."""

    path: Place
    what: str
    cure: str
    weight: Weight = Weight.STOPS
    file: str | None = None
    line: int = 1
    column: str = ""


@dataclass
class Sound:
    """The settings that fit their types (others are absent, or None in a list), and what the
    checks loaded on their way."""

    values: dict[str, Any]
    mappings_given: bool
    base: Path
    dialects: dict[str, Dialect] = field(default_factory=dict)
    directory: Directory = field(default_factory=dict)

    @property
    def channels(self) -> dict[str, Channel]:
        """By name."""
        return dict(self.values.get("channels", {}))

    @property
    def units(self) -> dict[str, Unit]:
        """By USMP key."""
        return dict(self.values.get("units", {}))

    @property
    def listeners(self) -> list[tuple[int, Listener]]:
        """With their places in the file."""
        return [(n, one) for n, one in enumerate(self.values.get("listener", ())) if one]

    @property
    def folders(self) -> list[tuple[int, WatchedFolder]]:
        """With their places in the file."""
        return [(n, one) for n, one in enumerate(self.values.get("folder", ())) if one]

    @property
    def mappings(self) -> Path:
        """The folder given; else ``mappings`` beside the file; else the one shipped."""
        given: Path = self.values.get("mappings", Path("mappings"))
        if self.mappings_given:
            return given
        package = Path(engine.__file__).parent
        candidates = (self.base / given, package / "_data" / "mappings", package.parent / given)
        return next((one for one in candidates if one.is_dir()), candidates[0])


def check(sound: Sound, now: datetime) -> Iterator[Finding]:
    """All findings, in no particular order; fills `sound.dialects` and `sound.directory`."""
    yield from _mode(sound)
    yield from _places(sound)
    yield from _hospital(sound)
    yield from _mappings(sound)
    yield from _units(sound)
    yield from _ways_in(sound, now)
    for name, channel in sound.channels.items():
        yield from _channel(("channels", name), channel, now)
    yield from _directory(sound)


def _mode(sound: Sound) -> Iterator[Finding]:
    mode, boxes = sound.values.get("mode"), sound.values.get("test_mailboxes")
    if mode is Mode.TEST and boxes == ():
        yield Finding(
            ("test_mailboxes",),
            "test mode, and no mailbox to send to",
            'add test_mailboxes = ["…"]: in test mode every mail goes there',
        )
    if mode is Mode.PRODUCTION and boxes:
        yield Finding(
            ("test_mailboxes",),
            "production mode does not use test mailboxes",
            'remove them, or set mode = "test"',
            Weight.ADVICE,
        )
    zone = sound.values.get("time_zone")
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Finding(("time_zone",), "not a known time zone", "such as Europe/Paris")


def _places(sound: Sound) -> Iterator[Finding]:
    data = sound.values.get("data")
    if data is not None:
        if data.exists() and not data.is_dir():
            yield Finding(("data",), "this is not a folder", "give a folder")
        elif not data.exists() and not data.parent.is_dir():
            yield Finding(("data",), "the folder above it does not exist", f"mkdir -p {data}")
        elif data.is_dir() and not os.access(data, os.W_OK | os.X_OK):
            yield Finding(("data",), "this account cannot write there", f"chown it: {data}")
    key = sound.values["audit"].signing_key if "audit" in sound.values else None
    if key is not None:
        yield from certificates.check_signing_key(("audit", "signing_key"), key, Finding)
    health: Health | None = sound.values.get("health")
    if health is not None and not _loopback(health.host):
        yield Finding(
            ("health", "host"),
            "the health port would be open to the network, without a login",
            'set host = "127.0.0.1" and put a reverse proxy before it',
            Weight.ADVICE,
        )


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hospital(sound: Sound) -> Iterator[Finding]:
    hospital: Hospital | None = sound.values.get("hospital")
    # A Corsican FINESS holds a letter; its key is then not a plain Luhn over digits.
    if hospital is not None and hospital.finess.isdigit() and not luhn_ok(hospital.finess):
        yield Finding(
            ("hospital", "finess"),
            "the key of this FINESS does not hold",
            "copy it again from finess.sante.gouv.fr",
            Weight.ADVICE,
        )
    for key, unit in sound.units.items():
        if not rpps_ok(unit.responsible.rpps):
            yield Finding(
                ("units", key, "responsible", "rpps"),
                "not an RPPS number: 11 digits whose Luhn key holds",
                "copy it again from annuaire.sante.fr",
            )


def _mappings(sound: Sound) -> Iterator[Finding]:
    if "mappings" not in sound.values:
        return
    if not sound.mappings.is_dir():
        yield Finding(
            ("mappings",), "this folder does not exist", "give the folder that holds pam-fr/"
        )
        return
    known = sorted(
        entry.name for entry in sound.mappings.iterdir() if (entry / "mapping.toml").is_file()
    )
    ways: list[tuple[Place, str]] = [
        *((("listener", n, "mapping"), one.mapping) for n, one in sound.listeners),
        *((("folder", n, "mapping"), one.mapping) for n, one in sound.folders),
    ]
    for place, name in ways:
        if name in sound.dialects:
            continue
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            cure = f"did you mean {close[0]}?" if close else f"one of: {', '.join(known)}"
            yield Finding(place, "no mapping of that name", cure)
            continue
        try:
            sound.dialects[name] = load_mapping(sound.mappings / name)
        except ConfigError as error:
            yield Finding(place, f"{error.where}: {error.what}", error.remedy)


def _units(sound: Sound) -> Iterator[Finding]:
    if not sound.dialects or "units" not in sound.values:
        return
    mapped = {key: name for name, one in sound.dialects.items() for key in one.units.usmp}
    for key in sound.units:
        if key not in mapped:
            close = difflib.get_close_matches(key, mapped, n=1)
            cure = f"did you mean {close[0]}?" if close else f"one of: {', '.join(sorted(mapped))}"
            yield Finding(("units", key), "no mapping in use has this unit in its units.toml", cure)
    for key, name in mapped.items():
        if key not in sound.values["units"]:
            yield Finding(
                ("units",),
                f"the unit {key} of mappings/{name}/units.toml has no letterhead",
                f"add the table [units.{key}]; see: relais config describe",
            )


def _ways_in(sound: Sound, now: datetime) -> Iterator[Finding]:
    if not sound.values.get("listener") and not sound.values.get("folder"):
        if "listener" in sound.values and "folder" in sound.values:
            yield Finding(("listener",), "no way in", "add a [[listener]] or a [[folder]]")
        return
    names: set[str] = set()
    ports: dict[tuple[str, int], str] = {}
    health: Health | None = sound.values.get("health")
    if health is not None and health.port:
        ports[health.host, health.port] = "the health port"
    for n, listener in sound.listeners:
        place: Place = ("listener", n)
        if listener.name in names:
            yield Finding((*place, "name"), "another way in has this name", "choose another")
        names.add(listener.name)
        taken = next(
            (
                who
                for (host, port), who in ports.items()
                if port == listener.port and _same_host(host, listener.host)
            ),
            None,
        )
        if listener.port and taken:
            yield Finding((*place, "port"), f"{taken} has this port already", "choose another")
        elif listener.port:
            ports[listener.host, listener.port] = f"the listener {listener.name}"
        if listener.tls is not None:
            tls = (*place, "tls")
            yield from certificates.check_pair(
                tls, listener.tls.certificate, listener.tls.key, now, Finding
            )
            if listener.tls.client_ca is not None:
                yield from certificates.check_authority(
                    (*tls, "client_ca"), listener.tls.client_ca, now, Finding
                )
        elif not _loopback(listener.host):
            yield Finding(
                place,
                "patients' data would cross the network without TLS",
                "add a [listener.tls] table, or keep host on loopback behind a TLS proxy",
                Weight.ADVICE,
            )
    for n, folder in sound.folders:
        if folder.name in names:
            yield Finding(("folder", n, "name"), "another way in has this name", "choose another")
        names.add(folder.name)
        yield from _folder(("folder", n, "path"), folder.path)


def _same_host(one: str, other: str) -> bool:
    everywhere = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with, never bound here
    return one == other or one in everywhere or other in everywhere


def _folder(place: Place, path: Path) -> Iterator[Finding]:
    if not path.is_dir():
        yield Finding(place, "this folder does not exist", f"mkdir -p {path}")
    elif not os.access(path, os.W_OK | os.X_OK):
        yield Finding(place, "this account cannot write there", f"chown it: {path}")


def _channel(place: Place, channel: Channel, now: datetime) -> Iterator[Finding]:
    if (channel.smtp is None) == (channel.folder is None):
        both = channel.smtp is not None
        yield Finding(
            place,
            "both smtp and folder are given" if both else "neither smtp nor folder is given",
            "keep one of them" if both else f"add [{place[0]}.{place[1]}.smtp] or .folder",
        )
    if "@" not in channel.sender:
        yield Finding((*place, "sender"), "not a mail address", "give the application's mailbox")
    if channel.folder is not None:
        yield from _folder((*place, "folder", "path"), channel.folder.path)
    smtp = channel.smtp
    if smtp is None:
        return
    at = (*place, "smtp")
    if smtp.ca_file is not None:
        yield from certificates.check_authority((*at, "ca_file"), smtp.ca_file, now, Finding)
    if (smtp.certificate is None) != (smtp.key is None):
        lacking = "key" if smtp.key is None else "certificate"
        yield Finding((*at, lacking), "missing beside its other half", f"add {lacking} = …")
    elif smtp.certificate is not None and smtp.key is not None:
        yield from certificates.check_pair(at, smtp.certificate, smtp.key, now, Finding)
    if (smtp.username is None) != (smtp.password is None):
        lacking = "password" if smtp.password is None else "username"
        yield Finding((*at, lacking), "missing beside its other half", f"add {lacking} = …")
    if smtp.password is not None:
        yield from _secret((*at, "password"), smtp.password)


def _secret(place: Place, reference: SecretRef) -> Iterator[Finding]:
    if reference.source == "credential" and "CREDENTIALS_DIRECTORY" not in os.environ:
        yield Finding(
            place,
            "cannot be checked here: systemd gives credentials to the service alone",
            "start the service and read its log",
            Weight.ADVICE,
        )
        return
    try:
        resolve_secret(reference)
    except ConfigError as error:
        yield Finding(place, error.what.rstrip("."), error.remedy)
        return
    if reference.source == "file" and Path(reference.name).stat().st_mode & 0o077:
        yield Finding(
            place, "others can read this file", f"chmod 600 {reference.name}", Weight.ADVICE
        )


def _directory(sound: Sound) -> Iterator[Finding]:
    path: Path | None = sound.values.get("directory")
    if path is None or "channels" not in sound.values:
        return
    try:
        sound.directory, rows = read_directory(path, sound.values["channels"])
    except DirectoryError as error:
        yield Finding(("directory",), error.what, error.cure)
        return
    for row in rows[:_MOST_ROWS_TOLD]:
        yield Finding(
            (), row.what, row.cure, Weight.SKIPS, file=path.name, line=row.line, column=row.column
        )
    if len(rows) > _MOST_ROWS_TOLD:
        yield Finding(
            ("directory",),
            f"{len(rows) - _MOST_ROWS_TOLD} more rows are left out",
            "correct the first ones, then check again",
            Weight.SKIPS,
        )
