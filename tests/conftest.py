"""Options and fixtures that every test may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.golden import Golden
from tests.support.house import Engine, opened

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("relais", deadline=None)
settings.load_profile("relais")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write fixtures/golden instead of comparing"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(update=bool(request.config.getoption("--update-golden")))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The stages between the journal and the outbox, on a store of their own."""
    made = opened(tmp_path)
    yield made
    made.store.close()
