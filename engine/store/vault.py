"""The keys of the store, and what is sealed with which.

::

    master key (outside the store) wraps
      the store's own key ─── identifiers; what must outlive a patient's payloads: labels of the
      │                       journal, addresses of deliveries, replies, the audit trail
      └── with a salt, one key a message: its raw bytes; whose they are is not known when they come
      one key a patient ───── facts, documents, mails and files, mails that came back, tasks, stays

A key is destroyed by overwriting its wrapped form, or its salt (secure_delete is on); what it
sealed is then noise, in free pages and in the write-ahead log too. A new master only wraps these
keys anew.
"""

from collections.abc import Sequence
from typing import Final

import apsw

from engine.model.errors import DamagedError, StoreError
from engine.store.cipher import Index, NotOursError, Salted, Seal, fresh_key, payloads_of
from engine.store.connection import executor
from engine.store.masters import Master, Masters

# Kinds of identifiers: the same digits as another kind are sealed to other bytes.
PATIENT: Final = b"patient"
IDENTIFIER: Final = b"identifier"
STAY: Final = b"stay"
TASK: Final = b"task"
FACT: Final = b"fact"
DOCUMENT: Final = b"document"
TRACE: Final = b"trace"
RECEIPT: Final = b"receipt"
DOCTOR: Final = b"doctor"

_STORE_KEY: Final = "SELECT master, wrapped FROM store_key"
_MAKE_STORE_KEY: Final = (
    "INSERT INTO store_key (id, master, wrapped) VALUES (1, ?, ?) ON CONFLICT DO NOTHING"
)
_PATIENT_KEY: Final = "SELECT master, wrapped FROM patient WHERE key = ?"
_MAKE_PATIENT_KEY: Final = (
    "INSERT INTO patient (key, identifier, root, master, wrapped) VALUES (?1, ?2, ?1, ?3, ?4) "
    "ON CONFLICT (key) DO UPDATE SET master = ?3, wrapped = ?4"
)
_WRAPPED: Final = {  # table: its wrapped keys, and the row that each is bound to
    "store_key": "SELECT id, master, wrapped, x'' FROM store_key",
    "patient": "SELECT key, master, wrapped, key FROM patient WHERE wrapped IS NOT NULL",
}
_REWRAP: Final = {
    "store_key": "UPDATE store_key SET master = ?, wrapped = ? WHERE id = ?",
    "patient": "UPDATE patient SET master = ?, wrapped = ? WHERE key = ?",
}
_COUNTS: Final = (
    "SELECT master, 'store', count(*) FROM store_key GROUP BY 1 UNION ALL "
    "SELECT master, 'patients', count(*) FROM patient WHERE wrapped IS NOT NULL GROUP BY 1"
)


class Keyring:
    """What all connections of one process share: the masters, and the store's own key."""

    def __init__(self, masters: Masters) -> None:
        self.source = masters
        self._masters: dict[str, Seal] = {}
        self.index = Index(b"")
        self.payloads = payloads_of(b"")
        self.messages = Salted(b"")

    @classmethod
    def open(cls, connection: apsw.Connection, masters: Masters, *, make: bool) -> "Keyring":
        """Read the masters and the store's own key; with ``make``, make what a new store lacks.

        Raises ``StoreError`` when the masters cannot be read, or are not those of this store. A
        store that has a key is never given another one: it could not be read any more.
        """
        ring, run = cls(masters), executor(connection)
        rows = run(_STORE_KEY).fetchall()
        if not rows and make:
            masters.make()
            first = masters.read()[0]
            ring.take([first])
            wrapped = ring.wrap(first.name, fresh_key(), place_of_key("store_key", b""))
            run(_MAKE_STORE_KEY, (first.name, wrapped))
            rows = run(_STORE_KEY).fetchall()
        if rows:
            ring.take(masters.read())
            master, wrapped = rows[0]
            key = ring.unwrap(master, wrapped, place_of_key("store_key", b""))
            ring.index, ring.payloads, ring.messages = Index(key), payloads_of(key), Salted(key)
        return ring

    def take(self, masters: Sequence[Master]) -> None:
        """Know these masters from now on, beside those that are known."""
        self._masters = self._masters | {one.name: Seal(one.key) for one in masters}

    def wrap(self, master: str, key: bytes, place: bytes) -> bytes:
        """Seal a key with a master."""
        return self._master(master).close(key, place)

    def unwrap(self, master: str, wrapped: bytes, place: bytes) -> bytes:
        """Open a key. ``StoreError`` when that is not possible."""
        try:
            return self._master(master).open(wrapped, place)
        except NotOursError:
            raise damaged("a wrapped key") from None

    def _master(self, name: str) -> Seal:
        if name not in self._masters:
            self.take(self.source.read())  # another process has rotated since
        if name not in self._masters:
            raise StoreError(
                what="The master key is not the one of this store.",
                where=self.source.where,
                effect=f"keys wrapped by master {name} cannot be opened, nor what they seal",
                remedy="put that master back: the backup of the store has it beside it",
            )
        return self._masters[name]


