"""What the live directory says of one number today, beside what was imported."""

import contextlib
from pathlib import Path
from typing import Any

from engine.commands.context import refused
from engine.commands.directory import trusted_of
from engine.directory.boxes import seats
from engine.directory.domains import trusted_domains
from engine.model.directory import Listed, Person
from engine.model.people import rpps_ok
from engine.runtime.annuaire_live import LiveAnnuaire
from engine.runtime.settings import load
from engine.runtime.wiring import utc_now
from engine.store.directory import directory_path
from engine.store.directory_reader import DirectoryReader


def asked_live(config_path: Path, rpps: str) -> dict[str, Any]:
    """Ask it, by the settings. Raises EngineError."""
    config = load(config_path).config
    if not config.annuaire.live.enabled:
        raise refused(
            "The live directory is off.",
            where="relais.toml",
            remedy="set enabled = true in [annuaire.live], and its api_key",
        )
    live = LiveAnnuaire(config.annuaire.live, config.data / "directory-live.json", utc_now)
    reader = DirectoryReader.open(directory_path(config.data))
    with contextlib.ExitStack() as stack:
        return told_live(live, rpps, stack.enter_context(reader) if reader else None)


def told_live(live: LiveAnnuaire, rpps: str, reader: DirectoryReader | None) -> dict[str, Any]:
    """What the live directory says of a number, judged as the imported one is, and whether the two
    agree. Raises OperationError."""
    if not rpps_ok(rpps):
        raise refused("That is not an RPPS number.", where="RPPS", remedy="give its 11 digits")
    rows, at = live.look_up(rpps)
    known = reader.by_rpps(rpps) if reader else None
    listed = known.listed if known else Listed(0, f"8{rpps}", "", False, (("", ""),))
    person = Person(
        listed, tuple(one for one in rows if one.holder), known.practices if known else ()
    )
    trusted = trusted_of(reader)[0] if reader else trusted_domains(())
    before = {one.address.lower() for one in known.boxes} if known else set()
    return {
        "rpps": rpps,
        "told_at": at.isoformat(timespec="seconds"),
        "mailboxes": [
            {
                "address": one.box.address,
                "type": one.box.type,
                "seat": one.seat.value,
                "refused": one.fault.value if one.fault else None,
                "imported": one.box.address.lower() in before,
            }
            for one in seats(person, [one for one in rows if not one.holder], trusted)
        ],
        "gone": sorted(before - {one.address.lower() for one in rows}),
    }
