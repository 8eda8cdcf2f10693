"""What was learnt of doctors is kept, sealed, and replaced as a whole."""

from pathlib import Path

from engine.model.recipient import DoctorNote
from tests.support.stores import NOW, opened

ONE = DoctorNote(rpps="10999990020", channel="apicrypt", at=NOW, by="claire")
TWO = DoctorNote(rpps="10999990012", format="xdm", no_mail=True, at=NOW, by="receipt 7")


def test_a_note_is_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert store.read_sync(lambda tx: tx.doctors.note(ONE.rpps)) is None
        store.write_sync(lambda tx: tx.doctors.remember(ONE))
        store.write_sync(lambda tx: tx.doctors.remember(TWO))
        assert store.read_sync(lambda tx: tx.doctors.note(ONE.rpps)) == ONE
        assert store.read_sync(lambda tx: tx.doctors.notes()) == (TWO, ONE)
        later = ONE.model_copy(update={"channel": None, "no_mail": True})
        store.write_sync(lambda tx: tx.doctors.remember(later))
        assert store.read_sync(lambda tx: tx.doctors.note(ONE.rpps)) == later
        store.write_sync(lambda tx: tx.doctors.forget(ONE.rpps))
        assert store.read_sync(lambda tx: tx.doctors.notes()) == (TWO,)


def test_nothing_of_a_note_lies_in_clear_on_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write_sync(lambda tx: tx.doctors.remember(TWO))
    found = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert TWO.rpps.encode() not in found
    assert b"receipt 7" not in found
