"""Paper: what shows in the window of the envelope, where, and what never does."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compose.envelope_page import LONGEST, MOST_LINES, EnvelopePage, cover
from engine.compose.faults import PostalError
from engine.compose.mail import ChannelFace
from engine.compose.render import render
from engine.model.channel import PrintQueue
from engine.model.letter import Letter, LetterKind
from engine.verify import check
from engine.wire.paper_mail import paper_letter
from tests.support.letters import DOCTOR, FACE, PATIENT, UNIT, annex, discreet, letter, shop

POSTAL = ("Cabinet médical", "1, rue Fictive", "00000 Exempleville")
pytestmark = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")


def face(**changes: Any) -> ChannelFace:
    queue = PrintQueue(path=Path("/nowhere"), return_address=("CH EXEMPLE",), **changes)
    envelope = EnvelopePage(queue=queue, postal=POSTAL)
    return FACE.model_copy(update={"format": "paper", "envelope": envelope})


def printed(of: Letter, on: ChannelFace) -> tuple[bytes, int]:
    found = paper_letter(render(of, shop(), on).mime)
    assert found is not None
    return found.pdf, found.pages


def words(pdf: bytes, page: int, *options: str) -> str:
    done = subprocess.run(
        ["pdftotext", *options, "-f", str(page), "-l", str(page), "-", "-"],
        input=pdf, check=True, capture_output=True,
    )  # fmt: skip
    return done.stdout.decode()


@pytest.mark.parametrize("of", [letter(), discreet(letter(LetterKind.EXIT_NOTICE))])
def test_the_first_page_shows_the_doctor_the_mail_room_and_a_number_and_nothing_else(
    of: Letter,
) -> None:
    pdf, _ = printed(of, face())
    lines = [line.strip() for line in words(pdf, 1).splitlines() if line.strip()]
    assert sorted(lines) == sorted(
        [
            "CH EXEMPLE",
            "Dr Paul TÉMOIN",
            "CABINET MÉDICAL",
            "1 RUE FICTIVE",
            "00000 EXEMPLEVILLE",
            of.delivery,
        ]
    )


@pytest.mark.parametrize(("left", "top"), [(100, 45), (20, 50), (110, 60)])
def test_the_address_lies_inside_the_window_that_the_site_says(left: int, top: int) -> None:
    on = face(window_left=left, window_top=top, window_width=95)
    assert on.envelope is not None
    wide = on.envelope.model_copy(update={"postal": ("X" * 30, "Y" * 30, "Z" * 30, "00000 VILLE")})
    pdf, _ = printed(letter(), on.model_copy(update={"envelope": wide}))
    told = words(pdf, 1, "-bbox")
    boxes = re.findall(
        r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>', told
    )
    inside = [box for box in boxes if box[4] in {"Paul", "X" * 30, "Y" * 30, "Z" * 30, "VILLE"}]
    assert len(inside) == 5
    for x0, y0, x1, y1, _ in inside:
        assert left <= float(x0) / 72 * 25.4 + 0.1
        assert float(x1) / 72 * 25.4 <= left + 95
        assert top <= float(y0) / 72 * 25.4 + 1
        assert float(y1) / 72 * 25.4 <= top + 35


def test_the_letter_follows_and_counts_its_own_pages_alone() -> None:
    of = letter(LetterKind.EXIT_LETTER, annexes=(annex(2),))
    pdf, pages = printed(of, face())
    told = words(pdf, 2)
    assert f"page 1 sur {pages - 1}" in told
    assert PATIENT.birth_family.upper() in told
    assert f"page {pages - 1} sur {pages - 1}" in words(pdf, pages)
    running = [line for line in words(pdf, 2).splitlines() if line.startswith(" – ")]
    assert running == []


def test_what_is_kept_is_a_sound_mail_with_one_pdf_and_asks_for_no_receipt() -> None:
    mime = render(letter(), shop(), face(), leaflet=b"%PDF-1.4 leaflet").mime
    assert check("mail", mime, leaving=True).grave == ()
    assert b"Disposition-Notification-To" not in mime
    assert b"leaflet" not in mime
    assert PATIENT.birth_family.encode() not in mime.partition(b"\r\n\r\n")[0]


def test_in_test_mode_no_address_is_printed_that_somebody_could_post_to() -> None:
    envelope = EnvelopePage(queue=PrintQueue(path=Path("/x")), postal=POSTAL, trial=True)
    pdf, _ = printed(letter(), FACE.model_copy(update={"format": "paper", "envelope": envelope}))
    assert "NE PAS EXPEDIER" in words(pdf, 1)
    assert "FICTIVE" not in words(pdf, 1)


@pytest.mark.parametrize("postal", [(), ("", " , "), ("x" * (LONGEST + 1),), ("x",) * MOST_LINES])
def test_an_address_that_no_window_shows_whole_is_refused(postal: tuple[str, ...]) -> None:
    with pytest.raises(PostalError, match="LE-112") as caught:
        cover(letter(), EnvelopePage(queue=PrintQueue(path=Path("/x")), postal=postal))
    assert DOCTOR.family not in str(caught.value)


def test_a_template_of_before_which_has_no_address_page_is_told_and_prints_nothing() -> None:
    old = replace(shop().press, template=shop().press.template.replace(b"d.cover", b"d.lid"))
    with pytest.raises(PostalError, match="no address page"):
        render(letter(), replace(shop(), press=old), face())


@settings(max_examples=200)
@given(st.lists(st.text(max_size=60), max_size=8))
def test_whatever_the_directory_holds_the_page_has_at_most_six_lines_of_38_characters(
    postal: list[str],
) -> None:
    page = EnvelopePage(queue=PrintQueue(path=Path("/x")), postal=tuple(postal))
    try:
        lines = cover(letter(), page)["lines"]
    except PostalError:
        return
    assert 2 <= len(lines) <= MOST_LINES
    assert all(line and len(line) <= LONGEST and "\n" not in line for line in lines)


def test_neither_the_unit_nor_its_town_is_on_the_address_page() -> None:
    page = EnvelopePage(queue=PrintQueue(path=Path("/x")), postal=POSTAL)
    told = repr(cover(letter(), page))
    assert UNIT.unit not in told
    assert PATIENT.birth_family not in told
    assert PATIENT.ipp not in told
