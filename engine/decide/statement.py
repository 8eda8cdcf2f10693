"""What a letter states of a person and a stay, as a digest: a correction changes it.

Left out on purpose, since a letter stays right without them: the letterhead, the number of the
record (a merge changes it), the hour of a movement, and which part is still awaited.
"""

import hashlib
import json
from collections.abc import Container
from typing import Final

from engine.decide import gate
from engine.decide.scene import Scene
from engine.model.people import Traits
from engine.model.stay import Exit, Stay

_NO_INS: Final = "-"


def statement_of(
    scene: Scene, stay: Stay, *, way_out: Exit | None = None, parts: Container[str] = ()
) -> str:
    """``person.ins.stay``: SHA-256 cut to 32 hex digits, the INS's to 16, or ``-`` without one.

    ``way_out``: the exit, where the letter tells it; ``parts``: the documents that it carries, as
    ``Document.part``. The same bytes may be of both halves, or lie there unvalidated, too.
    """
    person = scene.record.person
    ins = gate.qualified_ins(person, scene.policy)
    what = [
        stay.usmp,
        stay.arrived_at.date().isoformat(),
        way_out.at.date().isoformat() if way_out else None,
        list(
            {
                (one.half, one.content): [one.half, one.content, one.author and one.author.family]
                for one in reversed(stay.documents)  # of one content the first document counts
                if one.usable and one.part in parts
            }.values()
        )[::-1],
    ]
    number = _digest([ins.matricule])[:16] if ins else _NO_INS
    return f"{person_digest(person.traits)}.{number}.{_digest(what)}"


def person_digest(traits: Traits) -> str:
    """The part of a statement that names the person."""
    who = [
        traits.birth_family,
        traits.birth_given,
        traits.used_family,
        traits.used_given,
        traits.birth_date,
        traits.sex,
    ]
    return _digest(who)


def same_person(now: str, before: str) -> bool:
    """Whether two statements name one identity. An INS gained since makes nothing wrong."""
    who, ins, _ = now.split(".")
    who_before, ins_before, _ = before.split(".")
    return who == who_before and ins_before in (_NO_INS, ins)


def same_statement(now: str, before: str) -> bool:
    """Whether what was stated before is still right."""
    return same_person(now, before) and now.rpartition(".")[2] == before.rpartition(".")[2]


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
