"""What runs, what waits, what a person must do. Nothing of a patient."""

from datetime import datetime
from typing import Any

from engine import __version__
from engine.commands.context import Context
from engine.model.task import TaskKind
from engine.outbound.ledger import PAUSED
from engine.runtime.directory_age import annuaire_status
from engine.store.interface import Tx


def incidents(tx: Tx, now: datetime) -> dict[str, Any]:
    """Letters about the wrong person that nobody has dealt with, and their clock."""
    deadlines = sorted(one.deadline for one in tx.tasks.open_of(TaskKind.INCIDENT) if one.deadline)
    return {
        "open": len(deadlines),
        "past_due": sum(deadline <= now for deadline in deadlines),
        "next_deadline": deadlines[0].isoformat(timespec="seconds") if deadlines else None,
    }


def status(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """Counts by state."""

    def work(tx: Tx) -> dict[str, Any]:
        seq, _ = tx.audit.head()
        next_due = tx.outbox.next_due()
        return {
            "version": __version__,
            "mode": context.settings.config.mode.value,
            "paused": bool(tx.meta.get(PAUSED)),
            "journal": {state.value: count for state, count in tx.journal.counts().items()},
            "outbox": {state.value: count for state, count in tx.outbox.counts().items()},
            "open_tasks": tx.tasks.open_count(),
            "incidents": incidents(tx, context.now()),
            "next_attempt": next_due.isoformat(timespec="seconds") if next_due else None,
            "audit_lines": seq,
            "signed_days": len(tx.audit.roots()),
        }

    config = context.settings.config
    annuaire = annuaire_status(config.data, config.annuaire.max_age, context.now())
    return context.store.read_sync(work) | {"annuaire": annuaire}
