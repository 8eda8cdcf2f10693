"""What is remembered of each stay between two looks at it, on SQLite."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import apsw

from engine.model.continuity import Continuity
from engine.store.connection import executor
from engine.store.instants import maybe_instant, maybe_micros, micros
from engine.store.interface import StayRow
from engine.store.vault import PATIENT, STAY, Vault, closed, opened

_COLUMNS: Final = "key, patient, usmp, said, next_look_at, closed, released_at"
# A visit number is its hospital's: two patients never share a row. After a merge, the row that
# the eliminated key had is replaced.
_DROP: Final = (
    "DELETE FROM stay WHERE key = ?1 AND patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?2))"
)
_PUT: Final = f"INSERT INTO stay ({_COLUMNS}) VALUES (?,?,?,?,?,?,?)"
_OF_PATIENT: Final = (
    f"SELECT {_COLUMNS} FROM stay WHERE patient IN "
    "(SELECT key FROM patient WHERE root = (SELECT root FROM patient WHERE key = ?))"
)
_DUE: Final = (
    "SELECT root FROM stay JOIN patient ON patient.key = stay.patient "
    "WHERE next_look_at <= ? GROUP BY root ORDER BY min(next_look_at), root LIMIT ?"
)
_ALL: Final = f"SELECT {_COLUMNS} FROM stay"
_RELEASED: Final = f"SELECT {_COLUMNS} FROM stay WHERE released_at >= ? AND released_at < ?"
_SAID: Final = b"stay.said"


class Stays:
    """The stay part of store.interface.FactVerbs."""

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        self._run = executor(connection)
        self._vault = vault

    def put_stay(self, row: StayRow) -> None:
        patient, seal = self._vault.made_for(row.patient)
        key = self._vault.token(row.key, STAY)
        told = row.continuity
        said = json.dumps(
            {
                "verdicts": row.verdicts,
                "continuity": told.model_dump(mode="json", exclude_defaults=True) if told else None,
            },
            sort_keys=True,
        ).encode()
        self._run(_DROP, (key, patient))
        self._run(
            _PUT,
            (
                key,
                patient,
                row.usmp,
                closed(seal, said, _SAID, key + patient),
                maybe_micros(row.next_look_at),
                row.closed,
                maybe_micros(told.released_at if told else None),
            ),
        )

    def stays_of(self, patient: str) -> Sequence[StayRow]:
        return self._stays(_OF_PATIENT, (self._vault.token(patient, PATIENT),))

    def due_patients(self, now: datetime, limit: int) -> Sequence[str]:
        rows = self._run(_DUE, (micros(now), limit)).fetchall()
        return [self._vault.text(row[0], PATIENT) for row in rows]

    def all_stays(self) -> Sequence[StayRow]:
        return self._stays(_ALL, ())

    def stays_released(self, since: datetime, until: datetime) -> Sequence[StayRow]:
        return self._stays(_RELEASED, (micros(since), micros(until)))

    def _stays(self, sql: str, bindings: tuple[Any, ...]) -> list[StayRow]:
        rows = [self._stay(row) for row in self._run(sql, bindings).fetchall()]
        return sorted((row for row in rows if row), key=lambda row: (row.key, row.patient))

    def _stay(self, row: tuple[Any, ...]) -> StayRow | None:
        """None: its patient is forgotten."""
        seal = self._vault.seal_of(row[1])
        if seal is None:
            return None
        said = json.loads(opened(seal, row[3], _SAID, row[0] + row[1]))
        told = said["continuity"]
        return StayRow(
            key=self._vault.text(row[0], STAY),
            patient=self._vault.text(row[1], PATIENT),
            usmp=row[2],
            verdicts=said["verdicts"],
            next_look_at=maybe_instant(row[4]),
            closed=bool(row[5]),
            continuity=Continuity.model_validate(told) if told else None,
        )
