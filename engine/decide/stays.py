"""The walk over movements that finds the stays: who is under which unit's care, since when.

Source: PAM FR reference, section 7. A movement into a unit code of a USMP opens a stay, unless
one is open there; everything that is not clearly the end of it leaves it open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, assert_never

from engine.decide.movements import Movement
from engine.model.fact import ExitKind, Half, MovementStated
from engine.model.movement import event_of
from engine.model.stay import Exit, Orphan, Presence, Stay

# Ways out after which nobody comes back by himself.
GONE: Final = frozenset({ExitKind.RELEASE, ExitKind.TRANSFER, ExitKind.ESCAPE, ExitKind.EXPULSION})
SECOND_VISIT: Final = "a-second-visit-was-discharged"


@dataclass(slots=True)
class _Open:
    """A stay in the making."""

    key: str
    usmp: str
    visit: str
    arrival: Movement
    visits: list[str]
    halves: list[Half] = field(default_factory=list)
    nested: set[str] = field(default_factory=set)  # other visits begun while it is open
    others: list[str] = field(default_factory=list)  # those of them that were begun in the unit
    discharged: bool = False  # its visit was closed for a hospital stay
    presence: Presence = Presence.INSIDE
    away_since: datetime | None = None
    left_hospital_at: datetime | None = None
    exit: Exit | None = None
    doubts: list[str] = field(default_factory=list)

    def closed(self) -> bool:
        return self.presence is Presence.OUT

    def away(self, where: Presence, at: datetime) -> None:
        """The patient is elsewhere, and the stay goes on."""
        if self.presence is Presence.INSIDE:
            self.away_since = at
        self.presence, self.left_hospital_at = where, None

    def back(self) -> None:
        """The patient is in the unit."""
        self.presence, self.away_since, self.left_hospital_at = Presence.INSIDE, None, None
        self.discharged = False

    def value(self) -> Stay:
        stated = self.arrival.stated
        return Stay(
            key=self.key,
            usmp=self.usmp,
            visit=self.visit,
            visits=tuple(self.visits),
            others=tuple(dict.fromkeys(self.others)),
            account=stated.account,
            arrived_at=stated.at,
            arrival_heard_at=self.arrival.heard_at,
            halves=tuple(dict.fromkeys(self.halves)),
            presence=self.presence,
            away_since=self.away_since,
            left_hospital_at=self.left_hospital_at,
            exit=self.exit,
            doubts=tuple(dict.fromkeys(self.doubts)),
        )


class _Walk:
    def __init__(self) -> None:
        self.stays: list[_Open] = []
        self.orphans: list[Orphan] = []
        self.discharged: dict[str, str] = {}  # visit of an orphan → its movement
        self.counts: dict[tuple[str, str], int] = {}

    @property
    def open(self) -> _Open | None:
        return self.stays[-1] if self.stays and not self.stays[-1].closed() else None

    def step(self, movement: Movement) -> None:
        stated = movement.stated
        if event_of(stated.event).enters:
            self.enter(movement)
        elif stated.event == "A03":
            self.leave_for_good(movement)
        elif stated.event == "A21":
            self.leave_for_a_time(movement)
        elif stated.event == "A22":
            self.come_back(stated)

    def enter(self, movement: Movement) -> None:
        stated, stay = movement.stated, self.open
        if stated.care is None:
            if stay and stated.visit == stay.visit:
                stay.away(Presence.HOSPITAL, stated.at)
            elif stay:
                stay.nested.add(stated.visit)
                if stated.patient_class == "I":
                    stay.away(Presence.HOSPITAL, stated.at)
            return
        if stay is None:
            self.begin(movement)
            return
        if stay.usmp != stated.care.usmp:
            # Taken in by another prison's unit: the first stay ended there, whatever is said later.
            self.close(stay, movement, ExitKind.TRANSFER, ("arrival in another USMP",))
            self.begin(movement)
            return
        if stated.visit != stay.visit:
            if stay.discharged:
                stay.visit, stay.discharged = stated.visit, False
                stay.visits.append(stated.visit)
            else:
                stay.nested.add(stated.visit)
                stay.others.append(stated.visit)
        stay.back()
        stay.halves.append(stated.care.half)

    def begin(self, movement: Movement) -> None:
        stated = movement.stated
        assert stated.care is not None
        place = (stated.visit, stated.care.usmp)
        self.counts[place] = number = self.counts.get(place, 0) + 1
        stay = _Open(
            key=f"{movement.patient}/{stated.visit}@{stated.care.usmp}#{number}",
            usmp=stated.care.usmp,
            visit=stated.visit,
            arrival=movement,
            visits=[stated.visit],
            halves=[stated.care.half],
        )
        if not movement.inserted:
            stay.doubts.append("arrival-known-by-update-only")
        if stated.visit in self.discharged:
            stay.doubts.append(f"discharged-before-arrival {self.discharged[stated.visit]}")
        self.stays.append(stay)

    def leave_for_good(self, movement: Movement) -> None:
        stated, stay = movement.stated, self.open
        if stay and stated.visit in stay.nested:
            self.leave_another_visit(stay, stated)
            return
        if stay is None and self.stays and stated.visit == self.stays[-1].visit:
            self.discharged_again(self.stays[-1], movement)
            return
        if stay is None or stated.visit != stay.visit:
            if stated.care is not None and not self.known(stated.visit):
                self.discharged[stated.visit] = stated.movement
                self.orphans.append(
                    Orphan(
                        movement=stated.movement,
                        event=stated.event,
                        at=stated.at,
                        heard_at=movement.heard_at,
                    )
                )
            return
        kind = stated.exit_kind or ExitKind.UNKNOWN
        match kind:
            case ExitKind.HOSPITAL:
                stay.away(Presence.HOSPITAL, stated.at)
                stay.discharged = True
            case ExitKind.LEAVE:
                stay.away(Presence.ON_LEAVE, stated.at)
            case (
                ExitKind.RELEASE
                | ExitKind.TRANSFER
                | ExitKind.DEATH
                | ExitKind.ESCAPE
                | ExitKind.EXPULSION
                | ExitKind.UNKNOWN
            ):
                if kind is ExitKind.RELEASE and not movement.decided:
                    kind = self.doubted(stay, movement)
                self.close(stay, movement, kind, stated.exit_evidence)
            case _:
                assert_never(kind)

    @staticmethod
    def discharged_again(stay: _Open, movement: Movement) -> None:
        """A second discharge of one visit, under another number, that the first does not bear out:
        some senders never cancel the false one (PAM FR reference, section 8)."""
        stated, said = movement.stated, stay.exit
        assert said is not None  # it is closed
        kind = stated.exit_kind or ExitKind.UNKNOWN
        if (kind, stated.at.date()) != (said.kind, said.at.date()):
            stay.doubts.append(f"discharged-again-otherwise {stated.movement}")

    @staticmethod
    def leave_another_visit(stay: _Open, stated: MovementStated) -> None:
        """A visit begun while the stay lasts ends: the hospital's own, or a second one here."""
        stay.nested.discard(stated.visit)
        if stated.care is not None:
            if stated.exit_kind in GONE:
                stay.doubts.append(f"{SECOND_VISIT} {stated.movement}")
        elif stay.presence is Presence.HOSPITAL:
            if stay.discharged or stated.exit_kind in GONE:
                stay.left_hospital_at = stated.at  # back to the unit, or home: nobody says
            else:
                stay.back()

    @staticmethod
    def doubted(stay: _Open, movement: Movement) -> ExitKind:
        """A discharge pronounced while the patient was elsewhere, or known by an update alone, is
        for a person to read."""
        stated = movement.stated
        if not movement.inserted:
            return ExitKind.UNKNOWN
        if stated.care is None and stay.presence is not Presence.INSIDE:
            stay.doubts.append("discharged-from-elsewhere")
            return ExitKind.UNKNOWN
        return ExitKind.RELEASE

    def known(self, visit: str) -> bool:
        return any(visit in stay.visits or visit in stay.nested for stay in self.stays)

    def leave_for_a_time(self, movement: Movement) -> None:
        stated, stay = movement.stated, self.open
        if stay is None or stated.visit != stay.visit:
            return
        match stated.exit_kind:
            case ExitKind.HOSPITAL:
                stay.away(Presence.HOSPITAL, stated.at)
            case ExitKind.ESCAPE | ExitKind.DEATH:
                self.close(stay, movement, stated.exit_kind, stated.exit_evidence)
            case _:
                stay.away(Presence.ON_LEAVE, stated.at)

    def come_back(self, stated: MovementStated) -> None:
        stay = self.open
        if stay is None and self.stays:
            last = self.stays[-1]
            if last.exit is not None and last.exit.kind is ExitKind.ESCAPE:
                last.exit, stay = None, last  # the escape is over
        if stay and stated.visit == stay.visit:
            stay.back()

    @staticmethod
    def close(stay: _Open, movement: Movement, kind: ExitKind, why: tuple[str, ...]) -> None:
        stay.presence, stay.away_since, stay.left_hospital_at = Presence.OUT, None, None
        if kind is ExitKind.RELEASE:  # both visits say the same
            stay.doubts = [one for one in stay.doubts if not one.startswith(SECOND_VISIT)]
        stay.exit = Exit(
            kind=kind,
            at=movement.stated.at,
            movement=movement.stated.movement,
            heard_at=movement.heard_at,
            evidence=why,
        )
        if stay.nested and kind is ExitKind.RELEASE:
            stay.doubts.append("another-visit-still-open")


def walk(
    movements: Sequence[Movement], *, transfer_window: timedelta
) -> tuple[list[Stay], list[Orphan]]:
    """Find the stays. Pure; total."""
    found = _Walk()
    for movement in movements:
        found.step(movement)
    stays = [stay.value() for stay in found.stays]
    for place, (stay, following) in enumerate(pairwise(stays)):
        stays[place] = _followed(stay, following, transfer_window)
    return stays, found.orphans


def _followed(stay: Stay, following: Stay, window: timedelta) -> Stay:
    if stay.exit is None or following.arrived_at - stay.exit.at > window:
        return stay
    if following.usmp == stay.usmp:
        return stay.model_copy(update={"came_back_at": following.arrived_at})
    if stay.exit.kind in (ExitKind.RELEASE, ExitKind.UNKNOWN):
        moved = stay.exit.model_copy(
            update={"kind": ExitKind.TRANSFER, "evidence": ("arrival in another USMP",)}
        )
        return stay.model_copy(update={"exit": moved})
    return stay
