"""Whether an activity in the professionals' file is a family practice's."""

import re
from functools import lru_cache
from typing import Final

from engine.directory.folding import fold

PRIVATE: Final = "L"  # TRE_R23: libéral, indépendant, artisan, commerçant
# Labels of TRE_R02. Doctors of a health centre are salaried, and médecins traitants all the same.
_OWN: Final = re.compile(r"\bCABINET|\bSOCIETE|MAISON DE SANTE|PLURIDISCIPLINAIRE")
_CENTRE: Final = re.compile(r"CENTRES? DE SANTE")


@lru_cache(maxsize=1 << 10)
def family_practice(mode: str, sector_label: str) -> bool:
    """In private practice at a place of doctors' own, or in a health centre; an activity in
    private practice inside a hospital or a clinic is none."""
    label = fold(sector_label)
    if _CENTRE.search(label):
        return True
    return mode == PRIVATE and _OWN.search(label) is not None
