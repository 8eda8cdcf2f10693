"""Any summary that hypothesis thinks of, and the values that it says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from engine.model.fact import Half
from engine.model.people import Professional
from engine.model.summary import Code, Contribution, ExitSummary, Items, Said, Source
from engine.model.value import Value
from tests.support.any_items import any_items

ITEMS: st.SearchStrategy[Items] = any_items()
SAID = st.builds(
    Said,
    source=st.sampled_from(Source),
    reference=st.text(max_size=5),
    at=st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the zone is added
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    author=st.none() | st.builds(Professional, family=st.just("Modèle"), given=st.just("Claire")),
    validated=st.booleans(),
)
SUMMARIES: st.SearchStrategy[ExitSummary] = st.lists(
    st.builds(Contribution, half=st.sampled_from(Half), said=SAID, items=ITEMS), max_size=3
).map(lambda found: ExitSummary(contributions=tuple(found)))


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Path and value of all that a value says: a code is one, a default says nothing."""
    if isinstance(value, tuple):
        for i, one in enumerate(value):
            yield from leaves(one, f"{path}.{i}")
    elif isinstance(value, Value) and not isinstance(value, Code):
        for name, field in type(value).model_fields.items():
            one = getattr(value, name)
            if field.is_required() or one != field.default:
                yield from leaves(one, f"{path}.{name}")
    else:
        yield path, value
