"""RDE^O11, VXU^V04 and SIU: orders of medicines, vaccines given, appointments booked.

Each has a number of its own, by which a later message changes or ends it. What ends it, or is not
clearly in force, gives a fact without items: silence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from engine.mapping.clinical_schema import ATC, TreatmentFeed
from engine.mapping.clinical_words import (
    code_of,
    codes_of,
    day,
    day_and_hour,
    half_of_unit,
    line,
    state,
)
from engine.mapping.reading import Notes, is_delete
from engine.model.clinical import Topic
from engine.model.fact import Half
from engine.model.summary import Appointment, Code, Items, Treatment, Vaccination
from engine.wire.hl7 import Repetition, Segment

# S12 books, S13 and S14 change; S15, S16, S17 cancel, stop and delete; S26: nobody came.
BOOKED: Final = frozenset({"S12", "S13", "S14"})


@dataclass(slots=True)
class _Group:
    """One order: an ORC, or the segment that stands for it, and what follows."""

    segments: list[Segment]

    def all(self, name: str) -> list[Segment]:
        return [one for one in self.segments if one.name == name]

    def value(self, name: str, n: int, component: int = 1) -> str:
        return next((one.value(n, component) for one in self.all(name)), "")


def _groups(notes: Notes, head: str) -> list[_Group]:
    """The orders of a message. ``head`` begins one where there is no ORC before it."""
    groups: list[_Group] = []
    for one in notes.message.segments:
        begins = one.name == "ORC" or (
            one.name == head and not (groups and not groups[-1].all(head))
        )
        if begins:
            groups.append(_Group([]))
        if groups:
            groups[-1].segments.append(one)
    return groups


def _number(found: Iterable[Repetition]) -> str:
    """An EI as a key: the number and who gave it."""
    for one in found:
        value = one.value(1).strip()
        if value and not is_delete(value):
            return "^".join(filter(None, (value, one.value(2), one.value(3))))
    return ""


def read_treatments(notes: Notes) -> None:
    """Add a ClinicalStated for each order of an RDE^O11."""
    feed = notes.dialect.clinical.treatment
    groups = _groups(notes, "RXE")
    if not groups:
        notes.missing("RXE", "the message holds no order", grave=feed.validated)
    for one in groups:
        orc = one.all("ORC")
        key = (orc and (_number(orc[0].repetitions(2)) or _number(orc[0].repetitions(3)))) or ""
        key = key or one.value("RXE", 15)
        if not key:
            notes.missing("ORC-2 or ORC-3", "the order has no number", grave=feed.validated)
            continue
        control, status = one.value("ORC", 1), one.value("ORC", 5)
        found: Treatment | None = None
        half = Half.DSS
        if control in feed.in_force and status in feed.states:
            found = _treatment(notes, one, feed)
            half = _half(notes, one, feed)
            if found is None:
                notes.missing("RXE-2", "the medicine has no name", grave=feed.validated)
        items = Items(treatments=(found,)) if found else None
        state(notes, Topic.TREATMENT, items, key=key, half=half, validated=feed.validated)


def _treatment(notes: Notes, order: _Group, feed: TreatmentFeed) -> Treatment | None:
    rxe = order.all("RXE")
    if not rxe:
        return None
    given = rxe[-1]
    label = line(notes, "RXE-2", given.value(2, 2) or given.value(2, 5))
    if label is None:
        return None
    start, end = _period(notes, order)
    return Treatment(
        label=label,
        codes=codes_of(notes, given.repetitions(2)),
        posology=_posology(notes, order, given, feed),
        route=_route(notes, order, feed),
        start=start,
        end=end,
        reason=line(notes, "RXE-27", given.value(27, 2)),
    )


def _timing(order: _Group) -> Segment | None:
    """The TQ1 of the encoded order, which comes after RXE; else that of the request."""
    found = order.all("TQ1")
    return found[-1] if found else None


def _period(notes: Notes, order: _Group) -> tuple[date | None, date | None]:
    """From TQ1-7 and TQ1-8; before v2.5 from components 4 and 5 of ORC-7 or RXE-1."""
    timing = _timing(order)
    if timing is not None:
        return day(notes, "TQ1-7", timing.value(7)), day(notes, "TQ1-8", timing.value(8))
    old = [("RXE-1", order.value("RXE", 1, 4), order.value("RXE", 1, 5))]
    old.append(("ORC-7", order.value("ORC", 7, 4), order.value("ORC", 7, 5)))
    for place, start, end in old:
        if start or end:
            return day(notes, place, start), day(notes, place, end)
    return None, None


def _posology(notes: Notes, order: _Group, rxe: Segment, feed: TreatmentFeed) -> str | None:
    """As the prescriber wrote it; else amount, unit and frequency, if all of them are understood.

    One that would be read in part is left out: the label says what it is, and the doctor asks.
    """
    timing = _timing(order)
    alone = rxe.value(7).strip()  # one word alone is a code
    written = rxe.value(7, 2) or (alone if " " in alone else "")
    written = written or (timing.value(11) if timing is not None else "")
    if told := line(notes, "RXE-7", written):
        return told
    amount, most = rxe.value(3).strip(), rxe.value(4).strip()
    unit = line(notes, "RXE-5", feed.units.get(rxe.value(5), "") or rxe.value(5, 2) or rxe.value(5))
    patterns = [one.value(1) for one in timing.repetitions(3)] if timing is not None else []
    patterns = patterns or [rxe.value(1, 2)]
    if not amount or unit is None or not all(one in feed.frequencies for one in patterns):
        notes.missing("RXE-3, RXE-5, TQ1-3", "the posology is not understood: it is left out")
        return None
    dose = amount if most in ("", amount) else f"{amount} à {most}"
    often = ", ".join(feed.frequencies[one] for one in patterns)
    return line(notes, "TQ1-3", f"{dose} {unit} {often}")


def _route(notes: Notes, order: _Group, feed: TreatmentFeed) -> str | None:
    found = order.all("RXR")
    if not found:
        return None
    # After RXE stands the route of the encoded order, after RXO that of the request.
    code = found[-1].value(1)
    return line(notes, "RXR-1", feed.routes.get(code, "") or found[-1].value(1, 2))


def _half(notes: Notes, order: _Group, feed: TreatmentFeed) -> Half:
    if half_of_unit(notes) is Half.DSP:
        return Half.DSP
    codes: Iterable[Code] = (
        code for rxe in order.all("RXE") for code in codes_of(notes, rxe.repetitions(2))
    )
    mental = any(one.system == ATC and one.code.startswith(feed.psychiatric) for one in codes)
    return Half.DSP if mental else Half.DSS


def read_vaccinations(notes: Notes) -> None:
    """Add a ClinicalStated for each dose of a VXU^V04."""
    feed = notes.dialect.clinical.vaccination
    groups = [one for one in _groups(notes, "RXA") if one.all("RXA")]
    if not groups:
        notes.missing("RXA", "the message holds no vaccine", grave=feed.validated)
    for one in groups:
        rxa, orc = one.all("RXA")[0], one.all("ORC")
        key = (orc and (_number(orc[0].repetitions(3)) or _number(orc[0].repetitions(2)))) or ""
        # Without a number the dose is known by its code and its time.
        key = key or f"{rxa.value(5)}|{rxa.value(3)}"
        found = None
        if rxa.value(21) != "D" and rxa.value(20) in feed.given:
            found = _vaccination(notes, one, rxa)
        items = Items(vaccinations=(found,)) if found else None
        state(notes, Topic.VACCINATION, items, key=key, validated=feed.validated)


def _vaccination(notes: Notes, dose: _Group, rxa: Segment) -> Vaccination | None:
    label = line(notes, "RXA-5", rxa.value(5, 2) or rxa.value(5, 5))
    if label is None:
        notes.missing("RXA-5", "the vaccine has no name")
        return None
    wanted = notes.dialect.clinical.vaccination.due
    due = next((one.value(5) for one in dose.all("OBX") if one.value(3) in wanted), "")
    return Vaccination(
        label=label,
        day=day(notes, "RXA-3", rxa.value(3)),
        code=code_of(notes, rxa.repetitions(5)),
        due=day(notes, "OBX-5", due),
    )


def read_appointment(notes: Notes) -> None:
    """Add the ClinicalStated of an SIU: an outpatient follow-up, or the end of one."""
    feed, message = notes.dialect.clinical.appointment, notes.message
    if len(message.all("PID")) != 1:
        notes.missing("PID", "an appointment of several patients is not read", grave=feed.validated)
        return
    key = next(
        (
            number
            for path in feed.number
            for segment in path.segments(message)
            if (number := _number(segment.repetitions(path.inner.field)))
        ),
        "",
    )
    if not key:
        places = " or ".join(path.text for path in feed.number)
        notes.missing(places, "the appointment has no number", grave=feed.validated)
        return
    # An appointment of another kind may have been a follow-up before: this ends it.
    kind = feed.kinds.get(feed.kind.first(message))
    escorted = any(one.field.first(message) in one.codes for one in feed.escorts)
    found: Appointment | None = None
    if (
        kind is not None
        and not escorted
        and notes.event in BOOKED
        and message.value("SCH", 25) in feed.booked
    ):
        found = _appointment(notes, kind.label)
    items = Items(appointments=(found,)) if found else None
    half = kind.half if kind is not None else Half.DSS
    if half_of_unit(notes) is Half.DSP:
        half = Half.DSP
    state(notes, Topic.APPOINTMENT, items, key=key, half=half, validated=feed.validated)


def _appointment(notes: Notes, label: str) -> Appointment | None:
    feed, message = notes.dialect.clinical.appointment, notes.message
    starts = [("TQ1-7", message.value("TQ1", 7)), ("SCH-11", message.value("SCH", 11, 4))]
    starts += [("AIS-4", message.value("AIS", 4)), ("AIP-6", message.value("AIP", 6))]
    place, text = next(((where, told) for where, told in starts if told), ("TQ1-7", ""))
    when, hour = day_and_hour(notes, place, text)
    if when is None:
        notes.missing(place, "the appointment has no day")
        return None
    with_whom = ""
    for segment in feed.professional.segments(message):
        for one in feed.professional.inner.repetitions(segment):
            with_whom = with_whom or " ".join(filter(None, (one.value(3), one.value(2))))
    phone = next((told for path in feed.phone if (told := path.first(message))), "")
    return Appointment(
        label=line(notes, "AIP-3", f"{label}, {with_whom}" if with_whom else label) or label,
        day=when,
        hour=hour,
        place=line(notes, feed.place.text, feed.place.first(message)),
        phone=line(notes, feed.phone[0].text if feed.phone else "", phone),
    )
