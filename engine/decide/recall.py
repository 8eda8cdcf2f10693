"""A letter to be taken back: the notice of cancellation that a person asked for.

Never by machine alone: that a letter is wrong is told by a CORRECTION task, and its answer
``cancel-notice`` asks for the notice. It goes to who has the letter, says no more than the letter
did, and needs what every letter needs: the agreement, a clear identity, one mailbox.
"""

import hashlib

from engine.decide import gate
from engine.decide.capacity import infant
from engine.decide.reasons import Reason
from engine.decide.recipients import mailbox_of
from engine.decide.scene import Scene, left
from engine.decide.wish import Say
from engine.model.consent import Purpose
from engine.model.flow import Delivery
from engine.model.letter import CANCELLATION_OF, CANCELLATIONS
from engine.model.people import Mailbox
from engine.model.stay import Stay, unit_of_key


def recall(scene: Scene, target: Delivery) -> Say | Reason:
    """The notice that takes ``target`` back, or why it cannot be said."""
    person = scene.record.person
    if person.dead:
        return Reason.DEATH
    identity = gate.identity(person, scene.policy, scene.cleared)
    if identity is not None:
        return identity
    if infant(person, scene.now):
        return Reason.INFANT
    if scene.near:
        return Reason.NEAR_IDENTITY
    if unit_of_key(target.stay) not in scene.policy.units:
        return Reason.UNIT_NOT_SET_UP
    if target.rpps in person.not_theirs:
        return Reason.GP_DISOWNED
    refused = _refusal(scene, target)
    if refused is not None:
        return refused
    mailbox = _mailbox(scene, target)
    if isinstance(mailbox, Reason):
        return mailbox
    discreet = scene.discreet(_stay(scene, target), target.rpps)
    if scene.faceless(unit_of_key(target.stay), discreet):
        return Reason.NEUTRAL_FACE_MISSING
    return Say(
        kind=CANCELLATION_OF[target.letter_kind],
        mailbox=mailbox,
        discreet=discreet,
        purposes=target.purposes,
        statement=_statement(target),
        not_before=scene.now,
    )


def wanted(scene: Scene, deliveries: list[Delivery]) -> Delivery | None:
    """The last of a thread's letters, where a person asked for it to be taken back."""
    last = deliveries[-1] if deliveries else None
    return last if last is not None and last.id in scene.recalled else None


def target_of(scene: Scene, notice: Delivery) -> Delivery | None:
    """The letter that a notice of cancellation takes back."""
    return next(
        (
            one
            for one in scene.deliveries
            if left(one) and one.id in scene.recalled and _statement(one) == notice.statement
        ),
        None,
    )


def is_cancellation(delivery: Delivery) -> bool:
    """Whether a delivery is such a notice."""
    return delivery.letter_kind in CANCELLATIONS


def _statement(target: Delivery) -> str:
    """The person as the letter named them, and which letter: see decide.statement."""
    named = target.statement.rpartition(".")[0]
    return f"{named}.{hashlib.sha256(target.id.encode()).hexdigest()[:32]}"


def _refusal(scene: Scene, target: Delivery) -> Reason | None:
    hearing = scene.hearing(target.stay)
    for purpose in target.purposes:
        found = hearing.refusal(Purpose(purpose), target.rpps)
        if found is not None:
            return found
    return None


def _stay(scene: Scene, target: Delivery) -> Stay | None:
    return next((one for one in scene.record.stays if one.key == target.stay), None)


def _mailbox(scene: Scene, target: Delivery) -> Mailbox | Reason:
    answer = scene.answer
    if answer is None or answer.rpps != target.rpps:
        answer = scene.others.get(target.rpps)
    if answer is None:
        return Reason.MAILBOX_MISSING
    return mailbox_of(scene.record.person, answer, target.letter_kind)
