"""What a person may answer to a task, where the answer decides something.

A task that a person closed does not come back: a mistyped answer would be silence for ever, so
such a task takes the words of its list alone.
"""

import re
from datetime import date
from typing import Final

from engine.model.fact import ExitKind
from engine.model.task import RETURNED_KINDS, TaskKind

GO_ON: Final = "go-on"  # I have looked: what was held back may go on
NO: Final = "no"  # I have looked: it may not
CANCEL_NOTICE: Final = "cancel-notice"  # have the doctor told to disregard it: decide.recall
RECEIVED: Final = "received"  # the doctor was called, and has the letter
NOT_MY_PATIENT: Final = "not-my-patient"  # the doctor was called, and said so
TOLD: Final = "told"  # the coordinator was called: decide.release
NOT_TOLD: Final = "not-told"
DIFFERENT: Final = "different"  # these are two patients: decide.alike

_LOOKED: Final = (GO_ON, NO)
# Tasks that end in a call to the doctor, or in the reading of an answer.
BY_CALL: Final = RETURNED_KINDS | {
    TaskKind.DELIVERY_UNCERTAIN,
    TaskKind.DELIVERY_FAILED,
    TaskKind.REPLY,
}
ANSWERS: Final[dict[TaskKind, tuple[str, ...]]] = {
    TaskKind.IDENTITY_VETO: _LOOKED,
    TaskKind.STAY_DOUBT: _LOOKED,
    TaskKind.LATE_ARRIVAL: _LOOKED,
    TaskKind.KEPT_FROM_PARENTS: _LOOKED,
    TaskKind.PAGES_UNREAD: _LOOKED,
    TaskKind.LEAK: _LOOKED,
    TaskKind.CANCELLED_LETTER: _LOOKED,
    TaskKind.NEAR_IDENTITY: (DIFFERENT,),
    TaskKind.RELEASE_COORDINATOR: (TOLD, NOT_TOLD),
    TaskKind.RELEASE_COORDINATOR_RECALL: (TOLD, NOT_TOLD),
    TaskKind.WEEK_CHECK: ("kept", "partly", "missed", "none-booked", "unreachable"),
    TaskKind.EXIT_KIND_UNKNOWN: tuple(
        kind.value for kind in ExitKind if kind is not ExitKind.UNKNOWN
    ),
}


def choices(kind: TaskKind, answer: str) -> tuple[str, ...]:
    """The answers that this task takes, where ``answer`` is none of them; else none.

    A correction, and what a call to the doctor ends, are closed in a person's own words, but for
    those that are nearly a word which decides something.
    """
    if kind is TaskKind.CORRECTION:
        letters = re.sub(r"[^a-z]", "", answer.lower())
        meant = letters.startswith(("cancel", "annul")) and answer != CANCEL_NOTICE
        return (CANCEL_NOTICE, "done") if meant else ()
    if kind in BY_CALL:
        return _of_a_call(answer)
    known = ANSWERS.get(kind, ())
    if kind is TaskKind.WEEK_CHECK:
        word, _, covered = answer.partition(" ")
        return () if word in known and (not covered or _is_day(covered)) else known
    return () if answer in known else known


def _of_a_call(answer: str) -> tuple[str, ...]:
    letters = re.sub(r"[^a-zç]", "", answer.lower())
    yes = letters.startswith(("receiv", "reciev", "recu", "reçu")) and answer != RECEIVED
    no = letters.startswith(("notmy", "nothispa", "notherpa", "pasmon", "pasma", "pasle"))
    meant = yes or (no and answer != NOT_MY_PATIENT)
    return (RECEIVED, NOT_MY_PATIENT, "done") if meant else ()


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
