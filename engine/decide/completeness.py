"""What an exit letter lacks: the national items, and those that matter at a prison's door.

Sources: LDL-SES 2022.01 (CI-SIS), whose body cannot be made without the items marked REQUIRED;
art. R1112-1-2 CSP for the content of a discharge letter; the list of the Lille group for the door.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.model.fact import Half
from engine.model.summary import Change, Contribution, Items, Source


class Level(StrEnum):
    """How much an item matters."""

    REQUIRED = "required"  # a structured discharge letter must say it
    NATIONAL = "national"  # a discharge letter should say it
    DOOR = "door"  # what the next caregiver of a released person needs


@dataclass(frozen=True, slots=True)
class Wanted:
    """One item, who owes it, and how to see that it is said."""

    name: str
    level: Level
    label: str
    said: Callable[[Items], bool]
    halves: tuple[Half, ...] = ()  # each of them owes it; (): whoever knows it


BOTH: Final = (Half.DSS, Half.DSP)
SOMATIC: Final = (Half.DSS,)
PSYCHIATRIC: Final = (Half.DSP,)


def _reasons(items: Items) -> bool:
    """Every treatment says what the stay did to it, and why where it did something."""
    return all(
        one.change is not None and (one.change is Change.CONTINUED or one.reason is not None)
        for one in items.treatments
    )


WANTED: Final = (
    Wanted("reason", Level.REQUIRED, "why the unit took the patient in",
           lambda i: bool(i.reason), BOTH),
    Wanted("synthesis", Level.REQUIRED, "medical synthesis", lambda i: bool(i.synthesis), BOTH),
    Wanted("treatments", Level.REQUIRED, "treatments at discharge, or that there are none",
           lambda i: bool(i.treatments) or i.treatments_none, BOTH),
    Wanted("multiresistant", Level.REQUIRED, "multiresistant micro-organisms looked for, or not",
           lambda i: i.multiresistant is not None, SOMATIC),
    Wanted("transfusion", Level.REQUIRED, "transfusion, or none",
           lambda i: i.transfusion is not None, SOMATIC),
    Wanted("blood-products", Level.REQUIRED, "blood products given, or none",
           lambda i: i.blood_products is not None, SOMATIC),
    Wanted("treatment-reasons", Level.NATIONAL,
           "what was started, changed or stopped of the treatments, and why", _reasons),
    Wanted("allergies", Level.NATIONAL, "allergies, or that none is known",
           lambda i: bool(i.allergies) or i.allergies_none, SOMATIC),
    Wanted("events", Level.NATIONAL, "events of the stay", lambda i: bool(i.events)),
    Wanted("results", Level.NATIONAL, "results, awaited ones among them",
           lambda i: bool(i.results)),
    Wanted("devices", Level.NATIONAL, "medical devices", lambda i: bool(i.devices)),
    Wanted("plan", Level.NATIONAL, "plan of care", lambda i: bool(i.plan)),
    Wanted("diseases", Level.DOOR, "chronic diseases", lambda i: bool(i.diagnoses)),
    Wanted("tuberculosis", Level.DOOR, "tuberculosis: treatment, end, CLAT",
           lambda i: i.tuberculosis is not None, SOMATIC),
    Wanted("screenings", Level.DOOR, "hepatitis B, hepatitis C and HIV: offered, result told",
           lambda i: len({one.virus for one in i.screenings}) == 3, SOMATIC),
    Wanted("opioid", Level.DOOR, "opioid substitution: last dose, end, pharmacy, prescriber",
           lambda i: i.opioid is not None),
    Wanted("naloxone", Level.DOOR, "naloxone kit given, or not", lambda i: i.naloxone is not None),
    Wanted("injections", Level.DOOR, "long-acting injection and its next date",
           lambda i: bool(i.injections)),
    Wanted("vaccinations", Level.DOOR, "vaccination", lambda i: bool(i.vaccinations), SOMATIC),
    Wanted("addictions", Level.DOOR, "addictions", lambda i: bool(i.addictions)),
    Wanted("csapa", Level.DOOR, "CSAPA", lambda i: i.csapa is not None),
    Wanted("psychiatric-follow-up", Level.DOOR, "psychiatric follow-up",
           lambda i: bool(i.psychiatric_follow_up), PSYCHIATRIC),
    Wanted("cmp", Level.DOOR, "CMP", lambda i: i.cmp is not None, PSYCHIATRIC),
    Wanted("suicide-risk", Level.DOOR, "suicide risk and its follow-up",
           lambda i: bool(i.suicide_risk), PSYCHIATRIC),
    Wanted("appointments", Level.DOOR, "appointments: who, where, when",
           lambda i: bool(i.appointments)),
    Wanted("prescription", Level.DOOR, "prescription given: for how many days, until when",
           lambda i: i.prescription is not None),
    Wanted("rights", Level.DOOR, "social rights", lambda i: bool(i.rights)),
    Wanted("housing", Level.DOOR, "housing, as far as care depends on it",
           lambda i: bool(i.housing)),
    Wanted("relays", Level.DOOR, "who takes over", lambda i: bool(i.relays)),
    Wanted("told", Level.DOOR, "what the patient was told and agreed to", lambda i: bool(i.told)),
)  # fmt: skip


class Lack(StrEnum):
    """Why an item counts as missing."""

    ABSENT = "absent"
    UNVALIDATED = "unvalidated"  # somebody wrote it, and nobody validated it


@dataclass(frozen=True, slots=True)
class Missing:
    """One item that would not be in the letter."""

    name: str
    level: Level
    label: str
    half: Half | None  # None: whoever knows it
    lack: Lack


@dataclass(frozen=True, slots=True)
class Report:
    """What the letter would lack now.

    ``unread`` are halves that wrote free text or a PDF: their words may hold what is listed as
    missing, and no machine can tell.
    """

    missing: tuple[Missing, ...]
    unvalidated: tuple[Contribution, ...]
    unread: tuple[Half, ...]

    @property
    def complete(self) -> bool:
        """Nothing required is missing, and no document waits for validation.

        The door's items do not count: a patient without tuberculosis has none of it. Nor do
        messages of a feed that the site does not trust: nobody will ever validate them.
        """
        waits = any(one.said.source is not Source.MESSAGE for one in self.unvalidated)
        return not waits and all(
            one.level is not Level.REQUIRED or one.half in self.unread for one in self.missing
        )


def report(
    said: Sequence[Contribution], halves: Iterable[Half], unread: Iterable[Half] = ()
) -> Report:
    """Compare what was said with what is wanted.

    ``said``: documents and background, unvalidated ones too, masked ones left out. ``halves``:
    those that saw the patient. ``unread``: those with a validated document of free text or PDF.
    """
    owing = tuple(dict.fromkeys(halves))
    return Report(
        missing=tuple(lack for one in WANTED for lack in _lacks(one, said, owing)),
        unvalidated=tuple(one for one in said if not one.said.validated),
        unread=tuple(half for half in Half if half in set(unread)),
    )


def _lacks(
    wanted: Wanted, said: Sequence[Contribution], owing: Sequence[Half]
) -> Iterable[Missing]:
    if not wanted.halves:
        lack = _lack(wanted, said)
        return (_missing(wanted, None, lack),) if lack else ()
    return tuple(
        _missing(wanted, half, lack)
        for half in wanted.halves
        if half in owing and (lack := _lack(wanted, [one for one in said if one.half is half]))
    )


def _lack(wanted: Wanted, said: Sequence[Contribution]) -> Lack | None:
    if wanted.said is _reasons:
        valid = [one for one in said if one.said.validated and one.items.treatments]
        return None if all(_reasons(one.items) for one in valid) else Lack.ABSENT
    if any(one.said.validated and wanted.said(one.items) for one in said):
        return None
    return Lack.UNVALIDATED if any(wanted.said(one.items) for one in said) else Lack.ABSENT


def _missing(wanted: Wanted, half: Half | None, lack: Lack) -> Missing:
    return Missing(wanted.name, wanted.level, wanted.label, half, lack)
