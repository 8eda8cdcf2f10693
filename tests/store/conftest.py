from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.store.interface import Store
from tests.support.stores import ENGINES


@pytest.fixture(params=sorted(ENGINES))
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens the same store each time it is called: close the one before first."""
    return lambda: ENGINES[request.param](tmp_path)


@pytest.fixture
async def store(open_store: Callable[[], Store]) -> AsyncIterator[Store]:
    opened = open_store()
    yield opened
    opened.close()
