"""What the neutral faces of relais.toml must be: complete, and without a word of the detention."""

import re
from collections.abc import Iterator
from typing import Final

from engine.model.channel import NeutralChannel
from engine.model.config import NeutralUnit
from engine.model.errors import ConfigError
from engine.model.people import rpps_ok
from engine.privacy.report import OwnTerms
from engine.runtime.directory_file import is_address
from engine.runtime.findings import Finding, Sound, folder_fault
from engine.runtime.lexicon import rules_of, says_prison, site_terms
from engine.runtime.toml_positions import Path as Place

# What the two halves of a prison health unit are called, and nothing else of a hospital.
_HALVES: Final = re.compile(r"\b(?:DSS|DSP)\b", re.IGNORECASE)


def check_neutral(sound: Sound) -> Iterator[Finding]:
    """Findings on [units.*.neutral] and [channels.*.neutral]."""
    units = {key: one.neutral for key, one in sound.units.items() if one.neutral is not None}
    channels = {key: one.neutral for key, one in sound.channels.items() if one.neutral is not None}
    yield from _pairs(sound, units, channels)
    for key, unit in units.items():
        yield from _unit(("units", key, "neutral"), unit)
    for key, channel in channels.items():
        place: Place = ("channels", key, "neutral")
        if not is_address(channel.sender):
            yield Finding(
                (*place, "sender"), "not one plain mail address", "give the application's mailbox"
            )
    if not (units or channels) or folder_fault(sound.mappings) is not None:
        return
    try:
        rules = rules_of(sound.mappings)
    except ConfigError:
        return  # told where the rules are checked
    own = site_terms(sound.units, sound.channels, sound.dialects, _hospital_name(sound))
    for place, text in _shown(sound, units, channels):
        if _HALVES.search(text) or says_prison(text, rules, OwnTerms()):
            yield Finding(
                place,
                "a word of it tells the detention",
                "write what the hospital shows to everybody; the words: mappings/privacy/",
            )
        elif says_prison(text, rules, own):
            yield Finding(
                place,
                "an open face shows it too, so that it tells the detention",
                "give one that belongs to the hospital, or to several departments of it",
            )


def check_envelopes(sound: Sound) -> Iterator[Finding]:
    """Findings on what is printed on envelopes: it never tells the detention, whatever the face of
    the letter in it."""
    if folder_fault(sound.mappings) is not None:
        return
    try:
        rules = rules_of(sound.mappings)
    except ConfigError:
        return  # told where the rules are checked
    for key, channel in sound.channels.items():
        lines = channel.print.return_address if channel.print is not None else ()
        for number, line in enumerate(lines):
            if _HALVES.search(line) or says_prison(line, rules, OwnTerms()):
                yield Finding(
                    ("channels", key, "print", "return_address", number),
                    "a word of it tells the detention to whoever sees the envelope",
                    "give the hospital's mail room; the words: mappings/privacy/",
                )


def _pairs(
    sound: Sound, units: dict[str, NeutralUnit], channels: dict[str, NeutralChannel]
) -> Iterator[Finding]:
    """A neutral letter needs both: who writes, and who sends."""
    # A table with mistakes in it is told by them: only one that is not there is missing.
    if units:
        for key in sound.channels:
            if key not in channels and not _there(sound, "channels", key):
                yield Finding(
                    ("channels", key),
                    "a unit has a neutral face, and this channel has no neutral sender",
                    f"add the table [channels.{key}.neutral]; see: relais config describe",
                )
    elif channels and not any(_there(sound, "units", key) for key in sound.names("units")):
        for key in channels:
            yield Finding(
                ("channels", key, "neutral"),
                "a neutral sender, and no unit has a neutral face",
                "add the table [units.NAME.neutral], or take this one away",
            )


def _there(sound: Sound, table: str, key: str) -> bool:
    raw = sound.raw.get(table, {})
    one = raw.get(key, {}) if isinstance(raw, dict) else {}
    return isinstance(one, dict) and "neutral" in one


def _unit(place: Place, unit: NeutralUnit) -> Iterator[Finding]:
    if not is_address(unit.secure_address):
        yield Finding(
            (*place, "secure_address"),
            "not one plain mail address",
            "give a secure mailbox of the hospital, which its doctors' answers are read in",
        )
    if not rpps_ok(unit.responsible.rpps):
        yield Finding(
            (*place, "responsible", "rpps"),
            "not an RPPS number: 11 digits whose Luhn key holds",
            "copy it again from annuaire.sante.fr",
        )


def _shown(
    sound: Sound, units: dict[str, NeutralUnit], channels: dict[str, NeutralChannel]
) -> Iterator[tuple[Place, str]]:
    """Every text of the neutral faces, and of the hospital, with its place."""
    for key, unit in units.items():
        yield from _texts(("units", key, "neutral"), unit.model_dump())
    for key, channel in channels.items():
        yield from _texts(("channels", key, "neutral"), channel.model_dump())
    if units and (name := _hospital_name(sound)):
        yield ("hospital", "name"), name


def _hospital_name(sound: Sound) -> str:
    hospital = sound.values.get("hospital")
    return hospital.name if hospital is not None else ""


def _texts(place: Place, value: object) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts((*place, str(name)), one)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _texts((*place, number), one)
