"""Who may be dialed now: slots of a channel, rests of relays and destinations, pace.

State of one running worker, kept in memory: after a restart everything may be tried again, and
the due dates in the store keep the peers from being hammered.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from engine.decide.retry import Breaker, Fault, Pace, fault
from engine.model.config import Retry
from engine.model.flow import Delivery, Outcome
from engine.outbound.transport import Transport


@dataclass(frozen=True, slots=True)
class Route:
    """A channel as the worker sees it."""

    transport: Transport
    concurrency: int = 1  # attempts at once
    per_minute: int = 60  # mails a minute to one destination domain


def domain(address: str) -> str:
    """The destination of a delivery, for pacing: the domain of the mailbox, in lower case."""
    return address.rpartition("@")[2].lower()


class Traffic:
    """Remembers what is under way and whom to leave alone."""

    def __init__(self, routes: dict[str, Route], policy: Retry) -> None:
        self._routes = routes
        self._policy = policy
        self._under_way: Counter[str] = Counter()
        self._relays: dict[str, Breaker] = {}
        self._destinations: dict[tuple[str, str], Breaker] = {}
        self._paces: dict[tuple[str, str], Pace] = {}

    def reroute(self, routes: dict[str, Route], policy: Retry) -> None:
        """Use other routes from now on; what is under way and who rests is remembered."""
        self._routes = routes
        self._policy = policy

    def full_channels(self) -> tuple[str, ...]:
        """Channels without a free slot."""
        return tuple(
            name
            for name, route in self._routes.items()
            if self._under_way[name] >= route.concurrency
        )

    def ready_at(self, delivery: Delivery, now: datetime) -> datetime | None:
        """None: dial now. Otherwise when to ask again (a slot is a matter of an attempt's end).

        A delivery of a channel that is not configured is ready: its opening puts it on hold.
        """
        route = self._routes.get(delivery.channel)
        if route is None:
            return None
        if self._under_way[delivery.channel] >= route.concurrency:
            return datetime.max.replace(tzinfo=now.tzinfo)
        key = (delivery.channel, domain(delivery.address))
        waits = [
            self._relays.get(delivery.channel, Breaker()).ready_at(now),
            self._destinations.get(key, Breaker()).ready_at(now),
            self._pace(key, route, now).ready_at(now),
        ]
        return max((wait for wait in waits if wait is not None), default=None)

    def start(self, delivery: Delivery, now: datetime) -> None:
        """Take a slot, a token of the pace and, after a rest, the probe."""
        self._under_way[delivery.channel] += 1
        route = self._routes.get(delivery.channel)
        if route is None:
            return
        key = (delivery.channel, domain(delivery.address))
        self._paces[key] = self._pace(key, route, now).take(now)
        self._relays[delivery.channel] = self._relays.get(delivery.channel, Breaker()).dialing()
        self._destinations[key] = self._destinations.get(key, Breaker()).dialing()

    def finish(self, delivery: Delivery, outcome: Outcome | None, now: datetime) -> None:
        """Give the slot back and learn from the outcome; None: nobody was dialed."""
        self._under_way[delivery.channel] -= 1
        if delivery.channel not in self._routes:
            return
        key = (delivery.channel, domain(delivery.address))
        relay = self._relays.get(delivery.channel, Breaker())
        destination = self._destinations.get(key, Breaker())
        match Fault.UNCLEAR if outcome is None else fault(outcome):
            case Fault.NOBODY:
                relay, destination = relay.succeeded(), destination.succeeded()
            case Fault.RELAY:
                relay, destination = relay.failed(now, self._policy), destination.released()
            case Fault.DESTINATION:
                relay, destination = relay.succeeded(), destination.failed(now, self._policy)
            case Fault.UNCLEAR:
                relay, destination = relay.released(), destination.released()
        self._relays[delivery.channel] = relay
        self._destinations[key] = destination

    def resting(self, now: datetime) -> int:
        """How many relays and destinations rest now, for `status` and metrics."""
        breakers = (*self._relays.values(), *self._destinations.values())
        return sum(breaker.ready_at(now) is not None for breaker in breakers)

    def _pace(self, key: tuple[str, str], route: Route, now: datetime) -> Pace:
        return self._paces.get(key) or Pace.full(route.per_minute, now)
