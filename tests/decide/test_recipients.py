"""Who receives: one mailbox, or the reason why nobody does."""

import pytest

from engine.decide.reasons import SENTENCES, Reason
from engine.decide.recipients import recipient
from engine.decide.sentences import CURES, TASKS
from engine.model.people import Mailbox, Professional, Traits
from engine.model.stay import Person
from engine.model.task import TaskKind
from tests.support.patients import BOX, GP, box

TWO = (BOX, box(GP, "claire.martel@clinique.mssante.example"))


def person(gp: Professional | None, **traits: object) -> Person:
    return Person(patient="1|x", keys=("1|x",), traits=Traits.model_validate(traits), gp=gp)


@pytest.mark.parametrize(
    ("who", "directory", "found"),
    [
        (person(GP), {GP.rpps: (BOX,)}, BOX),
        (person(None), {}, Reason.GP_UNKNOWN),
        (person(None, has_no_gp=True), {}, Reason.GP_NONE),
        (person(GP, has_no_gp=True), {GP.rpps: (BOX,)}, Reason.GP_DOUBT),
        (person(Professional(other_id="591234567", family="MARTEL")), {}, Reason.GP_DOUBT),
        (person(GP.model_copy(update={"rpps": "10999990013"})), {}, Reason.GP_DOUBT),
        (person(GP), {}, Reason.MAILBOX_MISSING),
        (person(GP), {GP.rpps: TWO}, Reason.MAILBOX_DOUBT),
        (
            person(GP.model_copy(update={"family": "DUPONT"})),
            {GP.rpps: (BOX,)},
            Reason.GP_DOUBT,
        ),
    ],
)
def test_there_is_one_mailbox_or_a_reason(
    who: Person, directory: dict[str, tuple[Mailbox, ...]], found: Mailbox | Reason
) -> None:
    assert recipient(who, directory) == found


def test_every_reason_and_every_task_has_its_sentence_and_its_cure() -> None:
    assert set(SENTENCES) == set(Reason)
    assert set(TASKS) == set(CURES) == set(TaskKind)
