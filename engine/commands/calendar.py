"""The appointments of a stay as calendar files, for the professional who keeps the calendar.

A mail of MSSanté carries one zip and its PDF, and nothing else (ECO.2.1.1): these files go by hand.
"""

from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

from engine.commands.context import Context, refused
from engine.commands.letter_stay import find_stay
from engine.decide.letters import mint_oid
from engine.model.stay import Stay
from engine.model.summary import Appointment
from engine.model.trail import AuditKind
from engine.privacy.report import Known
from engine.privacy.search import search
from engine.runtime.firewall import ground_of
from engine.settled import items_of
from engine.store.interface import Tx


def ics(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """One file an appointment that has a day; how many are still to be booked.

    Refused where a text of one would say prison: the file is as discreet as the strictest letter.
    """
    from engine.compose.calendar import ics as written

    zone = ZoneInfo(context.settings.config.time_zone)

    def work(tx: Tx) -> dict[str, Any]:
        scene, stay = find_stay(context, tx, args)
        patient = scene.record.person.patient
        context.audit(tx, AuditKind.READ, patient=patient, stay=stay.key, what="appointments")
        found = {one: None for items in items_of(tx, stay) for one in items.appointments}
        booked = sorted(
            (one for one in found if one.day is not None),
            key=lambda one: (one.day, str(one.hour or ""), one.model_dump_json()),
        )
        _screen(context, booked)
        now = context.now()
        return {
            "files": [
                written(one, uid=_uid(stay, one), now=now, zone=zone).decode() for one in booked
            ],
            "unbooked": len(found) - len(booked),
        }

    return context.store.write_sync(work)


def _uid(stay: Stay, one: Appointment) -> str:
    """Of the stay, and of what and where: an appointment that is moved stays the same one."""
    return mint_oid("appointment", stay.key, one.label, one.place or "")


def _screen(context: Context, booked: list[Appointment]) -> None:
    """Raises OperationError where a text tells the detention, or anything penal."""
    mail = EmailMessage()
    texts = [filter(None, (one.label, one.place, one.phone)) for one in booked]
    mail.set_content("\n".join(line for each in texts for line in each) + "\n")
    ground = ground_of(context.settings)
    known = Known(people=(), addresses=(), files=frozenset())
    hits = search(mail.as_bytes(), ground.rules, discreet=True, own=ground.own, known=known)
    if hits:
        rules = ", ".join(sorted({ground.rules.name(one.rule_id) for one in hits}))
        raise refused(
            f"An appointment says what a calendar must not: {rules}.",
            where="label, place or telephone of an appointment",
            remedy="write it in other words in the exit letter",
        )
