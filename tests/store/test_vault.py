"""The store as whoever steals its file sees it, and as whoever alters it."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audit import private_key_from_seed, verify
from engine.model.errors import StoreError
from engine.model.flow import Accepted, DeliveryState, JournalState
from engine.store.connection import open_writing
from engine.store.interface import Tx
from engine.store.masters import GivenMasters, Master, MasterFile
from engine.store.sqlite import SqliteStore
from tests.support.stores import (
    NOW,
    OTHER,
    PATIENT,
    came_back,
    delivery,
    entry,
    heard,
    opened,
    stay,
    wanted,
)

PUBLIC = private_key_from_seed(b"1" * 32).public_key()
CANARY = "GIROUETTE"


def fill(tx: Tx, patient: str = PATIENT, name: str = "d1", number: int = 1) -> None:
    """One of everything about a patient."""
    raw = f"MSH|^~\\&|DPI|CHU\rPID|{CANARY}|{patient}".encode()
    told = entry(number, raw=raw, peer=f"{CANARY}.hl7", control_id=f"{CANARY}{number}")
    journal = tx.journal.add(told, NOW)
    tx.facts.add([heard(number, patient=patient, journal_id=journal, sender_order=CANARY)])
    tx.facts.put_blob(f"{CANARY} {patient}".encode(), patient)
    tx.facts.put_stay(stay(f"{CANARY}/{name}", patient=patient))
    sent = delivery(name, patient=patient, intended=f"{CANARY}@a.example", stay=f"{CANARY}/{name}")
    tx.outbox.add(sent, f"Subject: {CANARY}".encode(), {f"{CANARY}.pdf": CANARY.encode()})
    tx.outbox.open_attempt(name, NOW)
    tx.outbox.close_attempt(name, 1, Accepted(reply=f"250 <{CANARY}@a.example>"), NOW)
    tx.outbox.move(name, DeliveryState.RELAYED, NOW)
    tx.receipts.add(came_back(f"From: {CANARY}@a.example".encode(), name), NOW)
    tx.tasks.raise_(wanted(f"{CANARY}{name}", patient=patient, about=CANARY), NOW, why=CANARY)
    tx.audit.append(
        "read", now=NOW, patient=patient, stay=CANARY, subject=CANARY, rpps="10000000008"
    )
    tx.journal.close(journal, JournalState.PROCESSED, NOW, "1 fact", patient=patient)


def everything(tx: Tx, patient: str = PATIENT, name: str = "d1") -> list[object]:
    """All that can be read back of a patient."""
    return [
        [tx.journal.get(row.id) for row in tx.journal.listing()],
        list(tx.facts.of_patient(patient)),
        list(tx.facts.stays_of(patient)),
        list(tx.outbox.of_patient(patient, forgotten=True)),
        tx.outbox.mime(name),
        tx.outbox.files(name),
        list(tx.outbox.attempts(name)),
        list(tx.receipts.of_delivery(name)),
        [tx.receipts.evidence(one) for one in tx.receipts.of_delivery(name)],
        list(tx.tasks.of_patient(patient)),
        list(tx.audit.entries()),
        tx.facts.patients_like(patient.partition("|")[0]),
    ]


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name != "master.key")


def test_nothing_that_identifies_or_tells_is_legible_in_the_files(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(fill)
        before = store.read_sync(everything)
        for when in ("in the log", "in the file"):
            raw = bytes_of(tmp_path)
            for word in (CANARY, "9000001", "1.2.250.1.999.1", "a.example", "10000000008", "DPI"):
                assert word.encode() not in raw, f"{word} {when}"
                assert word.encode("utf-16-le") not in raw
            store.give_back()
    with opened(tmp_path) as store:
        assert store.read_sync(everything) == before


SEALED = [
    ("journal", "said"), ("journal", "salt"), ("journal_raw", "raw"), ("fact", "heard"),
    ("fact", "patient"), ("fact", "digest"), ("blob", "data"), ("stay", "said"), ("stay", "key"),
    ("delivery", "said"), ("delivery", "patient"), ("delivery_mime", "mime"),
    ("delivery_file", "data"), ("attempt", "reply"), ("task", "said"), ("task", "key"),
    ("patient", "wrapped"), ("receipt", "digest"), ("receipt_mail", "mail"),
    ("receipt_mail", "digest"),
]  # fmt: skip


def altered(folder: Path, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
    connection = apsw.Connection(str(folder / "relais.db"))
    connection.execute("PRAGMA foreign_keys = OFF")
    for name, *_ in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        connection.execute(f"DROP TRIGGER {name}")
    for sql, bindings in statements:
        connection.execute(sql, bindings)
    connection.close(True)


@pytest.mark.parametrize(("table", "column"), SEALED)
def test_bytes_that_were_altered_are_never_read(tmp_path: Path, table: str, column: str) -> None:
    with opened(tmp_path) as store:
        store.write_sync(fill)
        before = store.read_sync(lambda tx: [*everything(tx), blob(tx)])
    raw = apsw.Connection(str(tmp_path / "relais.db"))
    ((sealed,),) = raw.execute(f"SELECT {column} FROM {table}").fetchall()
    raw.close(True)
    for at in range(0, len(sealed), max(1, len(sealed) // 9)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        altered(tmp_path, [(f"UPDATE {table} SET {column} = ?", (bytes(changed),))])
        # Told, which is better than a gap.
        with opened(tmp_path) as store, suppress(StoreError, KeyError):
            assert store.read_sync(lambda tx: [*everything(tx), blob(tx)]) != before
    altered(tmp_path, [(f"UPDATE {table} SET {column} = ?", (sealed,))])
    with opened(tmp_path) as store:
        assert store.read_sync(lambda tx: [*everything(tx), blob(tx)]) == before


def blob(tx: Tx) -> bytes:
    from hashlib import sha256

    return tx.facts.blob(sha256(f"{CANARY} {PATIENT}".encode()).hexdigest())


PAYLOADS = [
    ("journal_raw", "raw"), ("journal", "said"), ("fact", "heard"), ("blob", "data"),
    ("stay", "said"), ("delivery", "said"), ("delivery_mime", "mime"), ("delivery_file", "data"),
    ("attempt", "reply"), ("task", "said"), ("receipt_mail", "mail"),
]  # fmt: skip


@pytest.mark.parametrize("same", [True, False], ids=["one patient", "two patients"])
@pytest.mark.parametrize(("table", "column"), PAYLOADS)
def test_rows_that_changed_places_are_found(
    tmp_path: Path, table: str, column: str, same: bool
) -> None:
    with opened(tmp_path) as store:
        store.write_sync(fill)
        store.write_sync(lambda tx: fill(tx, PATIENT if same else OTHER, "d2", 2))
        if same:
            store.write_sync(lambda tx: tx.facts.put_blob(b"another", PATIENT))
    raw = apsw.Connection(str(tmp_path / "relais.db"))
    key = "delivery" if table == "attempt" else "rowid"
    rows = raw.execute(f"SELECT {key}, {column} FROM {table} ORDER BY {key}").fetchall()
    raw.close(True)
    assert len(rows) == 2
    swapped = [
        (f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (rows[1 - n][1], rows[n][0]))
        for n in (0, 1)
    ]
    altered(tmp_path, swapped)

    def read(tx: Tx) -> None:
        everything(tx)
        blob(tx)
        everything(tx, PATIENT if same else OTHER, "d2")

    with opened(tmp_path) as store, pytest.raises(StoreError, match="not what was written"):
        store.read_sync(read)


@pytest.mark.parametrize("column", ["patient", "said", "actor", "kind"])
def test_an_altered_line_of_the_audit_is_found_by_its_number(tmp_path: Path, column: str) -> None:
    with opened(tmp_path) as store:
        for number in range(4):
            store.write_sync(
                lambda tx, n=number: tx.audit.append("read", now=NOW, patient=f"{n}|x", at=n)
            )
    altered(
        tmp_path,
        [(f"UPDATE audit SET {column} = (SELECT {column} || 'x' FROM audit WHERE seq = 3) "
          "WHERE seq = 2", ())] if column in ("actor", "kind") else
        [(f"UPDATE audit SET {column} = (SELECT {column} FROM audit WHERE seq = 3) "
          "WHERE seq = 2", ())],
    )  # fmt: skip
    with opened(tmp_path) as store:
        verdict = verify(store.read_sync(lambda tx: tx.audit.entries()), (), PUBLIC)
    assert (verdict.ok, verdict.broken, verdict.seq) == (False, "altered", 2)


def test_without_its_master_a_store_is_not_opened_and_no_other_is_made(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(fill)
    (tmp_path / "master.key").rename(tmp_path / "elsewhere.key")
    for open_ in (SqliteStore.open, SqliteStore.open_readonly):
        with pytest.raises(StoreError, match="restore it from the backup"):
            open_(tmp_path / "relais.db")
    assert not (tmp_path / "master.key").exists()
    MasterFile(tmp_path / "master.key").make()
    with pytest.raises(StoreError, match="not the one of this store"):
        SqliteStore.open(tmp_path / "relais.db")
    (tmp_path / "elsewhere.key").replace(tmp_path / "master.key")
    with opened(tmp_path) as store:
        assert store.read_sync(lambda tx: tx.facts.of_patient(PATIENT))


def test_a_work_that_is_undone_leaves_no_key_behind(tmp_path: Path) -> None:
    def broken(tx: Tx) -> None:
        tx.facts.add([heard(1)])
        raise KeyError

    with opened(tmp_path) as store:
        with suppress(KeyError):
            store.write_sync(broken)
        store.write_sync(lambda tx: tx.facts.add([heard(2)]))
    with opened(tmp_path) as store:
        facts = store.read_sync(lambda tx: tx.facts.of_patient(PATIENT))
    assert [fact.sender_order for fact in facts] == ["2"]


# Rotation


class CrashError(Exception):
    pass


class Fragile(MasterFile):
    """A key file whose write number `at` does not come to pass, or whose power fails after."""

    def __init__(self, path: Path, at: int, after: bool) -> None:
        super().__init__(path)
        self.left, self.after = at, after

    def replace(self, masters: Sequence[Master], /) -> None:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise CrashError
        super().replace(masters)
        if self.left == 0:
            raise CrashError


def test_a_rotation_leaves_one_master_and_all_that_was_there(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(fill)
        before = store.read_sync(everything)
        (old,) = store.masters.read()
        told: list[str] = []
        name, count = store.rotate(lambda _tx, new, _count: told.append(new))
        assert (told, count) == ([name], 2)
        assert store.read_sync(everything) == before
        (new,) = store.masters.read()
        assert (new.name, old.name == name) == (name, False)
        assert old.name.encode() not in bytes_of(tmp_path)
        store.write_sync(lambda tx: tx.facts.add([heard(3, patient="new|x")]))
        assert store.read_sync(lambda tx: tx.keys.counts()) == {name: {"store": 1, "patients": 2}}
    with opened(tmp_path) as store:
        assert store.read_sync(everything) == before


@pytest.mark.parametrize(
    ("at", "after"),
    [(1, False), (1, True), (2, False), (2, True)],
    ids=["before the new key", "key written", "keys wrapped", "old key gone"],
)
def test_a_rotation_cut_at_any_point_loses_nothing(tmp_path: Path, at: int, after: bool) -> None:
    with opened(tmp_path) as store:
        store.write_sync(fill)
        before = store.read_sync(everything)
    fragile = Fragile(tmp_path / "master.key", at, after)
    store = SqliteStore.open(tmp_path / "relais.db", fragile)
    with pytest.raises(CrashError):
        store.rotate(lambda *_: None)
    store.close()
    with opened(tmp_path) as store:
        assert store.read_sync(everything) == before
        name, _ = store.rotate(lambda *_: None)  # and the next one tidies up
        assert [one.name for one in store.masters.read()] == [name]
        assert store.read_sync(everything) == before


def test_a_rotation_whose_commit_fails_leaves_the_old_master_in_use(tmp_path: Path) -> None:
    def told(_tx: Tx, _name: str, _count: int) -> None:
        raise CrashError

    with opened(tmp_path) as store:
        store.write_sync(fill)
        before = store.read_sync(everything)
        with pytest.raises(CrashError):
            store.rotate(told)
        assert store.read_sync(everything) == before
        store.write_sync(lambda tx: tx.facts.add([heard(7, patient="new|x")]))
    with opened(tmp_path) as store:
        assert store.read_sync(lambda tx: tx.facts.of_patient("new|x"))
        assert store.read_sync(everything) == before


def test_masters_that_others_see_to_are_rotated_in_two_steps(tmp_path: Path) -> None:
    lines = [Master.fresh().line]
    given = GivenMasters("credential:relais", lambda: "\n".join(lines))
    store = SqliteStore.open(tmp_path / "relais.db", given)
    store.write_sync(fill)
    before = store.read_sync(everything)
    with pytest.raises(StoreError, match="no new master"):
        store.rotate(lambda *_: None)
    lines.insert(0, Master.fresh().line)
    store.rotate(lambda *_: None)
    store.close()
    del lines[1]
    store = SqliteStore.open(tmp_path / "relais.db", given)
    assert store.read_sync(everything) == before
    store.close()


def test_a_reader_of_another_process_goes_on_after_a_rotation(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(fill)
        reader = SqliteStore.open_readonly(tmp_path / "relais.db")
        before = reader.read_sync(everything)
        store.rotate(lambda *_: None)
        assert reader.read_sync(everything) == before
        reader.close()


STEPS = st.lists(
    st.sampled_from(["fill", "rotate", "cut 1", "cut 2", "reopen", "forget", "purge", "crash"]),
    max_size=9,
)


@settings(max_examples=25)
@given(STEPS)
def test_whatever_is_done_in_any_order_what_is_kept_is_read(steps: list[str]) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        store, written = SqliteStore.open(folder / "relais.db"), 0
        kept: set[str] = set()
        try:
            for step in steps:
                match step:
                    case "fill":
                        written += 1
                        name, patient = f"d{written}", f"{written}|x"
                        store.write_sync(lambda tx, p=patient, n=name, w=written: fill(tx, p, n, w))
                        kept.add(name)
                    case "rotate":
                        store.rotate(lambda *_: None)
                    case "cut 1" | "cut 2":
                        store.close()
                        fragile = Fragile(folder / "master.key", int(step[-1]), after=False)
                        store = SqliteStore.open(folder / "relais.db", fragile)
                        with suppress(CrashError):
                            store.rotate(lambda *_: None)
                        store.close()
                        store = SqliteStore.open(folder / "relais.db")
                    case "reopen":
                        store.close()
                        store = SqliteStore.open(folder / "relais.db")
                    case "forget" if kept:
                        name = min(kept)
                        store.write_sync(lambda tx, n=name: tx.retention.forget(f"{n[1:]}|x"))
                        kept.discard(name)
                    case "purge":
                        store.give_back()
                    case "crash":  # the files as a kill leaves them
                        with TemporaryDirectory() as copy:
                            for path in folder.iterdir():
                                shutil.copy(path, copy)
                            with opened(Path(copy)) as other:
                                check(other, kept, written)
            check(store, kept, written)
        finally:
            store.close()


def check(store: SqliteStore, kept: set[str], written: int) -> None:
    for number in range(1, written + 1):
        name, patient = f"d{number}", f"{number}|x"
        facts = store.read_sync(lambda tx, p=patient: tx.facts.of_patient(p))
        assert bool(facts) is (name in kept)
        row = store.read_sync(lambda tx, n=name: tx.outbox.get(n))
        assert row is not None
        assert row.intended == f"{CANARY}@a.example"
        message = store.read_sync(lambda tx, n=number: tx.journal.get(n))
        assert message is not None
        assert message.kept is (name in kept)
        if name in kept:
            assert store.read_sync(lambda tx, n=name: tx.outbox.mime(n)).endswith(CANARY.encode())
    assert verify(store.read_sync(lambda tx: tx.audit.entries(limit=10_000)), (), PUBLIC).ok


def test_deleted_rows_are_overwritten_and_their_room_can_be_given_back(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    connection = open_writing(tmp_path / "relais.db")
    assert connection.execute("PRAGMA auto_vacuum").fetchall() == [(2,)]
    assert connection.execute("PRAGMA secure_delete").fetchall() == [(1,)]
    connection.close(True)
