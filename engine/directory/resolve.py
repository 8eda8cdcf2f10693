"""Who is meant, beyond doubt; or who may be, for a person to choose. Never a guess.

By number first. By name only when one physician alone fits, and a place or a telephone number says
so, too: a letter to the wrong doctor is the worst failure there is.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.directory.compare import Asked, Likeness, NameLikeness
from engine.directory.folding import distance, fold, phone_of
from engine.directory.search import Candidate, Found
from engine.model.directory import PHYSICIAN, Listed
from engine.model.people import rpps_ok

_MOST_SHOWN: Final = 10
# With one question in ten about a doctor who moved, an answer at this bound is a namesake's once in
# two thousand; nearly all lie far below it, and over all questions it is once in some 100,000.
_MOST_BY_CHANCE: Final = 0.004
_SPECIALIST: Final = 0.05  # share of médecins traitants who are none such
_MANY: Final = 1000  # namesakes, where they were not all counted


class Doubtful(StrEnum):
    """Why nobody is taken without a person's word."""

    NOBODY = "nobody in the directory fits"
    NAME_OF_NUMBER = "the number is another name's"
    NUMBER_UNKNOWN = "the directory does not hold that number"
    NUMBER_BROKEN = "the key of the number does not hold"
    NOT_A_PHYSICIAN = "the directory lists no physician under it"
    NO_NAME = "neither a family name nor a number is given"
    SEVERAL = "several fit equally"
    NEAR_NAMESAKE = "somebody else's name is as near"
    KNOWN_NAME = "the name as written is borne by others"
    UNCORROBORATED = "neither place nor telephone number says that it is they"
    CONTRADICTED = "the place fits and the telephone number does not"
    INCOMPLETE = "the directory lacks the professionals' file: only equal names are taken"
    TOO_MANY = "too many bear such a name to compare all"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The one professional meant, and why."""

    candidate: Candidate
    by_number: bool


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Those who may be meant, best first, for a person to choose; and why none was taken."""

    why: Doubtful
    candidates: tuple[Candidate, ...] = ()


def resolve(asked: Asked, found: Found, *, complete: bool) -> Resolved | Unresolved:
    """Judge what `search` gave for the same question.

    ``complete``: the professionals' file is loaded, so that whoever practises is listed, with or
    without a mailbox. Without it the doctor meant may be missing and a near name be all there is.
    """
    shown = found.candidates[:_MOST_SHOWN]
    if asked.rpps and rpps_ok(asked.rpps):
        return _by_number(asked, shown)
    if not asked.family:
        return Unresolved(Doubtful.NO_NAME, shown)
    judged = _by_name(asked, found, complete)
    if asked.rpps and isinstance(judged, Resolved):
        # A number was meant and is damaged: it must be a slip of the one found.
        number = "".join(one for one in asked.rpps if one.isdigit())
        if distance(number, judged.candidate.person.rpps, 1) > 1:
            return Unresolved(Doubtful.NUMBER_BROKEN, shown)
    return judged


def _by_number(asked: Asked, shown: tuple[Candidate, ...]) -> Resolved | Unresolved:
    if not shown or shown[0].person.rpps != asked.rpps:
        return Unresolved(Doubtful.NUMBER_UNKNOWN, shown)
    one = shown[0]
    if one.person.profession != PHYSICIAN:
        return Unresolved(Doubtful.NOT_A_PHYSICIAN, shown)
    if asked.family and not _may_bear(one.evidence.name):
        return Unresolved(Doubtful.NAME_OF_NUMBER, shown)
    return Resolved(one, by_number=True)


def _may_bear(name: NameLikeness) -> bool:
    """The number decides; the name must not speak against it. A given name is often another one
    of the same person, a family name is not."""
    return name.family is not Likeness.OTHER


