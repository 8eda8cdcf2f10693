"""Deliveries of invented people, for the tests of what leaves."""

from datetime import UTC, datetime
from typing import Any

from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import LetterKind

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SENDER = "usmp@hopital.example"


def a_delivery(
    ident: str = "d1", address: str = "cabinet@medecin.example", **changes: Any
) -> Delivery:
    """A letter that waits."""
    values: dict[str, Any] = {
        "id": ident,
        "letter_kind": LetterKind.ARRIVAL_NOTICE,
        "patient": "IPP1|1.2.3",
        "stay": "IPP1|1.2.3|S1",
        "rpps": "10000000001",
        "version": 1,
        "parts": (),
        "statement": "s",
        "purposes": ("arrival-notice",),
        "discreet": False,
        "channel": "mss",
        "sender": SENDER,
        "address": address,
        "intended": address,
        "message_id": f"<{ident}@hopital.example>",
        "document_oid": "1.2.3.4",
        "set_oid": "1.2.3.5",
        "size": 0,
        "state": DeliveryState.QUEUED,
        "created_at": NOW,
        "due_at": NOW,
        "attempts": 0,
        "possibly_sent": False,
        "closed_at": None,
        "reason": "",
    }
    return Delivery(**(values | changes))


def a_mime(delivery: Delivery, body: bytes = b"Bonjour\r\n.\r\n..points\r\nfin\r\n") -> bytes:
    """A small mail that carries the delivery's Message-ID."""
    return (
        b"From: <" + delivery.sender.encode() + b">\r\n"
        b"Message-ID: " + delivery.message_id.encode() + b"\r\n"
        b"\r\n" + body
    )
