"""What the kit is given, and METADATA.XML beside the files it describes."""

import zipfile
from pathlib import Path

import pytest
from lxml import etree

from engine.compose.render import render
from tests.conformance.carried import Package, opened
from tests.support.letters import FACE, HPRIM_FACE, letter, shop

# Any element: the schema of OASIS does not lie here.
ANYTHING = etree.XMLSchema(
    etree.fromstring(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema"'
        ' targetNamespace="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">'
        '<element name="SubmitObjectsRequest"><complexType><sequence>'
        '<any processContents="skip" minOccurs="0" maxOccurs="unbounded"/>'
        '</sequence><anyAttribute processContents="skip"/></complexType></element></schema>'
    )
)


def _package() -> Package:
    made = render(letter(), shop(), FACE)
    return Package(
        "letter",
        {
            "IHE_XDM/SUBSET01/METADATA.XML": made.files["metadata.xml"],
            "IHE_XDM/SUBSET01/DOC0001.XML": made.files["cda.xml"],
        },
    )


def test_every_document_is_found_in_a_file_a_zip_a_mail_and_a_folder_of_them(
    tmp_path: Path,
) -> None:
    made = render(letter(), shop(), FACE)
    (tmp_path / "a.xml").write_bytes(made.files["cda.xml"])
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/b.zip").write_bytes(made.files["ihe_xdm.zip"])
    (tmp_path / "deeper/c.eml").write_bytes(made.mime)
    (tmp_path / "deeper/d.eml").write_bytes(render(letter(), shop(), HPRIM_FACE).mime)
    documents, packages = opened([tmp_path])
    assert list(documents.values()) == [made.files["cda.xml"]] * 3
    assert [one.name for one in packages] == ["b", "c"]
    assert len(documents) == 3


def test_a_zip_without_a_document_and_a_path_that_is_none_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("README.TXT", "rien")
    with pytest.raises(ValueError, match="no CDA"):
        opened([tmp_path / "a.zip"])
    with pytest.raises(FileNotFoundError):
        opened([tmp_path / "b.zip"])


def test_metadata_that_describe_the_file_as_it_is_have_no_fault() -> None:
    assert list(_package().faults(ANYTHING)) == []


def test_another_byte_of_the_file_is_told_by_hash_and_by_size() -> None:
    made = _package()
    path = "IHE_XDM/SUBSET01/DOC0001.XML"
    other = Package("x", made.files | {path: made.files[path].replace(b"ESSAI", b"ESSAY")})
    assert [one.rpartition("entry's ")[2][:4] for one in other.faults(ANYTHING)] == ["hash"]
    longer = Package("x", made.files | {path: made.files[path] + b"\n"})
    assert [one.rpartition("entry's ")[2][:4] for one in longer.faults(ANYTHING)] == [
        "size",
        "hash",
    ]


def test_a_package_whose_metadata_or_file_is_missing_has_a_fault() -> None:
    made = _package()
    for path in made.files:
        rest = {name: one for name, one in made.files.items() if name != path}
        assert list(Package("x", rest).faults(ANYTHING))
