"""What a letter states of a person and a stay, as a digest: a correction changes it.

Left out on purpose, since a letter stays right without them: the letterhead, the number of the
record (a merge changes it), the hour of a movement, and which part is still awaited.
"""

import hashlib
import json
from collections.abc import Container

from engine.decide import gate
from engine.decide.scene import Scene
from engine.model.stay import Stay


def statement_of(scene: Scene, stay: Stay, contents: Container[str] = ()) -> str:
    """SHA-256, 32 hex digits. ``contents``: the documents that the letter carries."""
    person = scene.record.person
    traits = person.traits
    ins = gate.qualified_ins(person, scene.policy)
    told = [
        traits.birth_family,
        traits.birth_given,
        traits.used_family,
        traits.used_given,
        traits.birth_date,
        traits.sex,
        ins.matricule if ins else None,
        stay.usmp,
        stay.arrived_at.date().isoformat(),
        stay.exit.at.date().isoformat() if stay.exit else None,
        [
            [one.half, one.content, one.author.family if one.author else None]
            for one in stay.documents
            if one.content in contents
        ],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
