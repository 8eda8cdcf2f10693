"""A letter without what only detained people have: rights, codes, specialties of its authors.

The faces were chosen before (decide.letters); words that say prison in what people wrote are for
the firewall, which holds the letter.
"""

import unicodedata
from typing import Final, TypeVar

from engine.model.letter import Letter, Signatory
from engine.model.people import Professional
from engine.model.summary import Contribution, Diagnosis, ExitSummary, Items, RightKind
from engine.model.value import Value

_PHYSICIAN: Final = "G15_10"  # JDV_J01: the profession, whatever follows
P = TypeVar("P", Signatory, Professional)


class Discretion(Value):
    """mappings/letters/discreet.toml."""

    version: str
    specialties: frozenset[str]
    specialty_words: tuple[str, ...]
    rights: frozenset[RightKind]
    diagnoses: dict[str, tuple[str, ...]]  # OID of a system -> beginnings of codes


def discreetly(letter: Letter, rules: Discretion) -> Letter:
    """The letter as a doctor may read it who must not learn of the detention."""
    before = letter.replaces
    if before is not None and before.summary is not None:
        before = before.model_copy(update={"summary": _summary(before.summary, rules)})
    unit = letter.unit
    return letter.model_copy(
        update={
            "unit": unit.model_copy(update={"responsible": _person(unit.responsible, rules)}),
            "summary": _summary(letter.summary, rules),
            "annexes": tuple(
                one.model_copy(update={"author": one.author and _person(one.author, rules)})
                for one in letter.annexes
            ),
            "replaces": before,
        }
    )


def _summary(summary: ExitSummary, rules: Discretion) -> ExitSummary:
    return ExitSummary(contributions=tuple(_part(one, rules) for one in summary.contributions))


def _part(one: Contribution, rules: Discretion) -> Contribution:
    said = one.said
    return one.model_copy(
        update={
            "said": said.model_copy(update={"author": said.author and _person(said.author, rules)}),
            "items": discreet_items(one.items, rules),
        }
    )


def discreet_items(items: Items, rules: Discretion) -> Items:
    """The items without those that only detained people have."""
    return items.model_copy(
        update={
            "rights": tuple(right for right in items.rights if right.kind not in rules.rights),
            "diagnoses": tuple(found for found in items.diagnoses if not _tells(found, rules)),
        }
    )


def _tells(found: Diagnosis, rules: Discretion) -> bool:
    if found.code is None:
        return False
    code = _bare(found.code.code)
    return any(code.startswith(_bare(one)) for one in rules.diagnoses.get(found.code.system, ()))


def _bare(code: str) -> str:
    """Records write Z65.1 and Z651."""
    return code.replace(".", "").replace(" ", "").upper()


def _person(who: P, rules: Discretion) -> P:
    label = _plain(who.specialty or "")
    telling = who.specialty_code in rules.specialties or any(
        _plain(word) in label for word in rules.specialty_words
    )
    if not telling:
        return who
    # The profession stays: a doctor is addressed as one.
    physician = (who.specialty_code or "").startswith(_PHYSICIAN)
    changes = {"specialty": None, "specialty_code": _PHYSICIAN if physician else None}
    return who.model_copy(update=changes)


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))
