"""The last question before a letter leaves, and its possible answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from engine.model.flow import Delivery
from engine.store.interface import Tx


@dataclass(frozen=True, slots=True)
class Leave:
    """It may leave now."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """It must never leave: no consent any more, corrected, replaced."""

    reason: str  # a word of the gate's closed list


@dataclass(frozen=True, slots=True)
class Hold:
    """A person decides."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: ask again at `until`."""

    until: datetime
    reason: str


Permission = Leave | Cancel | Hold | Wait

# Asked in the very transaction that opens the attempt, so that a consent withdrawn one moment
# before is seen. Reads only; never waits.
MayLeave = Callable[[Tx, Delivery, datetime], Permission]
