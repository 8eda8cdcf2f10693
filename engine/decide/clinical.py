"""What messages said of the patient's health: the background of a stay.

It enriches a letter that leaves for other reasons: it never calls for one, and a change of it
calls for no new version. What nobody validated is kept for the unit's own eyes.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from engine.decide.movements import sender_order
from engine.model.clinical import ClinicalStated, Topic
from engine.model.fact import ExitKind, Half, Heard
from engine.model.stay import Exit, Stay
from engine.model.summary import Appointment, Contribution, Items, Said, Source, Treatment

# The fields of Items that each topic fills.
FIELDS: Final[dict[Topic, tuple[str, ...]]] = {
    Topic.ALLERGIES: ("allergies", "allergies_none"),
    Topic.DIAGNOSES: ("diagnoses",),
    Topic.TREATMENT: ("treatments", "treatments_none"),
    Topic.VACCINATION: ("vaccinations",),
    Topic.APPOINTMENT: ("appointments",),
}
_ORDER: Final = {topic: place for place, topic in enumerate(Topic)}
_EMPTY: Final = Items()

# What one statement is about: topic, number, and the half of a snapshot.
_Group = tuple[Topic, str, Half | None]


def background(
    facts: Iterable[Heard],
    stay: Stay,
    belongs: Callable[[str | None, datetime], bool],
    back_at: datetime | None = None,
) -> tuple[Contribution, ...]:
    """The last statement of each order, appointment and snapshot, one contribution each.

    ``belongs`` tells whether something said of a visit, at a time, is of this stay. An order is
    looked at as a whole, wherever its end was told; a snapshot only replaces one of the same stay.
    ``back_at``: when the patient was detained again.
    """
    last: dict[_Group, tuple[Heard, ClinicalStated]] = {}
    visits: dict[_Group, str | None] = {}
    told = (heard for heard in facts if isinstance(heard.fact, ClinicalStated))
    for heard in sorted(told, key=sender_order):
        said = heard.fact
        assert isinstance(said, ClinicalStated)
        if not said.key and not belongs(said.visit, heard.recorded_at):
            continue
        group = (said.topic, said.key, None if said.key else said.half)
        last[group] = (heard, said)
        visits[group] = said.visit or visits.get(group)
    found = [
        (_ORDER[said.topic], heard.recorded_at, said.key, said.half, _contribution(heard, said, it))
        for group, (heard, said) in last.items()
        if said.items is not None
        and (not said.key or belongs(visits[group], heard.recorded_at))
        and (it := _still_true(said.items, stay.exit, back_at)) != _EMPTY
    ]
    return tuple(row[-1] for row in sorted(found, key=lambda row: row[:-1]))


def gathered(
    stated: Iterable[Contribution],
    written: Sequence[Contribution],
    halves: Container[Half],
    *,
    unread: bool = False,
) -> tuple[Contribution, ...]:
    """What of a background a letter shows beside its documents: one contribution a half.

    Only what is validated, and whose half the letter has the patient's agreement for. A topic
    that a document of the same half already tells item by item is the author's: two lists would
    be read as two treatments. But a named allergy stands, whoever says that there is none (see
    ``agreeing``). Beside free text, or a PDF (``unread``), no message tells that there is no
    allergy: the author may have named one.
    """
    silent: frozenset[str] = frozenset()
    if unread or any(one.items.narratives for one in written):
        silent = frozenset({"allergies_none", "treatments_none"})
    by_half: dict[Half, list[Contribution]] = {}
    for one in stated:
        if one.said.validated and one.half in halves:
            by_half.setdefault(one.half, []).append(one)
    return tuple(
        Contribution(half=half, said=_joint(by_half[half]), items=items)
        for half in Half
        if half in by_half
        and (items := _merged(by_half[half], silent | _taken(written, half))) != _EMPTY
    )


def agreeing(
    parts: Iterable[Contribution], background: Iterable[Contribution] = ()
) -> tuple[Contribution, ...]:
    """The parts without any "no allergy", where one of them names an allergy, or a message that
    is validated (``background``) does: wrong, the one may kill."""
    parts = tuple(parts)
    named = any(one.items.allergies for one in parts) or any(
        one.items.allergies for one in background if one.said.validated
    )
    if not named:
        return parts
    found = (_without_none(one) for one in parts)
    return tuple(
        one for one in found if one.said.source is not Source.MESSAGE or one.items != _EMPTY
    )


def _without_none(one: Contribution) -> Contribution:
    if not one.items.allergies_none:
        return one
    items = one.items.model_copy(update={"allergies_none": False})
    return one.model_copy(update={"items": items})


def _taken(written: Iterable[Contribution], half: Half) -> frozenset[str]:
    """The fields that documents of a half tell, and messages of that half no longer."""
    taken = {
        name
        for one in written
        if one.half is half
        for topic in Topic
        if tells(one.items, topic)
        for name in FIELDS[topic]
    }
    if not any(one.items.allergies for one in written if one.half is half):
        taken.discard("allergies")
    return frozenset(taken)


def tells(items: Items, topic: Topic) -> bool:
    """Whether the items say anything on a topic."""
    return any(getattr(items, name) for name in FIELDS[topic])


def _contribution(heard: Heard, said: ClinicalStated, items: Items) -> Contribution:
    return Contribution(
        half=said.half,
        said=Said(
            source=Source.MESSAGE,
            reference=said.reference,
            at=heard.recorded_at,
            validated=said.validated,
        ),
        items=items,
    )


def _still_true(items: Items, way_out: Exit | None, back_at: datetime | None) -> Items:
    """Without what is over at the release, and without any appointment before it.

    While the patient is detained an appointment is an escort, whose date is told to nobody: so
    none is shown before there is a release, nor one of that day or of an earlier one, nor one
    that lies in a later detention.
    """
    last = back_at.date() if back_at else date.max
    return items.model_copy(
        update={
            "treatments": tuple(one for one in items.treatments if _goes_on(one, way_out)),
            "appointments": tuple(
                one for one in items.appointments if _follows(one, way_out, last)
            ),
        }
    )


def _goes_on(one: Treatment, way_out: Exit | None) -> bool:
    return one.end is None or way_out is None or one.end >= way_out.at.date()


def _follows(one: Appointment, way_out: Exit | None, last: date) -> bool:
    return (
        way_out is not None
        and way_out.kind is ExitKind.RELEASE
        and one.day is not None
        and way_out.at.date() < one.day < last
    )


def _joint(parts: Sequence[Contribution]) -> Said:
    references = dict.fromkeys(one.said.reference for one in parts)
    return Said(
        source=Source.MESSAGE,
        reference=" ".join(references),
        at=max(one.said.at for one in parts),
        validated=True,
    )


def _merged(parts: Iterable[Contribution], taken: Container[str]) -> Items:
    merged: dict[str, Any] = {}
    for one in parts:
        for names in FIELDS.values():
            for name in names:
                value = getattr(one.items, name)
                if value and name not in taken:
                    merged[name] = merged.get(name, ()) + value if value is not True else True
    for name, value in merged.items():
        if value is not True:
            merged[name] = tuple(dict.fromkeys(value))
    # Each part was judged when it came; all together may be more than one source may say, and then
    # the letter is found too long, and a person hears of it.
    return Items.model_construct(**merged)
