"""The last question before a letter leaves, and its possible answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Screened:
    """What the firewall found in the bytes of a letter, computed before the transaction."""

    digest: str  # SHA-256 of the bytes that were read, hex
    rules: str  # version of the rules that were applied
    found: tuple[tuple[str, str], ...]  # (place, rule): where, never what


class Firewall(Protocol):
    """Reads letters for what must not be said. One for the daemon; a reload changes its rules."""

    @property
    def version(self) -> str:
        """Of the rules in use now."""
        ...

    def prepare(self, tx: Tx, delivery: Delivery) -> Callable[[], Screened]:
        """Read, in a snapshot, the bytes and what belongs to the letter; give the computation,
        which takes milliseconds and is for a thread. It raises nothing."""
        ...

    def sentence(self, rule: str) -> str:
        """What a rule looks for, in words."""
        ...


# Asked in the very transaction that opens the attempt, so that a consent withdrawn one moment
# before is seen. Reads only; never waits.
MayLeave = Callable[[Tx, Delivery, datetime], Permission]
