"""Coded entries of a CDA that somebody else wrote, as items; the narrative gives them their words.

Source: CI-SIS models of content; LDL-SES 2022.01. Faults met in published examples are borne:
references without their ``#``, or that point nowhere; dates that the narrative contradicts.
"""

from datetime import date
from typing import Any, Final, TypeVar

from lxml import etree
from pydantic import ValidationError

from engine.mapping.cda_pieces import Piece, Pieces
from engine.mapping.cda_values import (
    at,
    attribute,
    code_of,
    codes_of,
    day_of,
    hour_of,
    period_of,
    reference,
    text_of,
)
from engine.model.cda import ABSENT, V3, XSI
from engine.model.summary import (
    Allergy,
    Appointment,
    Change,
    Device,
    PlannedCare,
    Result,
    Treatment,
)
from engine.model.value import Value

_V3: Final = f"{{{V3}}}"
_TYPE: Final = f"{{{XSI}}}type"
_LONGEST: Final = 500
# Columns that are called like the field that their words go to.
_PLAIN_HEADS: Final = frozenset({"posologie", "réaction"})
_NONE: Final = frozenset({"no-known-medications", "no-known-allergies"})
# CDA R2, ActStatus: what does not go on as it was meant.
_UNDONE: Final = frozenset({"aborted", "cancelled", "nullified", "suspended", "held"})

V = TypeVar("V", bound=Value)


def undone(entry: etree._Element, pieces: Pieces) -> bool:
    """Whether an entry, or what holds it, denies what it names, was given up, or is taken from
    words that are struck out: its words stay words, and no item may say the contrary."""
    for one in (entry, *entry.iterancestors()):
        if one.tag == _V3 + "entry":
            break
        if (one.get("negationInd") or "").strip() in ("true", "1"):
            return True
        if attribute(at(one, "statusCode"), "code") in _UNDONE:
            return True
    told = (one.get("value") or "" for one in entry.iter(_V3 + "reference"))
    return any(one.removeprefix("#") in pieces.struck for one in told)


def says_none(entry: etree._Element) -> bool:
    """Whether an entry says that there is none: no treatment, no allergy."""
    return any(
        one.get("codeSystem") == ABSENT and one.get("code") in _NONE
        for one in entry.iter(_V3 + "code", _V3 + "value")
    )


def says_nothing(entry: etree._Element) -> bool:
    """Whether an entry says that nothing is known."""
    return any(
        one.get("codeSystem") == ABSENT and one.get("code") not in _NONE
        for one in entry.iter(_V3 + "code", _V3 + "value")
    )


def treatment(entry: etree._Element, pieces: Pieces, *, stopped: bool = False) -> Treatment | None:
    """FR-Traitement. The free posology is in the row of the narrative."""
    material = at(entry, "consumable/manufacturedProduct/manufacturedMaterial")
    coded, name = at(material, "code"), at(material, "name")
    targets = (reference(coded, "originalText/reference"), reference(entry))
    label = _label(pieces, targets, text_of(name), attribute(coded, "displayName"))
    if not label:
        return None
    low, high = period_of(entry)
    piece = _piece(pieces, targets)
    words = _others(pieces, piece, {label, text_of(name)}, (low, high), named=True)
    return _made(
        Treatment,
        piece,
        label=label,
        codes=codes_of(coded),
        posology=words or (None if piece else _dose(entry)),
        start=low,
        end=high,
        change=Change.STOPPED if stopped else None,
    )


def allergy(entry: etree._Element, pieces: Pieces) -> Allergy | None:
    """FR-Allergie-ou-intolerance: an observation of the list."""
    value, kind = at(entry, "value"), at(entry, "code")
    entity = at(entry, "participant/participantRole/playingEntity")
    substance = at(entity, "code")
    targets = (
        reference(substance, "originalText/reference"),
        reference(value, "originalText/reference"),
        reference(entry),
    )
    told = (text_of(at(entity, "name")), attribute(substance, "displayName"))
    label = _label(pieces, targets, *told, attribute(value, "displayName"))
    if not label:
        return None
    low, _ = period_of(entry)
    piece = _piece(pieces, targets)
    spoken = {label, attribute(kind, "displayName")}
    return _made(
        Allergy,
        piece,
        label=label,
        kind=code_of(kind),
        substance=code_of(substance) or code_of(value),
        reaction=_others(pieces, piece, spoken, (low,), named=True) or None,
        since=low,
    )


def appointment(entry: etree._Element, pieces: Pieces) -> Appointment | None:
    """FR-Rencontre: an encounter that was asked for."""
    when = at(entry, "effectiveTime")
    value = attribute(when, "value") or attribute(at(when, "low"), "value")
    day = day_of(value)
    return _row(
        Appointment,
        entry,
        pieces,
        (day,),
        day=day,
        hour=hour_of(value) if day is not None else None,
    )


