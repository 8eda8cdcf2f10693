"""The master key of the store: which it is, and another in its place."""

from typing import Any

from engine.commands.context import Context
from engine.model.trail import AuditKind
from engine.store.interface import Tx


def listing(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """Every master that is there or that the store needs, by name; never a key."""
    masters = context.store.masters
    there = [one.name for one in masters.read()]
    counts = context.store.read_sync(lambda tx: tx.keys.counts())
    rows = [
        {
            "name": name,
            "there": name in there,
            "first": there[:1] == [name],
            "store_key": bool(counts.get(name, {}).get("store")),
            "patients": counts.get(name, {}).get("patients", 0),
        }
        for name in dict.fromkeys([*there, *counts])
    ]
    return {"where": masters.where, "ours": masters.ours, "masters": rows}


def rotate(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """Wrap all keys with a new master; the one before opens nothing any more."""

    def tell(tx: Tx, name: str, count: int) -> None:
        context.audit(tx, AuditKind.KEYS_ROTATED, subject=f"master {name}", keys=count)

    name, count = context.store.rotate(tell)
    return {"master": name, "keys": count, "ours": context.store.masters.ours}