class Vault:
    """The keys as one connection sees them, in its transaction."""

    def __init__(self, connection: apsw.Connection, ring: Keyring) -> None:
        self._run = executor(connection)
        self._ring = ring
        self._payloads = ring.payloads
        self.mark = ring.index.mark  # a short number that stands for a text in an index
        self.key_of = ring.messages.seal  # the key of one message, of its salt
        self._seals: dict[bytes, Seal | None] = {}
        self._wraps_with: str | None = None

    def forget(self) -> None:
        """Read keys anew: another transaction begins, or a work was undone."""
        self._seals.clear()
        self._wraps_with = None

    # Identifiers

    def token(self, text: str, kind: bytes) -> bytes:
        """The sealed form of an identifier, the same each time."""
        return self._ring.index.known(text, kind)

    def token_once(self, text: str, kind: bytes) -> bytes:
        """The same, for one that will hardly be asked for again."""
        return self._ring.index.close(text, kind)

    def text(self, token: bytes, kind: bytes) -> str:
        """The identifier. ``StoreError`` when the bytes are not what was written."""
        try:
            return self._ring.index.text(token, kind)
        except NotOursError:
            raise damaged(f"an identifier ({kind.decode()})") from None

    def maybe_text(self, token: bytes | None, kind: bytes) -> str | None:
        """An identifier that may be absent."""
        return None if token is None else self.text(token, kind)

    # The store's own payloads

    def close(self, data: bytes, column: bytes, row: bytes) -> bytes:
        """Seal what is the store's own."""
        return self._payloads.close(data, column + b"\0" + row)

    def open(self, sealed: bytes, column: bytes, row: bytes) -> bytes:
        """Open it. ``StoreError`` when the bytes are not what was written there."""
        return opened(self._ring.payloads, sealed, column, row)

    # Patients

    def seal_of(self, patient: bytes) -> Seal | None:
        """The key of a patient, by its token; None: there is none, or it was destroyed."""
        if patient not in self._seals:
            rows = self._run(_PATIENT_KEY, (patient,)).fetchall()
            seal = None
            if rows and rows[0][1] is not None:
                place = place_of_key("patient", patient)
                seal = Seal(self._ring.unwrap(rows[0][0], rows[0][1], place))
            self._seals[patient] = seal
        return self._seals[patient]

    def made_for(self, patient: str) -> tuple[bytes, Seal]:
        """The token and the key of a patient, made if there is none."""
        token = self.token(patient, PATIENT)
        seal = self.seal_of(token)
        if seal is None:
            key, name = fresh_key(), self._current()
            wrapped = self._ring.wrap(name, key, place_of_key("patient", token))
            identifier = self.token(patient.partition("|")[0], IDENTIFIER)
            self._run(_MAKE_PATIENT_KEY, (token, identifier, name, wrapped))
            seal = self._seals[token] = Seal(key)
        return token, seal

    # Masters

    def rewrap(self, new: Master) -> int:
        """Wrap every key with another master; gives how many. One transaction: until it is on
        the disk, the masters before are what opens the store."""
        self._ring.take([new])
        count = 0
        for table, query in _WRAPPED.items():
            for row, master, wrapped, bound_to in self._run(query).fetchall():
                place = place_of_key(table, bound_to)
                key = self._ring.unwrap(master, wrapped, place)
                self._run(_REWRAP[table], (new.name, self._ring.wrap(new.name, key, place), row))
                count += 1
        self.forget()
        return count

    def counts(self) -> dict[str, dict[str, int]]:
        """How many keys each master wraps: the store's own, and those of patients."""
        found: dict[str, dict[str, int]] = {}
        for master, kind, count in self._run(_COUNTS).fetchall():
            found.setdefault(master, {})[kind] = count
        return found

    def _current(self) -> str:
        if self._wraps_with is None:
            self._wraps_with = self._run(_STORE_KEY).fetchall()[0][0]
        return self._wraps_with


def place_of_key(table: str, row: bytes) -> bytes:
    """What a wrapped key is bound to."""
    return _place(b"key of " + table.encode(), row)


def closed(seal: Seal, data: bytes, column: bytes, row: bytes) -> bytes:
    """Seal a payload for one column of one row."""
    return seal.close(data, _place(column, row))


def opened(seal: Seal, sealed: bytes, column: bytes, row: bytes) -> bytes:
    """Open a payload. ``DamagedError`` when the bytes are not what was written there."""
    try:
        return seal.open(sealed, _place(column, row))
    except NotOursError:
        raise damaged(column.decode()) from None


def damaged(place: str) -> DamagedError:
    """Bytes that somebody or something has changed."""
    return DamagedError(
        where=place,
        effect="it was altered or moved, or its key is another: it is not read",
        remedy="restore the last backup, and find out who wrote to the store",
    )


def _place(column: bytes, row: bytes) -> bytes:
    return column + b"\0" + row