def planned(entry: etree._Element, pieces: Pieces) -> PlannedCare | None:
    """FR-Demande-d-examen-ou-de-suivi, FR-Acte."""
    low, _ = period_of(entry)
    return _row(PlannedCare, entry, pieces, (low,), due=low)


def device(entry: etree._Element, pieces: Pieces) -> Device | None:
    """FR-Dispositif-medical."""
    coded = at(entry, "participant/participantRole/playingDevice/code")
    low, _ = period_of(entry)
    return _row(
        Device, entry, pieces, (low,), target=reference(coded, "originalText/reference"),
        name=attribute(coded, "displayName"), code=code_of(coded), day=low,
    )  # fmt: skip


def result(entry: etree._Element, pieces: Pieces) -> Result | None:
    """An observation with a code and a value, alone or in an organizer."""
    coded, value = at(entry, "code"), at(entry, "value")
    targets = (reference(coded, "originalText/reference"), reference(entry))
    label = attribute(coded, "displayName") or _label(pieces, targets)
    if not label or value is None:
        return None
    low, _ = period_of(entry)
    spoken = attribute(value, "value") or attribute(value, "displayName") or text_of(value)
    # The row says more than the entry (normal values, method): it keeps its words.
    return _made(
        Result, None, label=label, code=code_of(coded), value=spoken or None,
        unit=attribute(value, "unit") or None, at=low,
    )  # fmt: skip


def _row(
    form: type[V],
    entry: etree._Element,
    pieces: Pieces,
    days: tuple[date | None, ...],
    *,
    target: str = "",
    name: str = "",
    **fields: Any,
) -> V | None:
    """An item that is its row: the words pointed at, then the other cells."""
    targets = (target, reference(entry))
    piece = _piece(pieces, targets)
    coded = at(entry, "code")
    label = _label(
        pieces, targets, name, text_of(at(entry, "value")), attribute(coded, "displayName")
    )
    if not label:
        return None
    others = _others(pieces, piece, {label}, days, named=False)
    if others and len(whole := f"{label}, {others}") <= _LONGEST:
        label = whole
    elif others:
        piece = None  # too long for an item: the row keeps its words
    return _made(form, piece, label=label, **fields)


def _made(form: type[V], piece: Piece | None, **fields: Any) -> V | None:
    """The item, which takes its piece; None, and the piece stays, when a value does not fit."""
    try:
        item = form.model_validate(fields)
    except ValidationError:
        return None
    if piece is not None:
        piece.taken = True
    return item


def _piece(pieces: Pieces, targets: tuple[str, ...]) -> Piece | None:
    found = (pieces.find(target) for target in targets if target)
    return next((one for one in found if one is not None), None)


def _label(pieces: Pieces, targets: tuple[str, ...], *names: str) -> str:
    """The words pointed at, unless a whole row is; else the first name that the entry gives."""
    for target in targets:
        words, piece = pieces.words(target), pieces.find(target)
        told = [] if piece is None else [cell for cell in piece.cells if cell]
        if 0 < len(words) <= _LONGEST and not (len(told) > 1 and words == " ".join(told)):
            return words
    return next((name for name in names if 0 < len(name) <= _LONGEST), "")


def _others(
    pieces: Pieces,
    piece: Piece | None,
    told: set[str],
    days: tuple[date | None, ...],
    *,
    named: bool,
) -> str:
    """The cells of a row that the item does not tell yet, each under the head of its column."""
    if piece is None:
        return ""
    heads = pieces.labels(piece)
    known = told | {f"{day:%d/%m}/{day.year:04}" for day in days if day is not None}
    kept = []
    for number, cell in enumerate(piece.cells):
        if not cell or cell in known:
            continue
        # A cell may hold the words pointed at and more.
        begun = max((one for one in told if _begins(cell, one)), key=len, default="")
        if rest := cell[len(begun) :].strip(" ,;:"):
            plain = not (named and heads) or heads[number].casefold() in _PLAIN_HEADS
            kept.append(rest if plain else f"{heads[number]} : {rest}")
    return (" ; " if named else ", ").join(kept)


def _begins(cell: str, words: str) -> bool:
    """Whether a cell begins with these words, and not with a part of a longer one."""
    return bool(words) and cell.startswith(words) and not cell[len(words) :][:1].isalnum()


def _dose(entry: etree._Element) -> str | None:
    """Dose and rhythm in words, where no narrative tells them."""
    dose = at(entry, "doseQuantity/low")
    found = []
    if dose is not None and dose.get("value"):
        found.append(f"{dose.get('value')} {(dose.get('unit') or '').strip('{}')}".strip())
    period = at(entry, "effectiveTime/period")
    if period is not None and period.get("value"):
        found.append(f"toutes les {period.get('value')} {period.get('unit') or ''}".strip())
    return ", ".join(found)[:_LONGEST] or None
