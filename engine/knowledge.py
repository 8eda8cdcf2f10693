"""What is known of a patient, read in one transaction; and what follows from it, written there.

The pure parts are decide.fold and decide.plan. Here the rows are fetched, the plan is asked for,
and its cancels, tasks and changed verdicts are written with their audit lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from engine.decide.alike import pair_key
from engine.decide.answers import CANCEL_NOTICE, DIFFERENT, GO_ON, TOLD
from engine.decide.fold import fold
from engine.decide.gp import identified
from engine.decide.likeness import near, traces
from engine.decide.person import fold_person, gp_meant
from engine.decide.plan import Plan, plan, verdict_on
from engine.decide.reasons import Reason
from engine.decide.release import around_release
from engine.decide.scene import Scene
from engine.model.fact import GpDisowned, Heard
from engine.model.flow import COPY, Delivery, DeliveryState, message_about
from engine.model.people import Mailbox, Professional, Traits
from engine.model.policy import Mode, Policy
from engine.model.recipient import Answer, DoctorNote, Service
from engine.model.release import ToldCoordinator
from engine.model.task import Task, TaskKind
from engine.model.trail import AuditKind
from engine.settled import base_key, items_of, of_pair, reconcile_tasks, remember_stays, told_record
from engine.store.interface import Tx

_GENERATION: Final = "directory-generation"


class Doctors(Protocol):
    """Where doctors are looked up: what answers is a value, and says which directory it came from.
    Any thread."""

    @property
    def generation(self) -> str:
        """Of the national directory in place; "" when none is."""
        ...

    def find(self, named: Professional, note: DoctorNote | None) -> Answer:
        """Who that is, and the mailbox for each kind of letter."""
        ...

    def named(self, rpps: str) -> tuple[Mailbox, ...]:
        """Names and places of a doctor, whatever the mailbox."""
        ...

    def address_fault(self, address: str, channel: str) -> str | None:
        """Why an address is not written to by a channel; None: it may be."""
        ...

    def services(self) -> tuple[Service, ...]:
        """Those of the territory file."""
        ...


@dataclass(frozen=True)
class Knowledge:
    """The site's settings that decisions read, as one value; a reload replaces it."""

    policy: Policy
    doctors: Doctors

    def scene(self, tx: Tx, patient: str, now: datetime) -> Scene:
        """All that a decision about this patient looks at, as one snapshot."""
        root = tx.facts.root(patient)
        facts = tx.facts.of_patient(root)
        record = fold(
            root,
            tx.facts.cluster(root),
            facts,
            transfer_window=self.policy.transfer_window,
            with_tests=self.policy.mode is Mode.TEST,
        )
        tasks = tx.tasks.of_patient(root)
        deliveries = tx.outbox.of_patient(root)
        recalled = frozenset(
            one.about
            for one in tasks
            if one.kind is TaskKind.CORRECTION and one.answer == CANCEL_NOTICE
        )
        named = record.person.gp
        answer = self._find(tx, named) if named and record.stays else None
        known: dict[Professional, str] = {}
        if answer is not None and named is not None:
            record = identified(record, answer)
            known = {named: answer.rpps} if answer.rpps else {}
        return Scene(
            record=record,
            deliveries=deliveries,
            cleared=frozenset(
                base_key(one.key) for one in tasks if not one.open and one.answer == GO_ON
            ),
            impossible=frozenset(
                one.about for one in tasks if one.open and one.kind is TaskKind.LETTER_IMPOSSIBLE
            ),
            recalled=recalled,
            gp_meant=gp_meant(facts, known),
            answer=answer,
            others={
                one.rpps: self._find(tx, Professional(rpps=one.rpps))
                for one in deliveries
                if one.id in recalled
            },
            services=(
                self.doctors.services()
                if named is None and record.stays and self.policy.without_gp
                else ()
            ),
            coordinator=_coordinator_told(tasks),
            policy=self.policy,
            now=now,
            near=(
                self._near(tx, root, record.person.traits)
                if record.stays
                or deliveries
                or any(one.open and one.kind is TaskKind.NEAR_IDENTITY for one in tasks)
                else frozenset()  # nothing is sent of most of a hospital's patients
            ),
        )

    def _find(self, tx: Tx, named: Professional) -> Answer:
        """What the directories say of a doctor, and what is remembered of whom they mean."""
        found = self.doctors.find(named, None)
        note = tx.doctors.note(found.rpps) if found.rpps else None
        return found if note is None else self.doctors.find(named, note)

    def traits(self, tx: Tx, patient: str) -> Traits:
        """What is known of a person, and nothing of their stays."""
        root = tx.facts.root(patient)
        facts = [
            heard
            for heard in tx.facts.of_patient(root)
            if self.policy.mode is Mode.TEST or not heard.test
        ]
        return fold_person(root, tx.facts.cluster(root), facts, discharged_dead=False).traits

    def _near(self, tx: Tx, root: str, traits: Traits) -> frozenset[str]:
        """Others so alike that a person must look; without those whom a person told apart."""
        return frozenset(
            other
            for other in tx.facts.alike(root, traces(traits))
            if near(traits, self.traits(tx, other))
            and not any(one.answer == DIFFERENT for one in of_pair(tx, root, other))
        )

    def _pairs(self, tx: Tx, scene: Scene, decided: Plan, now: datetime) -> dict[str, list[Task]]:
        """By key, the tasks about this patient and one who is alike, which may lie with the other.
        An open one that the other alone asks for is left out: it is not this patient's to close."""
        root, want = scene.record.person.patient, {one.key for one in decided.tasks}
        found: dict[str, list[Task]] = {}
        for other in scene.near:
            key, tasks = pair_key(root, other), of_pair(tx, root, other)
            if key not in want and any(one.open for one in tasks):
                theirs = plan(self.scene(tx, other, now))
                if any(one.key == key for one in theirs.tasks):
                    found[key] = [one for one in tasks if not one.open]
                    continue
            found[key] = tasks
        return found

    def _tell_those_alike(self, tx: Tx, root: str, now_known_as: Traits, now: datetime) -> None:
        """Where the traits that tell people apart have changed: whoever is, or was, like this one
        is decided about anew, and a question about a pair that is none any more is closed."""
        for other in tx.facts.put_traces(root, traces(now_known_as)):
            asked = of_pair(tx, root, other)
            alike = near(now_known_as, self.traits(tx, other))
            if alike or asked:
                look_again(tx, other, now)
            for task in asked:
                if task.open and not alike:
                    tx.tasks.close(task.id, now, "relais", "no-longer-needed")

    def settle(self, tx: Tx, patient: str, now: datetime) -> tuple[Scene, Plan]:
        """Decide anew about a patient and write what follows, letters to send excepted: those
        are written by the dispatcher, which the stay's next look wakes."""
        scene = self.scene(tx, patient, now)
        asked = around_release(scene, partial(items_of, tx))
        decided = plan(scene).with_around(asked)
        root = scene.record.person.patient
        for cancel in decided.cancels:
            tx.outbox.move(
                cancel.delivery, DeliveryState.CANCELLED, now, reason=cancel.reason.value
            )
            tx.audit.append(
                AuditKind.DELIVERY_MOVED,
                now=now,
                patient=root,
                subject=f"delivery {cancel.delivery}",
                to=DeliveryState.CANCELLED.value,
                reason=cancel.reason.value,
            )
        over = (
            frozenset(
                one.id
                for one in scene.deliveries
                if one.state in (DeliveryState.RELAYED, DeliveryState.CANCELLED)
            )
            | told_record(tx, root)
            | {cancel.delivery for cancel in decided.cancels}
        )
        pairs = self._pairs(tx, scene, decided, now)
        reconcile_tasks(tx, root, decided.tasks, over, now, pairs)
        remember_stays(tx, scene, decided, now)
        self._tell_those_alike(tx, root, scene.record.person.traits, now)
        return scene, decided

    def may_leave(self, tx: Tx, delivery: Delivery, now: datetime) -> Reason | datetime | None:
        """The gate, read in the transaction that opens the attempt. See decide.plan.verdict_on."""
        test = self.policy.mode is Mode.TEST
        if test and delivery.address not in self.policy.test_mailboxes:
            return Reason.TEST_MODE_ADDRESS
        if not test and delivery.address != delivery.intended:
            return Reason.DIVERTED_IN_TEST
        if delivery.about:
            # The record is told of what was done, whoever may know it now: of nothing else.
            letter = tx.outbox.get(delivery.about)
            return None if letter and _was_done(letter, delivery) else Reason.SUPERSEDED
        # The list may have changed since the letter was written, and an address is not to be
        # believed because it once was.
        if self.doctors.address_fault(delivery.intended, delivery.channel) is not None:
            return Reason.ADDRESS_REFUSED
        return verdict_on(self.scene(tx, delivery.patient, now), delivery)


