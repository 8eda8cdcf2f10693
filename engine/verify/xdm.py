"""IHE_XDM.ZIP, read by somebody who trusts nothing in it.

Source  IHE ITI TF-2 ITI-32 (media and "ZIP over email"), Référentiel MSSanté #2 (one patient).
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote

from engine.verify import archive, cda, rim, xdm_agreement, xdm_metadata
from engine.verify.archive import Entry, ZipError
from engine.verify.report import Fault, Weight
from engine.verify.rim import R, identifier, slot
from engine.verify.xdm_metadata import PATIENT_ID
from engine.verify.xml import Element, XmlError, parse, place_of

_NAME: Final = re.compile(r"[A-Z0-9_]{1,8}(?:\.[A-Z0-9_]{1,3})?")
_SUBSET: Final = re.compile(r"IHE_XDM/([^/]+)/METADATA\.XML")
MOST_DEPTH: Final = 8
_PAGE: Final = 64 * 1024


@dataclass(slots=True)
class Submission:
    """What a zip holds: its CDA documents, opened, and every fault found on the way."""

    documents: list[Element] = field(default_factory=list)
    files: set[bytes] = field(default_factory=set)  # inside documents of level 1
    faults: list[Fault] = field(default_factory=list)


def read(data: bytes) -> Submission:
    """Open a zip and judge all that is in it. Nothing is unpacked of one that would do harm."""
    submission = Submission()
    faults = submission.faults
    try:
        entries = archive.entries(data)
    except ZipError as error:
        faults.append(Fault(error.rule, "", str(error)))
        return submission
    faults += archive.judge(data, entries)
    if faults:
        return submission
    contents: dict[str, bytes] = {}
    for one in entries:
        if one.name.endswith("/"):
            continue
        try:
            contents[one.name] = archive.unpack(data, one)
        except ZipError as error:
            faults.append(Fault(error.rule, one.shown, str(error)))
    faults += _names(entries)
    faults += _index(contents)
    faults += _readme(contents)
    subsets = [name for name in contents if _SUBSET.fullmatch(name)]
    if not subsets:
        faults.append(
            Fault("xdm-metadata", "", "there is no IHE_XDM/<subset>/METADATA.XML: not an XDM zip")
        )
    described: set[str] = set()
    patients: set[str | None] = set()
    for name in subsets:
        _subset(name, contents, submission, described, patients)
    if len(patients) > 1:
        faults.append(Fault("xdm-patient", "", "the documents are of more than one patient"))
    shown = {one.name: one.shown for one in entries}
    expected = {*described, *subsets, "INDEX.HTM", "README.TXT"}
    faults += [
        Fault("xdm-stray", shown[name], "no METADATA.XML describes this file", Weight.OURS)
        for name in contents
        if name not in expected
    ]
    return submission


def judge_metadata(data: bytes) -> list[Fault]:
    """A METADATA.XML alone: its objects among themselves."""
    try:
        root = parse(data)
    except XmlError as error:
        return [Fault(error.rule, "", str(error))]
    if root.tag != rim.ROOT:
        return [Fault("rim-root", place_of(root), "the root is not lcm:SubmitObjectsRequest 3.0")]
    return list(xdm_metadata.judge(root))


def _names(entries: list[Entry]) -> Iterator[Fault]:
    for one in entries:
        parts = one.name.rstrip("/").split("/")
        if len(parts) > MOST_DEPTH or not all(_NAME.fullmatch(part) for part in parts):
            yield Fault(
                "xdm-name", one.shown, "a name is 8.3, A-Z 0-9 _, eight folders deep", Weight.OURS
            )


class _Links(HTMLParser):
    """The links of a page, its words, and what it should not have."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.words = 0
        self.active = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        self.active |= tag in {"script", "iframe", "object", "embed", "form", "meta"} and (
            tag != "meta"
            or any(name == "http-equiv" and value == "refresh" for name, value in attrs)
        )
        for name, value in attrs:
            self.active |= name.startswith("on") or (value or "").lower().startswith("javascript:")
            if name in ("href", "src") and value and tag == "a":
                self.links.add(unquote(value.strip()))

    def handle_data(self, data: str) -> None:
        """Count the words."""
        self.words += len(data.split())


