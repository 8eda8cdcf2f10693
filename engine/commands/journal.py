"""What came in: look at it, read it anew."""

from typing import Any

from engine.agreements import place_lines
from engine.commands.context import Context, choice_of, limit_of, list_of, number_of, refused
from engine.forms import FormRefusedError, place
from engine.mapping.apply import apply
from engine.model.consent_file import CONSENTS, ConsentLine
from engine.model.errors import MessageError
from engine.model.fact import Fact
from engine.model.flow import JournalState
from engine.model.form import FORM
from engine.model.release import ReleasePlanned
from engine.model.release_file import RELEASES, ReleaseLine
from engine.model.trail import AuditKind
from engine.runtime.wiring import dialects_by_source
from engine.store.interface import Entry, Tx
from engine.wire import hl7
from engine.wire.consent_file import read_consents
from engine.wire.form import FormError, read_form, told
from engine.wire.release_file import read_releases


def listing(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Newest first; what identifies nobody."""
    state, limit = choice_of(args, "state", JournalState), limit_of(args, 50)
    rows = context.store.read_sync(lambda tx: tx.journal.listing(state=state, limit=limit))
    return {"entries": [_row(one) for one in rows]}


def show(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """One entry: how it was answered, and what was read in it."""
    number = number_of(args, "entry")

    entry = context.store.read_sync(lambda tx: _existing(tx, number))
    told = _row(entry) | {"reason": entry.reason, "note": entry.note, "size": entry.size}
    told |= _reading(context, entry)
    # Nothing is shown before the look is on record, beside the patient it was at. The bytes of an
    # entry never change, so it may be read outside.
    patients = told.get("patients") or [None]

    def tell(tx: Tx) -> None:
        for patient in patients:
            context.audit(
                tx, AuditKind.READ, subject=f"journal {number}", patient=patient, what="message"
            )

    context.store.write_sync(tell)
    if args.get("raw"):
        told["raw"] = entry.raw.decode("utf-8", "backslashreplace").replace("\r", "\n")
    return told


def replay(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Have entries read anew: after the mapping was mended."""
    numbers = [number_of({"entry": one}, "entry") for one in list_of(args, "entries")]

    def work(tx: Tx) -> None:
        for number in numbers:
            entry = _existing(tx, number)
            if entry.state is JournalState.DUPLICATE:
                raise refused(
                    "That entry is a duplicate: what it says was read before.",
                    where=f"journal {number}",
                    remedy="replay the first entry of that message",
                )
            if not entry.kept:
                raise refused(
                    "That entry's message is no longer kept.",
                    where=f"journal {number}",
                    remedy="have the DPI send it again",
                )
            tx.journal.reopen(number)
            context.audit(tx, AuditKind.HUMAN_ACT, subject=f"journal {number}", act="replay")

    context.store.write_sync(work)
    context.wake()
    return {"replayed": numbers}


def _existing(tx: Tx, number: int) -> Entry:
    entry = tx.journal.get(number)
    if entry is None:
        raise refused(
            "There is no such entry.", where=f"journal {number}", remedy="see: relais journal list"
        )
    return entry


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "received_at": entry.received_at.isoformat(timespec="seconds"),
        "source": entry.source,
        "type": entry.message_type,
        "control_id": entry.control_id,
        "ack": entry.ack.value,
        "state": entry.state.value,
        "note": entry.note or entry.reason,
    }


def _reading(context: Context, entry: Entry) -> dict[str, Any]:
    if not entry.kept:
        return {"unread": "its bytes are no longer kept"}
    dialect = dialects_by_source(context.settings).get(entry.source)
    if dialect is None:
        return {"unread": "its way in is no longer configured"}
    if entry.message_type == FORM:
        return _form(context, entry)
    if entry.message_type in (CONSENTS, RELEASES):
        return _lines(context, entry, dialect.mapping.patient.authority)
    try:
        message = hl7.read(entry.raw, aliases=dialect.mapping.charset)
    except MessageError as error:
        return {"unread": f"{error.code} {error.where}: {error.what}"}
    reading = apply(message, dialect, heard_at=entry.received_at, journal_id=entry.id)
    return told_reading(reading)


def _form(context: Context, entry: Entry) -> dict[str, Any]:
    """What a form says, and of whom."""

    def work(tx: Tx) -> dict[str, Any]:
        form = read_form(entry.raw, now=entry.received_at)
        found = place(
            tx, context.knowledge, form, heard_at=entry.received_at, now=context.now(),
            journal_id=entry.id,
        )  # fmt: skip
        fact = found.heard.fact.model_dump(mode="json", exclude_defaults=True)
        said = {"items": form.items.model_dump(mode="json", exclude_defaults=True)}
        return {
            "event": FORM,
            "patients": [found.patient],
            "facts": [fact | said | {"kind": found.heard.fact.kind}],
            "missing": [],
        }

    try:
        return context.store.read_sync(work)
    except FormError as error:
        return {"unread": "; ".join(told(one) for one in error.faults)}
    except FormRefusedError as error:
        return {"unread": f"{error.where}: {error.what}"}


def _lines(context: Context, entry: Entry, authority: str | None) -> dict[str, Any]:
    """What a file of agreements, or of coming releases, says, and of whom; the lines that name
    nobody we know."""
    lines: tuple[tuple[str, ConsentLine | ReleaseLine], ...]
    try:
        if entry.message_type == CONSENTS:
            lines = read_consents(entry.raw, now=entry.received_at)
        else:
            lines = read_releases(entry.raw, now=entry.received_at)
    except FormError as error:
        return {"unread": "; ".join(told(one) for one in error.faults)}
    facts, waiting = context.store.read_sync(
        lambda tx: place_lines(
            tx, lines, authority=authority, heard_at=entry.received_at, journal_id=entry.id
        )
    )
    return {
        "event": entry.message_type,
        "patients": sorted({heard.patient for heard in facts}),
        "facts": [_shown(heard.fact) for heard in facts],
        "missing": [f"{where}: {what}" for where, what in waiting],
    }


def told_reading(reading: Any) -> dict[str, Any]:
    """A reading as plain values."""
    return {
        "event": reading.event,
        "patients": sorted({heard.patient for heard in reading.facts}),
        "facts": [_shown(heard.fact) for heard in reading.facts],
        "missing": [f"{gap.place}: {gap.what}" for gap in reading.gaps],
    }


def _shown(fact: Fact) -> dict[str, Any]:
    """The day of a coming release is for those who organise it: relais release show."""
    hidden = {"on"} if isinstance(fact, ReleasePlanned) else None
    said = fact.model_dump(mode="json", exclude=hidden, exclude_none=True, exclude_defaults=True)
    return said | {"kind": fact.kind}
