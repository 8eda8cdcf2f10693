"""The exit letter before it leaves: add a part by form, see what it would say, what it lacks."""

import base64
import binascii
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from engine.commands.context import Context, find_patient, refused, text_of, words_of
from engine.commands.letter_text import Shown, told_check, told_show
from engine.decide.clinical import agreeing, gathered
from engine.decide.completeness import Report, report
from engine.decide.departure import departure_wish, usable
from engine.decide.letters import read_items
from engine.decide.reasons import SENTENCES
from engine.decide.scene import Scene
from engine.decide.wish import Say
from engine.forms import FormRefusedError, place
from engine.knowledge import look_again
from engine.model.fact import DocumentForm, Half
from engine.model.letter import PURPOSE_OF_HALF, LetterKind
from engine.model.stay import Document, Stay
from engine.model.summary import Contribution, Items, Said
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


def show(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """What the letter of a stay would say now, item by item: who said it, and if it leaves."""
    zone = ZoneInfo(context.settings.config.time_zone)

    def work(tx: Tx) -> dict[str, Any]:
        scene, stay = _find_stay(context, tx, args)
        _tell_look(context, tx, scene, stay, "letter preview")
        shown = _shown(scene, stay, _documents(tx, stay))
        return {
            "text": told_show(scene.record.person, stay, _standing(scene, stay), shown, zone),
            "stay": stay.key,
            "parts": [
                {
                    "half": one.half.value if one.half else None,
                    "in_letter": not one.why_not,
                    "why_not": one.why_not,
                    "form": one.form,
                    "source": one.said.source.value,
                    "reference": one.said.reference,
                    "at": one.said.at.isoformat(timespec="seconds"),
                    "validated": one.said.validated,
                    "items": one.items.model_dump(mode="json", exclude_defaults=True),
                }
                for one in shown
            ],
        }

    return context.store.write_sync(work)


def check(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """What the letter of a stay lacks."""

    def work(tx: Tx) -> dict[str, Any]:
        scene, stay = _find_stay(context, tx, args)
        _tell_look(context, tx, scene, stay, "letter completeness")
        found = _report(stay, _documents(tx, stay))
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


def _find_stay(context: Context, tx: Tx, args: dict[str, Any]) -> tuple[Scene, Stay]:
    """The one stay of a visit number; ``VISIT@USMP#2`` where one visit had several."""
    text, number = text_of(args, "stay"), words_of(args, "patient")
    visit = text.partition("@")[0]
    if number is not None:
        roots = {find_patient(tx, number)}
    else:
        rows = tx.facts.all_stays()
        roots = {one.patient for one in rows if _visit_part(one.key).endswith(f"/{visit}")}
    found: list[tuple[Scene, Stay]] = []
    for root in sorted(roots):
        scene = context.knowledge.scene(tx, root, context.now())
        found += [
            (scene, one)
            for one in scene.record.stays
            if text in one.visits
            or one.key.endswith(f"/{text}")
            or one.key.rpartition("#")[0].endswith(f"/{text}")
        ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise refused(
            "No stay of that visit is known.",
            where="the visit number",
            remedy="give the visit number (PV1-19) and --patient; see: relais why",
        )
    if len({stay.key.rpartition("/")[0] for _, stay in found}) > 1:
        remedy = "add --patient"
    else:
        names = sorted(stay.key.rpartition("/")[2] for _, stay in found)
        remedy = f"one of: {', '.join(names)}"
    raise refused("Several stays have that visit number.", where="the visit number", remedy=remedy)


def _visit_part(key: str) -> str:
    return key.rpartition("@")[0]


def _tell_look(context: Context, tx: Tx, scene: Scene, stay: Stay, what: str) -> None:
    context.audit(tx, AuditKind.READ, patient=scene.record.person.patient, stay=stay.key, what=what)


def _documents(tx: Tx, stay: Stay) -> list[tuple[Document, bytes]]:
    return [(one, tx.facts.blob(one.content)) for one in stay.documents]


def _said(one: Document) -> Said:
    return Said(
        source=one.source,
        reference=one.document,
        at=one.written_at,
        author=one.author,
        validated=one.validated,
    )


def _contribution(one: Document, content: bytes) -> Contribution | None:
    """None: a PDF, a document of neither half, or one that this version cannot read."""
    if one.half is None or one.form is DocumentForm.PDF:
        return None
    try:
        items = read_items(one.form, content)
    except ValueError:  # it quotes the document: it must not reach a log
        return None
    return Contribution(half=one.half, said=_said(one), items=items)


def _shown(scene: Scene, stay: Stay, documents: list[tuple[Document, bytes]]) -> list[Shown]:
    agreed = _agreed(scene, stay)
    written: list[Contribution] = []
    shown: list[Shown] = []
    for one, content in documents:
        part = _contribution(one, content)
        why_not = _why_not(one, agreed)
        if part is not None and not why_not:
            written.append(part)
        shown.append(
            Shown(one.half, _said(one), part.items if part else None, str(one.form), why_not)
        )
    leaving = [one for one, _ in documents if usable(one) and one.half in agreed]
    halves = {one.half for one in leaving}
    pages = any(one.form is DocumentForm.PDF for one in leaving)
    for stated in stay.background:
        why_not = ""
        if not stated.said.validated:
            why_not = "not validated"
        elif stated.half not in halves:
            why_not = "no part of that half leaves"
        elif not gathered([stated], written, {stated.half}, unread=pages):
            why_not = "a document tells it, or may"
        shown.append(Shown(stated.half, stated.said, stated.items, "message", why_not))
    return _agreeing(shown, stay)


def _agreeing(shown: list[Shown], stay: Stay) -> list[Shown]:
    """As the letter will say it: no "none" beside an allergy that somebody names."""
    leaving = [
        Contribution(half=one.half, said=one.said, items=one.contained)
        for one in shown
        if one.half is not None and one.contained is not None and not one.why_not
    ]
    if agreeing(leaving, stay.background) == tuple(leaving):
        return shown
    return [
        one
        if one.why_not or one.contained is None
        else replace(one, contained=one.contained.model_copy(update={"allergies_none": False}))
        for one in shown
    ]


def _why_not(one: Document, agreed: set[Half]) -> str:
    if one.half is None:
        return "its half cannot be told"
    if one.masked:
        return "masked to professionals"
    if not one.validated:
        return "not validated"
    return "" if one.half in agreed else "no agreement of the patient"


def _agreed(scene: Scene, stay: Stay) -> set[Half]:
    """Halves that the patient agreed to have told to the doctor declared now."""
    gp = scene.record.person.gp
    rpps = (gp.rpps or "") if gp else ""
    return {half for half in Half if scene.refusal(stay, PURPOSE_OF_HALF[half], rpps) is None}


def _standing(scene: Scene, stay: Stay) -> str:
    wish = departure_wish(scene, stay)
    if not isinstance(wish, Say):
        return SENTENCES[wish.reason]
    if wish.kind is LetterKind.EXIT_LETTER:
        return "a letter is called for"
    return "no part can leave yet: a notice without content is called for"


def _report(stay: Stay, documents: list[tuple[Document, bytes]]) -> Report:
    said: list[Contribution] = []
    unread: list[Half] = []
    for one, content in documents:
        if one.masked or one.half is None:
            continue
        part = _contribution(one, content)
        if part is not None:
            said.append(part)
        if one.validated and (part is None or _free_text_alone(part.items)):
            unread.append(one.half)
    # The somatic half sees everybody.
    return report((*said, *stay.background), (Half.DSS, *stay.halves), unread)


def _free_text_alone(items: Items) -> bool:
    return items == Items(narratives=items.narratives)
