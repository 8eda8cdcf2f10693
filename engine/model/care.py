"""Who cares: the two halves of a prison health unit, and which unit codes are whose."""

from enum import StrEnum

from pydantic import Field

from engine.model.value import Value


class Half(StrEnum):
    """The two halves of a prison health unit."""

    DSS = "DSS"
    DSP = "DSP"


class Care(Value):
    """Where a unit code (UF) of the hospital belongs: which USMP, which half of it."""

    usmp: str = Field(description="Key of the USMP in the mapping's units.toml.")
    half: Half
