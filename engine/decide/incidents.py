"""What was sent about the wrong person, or to the wrong doctor: a personal data breach, with its
72 hours (GDPR, art. 33).

It hangs on what a doctor has, whatever is decided now: a notice of cancellation that followed does
not undo it. The correction is asked for by its own task.
"""

from engine.decide.likeness import another_person
from engine.decide.scene import Scene, left
from engine.decide.statement import person_digest
from engine.decide.versions import describes
from engine.decide.wish import task
from engine.model.flow import Delivery
from engine.model.letter import CANCELLATIONS, THREAD_OF
from engine.model.task import TaskKind, WantedTask


def incidents(scene: Scene) -> tuple[WantedTask, ...]:
    """One for each thread of which a letter went out about the wrong person, or to a doctor whose
    patient it is not, naming the first."""
    patient = scene.record.person.patient
    first: dict[tuple[str, str], Delivery] = {}
    for one in scene.deliveries:
        if one.letter_kind in CANCELLATIONS or not left(one) or not scene.counts(one):
            continue
        if one.rpps in scene.record.person.disowned or _of_another(scene, one):
            first.setdefault((one.stay, THREAD_OF[one.letter_kind]), one)
    return tuple(task(TaskKind.INCIDENT, patient, one.stay, one.id) for one in first.values())


def _of_another(scene: Scene, sent: Delivery) -> bool:
    person = scene.record.person
    # A40 of records of people who differ: some letter was about one, and reached the other's.
    if any(field.startswith("A40") for field in person.in_doubt):
        return True
    # A11, or A44: the stay is not this patient's, and no other stay of theirs makes it right.
    if all(stay.key != sent.stay for stay in scene.record.stays) and not any(
        describes(scene, stay, sent) for stay in scene.record.stays
    ):
        return True
    named = sent.statement.partition(".")[0]
    if named == person_digest(person.traits):
        return False
    before = next((one for one in person.known_as if person_digest(one) == named), None)
    return before is None or another_person(before, person.traits)
