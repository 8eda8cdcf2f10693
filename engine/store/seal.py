"""Signs the head of the audit chain for each finished day: what an auditor trusts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit import roots_due, sign_root
from engine.model.trail import AuditKind
from engine.store.interface import SignedRoot, Tx


def seal(tx: Tx, now: datetime, private_key: Ed25519PrivateKey) -> Sequence[SignedRoot]:
    """Sign each finished UTC day that has no root yet; give the roots made, oldest first.

    Does nothing when none is due: call it at start-up and then every hour. Each root also gets a
    line in the chain, so that a root cannot vanish unseen.
    """
    last, first = tx.audit.roots(), tx.audit.entries(limit=1)
    if not first:
        return ()
    due = roots_due(
        last[-1].day if last else None,
        now.astimezone(UTC).date(),
        datetime.fromisoformat(first[0].at).date(),
    )
    made = []
    for day in due:
        seq, head = tx.audit.head_before(_midnight(day + timedelta(days=1)))
        root = sign_root(private_key, day.isoformat(), seq, head)
        tx.audit.add_root(root)
        tx.audit.append(
            AuditKind.ROOT_SIGNED,
            now=now,
            subject=f"root {root.day}",
            day=root.day,
            upto=seq,
            key=root.key_id,
        )
        made.append(root)
    return made


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
