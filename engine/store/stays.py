"""What is remembered of each stay between two looks at it, on SQLite."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import apsw

from engine.store.connection import executor
from engine.store.instants import maybe_instant, maybe_micros, micros
from engine.store.interface import StayRow
from engine.store.patients import Patients

_COLUMNS: Final = "key, patient, usmp, verdicts, next_look_at, closed"
# A visit number is its hospital's: two patients never share a row. After a merge, the row that
# the eliminated key had is replaced.
_DROP: Final = (
    "DELETE FROM stay WHERE key = ?1 AND patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?2))"
)
_PUT: Final = f"INSERT INTO stay ({_COLUMNS}) VALUES (?,?,?,?,?,?)"
_OF_PATIENT: Final = (
    f"SELECT {_COLUMNS} FROM stay WHERE patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?)) "
    "ORDER BY key, patient"
)
_DUE: Final = (
    "SELECT root FROM stay JOIN patient ON patient.key = stay.patient "
    "WHERE next_look_at <= ? GROUP BY root ORDER BY min(next_look_at), root LIMIT ?"
)
_ALL: Final = f"SELECT {_COLUMNS} FROM stay ORDER BY key, patient"


class Stays:
    """The stay part of store.interface.FactVerbs."""

    def __init__(self, connection: apsw.Connection, patients: Patients) -> None:
        self._run = executor(connection)
        self._patients = patients

    def put_stay(self, row: StayRow) -> None:
        self._patients.know(row.patient)
        self._run(_DROP, (row.key, row.patient))
        self._run(
            _PUT,
            (
                row.key,
                row.patient,
                row.usmp,
                json.dumps(row.verdicts, sort_keys=True),
                maybe_micros(row.next_look_at),
                row.closed,
            ),
        )

    def stays_of(self, patient: str) -> Sequence[StayRow]:
        return [_stay(row) for row in self._run(_OF_PATIENT, (patient,)).fetchall()]

    def due_patients(self, now: datetime, limit: int) -> Sequence[str]:
        return [row[0] for row in self._run(_DUE, (micros(now), limit)).fetchall()]

    def all_stays(self) -> Sequence[StayRow]:
        return [_stay(row) for row in self._run(_ALL).fetchall()]


def _stay(row: tuple[Any, ...]) -> StayRow:
    return StayRow(
        key=row[0],
        patient=row[1],
        usmp=row[2],
        verdicts=json.loads(row[3]),
        next_look_at=maybe_instant(row[4]),
        closed=bool(row[5]),
    )
