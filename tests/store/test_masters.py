import os
import stat
from pathlib import Path

import pytest

from engine.model.errors import StoreError
from engine.store.masters import GivenMasters, Master, MasterFile, parse


def test_a_file_is_made_once_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        file = MasterFile(tmp_path / "data/master.key")
        file.make()
    finally:
        os.umask(old)
    first = file.read()
    file.make()
    assert file.read() == first
    assert stat.S_IMODE((tmp_path / "data/master.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["master.key"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = MasterFile(tmp_path / "master.key")
    masters = [Master.fresh(), Master.fresh()]
    file.replace(masters)
    assert list(file.read()) == masters
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = MasterFile(tmp_path / "master.key")
    file.make()
    (tmp_path / "master.key").chmod(mode)
    with pytest.raises(StoreError, match="others may read"):
        file.read()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="restore it"):
        MasterFile(tmp_path / "master.key").read()


def test_lines_are_read_in_their_order_and_remarks_left() -> None:
    one, two = Master.fresh(), Master.fresh()
    text = f"# made in March\n{one.line}\n\n  {two.line}  \n"
    assert list(parse(text, "here")) == [one, two]
    assert [m.name for m in parse(text, "here")] == [one.name, two.name]


@pytest.mark.parametrize(
    "text",
    ["", "# nothing", "relais-master-1", "relais-master-1 00", "x " + "00" * 32,
     "relais-master-1 " + "00" * 33, "relais-master-1 " + "zz" * 32, "SECRETWORD"],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(StoreError, match="relais keys make") as caught:
        parse(text, "here")
    assert "SECRETWORD" not in str(caught.value)


def test_a_key_is_in_no_repr() -> None:
    master = Master.fresh()
    assert master.key.hex() not in repr(master)
    assert repr(master.key) not in repr(master)


def test_given_masters_are_read_anew_and_never_written() -> None:
    lines = [Master.fresh().line]
    given = GivenMasters("credential:k", lambda: "\n".join(lines))
    given.make()
    assert [m.line for m in given.read()] == lines
    lines.insert(0, Master.fresh().line)
    assert [m.line for m in given.read()] == lines
    with pytest.raises(StoreError, match="not ours"):
        given.replace([Master.fresh()])
