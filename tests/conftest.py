"""Options and fixtures that every test may use."""

import pytest
from hypothesis import settings

from tests.support.golden import Golden

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
