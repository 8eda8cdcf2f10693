"""What people must do, on SQLite."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import apsw

from engine.model.errors import StoreError
from engine.model.task import Task, TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.store.audit_log import SqliteAuditLog
from engine.store.connection import executor
from engine.store.instants import instant, maybe_instant, micros

_COLUMNS: Final = "id, key, kind, patient, stay, about, raised_at, closed_at, closed_by, answer"
_BY_KEY: Final = f"SELECT {_COLUMNS} FROM task WHERE key = ?"
_BY_ID: Final = f"SELECT {_COLUMNS} FROM task WHERE id = ?"
_RAISE: Final = "INSERT INTO task (key, kind, patient, stay, about, raised_at) VALUES (?,?,?,?,?,?)"
_CLOSE: Final = (
    "UPDATE task SET closed_at = ?, closed_by = ?, answer = ? WHERE id = ? AND closed_at IS NULL"
)
_OF_PATIENT: Final = (
    f"SELECT {_COLUMNS} FROM task WHERE patient = ?1 OR patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?1)) ORDER BY id"
)
_OPEN: Final = f"SELECT {_COLUMNS} FROM task WHERE closed_at IS NULL ORDER BY id DESC LIMIT ?"
_ALL: Final = f"SELECT {_COLUMNS} FROM task ORDER BY id DESC LIMIT ?"
_OPEN_OF: Final = f"SELECT {_COLUMNS} FROM task WHERE closed_at IS NULL AND kind = ? ORDER BY id"
_OPEN_COUNT: Final = "SELECT kind, count(*) FROM task WHERE closed_at IS NULL GROUP BY kind"


class SqliteTasks:
    """See store.interface.TaskVerbs. Lists are newest first; those of a patient, oldest first."""

    def __init__(self, connection: apsw.Connection, audit: SqliteAuditLog) -> None:
        self._connection = connection
        self._run = executor(connection)
        self._audit = audit

    def raise_(self, wanted: WantedTask, now: datetime, *, why: str | None = None) -> Task:
        rows = self._run(_BY_KEY, (wanted.key,)).fetchall()
        if rows:
            return _task(rows[0])
        values = (wanted.key, wanted.kind, wanted.patient, wanted.stay, wanted.about, micros(now))
        self._run(_RAISE, values)
        raised = _task(self._run(_BY_KEY, (wanted.key,)).fetchall()[0])
        self._tell(AuditKind.TASK_RAISED, raised, now, "relais", {"why": why} if why else {})
        return raised

    def get(self, task_id: int) -> Task | None:
        rows = self._run(_BY_ID, (task_id,)).fetchall()
        return _task(rows[0]) if rows else None

    def close(self, task_id: int, now: datetime, by: str, answer: str) -> None:
        self._run(_CLOSE, (micros(now), by, answer, task_id))
        if not self._connection.changes():
            raise StoreError(
                what="There is no such open task.",
                where=f"task {task_id}",
                effect="nothing was changed: it does not exist, or it is closed",
                remedy="see `relais task list`",
            )
        closed = self.get(task_id)
        assert closed is not None
        self._tell(AuditKind.TASK_CLOSED, closed, now, by, {"answer": answer})

    def _tell(
        self, kind: AuditKind, task: Task, now: datetime, actor: str, detail: dict[str, str]
    ) -> None:
        self._audit.append(
            kind,
            now=now,
            actor=actor,
            patient=task.patient,
            stay=task.stay,
            subject=f"task {task.id}",
            task=task.kind.value,
            **detail,
        )

    def of_patient(self, patient: str) -> Sequence[Task]:
        return [_task(row) for row in self._run(_OF_PATIENT, (patient,)).fetchall()]

    def listing(self, *, only_open: bool = True, limit: int = 100) -> Sequence[Task]:
        rows = self._run(_OPEN if only_open else _ALL, (limit,)).fetchall()
        return [_task(row) for row in rows]

    def open_of(self, kind: TaskKind) -> Sequence[Task]:
        return [_task(row) for row in self._run(_OPEN_OF, (kind,)).fetchall()]

    def open_count(self) -> dict[str, int]:
        return dict(self._run(_OPEN_COUNT).fetchall())


def _task(row: tuple[Any, ...]) -> Task:
    return Task(
        id=row[0],
        key=row[1],
        kind=TaskKind(row[2]),
        patient=row[3],
        stay=row[4],
        about=row[5],
        raised_at=instant(row[6]),
        closed_at=maybe_instant(row[7]),
        closed_by=row[8],
        answer=row[9],
    )
