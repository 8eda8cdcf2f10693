"""Proving what was done: verify the chain, hand it out."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from engine.audit import key_id, public_key_from_pem, verify
from engine.audit_export import AuditSite, to_atna_document, to_jsonl
from engine.commands.context import Context, number_of, refused
from engine.model.trail import AuditEntry, AuditKind
from engine.runtime.wiring import PUBLIC_KEY
from engine.store.interface import Tx

_PAGE: Final = 2000
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def verify_chain(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Check every link and every signed root; name the first that is broken.

    The public key is the store's own unless a file is given: who could rewrite the store could
    rewrite that key too, so an auditor keeps a copy (`relais audit key`).
    """
    given = args.get("public_key")

    def work(tx: Tx) -> dict[str, Any]:
        pem = Path(given).read_text(encoding="ascii") if given else tx.meta.get(PUBLIC_KEY)
        if pem is None:
            raise refused(
                "The store holds no public key.",
                where="audit verify",
                remedy="start the daemon once, or give --public-key FILE",
            )
        key = public_key_from_pem(pem)
        verdict = verify(_entries(tx), tx.audit.roots(), key)
        return {
            "ok": verdict.ok,
            "sentence": verdict.sentence,
            "lines": verdict.lines,
            "roots": verdict.roots,
            "key": key_id(key),
        }

    try:
        return context.store.read_sync(work)
    except (OSError, ValueError):
        raise refused(
            "The public key cannot be read.", where="--public-key", remedy="give a PEM file"
        ) from None


def export(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Write the trail to a file: JSON lines, or DICOM/ATNA audit messages."""
    target, form = Path(str(args.get("file", ""))), str(args.get("format", "jsonl"))
    after = number_of({"after": 0} | args, "after")
    if form not in ("jsonl", "atna"):
        raise refused("There is no such format.", where="--format", remedy="one of: jsonl, atna")

    def pieces(tx: Tx) -> Iterator[bytes]:
        entries = _entries(tx, after)
        if form == "atna":
            site = AuditSite("relais", context.settings.config.hospital.finess)
            return to_atna_document(entries, site)
        return (line.encode() + b"\n" for line in to_jsonl(entries))

    try:
        # The trail names patients: the file is its owner's alone, whatever the umask.
        with open(os.open(target, _NEW, 0o600), "wb") as file:
            # On record before anything is handed out.
            context.store.write_sync(
                lambda tx: context.audit(tx, AuditKind.READ, what="audit trail", format=form)
            )
            written = context.store.read_sync(lambda tx: sum(map(file.write, pieces(tx))))
    except OSError as error:
        raise refused(
            f"The file cannot be written ({type(error).__name__}).",
            where="--output",
            remedy="give the path of a file that does not exist yet, in a folder that the daemon "
            "may write to",
        ) from None
    return {"written": written, "file": str(target)}


def public_key(context: Context, _args: dict[str, Any]) -> dict[str, Any]:
    """The key that signed roots are checked with: for an auditor to keep."""
    pem = context.store.read_sync(lambda tx: tx.meta.get(PUBLIC_KEY))
    return {"pem": pem or ""}


def _entries(tx: Tx, after: int = 0) -> Iterator[AuditEntry]:
    while page := tx.audit.entries(after=after, limit=_PAGE):
        yield from page
        after = page[-1].seq
