"""What the stages ask of the store about receipts: a part of store.interface, which names it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.model.letter import LetterKind
from engine.model.receipt import Kept, Receipt, ReceiptKind


@dataclass(frozen=True, slots=True)
class NewReceipt:
    """A receipt to keep. ``identity`` is the same for the same report, however often it comes."""

    delivery: str
    identity: str  # 64 hex digits
    receipt: Receipt
    other_box: bool
    evidence: bytes  # the mail as it came; of a word on the telephone, who and when
    origin: str  # "mss 1700000000/42": box, UIDVALIDITY, UID; or who said it


@dataclass(frozen=True, slots=True)
class Relayed:
    """A letter that the operator took, and when. In order of both."""

    at: datetime
    delivery: str


class ReceiptVerbs(Protocol):
    """What came back about letters."""

    def add(self, new: NewReceipt, now: datetime) -> Kept | None:
        """Keep a receipt; None, and nothing done, when this delivery has that very one. Of a
        patient who was forgotten, the receipt is kept and its mail is not."""
        ...

    def of_delivery(self, delivery_id: str) -> Sequence[Kept]:
        """Oldest first."""
        ...

    def evidence(self, kept: Kept) -> bytes:
        """The mail that a receipt came in. RefusedError when it is no longer kept."""
        ...

    def forgotten(self, delivery_id: str) -> bool:
        """Whether its patient was forgotten since: what comes back is proof, and asks nobody."""
        ...

    def relayed(
        self, kind: LetterKind, after: Relayed, until: datetime, limit: int
    ) -> Sequence[Relayed]:
        """RELAYED letters of a kind, taken after `after` (not included) and up to `until`. No
        messages about letters: they go by no mail."""
        ...

    def left_since(self, since: datetime, limit: int) -> Sequence[str]:
        """Ids of letters taken since then, the last first; no messages about them."""
        ...

    def counts(self) -> dict[ReceiptKind, int]:
        """How many of each kind were kept."""
        ...
