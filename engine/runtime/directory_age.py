"""How old the national directory is: told by `relais status` and `relais config check`.

The real extraction has stood still for ten days at a time; a mailbox that is closed since is a
letter that comes back, and a doctor who moved a letter to the old practice.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.model.directory import Origin, Source
from engine.model.errors import StoreError
from engine.runtime.findings import Finding, Sound
from engine.runtime.mistakes import Weight
from engine.store.directory import directory_path
from engine.store.directory_reader import DirectoryReader


def check_annuaire(sound: Sound, now: datetime) -> Iterator[Finding]:
    """Advice when what was imported is old or cannot be read; silence when nothing ever was."""
    data, annuaire = sound.values.get("data"), sound.values.get("annuaire")
    if data is None or annuaire is None:
        return
    told = annuaire_status(data, annuaire.max_age, now)
    if told and told["alarm"]:
        yield Finding(
            ("annuaire", "max_age"),
            told["alarm"],
            "import today's files: relais directory import FILE…",
            Weight.ADVICE,
        )


def annuaire_status(data: Path, most: timedelta, now: datetime) -> dict[str, Any] | None:
    """What was imported, its age, and why that is alarming; None: nothing was imported."""
    try:
        reader = DirectoryReader.open(directory_path(data))
        if reader is None:
            return None
        with reader:
            sources = reader.sources()
    except OSError:
        return None  # the data folder itself: that is told in its own place
    except StoreError as error:
        return {"files": {}, "alarm": f"the national directory cannot be read: {error.what}"}
    return {
        "files": {one.origin.value: f"{one.dated:%Y-%m-%d}" for one in sources.values()},
        "alarm": _alarm(sources.values(), now, most),
    }


def _alarm(sources: Collection[Source], now: datetime, most: timedelta) -> str | None:
    # The site's own file is as old as the site says.
    late = [one for one in sources if one.origin is not Origin.TERRITORY and now - one.dated > most]
    if not late:
        return None
    oldest = min(late, key=lambda one: one.dated)
    return (
        f"the national directory ({oldest.origin.value}) is {(now - oldest.dated).days} days old, "
        f"more than {most.days}"
    )
