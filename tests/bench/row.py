"""One line of the table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of ours, beside that of a peer measured in the same run, if there is one.

    ``ratio`` is ours over the peer's for rates, and empty where there is no peer.
    """

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    target: str = ""  # what it is held to; not in the file

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return round(self.value / self.peer_value, 2) if self.peer_value else None

    def as_json(self) -> dict[str, str | float | None]:
        """The keys that build/bench.json promises."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peer": self.peer,
            "peer_value": self.peer_value,
            "ratio": self.ratio,
        }
