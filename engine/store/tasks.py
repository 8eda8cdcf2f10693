"""What people must do, on SQLite."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import apsw

from engine.model.errors import StoreError
from engine.model.task import BEFORE_RELEASE, Task, TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.store.audit_log import SqliteAuditLog
from engine.store.connection import executor
from engine.store.instants import instant, maybe_instant, micros
from engine.store.vault import PATIENT, TASK, Vault, closed, opened

_COLUMNS: Final = "id, key, kind, patient, said, raised_at, closed_at, closed_by"
_BY_KEY: Final = f"SELECT {_COLUMNS} FROM task WHERE key = ?"
_BY_ID: Final = f"SELECT {_COLUMNS} FROM task WHERE id = ?"
_RAISE: Final = "INSERT INTO task (key, kind, patient, said, raised_at) VALUES (?,?,?,?,?)"
_CLOSE: Final = (
    "UPDATE task SET closed_at = ?, closed_by = ?, said = ? WHERE id = ? AND closed_at IS NULL"
)
_OF_PATIENT: Final = (
    f"SELECT {_COLUMNS} FROM task WHERE patient = ?1 OR patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?1)) ORDER BY id"
)
_OPEN: Final = f"SELECT {_COLUMNS} FROM task WHERE closed_at IS NULL ORDER BY id DESC LIMIT ?"
_ALL: Final = f"SELECT {_COLUMNS} FROM task ORDER BY id DESC LIMIT ?"
_OPEN_OF: Final = f"SELECT {_COLUMNS} FROM task WHERE closed_at IS NULL AND kind = ? ORDER BY id"
_OPEN_COUNT: Final = "SELECT kind, count(*) FROM task WHERE closed_at IS NULL GROUP BY kind"
_SAID: Final = b"task.said"


class SqliteTasks:
    """See store.interface.TaskVerbs. Lists are newest first; those of a patient, oldest first."""

    def __init__(self, connection: apsw.Connection, audit: SqliteAuditLog, vault: Vault) -> None:
        self._connection = connection
        self._run = executor(connection)
        self._audit = audit
        self._vault = vault

    def raise_(self, wanted: WantedTask, now: datetime, *, why: str | None = None) -> Task:
        key = self._vault.token(wanted.key, TASK)
        rows = self._run(_BY_KEY, (key,)).fetchall()
        if rows:
            return self._task(rows[0])
        patient = None
        if wanted.patient is not None:
            patient = self._vault.made_for(wanted.patient)[0]
        said = self._sealed(key, patient, wanted, None)
        self._run(_RAISE, (key, wanted.kind, patient, said, micros(now)))
        raised = self._task(self._run(_BY_KEY, (key,)).fetchall()[0])
        self._tell(AuditKind.TASK_RAISED, raised, now, "relais", {"why": why} if why else {})
        return raised

    def get(self, task_id: int) -> Task | None:
        rows = self._run(_BY_ID, (task_id,)).fetchall()
        return self._task(rows[0]) if rows else None

    def close(self, task_id: int, now: datetime, by: str, answer: str) -> None:
        one = self.get(task_id)
        if one is None or not one.open:
            raise StoreError(
                what="There is no such open task.",
                where=f"task {task_id}",
                effect="nothing was changed: it does not exist, or it is closed",
                remedy="see `relais task list`",
            )
        key = self._vault.token(one.key, TASK)
        patient = None if one.patient is None else self._vault.token(one.patient, PATIENT)
        said = self._sealed(key, patient, one, answer)
        self._run(_CLOSE, (micros(now), by, said, task_id))
        self._tell(AuditKind.TASK_CLOSED, one, now, by, {"answer": answer})

    def _tell(
        self, kind: AuditKind, task: Task, now: datetime, actor: str, detail: dict[str, str]
    ) -> None:
        # The trail is exported: there, the hour of such a task beside a patient would tell the day
        # of a release still to come. Its number leads to the patient, in here.
        unnamed = task.kind in BEFORE_RELEASE
        self._audit.append(
            kind,
            now=now,
            actor=actor,
            patient=None if unnamed else task.patient,
            stay=None if unnamed else task.stay,
            subject=f"task {task.id}",
            task=task.kind.value,
            **detail,
        )

    def of_patient(self, patient: str) -> Sequence[Task]:
        return [
            self._task(row)
            for row in self._run(_OF_PATIENT, (self._vault.token(patient, PATIENT),)).fetchall()
        ]

    def listing(self, *, only_open: bool = True, limit: int = 100) -> Sequence[Task]:
        rows = self._run(_OPEN if only_open else _ALL, (limit,)).fetchall()
        return [self._task(row) for row in rows]

    def open_of(self, kind: TaskKind) -> Sequence[Task]:
        return [self._task(row) for row in self._run(_OPEN_OF, (kind,)).fetchall()]

    def open_count(self) -> dict[str, int]:
        return dict(self._run(_OPEN_COUNT).fetchall())

    def _sealed(
        self, key: bytes, patient: bytes | None, task: WantedTask, answer: str | None
    ) -> bytes:
        text = json.dumps({"stay": task.stay, "about": task.about, "answer": answer}).encode()
        seal = None if patient is None else self._vault.seal_of(patient)
        if seal is None:
            return self._vault.close(text, _SAID, key)
        return closed(seal, text, _SAID, key)

    def _task(self, row: tuple[Any, ...]) -> Task:
        seal = None if row[3] is None else self._vault.seal_of(row[3])
        if seal is None:
            text = self._vault.open(row[4], _SAID, row[1])
        else:
            text = opened(seal, row[4], _SAID, row[1])
        return Task(
            id=row[0],
            key=self._vault.text(row[1], TASK),
            kind=TaskKind(row[2]),
            patient=self._vault.maybe_text(row[3], PATIENT),
            **json.loads(text),
            raised_at=instant(row[5]),
            closed_at=maybe_instant(row[6]),
            closed_by=row[7],
        )
