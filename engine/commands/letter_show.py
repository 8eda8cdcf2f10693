"""What an exit letter would say now, to a reader of which role, and under which face."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from engine.commands.context import Context, choice_of
from engine.commands.letter_stay import (
    contribution_of,
    documents_of,
    find_stay,
    said_in,
    tell_look,
)
from engine.commands.letter_text import Face, Shown, told_show
from engine.compose.discreet import discreet_items
from engine.compose.shop import load_discretion, load_roles
from engine.compose.view import ALL, seen
from engine.decide.clinical import agreeing, gathered
from engine.decide.departure import departure_wish, usable
from engine.decide.reasons import SENTENCES
from engine.decide.scene import Scene
from engine.decide.wish import Say
from engine.model.fact import DocumentForm, Half
from engine.model.letter import PURPOSE_OF_HALF, LetterKind
from engine.model.people import Role
from engine.model.stay import Document, Stay
from engine.model.summary import Contribution, Items
from engine.store.interface import Tx


def show(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """What the letter of a stay would say now, item by item: who said it, and if it leaves.

    As the médecin traitant would read it, or another role. Raises ConfigError for mappings that
    cannot be used.
    """
    config = context.settings.config
    zone = ZoneInfo(config.time_zone)
    role = choice_of(args, "role", Role) or Role.GP
    fields = load_roles(config.mappings)[role]
    discretion = load_discretion(config.mappings)

    def work(tx: Tx) -> dict[str, Any]:
        scene, stay = find_stay(context, tx, args)
        tell_look(context, tx, scene, stay, "letter preview", role=role.value)
        face = _face(scene, stay)
        shown = _shown(scene, stay, documents_of(tx, stay))
        if face is not Face.OPEN:
            shown = [_part(one, lambda items: discreet_items(items, discretion)) for one in shown]
        shown = [_for_role(one, fields) for one in shown]
        standing = _standing(scene, stay)
        return {
            "text": told_show(scene.record.person, stay, standing, face, role, shown, zone),
            "stay": stay.key,
            "face": face.value,
            "role": role.value,
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
                    "left_out": list(one.left_out),
                }
                for one in shown
            ],
        }

    return context.store.write_sync(work)


def _face(scene: Scene, stay: Stay) -> Face:
    """Which one a letter to the doctor declared now would have."""
    if not scene.discreet(stay, _doctor(scene)):
        return Face.OPEN
    unit = scene.policy.units.get(stay.usmp)
    return Face.MISSING if unit is None or unit.neutral is None else Face.DISCREET


def _part(one: Shown, narrowed: Callable[[Items], Items]) -> Shown:
    """A part that leaves, with fewer items; the names of those are kept."""
    if one.why_not or one.contained is None:
        return one
    items = narrowed(one.contained)
    gone = [
        name for name in Items.model_fields if getattr(items, name) != getattr(one.contained, name)
    ]
    return replace(one, contained=items, left_out=(*one.left_out, *gone))


def _for_role(one: Shown, fields: frozenset[str]) -> Shown:
    if one.why_not or fields >= ALL:
        return one
    if one.contained is None:  # pages cannot be parted
        return replace(one, why_not="this role is not shown all, and pages cannot be parted")
    shown = _part(one, lambda items: seen(items, fields))
    if shown.items == Items():
        return replace(one, why_not="this role is shown none of it")
    return shown


def _shown(scene: Scene, stay: Stay, documents: list[tuple[Document, bytes]]) -> list[Shown]:
    agreed = _agreed(scene, stay)
    written: list[Contribution] = []
    shown: list[Shown] = []
    for one, content in documents:
        part = contribution_of(one, content)
        why_not = _why_not(one, agreed)
        if part is not None and not why_not:
            written.append(part)
        shown.append(
            Shown(one.half, said_in(one), part.items if part else None, str(one.form), why_not)
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
    rpps = _doctor(scene)
    return {half for half in Half if scene.refusal(stay, PURPOSE_OF_HALF[half], rpps) is None}


def _doctor(scene: Scene) -> str:
    gp = scene.record.person.gp
    return (gp.rpps or "") if gp else ""


def _standing(scene: Scene, stay: Stay) -> str:
    wish = departure_wish(scene, stay)
    if not isinstance(wish, Say):
        return SENTENCES[wish.reason]
    if wish.kind is LetterKind.EXIT_LETTER:
        return "a letter is called for"
    return "no part can leave yet: a notice without content is called for"
