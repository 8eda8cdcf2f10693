"""Releases as the store knows them, each with what came back about its letter."""

from datetime import datetime, timedelta
from typing import Final

from engine.decide.ladder import standing
from engine.decide.report import Ladder, Release, ladders
from engine.model.stay import visit_of_key
from engine.model.task import TaskKind
from engine.store.interface import StayRow, Tx

WATCHED: Final = timedelta(days=30)


def releases(tx: Tx, since: datetime, until: datetime) -> list[tuple[StayRow, Release]]:
    """Those in [since, until), of patients who are still known."""
    return [(row, _release(tx, row)) for row in tx.facts.stays_released(since, until)]


def lately(tx: Tx, now: datetime) -> dict[str, Ladder]:
    """The rungs of the last 30 days by unit, for those who watch the service."""
    return ladders(one for _, one in releases(tx, now - WATCHED, now))


def _release(tx: Tx, row: StayRow) -> Release:
    assert row.continuity is not None  # it would not be among those released
    unit, visit = row.usmp, visit_of_key(row.key)
    letter = tx.outbox.get(row.continuity.letter) if row.continuity.letter else None
    checked = bool(row.continuity.needs) and any(
        one.kind is TaskKind.WEEK_CHECK
        and one.stay == row.key
        and one.closed_by not in (None, "relais")
        for one in tx.tasks.of_patient(row.patient)
    )
    if letter is None:
        return Release(unit, visit, row.continuity, checked=checked)
    stands = standing(letter, tx.receipts.of_delivery(letter.id))
    return Release(unit, visit, row.continuity, stands.rung.value, stands.proven, checked)
