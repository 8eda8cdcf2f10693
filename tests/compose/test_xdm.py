import io
import re
import zipfile

from lxml import etree

from engine.compose.xdm import METADATA, render_xdm
from tests.support.letters import UNIT, letter, shop

CDA = b"<ClinicalDocument/>" * 10


def opened(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


def test_the_zip_has_the_tree_of_the_profile_and_nothing_else() -> None:
    packed, metadata = render_xdm(letter(), CDA, shop())
    archive = opened(packed)
    assert archive.testzip() is None
    assert archive.namelist() == [
        "INDEX.HTM",
        "README.TXT",
        "IHE_XDM/SUBSET01/METADATA.XML",
        "IHE_XDM/SUBSET01/DOC0001.XML",
    ]
    assert archive.read(METADATA) == metadata
    assert archive.read("IHE_XDM/SUBSET01/DOC0001.XML") == CDA


def test_names_are_iso_9660_level_1() -> None:
    for name in opened(render_xdm(letter(), CDA, shop())[0]).namelist():
        for part in name.split("/"):
            assert re.fullmatch(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?", part)


def test_the_same_letter_gives_the_same_bytes() -> None:
    assert render_xdm(letter(), CDA, shop()) == render_xdm(letter(), CDA, shop())


def test_the_files_that_people_open_never_name_the_patient_and_are_well_formed() -> None:
    unit = UNIT.model_copy(update={"hospital": "CH <A> & B"})
    archive = opened(render_xdm(letter(unit=unit), CDA, shop())[0])
    index = archive.read("INDEX.HTM")
    shown = index.decode() + archive.read("README.TXT").decode()
    for secret in ("ESSAI", "MARCEL", "26000123", "1610299", "TÉMOIN"):
        assert secret not in shown
    page = etree.fromstring(index)
    assert page.findtext(".//{*}h1") == "CH <A> & B"
    links = [a.get("href") for a in page.iter("{*}a")]
    assert set(links) <= set(archive.namelist())
