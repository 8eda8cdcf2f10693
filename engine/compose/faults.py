"""Why a letter cannot be made. Each fault has its code; none holds a value of the patient."""

from engine.model.errors import ComposeError
from engine.model.letter import Letter


def place(letter: Letter) -> str:
    """Name a letter without naming anybody."""
    return f"delivery {letter.delivery}, {letter.kind.value}, version {letter.version}"


class LetterError(ComposeError):
    """Base: where the letter stands, that nothing was sent, and what a person can do."""

    def __init__(self, letter: Letter, *, remedy: str, what: str | None = None) -> None:
        super().__init__(
            where=place(letter), effect="no mail was made of this letter", remedy=remedy, what=what
        )


class TemplateError(LetterError):
    """A template asks for something that the letter does not have."""

    code = "LE-101"
    what = "The template of this letter cannot be filled in."


class IdentityError(LetterError):
    """A trait that the format demands is missing or unreadable."""

    code = "LE-102"
    what = "The patient's identity is not complete enough for this format."


class DateError(LetterError):
    """The dates of the stay contradict what the letter says, or would tell the future."""

    code = "LE-103"
    what = "The dates of the stay do not fit this letter."


class VersionError(LetterError):
    """A version above 1 that replaces nothing, or one that replaces itself."""

    code = "LE-104"
    what = "The chain of versions of this letter is broken."


class PaperError(LetterError):
    """The PDF engine refused."""

    code = "LE-105"
    what = "The PDF of this letter cannot be made."


class AnnexError(LetterError):
    """A PDF received from the hospital's record cannot become pages of the letter."""

    code = "LE-106"
    what = "A PDF joined to this letter cannot be used."


class UnusableAnnexError(AnnexError):
    """The file itself is at fault."""

    def __init__(self, letter: Letter) -> None:
        super().__init__(
            letter,
            what="A PDF joined to this letter is damaged, encrypted, empty or too large.",
            remedy="have the document issued again by the hospital's record, without a password",
        )


class TooManyPagesError(AnnexError):
    """``total`` pages over all annexes, ``most`` of which are taken."""

    def __init__(self, letter: Letter, total: int, most: int) -> None:
        self.total = total
        super().__init__(
            letter,
            what=f"The PDFs joined to this letter have {total} pages; {most} at most.",
            remedy="have the unit send these documents by its own mailbox",
        )


class AddressError(LetterError):
    """An address, an identifier or a header of the mail is not of the right shape."""

    code = "LE-107"
    what = "An address or identifier of this mail is malformed."


class FinalCheckError(LetterError):
    """The finished mail breaks a rule of what it carries: it would reach nobody as it should."""

    code = "LE-109"

    def __init__(self, letter: Letter, finding: str) -> None:
        """``finding`` says where and what; it holds no value of the letter."""
        super().__init__(
            letter,
            what=f"The finished mail breaks a rule: {finding}.",
            remedy="correct the setting that the place comes from; where there is none, report "
            "this line: it is a fault of the program",
        )


class LengthError(LetterError):
    """More words than any doctor reads, or than a PDF/A holds; told before any is printed."""

    code = "LE-110"
    what = "This letter is longer than any letter is."

    def __init__(self, letter: Letter) -> None:
        super().__init__(
            letter, remedy="have the unit shorten its documents, or send them by its own mailbox"
        )


class NothingShownError(LetterError):
    """Its reader's role is shown none of the items that the letter has."""

    code = "LE-111"
    what = "Nothing of this letter is for the role of its reader."

    def __init__(self, letter: Letter) -> None:
        super().__init__(
            letter,
            remedy="see what each role is shown: relais letter show VISIT --role ROLE; widen it in "
            "mappings/letters/roles.toml, or correct the reader's role in the directory file",
        )


class PostalError(LetterError):
    """No address that the window of an envelope shows."""

    code = "LE-112"
    what = "This letter cannot be posted."


class SizeError(LetterError):
    """The mail is larger than the channel takes."""

    code = "LE-108"
    what = "The mail is larger than its channel takes."
