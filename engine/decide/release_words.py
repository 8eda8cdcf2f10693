"""What to say around a release, and to whom: the page behind a task. Pure: values in, lines out.

The unit's own staff, who organise the way out, see the day. The words for others hold none: a
coordinator hears of a week, a doctor of no date at all; neither hears where the patient is.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from typing import Final

from engine.decide.release import gp_to_call, week_of
from engine.decide.scene import Scene
from engine.model.directory import TerritoryRow
from engine.model.stay import Stay
from engine.model.summary import Appointment, Contact, Items
from engine.model.task import TaskKind

COORDINATORS: Final = ("CPTS", "DAC")
_MONTHS: Final = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre"),
    *("octobre", "novembre", "décembre"),
)


def page_of(
    scene: Scene,
    stay: Stay,
    kind: TaskKind,
    items: Sequence[Items],
    territory: Sequence[TerritoryRow],
    zone: tzinfo,
) -> list[str]:
    """The lines of one task of decide.release; none for any other, or once it is out of date."""
    match kind:
        case TaskKind.RELEASE_DATE_DOUBT | TaskKind.RELEASE_APPOINTMENTS if stay.exit is None:
            lines = [_statement(one.source, one.on, one.at, zone) for one in stay.planned.said]
            if kind is TaskKind.RELEASE_APPOINTMENTS:
                lines += _with_whom(scene, stay, items, territory)
            return lines
        case TaskKind.RELEASE_CALL if stay.exit is None:
            return _call(scene, stay)
        case TaskKind.RELEASE_COORDINATOR if stay.exit is None and stay.planned.on is not None:
            return _coordinator(scene, stay, stay.planned.on, territory)
        case TaskKind.RELEASE_COORDINATOR_RECALL if stay.exit is None:
            return _recall(scene, stay, territory)
        case TaskKind.WEEK_CHECK if stay.exit is not None:
            return _check(items, stay.exit.at.astimezone(zone).date())
        case _:
            return []


def _statement(source: str, on: date | None, at: datetime, zone: tzinfo) -> str:
    day = f"planned for {on}" if on else "no release planned"
    return f"{source}, {at.astimezone(zone):%Y-%m-%d %H:%M}: {day}"


def _call(scene: Scene, stay: Stay) -> list[str]:
    doctor = gp_to_call(scene, stay)
    if doctor is None:
        return ["nobody: the doctor may not know, or is not confirmed"]
    return [
        f"call: Dr {doctor.family} {doctor.given}, {doctor.place or doctor.address}",
        f"in the name of: {_name(scene, stay)}; name neither a place nor a day",
        f"« Je vous appelle au sujet de {_patient(scene)}, que nous suivons et dont la prise en "
        "charge chez nous prendra fin prochainement. »",
        "« Où vivra-t-il, vivra-t-elle ? Avec qui ? Ses droits sont-ils ouverts (C2S, AME, ALD) ? "
        "Le verrez-vous ? Qui d'autre le suit ? »",
    ]


def _coordinator(
    scene: Scene, stay: Stay, day: date, territory: Sequence[TerritoryRow]
) -> list[str]:
    return [
        *_to_coordinators(scene, stay, territory),
        f"« {_patient(scene)}, que nous suivons, aura besoin d'un relais de soins dans la semaine "
        f"du {_french(week_of(day))}. Son accord pour que vous en soyez informé est enregistré. »",
    ]


def _recall(scene: Scene, stay: Stay, territory: Sequence[TerritoryRow]) -> list[str]:
    return [
        *_to_coordinators(scene, stay, territory),
        f"« Le relais de soins que nous avions annoncé pour {_patient(scene)} n'est plus à prévoir "
        "pour la semaine que nous avions dite. Nous vous rappellerons. »",
    ]


def _to_coordinators(scene: Scene, stay: Stay, territory: Sequence[TerritoryRow]) -> list[str]:
    return [
        *_services(territory, COORDINATORS, "call", "no CPTS or DAC in the territory file"),
        f"in the name of: {_name(scene, stay)}; name neither a place nor the day",
    ]


def _french(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _with_whom(
    scene: Scene, stay: Stay, items: Sequence[Items], territory: Sequence[TerritoryRow]
) -> list[str]:
    doctor = gp_to_call(scene, stay)
    lines = [
        f"médecin traitant: Dr {doctor.family} {doctor.given}, {doctor.place or doctor.address}"
        if doctor
        else "médecin traitant: may not be told, or is not confirmed: do not call"
    ]
    for name in ("csapa", "cmp"):
        known = [one for each in items if (one := getattr(each, name)) is not None]
        lines += [f"{name.upper()} of the letter: {_contact(one)}" for one in known]
        if not known:
            lines += _services(territory, (name.upper(),), name.upper(), "")
    return lines


def _check(items: Sequence[Items], left: date) -> list[str]:
    booked = [one for each in items for one in each.appointments if not one.day or one.day >= left]
    booked.sort(key=lambda one: (one.day or date.max, str(one.hour or ""), one.label))
    lines = [f"appointment: {_appointment(one)}" for one in dict.fromkeys(booked)]
    until = [one.prescription.covered_until for one in items if one.prescription is not None]
    until += [one.opioid.prescription_end for one in items if one.opioid is not None]
    days = sorted({one for one in until if one is not None})
    return [
        *(lines or ["appointment: none is recorded"]),
        "treatment covered until: " + (", ".join(map(str, days)) or "not recorded"),
    ]


def _appointment(one: Appointment) -> str:
    when = f"{one.day or 'day not known'}{one.hour.strftime(' %H:%M') if one.hour else ''}"
    return ", ".join(filter(None, (when, one.label, one.place, one.phone)))


def _contact(one: Contact) -> str:
    return ", ".join(filter(None, (one.name, one.address, one.phone)))


def _services(
    territory: Iterable[TerritoryRow], kinds: Sequence[str], head: str, none: str
) -> list[str]:
    rows = [one for one in territory if one.kind in kinds]
    lines = [
        f"{head}: "
        + ", ".join(filter(None, (one.name, one.area, one.town, one.phone, one.address, one.note)))
        for one in rows
    ]
    return lines or ([f"{head}: {none}"] if none else [])


def _name(scene: Scene, stay: Stay) -> str:
    """Who calls: the unit's neutral face, or the hospital; never the unit's own name."""
    face = scene.policy.units[stay.usmp]
    return face.neutral.unit if face.neutral else face.hospital


def _patient(scene: Scene) -> str:
    traits = scene.record.person.traits
    names = f"{traits.used_family or traits.birth_family} {traits.birth_given}"
    born = traits.birth_date or ""
    return f"{names}, né(e) le {born[6:8]}/{born[4:6]}/{born[:4]}" if len(born) == 8 else names
