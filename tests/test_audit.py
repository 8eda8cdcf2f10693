"""The chain names its first broken link, exactly; the format of its bytes never changes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audit import (
    GENESIS,
    Break,
    Verdict,
    detail_text,
    hash_of,
    key_id,
    line_hash,
    private_key_from_pem,
    private_key_from_seed,
    private_key_pem,
    public_key_from_pem,
    public_key_pem,
    roots_due,
    sign_root,
    verify,
)
from engine.model.trail import AuditEntry, SignedRoot

KEY = private_key_from_seed(bytes(range(32)))
OTHER_KEY = private_key_from_seed(bytes(32))
PUBLIC = KEY.public_key()
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def line(seq: int, previous: bytes, **changes: object) -> AuditEntry:
    """A line that follows `previous`, rightly hashed."""
    values: dict[str, object] = {
        "seq": seq,
        "at": (START + timedelta(hours=seq)).isoformat(timespec="microseconds"),
        "kind": "decision",
        "actor": "relais",
        "patient": f"{seq % 3}|x" if seq % 4 else None,
        "stay": None,
        "subject": f"journal {seq}",
        "detail": {"n": seq, "why": "né", "held": seq % 2 == 0, "none": None},
        "previous": previous,
        "hash": b"",
    }
    unsigned = AuditEntry(**(values | changes))
    return replace(unsigned, hash=hash_of(unsigned))


def trail(length: int) -> list[AuditEntry]:
    lines: list[AuditEntry] = []
    for seq in range(1, length + 1):
        lines.append(line(seq, lines[-1].hash if lines else GENESIS))
    return lines


def root_at(lines: list[AuditEntry], seq: int, day: int = 1) -> SignedRoot:
    head = lines[seq - 1].hash if seq else GENESIS
    return sign_root(KEY, f"2026-03-{day:02}", seq, head)


def broken(lines: list[AuditEntry], roots: list[SignedRoot] | None = None) -> tuple[object, object]:
    verdict = verify(iter(lines), roots or [], PUBLIC)
    assert not verdict.ok
    assert str(verdict.seq) in verdict.sentence
    return verdict.broken, verdict.seq


# The format


def test_the_bytes_of_format_1_never_change() -> None:
    texts = ("2026-03-10T09:30:00.123456+00:00", "read", "anna", "9|x", None, "né", '{"a":1}')
    assert line_hash(7, texts, bytes(range(32))).hex() == (
        "7e7b66a71184ea7282b67688f63316baf17c9cee6618d6fe96150a648baf9fce"
    )
    root = sign_root(KEY, "2026-03-10", 7, bytes(range(32)))
    assert (root.key_id, root.signature.hex()) == (
        "56475aa75463474c",
        "b472d0b7dec43ebf410bf9e79701d2c671eef8d6e8c508e0ac47e131b24b8be9"
        "ef54c93941e767a4250153ae9d0b9bd69112f35af6acc0b06a3c282408e1300b",
    )


@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text()))
def test_a_detail_has_one_spelling(detail: dict[str, object]) -> None:
    backwards = dict(reversed(detail.items()))
    assert detail_text(detail) == detail_text(backwards)
    assert detail_text(detail).isascii()


@pytest.mark.parametrize("value", [1.5, float("nan"), b"x", ["x"], {"x": 1}, date(2026, 1, 1)])
def test_a_value_without_one_spelling_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        detail_text({"value": value})


TEXTS = st.tuples(*[st.none() | st.text(alphabet="a1:,-é{}", max_size=4)] * 7)


@given(TEXTS, TEXTS)
def test_two_different_lines_never_have_the_same_hash(
    one: tuple[str | None, ...], two: tuple[str | None, ...]
) -> None:
    assert (line_hash(1, one, GENESIS) == line_hash(1, two, GENESIS)) == (one == two)


# The chain


@given(st.integers(0, 30), st.data())
def test_a_trail_left_alone_holds(length: int, data: st.DataObject) -> None:
    lines = trail(length)
    sealed = sorted(data.draw(st.lists(st.integers(0, length), max_size=4)))
    roots = [root_at(lines, seq, day) for day, seq in enumerate(sealed, 1)]
    assert verify(iter(lines), data.draw(st.permutations(roots)), PUBLIC) == Verdict(
        lines=length,
        roots=len(roots),
        sealed=max(sealed, default=0),
        head=lines[-1].hash if lines else GENESIS,
    )


ALTERATIONS: list[Callable[[AuditEntry], AuditEntry]] = [
    lambda e: replace(e, at="2026-03-01T00:00:00.000000+00:00"),
    lambda e: replace(e, kind="read"),
    lambda e: replace(e, actor="anna"),
    lambda e: replace(e, patient="" if e.patient is None else None),
    lambda e: replace(e, stay="V9"),
    lambda e: replace(e, subject=e.subject + " "),
    lambda e: replace(e, detail=e.detail | {"n": str(e.seq)}),
    lambda e: replace(e, detail={}),
    lambda e: replace(e, previous=bytes(31) + b"\1"),
    lambda e: replace(e, hash=bytes(32)),
    lambda e: replace(e, seq=e.seq + 1000),
    lambda e: replace(e, seq=0),
]


@given(st.integers(1, 20), st.data(), st.sampled_from(ALTERATIONS))
def test_an_altered_line_is_named(
    length: int, data: st.DataObject, alter: Callable[[AuditEntry], AuditEntry]
) -> None:
    lines, at = trail(length), data.draw(st.integers(1, length))
    lines[at - 1] = alter(lines[at - 1])
    assert broken(lines) == (Break.ALTERED, at)


@given(st.integers(2, 20), st.data(), st.sampled_from(ALTERATIONS[:9]))
def test_an_altered_line_hashed_anew_is_named(
    length: int, data: st.DataObject, alter: Callable[[AuditEntry], AuditEntry]
) -> None:
    lines, at = trail(length), data.draw(st.integers(1, length - 1))
    forged = alter(lines[at - 1])
    lines[at - 1] = replace(forged, hash=hash_of(forged))
    assert broken(lines) == (Break.ALTERED, at)


@given(st.integers(2, 20), st.data())
def test_a_removed_line_is_named(length: int, data: st.DataObject) -> None:
    lines, at = trail(length), data.draw(st.integers(1, length - 1))
    del lines[at - 1]
    assert broken(lines) == (Break.REMOVED, at)


@given(st.integers(2, 20), st.data())
def test_a_removed_line_is_named_though_the_rest_was_renumbered(
    length: int, data: st.DataObject
) -> None:
    lines, at = trail(length), data.draw(st.integers(1, length - 1))
    rest = [replace(each, seq=each.seq - 1) for each in lines[at:]]
    assert broken(lines[: at - 1] + rest) == (Break.REMOVED, at)


@given(st.integers(2, 20), st.data())
def test_a_moved_line_is_named(length: int, data: st.DataObject) -> None:
    lines = trail(length)
    here, there = sorted(
        data.draw(st.lists(st.integers(1, length), min_size=2, max_size=2, unique=True))
    )
    if data.draw(st.booleans()):
        lines.insert(there - 1, lines.pop(here - 1))
    else:
        lines.insert(here - 1, lines.pop(there - 1))
    # Either way, the first place that does not hold its line is `here`.
    assert broken(lines) == (Break.REORDERED, here)


@given(st.integers(2, 20), st.data())
def test_two_neighbours_that_exchanged_their_numbers_are_named(
    length: int, data: st.DataObject
) -> None:
    lines, at = trail(length), data.draw(st.integers(1, length - 1))
    one, two = lines[at - 1 : at + 1]
    lines[at - 1 : at + 1] = [replace(two, seq=at), replace(one, seq=at + 1)]
    assert broken(lines) == (Break.REORDERED, at)


@given(st.integers(1, 20), st.data())
def test_a_line_written_twice_is_named(length: int, data: st.DataObject) -> None:
    lines = trail(length)
    copied, at = data.draw(st.integers(1, length)), data.draw(st.integers(0, length))
    copy = lines[copied - 1]
    lines.insert(at, copy)
    assert broken(lines) == (Break.INSERTED, copied)


@given(st.integers(2, 20), st.data())
def test_a_forged_line_put_between_two_is_named(length: int, data: st.DataObject) -> None:
    lines, at = trail(length), data.draw(st.integers(1, length))
    forged = line(at, lines[at - 2].hash if at > 1 else GENESIS, kind="forged")
    assert broken([*lines[: at - 1], forged, *lines[at - 1 :]]) == (Break.INSERTED, at)
    rest = [replace(each, seq=each.seq + 1) for each in lines[at - 1 :]]
    assert broken([*lines[: at - 1], forged, *rest]) == (Break.INSERTED, at)


@given(st.integers(2, 20), st.data())
def test_a_forged_line_with_a_false_hash_put_between_two_is_named(
    length: int, data: st.DataObject
) -> None:
    lines, at = trail(length), data.draw(st.integers(1, length))
    forged = replace(line(at, bytes(32), kind="forged"), hash=bytes(32))
    assert broken([*lines[: at - 1], forged, *lines[at - 1 :]]) == (Break.INSERTED, at)


@settings(max_examples=300)
@given(st.integers(1, 8), st.data())
def test_no_sequence_of_lines_but_the_true_one_holds_under_its_root(
    length: int, data: st.DataObject
) -> None:
    lines = trail(length)
    pool = lines + [alter(each) for each in lines for alter in ALTERATIONS]
    other = data.draw(st.lists(st.sampled_from(pool), max_size=length + 2))
    verdict = verify(iter(other), [root_at(lines, length)], PUBLIC)
    assert verdict.ok == (other == lines)


# The roots


@given(st.integers(1, 20), st.data())
def test_the_end_cut_off_behind_a_root_is_named(length: int, data: st.DataObject) -> None:
    lines = trail(length)
    sealed = data.draw(st.integers(1, length))
    left = data.draw(st.integers(0, sealed - 1))
    assert broken(lines[:left], [root_at(lines, sealed)]) == (Break.CUT, left + 1)


@given(st.integers(1, 20), st.data())
def test_a_trail_rewritten_under_a_root_is_named(length: int, data: st.DataObject) -> None:
    lines, sealed = trail(length), data.draw(st.integers(1, length))
    forged: list[AuditEntry] = []
    for each in lines:
        previous = forged[-1].hash if forged else GENESIS
        forged.append(line(each.seq, previous, actor="forger"))
    assert verify(iter(forged), [], PUBLIC).ok
    assert broken(forged, [root_at(lines, sealed)]) == (Break.ROOT_MISMATCH, sealed)


def test_a_root_that_was_touched_is_named() -> None:
    lines = trail(5)
    good = root_at(lines, 3)
    for bad in (
        replace(good, signature=bytes(64)),
        replace(good, day="2026-03-02"),
        replace(good, seq=4),
        replace(good, hash=lines[3].hash),
    ):
        assert broken(lines, [bad])[0] is Break.ROOT_SIGNATURE
    stolen = sign_root(OTHER_KEY, "2026-03-01", 3, lines[2].hash)
    assert broken(lines, [stolen]) == (Break.ROOT_KEY, 3)
    renamed = replace(stolen, key_id=good.key_id)
    assert broken(lines, [renamed]) == (Break.ROOT_SIGNATURE, 3)


def test_a_root_that_vanished_is_named() -> None:
    lines = trail(3)
    roots = [root_at(lines, 3)]
    lines.append(line(4, lines[-1].hash, kind="root-signed", detail={"day": "2026-03-01"}))
    assert verify(lines, roots, PUBLIC).ok
    assert broken(lines, []) == (Break.ROOT_MISSING, 4)


def test_what_is_before_the_break_is_said_to_hold() -> None:
    lines = trail(10)
    lines[6] = replace(lines[6], actor="forger")
    verdict = verify(lines, [root_at(lines, 4), root_at(lines, 9, 2)], PUBLIC)
    assert (verdict.lines, verdict.roots, verdict.sealed) == (6, 1, 4)
    assert verdict.head == lines[5].hash
    assert verdict.sentence == (
        "the chain is broken: line 7 is not what was written; 6 lines before it hold"
    )


def test_a_trail_is_read_once_and_never_held_in_memory() -> None:
    alive = 0
    most = 0

    class Counted(AuditEntry):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def stream() -> Iterator[AuditEntry]:
        nonlocal alive, most
        for each in trail(200):
            alive += 1
            most = max(most, alive)
            names = AuditEntry.__dataclass_fields__
            yield Counted(**{name: getattr(each, name) for name in names})

    assert verify(stream(), [], PUBLIC).lines == 200
    assert most <= 4


# Days and keys


def test_the_finished_days_without_a_root_are_due() -> None:
    today = date(2026, 3, 2)
    assert list(roots_due("2026-03-01", today)) == []
    assert list(roots_due("2026-02-26", today)) == [
        date(2026, 2, 27),
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
    assert list(roots_due(None, today)) == [date(2026, 3, 1)]
    assert list(roots_due(None, today, date(2026, 2, 28))) == [
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
    assert list(roots_due(None, today, today)) == []
    assert list(roots_due("2026-03-05", today)) == []  # the clock stepped back


def test_keys_are_read_as_they_were_written() -> None:
    private = private_key_from_pem(private_key_pem(KEY))
    public = public_key_from_pem(public_key_pem(PUBLIC))
    assert key_id(private.public_key()) == key_id(public) == key_id(PUBLIC)
    assert key_id(OTHER_KEY.public_key()) != key_id(PUBLIC)


def test_a_key_of_another_kind_is_refused() -> None:
    rsa = generate_private_key(65537, 2048)
    pem = rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for bad in (pem, b"", private_key_pem(KEY)[:60]):
        with pytest.raises(ValueError, match="key"):
            private_key_from_pem(bad)
    with pytest.raises(ValueError, match=r"key|PEM"):
        public_key_from_pem("nothing")


@given(
    st.dictionaries(
        st.text(max_size=8), st.text(max_size=8) | st.integers() | st.booleans() | st.none()
    )
)
def test_a_detail_is_spelt_as_canonical_json(detail: dict[str, object]) -> None:
    expected = json.dumps(detail, sort_keys=True, separators=(",", ":"))
    assert detail_text(detail) == expected
