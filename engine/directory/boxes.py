"""Which of a doctor's mailboxes is the family practice's: by type and by who runs the place.

A doctor who works two days a week in a hospital, for an insurer or in a prison has a mailbox there
in the same directory and under the same number. What is written to it is read by another employer.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.directory.domains import AddressFault, TrustedDomains, comparable_domain, fault_of
from engine.directory.folding import fold
from engine.directory.practice import family_practice
from engine.model.directory import BoxRow, Person, PracticeRow
from engine.model.people import MailboxType


class Seat(StrEnum):
    """Where a mailbox stands, best first by default."""

    PRACTICE = "personal, at a practice"
    OWN = "personal, on the number alone"
    CABINET = "of the practice"
    SHARED = "of an organisation of their family practice"
    EMPLOYER = "at another employer"
    UNCLEAR = "at a place that may be either"
    AUTOMATON = "of a machine"


class BoxDoubt(StrEnum):
    """Why no mailbox is taken."""

    NONE = "no mailbox"
    NONE_OF_PRACTICE = "no mailbox of the family practice"
    SEVERAL = "several mailboxes fit equally"
    DOMAIN = "no mailbox in a domain that may be written to"


@dataclass(frozen=True, slots=True)
class BoxPolicy:
    """Which seats may be written to, best first; and which domains come first or last among
    mailboxes of one seat."""

    order: tuple[Seat, ...] = (Seat.PRACTICE, Seat.OWN, Seat.CABINET)
    first_domains: frozenset[str] = frozenset()
    last_domains: frozenset[str] = frozenset()
    types: frozenset[MailboxType] = frozenset(MailboxType) - {MailboxType.APP}


@dataclass(frozen=True, slots=True)
class Seated:
    """A mailbox, where it stands, and why it may not be written to, if so."""

    box: BoxRow
    seat: Seat
    fault: AddressFault | None = None


@dataclass(frozen=True, slots=True)
class ChosenBox:
    """The mailbox to write to. ``paper_too``: its holder did not give up paper (column 18)."""

    box: BoxRow
    seat: Seat
    paper_too: bool


@dataclass(frozen=True, slots=True)
class NoBox:
    """Why there is none, and all that were looked at."""

    why: BoxDoubt
    seen: tuple[Seated, ...] = ()


# Words of a name that say who runs the place; the professionals' file says it better when it has
# the same place.
_EMPLOYERS: Final = re.compile(
    r"\b(?:CENTRE HOSP\w*|C ?H ?(?:U|R|RU|I|S)|CH|GHT?|HOPITA\w+|HOSPICES?|CLINIQUE|POLYCLINIQUE|"
    r"GROUPE HOSP\w*|INSTITUT|ASSISTANCE PUBLIQUE|AP ?HP|HAD|EHPAD|MAISON DE RETRAITE|CPAM|MSA|"
    r"ASSURANCE MALADIE|CAISSE|MUTUELLE|ASSURANCES?|PENITENTIAIRE|PRISON|MAISON D ARRET|USMP|UCSA|"
    r"SMPR|SANTE AU TRAVAIL|MEDECINE DU TRAVAIL|SSTI?|MINISTERE|PREFECTURE|CONSEIL DEPARTEMENTAL|"
    r"DEPARTEMENT|PMI|RECTORAT|EDUCATION NATIONALE|UNIVERSITE|SDIS|SSA|ARMEES?|ARS|SAMU|SMUR|"
    r"CROIX ROUGE|ETABLISSEMENT FRANCAIS DU SANG|EFS|CSAPA|CMP|CRF|SSR)\b"
)
_PRACTICES: Final = re.compile(
    r"\b(?:CABINET|CAB|MAISON DE SANTE|MSP|MAISON MEDICALE|SCM|SCP|SELARL|SELAS|SELURL|SISA|DR|"
    r"DOCTEUR|CENTRE DE SANTE|CENTRE MEDICAL)\b"
)


def seats(
    person: Person, shared: Sequence[BoxRow], trusted: TrustedDomains, *, apicrypt: bool = False
) -> tuple[Seated, ...]:
    """All mailboxes that reach this person, each with its seat.

    ``shared``: mailboxes of organisations at the places where the person practises.
    """
    return tuple(
        Seated(box, _seat(box, person), fault_of(box.address, trusted, apicrypt_channel=apicrypt))
        for box in (*person.boxes, *shared)
    )


def _seat(box: BoxRow, person: Person) -> Seat:
    if box.type == MailboxType.PER and not box.structure and not box.structure_name:
        return Seat.OWN
    private = _run_privately(box, person.practices)
    if private is None:
        return Seat.UNCLEAR
    if not private:
        return Seat.EMPLOYER
    match box.type:
        case MailboxType.PER:
            return Seat.PRACTICE
        case MailboxType.CAB:
            return Seat.CABINET
        case MailboxType.APP:
            return Seat.AUTOMATON
        case _:
            return Seat.SHARED


def _run_privately(box: BoxRow, practices: Sequence[PracticeRow]) -> bool | None:
    """Whether the place is the doctor's practice; None: neither file nor name says."""
    # 1 or 3 before the number: IDNST of a FINESS or a SIRET.
    ids = {box.structure, box.structure[1:]} - {""}
    here = [one for one in practices if ids & set(one.structures.split())]
    if here:
        said = {family_practice(one.mode, one.sector_label) for one in here}
        return said.pop() if len(said) == 1 else None
    name = fold(f"{box.structure_name} {box.structure_sign} {box.service}")
    employer, practice = _EMPLOYERS.search(name), _PRACTICES.search(name)
    if box.type == MailboxType.CAB:
        return None if employer else True
    return None if bool(employer) == bool(practice) else practice is not None


def choose_box(seen: Collection[Seated], policy: BoxPolicy) -> ChosenBox | NoBox:
    """The mailbox of the family practice by the order of the policy, or why there is none."""
    told = tuple(seen)
    if not told:
        return NoBox(BoxDoubt.NONE)
    wanted = [
        one for one in told
        if one.seat in policy.order and MailboxType(one.box.type) in policy.types
    ]  # fmt: skip
    if not wanted:
        return NoBox(BoxDoubt.NONE_OF_PRACTICE, told)
    sound = [one for one in wanted if one.fault is None]
    if not sound:
        return NoBox(BoxDoubt.DOMAIN, told)

    def rank(one: Seated) -> tuple[int, int]:
        domain = comparable_domain(one.box.address.rpartition("@")[2]) or ""
        turn = 0 if domain in policy.first_domains else 2 if domain in policy.last_domains else 1
        return policy.order.index(one.seat), turn

    best = min(map(rank, sound))
    chosen = {one.box.address.lower(): one for one in sound if rank(one) == best}
    if len(chosen) > 1:
        return NoBox(BoxDoubt.SEVERAL, told)
    one = next(iter(chosen.values()))
    return ChosenBox(one.box, one.seat, paper_too=one.box.paperless == "N")
