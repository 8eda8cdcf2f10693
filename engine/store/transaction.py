"""The verbs of one connection, put together."""

import apsw

from engine.store.audit_log import SqliteAuditLog
from engine.store.doctors import SqliteDoctors
from engine.store.facts import SqliteFacts
from engine.store.journal import SqliteJournal
from engine.store.meta import SqliteMeta
from engine.store.outbox import SqliteOutbox
from engine.store.receipts import SqliteReceipts
from engine.store.retention import SqliteRetention
from engine.store.tasks import SqliteTasks
from engine.store.vault import Keyring, Vault


class SqliteTx:
    """See store.interface.Tx. Made once a connection: its cursors keep their statements ready."""

    __slots__ = (
        "audit",
        "doctors",
        "facts",
        "journal",
        "keys",
        "meta",
        "outbox",
        "receipts",
        "retention",
        "tasks",
    )

    def __init__(self, connection: apsw.Connection, ring: Keyring) -> None:
        self.keys = vault = Vault(connection, ring)
        self.journal = SqliteJournal(connection, vault)
        self.facts = SqliteFacts(connection, vault)
        self.outbox = SqliteOutbox(connection, vault)
        self.receipts = SqliteReceipts(connection, vault)
        self.audit = SqliteAuditLog(connection, vault)
        self.tasks = SqliteTasks(connection, self.audit, vault)
        self.doctors = SqliteDoctors(connection, vault)
        self.meta = SqliteMeta(connection)
        self.retention = SqliteRetention(connection, vault, self.journal, self.outbox)

    def forget(self) -> None:
        """Keep nothing of the transaction before: another begins, or a work was undone."""
        self.audit.forget()
        self.keys.forget()
