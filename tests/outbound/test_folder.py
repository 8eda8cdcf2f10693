import stat
from dataclasses import replace
from pathlib import Path

from engine.model.flow import Accepted, Cause, Deferred, Rejected
from engine.outbound.folder import FolderTransport
from tests.support.deliveries import a_delivery, a_mime


async def test_a_mail_appears_whole_under_its_delivery_id(tmp_path: Path) -> None:
    delivery = a_delivery("abc123")
    assert isinstance(await FolderTransport(tmp_path).attempt(delivery, a_mime(delivery)), Accepted)
    (file,) = tmp_path.iterdir()
    assert file.name == "abc123.eml"
    assert file.read_bytes() == a_mime(delivery)
    assert stat.S_IMODE(file.stat().st_mode) & 0o007 == 0


async def test_after_a_crash_between_rename_and_commit_the_same_file_is_accepted_again(
    tmp_path: Path,
) -> None:
    transport, delivery = FolderTransport(tmp_path), a_delivery("abc123")
    await transport.attempt(delivery, b"x\r\n")
    assert isinstance(await transport.attempt(delivery, b"x\r\n"), Accepted)
    assert len(list(tmp_path.iterdir())) == 1


async def test_another_content_under_the_same_name_is_never_overwritten(tmp_path: Path) -> None:
    transport, delivery = FolderTransport(tmp_path), a_delivery("abc123")
    await transport.attempt(delivery, b"first\r\n")
    assert await transport.attempt(delivery, b"second\r\n") == Rejected(Cause.INTERNAL)
    assert (tmp_path / "abc123.eml").read_bytes() == b"first\r\n"


async def test_a_folder_that_is_not_there_defers_and_is_not_made(tmp_path: Path) -> None:
    outcome = await FolderTransport(tmp_path / "absent").attempt(a_delivery(), b"x")
    assert outcome == Deferred(Cause.FOLDER)
    assert not (tmp_path / "absent").exists()


async def test_a_part_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".abc123.eml.part").write_bytes(b"half of something longer")
    delivery = a_delivery("abc123")
    assert isinstance(await FolderTransport(tmp_path).attempt(delivery, b"x\r\n"), Accepted)
    assert [file.name for file in tmp_path.iterdir()] == ["abc123.eml"]


async def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "abc123.eml").symlink_to(tmp_path / "nowhere")  # rename onto it works: not this
    (tmp_path / ".abc123.eml.part").symlink_to(tmp_path / "elsewhere")  # never followed
    outcome = await FolderTransport(tmp_path).attempt(a_delivery("abc123"), b"x\r\n")
    assert outcome == Deferred(Cause.FOLDER)
    assert not (tmp_path / "elsewhere").exists()


async def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    delivery = replace(a_delivery(), id="../out")
    assert await FolderTransport(inside).attempt(delivery, b"x") == Rejected(Cause.INTERNAL)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
