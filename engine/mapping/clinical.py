"""AL1, DG1, RXE, RXA, SCH: what the record says of the patient's health in passing.

Nothing here ever parks an ADT: an allergy that cannot be read is a gap, and the movement counts.
A message that was sent for nothing else is looked at by a person when its feed is trusted.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError

from engine.mapping.clinical_orders import read_appointment, read_treatments, read_vaccinations
from engine.mapping.clinical_words import code_of, day, half_of_unit, line, state
from engine.mapping.reading import Notes, is_delete
from engine.model.clinical import Topic
from engine.model.fact import Half
from engine.model.summary import Allergy, Diagnosis, Items
from engine.wire.hl7 import Segment

_CIM_10: Final = re.compile(r"[A-Z]\d{2}")


def read_clinical(notes: Notes) -> None:
    """Add the ClinicalStated of a message."""
    match notes.message.value("MSH", 9, 1):
        case "ADT":
            _read_allergies(notes)
            _read_diagnoses(notes)
        case "RDE":
            read_treatments(notes)
        case "VXU":
            read_vaccinations(notes)
        case "SIU":
            read_appointment(notes)
        case _:
            pass


def _read_allergies(notes: Notes) -> None:
    segments = notes.message.all("AL1")
    if not segments:
        return  # a message without AL1 says nothing of allergies
    feed = notes.dialect.clinical.allergies
    none = any(one.value(3) in feed.none for one in segments)
    found = tuple(
        allergy
        for one in segments
        if one.value(3) not in feed.none and (allergy := _allergy(notes, one)) is not None
    )
    items = None
    if found:  # beside a named allergy, "none known" is a contradiction: it is not repeated
        items = _all(notes, "AL1", allergies=found)
        if items is None:
            return
    elif none:
        items = Items(allergies_none=True)
    state(notes, Topic.ALLERGIES, items, validated=feed.validated)


def _all(notes: Notes, place: str, **found: Any) -> Items | None:
    """All of a kind; None, and a gap, where there are more than any patient has: none is cut."""
    try:
        return Items(**found)
    except ValidationError:
        notes.missing(place, "more, or longer, than any patient has: all are left out")
        return None


def _allergy(notes: Notes, al1: Segment) -> Allergy | None:
    label = line(notes, "AL1-3", al1.value(3, 2) or al1.value(3, 5) or al1.value(3))
    if label is None:
        return None
    reactions = [one.value() for one in al1.repetitions(5) if not is_delete(one.value())]
    return Allergy(
        label=label,
        kind=notes.dialect.clinical.allergies.kinds.get(al1.value(2)),
        substance=code_of(notes, al1.repetitions(3)),
        reaction=line(notes, "AL1-5", ", ".join(filter(None, reactions))),
        since=day(notes, "AL1-6", al1.value(6)),
    )


def _read_diagnoses(notes: Notes) -> None:
    segments = notes.message.all("DG1")
    if not segments:
        return
    feed = notes.dialect.clinical.diagnoses
    by_half: dict[Half, list[Diagnosis]] = {half: [] for half in Half}
    for one in segments:
        # DG1-21 = D (table 0206) takes a diagnosis back.
        if one.value(21) == "D" or (one.value(6) and one.value(6) not in feed.types):
            continue
        found = _diagnosis(notes, one)
        if found is not None:
            by_half[_half_of(notes, one, feed.psychiatric)].append(found)
    # Each half's snapshot replaces its earlier one, an empty one too.
    for half, diagnoses in by_half.items():
        items = None
        if diagnoses:
            items = _all(notes, "DG1", diagnoses=tuple(dict.fromkeys(diagnoses)))
            if items is None:
                continue
        state(notes, Topic.DIAGNOSES, items, half=half, validated=feed.validated)


def _diagnosis(notes: Notes, dg1: Segment) -> Diagnosis | None:
    told = dg1.value(4) or dg1.value(3, 2) or dg1.value(3, 5) or dg1.value(3)
    label = line(notes, "DG1-3", told)
    if label is None:
        return None
    return Diagnosis(
        label=label,
        code=code_of(notes, dg1.repetitions(3)),
        since=day(notes, "DG1-5", dg1.value(5)),
    )


def _half_of(notes: Notes, dg1: Segment, psychiatric: Iterable[str]) -> Half:
    """The psychiatric half where its unit says it, or the code is of mental disorders.

    The code counts whatever its system is called: what is written as a CIM-10 code is read as one.
    """
    if half_of_unit(notes) is Half.DSP:
        return Half.DSP
    begins = tuple(one.replace(".", "") for one in psychiatric)  # PMSI writes Z915
    for one in dg1.repetitions(3):
        for value in (one.value(1), one.value(4)):
            code = value.strip().upper()
            if _CIM_10.match(code) and code.replace(".", "").startswith(begins):
                return Half.DSP
    return Half.DSS
