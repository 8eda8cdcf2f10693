"""A letter in the making, and what it lacks, as a page that a person reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from engine.compose.outline import blocks_of
from engine.compose.plain import block_lines
from engine.decide.completeness import Lack, Level, Missing, Report
from engine.model.fact import Half
from engine.model.people import Role
from engine.model.stay import Person, Stay
from engine.model.summary import Items, Said

_LEVELS = {
    Level.REQUIRED: "Required of every discharge letter",
    Level.NATIONAL: "Recommended of every discharge letter",
    Level.DOOR: "At the prison's door",
}


class Face(StrEnum):
    """Who a letter to the doctor comes from."""

    OPEN = "open"
    DISCREET = "discreet"
    MISSING = "discreet-missing"


_FACES = {
    Face.OPEN: "open: it tells where it comes from",
    Face.DISCREET: "discreet: the hospital's neutral face, and no word of the detention",
    Face.MISSING: "discreet, and the unit has no neutral face: nothing leaves",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What one source said, and why it would not leave."""

    half: Half | None
    said: Said
    contained: Items | None  # None: a PDF, or a document of neither half
    form: str
    why_not: str  # empty: it leaves
    left_out: tuple[str, ...] = ()  # items that the face or the reader's role keeps here

    @property
    def items(self) -> Items:
        """What it says item by item."""
        return self.contained or Items()


def told_show(
    person: Person,
    stay: Stay,
    standing: str,
    face: Face,
    role: Role,
    shown: Sequence[Shown],
    zone: tzinfo,
) -> str:
    """The letter as it would be now, then what would stay here, and why."""
    names = " ".join(filter(None, (person.traits.birth_family, person.traits.birth_given)))
    lines = [
        f"Patient {person.patient.partition('|')[0]}  {names}",
        f"Stay in {stay.usmp} since {_at(stay.arrived_at, zone)} (visit {stay.visit})",
        f"Letter: {standing}",
        f"Face: {_FACES[face]}",
        *([] if role is Role.GP else [f"As {role} would read it, of what may go to the doctor"]),
        "",
        "In the letter",
        *(_all([one for one in shown if not one.why_not], zone) or ["  nothing"]),
    ]
    if kept := [one for one in shown if one.why_not]:
        lines += ["", "Not in the letter", *_all(kept, zone)]
    return "\n".join(lines) + "\n"


def _all(shown: Sequence[Shown], zone: tzinfo) -> list[str]:
    return [line for one in shown for line in _one(one, zone)]


def _one(one: Shown, zone: tzinfo) -> Iterator[str]:
    said = one.said
    state = "validated" if said.validated else "not validated"
    why_not = "" if one.why_not == state else one.why_not
    head = f"  {one.half or '?'}  {said.source} {said.reference}, {_at(said.at, zone)}, {state}"
    if said.author is not None:
        head += f", {said.author.given} {said.author.family}".rstrip()
    yield f"{head}: {why_not}" if why_not else head
    if one.contained is None:
        yield f"    ({one.form}: not shown here)"
        return
    for block in blocks_of(one.contained):
        if block.heading:
            yield f"    {block.heading}"
        for text in block_lines(block):
            yield from (f"      {line}" for line in text.split("\n"))
    if one.left_out:
        yield f"    (left out: {', '.join(one.left_out)})"


def told_check(found: Report) -> str:
    """What is missing, level by level; then what waits for validation."""
    lines = ["complete" if found.complete else "incomplete"]
    for level, heading in _LEVELS.items():
        if missing := [one for one in found.missing if one.level is level]:
            lines += ["", heading, *(_missing(one) for one in missing)]
    if found.unvalidated:
        lines += ["", "Not validated, and does not leave"]
        lines += [
            f"  {one.half}  {one.said.source} {one.said.reference}" for one in found.unvalidated
        ]
    if found.unread:
        halves = " and ".join(found.unread)
        lines += ["", f"{halves}: free text or a PDF, which may hold what is listed as missing"]
    return "\n".join(lines) + "\n"


def _missing(one: Missing) -> str:
    why = " (written, not validated)" if one.lack is Lack.UNVALIDATED else ""
    return f"  {one.half or 'any'}  {one.label}{why}"


def _at(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%d/%m/%Y %H:%M")
