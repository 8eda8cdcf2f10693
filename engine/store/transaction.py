"""The verbs of one connection, put together."""

import apsw

from engine.store.audit_log import SqliteAuditLog
from engine.store.facts import SqliteFacts
from engine.store.journal import SqliteJournal
from engine.store.meta import SqliteMeta
from engine.store.outbox import SqliteOutbox
from engine.store.tasks import SqliteTasks


class SqliteTx:
    """See store.interface.Tx. Made once a connection: its cursors keep their statements ready."""

    __slots__ = ("audit", "facts", "journal", "meta", "outbox", "tasks")

    def __init__(self, connection: apsw.Connection) -> None:
        self.journal = SqliteJournal(connection)
        self.facts = SqliteFacts(connection)
        self.outbox = SqliteOutbox(connection)
        self.audit = SqliteAuditLog(connection)
        self.tasks = SqliteTasks(connection, self.audit)
        self.meta = SqliteMeta(connection)
