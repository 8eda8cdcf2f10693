"""What an operator can do. Each operation runs in the process that writes the store: the daemon,
or the command itself when no daemon runs. Each leaves its line in the audit trail."""

from typing import Any, Final

from engine.commands import (
    audit,
    calendar,
    consent,
    directory,
    gp,
    journal,
    keys,
    letter,
    letter_show,
    outbox,
    paper,
    patient,
    protection,
    purge,
    receipts,
    release,
    report,
    rights,
    status,
    tasks,
)
from engine.commands.context import Context, Operation, refused

OPERATIONS: Final[dict[str, Operation]] = {
    "status": status.status,
    "journal.list": journal.listing,
    "journal.show": journal.show,
    "journal.replay": journal.replay,
    "outbox.list": outbox.listing,
    "outbox.show": outbox.show,
    "outbox.evidence": receipts.evidence,
    "outbox.hold": outbox.hold,
    "outbox.release": outbox.release,
    "outbox.retry": outbox.retry,
    "outbox.cancel": outbox.cancel,
    "outbox.again": outbox.again,
    "print.list": paper.listing,
    "print.done": paper.done,
    "print.withdraw": paper.withdraw,
    "pause": outbox.pause,
    "resume": outbox.resume,
    "consent.record": consent.record,
    "consent.list": consent.listing,
    "consent.show": consent.show,
    "patient.protect": protection.protect,
    "gp.confirm": gp.confirm,
    "gp.found": gp.found,
    "gp.worklist": gp.worklist,
    "gp.import": gp.bring_back,
    "gp.disown": gp.disowned,
    "doctor.note": gp.note,
    "doctor.list": gp.notes,
    "doctor.forget": gp.forget_note,
    "letter.add": letter.add,
    "letter.show": letter_show.show,
    "letter.check": letter.check,
    "letter.ics": calendar.ics,
    "release.plan": release.plan,
    "release.show": release.show,
    "task.list": tasks.listing,
    "task.show": tasks.show,
    "task.done": tasks.done,
    "why": patient.why,
    "patient.export": rights.export,
    "patient.forget": rights.forget,
    "purge": purge.purge,
    "report": report.report,
    "keys.list": keys.listing,
    "keys.rotate": keys.rotate,
    "directory.imported": directory.imported,
    "audit.verify": audit.verify_chain,
    "audit.export": audit.export,
    "audit.key": audit.public_key,
}


def perform(context: Context, operation: str, args: dict[str, Any]) -> dict[str, Any]:
    """Carry out one operation by its name. Raises EngineError when it is refused."""
    known = OPERATIONS.get(operation)
    if known is None:
        raise refused(
            f"There is no operation {operation!r}.",
            where="the command",
            remedy="use the relais command of the same version as the daemon",
        )
    return known(context, args)
