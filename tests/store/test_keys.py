import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.audit import key_id
from engine.model.errors import StoreError
from engine.store.keys import load_or_create_key


def test_the_key_is_made_once_closed_to_others_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "audit.key"
    made = load_or_create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["audit.key"]
    again = load_or_create_key(path)
    assert key_id(again.public_key()) == key_id(made.public_key())
    other = load_or_create_key(tmp_path / "other.key")
    assert key_id(other.public_key()) != key_id(made.public_key())


def test_two_that_start_together_have_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(load_or_create_key, [tmp_path / "audit.key"] * 32))
    assert len({key_id(key.public_key()) for key in keys}) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["audit.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "audit.key"
    load_or_create_key(path)
    path.chmod(mode)
    with pytest.raises(StoreError, match="chmod 600"):
        load_or_create_key(path)


ELLIPTIC = generate_private_key(SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


@pytest.mark.parametrize("content", [b"", b"no key", ELLIPTIC], ids=["empty", "text", "ec"])
def test_a_file_that_holds_no_key_is_refused_and_never_replaced(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "audit.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError):
        load_or_create_key(path)
    assert path.read_bytes() == content
