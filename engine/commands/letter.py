"""The exit letter before it leaves: add a part by form, see what it lacks."""

import base64
import binascii
from typing import Any

from engine.commands.context import Context, refused, text_of
from engine.commands.letter_stay import contribution_of, documents_of, find_stay, tell_look
from engine.commands.letter_text import told_check
from engine.decide.completeness import Report, report
from engine.forms import FormRefusedError, place
from engine.knowledge import look_again
from engine.model.fact import Half
from engine.model.stay import Document, Stay
from engine.model.summary import Contribution, Items
from engine.model.trail import AuditKind
from engine.store.interface import Tx
from engine.wire.form import FormError, read_form, told


def add(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Take in a JSON form: one half's part of the letter of one stay."""
    try:
        raw = base64.b64decode(text_of(args, "form"), validate=True)
        form = read_form(raw, now=context.now())
    except (FormError, binascii.Error, ValueError) as error:
        faults = error.faults if isinstance(error, FormError) else ()
        raise refused(
            "The form is not as its schema says.",
            where="; ".join(told(one) for one in faults) or "the form",
            remedy="correct it; the schema: relais letter schema",
        ) from None

    def work(tx: Tx) -> dict[str, Any]:
        now = context.now()
        try:
            found = place(tx, context.knowledge, form, heard_at=now, now=now)
        except FormRefusedError as error:
            raise refused(error.what, where=error.where, remedy=error.remedy) from None
        context.audit(
            tx,
            AuditKind.HUMAN_ACT,
            patient=found.patient,
            stay=found.stay.key,
            act="letter add",
            half=form.half.value,
            sha256=found.digest,
            withdrawn=form.withdraw,
            validated_by=form.validated_by.rpps if form.validated and form.validated_by else None,
        )
        found.keep(tx)
        context.knowledge.settle(tx, found.patient, now)
        look_again(tx, found.patient, now)
        return {"half": form.half.value, "validated": form.validated, "withdrawn": form.withdraw}

    result = context.store.write_sync(work)
    context.wake()
    return result


def check(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """What the letter of a stay lacks."""

    def work(tx: Tx) -> dict[str, Any]:
        scene, stay = find_stay(context, tx, args)
        tell_look(context, tx, scene, stay, "letter completeness")
        found = _report(stay, documents_of(tx, stay))
        return {
            "text": told_check(found),
            "stay": stay.key,
            "complete": found.complete,
            "missing": [
                {
                    "item": one.name,
                    "level": one.level.value,
                    "half": one.half.value if one.half else None,
                    "lack": one.lack.value,
                    "what": one.label,
                }
                for one in found.missing
            ],
            "unvalidated": [
                {"half": one.half.value, "reference": one.said.reference}
                for one in found.unvalidated
            ],
            "unread": [half.value for half in found.unread],
        }

    return context.store.write_sync(work)


def _report(stay: Stay, documents: list[tuple[Document, bytes]]) -> Report:
    said: list[Contribution] = []
    unread: list[Half] = []
    for one, content in documents:
        if one.masked or one.half is None:
            continue
        part = contribution_of(one, content)
        if part is not None:
            said.append(part)
        if one.validated and (part is None or _free_text_alone(part.items)):
            unread.append(one.half)
    # The somatic half sees everybody.
    return report((*said, *stay.background), (Half.DSS, *stay.halves), unread)


def _free_text_alone(items: Items) -> bool:
    return items == Items(narratives=items.narratives)
