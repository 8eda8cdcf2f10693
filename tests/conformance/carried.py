"""The documents inside files: a CDA, a zip, a mail, or a folder of them.

Opened by the standard library alone: what our own readers would not see must not be missed.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Final

from lxml import etree

_KINDS: Final = (".xml", ".zip", ".eml")
_RIM: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"


@dataclass(frozen=True)
class Package:
    """An IHE_XDM.ZIP: its files by name."""

    name: str
    files: dict[str, bytes]

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Every CDA, with a name of its own."""
        for path, content in self.files.items():
            if path.upper().endswith(".XML") and _root(content) == "ClinicalDocument":
                yield f"{self.name}-{path.rpartition('/')[2]}", content

    def faults(self, schema: etree.XMLSchema) -> Iterator[str]:
        """What METADATA.XML says against the schema of ebRIM, or against the files it describes."""
        tables = [path for path in self.files if path.upper().endswith("/METADATA.XML")]
        if not tables:
            yield "no METADATA.XML"
        for path in tables:
            root = etree.fromstring(self.files[path])
            if not schema.validate(root):
                yield from (f"{path} line {one.line}: {one.message}" for one in schema.error_log)
            described = list(root.iter(f"{_RIM}ExtrinsicObject"))
            if not described:
                yield f"{path}: it describes no document"
            for one in described:
                yield from self._described(path.rpartition("/")[0], one)

    def _described(self, folder: str, entry: etree._Element) -> Iterator[str]:
        said = {
            str(slot.get("name")): "".join(slot.itertext()).strip()
            for slot in entry.iterfind(f"{_RIM}Slot")
        }
        content = self.files.get(f"{folder}/{said.get('URI')}")
        if content is None:
            yield f"{folder}: the file of an entry is not in the zip"
            return
        if said.get("size") != str(len(content)):
            yield f"{folder}: an entry's size is not that of its file"
        # SHA-1 is what IHE ITI TF-3 4.2.3.2.10 asks for.
        if said.get("hash") != hashlib.sha1(content, usedforsecurity=False).hexdigest():
            yield f"{folder}: an entry's hash is not that of its file"


def opened(files: list[Path]) -> tuple[dict[str, bytes], list[Package]]:
    """The CDAs of all files by name, those in packages too; and the packages.

    Raises FileNotFoundError for a path that is none, ValueError for a file that holds no document.
    """
    documents: dict[str, bytes] = {}
    packages: list[Package] = []
    for path in _listed(files):
        content = path.read_bytes()
        found = _packages(path, content)
        packages += found
        inside = [one for package in found for one in package.documents()]
        if path.suffix.lower() == ".xml":
            inside = [(path.name, content)]
        if not inside and not (path.suffix.lower() == ".eml" and not found):
            raise ValueError(f"{path.name}: no CDA in it")  # a mail without a zip is an HPRIM one
        for name, one in inside:
            documents[_free(name, documents)] = one
    return documents, packages


def _listed(files: list[Path]) -> Iterator[Path]:
    for one in files:
        if one.is_dir():
            yield from sorted(p for p in one.rglob("*") if p.suffix.lower() in _KINDS)
        elif one.is_file():
            yield one
        else:
            raise FileNotFoundError(f"{one}: no such file")


def _packages(path: Path, content: bytes) -> list[Package]:
    match path.suffix.lower():
        case ".zip":
            return [_package(path.stem, content)]
        case ".eml":
            mail = BytesParser(policy=policy.default).parsebytes(content)
            zips = [part for part in mail.walk() if part.get_content_type() == "application/zip"]
            return [_package(path.stem, bytes(one.get_payload(decode=True))) for one in zips]
        case _:
            return []


def _package(name: str, content: bytes) -> Package:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return Package(name, {one: archive.read(one) for one in archive.namelist()})


def _root(content: bytes) -> str:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.QName(etree.fromstring(content, parser)).localname


def _free(name: str, taken: dict[str, bytes]) -> str:
    if name not in taken:
        return name
    stem, _, ending = name.rpartition(".")
    return next(one for n in range(2, 10_000) if (one := f"{stem}-{n}.{ending}") not in taken)
