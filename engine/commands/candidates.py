"""Who may be meant, for the person who must choose: what each source says, what the directories
answer, and the candidates, best first, each with what speaks for it."""

from typing import Any, Final

from engine.commands.context import Context
from engine.commands.directory import told_search
from engine.directory.doctor import asked_of
from engine.model.people import Professional
from engine.model.recipient import Answer
from engine.model.stay import GpSaid
from engine.model.task import TaskKind
from engine.store.interface import Tx

ABOUT_DOCTORS: Final = frozenset(
    {
        TaskKind.GP_UNKNOWN,
        TaskKind.GP_UNCONFIRMED,
        TaskKind.GP_DOUBT,
        TaskKind.GP_DISOWNED,
        TaskKind.GP_ON_PORTAL,
        TaskKind.MAILBOX_MISSING,
        TaskKind.MAILBOX_DOUBT,
        TaskKind.ADDRESS_REFUSED,
        TaskKind.NO_ELECTRONIC_MAIL,
    }
)
_MOST: Final = 5


def told_doctor(context: Context, tx: Tx, patient: str) -> dict[str, Any]:
    """What is known of a patient's médecin traitant, as lines a person reads."""
    scene = context.knowledge.scene(tx, patient, context.now())
    person = scene.record.person
    told: dict[str, Any] = {"said": [said_line(one) for one in person.gp_said] or ["nothing"]}
    if scene.answer is not None:
        told["directory"] = answer_lines(scene.answer)
    named = person.gp_named or person.gp
    if named is not None:
        told |= _candidates(context, named)
    return told


def said_line(one: GpSaid) -> str:
    """One source, with its date and who brought it."""
    who = "the patient has none"
    if one.doctor is not None:
        where = " ".join(filter(None, (one.doctor.postal, one.doctor.town, one.doctor.phone)))
        number = f"RPPS {one.doctor.rpps}" if one.doctor.rpps else "no RPPS"
        name = f"{one.doctor.family} {one.doctor.given}".strip()
        who = ", ".join(filter(None, (name, number, where)))
    by = f", by {one.by}" if one.by else ""
    return f"{one.source}, {one.at:%Y-%m-%d}{by}: {who}"


def answer_lines(answer: Answer) -> list[str]:
    """Whom the directories mean, and the mailbox for each kind of letter, or why there is none."""
    who = f"RPPS {answer.rpps} {answer.family} {answer.given}" if answer.rpps else "nobody"
    lines = [f"{who}{' (by name)' if answer.by_name else ''}; asked: {answer.source or 'none'}"]
    for one in answer.choices:
        paper = ", and on paper" if one.paper_too else ""
        where = (
            f"{one.mailbox.address} ({one.mailbox.type}, {one.mailbox.channel}){paper}"
            if one.mailbox
            else f"none: {one.why}"
        )
        lines.append(f"{one.kind}: {where}")
    return lines


def _candidates(context: Context, named: Professional) -> dict[str, Any]:
    found = context.settings.doctors.look(
        lambda reader, trusted: told_search(reader, asked_of(named), _MOST, trusted)
    )
    if found is None:
        return {}
    return {
        "candidates": [
            f"{rank}. RPPS {one['rpps'] or '-'} {one['family']} {one['given']}, "
            f"{one['speciality']}, {' / '.join(one['places'][:3]) or 'no place'}: "
            f"{'; '.join(one['evidence'])}; mailboxes: {_boxes(one['mailboxes'])}"
            for rank, one in enumerate(found["candidates"], 1)
        ],
        "why_nobody": found.get("why_not", ""),
    }


def _boxes(rows: list[dict[str, Any]]) -> str:
    told = [
        f"{one['address']} ({one['type']}, {one['seat']}"
        + (f", refused: {one['refused']})" if one["refused"] else ")")
        for one in rows
    ]
    return ", ".join(told) or "none"
