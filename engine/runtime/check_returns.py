"""What the mailboxes of receipts, and the waits for proof, must be."""

from collections.abc import Iterator
from datetime import datetime

from engine.model.config import Returns
from engine.runtime import certificates
from engine.runtime.check_traffic import check_secret
from engine.runtime.check_ways_out import lasting
from engine.runtime.findings import Finding, Sound
from engine.runtime.toml_positions import Path as Place


def check_returns(sound: Sound, now: datetime) -> Iterator[Finding]:
    """Findings on every [returns.NAME] and on [proof]."""
    returns: dict[str, Returns] = sound.values.get("returns", {})
    channels = sound.names("channels")
    for name, one in returns.items():
        place: Place = ("returns", name)
        for number, channel in enumerate(one.channels):
            if channel not in channels:
                yield Finding(
                    (*place, "channels", number),
                    "no channel has this name",
                    f"one of: {', '.join(sorted(channels))}",
                )
        if not one.channels:
            yield Finding((*place, "channels"), "no channel", "name those whose sender it is")
        if not one.folder or not one.folder.isascii() or not one.folder.isprintable():
            yield Finding((*place, "folder"), "not a name in plain ASCII", 'such as "INBOX"')
        yield from lasting(place, one, "poll", "timeout")
        yield from _login(place, one, now)
    if "proof" in sound.values:
        names = ("arrival_notice", "exit_notice", "exit_letter", "correction")
        yield from lasting(("proof",), sound.values["proof"], *names)


def _login(place: Place, one: Returns, now: datetime) -> Iterator[Finding]:
    if one.ca_file is not None:
        yield from certificates.check_authority((*place, "ca_file"), one.ca_file, now, Finding)
    if (one.certificate is None) != (one.key is None):
        lacking = "key" if one.key is None else "certificate"
        yield Finding((*place, lacking), "missing beside its other half", f"add {lacking} = …")
    elif one.certificate is not None and one.key is not None:
        yield from certificates.check_pair(place, one.certificate, one.key, now, Finding)
    if one.password is not None:
        if one.username is None:
            yield Finding((*place, "username"), "missing beside its other half", "add username = …")
        yield from check_secret((*place, "password"), one.password)
    elif one.certificate is None:
        yield Finding(
            (*place, "password"),
            "neither a password nor a client certificate",
            "add username and password, or certificate and key",
        )
