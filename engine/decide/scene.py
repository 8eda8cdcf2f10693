"""Everything a decision looks at, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.decide.capacity import Hearing
from engine.decide.consents import may_know
from engine.decide.reasons import Reason
from engine.model.consent import ConsentStated, Purpose
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import THREAD_OF, Thread
from engine.model.policy import Mode, Policy
from engine.model.recipient import Answer, Service
from engine.model.release import ToldCoordinator
from engine.model.stay import Record, Stay


@dataclass(frozen=True)
class Scene:
    """What is known of one patient, at one instant.

    ``cleared`` holds the keys of tasks by which a person said "go on"; ``impossible`` the ids of
    deliveries that could not be written and wait for a person.
    ``recalled`` holds the ids of letters that a person asked to take back (decide.recall).
    ``gp_meant`` gives the doctor whom each agreement about "the médecin traitant" meant.
    ``answer`` is what the directories say of the médecin traitant, ``others`` of the doctors of
    ``recalled``, by RPPS; ``services`` those of the territory, where no doctor is known.
    ``near`` holds the keys of other patients so alike that a person must tell them apart first
    (decide.likeness); those whom a person told apart are not among them.
    ``coordinator`` gives, by stay, what a coordinator was told (decide.release).
    """

    record: Record
    deliveries: Sequence[Delivery]
    cleared: frozenset[str]
    impossible: frozenset[str]
    gp_meant: Mapping[ConsentStated, str | None]
    policy: Policy
    now: datetime
    recalled: frozenset[str] = frozenset()
    near: frozenset[str] = frozenset()
    answer: Answer | None = None
    others: Mapping[str, Answer] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    coordinator: Mapping[str, ToldCoordinator] = field(default_factory=dict)

    def refusal(self, stay: Stay, purpose: Purpose, rpps: str) -> Reason | None:
        """Why consent forbids this; None: everyone who must agree does."""
        return self.hearing(stay.key).refusal(purpose, rpps)

    def said_no(self, stay: Stay, purpose: Purpose, rpps: str) -> Reason | None:
        """As `refusal`, of a "no" that was said; silence is none."""
        return self.hearing(stay.key).said_no(purpose, rpps)

    def hearing(self, stay: str, *, statements: tuple[ConsentStated, ...] | None = None) -> Hearing:
        """What was said in a stay; in one that was taken back, all that was ever said counts.
        ``statements``: of these alone."""
        known = next((one for one in self.record.stays if one.key == stay), None)
        if statements is None:
            statements = self.record.consents if known is None else known.consents
        return Hearing(
            person=self.record.person,
            stay=stay,
            statements=statements,
            gp_meant=self.gp_meant,
            rules=self.policy.capacity,
            cleared=self.cleared,
            now=self.now,
        )

    def discreet(self, stay: Stay | None, rpps: str) -> bool:
        """Whether a letter to this doctor must not tell the detention. No stay: one that was taken
        back, of which all that the patient ever said counts."""
        statements = self.record.consents if stay is None else stay.consents
        hearing = self.hearing("" if stay is None else stay.key)
        if hearing.said_no(Purpose.DETENTION_TOLD, rpps) is not None:
            return True
        return not may_know(
            statements,
            self.record.consents,
            rpps,
            self.gp_meant,
            if_not_asked=self.policy.detention_if_not_asked,
        )

    def faceless(self, usmp: str, discreet: bool) -> bool:
        """Whether the unit lacks the face that such a letter would show."""
        return discreet and self.policy.units[usmp].neutral is None

    def of_thread(self, stay: str, thread: Thread) -> list[Delivery]:
        """Deliveries of one thread of one stay, oldest first."""
        return [
            one
            for one in self.deliveries
            if one.stay == stay and THREAD_OF[one.letter_kind] is thread
        ]

    def last_said(self, stay: str, thread: Thread) -> Delivery | None:
        """The last word of a thread that reached, or may have reached, a doctor."""
        said = [one for one in self.of_thread(stay, thread) if left(one) and self.counts(one)]
        return said[-1] if said else None

    def counts(self, delivery: Delivery) -> bool:
        """Whether it goes, or went, to the doctor. In production a letter that test mode diverted
        does not; in test mode those to the test mailboxes do."""
        return self.policy.mode is Mode.TEST or delivery.address == delivery.intended

    def previous(self, stay: Stay) -> Stay | None:
        """The stay before this one."""
        place = self.record.stays.index(stay)
        return self.record.stays[place - 1] if place else None


def left(delivery: Delivery) -> bool:
    """The doctor has it, or may have it."""
    return delivery.state is DeliveryState.RELAYED or delivery.possibly_sent


def on_its_way(delivery: Delivery) -> bool:
    """Written, and not yet taken by anybody."""
    return delivery.state in (
        DeliveryState.QUEUED,
        DeliveryState.SENDING,
        DeliveryState.HELD,
        DeliveryState.REJECTED,
        DeliveryState.EXPIRED,
    )
