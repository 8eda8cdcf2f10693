"""The door of hostile XML: bombs are refused before they are read."""

import time
import tracemalloc

import pytest

from engine.wire.cda import MOST_ELEMENTS, open_cda
from engine.wire.encapsulated import ContentError

SIZE = 14 * 2**20


def around(inner: bytes) -> bytes:
    return b'<ClinicalDocument xmlns="urn:hl7-org:v3">' + inner + b"</ClinicalDocument>"


@pytest.mark.parametrize(
    "inner",
    [
        b"<a/>" * (SIZE // 4),
        b"<a>" * (SIZE // 8) + b"</a>" * (SIZE // 8),
        b"<!---->" * (SIZE // 7),
        b"<a " + b" ".join(b'a%d=""' % n for n in range(SIZE // 12)) + b"/>",
    ],
    ids=["elements", "depth", "comments", "attributes"],
)
def test_a_bomb_is_refused_in_no_time_and_no_room(inner: bytes) -> None:
    data = around(inner)
    tracemalloc.start()
    begun = time.monotonic()
    with pytest.raises(ContentError, match="more elements"):
        open_cda(data)
    assert time.monotonic() - begun < 1
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_doctype_is_always_refused(codec: str) -> None:
    text = f'<?xml version="1.0" encoding="{codec}"?><!DOCTYPE a [<!ENTITY e "x">]>'
    with pytest.raises(ContentError, match="DOCTYPE"):
        open_cda((text + around(b"").decode()).encode(codec))


def test_as_many_elements_as_a_letter_may_have_are_read() -> None:
    root = open_cda(around(b'<a root="1.2" code="x"></a>' * (MOST_ELEMENTS - 1)))
    assert len(root) == MOST_ELEMENTS - 1
