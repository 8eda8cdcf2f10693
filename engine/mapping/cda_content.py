"""A structured CDA that comes in, as the items of a summary; words that no item takes stay words.

Documents of ours are read exactly, by their marks; others by their entries and sections. Source:
LDL-SES 2022.01; CDA R2.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from lxml import etree
from pydantic import ValidationError

from engine.mapping import cda_entries as entries
from engine.mapping.cda_marks import MarksError, is_marked, read_marked
from engine.mapping.cda_pieces import Pieces, flat, read_pieces
from engine.mapping.cda_values import at, reference
from engine.mapping.content_narrative import narrative_text
from engine.model.cda import V3, SectionCode, StayCode
from engine.model.summary import Items, Narrative
from engine.wire.encapsulated import ContentError

_V3: Final = f"{{{V3}}}"
_LONGEST_HEADING: Final = 500
_LONGEST_TEXT: Final = 200_000
_MOST_ENTRIES: Final = 2_000
_YES_NO: Final = frozenset({"oui", "non", "true", "false"})
_NO_EVENT: Final = frozenset({"", "aucun", "aucune", "néant", "non", "ras"})
# How far the document is, and its copy in PDF: neither is content.
_PASSED_OVER: Final = frozenset({SectionCode.STATUS.value, SectionCode.PDF.value})
_ANSWERS: Final = {
    StayCode.MULTIRESISTANT.value: "multiresistant",
    StayCode.TRANSFUSION.value: "transfusion",
    StayCode.BLOOD_PRODUCTS.value: "blood_products",
}

Fields = dict[str, Any]


def read_items(root: etree._Element) -> Items:
    """All items of a ClinicalDocument of level 3, as opened by ``engine.wire.cda.open_cda``.

    Raises ContentError for more entries, or longer words, than any letter has.
    """
    sections = [one for one in root.iter(_V3 + "section") if not _in_narrative(one)]
    parts: list[Items] = []
    others = [one for one in sections if not is_marked(one.find(_V3 + "text"))]
    if len(others) < len(sections):
        try:
            parts.extend(read_parts(root))
            sections = others
        except MarksError:
            pass  # changed since we wrote it: read like anybody's
    parts.extend(_section(one) for one in sections)
    return merged(parts)


def read_parts(root: etree._Element) -> tuple[Items, ...]:
    """What each contribution of a document of ours said. Raises MarksError."""
    return read_marked(root)


def merged(parts: Sequence[Items]) -> Items:
    """One set of items out of several. What only one of them can say goes on as words.

    Raises ContentError where the words are longer than any letter.
    """
    if len(parts) == 1:
        return parts[0]  # as it was said, even where it contradicts itself
    fields: Fields = {}
    beside: list[Narrative] = []
    for part in parts:
        for name in sorted(part.model_fields_set):
            old, new = fields.get(name), getattr(part, name)
            if new is None or new == old:
                continue
            if old is None:
                fields[name] = new
            elif isinstance(old, tuple):
                fields[name] = (*old, *new)
            elif isinstance(old, bool):
                fields[name] = old or new
            elif isinstance(old, str):
                fields[name] = f"{old}\n\n{new}"
            else:
                words = ", ".join(str(one) for one in _leaves(new.model_dump(mode="json")))
                beside.append(Narrative(text=words))
    if beside:
        fields["narratives"] = (*fields.get("narratives", ()), *beside)
    # A list of one part outweighs "none" of another.
    for name in ("treatments", "allergies"):
        if fields.get(name):
            fields.pop(f"{name}_none", None)
    try:
        return Items(**fields)
    except ValidationError:
        raise ContentError("the text is longer than any letter") from None


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif value is not None:
        yield value


def _in_narrative(section: etree._Element) -> bool:
    return any(above.tag == _V3 + "text" for above in section.iterancestors())


def _section(section: etree._Element) -> Items:
    code = at(section, "code")
    kind = "" if code is None else (code.get("code") or "")
    text, title = section.find(_V3 + "text"), section.find(_V3 + "title")
    if kind in _PASSED_OVER:
        return Items()
    if text is not None and sum(len(part) for part in text.itertext()) > _LONGEST_TEXT:
        raise ContentError("the text is longer than any letter")
    pieces = read_pieces(text)
    fields: Fields = {}
    acts = _acts(section, pieces)
    if kind == SectionCode.REASON.value:
        fields["reason"] = _prose(text)
        left = ""
    else:
        _READERS.get(kind, _nothing)(acts, pieces, fields)
        # Untouched, a narrative keeps its lines; else what no item took.
        touched = any(one.taken for one in pieces.all)
        left = pieces.left() if touched else narrative_text(text)
    heading = "" if title is None else flat(title)
    if left or (heading and text is None):
        fields["narratives"] = (
            Narrative(
                heading=(heading[:_LONGEST_HEADING] or None) if left else None,
                text=_bounded(left or heading),
            ),
        )
    try:
        return Items(**{name: value for name, value in fields.items() if value not in (None, ())})
    except ValidationError:  # not chained: its text quotes the document
        raise ContentError("the CDA has more entries, or longer words, than any letter") from None


def _acts(section: etree._Element, pieces: Pieces) -> list[etree._Element]:
    found = [act for entry in section.iterfind(_V3 + "entry") for act in entry.iterchildren("{*}*")]
    if len(found) > _MOST_ENTRIES:
        raise ContentError("the CDA has more entries than any letter")
    return [act for act in found if not entries.undone(act, pieces)]


def _prose(text: etree._Element | None) -> str | None:
    return _bounded(narrative_text(text)) or None


def _bounded(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ContentError("the text is longer than any letter")
    return text


def _nothing(_acts: list[etree._Element], _pieces: Pieces, _fields: Fields) -> None:
    """A section without a reader of its own: all of it stays words."""


def _stay(acts: list[etree._Element], pieces: Pieces, fields: Fields) -> None:
    for act in acts:
        coded, value = at(act, "code"), at(act, "value")
        code = "" if coded is None else (coded.get("code") or "")
        target = reference(act)
        words = pieces.words(target)
        told = "" if value is None else (value.text or "").strip()
        piece = pieces.find(target)
        if code == StayCode.SYNTHESIS.value:
            if told and words and " ".join(told.split()) != words:
                piece = None  # the narrative says something else: it is kept beside
            fields["synthesis"] = _bounded(told or words) or None
            if piece is not None:
                piece.taken = True
        elif code == StayCode.EVENT.value and words.casefold() not in _NO_EVENT:
            if len(words) <= _LONGEST_HEADING:
                fields["events"] = (*fields.get("events", ()), words)
                if piece is not None:
                    piece.taken = True
        elif code in _ANSWERS and value is not None and value.get("value") in ("true", "false"):
            fields[_ANSWERS[code]] = value.get("value") == "true"
            if piece is not None and words.casefold() in _YES_NO:
                piece.taken = True


def _treatments(stopped: bool) -> Callable[[list[etree._Element], Pieces, Fields], None]:
    def read(acts: list[etree._Element], pieces: Pieces, fields: Fields) -> None:
        found = []
        for act in acts:
            if act.tag != _V3 + "substanceAdministration" or entries.says_nothing(act):
                continue
            if entries.says_none(act):
                _take_none(act, pieces, fields, "treatments_none")
            elif (one := entries.treatment(act, pieces, stopped=stopped)) is not None:
                found.append(one)
        fields["treatments"] = tuple(found)

    return read


def _take_none(act: etree._Element, pieces: Pieces, fields: Fields, name: str) -> None:
    fields[name] = True
    for one in act.iter(_V3 + "reference"):
        if (piece := pieces.find(one.get("value") or "")) is not None:
            piece.taken = True


def _allergies(acts: list[etree._Element], pieces: Pieces, fields: Fields) -> None:
    found = []
    for act in acts:
        for one in act.iter(_V3 + "observation"):
            if at(one, "value") is None or entries.undone(one, pieces):
                continue
            if entries.says_nothing(one):
                continue
            if entries.says_none(one):
                _take_none(one, pieces, fields, "allergies_none")
            elif (item := entries.allergy(one, pieces)) is not None:
                found.append(item)
    fields["allergies"] = tuple(found)


def _results(acts: list[etree._Element], pieces: Pieces, fields: Fields) -> None:
    found = (
        entries.result(one, pieces)
        for act in acts
        for one in act.iter(_V3 + "observation")
        if not entries.undone(one, pieces)
    )
    fields["results"] = tuple(one for one in found if one is not None)


def _plan(acts: list[etree._Element], pieces: Pieces, fields: Fields) -> None:
    meetings = (entries.appointment(one, pieces) for one in acts if one.tag == _V3 + "encounter")
    fields["appointments"] = tuple(one for one in meetings if one is not None)
    cares = (
        entries.planned(one, pieces)
        for one in acts
        if one.tag in (_V3 + "observation", _V3 + "procedure")
    )
    fields["plan"] = tuple(one for one in cares if one is not None)


def _devices(acts: list[etree._Element], pieces: Pieces, fields: Fields) -> None:
    found = (entries.device(one, pieces) for one in acts if one.tag == _V3 + "supply")
    fields["devices"] = tuple(one for one in found if one is not None)


_READERS: Final = {
    SectionCode.STAY.value: _stay,
    SectionCode.STOPPED.value: _treatments(stopped=True),
    SectionCode.DISCHARGE.value: _treatments(stopped=False),
    SectionCode.RESULTS.value: _results,
    SectionCode.PLAN.value: _plan,
    SectionCode.DEVICES.value: _devices,
    SectionCode.ALLERGIES.value: _allergies,
}
