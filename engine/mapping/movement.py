"""PV1, ZBE, ZFM, ZFV: the movement, and what a way out means.

Source: PAM FR 2.11, sections 2, 5 and 7 of the reference.
"""

import re
from typing import Final

from engine.mapping.reading import Notes
from engine.mapping.schema import Dialect, ExitLook
from engine.model.fact import (
    AccountMoved,
    Action,
    ExitKind,
    IdentifierChanged,
    MovementStated,
    PatientsMerged,
)
from engine.model.movement import CANCELS, UPDATE
from engine.wire.hl7 import Message, Segment

_EVENT: Final = re.compile(r"[AZ]\d\d")


class _Zbe:
    """ZBE by field number; some senders, ANS examples among them, shift it by one from ZBE-4 on
    because they fill the forbidden ZBE-3 with one bar too many."""

    def __init__(self, segment: Segment | None) -> None:
        self._segment = segment
        self.shift = int(
            segment is not None
            and segment.value(4) not in Action.__members__
            and segment.value(5) in Action.__members__
        )

    def value(self, field: int, component: int = 1) -> str:
        if self._segment is None:
            return ""
        return self._segment.value(field + (self.shift if field >= 4 else 0), component)


def read_movement(notes: Notes) -> None:
    """Add the MovementStated of an ITI-31 event."""
    message, event = notes.message, notes.event
    zbe, pv1 = _Zbe(message.first("ZBE")), message.first("PV1")
    visit = pv1.value(19) if pv1 else ""
    if not visit:
        notes.missing("PV1-19", "the visit number is missing", grave=True)
        return
    # ZBE-6 tells what is updated or cancelled; on an insert, where some fill it, it tells nothing.
    action = _action(event, zbe.value(4))
    named = action is not Action.INSERT and _EVENT.fullmatch(zbe.value(6))
    original = zbe.value(6) if named else CANCELS.get(event, event)
    if original == UPDATE:
        original = ""  # an update of what its movement is, once that is known
    at = notes.time(zbe.value(2) or message.value("EVN", 6))
    if at is None:
        notes.missing("ZBE-2", "the time of the movement is missing or is no time", grave=True)
        return
    unit = _unit(notes, zbe)
    if unit is None:
        places = " or ".join(path.text for path in notes.dialect.mapping.unit)
        notes.missing(places, "no unit (UF) is given")
    kind: ExitKind | None = None
    evidence: tuple[str, ...] = ()
    if original == "A03":
        kind, evidence = exit_meaning(message, notes.dialect, notes.dialect.mapping.exit.discharge)
    elif original == "A21":
        kind, evidence = exit_meaning(message, notes.dialect, notes.dialect.mapping.exit.leave)
        kind = ExitKind.LEAVE if kind is ExitKind.UNKNOWN and not evidence else kind
    notes.facts.append(
        MovementStated(
            movement=_movement_id(zbe, visit, original, at.isoformat()),
            visit=visit,
            account=message.value("PID", 18) or None,
            action=action,
            event=original,
            at=at,
            historic=zbe.value(5) == "Y",
            unit=unit,
            care=notes.dialect.units.care_of(unit) if unit else None,
            patient_class=(pv1.value(2) if pv1 else "") or None,
            exit_kind=kind,
            exit_evidence=evidence,
        )
    )


def _unit(notes: Notes, zbe: _Zbe) -> str | None:
    for path in notes.dialect.mapping.unit:
        inner = path.inner
        if path.segment == "ZBE" and zbe.shift:
            value = zbe.value(inner.field, inner.component)
        else:
            value = path.first(notes.message)
        if value:
            return value
    return None


def _movement_id(zbe: _Zbe, visit: str, event: str, at: str) -> str:
    """ZBE-1.1 and its namespace; a sender without ZBE-1 gets one from what it does say."""
    if zbe.value(1):
        return f"{zbe.value(1)}|{zbe.value(1, 2) or zbe.value(1, 3)}"
    return f"{visit}|{event}|{at}"


def _action(event: str, told: str) -> Action:
    """ZBE-4, where the event does not already say it."""
    if event in CANCELS:
        return Action.CANCEL
    if event == UPDATE:
        return Action.UPDATE  # Z99 never inserts nor cancels
    return Action(told) if told in Action.__members__ else Action.INSERT


def exit_meaning(
    message: Message, dialect: Dialect, looks: tuple[ExitLook, ...]
) -> tuple[ExitKind, tuple[str, ...]]:
    """What a way out means, and the fields that told.

    Death wins over all. Else two fields that disagree, or none that says anything, mean UNKNOWN:
    a person decides. A weak field counts only when no strong one spoke.
    """
    strong: dict[ExitKind, str] = {}
    weak: dict[ExitKind, str] = {}
    for look in looks:
        value = look.field.first(message)
        if not value or value == '""':
            continue
        kind = look.codes.get(value)
        if kind is None and look.field.text.startswith("PV1-37"):
            kind = dialect.units.destination.get(value)
        kind = kind or look.any
        if kind is not None:
            (weak if look.weak else strong).setdefault(kind, look.field.text)
    if message.value("PID", 29) and message.value("PID", 29) != '""':
        strong.setdefault(ExitKind.DEATH, "PID-29")
    told = strong or weak
    if ExitKind.DEATH in told:
        return ExitKind.DEATH, (told[ExitKind.DEATH],)
    if len(told) == 1:
        kind, place = next(iter(told.items()))
        return kind, (place,)
    return ExitKind.UNKNOWN, tuple(told.values())


def read_merge(notes: Notes, patient_of: str, eliminated: str | None) -> None:
    """Add the PatientsMerged of an A40."""
    if eliminated is None:
        notes.missing("MRG-1", "the eliminated patient number is missing", grave=True)
    elif eliminated != patient_of:
        notes.facts.append(PatientsMerged(eliminated=eliminated))


def read_account_move(notes: Notes, patient: str, former: str | None) -> None:
    """Add the AccountMoved of an A44."""
    mrg = notes.message.first("MRG")
    account = (mrg.value(3) if mrg else "") or notes.message.value("PID", 18)
    if former is None:
        notes.missing("MRG-1", "the patient who had the account is missing", grave=True)
    elif not account:
        notes.missing("MRG-3", "the account number is missing", grave=True)
    elif former != patient:
        notes.facts.append(AccountMoved(account=account, former=former, to=patient))


def read_identifier_change(notes: Notes, patient_of: str, eliminated: str | None) -> None:
    """Add the IdentifierChanged of an A47."""
    mrg = notes.message.first("MRG")
    ins_gone = mrg is not None and any(one.value(5) == "INS" for one in mrg.repetitions(1))
    notes.facts.append(
        IdentifierChanged(
            eliminated=eliminated if eliminated != patient_of else None, ins_removed=ins_gone
        )
    )
