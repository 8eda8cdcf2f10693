"""What the directories answer about a doctor, and what is remembered of one: looked up by the
shell, and read by decisions as values.
"""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from engine.model.letter import LetterKind
from engine.model.people import Mailbox
from engine.model.value import Value

# The letters that are written to somebody anew; a cancellation follows the letter it takes back.
ADDRESSED = (LetterKind.ARRIVAL_NOTICE, LetterKind.EXIT_NOTICE, LetterKind.EXIT_LETTER)


class Gap(StrEnum):
    """Why the directories give no mailbox."""

    DOCTOR = "doctor"  # who is meant is in doubt
    MISSING = "missing"  # no mailbox of the family practice
    SEVERAL = "several"  # several fit equally
    REFUSED = "refused"  # one, and it may not be written to
    NO_MAIL = "no-mail"  # the doctor wants none


class Choice(Value):
    """For one kind of letter: the mailbox, or why there is none."""

    kind: LetterKind
    mailbox: Mailbox | None = None
    gap: Gap | None = None
    why: str = Field(default="", description="The gap in words; names no patient.")
    paper_too: bool = Field(
        default=False, description="The holder did not give up paper (column 18 of the extraction)."
    )


class Answer(Value):
    """What the directories say of the doctor that somebody named.

    ``rpps`` is "" where nobody is meant beyond doubt; then every choice has the gap DOCTOR.
    """

    rpps: str = Field(default="", repr=False)
    family: str = Field(default="", repr=False)
    given: str = Field(default="", repr=False)
    by_name: bool = Field(default=False, description="Found by name, place or telephone.")
    choices: tuple[Choice, ...] = ()
    source: str = Field(
        default="",
        description="Which generation of the national directory, and which rows of the site's "
        "file, answered: 'annuaire:<digest> local:<digest>'.",
    )

    def choice(self, kind: LetterKind) -> Choice:
        """For this kind of letter."""
        found = next((one for one in self.choices if one.kind is kind), None)
        return found or Choice(kind=kind, gap=Gap.MISSING, why="no mailbox")


class DoctorNote(Value):
    """What was learnt of a doctor, whoever the patient is. None: nothing."""

    rpps: str = Field(repr=False)
    channel: str | None = Field(default=None, description="Name of a [channels.*] to use.")
    format: str | None = Field(default=None, description="xdm or hprim: what the doctor can read.")
    no_mail: bool = Field(default=False, description="No electronic mail: paper.")
    at: AwareDatetime
    by: str = Field(repr=False, description="Who said so, or the receipt that did.")


class Service(Value):
    """A service of the territory that may help where there is no médecin traitant."""

    kind: str
    name: str
    area: str = ""
    town: str = ""
    phone: str = ""
    address: str = Field(default="", description="Mailbox; empty when none may be written to.")
