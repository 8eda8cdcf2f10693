"""Which day a release is planned for: what was said of it, by whom, and what stands.

Of one source the last word stands. Two sources that disagree contradict each other, and none
overrides the other; a person who speaks last settles it, until another source says something new.
Penal data: only decide.release reads it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from engine.decide.movements import sender_order
from engine.model.fact import Heard
from engine.model.release import PlannedRelease, ReleasePlanned, ReleaseSource


class _Word(NamedTuple):
    """What one source says, since when, and at the end of which order of its sender."""

    since: datetime
    order: str
    said: tuple[ReleasePlanned, ...]


def planned_release(statements: Iterable[tuple[Heard, ReleasePlanned]]) -> PlannedRelease:
    """Fold the statements of one stay. Any order, any repetition: the same value."""
    by_source: dict[ReleaseSource, list[tuple[Heard, ReleasePlanned]]] = {}
    for heard, said in sorted(statements, key=lambda one: sender_order(one[0])):
        by_source.setdefault(said.source, []).append((heard, said))
    words = {source: _last_word(source, said) for source, said in by_source.items()}
    person = words.get(ReleaseSource.PERSON)
    if person is not None and all(one.since <= person.since for one in words.values()):
        words = {ReleaseSource.PERSON: person}
    standing = [one for word in words.values() for one in word.said]
    return PlannedRelease(
        days=tuple(sorted({one.on for one in standing if one.on is not None})),
        withdrawn=any(one.on is None for one in standing),
        said=tuple(sorted(set(standing), key=lambda one: one.model_dump_json())),
    )


def _last_word(source: ReleaseSource, told: Sequence[tuple[Heard, ReleasePlanned]]) -> _Word:
    """Two lines of one list about one patient are one word, and may contradict themselves.

    The record repeats what it has in every message: its word is as old as its first saying. Each
    list of the greffe is a new word.
    """
    words: list[_Word] = []
    for heard, said in told:
        if words and (words[-1].since, words[-1].order) == (heard.recorded_at, heard.sender_order):
            words[-1] = words[-1]._replace(said=(*words[-1].said, said))
        else:
            words.append(_Word(heard.recorded_at, heard.sender_order, (said,)))
    last = words[-1]
    if source is ReleaseSource.RECORD:
        for word in reversed(words):
            if {one.on for one in word.said} != {one.on for one in last.said}:
                break
            last = last._replace(since=word.since)
    return last
