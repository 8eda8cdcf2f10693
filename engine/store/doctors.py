"""What was learnt of doctors, whoever the patient is, on SQLite."""

from typing import Final

import apsw

from engine.model.recipient import DoctorNote
from engine.store.connection import executor
from engine.store.vault import DOCTOR, Vault

_GET: Final = "SELECT said FROM doctor WHERE rpps = ?"
_ALL: Final = "SELECT rpps, said FROM doctor"
_PUT: Final = (
    "INSERT INTO doctor (rpps, said) VALUES (?, ?) ON CONFLICT (rpps) DO UPDATE SET said = ?2"
)
_DROP: Final = "DELETE FROM doctor WHERE rpps = ?"
_SAID: Final = b"doctor.said"


class SqliteDoctors:
    """See store.interface.DoctorVerbs."""

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        self._run = executor(connection)
        self._vault = vault

    def note(self, rpps: str) -> DoctorNote | None:
        key = self._vault.token(rpps, DOCTOR)
        rows = self._run(_GET, (key,)).fetchall()
        return self._opened(key, rows[0][0]) if rows else None

    def notes(self) -> tuple[DoctorNote, ...]:
        found = [self._opened(key, said) for key, said in self._run(_ALL, ()).fetchall()]
        return tuple(sorted(found, key=lambda one: one.rpps))

    def remember(self, note: DoctorNote) -> None:
        key = self._vault.token(note.rpps, DOCTOR)
        said = self._vault.close(note.model_dump_json().encode(), _SAID, key)
        self._run(_PUT, (key, said))

    def forget(self, rpps: str) -> None:
        self._run(_DROP, (self._vault.token(rpps, DOCTOR),))

    def _opened(self, key: bytes, said: bytes) -> DoctorNote:
        return DoctorNote.model_validate_json(self._vault.open(said, _SAID, key))
