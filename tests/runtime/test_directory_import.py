"""An import takes a whole file or nothing, whatever it is given."""

import io
import random
import struct
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.directory.extraction import RowFault, UnreadableFileError
from engine.model.directory import Origin
from engine.model.errors import OperationError
from engine.runtime.directory_import import Wish, authorities_in, open_all
from engine.runtime.directory_source import Opened, look_into
from tests.support.annuaire import BOX_HEADER, Country
from tests.support.directories import NOW, do_import, reader_of, write_boxes, write_practices
from tests.support.white_list import DOMAINS, MADE, ROOT, signed

COUNTRY = Country(doctors=150, others=60, organisations=40)
BOXES = list(COUNTRY.box_lines())[1:]
PRACTICES = list(COUNTRY.practice_lines())[1:]
STAMPED = "Extraction_Correspondance_MSSante_202611240730.txt"


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def text(rows: list[str]) -> bytes:
    return "\n".join([BOX_HEADER, *rows]).encode() + b"\n"


def holds(data: Path) -> dict[str, int]:
    with reader_of(data) as reader:
        return reader.counts()


def test_plain_and_zip_give_the_same_directory(tmp_path: Path) -> None:
    plain = write_boxes(tmp_path / STAMPED, BOXES)
    packed = zipped(tmp_path / "x.zip", ("docs/readme.pdf", b"%PDF"), (STAMPED, text(BOXES)))
    one, other = do_import(tmp_path / "a", plain)[0], do_import(tmp_path / "b", packed)[0]
    assert holds(tmp_path / "a") == holds(tmp_path / "b")
    assert one.source.dated == other.source.dated
    assert f"{one.source.dated:%Y-%m-%d %H:%M}" == "2026-11-24 07:30"
    assert one.source.rows == len(set(BOXES))


def test_each_file_replaces_its_own_rows_and_no_others(tmp_path: Path) -> None:
    boxes = write_boxes(tmp_path / "boxes.txt", BOXES)
    practices = write_practices(tmp_path / "practices.txt", PRACTICES)
    territory = tmp_path / "t.csv"
    territory.write_text("# version: 1\nkind;name\nCMP;x\nCLUB;y\n", "utf-8")
    do_import(tmp_path, boxes)
    do_import(tmp_path, practices)
    before = holds(tmp_path)
    told = do_import(tmp_path, territory)[0]
    assert [one.line for one in told.mistakes] == [4]
    assert holds(tmp_path) == before | {"territory": 1}
    territory.write_text("# version: 2\nkind;name\n", "utf-8")
    with pytest.raises(OperationError, match="no row"):
        do_import(tmp_path, territory)
    with reader_of(tmp_path) as reader:
        assert reader.sources()[Origin.TERRITORY].version == "1"


def test_physicians_alone_are_taken_of_the_professionals_file_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    practices = write_practices(tmp_path / "practices.txt", PRACTICES)
    do_import(tmp_path / "a", practices)
    do_import(tmp_path / "b", practices, wish=Wish(professions=frozenset()))
    assert holds(tmp_path / "a")["practice"] < holds(tmp_path / "b")["practice"]
    assert holds(tmp_path / "b")["practice"] == len(set(PRACTICES))


