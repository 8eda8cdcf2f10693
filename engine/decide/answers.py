"""What a person may answer to a task, where the answer decides something.

A task that a person closed does not come back: a mistyped answer would be silence for ever, so
such a task takes the words of its list alone.
"""

import re
from typing import Final

from engine.model.fact import ExitKind
from engine.model.task import TaskKind

GO_ON: Final = "go-on"  # I have looked: what was held back may go on
NO: Final = "no"  # I have looked: it may not
CANCEL_NOTICE: Final = "cancel-notice"  # have the doctor told to disregard it: decide.recall
DIFFERENT: Final = "different"  # these are two patients: decide.alike

_LOOKED: Final = (GO_ON, NO)
ANSWERS: Final[dict[TaskKind, tuple[str, ...]]] = {
    TaskKind.IDENTITY_VETO: _LOOKED,
    TaskKind.STAY_DOUBT: _LOOKED,
    TaskKind.LATE_ARRIVAL: _LOOKED,
    TaskKind.KEPT_FROM_PARENTS: _LOOKED,
    TaskKind.PAGES_UNREAD: _LOOKED,
    TaskKind.LEAK: _LOOKED,
    TaskKind.CANCELLED_LETTER: _LOOKED,
    TaskKind.NEAR_IDENTITY: (DIFFERENT,),
    TaskKind.EXIT_KIND_UNKNOWN: tuple(
        kind.value for kind in ExitKind if kind is not ExitKind.UNKNOWN
    ),
}


def choices(kind: TaskKind, answer: str) -> tuple[str, ...]:
    """The answers that this task takes, where ``answer`` is none of them; else none.

    A correction is closed in a person's own words, but for those that nearly ask for the notice.
    """
    if kind is TaskKind.CORRECTION:
        letters = re.sub(r"[^a-z]", "", answer.lower())
        meant = letters.startswith(("cancel", "annul")) and answer != CANCEL_NOTICE
        return (CANCEL_NOTICE, "done") if meant else ()
    known = ANSWERS.get(kind, ())
    return () if answer in known else known
