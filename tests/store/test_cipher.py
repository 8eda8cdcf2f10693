import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.cipher import KEY, Index, NotOursError, Salted, Seal, fresh_key, name_of

PLACES = st.binary(min_size=1, max_size=40)
SEAL = Seal(bytes(range(KEY)))
INDEX = Index(bytes(range(KEY)))


@given(st.binary(max_size=3000), PLACES)
def test_what_is_sealed_opens_at_its_place(data: bytes, place: bytes) -> None:
    sealed = SEAL.close(data, place)
    assert SEAL.open(sealed, place) == data
    assert len(sealed) == len(data) + 28


@given(st.binary(max_size=200), PLACES, st.data())
def test_a_change_of_any_bit_is_found(data: bytes, place: bytes, draw: st.DataObject) -> None:
    sealed = bytearray(SEAL.close(data, place))
    bit = draw.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotOursError):
        SEAL.open(bytes(sealed), place)


@given(st.binary(max_size=100), st.integers(0, 127))
def test_what_is_cut_off_does_not_open(data: bytes, keep: int) -> None:
    sealed = SEAL.close(data, b"p")
    with pytest.raises(NotOursError):
        SEAL.open(sealed[: min(keep, len(sealed) - 1)], b"p")


@given(st.binary(max_size=100), PLACES, PLACES)
def test_another_place_or_another_key_does_not_open(data: bytes, one: bytes, two: bytes) -> None:
    sealed = SEAL.close(data, one)
    with pytest.raises(NotOursError):
        Seal(fresh_key()).open(sealed, one)
    if one != two:
        with pytest.raises(NotOursError):
            SEAL.open(sealed, two)


@given(st.text(max_size=60), st.sampled_from([b"patient", b"stay"]))
def test_an_identifier_is_sealed_alike_each_time_and_opens(text: str, kind: bytes) -> None:
    sealed = INDEX.close(text, kind)
    assert sealed == INDEX.known(text, kind) == Index(bytes(range(KEY))).close(text, kind)
    assert INDEX.open(sealed, kind) == INDEX.text(sealed, kind) == text
    assert sealed != Index(fresh_key()).close(text, kind)
    with pytest.raises(NotOursError):
        INDEX.open(sealed, b"another kind")


@given(st.text(max_size=30), st.data())
def test_a_change_of_any_bit_of_an_identifier_is_found(text: str, draw: st.DataObject) -> None:
    sealed = bytearray(INDEX.close(text, b"k"))
    bit = draw.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotOursError):
        INDEX.open(bytes(sealed), b"k")


@given(st.lists(st.text(max_size=12), min_size=1, max_size=20))
def test_a_mark_is_of_the_text_alone_whatever_was_marked_before(texts: list[str]) -> None:
    fresh = [Index(bytes(KEY)).mark(text) for text in texts]
    one = Index(bytes(KEY))
    assert [one.mark(text) for text in texts] == fresh
    assert all(0 <= mark < 1 << 56 for mark in fresh)


def test_marks_of_a_sequence_are_neighbours_and_differ() -> None:
    marks = [INDEX.mark(f"DPI|CHU\nM00{number}") for number in range(1000, 1100)]
    assert len(set(marks)) == 100
    assert len({mark >> 32 for mark in marks}) == 1
    assert INDEX.mark("DPI|CHU\nM001100") >> 32 != marks[0] >> 32


def test_the_key_of_a_message_hangs_on_every_bit_of_its_salt() -> None:
    keys = Salted(bytes(KEY))
    sealed = keys.seal(bytes(KEY)).close(b"MSH", b"p")
    assert Salted(bytes(KEY)).seal(bytes(KEY)).open(sealed, b"p") == b"MSH"
    for salt in (bytes(31) + b"\1", b"\x80" + bytes(31)):
        with pytest.raises(NotOursError):
            keys.seal(salt).open(sealed, b"p")
    with pytest.raises(NotOursError):
        Salted(fresh_key()).seal(bytes(KEY)).open(sealed, b"p")


def test_no_nonce_comes_twice_whoever_asks() -> None:
    sealed: list[list[bytes]] = [[] for _ in range(4)]

    def work(into: list[bytes]) -> None:
        into.extend(SEAL.close(b"", b"p")[:12] for _ in range(5000))

    threads = [threading.Thread(target=work, args=(into,)) for into in sealed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({nonce for each in sealed for nonce in each}) == 20_000


def test_the_name_of_a_key_tells_nothing_of_it() -> None:
    key = fresh_key()
    assert len(name_of(key)) == 16
    assert name_of(key) == name_of(key) != name_of(fresh_key())
    assert name_of(key) not in key.hex()
