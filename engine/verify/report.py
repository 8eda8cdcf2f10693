"""What a check found: where, in a sentence, and whether the file may be used all the same.

Places and sentences name elements, lines and rules; never a value of the file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a file was taken for, by its first bytes."""

    CDA = "cda"
    XDM = "xdm"
    METADATA = "metadata"
    HPRIM = "hprim"
    PDF = "pdf"
    HL7 = "hl7"
    MAIL = "mail"
    UNKNOWN = "unknown"


class Weight(StrEnum):
    """What breaking a rule means."""

    GRAVE = "grave"  # some receiver refuses the file, loses it, or takes it for another's
    OURS = "ours"  # readers live with it; what we send must not have it
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that is broken, before it is known whose file this is."""

    rule: str
    place: str
    sentence: str
    weight: Weight = Weight.GRAVE

    def within(self, outer: str) -> "Fault":
        """The same fault, seen from the file that holds this one."""
        place = f"{outer} > {self.place}" if self.place else outer
        return Fault(self.rule, place, self.sentence, self.weight)


MOST_FAULTS: Final = 200


def bounded(faults: Iterable[Fault]) -> Iterator[Fault]:
    """The first faults of a file, and that there are more: a hostile file has any number."""
    for number, one in enumerate(faults):
        if number == MOST_FAULTS:
            yield Fault("many", "", f"more than {MOST_FAULTS} faults: the others are not told")
            return
        yield one


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a file."""

    place: str
    sentence: str
    grave: bool
    rule: str


@dataclass(frozen=True, slots=True)
class Report:
    """The judgement of one file. ``what`` says in words what it was read as."""

    name: str
    kind: Kind
    what: str
    findings: tuple[Finding, ...]

    @property
    def grave(self) -> tuple[Finding, ...]:
        """The findings for which the file must not be sent."""
        return tuple(one for one in self.findings if one.grave)
