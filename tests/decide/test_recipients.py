"""Who receives: one mailbox, or the reason why nobody does."""

import pytest

from engine.decide.reasons import SENTENCES, Reason
from engine.decide.recipients import recipient
from engine.decide.sentences import CURES, TASKS
from engine.model.letter import LetterKind
from engine.model.people import Mailbox, Professional
from engine.model.recipient import ADDRESSED, Answer, Choice, Gap
from engine.model.stay import Person
from engine.model.task import TaskKind
from tests.support.patients import BOX, GP, answers, box

TWO = (BOX, box(GP, "claire.martel@clinique.mssante.example"))
RPPS = GP.rpps or ""
NOTICE = LetterKind.ARRIVAL_NOTICE


def person(gp: Professional | None, **known: object) -> Person:
    return Person.model_validate(
        {"patient": "1|x", "keys": ("1|x",), "traits": {}, "gp": gp, **known}
    )


@pytest.mark.parametrize(
    ("who", "directory", "found"),
    [
        (person(GP), {RPPS: (BOX,)}, BOX),
        (person(None), {}, Reason.GP_UNKNOWN),
        (person(None, no_gp=True), {}, Reason.GP_NONE),
        (person(GP, gp_disputed=True), {RPPS: (BOX,)}, Reason.GP_DOUBT),
        (person(Professional(other_id="591234567", family="MARTEL")), {}, Reason.GP_DOUBT),
        (person(GP.model_copy(update={"rpps": "10999990013"})), {}, Reason.GP_DOUBT),
        (person(GP), {}, Reason.MAILBOX_MISSING),
        (person(GP), {RPPS: TWO}, Reason.MAILBOX_DOUBT),
        (person(GP.model_copy(update={"family": "DUPONT"})), {RPPS: (BOX,)}, Reason.GP_DOUBT),
        (person(GP, disowned=(RPPS,)), {RPPS: (BOX,)}, Reason.GP_DISOWNED),
        (person(GP, disowned=(RPPS,), reinstated=(RPPS,)), {RPPS: (BOX,)}, BOX),
    ],
)
def test_there_is_one_mailbox_or_a_reason(
    who: Person, directory: dict[str, tuple[Mailbox, ...]], found: Mailbox | Reason
) -> None:
    assert recipient(who, answers(directory, who.gp), NOTICE) == found


@pytest.mark.parametrize("gap", Gap)
def test_each_gap_has_a_reason_of_its_own(gap: Gap) -> None:
    told = Answer(rpps=RPPS, choices=tuple(Choice(kind=kind, gap=gap) for kind in ADDRESSED))
    found = recipient(person(GP), told, NOTICE)
    assert isinstance(found, Reason)
    others = {
        recipient(person(GP), Answer(rpps=RPPS, choices=(Choice(kind=NOTICE, gap=one),)), NOTICE)
        for one in set(Gap) - {gap}
    }
    assert found not in others


def test_a_doctor_who_was_not_looked_up_is_in_doubt() -> None:
    assert recipient(person(GP), None, NOTICE) is Reason.GP_DOUBT


def test_each_kind_of_letter_has_its_own_mailbox() -> None:
    other = box(GP, "secretariat@cabinets.mssante.example")
    told = Answer(
        rpps=RPPS,
        choices=(
            Choice(kind=LetterKind.EXIT_LETTER, mailbox=BOX),
            Choice(kind=LetterKind.EXIT_NOTICE, mailbox=other),
        ),
    )
    assert recipient(person(GP), told, LetterKind.EXIT_LETTER) == BOX
    assert recipient(person(GP), told, LetterKind.EXIT_NOTICE) == other
    assert recipient(person(GP), told, NOTICE) is Reason.MAILBOX_MISSING


def test_every_reason_and_every_task_has_its_sentence_and_its_cure() -> None:
    assert set(SENTENCES) == set(Reason)
    assert set(TASKS) == set(CURES) == set(TaskKind)
