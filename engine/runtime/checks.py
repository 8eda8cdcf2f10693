"""What the values of relais.toml must be to one another and to the machine."""

import difflib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.mapping.load import load_mapping
from engine.model.channel import Record
from engine.model.config import Encryption, Health, Hospital
from engine.model.errors import ConfigError, StoreError
from engine.model.people import luhn_ok, rpps_ok
from engine.model.policy import Mode
from engine.record import RECORD
from engine.runtime import certificates
from engine.runtime.check_neutral import check_envelopes, check_neutral
from engine.runtime.check_recipients import check_recipients
from engine.runtime.check_returns import check_returns
from engine.runtime.check_traffic import check_channel, check_retry, check_ways_in, loopback
from engine.runtime.check_ways_out import check_mllp
from engine.runtime.directory_age import check_annuaire
from engine.runtime.directory_file import NO_MAILBOX, DirectoryError, is_address, read_directory
from engine.runtime.findings import ABSENT, Finding, Sound, cure_of, folder_fault
from engine.runtime.leaflet import leaflet_fault
from engine.runtime.lexicon import rules_of
from engine.runtime.mistakes import Weight
from engine.runtime.secrets import resolve_secret
from engine.runtime.toml_positions import Path as Place
from engine.store.masters import parse as parse_masters

_MOST_ROWS_TOLD: Final = 50


def check(sound: Sound, now: datetime) -> Iterator[Finding]:
    """All findings, in no particular order; fills `sound.dialects`, `sound.directory` and
    `sound.without_gp`."""
    yield from _mode(sound)
    yield from _places(sound)
    yield from _hospital(sound)
    yield from _mappings(sound)
    yield from _units(sound)
    yield from _privacy(sound)
    yield from check_neutral(sound)
    yield from check_envelopes(sound)
    yield from check_ways_in(sound, now)
    for name, channel in sound.channels.items():
        yield from check_channel(("channels", name), channel, now)
    yield from _record(sound, now)
    yield from check_retry(sound)
    yield from check_returns(sound, now)
    yield from _directory(sound)
    yield from check_annuaire(sound, now)
    yield from check_recipients(sound)


def _record(sound: Sound, now: datetime) -> Iterator[Finding]:
    record: Record | None = sound.values.get("record")
    if record is None:
        return
    if RECORD in sound.names("channels"):
        yield Finding(
            ("channels", RECORD),
            "the way to the hospital's record has this name already",
            "choose another name for this channel",
        )
    line = record.mllp
    yield from check_mllp(("record", "mllp"), line, loopback(line.host), now)
    if record.profile and not re.fullmatch(r"[0-9.]+\^\w+", record.profile):
        yield Finding(
            ("record", "profile"),
            "not a profile of MSH-21: version, ^, name",
            'such as "2.1^CISIS_CDA_HL7_V2"',
        )


