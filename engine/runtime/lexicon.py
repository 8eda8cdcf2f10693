"""The rules of mappings/privacy/, applied to a text of the settings."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from engine.mapping.schema import Dialect
from engine.model.channel import Channel
from engine.model.config import Unit
from engine.model.fact import ExitKind
from engine.privacy.report import Known, OwnTerms
from engine.privacy.rules import Rules, load
from engine.privacy.search import search

_HEAD: Final = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"


def rules_of(mappings: Path) -> Rules:
    """The rules as they are on disk now; read again only when a file changed (0.3 s). Raises
    ConfigError."""
    folder = mappings / "privacy"
    try:
        state = tuple(
            (path.name, path.stat().st_mtime_ns, path.stat().st_size)
            for path in sorted(folder.glob("*.toml"))
        )
    except OSError:
        state = ()
    return _loaded(folder, state)


@lru_cache(maxsize=2)
def _loaded(folder: Path, _state: tuple[tuple[str, int, int], ...]) -> Rules:
    return load(folder)


def site_terms(
    units: Mapping[str, Unit],
    channels: Mapping[str, Channel],
    dialects: Mapping[str, Dialect],
    hospital: str,
) -> OwnTerms:
    """What the open faces of the units, and the prisons that patients go to, are known by.

    The hospital's own name tells nothing, even where an open sender shows no other.
    """
    open_ways = [one for one in channels.values() if one.neutral is not None]
    sites = [one.units for one in dialects.values()]
    names = [
        *(unit.name for unit in units.values()),
        *(one.sender_name for one in open_ways),
        *(usmp.name for site in sites for usmp in site.usmp.values()),
    ]
    phones = [phone for one in units.values() for phone in (one.phone_dss, one.phone_dsp)]
    mailboxes = [one.secure_address for one in units.values()] + [one.sender for one in open_ways]
    prisons = [
        finess
        for site in sites
        for finess, meaning in site.destination.items()
        if meaning is ExitKind.TRANSFER
    ]
    return OwnTerms(
        names=tuple(dict.fromkeys(one for one in names if one.strip() != hospital.strip())),
        addresses=tuple(line for unit in units.values() for line in unit.address),
        phones=tuple(phone for phone in phones if phone),
        mailboxes=tuple(dict.fromkeys(mailboxes)),
        finess=tuple(dict.fromkeys(prisons)),
    )


def says_prison(text: str, rules: Rules, own: OwnTerms) -> bool:
    """Whether a discreet mail that held this text would be held back."""
    mail = _HEAD + text.encode("utf-8", "replace")
    return bool(search(mail, rules, discreet=True, own=own, known=Known()))
