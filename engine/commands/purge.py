"""What is past its age: dropped by class, audited, and the room given back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from engine.commands.context import Context
from engine.commands.rights import drop
from engine.model.trail import AuditKind
from engine.store.interface import Tx

_BATCH: Final = 500
_TAKEN: Final = ("done", "quarantine")  # folders of a watched folder, see inbound.file_drop

# Which verb frees a class, in the order in which they run: patients first, whose rows the other
# classes need not look at any more.
_VERBS: Final[dict[str, Callable[[Tx, datetime, int], int]]] = {
    "messages": lambda tx, before, limit: tx.retention.purge_messages(before, limit),
    "documents": lambda tx, before, limit: tx.retention.purge_documents(before, limit),
    "letters": lambda tx, before, limit: tx.retention.purge_letters(before, limit),
    "tasks": lambda tx, before, limit: tx.retention.purge_tasks(before, limit),
}


def purge(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """Drop what is past the ages of ``[retention]`` and no longer needed. Works in small
    transactions: whoever writes meanwhile waits little, and a stop loses nothing."""
    ages = context.settings.config.retention
    told: dict[str, Any] = {"patients": _patients(context, ages.patients)}
    for name, verb in _VERBS.items():
        told[name] = _drop(context, name, verb, getattr(ages, name))
    told["files"] = _files(context, ages.messages)
    told["bytes"] = context.store.give_back()
    return told


def _patients(context: Context, age: timedelta) -> int:
    def work(tx: Tx) -> int:
        patients = tx.retention.at_rest(context.now() - age, _BATCH)
        for patient in patients:
            drop(context, tx, patient, "retention")
        return len(patients)

    return _until_done(context, work)


def _drop(
    context: Context, name: str, verb: Callable[[Tx, datetime, int], int], age: timedelta
) -> int:
    def work(tx: Tx) -> int:
        before = context.now() - age
        freed = verb(tx, before, _BATCH)
        if freed:
            context.audit(
                tx, AuditKind.PURGED, subject=name, count=freed, before=before.isoformat()
            )
        return freed

    return _until_done(context, work)


def _until_done(context: Context, work: Callable[[Tx], int]) -> int:
    total = 0
    while freed := context.store.write_sync(work):
        total += freed
    return total


def _files(context: Context, age: timedelta) -> int:
    """Files that a watched folder has kept in clear: their messages are in the journal."""
    before = (context.now() - age).timestamp()
    old = [
        path
        for folder in context.settings.config.folder
        for name in _TAKEN
        for path in _entries(folder.path / name)
        if path.lstat().st_mtime < before
    ]
    for path in old:
        path.unlink(missing_ok=True)
    if old:
        context.store.write_sync(
            lambda tx: context.audit(tx, AuditKind.PURGED, subject="files", count=len(old))
        )
    return len(old)


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_symlink() or path.is_file()]
