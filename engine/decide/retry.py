"""What follows an attempt: close or try again; when a destination rests; how fast it is served.

All values: `now` and the dice come in as arguments.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from engine.model.config import Retry
from engine.model.flow import (
    Accepted,
    Cause,
    Deferred,
    DeliveryState,
    Outcome,
    Rejected,
    Unknown,
)

# Causes that a person must cure start further up the ladder of waits: asking again each minute
# with a login that is refused locks the account.
_HEAD_START: Final[dict[Cause, int]] = {Cause.AUTH: 2, Cause.TLS: 2, Cause.INTERNAL: 2}

_SHORTEST: Final = timedelta(milliseconds=50)  # a policy of zero must not become a tight loop


@dataclass(frozen=True, slots=True)
class Close:
    """The delivery ends here, in RELAYED, REJECTED or EXPIRED."""

    state: DeliveryState
    possibly_sent: bool = False


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same mail, with the same Message-ID, after `delay`."""

    delay: timedelta
    possibly_sent: bool = False


Step = Close | TryAgain


def next_step(
    outcome: Outcome, *, attempt: int, age: timedelta, policy: Retry, dice: float
) -> Step:
    """Say what follows one delivery attempt.

    ``attempt`` counts from 1 and includes the one just made; ``age`` is the time since the
    delivery entered the outbox; ``dice`` lies in [0, 1). Total: every outcome has its step, and
    no step loses a letter: EXPIRED and REJECTED end in a person's task.
    """
    match outcome:
        case Accepted():
            return Close(DeliveryState.RELAYED)
        case Rejected():  # 5yz: the same request would fail again, RFC 5321 section 4.2.1
            return Close(DeliveryState.REJECTED)
        case Deferred() if age >= policy.give_up_after:  # RFC 5321 section 4.5.4.1
            return Close(DeliveryState.EXPIRED)
        case Unknown() if age >= policy.give_up_after:
            return Close(DeliveryState.EXPIRED, possibly_sent=True)
        case Deferred(cause=cause):
            rung = attempt + _HEAD_START.get(cause, 0)
            return TryAgain(delay(rung, policy=policy, dice=dice))
        case Unknown():
            # The peer fell silent after the final dot: it may have taken the mail (RFC 5321
            # sections 4.5.3.2.6 and 6.1). Two copies are better than none; both carry one
            # Message-ID, so readers and receipts can tell.
            return TryAgain(delay(attempt, policy=policy, dice=dice), possibly_sent=True)
        case _:
            assert_never(outcome)


def delay(attempt: int, *, policy: Retry, dice: float) -> timedelta:
    """The wait after attempt number `attempt`: exponential, at most `policy.most`, then jittered.

    ``dice`` in [0, 1) spreads it over plus or minus `policy.jitter` of itself.
    """
    first, most = policy.first.total_seconds(), policy.most.total_seconds()
    base = most
    if first <= 0:
        base = min(0.0, most)
    # Compared as logarithms: factor ** attempt overflows long before an attempt counter does.
    elif most > first and (attempt - 1) * math.log(policy.factor) < math.log(most / first):
        base = first * policy.factor ** (attempt - 1)
    spread = 1 + policy.jitter * (2 * dice - 1)
    return max(_SHORTEST, timedelta(seconds=base * spread))


class Fault(StrEnum):
    """Whom an outcome speaks ill of."""

    NOBODY = "nobody"  # both answered as they should, whatever they said of this mail
    RELAY = "relay"  # our relay, or the way to it
    DESTINATION = "destination"  # the domain of the recipient, or its quota at the relay
    UNCLEAR = "unclear"  # tells nothing of either


def fault(outcome: Outcome) -> Fault:
    """Whose circuit breaker counts this outcome."""
    match outcome:
        case Accepted() | Rejected():
            return Fault.NOBODY
        case Deferred(
            cause=Cause.CONNECT
            | Cause.TLS
            | Cause.AUTH
            | Cause.GREETING
            | Cause.FOLDER
            | Cause.COMMAND
        ):
            return Fault.RELAY
        case Deferred(cause=Cause.BUSY):
            return Fault.DESTINATION
        case Deferred() | Unknown():
            return Fault.UNCLEAR
        case _:
            assert_never(outcome)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Rests a relay or a destination that fails again and again.

    closed → (`policy.breaker_after` failures in a row) → resting → (pause over) → one probe →
    closed again, or resting again.
    """

    failures: int = 0
    resting_since: datetime | None = None
    resting_until: datetime | None = None
    probing: bool = False

    def ready_at(self, now: datetime) -> datetime | None:
        """None: it may be dialed now. Otherwise the moment to ask again."""
        if self.resting_since is None or self.resting_until is None:
            return None
        if self.probing:
            return now + (self.resting_until - self.resting_since)  # or when the probe ends
        # A clock that stepped back to before the rest began must not prolong the rest.
        if now >= self.resting_until or now < self.resting_since:
            return None
        return self.resting_until

    def dialing(self) -> "Breaker":
        """Somebody dials: after a rest, that is the one probe."""
        return self if self.resting_since is None else replace(self, probing=True)

    def released(self) -> "Breaker":
        """The dial came to nothing before the peer was asked: the next one may probe."""
        return replace(self, probing=False)

    def succeeded(self) -> "Breaker":
        """The peer answered as it should."""
        return Breaker()

    def failed(self, now: datetime, policy: Retry) -> "Breaker":
        """The peer failed once more."""
        failures = self.failures + 1
        # A mail that was already under way when the rest began tells nothing new.
        under_way = self.resting_since is not None and not self.probing
        if failures < policy.breaker_after or under_way:
            return replace(self, failures=failures)
        return Breaker(failures, now, now + policy.breaker_pause)


@dataclass(frozen=True, slots=True)
class Pace:
    """A token bucket: at most `per_minute` mails in any 60 seconds to one destination.

    A sixth of them may leave in one go; the rest trickles. With capacity c and a refill of
    (per_minute - c + 1) a minute, less than that comes in any 60 s, end excluded: c and what
    comes make at most per_minute whole tokens.
    """

    per_minute: int
    tokens: float
    at: datetime

    @classmethod
    def full(cls, per_minute: int, now: datetime) -> "Pace":
        """A bucket nothing was taken from."""
        return cls(per_minute, float(max(1, per_minute // 6)), now)

    @property
    def _capacity(self) -> int:
        return max(1, self.per_minute // 6)

    @property
    def _per_second(self) -> float:
        return (self.per_minute - self._capacity + 1) / 60

    def _at(self, now: datetime) -> float:
        elapsed = max(0.0, (now - self.at).total_seconds())  # a clock may step back
        return min(float(self._capacity), self.tokens + elapsed * self._per_second)

    def ready_at(self, now: datetime) -> datetime | None:
        """None: one mail may leave now. Otherwise when the next may."""
        missing = 1 - self._at(now)
        if missing <= 0:
            return None
        return now + timedelta(seconds=missing / self._per_second, microseconds=1)

    def take(self, now: datetime) -> "Pace":
        """One mail leaves."""
        return replace(self, tokens=self._at(now) - 1, at=now)