def _mode(sound: Sound) -> Iterator[Finding]:
    mode, boxes = sound.values.get("mode"), sound.values.get("test_mailboxes")
    if mode is Mode.TEST and boxes == ():
        yield Finding(
            ("test_mailboxes",),
            "test mode, and no mailbox to send to",
            'add test_mailboxes = ["…"]: in test mode every mail goes there',
        )
    for number, box in enumerate(boxes or ()):
        if not is_address(box):
            yield Finding(
                ("test_mailboxes", number),
                "not one plain mail address",
                "such as essai@a.mssante.fr",
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
        yield from _data(data)
    key = sound.values["audit"].signing_key if "audit" in sound.values else None
    if key is not None:
        yield from certificates.check_signing_key(("audit", "signing_key"), key, Finding)
    yield from _master_key(sound)
    health: Health | None = sound.values.get("health")
    if health is not None and not loopback(health.host):
        yield Finding(
            ("health", "host"),
            "the health port would be open to the network, without a login",
            'set host = "127.0.0.1" and put a reverse proxy before it',
            Weight.ADVICE,
        )


def _master_key(sound: Sound) -> Iterator[Finding]:
    """A reference must hold what it should; the file of ours is made at the first start."""
    encryption: Encryption | None = sound.values.get("encryption")
    if encryption is None or encryption.master_key is None:
        return
    place = ("encryption", "master_key")
    try:
        text = resolve_secret(encryption.master_key).get_secret_value()
        parse_masters(text, encryption.master_key.name)
    except ConfigError as error:
        # The account that checks is often not the one that systemd gives the credential to.
        missing = encryption.master_key.source == "credential"
        weight = Weight.ADVICE if missing else Weight.STOPS
        yield Finding(place, error.what.rstrip("."), error.remedy, weight)
    except StoreError as error:
        yield Finding(place, error.effect.partition(";")[0], error.remedy)


def _data(data: Path) -> Iterator[Finding]:
    """The daemon makes this folder itself, in one that exists."""
    fault, above = folder_fault(data), folder_fault(data.parent)
    if fault == ABSENT and above is None:
        return
    if fault == ABSENT and above == ABSENT:
        yield Finding(("data",), "the folder above it does not exist", f"mkdir -p {data}")
    elif fault is not None:
        yield Finding(("data",), fault, cure_of(fault, data))
    elif not os.access(data, os.W_OK | os.X_OK):
        yield Finding(
            ("data",),
            "this account cannot write there",
            "run as the account of the daemon, or chown it",
        )


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
        if not is_address(unit.secure_address):
            yield Finding(
                ("units", key, "secure_address"),
                "not one plain mail address",
                "give the unit's MSSanté address, which doctors answer to",
            )
        if unit.leaflet is not None and (fault := leaflet_fault(unit.leaflet)):
            yield Finding(
                ("units", key, "leaflet"),
                fault,
                "save it again as PDF/A-1, or leave the setting out",
            )
        if not rpps_ok(unit.responsible.rpps):
            yield Finding(
                ("units", key, "responsible", "rpps"),
                "not an RPPS number: 11 digits whose Luhn key holds",
                "copy it again from annuaire.sante.fr",
            )


def _mappings(sound: Sound) -> Iterator[Finding]:
    if "mappings" not in sound.values:
        return
    try:
        entries = list(sound.mappings.iterdir())
    except OSError:
        fault = folder_fault(sound.mappings) or "this account may not list it"
        yield Finding(("mappings",), fault, "give the folder that holds pam-fr/")
        return
    # os.path.isfile: another mapping's folder may be closed to us, and is none of our concern.
    known = sorted(one.name for one in entries if os.path.isfile(one / "mapping.toml"))
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
        except (OSError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or "brackets in brackets without end"
            yield Finding(
                place,
                f"mappings/{name} cannot be read: {reason.lower()}",
                "check the files of that mapping, and who may read them",
            )


def _privacy(sound: Sound) -> Iterator[Finding]:
    """The rules on what no letter may say: without them none leaves."""
    if folder_fault(sound.mappings) is not None:
        return
    try:
        rules_of(sound.mappings)
    except ConfigError as error:
        yield Finding(("mappings",), f"{error.where}: {error.what}", error.remedy)


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
        if key not in sound.names("units"):
            yield Finding(
                ("units",),
                f"the unit {key} of mappings/{name}/units.toml has no letterhead",
                f"add the table [units.{key}]; see: relais config describe",
            )


def _directory(sound: Sound) -> Iterator[Finding]:
    path: Path | None = sound.values.get("directory")
    if path is None or "channels" not in sound.values:
        return
    try:
        sound.directory, rows = read_directory(path, sound.names("channels"))
    except DirectoryError as error:
        yield Finding(("directory",), error.what, error.cure)
        return
    for row in rows[:_MOST_ROWS_TOLD]:
        yield Finding(
            (), row.what, row.cure, Weight.SKIPS, file=path.name, line=row.line, column=row.column
        )
    yield from _paper(sound)
    if len(rows) > _MOST_ROWS_TOLD:
        yield Finding(
            ("directory",),
            f"{len(rows) - _MOST_ROWS_TOLD} more rows are left out",
            "correct the first ones, then check again",
            Weight.SKIPS,
        )


def _paper(sound: Sound) -> Iterator[Finding]:
    """Doctors who are reached on paper have a postal address; the others have a mailbox."""
    prints = {name for name, one in sound.channels.items() if one.print is not None}
    boxes = [box for held in (sound.directory).values() for box in held]
    homeless = sum(box.channel in prints and not box.postal for box in boxes)
    if homeless:
        yield Finding(
            ("directory",),
            f"{homeless} rows of a channel that prints have no postal address",
            "fill the column postal, lines separated by |",
            Weight.ADVICE,
        )
    boxless = sum(
        box.channel in sound.channels
        and box.channel not in prints
        and box.address.endswith(f"@{NO_MAILBOX}")
        for box in boxes
    )
    if boxless:
        yield Finding(
            ("directory",),
            f"{boxless} rows have no mailbox, and a channel that does not print",
            "give the mailbox, or the name of a channel with a table print",
        )
