"""The médecin traitant: what a person found out, and what doctors say of themselves."""

import csv
import io
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from engine.commands.context import (
    Context,
    choice_of,
    find_patient,
    moment_of,
    refused,
    text_of,
    words_of,
)
from engine.commands.receipts import disown, sent_row
from engine.decide.gp import gp_state
from engine.decide.scene import Scene
from engine.decide.without_gp import may_look_up
from engine.knowledge import reconsider
from engine.model.errors import OperationError
from engine.model.fact import GpConfirmed, GpFound, GpSource
from engine.model.people import Professional, rpps_ok
from engine.model.recipient import DoctorNote
from engine.model.stay import Stay
from engine.model.task import TaskKind
from engine.model.trail import AuditKind
from engine.store.interface import Tx

WORKLIST: Final = (
    *("patient", "family", "given", "born", "unit", "recorded"),
    *("answer", "rpps", "gp_family", "gp_given", "gp_place", "looked_at", "looked_by"),
)
# What a person who looked writes in the column `answer`.
_DECLARED, _NONE, _NOT_FOUND = "declared", "none", "not-found"
_MOST_TEXT: Final = 4 * 1024 * 1024


def confirm(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """A person says which doctor is the right one: the one declared, or one of those that the
    sources name where they disagree."""
    rpps = text_of(args, "rpps")

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        person = context.knowledge.scene(tx, patient, context.now()).record.person
        named = {one.doctor.rpps for one in person.gp_said if one.doctor is not None}
        if rpps not in named | {person.gp.rpps if person.gp else None}:
            raise refused(
                "That doctor is not the one declared for this patient.",
                where="--rpps",
                remedy="correct the médecin traitant in the patient record (DPI); its next message "
                "brings it here; then confirm it. What the portal or the patient says: "
                "relais gp found",
            )
        context.audit(tx, AuditKind.GP_CONFIRMED, patient=patient, rpps=rpps)
        context.tell(tx, patient, GpConfirmed(rpps=rpps, at=context.now(), by=context.actor))
        return {"confirmed": True}

    result = context.store.write_sync(work)
    context.wake()
    return result


def found(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Bring back what the insurer's portal, or the patient, says of the médecin traitant."""

    def work(tx: Tx) -> dict[str, Any]:
        return {"recorded": _bring_back(context, tx, args=args)}

    result = context.store.write_sync(work)
    context.wake()
    return result


def _bring_back(context: Context, tx: Tx, *, args: dict[str, Any]) -> str:
    source = choice_of(args, "source", GpSource) or GpSource.AMELIPRO
    answer = words_of(args, "answer") or (_DECLARED if words_of(args, "rpps") else None)
    if answer not in (_DECLARED, _NONE, _NOT_FOUND):
        raise refused(
            "It is not said what was found.",
            where="--answer",
            remedy=f"give --rpps, or --answer {_NONE} (the patient has none), or {_NOT_FOUND}",
        )
    gp = _doctor(args) if answer == _DECLARED else None
    at = moment_of(context, words_of(args, "at"))
    by = words_of(args, "looked_by") or context.actor
    patient = find_patient(tx, text_of(args, "patient"))
    scene = context.knowledge.scene(tx, patient, context.now())
    if source is GpSource.AMELIPRO and not any(
        may_look_up(scene, stay) for stay in scene.record.stays
    ):
        raise refused(
            "The patient's agreement to the look on the portal is not recorded.",
            where="the patient",
            remedy="ask the patient; then: relais consent record --purpose gp-lookup",
        )
    context.audit(
        tx,
        AuditKind.GP_FOUND,
        patient=patient,
        source=source.value,
        answer=answer,
        rpps=gp.rpps if gp else None,
        looked_at=at.isoformat(),
        looked_by=by[:100],
    )
    context.tell(tx, patient, GpFound(source=source, gp=gp, none=answer == _NONE, at=at, by=by))
    return answer


def _doctor(args: dict[str, Any]) -> Professional:
    """As the portal shows the doctor: by number, or by name and place alone."""
    rpps, family = words_of(args, "rpps"), words_of(args, "family")
    if rpps is not None and not rpps_ok(rpps):
        raise refused(
            "The doctor's number is no RPPS.",
            where="--rpps",
            remedy="give its 11 digits, as text; or leave it out and give the name and the place",
        )
    if rpps is None and family is None:
        raise refused("No doctor is named.", where="--rpps", remedy="give --rpps, or --family")
    place = words_of(args, "place") or ""
    postal = re.match(r"\s*(\d{5})\b", place)
    town = place[postal.end() :].strip() if postal else place.strip()
    return Professional(
        rpps=rpps,
        family=(family or "")[:200],
        given=(words_of(args, "given") or "")[:200],
        postal=postal[1] if postal else None,
        town=town[:100] or None,
        phone=(words_of(args, "phone") or "")[:100] or None,
    )


def worklist(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """Whom to look up on the portal, as CSV to fill in: those whose task is open."""

    def work(tx: Tx) -> dict[str, Any]:
        rows = []
        for one in tx.tasks.open_of(TaskKind.GP_ON_PORTAL):
            if one.patient is None:
                continue
            context.audit(tx, AuditKind.READ, patient=one.patient, what="gp worklist line")
            scene = context.knowledge.scene(tx, one.patient, context.now())
            stay = next((stay for stay in scene.record.stays if stay.key == one.stay), None)
            if stay is not None:
                rows.append(_row(scene, stay))
        context.audit(tx, AuditKind.READ, what="gp worklist", count=len(rows))
        text = io.StringIO()
        writer = csv.DictWriter(text, WORKLIST, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
        return {"csv": text.getvalue(), "count": len(rows)}

    return context.store.write_sync(work)


def _row(scene: Scene, stay: Stay) -> dict[str, str]:
    person = scene.record.person
    gp = person.gp
    row = {
        "patient": person.patient,
        "family": person.traits.birth_family or "",
        "given": person.traits.birth_given or "",
        "born": person.traits.birth_date or "",
        "unit": stay.usmp,
        "recorded": f"{gp.family} {gp.given} {gp.rpps or ''}".strip()
        if gp
        else gp_state(person, stay).value,
    }
    # A spreadsheet takes a cell that begins so for a formula.
    return {name: f"'{cell}" if cell[:1] in ("=", "+", "@") else cell for name, cell in row.items()}


def bring_back(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """The list, filled in. Each line stands by itself: those that cannot be taken are told."""
    text = text_of(args, "csv")
    taken, left = 0, []
    for line, row in _rows(text):
        if not row.get("answer") and not row.get("rpps"):
            continue
        cells: dict[str, Any] = {
            "patient": row.get("patient"), "rpps": row.get("rpps"),
            "answer": row.get("answer"), "family": row.get("gp_family"),
            "given": row.get("gp_given"), "place": row.get("gp_place"),
            "at": row.get("looked_at"), "looked_by": row.get("looked_by"),
        }  # fmt: skip
        try:
            if not cells["looked_by"] or not cells["at"]:
                raise refused("It is not said who looked, and when.", where="looked_at, looked_by",
                              remedy="fill both in")  # fmt: skip
            context.store.write_sync(partial(_bring_back, context, args=cells))
        except OperationError as error:
            left.append({"line": line, "why": error.what, "do": error.remedy})
        else:
            taken += 1
    context.wake()
    return {"taken": taken, "left": left}


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text[:_MOST_TEXT], newline=""), delimiter=delimiter)
    lacking = {"patient", "answer", "rpps", "looked_at", "looked_by"} - set(reader.fieldnames or ())
    if lacking or len(text) > _MOST_TEXT:
        raise refused(
            "That is not the list, filled in.",
            where="its first line",
            remedy="fill in what `relais gp worklist` prints, and keep its first line",
        )
    try:
        for row in reader:
            yield (
                reader.line_num,
                {name: (cell or "").strip() for name, cell in row.items() if isinstance(name, str)},
            )
    except csv.Error:
        raise refused(
            "The list is no valid CSV from there on.",
            where=f"line {reader.line_num + 1}",
            remedy="save it again as CSV; the lines before it were taken",
        ) from None


def disowned(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """A doctor told a person: not my patient."""
    rpps = text_of(args, "rpps")

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        person = context.knowledge.scene(tx, patient, context.now()).record.person
        named = {one.doctor.rpps for one in person.gp_said if one.doctor is not None}
        named |= {person.gp.rpps} if person.gp is not None else set()
        if rpps not in named | {one.rpps for one in tx.outbox.of_patient(patient)}:
            raise refused(
                "That doctor is neither declared for this patient, nor was ever written to.",
                where="--rpps",
                remedy="see whom: relais why NUMBER",
            )
        gone = disown(context, tx, patient, rpps)
        return {"disowned": rpps, "sent_before": [sent_row(context, one) for one in gone]}

    result = context.store.write_sync(work)
    context.wake()
    return result


def note(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Remember of a doctor: the channel, the format, that no electronic mail is wanted."""
    rpps = text_of(args, "rpps")
    if not rpps_ok(rpps):
        raise refused("The doctor's number is no RPPS.", where="RPPS", remedy="give its 11 digits")
    channels = context.settings.config.channels
    channel, format_ = words_of(args, "channel"), words_of(args, "format")
    no_mail = args.get("no_mail")
    if channel is not None and channel not in channels:
        raise refused(
            "There is no such channel.", where="--channel", remedy="one of: " + ", ".join(channels)
        )
    if format_ not in (None, "xdm", "hprim"):
        raise refused("There is no such format.", where="--format", remedy="one of: xdm, hprim")
    if channel is None and format_ is None and no_mail is None:
        raise refused(
            "Nothing is said of the doctor.",
            where="the command",
            remedy="give --channel, --format, --no-mail or --mail; or: relais doctor forget",
        )

    def work(tx: Tx) -> dict[str, Any]:
        before = tx.doctors.note(rpps)
        kept = DoctorNote(
            rpps=rpps,
            channel=channel or (before.channel if before else None),
            format=format_ or (before.format if before else None),
            no_mail=bool(no_mail) if no_mail is not None else bool(before and before.no_mail),
            at=context.now(),
            by=context.actor,
        )
        remember(context, tx, kept)
        return told_note(kept)

    result = context.store.write_sync(work)
    context.wake()
    return result


def remember(context: Context, tx: Tx, kept: DoctorNote) -> None:
    """Keep it, with its audit line; what waits for that doctor is decided anew."""
    tx.doctors.remember(kept)
    context.audit(
        tx,
        AuditKind.HUMAN_ACT,
        subject="doctor",
        what="noted",
        rpps=kept.rpps,
        channel=kept.channel,
        format=kept.format,
        no_mail=kept.no_mail,
    )
    reconsider(tx, context.now())


def notes(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """All that is remembered of doctors."""
    return context.store.read_sync(
        lambda tx: {"doctors": [told_note(one) for one in tx.doctors.notes()]}
    )


def forget_note(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Remember nothing of a doctor."""
    rpps = text_of(args, "rpps")

    def work(tx: Tx) -> dict[str, Any]:
        tx.doctors.forget(rpps)
        context.audit(tx, AuditKind.HUMAN_ACT, subject="doctor", what="forgotten", rpps=rpps)
        reconsider(tx, context.now())
        return {"forgotten": rpps}

    result = context.store.write_sync(work)
    context.wake()
    return result


def told_note(one: DoctorNote) -> dict[str, Any]:
    """As plain values."""
    return one.model_dump(mode="json")
