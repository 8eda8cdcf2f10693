"""What a "no" comes too late for: letters that a doctor has, or may have."""

from collections.abc import Iterable
from datetime import datetime

from engine.decide.scene import left
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose
from engine.model.flow import Delivery
from engine.model.letter import CANCELLATIONS, LetterKind


def too_late_for(said: ConsentStated, deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Letters that went out and that this "no" would have kept; none for any other word."""
    if said.state not in (ConsentState.REFUSED, ConsentState.WITHDRAWN):
        return []
    return [
        one
        for one in deliveries
        if left(one)
        and one.letter_kind not in CANCELLATIONS
        and said.recipient in (MEDECIN_TRAITANT, one.rpps)
        and _leans_on(one, said.purpose)
    ]


def sent_at(delivery: Delivery) -> datetime:
    """When it left; of one that may have left, when it was written."""
    return delivery.closed_at or delivery.created_at


def _leans_on(delivery: Delivery, purpose: Purpose) -> bool:
    match purpose:
        case Purpose.LETTER_WRITTEN:
            return delivery.letter_kind is LetterKind.EXIT_LETTER
        case Purpose.DETENTION_TOLD:
            return not delivery.discreet
        case _:
            return purpose.value in delivery.purposes
