"""PID-11 never shows: a prison's address, or a home, in no rendering of any letter."""

import io
import shutil
import subprocess
import zipfile
from datetime import timedelta
from email import policy
from email.parser import BytesParser

import pytest

from engine.model.letter import LetterKind
from tests.support.house import ROOT, Engine

PRISON = "Centre pénitentiaire de Fantasmeville^Route du Mirador^FANTASMEVILLE^^99123^FRA^H"
WORDS = ("Fantasmeville", "Mirador", "99123", "Inventée")


def moved_in(raw: bytes) -> bytes:
    """The message, with a prison for a home."""
    text = raw.decode("utf-8")
    old = "1 rue Inventée^^EXEMPLEVILLE^^00000^FRA^H"
    assert old in text
    return text.replace(old, f"{PRISON}~2 rue Inventée^^EXEMPLEVILLE^^00000^FRA^H").encode()


def unpacked(mime: bytes) -> bytes:
    """All that a mail holds, unpacked; the text of its PDF apart."""
    found = [mime]
    for part in BytesParser(policy=policy.default).parsebytes(mime).walk():
        data = part.get_payload(decode=True)
        if isinstance(data, bytes):
            found.append(data)
            if part.get_content_type() == "application/zip":
                with zipfile.ZipFile(io.BytesIO(data)) as packed:
                    found += [packed.read(name) for name in packed.namelist()]
    return b"\n".join([*found, *(_pdf_text(one) for one in found if one.startswith(b"%PDF-"))])


def _pdf_text(pdf: bytes) -> bytes:
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    shown = subprocess.run([tool, "-", "-"], input=pdf, capture_output=True, check=True)
    assert b"DUBREUIL" in shown.stdout
    return shown.stdout


@pytest.mark.parametrize("format_", ["xdm", "hprim"])
async def test_no_rendering_ever_shows_the_patients_address(engine: Engine, format_: str) -> None:
    if format_ == "hprim":
        boxes = engine.settings.directory
        for rpps, found in list(boxes.items()):
            boxes[rpps] = tuple(one.model_copy(update={"channel": "apicrypt"}) for one in found)
    for stem in ("dubreuil-A01", "dubreuil-A02", "dubreuil-T02", "dubreuil-A03"):
        for path in sorted((ROOT / "fixtures/day").glob(f"*{stem}*.hl7")):
            await engine.journal(moved_in(path.read_bytes()))
    await engine.read()
    await engine.wait(timedelta(hours=3))
    (letter,) = engine.deliveries("26000002")
    assert letter.letter_kind is LetterKind.EXIT_LETTER
    assert engine.settings.config.channels[letter.channel].format == format_
    files = engine.store.read_sync(lambda tx: tx.outbox.files(letter.id))
    mime = engine.store.read_sync(lambda tx: tx.outbox.mime(letter.id))
    everything = b"\n".join([unpacked(mime), *files.values()])
    assert b"DUBREUIL" in everything
    for word in WORDS:
        for codec in ("utf-8", "iso-8859-15", "utf-16-be"):
            assert word.lower().encode(codec) not in everything.lower(), (word, codec)
