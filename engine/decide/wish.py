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
    discreet: bool = Field(default=False, description="The detention must not be told.")
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


def task(
    kind: TaskKind, patient: str, stay: str, about: str = "", *, cause: str = ""
) -> WantedTask:
    """A task of one stay; the same cause gives the same key.

    ``cause``: where one thing may be wrong in several ways, each of which is asked about.
    """
    return WantedTask(
        key=f"{kind}:{stay}:{about}" + (f":{cause}" if cause else ""),
        kind=kind,
        patient=patient,
        stay=stay,
        about=about,
    )


TASK_OF_REASON = {
    Reason.CONSENT_NOT_ASKED: TaskKind.CONSENT_MISSING,
    Reason.CONSENT_COULD_NOT_BE_ASKED: TaskKind.CONSENT_MISSING,
    Reason.CONSENT_OTHER_DOCTOR: TaskKind.CONSENT_OTHER_DOCTOR,
    Reason.GP_UNKNOWN: TaskKind.GP_UNKNOWN,
    Reason.GP_UNCONFIRMED: TaskKind.GP_UNCONFIRMED,
    Reason.GP_DOUBT: TaskKind.GP_DOUBT,
    Reason.GP_DISOWNED: TaskKind.GP_DISOWNED,
    Reason.MAILBOX_MISSING: TaskKind.MAILBOX_MISSING,
    Reason.MAILBOX_DOUBT: TaskKind.MAILBOX_DOUBT,
    Reason.ADDRESS_REFUSED: TaskKind.ADDRESS_REFUSED,
    Reason.NO_ELECTRONIC_MAIL: TaskKind.NO_ELECTRONIC_MAIL,
    Reason.PARENT_NOT_ASKED: TaskKind.VOICE_MISSING,
    Reason.REPRESENTATIVE_NOT_ASKED: TaskKind.VOICE_MISSING,
    Reason.KEPT_FROM_PARENTS: TaskKind.KEPT_FROM_PARENTS,
    Reason.NEUTRAL_FACE_MISSING: TaskKind.NEUTRAL_FACE_MISSING,
}
