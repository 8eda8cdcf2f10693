import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.verify.archive import ZipError, entries, judge, unpack
from tests.support.zips import Member, packed


def rules(data: bytes) -> set[str]:
    try:
        found = entries(data)
    except ZipError as error:
        return {error.rule}
    return {one.rule for one in judge(data, found)}


def test_an_honest_archive_is_read_as_python_reads_it() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("A/B.TXT", "words" * 100)
        archive.writestr(zipfile.ZipInfo("C.TXT"), b"stored")
    data = made.getvalue()
    assert rules(data) == set()
    contents = {one.name: unpack(data, one) for one in entries(data)}
    assert contents == {"A/B.TXT": b"words" * 100, "C.TXT": b"stored"}


def test_an_archive_written_as_a_stream_is_read_too() -> None:
    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, content: object) -> int:
            self.data += bytes(content)  # type: ignore[call-overload]
            return len(bytes(content))  # type: ignore[call-overload]

    made = Stream()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("A.TXT", "words" * 100)
    data = bytes(made.data)
    assert rules(data) == set()
    assert unpack(data, entries(data)[0]) == b"words" * 100


HOSTILE = {
    "zip-path": [
        packed(Member(name, b"x"))
        for name in ("../A.TXT", "/etc/passwd", "A/../../B", "C:\\A.TXT", "A\\B", "A//B", "A\0B")
    ],
    "zip-link": [packed(Member("A.TXT", b"/etc/passwd", mode=0o120777))],
    "zip-twice": [packed(Member("A.TXT", b"x"), Member("a.txt", b"y"))],
    "zip-encrypted": [packed(Member("A.TXT", b"x", flags=1))],
    "zip-bomb": [
        packed(Member("A.TXT", bytes(3 * 1024 * 1024))),
        packed(*(Member(f"A{n}", b"x", size=31 * 1024 * 1024, method=0) for n in range(2))),
    ],
    "zip-overlap": [
        packed(Member("A.TXT", b"x" * 99, method=0), Member("A.TXT", b"x" * 99, method=0, at=0))
    ],
    "zip-local": [packed(Member("A.TXT", b"x", claimed="B.TXT"))],
    "zip-form": [
        packed(Member("A.TXT", b"x"), before=b"MZ..."),
        packed(Member("A.TXT", b"x"), behind=b"MZ..."),
        packed(Member("A.TXT", b"x"))[:-30],
        b"PK\x03\x04",
    ],
    "zip-entries": [packed(*(Member(f"A{n}", b"") for n in range(101)))],
    "zip-method": [packed(Member("A.TXT", b"x", method=12))],
}


@pytest.mark.parametrize(
    ("rule", "data"), [(rule, one) for rule, them in HOSTILE.items() for one in them]
)
def test_what_would_harm_is_told_before_a_byte_is_unpacked(rule: str, data: bytes) -> None:
    assert rule in rules(data)


def test_a_file_that_unpacks_to_more_than_it_says_is_cut_off() -> None:
    data = packed(Member("A.TXT", b"x" * 5000, size=10))
    (one,) = entries(data)
    with pytest.raises(ZipError, match="does not unpack"):
        unpack(data, one)


def test_a_name_that_is_not_plain_is_shown_as_a_number() -> None:
    data = packed(Member("DURAND Jean.pdf", b"x"), Member("DOC0001.XML", b"x"))
    assert [one.shown for one in entries(data)] == ["entry 1", "DOC0001.XML"]


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_archive_is_refused_or_read_and_never_raises_another_error(
    data: st.DataObject,
) -> None:
    good = packed(Member("A.TXT", b"words" * 50), Member("B/C.TXT", b"x", method=0))
    at = data.draw(st.integers(0, len(good) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=6))
    bad = good[:at] + noise + good[at + len(noise) :]
    try:
        found = entries(bad)
        if not list(judge(bad, found)):
            for one in found:
                assert len(unpack(bad, one)) == one.size
    except ZipError:
        pass
