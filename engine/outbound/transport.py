"""What the worker asks of a way out."""

from typing import Protocol

from engine.model.flow import Delivery, Outcome


class Transport(Protocol):
    """Carries one mail. Every reply and silence of a peer becomes an Outcome.

    ``attempt`` raises for no behaviour of the peer. Cancelled before the mail could have been
    taken, it raises CancelledError; afterwards it gives Unknown.
    """

    async def attempt(self, delivery: Delivery, mime: bytes) -> Outcome:
        """Try once."""
        ...

    async def close(self) -> None:
        """Let go of connections that wait for the next mail."""
        ...
