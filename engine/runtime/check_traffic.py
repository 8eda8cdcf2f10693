"""What the ways in and the channels of relais.toml must be to one another and to the machine."""

import os
from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

from engine.model.channel import Channel
from engine.model.config import Health
from engine.model.errors import ConfigError
from engine.model.secret import SecretRef
from engine.runtime import certificates
from engine.runtime.check_ways_out import check_command, check_print, lasting, writable_folder
from engine.runtime.directory_file import is_address
from engine.runtime.findings import Finding, Sound
from engine.runtime.mistakes import Weight
from engine.runtime.secrets import resolve_secret
from engine.runtime.toml_positions import Path as Place


def check_ways_in(sound: Sound, now: datetime) -> Iterator[Finding]:
    if not sound.values.get("listener") and not sound.values.get("folder"):
        if "listener" in sound.values and "folder" in sound.values:
            yield Finding(("listener",), "no way in", "add a [[listener]] or a [[folder]]")
        return
    names: set[str] = set()
    paths: set[Path] = set()
    ports: dict[tuple[str, int], str] = {}
    health: Health | None = sound.values.get("health")
    if health is not None and health.port:
        ports[health.host, health.port] = "the health port"
    for n, listener in sound.listeners:
        place: Place = ("listener", n)
        if listener.name in names:
            yield Finding((*place, "name"), "another way in has this name", "choose another")
        names.add(listener.name)
        yield from lasting(place, listener, "frame_timeout", "idle_timeout")
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
        elif not loopback(listener.host):
            yield Finding(
                place,
                "patients' data would cross the network without TLS",
                "add a [listener.tls] table, or keep host on loopback behind a TLS proxy",
                Weight.ADVICE,
            )
    for n, folder in sound.folders:
        if folder.consents and folder.releases:
            yield Finding(
                ("folder", n, "releases"),
                "a folder takes agreements or coming releases, not both",
                "give each a folder of its own",
            )
        if folder.name in names:
            yield Finding(("folder", n, "name"), "another way in has this name", "choose another")
        names.add(folder.name)
        yield from lasting(("folder", n), folder, "sweep")
        if folder.path in paths:
            yield Finding(
                ("folder", n, "path"), "another [[folder]] watches it already", "keep one of them"
            )
        paths.add(folder.path)
        yield from writable_folder(("folder", n, "path"), folder.path)


def _same_host(one: str, other: str) -> bool:
    everywhere = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with, never bound here
    return one == other or one in everywhere or other in everywhere


def check_retry(sound: Sound) -> Iterator[Finding]:
    if "retry" in sound.values:
        yield from lasting(("retry",), sound.values["retry"], "first", "most")


def check_channel(place: Place, channel: Channel, now: datetime) -> Iterator[Finding]:
    ways = ("smtp", "folder", "command", "print")
    given = [name for name in ways if getattr(channel, name) is not None]
    if len(given) > 1:
        yield Finding(place, f"both {' and '.join(given)} are given", "keep one of them")
    elif not given:
        yield Finding(
            place,
            "neither smtp nor folder is given, nor command, nor print",
            f"add [{place[0]}.{place[1]}.smtp] or .folder, .command, .print",
        )
    elif (channel.print is not None) != (channel.format == "paper"):
        yield Finding(
            (*place, "format"),
            "'paper' and the table print belong together, and one is there without the other",
            'set format = "paper" with print, "xdm" or "hprim" with the others',
        )
    if channel.command is not None:
        yield from check_command((*place, "command"), channel)
    if channel.print is not None:
        yield from check_print((*place, "print"), channel.print)
    if not is_address(channel.sender):
        yield Finding(
            (*place, "sender"), "not one plain mail address", "give the application's mailbox"
        )
    if channel.folder is not None:
        yield from writable_folder((*place, "folder", "path"), channel.folder.path)
    smtp = channel.smtp
    if smtp is None:
        return
    at = (*place, "smtp")
    yield from lasting(at, smtp, "timeout", "data_timeout")
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
        yield from check_secret((*at, "password"), smtp.password)


def check_secret(place: Place, reference: SecretRef) -> Iterator[Finding]:
    """Whether a secret can be had by this account, and by this account alone."""
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


def loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
