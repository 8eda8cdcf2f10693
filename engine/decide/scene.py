"""Everything a decision looks at, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.decide.consents import in_force
from engine.decide.reasons import Reason
from engine.decide.recipients import Directory
from engine.model.consent import ConsentStated, Purpose
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import THREAD_OF, Thread
from engine.model.policy import Mode, Policy
from engine.model.stay import Record, Stay


@dataclass(frozen=True)
class Scene:
    """What is known of one patient, at one instant.

    ``cleared`` holds the keys of tasks by which a person said "go on"; ``impossible`` the ids of
    deliveries that could not be written and wait for a person.
    ``recalled`` holds the ids of letters that a person asked to take back (decide.recall).
    ``gp_meant`` gives the doctor whom each agreement about "the médecin traitant" meant.
    """

    record: Record
    deliveries: Sequence[Delivery]
    cleared: frozenset[str]
    impossible: frozenset[str]
    gp_meant: Mapping[ConsentStated, str | None]
    directory: Directory
    policy: Policy
    now: datetime
    recalled: frozenset[str] = frozenset()

    def refusal(self, stay: Stay, purpose: Purpose, rpps: str) -> Reason | None:
        """Why consent forbids this; None: it is granted."""
        return in_force(stay.consents, purpose, rpps, self.gp_meant)[1]

    def of_thread(self, stay: str, thread: Thread) -> list[Delivery]:
        """Deliveries of one thread of one stay, oldest first."""
        return [
            one
            for one in self.deliveries
            if one.stay == stay and THREAD_OF[one.letter_kind] is thread
        ]

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
