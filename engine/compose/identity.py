"""What may be said of a patient's identity, and in which form."""

import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from engine.compose.faults import IdentityError
from engine.compose.text import MONTHS, french_date
from engine.model.letter import Letter, LetterPatient, Signatory
from engine.model.people import Ins, Mailbox, Professional, Role, nir_key_ok

_MATRICULE: Final = re.compile(r"[0-9]{5}(?:[0-9]{2}|2[AB])[0-9]{8}")
_COG: Final = re.compile(r"[0-9][0-9AB][0-9]{3}")


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A birth date as far as it is known. A lunar date (month above 12, day 0) is its year."""

    year: int
    month: int | None = None
    day: int | None = None

    @property
    def whole(self) -> date | None:
        """The date, when year, month and day are all known."""
        if self.month is None or self.day is None:
            return None
        return date(self.year, self.month, self.day)

    @property
    def hl7(self) -> str:
        """YYYY, YYYYMM or YYYYMMDD, never an impossible date."""
        return (
            f"{self.year:04}"
            + (f"{self.month:02}" if self.month else "")
            + (f"{self.day:02}" if self.day else "")
        )

    @property
    def phrase(self) -> str:
        """``le 14 février 1961``, ``en février 1961`` or ``en 1961``: follows "né"."""
        if (whole := self.whole) is not None:
            return f"le {french_date(whole)}"
        return f"en {MONTHS[self.month - 1]} {self.year}" if self.month else f"en {self.year}"

    @property
    def short(self) -> str:
        """``14/02/1961``, ``02/1961`` or ``1961``."""
        day = f"{self.day:02}/" if self.day else ""
        return day + (f"{self.month:02}/" if self.month else "") + f"{self.year:04}"


def birth_date(letter: Letter) -> BirthDate:
    """Read the patient's birth date; IdentityError when not even the year can be told."""
    text = letter.patient.birth_date
    if not re.fullmatch(r"[0-9]{4}(?:[0-9]{2}){0,2}", text) or text.startswith("0000"):
        raise IdentityError(
            letter,
            remedy="complete the birth date in the hospital's record, then retry the delivery",
        )
    year = int(text[:4])
    month = int(text[4:6] or 0)
    if not 1 <= month <= 12:
        return BirthDate(year)
    if len(text) == 6:
        return BirthDate(year, month)
    try:
        return BirthDate(year, month, date(year, month, int(text[6:8])).day)
    except ValueError:
        return BirthDate(year)


def check_names(letter: Letter) -> None:
    """IdentityError when the patient or the doctor would stand in a letter without a name."""
    patient, doctor = letter.patient, letter.recipient
    names = (patient.birth_family, patient.birth_given, doctor.family)
    if not all(any(char.isalnum() for char in name) for name in names):
        raise IdentityError(
            letter,
            remedy="complete the names in the hospital's record, or in the directory file, then "
            "retry the delivery",
        )


def shown_ins(letter: Letter) -> Ins | None:
    """The INS, only with every trait that must go with it; otherwise the document has none.

    Source  CI-SIS structuration minimale: birth name, first given name, all given names, whole
    birth date, sex, COG code of the birth place. The key is checked on real namespaces only:
    official test identities often fail it.
    """
    p = letter.patient
    if p.ins is None or not _MATRICULE.fullmatch(p.ins.matricule):
        return None
    if not (p.ins.fictitious or nir_key_ok(p.ins.matricule)):
        return None
    traits = p.birth_family and p.birth_given and p.birth_given_all and p.sex in {"F", "M"}
    if not traits or not _COG.fullmatch(p.birth_place_code or ""):
        return None
    return p.ins if birth_date(letter).whole is not None else None


def shown_name(patient: LetterPatient) -> str:
    """``Madame Jeanne MARTIN``: the used names, where there are any."""
    title = {"F": "Madame ", "M": "Monsieur "}.get(patient.sex, "")
    given = patient.used_given or patient.birth_given
    if given.isupper():
        given = given.title()  # records hold capitals; a letter is read by a person
    family = (patient.used_family or patient.birth_family).upper()
    return f"{title}{given} {family}".strip()


def doctor_name(who: Signatory | Mailbox | Professional, *, physician: bool = False) -> str:
    """``Dr Paul TEMOIN``; a professional who is not known to be a physician has no title.

    ``physician``: the role says so, whatever else is known. The mailbox of a médecin traitant is a
    doctor's. JDV_J01: G15_10 is the profession of physician; others write parts of letters too.
    """
    if isinstance(who, Mailbox):
        known = who.role is Role.GP
    else:
        code = who.specialty_code
        known = physician if code is None else code.startswith("G15_10")
    return f"{'Dr ' if known else ''}{who.given} {who.family.upper()}".strip()


def trade(who: Signatory | Professional) -> str | None:
    """``Médecine Générale`` out of the directory's ``Médecin - Médecine Générale (SM)``."""
    if not who.specialty:
        return None
    return re.sub(r"^Médecin - |\s*\([A-Z]+\)$", "", who.specialty) or None


def written_by(author: Signatory | Professional | None, at: datetime, zone: tzinfo) -> str:
    """``Rédigé par Dr Paul TEMOIN (Médecine générale), le 24 novembre 2026``."""
    when = french_date(at.astimezone(zone).date())
    name = doctor_name(author) if author else ""
    if author is None or not name:
        return f"Rédigé le {when}"
    what = trade(author)
    return f"Rédigé par {name}{f' ({what})' if what else ''}, le {when}"
