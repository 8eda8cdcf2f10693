"""Whatever the API answers, only what is understood becomes a mailbox."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.directory.domains import plain_address
from engine.directory.fhir import NotFhirError, boxes, next_page, practitioner_id, resources
from engine.model.people import MailboxType

RPPS = "10999990012"
WORDS = st.sampled_from(
    ["Practitioner", "PractitionerRole", "Organization", "Bundle", "email", "PER", "type", RPPS,
     "a@b.example", "https://x/as-ext-mailbox-mss-metadata", "MSSANTE", "next", "\n", ""]
)  # fmt: skip
KEYS = st.sampled_from(
    ["resourceType", "entry", "resource", "id", "identifier", "value", "telecom", "system",
     "extension", "url", "valueCode", "valueCodeableConcept", "coding", "code", "organization",
     "reference", "name", "family", "given", "link", "relation", "address", "qualification"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


@given(JSON, st.lists(st.dictionaries(KEYS, JSON, max_size=6), max_size=4))
def test_no_answer_ever_ends_in_a_fault_or_in_what_is_no_mailbox(
    page: object, found: list[dict[str, Any]]
) -> None:
    with contextlib.suppress(NotFhirError):
        found = [*found, *resources(page)]  # type: ignore[list-item]
    next_page(page)
    practitioner_id(found, RPPS)  # type: ignore[arg-type]
    for row in boxes(RPPS, found):  # type: ignore[arg-type]
        assert plain_address(row.address)
        assert row.type in MailboxType.__members__
        assert row.holder in ("", f"8{RPPS}")


@pytest.mark.parametrize(
    ("ids", "found"),
    [(["a"], "a"), (["a", "a"], "a"), (["a", "b"], None), ([], None), ([""], None)],
)
def test_one_person_alone_has_a_number(ids: list[str], found: str | None) -> None:
    rows = [
        {"resourceType": "Practitioner", "id": one, "identifier": [{"value": f"8{RPPS}"}]}
        for one in ids
    ]
    other = {"resourceType": "Practitioner", "id": "z", "identifier": [{"value": "8" + "1" * 11}]}
    assert practitioner_id([*rows, other], RPPS) == found
