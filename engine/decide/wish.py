"""What a stay calls for on one thread, before anything of the outbox is looked at."""

from pydantic import AwareDatetime, Field

from engine.decide.reasons import Reason
from engine.model.fact import Half
from engine.model.letter import LetterKind
from engine.model.people import Mailbox
from engine.model.task import TaskKind, WantedTask
from engine.model.value import Value


class Part(Value):
    """One document that a letter carries."""

    half: Half
    content: str

    def __str__(self) -> str:
        return f"{self.half}:{self.content}"


class Say(Value):
    """This should be said, not before `not_before`."""

    kind: LetterKind
    mailbox: Mailbox
    parts: tuple[Part, ...] = ()
    purposes: tuple[str, ...]
    withheld: tuple[Half, ...] = ()
    statement: str = Field(description="Digest of what the letter states: decide.statement.")
    not_before: AwareDatetime
    tasks: tuple[WantedTask, ...] = ()


class Wait(Value):
    """Nothing yet: look again at `until`."""

    reason: Reason
    until: AwareDatetime


class Ask(Value):
    """Nothing, unless a person does something first."""

    reason: Reason
    tasks: tuple[WantedTask, ...]


class Silent(Value):
    """Nothing, and rightly so; look again at `until`, if there is one."""

    reason: Reason
    tasks: tuple[WantedTask, ...] = ()
    until: AwareDatetime | None = None


Wish = Say | Wait | Ask | Silent


def task(kind: TaskKind, patient: str, stay: str, about: str = "") -> WantedTask:
    """A task of one stay; the same cause gives the same key."""
    return WantedTask(
        key=f"{kind}:{stay}:{about}", kind=kind, patient=patient, stay=stay, about=about
    )


TASK_OF_REASON = {
    Reason.CONSENT_NOT_ASKED: TaskKind.CONSENT_MISSING,
    Reason.CONSENT_COULD_NOT_BE_ASKED: TaskKind.CONSENT_MISSING,
    Reason.CONSENT_OTHER_DOCTOR: TaskKind.CONSENT_OTHER_DOCTOR,
    Reason.GP_UNKNOWN: TaskKind.GP_UNKNOWN,
    Reason.GP_UNCONFIRMED: TaskKind.GP_UNCONFIRMED,
    Reason.GP_DOUBT: TaskKind.GP_DOUBT,
    Reason.MAILBOX_MISSING: TaskKind.MAILBOX_MISSING,
    Reason.MAILBOX_DOUBT: TaskKind.MAILBOX_DOUBT,
}
