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
from engine.model.stay import Exit, Stay

_NO_INS: Final = "-"


def statement_of(
    scene: Scene, stay: Stay, *, way_out: Exit | None = None, contents: Container[str] = ()
) -> str:
    """``person.ins.stay``: SHA-256 cut to 32 hex digits, the INS's to 16, or ``-`` without one.

    ``way_out``: the exit, where the letter tells it; ``contents``: the documents that it carries.
    """
    person = scene.record.person
    traits = person.traits
    ins = gate.qualified_ins(person, scene.policy)
    who = [
        traits.birth_family,
        traits.birth_given,
        traits.used_family,
        traits.used_given,
        traits.birth_date,
        traits.sex,
    ]
    what = [
        stay.usmp,
        stay.arrived_at.date().isoformat(),
        way_out.at.date().isoformat() if way_out else None,
        [
            [one.half, one.content, one.author.family if one.author else None]
            for one in stay.documents
            if one.content in contents
        ],
    ]
    number = _digest([ins.matricule])[:16] if ins else _NO_INS
    return f"{_digest(who)}.{number}.{_digest(what)}"


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
