"""Rows of `directory.csv`, which decisions read, for the doctors of a territory.

A doctor is left out, with the reason, unless one mailbox is the family practice's beyond doubt.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from engine.directory.boxes import BoxPolicy, ChosenBox, choose_box, seats
from engine.directory.domains import TrustedDomains
from engine.directory.folding import postal_of, town_of
from engine.directory.practice import family_practice
from engine.model.directory import PHYSICIAN, BoxRow, Person, PracticeRow
from engine.model.people import Mailbox, MailboxType

NOT_A_PHYSICIAN: Final = "the directory lists no physician under it"
NOT_LISTED: Final = "the directory does not hold that number"
CONTESTED: Final = "a personal mailbox that the directory gives to two people"


@dataclass(frozen=True, slots=True)
class Area:
    """Where a doctor is to practise: any of these towns and postal codes; a code may be cut."""

    towns: frozenset[str] = frozenset()  # as folding.town_of gives them
    postals: tuple[str, ...] = ()

    def holds(self, town: str, postal: str) -> bool:
        """Whether a place lies in it."""
        return town_of(town) in self.towns or (
            bool(self.postals) and (postal_of(postal) or postal_of(town)).startswith(self.postals)
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A doctor without a row."""

    rpps: str
    family: str
    given: str
    why: str
    seen: tuple[str, ...] = ()  # each mailbox looked at: its type, its seat, what is wrong with it


def practises_in(person: Person, area: Area) -> bool:
    """At a family practice there; by the mailboxes when the professionals' file says nothing."""
    if person.practices:
        return any(
            family_practice(one.mode, one.sector_label) and area.holds(one.town, one.postal)
            for one in person.practices
        )
    return any(area.holds(one.town, one.postal) for one in person.boxes)


def row_of(
    person: Person,
    shared: Sequence[BoxRow],
    *,
    trusted: TrustedDomains,
    policy: BoxPolicy,
    contested: Collection[str],
    channel: str,
) -> Mailbox | LeftOut:
    """The doctor's row, or why there is none. ``contested`` are addresses in lower case."""
    if person.profession != PHYSICIAN:
        return LeftOut(person.rpps, person.family, person.given, NOT_A_PHYSICIAN)
    chosen = choose_box(seats(person, shared, trusted), policy)
    if not isinstance(chosen, ChosenBox):
        seen = tuple(
            f"{one.box.type} {one.seat.value}" + (f": {one.fault.value}" if one.fault else "")
            for one in chosen.seen
        )
        return LeftOut(person.rpps, person.family, person.given, chosen.why.value, seen)
    if chosen.box.address.lower() in contested:
        return LeftOut(person.rpps, person.family, person.given, CONTESTED)
    return Mailbox(
        rpps=person.rpps,
        family=person.family,
        given=person.given,
        place=_place(chosen.box, person.practices),
        address=chosen.box.address,
        type=MailboxType(chosen.box.type),
        channel=channel,
    )


def _place(box: BoxRow, practices: Sequence[PracticeRow]) -> str:
    own = (one.town for one in practices if family_practice(one.mode, one.sector_label))
    return box.town.strip() or next(own, "")
