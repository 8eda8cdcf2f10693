"""What is no longer kept: patients forgotten, classes of rows past their age, on SQLite.

A patient is forgotten by destroying the one key that sealed the payloads; the rows go too, since
nobody can read them. What stays: numbers of patients and visits as identifiers, who was written
to when and under which Message-ID, and the audit, all sealed with the store's own key.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import apsw

from engine.model.task import RETURNED_KINDS, TaskKind
from engine.store.connection import executor
from engine.store.instants import micros
from engine.store.interface import Forgotten
from engine.store.journal import SqliteJournal, without_peer
from engine.store.outbox import SqliteOutbox
from engine.store.vault import PATIENT, TASK, Vault

_CLUSTER: Final = (
    "SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?) UNION SELECT ?1"
)
# Forgetting: each statement is for one key of the cluster.
_MESSAGES: Final = "SELECT id FROM journal WHERE patient = ?"
_DESTROY_ENTRY: Final = (
    "UPDATE journal SET salt = NULL, patient = NULL, said = ?, "
    "state = iif(state = 'received', 'left', state), note = 'forgotten' WHERE id = ?"
)
_DROP_RAW: Final = "DELETE FROM journal_raw WHERE journal_id = ?"
_DROP_FACTS: Final = "DELETE FROM fact WHERE patient = ?"
_DROP_BLOBS: Final = "DELETE FROM blob WHERE patient = ?"
_DROP_STAYS: Final = "DELETE FROM stay WHERE patient = ?"
_DROP_TASKS: Final = "DELETE FROM task WHERE patient = ?"
_DROP_TRACES: Final = "DELETE FROM likeness WHERE patient = ?"
_DELIVERIES: Final = "SELECT id FROM delivery WHERE patient = ? AND forgotten = 0"
_DROP_MIME: Final = "DELETE FROM delivery_mime WHERE delivery = ?"
_DROP_FILES: Final = "DELETE FROM delivery_file WHERE delivery = ?"
_DROP_RETURNED: Final = "DELETE FROM receipt_mail WHERE delivery = ?"
_OF_LETTER: Final = (_DROP_MIME, _DROP_FILES, _DROP_RETURNED)
_MARK: Final = "UPDATE delivery SET forgotten = 1, said = ? WHERE id = ?"
_DESTROY_KEY: Final = "UPDATE patient SET master = NULL, wrapped = NULL WHERE key = ?"

# Purging.
_MESSAGES_KEPT: Final = (
    "SELECT id, received_at, state FROM journal WHERE salt IS NOT NULL "
    "AND id >= (SELECT min(journal_id) FROM journal_raw) AND state <> 'received' "
    "ORDER BY id LIMIT ?1 + (SELECT count(*) FROM task WHERE closed_at IS NULL AND kind = ?2)"
)
_PURGE_ENTRY: Final = "UPDATE journal SET salt = NULL, patient = NULL, said = ? WHERE id = ?"
_OPEN_TASK: Final = "SELECT 1 FROM task WHERE key = ? AND closed_at IS NULL"
_OLD_LETTERS: Final = (
    "SELECT id FROM delivery WHERE closed_at < ?1 AND id IN "
    "(SELECT delivery FROM delivery_mime UNION ALL SELECT delivery FROM receipt_mail) "
    "AND (state = 'cancelled' OR NOT EXISTS (SELECT 1 FROM task "
    "WHERE task.patient = delivery.patient AND task.closed_at IS NULL "
    "AND (state <> 'relayed' OR kind IN (SELECT value FROM json_each(?3))))) LIMIT ?2"
)
_OLD_TASKS: Final = (
    "SELECT id FROM task WHERE closed_at < ?1 AND (patient IS NULL OR kind IN "
    "(SELECT value FROM json_each(?3))) LIMIT ?2"
)
_DROP_TASK: Final = "DELETE FROM task WHERE id = ?"
# Of patients that have a key: nothing heard since, every stay over and looked at, nothing under
# way, nothing to be done. A patient without a fact or a stay rests since ever.
_AT_REST: Final = (
    "SELECT root FROM patient AS p WHERE key = root AND EXISTS "
    "(SELECT 1 FROM patient WHERE root = p.root AND wrapped IS NOT NULL{also}) "
    "AND NOT EXISTS (SELECT 1 FROM patient AS one JOIN fact ON fact.patient = one.key "
    "WHERE one.root = p.root AND heard_at >= ?1) "
    "AND NOT EXISTS (SELECT 1 FROM patient AS one JOIN stay ON stay.patient = one.key "
    "WHERE one.root = p.root AND (closed = 0 OR next_look_at IS NOT NULL)) "
    "AND NOT EXISTS (SELECT 1 FROM patient AS one JOIN delivery ON delivery.patient = one.key "
    "WHERE one.root = p.root AND (closed_at IS NULL OR closed_at >= ?1)) "
    "AND NOT EXISTS (SELECT 1 FROM patient AS one JOIN task ON task.patient = one.key "
    "WHERE one.root = p.root AND closed_at IS NULL) LIMIT ?2"
)
_WITH_DOCUMENTS: Final = " AND EXISTS (SELECT 1 FROM blob WHERE blob.patient = patient.key)"
_SHRINK: Final = "PRAGMA incremental_vacuum({pages})"
_FREE: Final = "PRAGMA freelist_count"
_DECIDE_NOTHING: Final = RETURNED_KINDS | {TaskKind.DELIVERY_FAILED, TaskKind.DELIVERY_UNCERTAIN}
# States in which a message may wait for a person.
_WAIT_FOR_A_PERSON: Final = frozenset({"parked", "quarantine"})


class SqliteRetention:
    """See store.interface.RetentionVerbs."""

    def __init__(
        self,
        connection: apsw.Connection,
        vault: Vault,
        journal: SqliteJournal,
        outbox: SqliteOutbox,
    ) -> None:
        self._connection = connection
        self._run = executor(connection)
        self._vault = vault
        self._journal = journal
        self._outbox = outbox

    def forget(self, patient: str) -> Forgotten:
        token = self._vault.token(patient, PATIENT)
        facts = documents = messages = letters = 0
        for (key,) in self._run(_CLUSTER, (token,)).fetchall():
            facts += self._drop(_DROP_FACTS, key)
            documents += self._drop(_DROP_BLOBS, key)
            self._drop(_DROP_STAYS, key)
            self._drop(_DROP_TASKS, key)
            self._drop(_DROP_TRACES, key)
            for (number,) in self._run(_MESSAGES, (key,)).fetchall():
                # The name of the file that brought it may be the patient's.
                self._drop_message(_DESTROY_ENTRY, number, without_peer)
                messages += 1
            for (delivery,) in self._run(_DELIVERIES, (key,)).fetchall():
                self._forget_letter(delivery, key)
                letters += 1
            self._drop(_DESTROY_KEY, key)
        self._vault.forget()
        return Forgotten(facts, documents, messages, letters)

    def _drop_message(self, sql: str, number: int, kept: Callable[[bytes], bytes]) -> None:
        labels = kept(self._journal.labels(number))
        self._run(sql, (self._journal.sealed_labels(number, labels), number))
        self._run(_DROP_RAW, (number,))

    def _forget_letter(self, delivery: str, patient: bytes) -> None:
        row = self._outbox.get(delivery)
        assert row is not None
        bare = replace(row, parts=(), statement="")  # digests of what was said of the patient
        for sql in _OF_LETTER:
            self._run(sql, (delivery,))
        self._run(_MARK, (self._outbox.sealed_said(bare, patient), delivery))

    def purge_messages(self, before: datetime, limit: int) -> int:
        freed = 0
        kept = self._run(_MESSAGES_KEPT, (limit, TaskKind.MESSAGE_UNREADABLE)).fetchall()
        for number, received_at, state in kept:
            if received_at >= micros(before) or freed == limit:
                break  # they lie in the order in which they came
            if state in _WAIT_FOR_A_PERSON and self._asks(number):
                continue
            self._drop_message(_PURGE_ENTRY, number, lambda labels: labels)
            freed += 1
        return freed

    def _asks(self, message: int) -> bool:
        key = self._vault.token_once(f"message:{message}", TASK)
        return bool(self._run(_OPEN_TASK, (key,)).fetchall())

    def purge_letters(self, before: datetime, limit: int) -> int:
        rows = self._run(_OLD_LETTERS, (micros(before), limit, _kinds(RETURNED_KINDS))).fetchall()
        for row in rows:
            for sql in _OF_LETTER:
                self._run(sql, row)
        return len(rows)

    def purge_documents(self, before: datetime, limit: int) -> int:
        sql = _AT_REST.format(also=_WITH_DOCUMENTS)
        rows = self._run(sql, (micros(before), limit)).fetchall()
        return sum(
            self._drop(_DROP_BLOBS, key)
            for (root,) in rows
            for (key,) in self._run(_CLUSTER, (root,)).fetchall()
        )

    def purge_tasks(self, before: datetime, limit: int) -> int:
        rows = self._run(_OLD_TASKS, (micros(before), limit, _kinds(_DECIDE_NOTHING))).fetchall()
        for row in rows:
            self._run(_DROP_TASK, row)
        return len(rows)

    def at_rest(self, before: datetime, limit: int) -> Sequence[str]:
        rows = self._run(_AT_REST.format(also=""), (micros(before), limit)).fetchall()
        return [self._vault.text(row[0], PATIENT) for row in rows]

    def shrink(self, pages: int) -> int:
        """Give free pages back to the file system, so many at most; gives how many are left."""
        self._run(_SHRINK.format(pages=pages)).fetchall()
        left: int = self._run(_FREE).fetchall()[0][0]
        return left

    def _drop(self, sql: str, key: bytes) -> int:
        self._run(sql, (key,))
        return self._connection.changes()


def _kinds(kinds: Iterable[TaskKind]) -> str:
    return json.dumps(sorted(kinds))
