"""PV2-9, A16, A25: the day of a release still to come, where the mapping says that they tell it.

Source: PAM FR 2.11, sections 2 and 5 of the reference.
"""

from datetime import datetime

from engine.mapping.reading import Notes, is_delete
from engine.model.release import ReleasePlanned, ReleaseSource


def read_planned_release(notes: Notes) -> None:
    """Add the ReleasePlanned of an ADT, if it states one; what is empty leaves it unchanged."""
    rules = notes.dialect.mapping.release
    visit = notes.message.value("PV1", 19)
    if not visit:
        return
    if notes.event == "A25":
        if rules.pending:
            _add(notes, visit, None, "A25")
        return
    fields = (*rules.pending, *rules.day) if notes.event == "A16" else rules.day
    found = next(((path, text) for path in fields if (text := path.first(notes.message))), None)
    if found is None:
        return
    path, text = found
    if is_delete(text):
        _add(notes, visit, None, path.text)
        return
    at = notes.time(text)
    if at is None or len(text) < len("20260302"):
        notes.missing(path.text, "the day of the planned release is no day")
        return
    _add(notes, visit, at, path.text)


def _add(notes: Notes, visit: str, at: datetime | None, place: str) -> None:
    notes.facts.append(
        ReleasePlanned(
            on=at.date() if at else None,
            source=ReleaseSource.RECORD,
            at=notes.recorded_at,
            by=place,
            visit=visit,
        )
    )
