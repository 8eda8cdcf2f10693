"""Who must agree besides the patient: minors, protected adults; and who is no patient at all.

A minor's letter needs two voices, the minor's own and that of a holder of parental authority
(Code civil, art. 371-1; art. L1111-4 CSP); where the care is secret (art. L1111-5 CSP) the parents
are not asked, and nothing goes to a doctor whom they would see: the minor names the doctor, and a
person looks. An adult under a regime with representation needs the representative's voice too. No
voice stands for another: each is looked up by itself, and each may say no at any moment.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from engine.decide.consents import in_force
from engine.decide.reasons import Reason
from engine.decide.wish import TASK_OF_REASON, Ask, Wish, task
from engine.model.capacity import ADULT, YOUNGEST_DETAINED, Capacity, Regime
from engine.model.consent import ConsentState, ConsentStated, Purpose, Voice
from engine.model.letter import Thread
from engine.model.stay import Person
from engine.model.task import TaskKind, WantedTask

# Silence that is meant: nobody is asked again by machine.
REFUSALS: Final = (
    *(Reason.CONSENT_REFUSED, Reason.CONSENT_WITHDRAWN),
    *(Reason.PARENT_REFUSED, Reason.REPRESENTATIVE_REFUSED, Reason.NEVER_FOR_PARENTS),
)
_SAID_NO: Final = {
    Voice.PARENT: Reason.PARENT_REFUSED,
    Voice.REPRESENTATIVE: Reason.REPRESENTATIVE_REFUSED,
}
_NOT_ASKED: Final = {
    Voice.PARENT: Reason.PARENT_NOT_ASKED,
    Voice.REPRESENTATIVE: Reason.REPRESENTATIVE_NOT_ASKED,
}
_NO: Final = (ConsentState.REFUSED, ConsentState.WITHDRAWN)


def age_on(birth_date: str | None, day: date) -> int | None:
    """The age that a person has at least on that day; None: the birth date tells none.

    ``birth_date`` is YYYY, YYYYMM or YYYYMMDD; what it leaves open makes the person younger, since
    a minor has more guards than an adult.
    """
    text = birth_date or ""
    if len(text) not in (4, 6, 8) or not text.isdecimal():
        return None
    year, month, born = int(text[:4]), int(text[4:6] or 12), int(text[6:8] or 31)
    return day.year - year - ((day.month, day.day) < (month, born))


def minor(person: Person, now: datetime) -> bool:
    """Under 18, and not emancipated. Unknown: no."""
    age = age_on(person.traits.birth_date, now.date())
    return age is not None and age < ADULT and not person.protection.emancipated


def secret(person: Person, now: datetime) -> bool:
    """A minor whose care is kept from the parents."""
    return person.protection.secret_since is not None and minor(person, now)


def infant(person: Person, now: datetime) -> bool:
    """Too young to be detained: a child who lives with a detained mother, or a wrong date."""
    age = age_on(person.traits.birth_date, now.date())
    return person.protection.infant or (age is not None and age < YOUNGEST_DETAINED)


def infant_wish(person: Person, stay: str) -> Wish:
    """Nothing is ever written about such a child; a person hears of it."""
    asked = task(TaskKind.INFANT, person.patient, stay)
    return Ask(reason=Reason.INFANT, tasks=(asked,))


def other_voices(
    person: Person, statements: Iterable[ConsentStated], rules: Capacity, now: datetime
) -> tuple[Voice, ...]:
    """Whose agreement is needed besides the patient's."""
    regime = person.protection.regime
    if minor(person, now):
        if secret(person, now):
            return ()
        # A minor under guardianship has no holder of parental authority (Code civil, art. 390).
        return (Voice.REPRESENTATIVE,) if regime is Regime.TUTELLE else (Voice.PARENT,)
    # Who spoke as a representative is one, whatever the record forgot to say.
    spoke = regime is Regime.NONE and any(one.voice is Voice.REPRESENTATIVE for one in statements)
    return (Voice.REPRESENTATIVE,) if spoke or regime in rules.represented else ()


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was said in one stay, and by whom it must have been said."""

    person: Person
    stay: str
    statements: tuple[ConsentStated, ...]
    gp_meant: Mapping[ConsentStated, str | None]
    rules: Capacity
    cleared: Container[str]
    now: datetime

    def refusal(self, purpose: Purpose, rpps: str) -> Reason | None:
        """Why consent forbids this; None: every voice that is needed grants it."""
        consent, why = in_force(self.statements, purpose, rpps, self.gp_meant)
        if why is not None:
            return why
        for voice in self._others():
            theirs, why = in_force(self.statements, purpose, rpps, self.gp_meant, voice)
            if theirs.state in _NO:
                return _SAID_NO[voice]
            if why is not None or not self._recorded(voice):
                return _NOT_ASKED[voice]
        if secret(self.person, self.now):
            return self._kept_from_parents(consent.said, rpps)
        return None

    def said_no(self, purpose: Purpose, rpps: str) -> Reason | None:
        """A refusal or a withdrawal by any voice that is needed; None: nobody said no."""
        patient = in_force(self.statements, purpose, rpps, self.gp_meant)
        if patient[0].state in _NO:
            return patient[1]
        for voice in self._others():
            theirs, _ = in_force(self.statements, purpose, rpps, self.gp_meant, voice)
            if theirs.state in _NO:
                return _SAID_NO[voice]
        return None

    def _others(self) -> tuple[Voice, ...]:
        return other_voices(self.person, self.statements, self.rules, self.now)

    def _recorded(self, voice: Voice) -> bool:
        """A representative is a person whom somebody wrote down."""
        return voice is Voice.PARENT or bool(self.person.protection.representative)

    def _kept_from_parents(self, said: ConsentStated | None, rpps: str) -> Reason | None:
        since = self.person.protection.secret_since
        if not self.rules.secret_care_letters:
            return Reason.NEVER_FOR_PARENTS
        named = said is not None and said.recipient == rpps and said.dated
        if not named or since is None or said is None or said.at < since:
            return Reason.KEPT_FROM_PARENTS
        looked = task(TaskKind.KEPT_FROM_PARENTS, self.person.patient, self.stay, rpps)
        return None if looked.key in self.cleared else Reason.KEPT_FROM_PARENTS


def asking(reason: Reason, patient: str, stay: str, thread: Thread, rpps: str) -> WantedTask:
    """The task by which a person brings about what is missing."""
    about: str = thread.value
    match reason:
        case Reason.KEPT_FROM_PARENTS | Reason.GP_DENIED:
            about = rpps
        case Reason.PARENT_NOT_ASKED:
            about = f"{thread}: a holder of parental authority"
        case Reason.REPRESENTATIVE_NOT_ASKED:
            about = f"{thread}: the representative"
        case _:
            pass
    return task(TASK_OF_REASON[reason], patient, stay, about)
