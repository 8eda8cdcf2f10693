"""Paper: what the mail room finds in the folder, whatever happened on the way there."""

import hashlib
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.channel import PrintQueue
from engine.model.flow import TO_PRINT, Accepted, Cause, Deferred, Rejected
from engine.outbound.print_queue import (
    DONE,
    MANIFEST,
    PrintQueueTransport,
    forget,
    manifest_ids,
    posted,
)
from engine.wire.paper_mail import paper_letter
from tests.outbound.test_transport import a_paper_mail
from tests.support.deliveries import a_delivery


def queue(folder: Path) -> PrintQueueTransport:
    return PrintQueueTransport(PrintQueue(path=folder))


async def test_the_line_tells_pages_address_page_and_digest_of_the_very_file(
    tmp_path: Path,
) -> None:
    delivery = a_delivery("abc1")
    await queue(tmp_path).attempt(delivery, a_paper_mail(delivery))
    pdf = tmp_path / "abc1.pdf"
    assert json.loads((tmp_path / MANIFEST).read_text()) == {
        "v": 1,
        "id": "abc1",
        "file": "abc1.pdf",
        "pages": 2,
        "address_page": 1,
        "sha256": hashlib.sha256(pdf.read_bytes()).hexdigest(),
    }
    for path in (pdf, tmp_path / MANIFEST):
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert {one.name for one in tmp_path.iterdir()} == {"abc1.pdf", MANIFEST}


async def test_a_crash_between_file_and_line_is_mended_by_the_next_attempt(tmp_path: Path) -> None:
    delivery = a_delivery("abc1")
    await queue(tmp_path).attempt(delivery, a_paper_mail(delivery))
    (tmp_path / MANIFEST).unlink()
    outcome = await queue(tmp_path).attempt(delivery, a_paper_mail(delivery))
    assert outcome == Accepted("was in the print queue", TO_PRINT)
    assert manifest_ids(tmp_path) == {"abc1"}


async def test_half_a_line_of_a_crash_spoils_neither_the_next_line_nor_its_own_letter(
    tmp_path: Path,
) -> None:
    one, two = a_delivery("abc1"), a_delivery("abc2")
    await queue(tmp_path).attempt(one, a_paper_mail(one))
    whole = (tmp_path / MANIFEST).read_bytes()
    for cut in range(len(whole)):
        (tmp_path / MANIFEST).write_bytes(whole[:cut])
        (tmp_path / "abc2.pdf").unlink(missing_ok=True)
        await queue(tmp_path).attempt(two, a_paper_mail(two))
        await queue(tmp_path).attempt(one, a_paper_mail(one))
        assert manifest_ids(tmp_path) == {"abc1", "abc2"}


async def test_a_letter_that_was_posted_is_not_printed_again(tmp_path: Path) -> None:
    delivery = a_delivery("abc1")
    await queue(tmp_path).attempt(delivery, a_paper_mail(delivery))
    (tmp_path / DONE).mkdir()
    (tmp_path / "abc1.pdf").rename(tmp_path / DONE / "abc1.pdf")
    outcome = await queue(tmp_path).attempt(delivery, a_paper_mail(delivery))
    assert isinstance(outcome, Accepted)
    assert not (tmp_path / "abc1.pdf").exists()


async def test_another_content_under_our_name_is_never_overwritten(tmp_path: Path) -> None:
    delivery = a_delivery("abc1")
    await queue(tmp_path).attempt(delivery, a_paper_mail(delivery))
    before = (tmp_path / "abc1.pdf").read_bytes()
    outcome = await queue(tmp_path).attempt(delivery, a_paper_mail(delivery, 10))
    assert outcome == Rejected(Cause.INTERNAL)
    assert (tmp_path / "abc1.pdf").read_bytes() == before


@pytest.mark.parametrize("name", ["abc1.pdf", MANIFEST])
async def test_a_link_in_the_folder_is_never_followed(tmp_path: Path, name: str) -> None:
    folder, elsewhere = tmp_path / "queue", tmp_path / "elsewhere"
    folder.mkdir()
    part = f".{name}.part" if name == "abc1.pdf" else name
    (folder / part).symlink_to(elsewhere)
    delivery = a_delivery("abc1")
    outcome = await queue(folder).attempt(delivery, a_paper_mail(delivery))
    assert outcome == Deferred(Cause.FOLDER)
    assert not elsewhere.exists()


async def test_an_id_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    delivery = replace(a_delivery(), id="../out")
    outcome = await queue(tmp_path).attempt(delivery, a_paper_mail(delivery))
    assert outcome == Rejected(Cause.INTERNAL)


async def test_what_was_moved_to_done_is_told_and_then_forgotten(tmp_path: Path) -> None:
    for ident in ("abc1", "abc2"):
        delivery = a_delivery(ident)
        await queue(tmp_path).attempt(delivery, a_paper_mail(delivery))
    assert posted(tmp_path) == []
    (tmp_path / DONE).mkdir()
    (tmp_path / "abc1.pdf").rename(tmp_path / DONE / "abc1.pdf")
    (tmp_path / DONE / "note.txt").write_text("x")
    (tmp_path / DONE / "Jean Martin.pdf").write_text("x")
    assert posted(tmp_path) == ["abc1"]
    forget(tmp_path, "abc1")
    forget(tmp_path, "../abc2")
    assert posted(tmp_path) == []
    assert (tmp_path / "abc2.pdf").exists()


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_of_paper_mails_raise(data: bytes) -> None:
    found = paper_letter(data)
    assert found is None or found.pages > 0