def test_a_file_with_far_fewer_rows_is_refused_unless_accepted(tmp_path: Path) -> None:
    do_import(tmp_path, write_boxes(tmp_path / "a.txt", BOXES))
    before = holds(tmp_path)
    small = write_boxes(tmp_path / "b.txt", BOXES[: len(BOXES) * 4 // 5])
    with pytest.raises(OperationError, match="the one before it"):
        do_import(tmp_path, small)
    assert holds(tmp_path) == before
    do_import(tmp_path, small, wish=Wish(accept_fall=True))
    assert holds(tmp_path)["mailbox"] < before["mailbox"]
    do_import(tmp_path, write_boxes(tmp_path / "c.txt", BOXES[: len(BOXES) * 3 // 4]))


def test_a_few_damaged_rows_are_left_out_and_many_refuse_the_file(tmp_path: Path) -> None:
    few = write_boxes(tmp_path / "a.txt", [*BOXES, "x|y"])
    told = do_import(tmp_path, few)[0]
    assert told.tally.faults[RowFault.CELLS] == 1
    assert told.tally.first[RowFault.CELLS] == len(BOXES) + 2
    many = write_boxes(tmp_path / "b.txt", [*BOXES, *(["x|y"] * (len(BOXES) // 20))])
    with pytest.raises(OperationError, match="rows are damaged"):
        do_import(tmp_path, many)


def test_a_file_cut_short_or_in_another_charset_changes_nothing(tmp_path: Path) -> None:
    do_import(tmp_path, write_boxes(tmp_path / "a.txt", BOXES))
    before = holds(tmp_path)
    whole = zipped(tmp_path / "whole.zip", (STAMPED, text(BOXES))).read_bytes()
    broken = {
        "cut.zip": whole[: len(whole) // 2],
        "flipped.zip": whole[:400] + bytes(64) + whole[464:],
        "latin.txt": text(BOXES).decode().encode("latin-1"),
        "utf16.txt": text(BOXES).decode().encode("utf-16"),
        "empty.txt": b"",
        "header.txt": text([]),
        "no-lines.txt": BOX_HEADER.encode() * 2000,
        "other.csv": b"rpps,family\n1,2\n",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(OperationError) as refused:
            do_import(tmp_path, tmp_path / name)
        assert refused.value.where == name
        assert "stays as it is" in refused.value.effect
    assert holds(tmp_path) == before


def test_a_zip_bomb_is_stopped_early(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(STAMPED, "w") as member,
    ):
        member.write(BOX_HEADER.encode() + b"\n")
        for _ in range(200):
            member.write((b"x" * 1023 + b"\n") * 1024)
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(packed.getvalue())
    assert bomb.stat().st_size < 1024**2
    with pytest.raises(OperationError, match="far more than the real file"):
        do_import(tmp_path, bomb)
    # One line that never ends, which memory would have to hold.
    endless = zipped(tmp_path / "line.zip", (STAMPED, BOX_HEADER.encode() + b"\n" + bytes(10**7)))
    with pytest.raises(OperationError, match="does not end"):
        do_import(tmp_path, endless)


def test_a_zip_that_lies_on_its_sizes_is_refused(tmp_path: Path) -> None:
    content = zipped(tmp_path / "x.zip", (STAMPED, text(BOXES))).read_bytes()
    at = content.rindex(b"PK\x01\x02")
    lying = tmp_path / "lying.zip"
    lying.write_bytes(content[: at + 24] + struct.pack("<I", 2000) + content[at + 28 :])
    with pytest.raises(OperationError):
        do_import(tmp_path, lying)


def test_hostile_zips_are_refused_by_name(tmp_path: Path) -> None:
    many = zipped(tmp_path / "many.zip", *((f"{n}.txt", b"x") for n in range(40)))
    two = zipped(tmp_path / "two.zip", ("a.txt", text(BOXES)), ("b.txt", text(BOXES)))
    nested = zipped(tmp_path / "nested.zip", ("x.zip", two.read_bytes()))
    for path, why in ((many, "too many"), (two, "several"), (nested, "none of the files")):
        with pytest.raises(OperationError, match=why):
            open_all([path])
    # Bytes of a zip that look like damaged text, whatever its date and sum happen to be.
    torn = zipped(tmp_path / "torn.zip", ("x.zip", b"PK\x03\x04\0|\xe9\n"))
    with pytest.raises(OperationError, match="none of the files"):
        open_all([torn])
    outside = zipped(tmp_path / "outside.zip", ("../../etc/x.txt", text(BOXES)))
    assert look_into(outside).name == "x.txt"  # nothing is unpacked to a path


def test_two_files_of_one_kind_are_refused(tmp_path: Path) -> None:
    one = write_boxes(tmp_path / "a.txt", BOXES)
    with pytest.raises(OperationError, match="of the same kind"):
        open_all([one, one])


@pytest.mark.parametrize(
    ("name", "dated"),
    [
        ("x_202611240730.txt", "2026-11-24 07:30"),
        ("x_209913990730.txt", None),
        ("x.txt", None),
    ],
)
def test_a_file_is_dated_by_its_name_or_by_its_own_time(
    tmp_path: Path, name: str, dated: str | None
) -> None:
    path = write_boxes(tmp_path / name, BOXES)
    found = look_into(path).dated
    if dated is None:
        assert abs(found.timestamp() - path.stat().st_mtime) < 1
    else:
        assert f"{found:%Y-%m-%d %H:%M}" == dated


def test_a_date_to_come_is_not_believed(tmp_path: Path) -> None:
    told = do_import(tmp_path, write_boxes(tmp_path / "x_209912310000.txt", BOXES))[0]
    assert told.source.dated == NOW


def test_the_white_list_is_taken_once_its_signature_is_proved(tmp_path: Path) -> None:
    path = tmp_path / "listeblanchemssante.xml"
    path.write_bytes(signed())
    with pytest.raises(OperationError, match="not proved"):
        do_import(tmp_path, path)
    pem = tmp_path / "igc.pem"
    pem.write_bytes(ROOT.public_bytes(Encoding.PEM))
    wish = Wish(authorities=authorities_in(pem))
    told = do_import(tmp_path, path, wish=wish)[0]
    assert (told.source.origin, told.source.dated) == (Origin.WHITE_LIST, MADE)
    with reader_of(tmp_path) as reader:
        assert reader.listed_domains() == {name for name, _ in DOMAINS}
    pem.write_bytes(b"no certificate")
    with pytest.raises(OperationError, match="cannot be read"):
        authorities_in(pem)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(data=st.binary(max_size=300), seed=st.integers(0, 1000))
def test_no_bytes_ever_break_the_look_into_a_file(tmp_path: Path, data: bytes, seed: int) -> None:
    whole = bytearray(zipped(tmp_path / "w.zip", (STAMPED, text(BOXES[:20]))).read_bytes())
    dice = random.Random(seed)
    for _ in range(3):
        whole[dice.randrange(len(whole))] = dice.randrange(256)
    for content in (data, bytes(whole), b"PK\x03\x04" + data):
        path = tmp_path / "f"
        path.write_bytes(content)
        try:
            opened = open_all([path])
            assert isinstance(opened[0], Opened)
            list(opened[0].lines(lambda _: None))
        except (OperationError, UnreadableFileError):
            pass
