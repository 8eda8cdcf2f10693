"""Who receives, at which mailbox; or why nobody does. Never a guess.

The directories were looked into by the shell; what they answered is a value. What is in doubt is a
reason: sources that disagree, a number that is another name's, a doctor who said no.
"""

from typing import Final

from engine.decide.reasons import Reason
from engine.model.letter import LetterKind
from engine.model.people import Mailbox
from engine.model.recipient import Answer, Gap
from engine.model.stay import Person

_REASON_OF: Final = {
    Gap.DOCTOR: Reason.GP_DOUBT,
    Gap.MISSING: Reason.MAILBOX_MISSING,
    Gap.SEVERAL: Reason.MAILBOX_DOUBT,
    Gap.REFUSED: Reason.ADDRESS_REFUSED,
    Gap.NO_MAIL: Reason.NO_ELECTRONIC_MAIL,
}


def recipient(person: Person, answer: Answer | None, kind: LetterKind) -> Mailbox | Reason:
    """The one mailbox of the médecin traitant for this kind of letter, or why there is none.

    ``answer``: of the doctor to go by; None: not looked up, since none is known.
    """
    if person.gp is None:
        return Reason.GP_NONE if person.no_gp else Reason.GP_UNKNOWN
    if person.gp_disputed or answer is None:
        return Reason.GP_DOUBT
    return mailbox_of(person, answer, kind)


def mailbox_of(person: Person, answer: Answer, kind: LetterKind) -> Mailbox | Reason:
    """The same of any doctor, once it is known who that is."""
    if answer.rpps and answer.rpps in person.not_theirs:
        return Reason.GP_DISOWNED
    choice = answer.choice(kind)
    if choice.mailbox is not None:
        return choice.mailbox
    return _REASON_OF[choice.gap or Gap.MISSING]