def _index(contents: dict[str, bytes]) -> Iterator[Fault]:
    page = contents.get("INDEX.HTM")
    if page is None:
        yield Fault("xdm-index", "INDEX.HTM", "it is missing: a person opens the zip by it")
        return
    reader = _Links()
    reader.feed(page[:_PAGE].decode("utf-8", "replace"))
    reader.close()
    if reader.active:
        yield Fault("xdm-index-active", "INDEX.HTM", "the page does something by itself")
    documents = {name for name in contents if name.startswith("IHE_XDM/")}
    documents -= {name for name in documents if _SUBSET.fullmatch(name)}
    wanted = {"README.TXT", *documents} & contents.keys()
    if not wanted <= reader.links:
        yield Fault(
            "xdm-index-links", "INDEX.HTM", "it does not link README.TXT and every document"
        )
    if any(link not in contents for link in reader.links):
        yield Fault("xdm-index-dead", "INDEX.HTM", "a link leads out of the zip, or nowhere")
    if reader.words < 3:
        yield Fault("xdm-index-words", "INDEX.HTM", "it does not say who sends")


def _readme(contents: dict[str, bytes]) -> Iterator[Fault]:
    text = contents.get("README.TXT")
    if text is None:
        yield Fault("xdm-readme", "README.TXT", "it is missing: it says who sends, and with what")
        return
    try:
        words = text.decode("utf-8")
    except UnicodeDecodeError:
        yield Fault("xdm-readme-utf-8", "README.TXT", "it is not UTF-8", Weight.OURS)
        words = text.decode("cp1252", "replace")
    if len([line for line in words.splitlines() if line.strip()]) < 3:
        yield Fault("xdm-readme-words", "README.TXT", "it says next to nothing")


def _subset(
    name: str,
    contents: dict[str, bytes],
    submission: Submission,
    described: set[str],
    patients: set[str | None],
) -> None:
    faults = submission.faults
    folder = name.removesuffix("METADATA.XML")
    try:
        root = parse(contents[name])
    except XmlError as error:
        faults.append(Fault(error.rule, "METADATA.XML", str(error)))
        return
    if root.tag != rim.ROOT:
        faults.append(
            Fault("rim-root", "METADATA.XML", "the root is not lcm:SubmitObjectsRequest 3.0")
        )
        return
    faults += (one.within("METADATA.XML") for one in xdm_metadata.judge(root))
    for entry in root.iterfind(f"{R}RegistryObjectList/{R}ExtrinsicObject"):
        patients.add(identifier(entry, PATIENT_ID))
        here = f"METADATA.XML > {place_of(entry)}"
        uri = (slot(entry, "URI") or [""])[0]
        content = contents.get(folder + uri)
        if content is None or folder + uri == name:
            faults.append(Fault("xdm-uri", here, "the URI names no file of this folder"))
            continue
        if folder + uri in described:
            faults.append(Fault("xdm-uri-twice", here, "another entry names this file too"))
            continue
        described.add(folder + uri)
        faults += _same_file(entry, content, here)
        shown = uri if _NAME.fullmatch(uri) else "the document"
        if entry.get("mimeType") not in ("text/xml", "application/xslt+xml"):
            continue  # a companion of the CDA, whose own format is not this profile's matter
        try:
            document = parse(content)
        except XmlError as error:
            faults.append(Fault(error.rule, shown, str(error)))
            continue
        file = cda.level_1_file(document)
        faults += (one.within(shown) for one in cda.judge(document, file))
        if document.tag == cda.ROOT:
            submission.documents.append(document)
            if file:
                submission.files.add(file)
            agreed = xdm_agreement.judge(entry, document)
            faults += (one.within("METADATA.XML") for one in agreed)


def _same_file(entry: Element, content: bytes, here: str) -> Iterator[Fault]:
    told = (slot(entry, "hash") or [""])[0].lower()
    # SHA-1 is what XDS defines (ITI TF-3 4.2.3.2.10); it guards against accidents only.
    if told != hashlib.sha1(content, usedforsecurity=False).hexdigest():
        yield Fault("xdm-hash", here, "the hash is not the SHA-1 of the file")
    if slot(entry, "size") != [str(len(content))]:
        yield Fault("xdm-size", here, "the size is not that of the file")
