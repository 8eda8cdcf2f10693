"""Rows of the national directory (Annuaire Santé), as its public files give them.

Public data, half a million rows of it: plain tuples, and no checks that its readers make already.
An empty text means that the file says nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

PHYSICIAN: Final = "10"  # TRE_G15: médecin
# TRE_R38: qualified in general practice, specialist in it, general practice.
GENERAL_PRACTICE: Final = frozenset({"SM26", "SM53", "SM54"})


class Origin(StrEnum):
    """Which file a row came from; an import replaces the rows of its own file, and no others."""

    MAILBOXES = "mailboxes"  # Extraction_Correspondance_MSSante
    PRACTICES = "practices"  # PS_LibreAcces_Personne_activite
    TERRITORY = "territory"  # the site's own file
    WHITE_LIST = "white-list"  # listeblanchemssante.xml


class BoxRow(NamedTuple):
    """One row of the extraction of mailboxes: an address, its holder, where it is held.

    ``holder`` is the IDNPS: type digit (8 RPPS, 0 ADELI), then the number; empty for a mailbox of
    an organisation. ``structure`` is the identifier of the structure as the file gives it.
    """

    type: str
    address: str
    holder: str
    structure: str
    service: str
    civility: str
    family: str
    given: str
    profession: str
    profession_label: str
    skill: str
    skill_label: str
    paperless: str  # O or N: the holder does, or does not, give up paper
    structure_name: str
    structure_sign: str
    street: str
    postal: str
    town: str
    department: str
    country: str


class PracticeRow(NamedTuple):
    """One activity of a professional: where, as what, under which telephone number.

    ``structures`` are all identifiers of the place (FINESS, SIRET, technical), joined by blanks.
    """

    holder: str
    civility: str
    family: str
    given: str
    profession: str
    profession_label: str
    skill: str
    skill_label: str
    mode: str  # L in private practice, S salaried
    structures: str
    structure_name: str
    structure_sign: str
    street: str
    postal: str
    commune: str  # INSEE code
    town: str
    department: str
    phones: str  # joined by blanks, digits alone
    sector: str
    sector_label: str


class TerritoryRow(NamedTuple):
    """A service of the territory that is nobody's médecin traitant: who it is, how to reach it."""

    kind: str
    name: str
    area: str
    postal: str
    town: str
    phone: str
    address: str  # mailbox
    note: str


@dataclass(frozen=True, slots=True)
class Source:
    """One file that the present generation was made of."""

    origin: Origin
    file: str  # its name, without folders
    dated: datetime  # when it was extracted, as it says itself
    imported: datetime
    rows: int
    left_out: int
    sha256: str
    version: str = ""  # of the site's own file


def generation_of(sources: Iterable[Source]) -> str:
    """What a generation was made of, as 12 hex digits: the same files give the same, and
    `relais directory status` tells it beside the SHA-256 of each."""
    lines = sorted(f"{one.origin.value}:{one.sha256}" for one in sources)
    return sha256("\n".join(lines).encode()).hexdigest()[:12]


class Listed(NamedTuple):
    """A professional as a search sees them first: a number and every name under it.

    ``family_doctor``: qualified in general practice and, as far as the files say, at a family
    practice. ``names`` are pairs of family and given name, the
    one to show first.
    """

    id: int
    holder: str
    profession: str
    family_doctor: bool
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A professional of the directory: every name and place under one number."""

    listed: Listed
    boxes: tuple[BoxRow, ...] = ()
    practices: tuple[PracticeRow, ...] = ()

    @property
    def holder(self) -> str:
        """The IDNPS."""
        return self.listed.holder

    @property
    def family(self) -> str:
        """The family name to show."""
        return self.listed.names[0][0]

    @property
    def given(self) -> str:
        """The given name to show."""
        return self.listed.names[0][1]

    @property
    def profession(self) -> str:
        """TRE_G15."""
        return self.listed.profession

    @property
    def rpps(self) -> str:
        """The RPPS number, or "" for a professional who has none."""
        return self.holder[1:] if self.holder.startswith("8") else ""

    @property
    def family_doctor(self) -> bool:
        """A physician who is in general practice; see `Listed`."""
        return self.profession == PHYSICIAN and self.listed.family_doctor


class NamingRow(NamedTuple):
    """What the index is made of: one row of either file, its holder's rows together."""

    holder: str
    family: str
    given: str
    profession: str
    town: str
    postal: str
    phones: str
    skill: str
    skill_label: str
    mode: str  # with sector_label: "" of a mailbox
    sector_label: str


class WordKind(StrEnum):
    """What a word of the index stands for. Telephone numbers are no words: they are looked up."""

    FAMILY = "F"
    GIVEN = "G"
    TOWN = "T"
    POSTAL = "P"
    SKILL = "S"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the index, and how many people have it."""

    id: int
    kind: WordKind
    text: str
    people: int
