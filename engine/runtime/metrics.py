"""Prometheus metrics: counts and states, never a patient. The only import of prometheus_client
beside runtime.health."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from engine.decide.report import Ladder
from engine.model.continuity import Rung
from engine.model.flow import AckCode
from engine.wire.mllp import FaultKind


@dataclass(frozen=True, slots=True)
class Levels:
    """How much is in each state now."""

    journal: dict[str, int]
    outbox: dict[str, int]
    tasks: dict[str, int]
    backlog: int  # works that wait for the store's writer
    overdue: float  # seconds since the most overdue letter should have left
    paused: bool
    incidents_past_due: int = 0  # letters about the wrong person whose 72 hours have run out
    care: Mapping[str, Ladder] = field(default_factory=dict)  # the releases of 30 days, by unit


class Metrics:
    """Counters of the stages; implements the protocols that inbound and outbound ask for."""

    def __init__(self, levels: Callable[[], Levels], heard: Callable[[], None]) -> None:
        """``levels`` is asked at each scrape; ``heard`` is called for each message stored."""
        self.registry = CollectorRegistry()
        self._heard = heard
        self._received = Counter(
            "relais_received",
            "Messages stored, by answer",
            ["source", "ack"],
            registry=self.registry,
        )
        self._duplicates = Counter(
            "relais_duplicates", "Messages that came again", ["source"], registry=self.registry
        )
        self._faults = Counter(
            "relais_faults", "Bytes that are no message", ["source", "kind"], registry=self.registry
        )
        self._store_failed = Counter(
            "relais_store_failed",
            "Messages that could not be stored",
            ["source"],
            registry=self.registry,
        )
        self._connections = Gauge(
            "relais_connections", "Senders connected", ["source"], registry=self.registry
        )
        self._turned_away = Counter(
            "relais_turned_away",
            "Connections closed at once",
            ["source", "why"],
            registry=self.registry,
        )
        self._named: dict[str, Counter] = {}
        self._children: dict[tuple[str, AckCode], Counter] = {}
        self.registry.register(_Levels(levels))
        ProcessCollector(registry=self.registry)

    def received(self, source: str, ack: AckCode) -> None:
        """A message got its verdict and is stored."""
        child = self._children.get((source, ack))
        if child is None:
            child = self._children[source, ack] = self._received.labels(source, ack.value)
        child.inc()
        self._heard()

    def duplicate(self, source: str) -> None:
        """A message came again."""
        self._duplicates.labels(source).inc()

    def fault(self, source: str, kind: FaultKind) -> None:
        """Bytes that are no message went to quarantine."""
        self._faults.labels(source, kind.value).inc()

    def store_failed(self, source: str) -> None:
        """A message could not be stored."""
        self._store_failed.labels(source).inc()

    def connections(self, source: str, count: int) -> None:
        """How many senders a listener has now."""
        self._connections.labels(source).set(count)

    def turned_away(self, source: str, why: str) -> None:
        """A connection was closed at once."""
        self._turned_away.labels(source, why).inc()

    def increment(self, name: str, **labels: str) -> None:
        """Count something of the way out."""
        counter = self._named.get(name)
        if counter is None:
            counter = Counter(
                f"relais_{name}", name.replace("_", " "), sorted(labels), registry=self.registry
            )
            self._named[name] = counter
        (counter.labels(**labels) if labels else counter).inc()


class _Levels(Collector):
    def __init__(self, levels: Callable[[], Levels]) -> None:
        self._levels = levels

    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._levels()
        for name, text, label, values in (
            ("journal", "Messages by state now", "state", now.journal),
            ("outbox", "Letters by state now", "state", now.outbox),
            ("open_tasks", "Tasks that wait for a person, by kind", "kind", now.tasks),
        ):
            family = GaugeMetricFamily(f"relais_{name}", text, labels=[label])
            for value, count in values.items():
                family.add_metric([value], count)
            yield family
        yield from _care(now.care)
        for name, text, number in (
            ("writer_backlog", "Works that wait for the store's writer", now.backlog),
            ("overdue_seconds", "How late the most overdue letter is", now.overdue),
            ("paused", "1: sending is paused by a person", now.paused),
            ("incidents_past_due", "Incidents whose 72 hours have run out", now.incidents_past_due),
        ):
            yield GaugeMetricFamily(f"relais_{name}", text, value=float(number))


def _care(care: Mapping[str, Ladder]) -> Iterator[GaugeMetricFamily]:
    """The side of it that patients feel: who was released, and who was not told."""
    released = GaugeMetricFamily(
        "relais_released",
        "Releases of the last 30 days that reached a rung of relais report",
        labels=["unit", "rung", "need"],
    )
    untold = GaugeMetricFamily(
        "relais_released_with_need_and_no_letter",
        "Releases of the last 30 days: follow-up needed, and no letter left",
        labels=["unit"],
    )
    for unit, ladder in care.items():
        untold.add_metric([unit], ladder.need_without_letter)
        for rung in Rung:
            known = ladder.needing[rung]
            released.add_metric([unit, rung.value, "yes"], known)
            released.add_metric([unit, rung.value, "unknown"], ladder.all[rung] - known)
    yield released
    yield untold
