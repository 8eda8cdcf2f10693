"""`relais report`: of those released, who needed a letter, and where each way to the doctor broke.

A rung counts who stands on it and on all below, so that the steps between two rungs are those
whose way broke there; each has one reason, the one of the first rung that lacks.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.decide.ladder import RUNGS_SAID
from engine.decide.reasons import SENTENCES
from engine.model.continuity import Continuity, Rung

_SAID: Final = {
    **{rung.value: f"the letter is {said}" for rung, said in RUNGS_SAID.items()},
    **{reason.value: said for reason, said in SENTENCES.items()},
}


@dataclass(frozen=True, slots=True)
class Release:
    """One release, and what is known of its letter's way: a word of decide.ladder."""

    unit: str
    visit: str
    at: Continuity
    letter_stands: str = ""
    proven: bool = False
    checked: bool = False  # a person answered the check one week after

    @property
    def rung(self) -> Rung:
        """The highest that is reached. A letter that left was agreed to, whatever came after."""
        if self.at.letter is not None:
            return Rung.PROVEN if self.proven else Rung.LETTER_SENT
        if self.at.agreement_lacks is not None:
            return Rung.RELEASED
        if self.at.gp_lacks is not None:
            return Rung.AGREED
        return Rung.GP_KNOWN

    @property
    def lacks(self) -> str:
        """Why the next rung is not reached; empty at the top."""
        match self.rung:
            case Rung.RELEASED:
                return self.at.agreement_lacks or ""
            case Rung.AGREED:
                return self.at.gp_lacks or ""
            case Rung.GP_KNOWN:
                return self.at.letter_lacks or ""
            case Rung.LETTER_SENT:
                return self.letter_stands
            case Rung.PROVEN:
                return ""

    @property
    def chain(self) -> tuple[str, ...]:
        """All that lacks, from the gate upwards, each once."""
        if self.at.letter is not None:
            return (self.lacks,) if self.lacks else ()
        lacking = (self.at.agreement_lacks, self.at.gp_lacks, self.at.letter_lacks)
        return tuple(dict.fromkeys(one for one in lacking if one))


@dataclass(slots=True)
class Ladder:
    """How many reached each rung: of all, and of those who needed follow-up."""

    all: Counter[Rung] = field(default_factory=Counter)
    needing: Counter[Rung] = field(default_factory=Counter)
    need_without_letter: int = 0
    need_checked: int = 0
    lacks: Counter[str] = field(default_factory=Counter)  # of those who needed it

    def count(self, release: Release) -> None:
        """Add one release."""
        reached = list(Rung)[: list(Rung).index(release.rung) + 1]
        self.all.update(reached)
        if release.at.needs:
            self.needing.update(reached)
            self.need_without_letter += release.at.letter is None
            self.need_checked += release.checked
            if release.lacks:
                self.lacks[release.lacks] += 1


def ladders(releases: Iterable[Release]) -> dict[str, Ladder]:
    """One a unit."""
    found: dict[str, Ladder] = {}
    for one in releases:
        found.setdefault(one.unit, Ladder()).count(one)
    return dict(sorted(found.items()))


def total(releases: Sequence[Release]) -> Ladder:
    """All units together."""
    whole = Ladder()
    for one in releases:
        whole.count(one)
    return whole


def sentence_of(word: str) -> str:
    """What a word of `Release.chain` says."""
    return _SAID[word]