def _was_done(letter: Delivery, told: Delivery) -> bool:
    """A copy tells of a letter that left. A receipt stays true of what was tried, even if the
    letter is tried anew since."""
    if told.id == message_about(letter.id, COPY):
        return letter.state is DeliveryState.RELAYED and not letter.in_print_queue
    return letter.attempts > 0 or letter.state is DeliveryState.EXPIRED


def look_again(tx: Tx, patient: str, now: datetime) -> None:
    """Have the dispatcher decide anew about a patient: something was said at the command line."""
    for row in tx.facts.stays_of(patient):
        tx.facts.put_stay(replace(row, next_look_at=now))


def reconsider(tx: Tx, now: datetime) -> None:
    """Have every stay that waits, asks or failed looked at again: the settings have changed."""
    for row in tx.facts.all_stays():
        if any(not verdict.startswith(("said", "silent")) for verdict in row.verdicts.values()):
            look_again(tx, row.patient, now)


def _coordinator_told(tasks: Iterable[Task]) -> dict[str, ToldCoordinator]:
    """By stay, out of what those who called have answered; ``tasks``: oldest first."""
    told: dict[str, ToldCoordinator] = {}
    for one in tasks:
        if one.answer != TOLD or one.stay is None:
            continue
        before = told.get(one.stay, ToldCoordinator())
        if one.kind is TaskKind.RELEASE_COORDINATOR:
            told[one.stay] = before._replace(week=one.about)
        elif one.kind is TaskKind.RELEASE_COORDINATOR_RECALL:
            told[one.stay] = ToldCoordinator(recalls=before.recalls + 1)
    return told


def renew(tx: Tx, generation: str, now: datetime) -> bool:
    """Where another generation of the national directory is in place than when this was last
    asked: have what waits looked at again. Gives whether it is."""
    if (tx.meta.get(_GENERATION) or "") == generation:
        return False
    tx.meta.put(_GENERATION, generation)
    reconsider(tx, now)
    return True


def disown(
    tx: Tx,
    knowledge: Knowledge,
    patient: str,
    rpps: str,
    now: datetime,
    *,
    by: str,
    actor: str = "relais",
) -> None:
    """A doctor said "not my patient" (by telephone, or in a receipt: ``by`` tells): nothing more
    goes there, a person asks again, and what that doctor has is an incident."""
    root = tx.facts.root(patient)
    fact = GpDisowned(rpps=rpps, at=now, by=by)
    tx.facts.add([Heard(patient=root, fact=fact, recorded_at=now, heard_at=now)])
    tx.audit.append(AuditKind.GP_DISOWNED, now=now, actor=actor, patient=root, rpps=rpps, by=by)
    knowledge.settle(tx, root, now)
    look_again(tx, root, now)