def _by_name(asked: Asked, found: Found, complete: bool) -> Resolved | Unresolved:
    shown = found.candidates[:_MOST_SHOWN]
    fits = [one for one in found.candidates if _fits(one)]
    if not fits:
        return Unresolved(Doubtful.NOBODY, shown)
    near = [one for one in fits if one.evidence.corroborated]
    if not near:
        return Unresolved(Doubtful.UNCORROBORATED, shown)
    if not found.whole_at_place:
        return Unresolved(Doubtful.TOO_MANY, shown)
    if len({one.person.holder for one in near}) > 1:
        return Unresolved(Doubtful.SEVERAL, shown)
    one = near[0]
    name = one.evidence.name
    if phone_of(asked.phone) and one.evidence.phone is False:
        return Unresolved(Doubtful.CONTRADICTED, shown)
    namesakes = [
        (listed, likeness)
        for listed, likeness in found.compared
        if listed.id != one.person.listed.id
        and listed.profession == PHYSICIAN
        and likeness.compatible
        and likeness.rank <= name.rank
    ]
    if not name.same and (fault := _near_name_fault(found, one, namesakes, complete)):
        return Unresolved(fault, shown)
    weights = [_as_family_doctor(listed) for listed, _ in namesakes]
    if not one.evidence.phone and _by_chance(found, one, weights) > _MOST_BY_CHANCE:
        return Unresolved(Doubtful.NEAR_NAMESAKE, shown)
    return Resolved(one, by_number=False)


def _as_family_doctor(listed: Listed) -> float:
    """How readily somebody is a patient's médecin traitant: seldom outside a family practice."""
    return 1.0 if listed.family_doctor else _SPECIALIST


def _by_chance(found: Found, one: Candidate, namesakes: list[float]) -> float:
    """How probable it is that a namesake elsewhere is meant, who once was at this place, and that
    this one is there today by chance: namesakes times the share of everybody who are there."""
    others = sum(namesakes) if found.whole else max(sum(namesakes), _MANY)
    crowd = found.postal_crowd if one.evidence.postal else found.town_crowd
    return others * crowd / _as_family_doctor(one.person.listed)


def _fits(one: Candidate) -> bool:
    """A physician whose names may be those that were written."""
    name = one.evidence.name
    return (
        one.person.profession == PHYSICIAN
        and name.compatible
        and name.family is not Likeness.UNSAID
        and name.given is not Likeness.UNSAID
    )


def _near_name_fault(
    found: Found, one: Candidate, namesakes: list[tuple[Listed, NameLikeness]], complete: bool
) -> Doubtful | None:
    """Why a name that is near and not equal does not do; None: it does."""
    name = one.evidence.name
    if not complete:
        return Doubtful.INCOMPLETE
    if not found.whole:
        return Doubtful.TOO_MANY
    if name.given is Likeness.INITIAL:
        return Doubtful.UNCORROBORATED
    # Whoever bears a nearer name, anywhere, may have moved there.
    if any(other.rank < name.rank for _, other in namesakes):
        return Doubtful.NEAR_NAMESAKE
    # DUPOND is no slip of DUPONT where both are names: it is another doctor, not listed.
    slips = (Likeness.SLIP, Likeness.SOUND)
    if not name.swapped and (
        (name.family in slips and found.family_known) or (name.given in slips and found.given_known)
    ):
        return Doubtful.KNOWN_NAME
    # Written with a name more than is listed: it may be somebody's who is not.
    if Likeness.MORE in (name.family, name.given) and not one.evidence.phone:
        return Doubtful.UNCORROBORATED
    loose = sum(likeness is not Likeness.SAME for likeness in (name.family, name.given))
    if (loose > 1 or (loose and name.swapped)) and not (one.evidence.phone or _alone(found, one)):
        return Doubtful.UNCORROBORATED
    return None


def _alone(found: Found, one: Candidate) -> bool:
    """Nobody else in the country bears a name that could be the one written."""
    return not any(
        name.compatible and listed.id != one.person.listed.id for listed, name in found.compared
    )


def one_line(listed: Listed) -> str:
    """Number and name, for a report."""
    family, given = listed.names[0]
    return f"{listed.holder[1:]} {family} {fold(given).title()}".strip()
