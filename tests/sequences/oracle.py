"""Whether a letter may leave, judged by what messages and people meant. Shares no code with
``engine.decide``: it looks at everything that was ever told, each time anew, and never at the
engine's facts, stays or verdicts.

Each rule is a sentence; ``wrongs`` gives the sentences that an attempt breaks. Where the record
leaves room (which stay a form without a visit is of), the oracle takes what allows more: what it
calls wrong is wrong.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.model.flow import Delivery
from tests.sequences.record import DOCTORS, Consent, Move, Told

_VETOED: Final = ("DOUB", "CACH", "USUR")
_ADDRESS: Final = {one.rpps: one.address for one in DOCTORS}
_SEVERITY: Final = ("granted", "not-asked", "could-not-be-asked", "refused", "withdrawn")
_NO: Final = ("refused", "withdrawn")
_CANCELLATIONS: Final = ("arrival-cancelled", "exit-cancelled")
_FORM_BEFORE: Final = timedelta(hours=12)  # a form may be dated before the admission


@dataclass
class Sent:
    """A letter that a doctor has, or may have."""

    delivery: Delivery
    at: datetime


@dataclass
class Oracle:
    """Everything that was told, in any order; what people did; what was sent."""

    told: list[Told] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    cleared: set[str] = field(default_factory=set)  # patients whose veto a person lifted
    looked_at: set[str] = field(
        default_factory=set
    )  # visits of which a person said that all is well
    different: set[frozenset[str]] = field(default_factory=set)
    recalled: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)  # visits whose exit a person called a release
    away: set[str] = field(default_factory=set)  # visits whose exit a person called none
    held: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    stopped: dict[tuple[str, str, str], str] = field(default_factory=dict)
    paused: bool = False

    # What is known.

    def cluster(self, patient: str) -> set[str]:
        """Every number under which this person is known."""
        found, grown = {patient}, True
        while grown:
            grown = False
            for one in self.told:
                if (
                    one.merged
                    and not one.test
                    and ((one.patient in found) != (one.merged in found))
                ):
                    found |= {one.patient, one.merged}
                    grown = True
        return found

    def of(self, keys: set[str]) -> list[Told]:
        """What was told of a person, in the sender's order."""
        mine = [one for one in self.told if one.patient in keys and not one.test]
        return sorted(mine, key=lambda one: (one.at, one.number))

    def moves(self, keys: set[str]) -> list[tuple[Told, Move]]:
        """Statements about movements of the stays that are this person's now."""
        owner: dict[str, str] = {}
        everything = sorted(self.told, key=lambda one: (one.at, one.number))
        for one in everything:
            if one.moved_account and not one.test:
                owner[one.moved_account] = one.patient
        return [
            (one, one.move)
            for one in everything
            if one.move is not None
            and not one.test
            and owner.get(one.move.account, one.patient) in keys
        ]

    def standing(self, keys: set[str], visit: str, event: str) -> list[Move]:
        """The movements of one kind that are in force: stated, and not cancelled since."""
        found: dict[str, Move] = {}
        for _, move in self.moves(keys):
            if (move.visit, move.event) == (visit, event):
                if move.action == "CANCEL":
                    found.pop(move.number, None)
                elif move.action == "INSERT" or move.number in found:
                    kind = move.kind or (found[move.number].kind if move.number in found else "")
                    found[move.number] = Move(
                        move.number, visit, event, move.action, move.at, move.unit, kind
                    )
        return list(found.values())

    def status(self, keys: set[str]) -> str:
        """PID-32, as said last."""
        return next((one.status for one in reversed(self.of(keys)) if one.status), "")

    def ins(self, keys: set[str]) -> str:
        """The INS that letters may carry now; "": none."""
        number = ""
        for one in self.of(keys):
            number = "" if one.ins_gone else one.ins or number
        return number if self.status(keys) == "VALI" else ""

    def doctor(self, keys: set[str], until: datetime | None = None) -> str | None:
        """The médecin traitant declared last; None: none."""
        found: str | None = None
        for one in self.of(keys):
            if one.doctor is not None and (until is None or one.at <= until):
                found = one.doctor or None
        return found

    def dead(self, keys: set[str]) -> bool:
        """Whether anything in force says so."""
        said = [one.dead for one in self.of(keys) if one.dead]
        visits = {move.visit for _, move in self.moves(keys)}
        by_exit = any(
            move.kind == "death" for visit in visits for move in self.standing(keys, visit, "A03")
        )
        return by_exit or (
            bool(said) and (said[-1] == "Y" or ("Y" in said and not self._cleared(keys)))
        )

    def _cleared(self, keys: set[str]) -> bool:
        return bool(keys & self.cleared)

    # What was agreed.

    def agreed(
        self, keys: set[str], visit: str, purpose: str, rpps: str, *, any_stay: bool = False
    ) -> str:
        """What the last word about this purpose and this doctor is."""
        said: list[tuple[datetime, int, Consent, Told]] = []
        for one in self.of(keys):
            for consent in one.consents:
                if consent.purpose != purpose or consent.recipient not in ("MT", rpps):
                    continue
                if consent.state == "granted":
                    meant = rpps if consent.recipient == rpps else self._meant(keys, one)
                    if meant != rpps or not (any_stay or self._in_stay(keys, visit, consent)):
                        continue
                elif not (any_stay or self._reaches(keys, visit, consent)):
                    continue
                said.append((consent.at, _SEVERITY.index(consent.state), consent, one))
        if not said:
            return "not-asked"
        return max(said, key=lambda row: row[:2])[2].state

    def _meant(self, keys: set[str], told: Told) -> str | None:
        """The doctor whom "the médecin traitant" was when it was said."""
        before: str | None = None
        for one in self.of(keys):
            if one.doctor is None:
                continue
            if (one.at, one.number) <= (told.at, told.number):
                before = one.doctor or None
            elif before is None and one.doctor:
                return one.doctor
        return before

    def _begins(self, keys: set[str], visit: str) -> list[datetime]:
        return [
            move.at
            for _, move in self.moves(keys)
            if (move.visit, move.event) == (visit, "A01") and move.action != "CANCEL"
        ]

    def _in_stay(self, keys: set[str], visit: str, consent: Consent) -> bool:
        if consent.visit == visit:
            return True
        begins = self._begins(keys, visit)
        if not begins or consent.at < min(begins) - _FORM_BEFORE:
            return False
        others = {move.visit for _, move in self.moves(keys)} - {visit}
        later = [
            at
            for other in others
            for entry in self.standing(keys, other, "A01")
            if (at := entry.at) > max(begins) and self._over(keys, visit, at)
        ]
        return all(consent.at < at for at in later)

    def _over(self, keys: set[str], visit: str, at: datetime) -> bool:
        """Whether the stay had ended before that moment, so that the next one is another."""
        return visit not in self.away and any(
            one.at <= at for one in self.standing(keys, visit, "A03") if one.kind != "hospital"
        )

    def _reaches(self, keys: set[str], visit: str, consent: Consent) -> bool:
        """A "no" reaches every stay that had begun."""
        begins = self._begins(keys, visit)
        if consent.state in _NO:
            return bool(begins) and consent.at >= max(begins) - _FORM_BEFORE
        return consent.visit == visit or (bool(begins) and consent.at >= min(begins))

    # The sentences.

    def wrongs(self, delivery: Delivery, ins_in_bytes: Iterable[str], now: datetime) -> list[str]:
        """The rules that an attempt at this delivery, now, would break."""
        keys = self.cluster(delivery.patient)
        visit = delivery.stay.partition("/")[2].partition("@")[0]
        kind, rpps = delivery.letter_kind.value, delivery.rpps
        notice = kind in _CANCELLATIONS
        found = []
        for purpose in delivery.purposes:
            # To which stay an agreement of its very second belongs is what that person settled.
            anywhere = notice or visit in self.looked_at
            word = self.agreed(keys, visit, purpose, rpps, any_stay=anywhere)
            if word != "granted":
                found.append(f"sent without agreement: {purpose} is {word}")
        if not delivery.purposes:
            found.append("sent on the strength of no agreement at all")
        if kind == "exit-letter" and self.agreed(keys, visit, "letter-written", rpps) in _NO:
            found.append("a letter that the patient did not want written")
        if self.agreed(keys, visit, "detention-told", rpps) in _NO and not delivery.discreet:
            found.append("the detention is told to a doctor who should not know")
        if self.dead(keys):
            found.append("sent after death")
        if self.status(keys) in _VETOED and not self._cleared(keys):
            found.append(f"sent though PID-32 is {self.status(keys)}")
        found += self._recipient(delivery, keys, notice=notice)
        found += self._identity(keys, ins_in_bytes)
        if not notice:
            found += self._happened(keys, visit, kind)
        elif delivery.stay not in {one.delivery.stay for one in self.sent}:
            found.append("a letter is taken back that nobody has")
        elif not self.recalled:
            found.append("a letter is taken back and nobody asked for it")
        found += self._people(delivery, kind, rpps)
        found += self._versions(delivery, keys)
        return found

    def _recipient(self, delivery: Delivery, keys: set[str], *, notice: bool) -> list[str]:
        found = []
        rpps = delivery.rpps
        if delivery.address != _ADDRESS.get(rpps) or delivery.intended != delivery.address:
            found.append("sent to an address that is not the doctor's")
        if notice:
            if rpps not in {one.delivery.rpps for one in self.sent}:
                found.append("taken back at a doctor who has nothing")
        elif rpps != self.doctor(keys):
            found.append("sent to a doctor who is not the médecin traitant")
        elif rpps not in {one.confirms for one in self.of(keys)}:
            found.append("sent to a doctor whom nobody confirmed")
        return found

    def _identity(self, keys: set[str], ins_in_bytes: Iterable[str]) -> list[str]:
        found = []
        for number in ins_in_bytes:
            if number != self.ins(keys):
                found.append("an INS leaves that is not qualified")
        if self._cleared(keys):
            return found
        strict: dict[str, tuple[str, ...]] = {}
        for one in self.of(keys):
            if one.who is not None:
                who = one.who
                strict[one.patient] = (who.family, who.given, who.born, who.sex)
        if len(set(strict.values())) > 1:
            found.append("two records that contradict each other were merged, and nobody looked")
        if self._alike(keys):
            found.append("another patient is alike, and nobody told them apart")
        return found

    def _alike(self, keys: set[str]) -> bool:
        """Whether another patient is now known by the same traits."""
        mine = self._known_as(keys)
        others = {one.patient for one in self.told if one.who and not one.test} - keys
        return any(
            self._known_as(self.cluster(other)) == mine
            and not any(
                {key, one} == pair
                for pair in self.different
                for key in keys
                for one in self.cluster(other)
            )
            for other in others
        )

    def _known_as(self, keys: set[str]) -> tuple[str, ...]:
        who = next((one.who for one in reversed(self.of(keys)) if one.who), None)
        return (who.family, who.given, who.born, who.sex) if who else ()

    def _happened(self, keys: set[str], visit: str, kind: str) -> list[str]:
        if not self.standing(keys, visit, "A01") and visit not in self.looked_at:
            return ["sent about a stay that is none of this patient's"]
        if kind != "arrival-notice" and visit not in self.released:
            ways = [one.kind for one in self.standing(keys, visit, "A03")]
            if "release" not in ways:
                return [f"sent as of a release; the way out is {ways or 'none'}"]
        return []

    def _people(self, delivery: Delivery, kind: str, rpps: str) -> list[str]:
        found = []
        if self.paused:
            found.append("sent while everything is paused")
        if delivery.id in self.held:
            found.append("sent while a person holds it")
        if delivery.id in self.cancelled:
            found.append("sent though a person cancelled it")
        if self.stopped.get((delivery.stay, kind, rpps), delivery.id) != delivery.id:
            found.append("a person cancelled such a letter, and nobody asked for it again")
        return found

    def _versions(self, delivery: Delivery, keys: set[str]) -> list[str]:
        """One letter of a stay is current: each one replaces the one before."""
        thread = delivery.letter_kind.value.partition("-")[0]
        found = []
        for one in self.sent:
            other = one.delivery
            if other.id == delivery.id:
                if other.message_id != delivery.message_id:
                    found.append("one letter under two Message-IDs")
                continue
            if (
                other.patient in keys
                and other.rpps == delivery.rpps
                and other.stay.partition("/")[2] == delivery.stay.partition("/")[2]
                and other.letter_kind.value.partition("-")[0] == thread
            ):
                if other.set_oid != delivery.set_oid:
                    found.append("two letters of one stay that do not replace each other")
                elif other.version >= delivery.version:
                    found.append("a version that does not follow the one before")
        return found
