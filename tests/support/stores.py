"""Rows of invented people for tests of the store and of what stands on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from engine.model.fact import Action, Care, Half, Heard, MovementStated
from engine.model.flow import AckCode, Delivery, DeliveryState, JournalState
from engine.model.letter import LetterKind
from engine.model.receipt import Receipt, ReceiptKind, ReceiptSource
from engine.model.task import TaskKind, WantedTask
from engine.store.interface import NewEntry, NewReceipt, StayRow, Store
from engine.store.sqlite import SqliteStore

NOW = datetime(2026, 3, 10, 9, 30, 0, 123456, tzinfo=UTC)
PATIENT = "9000001|1.2.250.1.999.1"
OTHER = "9000002|1.2.250.1.999.1"

# Every engine that must pass the contract: its name, and how to open it in a folder.
ENGINES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda folder: SqliteStore.open(folder / "relais.db"),
}


@contextmanager
def opened(folder: Path) -> Iterator[SqliteStore]:
    """An open SQLite store in `folder`, closed at the end."""
    store = SqliteStore.open(folder / "relais.db")
    try:
        yield store
    finally:
        store.close()


def after(**delta: float) -> datetime:
    """NOW and a while: after(minutes=5)."""
    return NOW + timedelta(**delta)


def entry(number: int = 1, **changes: Any) -> NewEntry:
    """A message as it arrived."""
    raw = changes.pop("raw", f"MSH|^~\\&|DPI|CHU|||||ADT^A01|{number}|P|2.5\r".encode())
    values: dict[str, Any] = {
        "source": "dpi",
        "peer": "127.0.0.1:40000",
        "raw": raw,
        "content_hash": sha256(raw).digest(),
        "sender": "DPI|CHU",
        "control_id": str(number),
        "message_type": "ADT^A01",
        "processing_id": "P",
        "state": JournalState.RECEIVED,
        "ack": AckCode.AA,
    }
    return NewEntry(**(values | changes))


def movement(number: int = 1, **changes: Any) -> MovementStated:
    """An arrival in a unit."""
    values: dict[str, Any] = {
        "movement": f"M{number}",
        "visit": "V1",
        "action": Action.INSERT,
        "event": "A01",
        "at": NOW,
        "unit": "4001",
        "care": Care(usmp="nord", half=Half.DSS),
    }
    return MovementStated(**(values | changes))


def heard(number: int = 1, *, patient: str = PATIENT, **changes: Any) -> Heard:
    """A fact, as heard in a message that is not in the journal."""
    values: dict[str, Any] = {
        "patient": patient,
        "fact": movement(number),
        "recorded_at": NOW,
        "sender_order": str(number),
        "heard_at": NOW,
    }
    return Heard(**(values | changes))


def delivery(name: str = "d1", **changes: Any) -> Delivery:
    """A letter that waits."""
    values: dict[str, Any] = {
        "id": name,
        "letter_kind": LetterKind.ARRIVAL_NOTICE,
        "patient": PATIENT,
        "stay": "V1/nord/1",
        "rpps": "10000000008",
        "version": 1,
        "parts": (),
        "statement": "s",
        "purposes": ("arrival-notice",),
        "discreet": False,
        "channel": "mssante",
        "sender": "usmp@chu.example",
        "address": "medecin@cabinet.example",
        "intended": "medecin@cabinet.example",
        "message_id": f"<{name}@chu.example>",
        "document_oid": "1.2.250.1.999.2.1",
        "set_oid": "1.2.250.1.999.2.2",
        "size": 4,
        "state": DeliveryState.QUEUED,
        "created_at": NOW,
        "due_at": NOW,
        "attempts": 0,
        "possibly_sent": False,
        "closed_at": None,
        "reason": "",
    }
    return Delivery(**(values | changes))


def came_back(evidence: bytes = b"From: x", name: str = "d1", **changes: Any) -> NewReceipt:
    """A receipt of a reading."""
    values: dict[str, Any] = {
        "delivery": name,
        "identity": sha256(evidence).hexdigest(),
        "receipt": Receipt(ReceiptKind.DISPLAYED, ReceiptSource.MDN),
        "other_box": False,
        "evidence": evidence,
        "origin": "mss 1/2",
    }
    return NewReceipt(**(values | changes))


def wanted(key: str = "k1", **changes: Any) -> WantedTask:
    """A task to raise."""
    values: dict[str, Any] = {
        "key": key,
        "kind": TaskKind.GP_UNKNOWN,
        "patient": PATIENT,
        "stay": "V1/nord/1",
    }
    return WantedTask(**(values | changes))


def stay(key: str = "V1/nord/1", **changes: Any) -> StayRow:
    """What is remembered of a stay."""
    values: dict[str, Any] = {
        "key": key,
        "patient": PATIENT,
        "usmp": "nord",
        "verdicts": {"arrival": "waits"},
        "next_look_at": None,
        "closed": False,
    }
    return StayRow(**(values | changes))
