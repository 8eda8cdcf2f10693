"""A real store in a folder of its own, and a receiver on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.inbound.receive import Receiver
from engine.store.sqlite import SqliteStore
from tests.support.mllp_peer import Tally
from tests.support.stores import opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    folder = tmp_path / "data"
    folder.mkdir()
    with opened(folder) as store:
        yield store


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def receiver(store: SqliteStore, tally: Tally) -> Receiver:
    return Receiver(store, tally, software="RELAIS")
