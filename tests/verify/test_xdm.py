import hashlib
import io
import re
import zipfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compose.render import render
from engine.model.letter import LetterKind
from engine.verify import check
from engine.verify.report import Kind
from tests.support.letters import FACE, WOMAN, letter, second, shop
from tests.support.mutations import RIM, Step, after, changed, drop, inside, put, text, twice

SUBSET = "IHE_XDM/SUBSET01/"
METADATA, DOCUMENT = SUBSET + "METADATA.XML", SUBSET + "DOC0001.XML"
SOURCES = Path(__file__).resolve().parents[2] / "engine" / "verify"
_ENTRY = "//r:ExtrinsicObject"
_SET = "//r:RegistryPackage"
_LINK = "//r:Association"


@cache
def files() -> dict[str, bytes]:
    """The files of a zip of ours."""
    made = render(letter(LetterKind.EXIT_NOTICE), shop(), FACE).files["ihe_xdm.zip"]
    archive = zipfile.ZipFile(io.BytesIO(made))
    return {name: archive.read(name) for name in archive.namelist()}


def packed(content: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return made.getvalue()


def rules(content: dict[str, bytes]) -> set[str]:
    return {one.rule for one in check("x", packed(content), leaving=True).grave}


def described(*steps: Step) -> dict[str, bytes]:
    """A zip of ours with its metadata changed."""
    return files() | {METADATA: changed(files()[METADATA], steps, RIM)}


def _slot(name: str) -> str:
    return f"{_ENTRY}/r:Slot[@name='{name}']"


def _value(name: str) -> str:
    return _slot(name) + "//r:Value"


def _class(scheme: str) -> str:
    return f"{_ENTRY}/r:Classification[@classificationScheme='urn:uuid:{scheme}']"


TYPE = _class("f0306f51-975f-434e-a61c-c59651d33983")
CLASS = _class("41a5887f-8865-4c09-adf7-e362475b143a")
FORMAT = _class("a09d5840-386c-46f2-b5ad-9c3699a4309d")
AUTHOR = _class("93606bcf-9494-43ec-9b4e-a7748d1a838d")
SECRECY = _class("f4f85eac-e6cb-4883-b524-f2705394840f")
FACILITY = _class("f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1")
SECTOR = _class("cccf5598-8b07-4b77-a05e-ae952c785ead")
PATIENT = (
    f"{_ENTRY}/r:ExternalIdentifier[r:Name/r:LocalizedString/@value='XDSDocumentEntry.patientId']"
)
UNIQUE = (
    f"{_ENTRY}/r:ExternalIdentifier[r:Name/r:LocalizedString/@value='XDSDocumentEntry.uniqueId']"
)
SET_PATIENT = f"{_SET}/r:ExternalIdentifier[1]"
_OTHER = "99999^^^&1.2.3&ISO^PI"

METADATA_CASES: dict[str, tuple[Step, ...]] = {
    "rim-order-order": (drop(_ENTRY + "/r:VersionInfo"),
                        after(_ENTRY + "/r:Classification[1]", '<VersionInfo versionName="1"/>')),
    "rim-order-missing": (drop(_slot("hash") + "/r:ValueList"),),
    "rim-order-repeated": (twice(_ENTRY + "/r:Name"),),
    "rim-order-unknown": (after(_ENTRY + "/r:Name", "<Nom/>"),),
    "rim-required": (put(_LINK, "associationType", None),),
    "rim-unknown": (after(_LINK, "<Federation id='f'/>"),),
    "rim-id-twice": (put(_LINK, "id", "cl-node"),),
    "rim-status": (put(_ENTRY, "status",
                       "urn:oasis:names:tc:ebxml-regrep:StatusType:Submitted"),),
    "rim-entry-type": (put(_ENTRY, "objectType", "urn:uuid:0"),),
    "rim-value-length": (text(f"{AUTHOR}/r:Slot[@name='authorSpecialty']//r:Value", "x" * 257),),
    "rim-name-length": (put(_ENTRY + "/r:VersionInfo", "versionName", "x" * 17),),
    "rim-string-length": (put(TYPE + "//r:LocalizedString", "value", "x" * 1025),),
    "rim-classified": (put(TYPE, "classifiedObject", "x"),),
    "rim-identified": (put(UNIQUE, "registryObject", "x"),),
    "rim-identifier-name": (drop(_SET + "/r:ExternalIdentifier[2]/r:Name"),),
    "set-time": (text(_SET + "/r:Slot//r:Value", "2026-11-24"),),
    "entry-institution": (
        text(f"{_SET}//r:Slot[@name='authorInstitution']//r:Value", "CH EXEMPLE"),),
    "entry-person": (text(f"{_SET}//r:Slot[@name='authorPerson']//r:Value", "MODELE"),),
    "author-institution": (drop(f"{_SET}//r:Slot[@name='authorInstitution']"),),
    "author-person": (drop(f"{_SET}//r:Slot[@name='authorPerson']"),),
    "author-node": (put(AUTHOR, "nodeRepresentation", "x"),),
    "entry-patient-info": (inside(_slot("sourcePatientInfo") + "/r:ValueList",
                                  "<Value>ESSAI</Value>"),),
    "entry-slot": (drop(_slot("legalAuthenticator")),),
    "entry-slot-twice": (twice(_slot("hash")),),
    "entry-slot-values": (inside(_slot("languageCode") + "/r:ValueList", "<Value>fr-FR</Value>"),),
    "entry-code-twice": (twice(TYPE), put(TYPE, "id", "other")),
    "entry-coded": (drop(SECRECY + "/r:Name"),),
    "entry-id": (drop(UNIQUE),),
    "entry-id-twice": (twice(UNIQUE), put(UNIQUE, "id", "other")),
    "entry-oid": (put(UNIQUE, "value", "premier"),),
    "entry-title": (drop(_ENTRY + "/r:Name"),),
    "set-slot": (drop(_SET + "/r:Slot"),),
    "set-code": (drop(_SET + "/r:Classification[2]"),),
    "set-id": (drop(_SET + "/r:ExternalIdentifier[2]"),),
    "set-oid": (put(_SET + "/r:ExternalIdentifier[2]", "value", "x"),),
    "set-coded": (put(_SET + "/r:Classification[2]", "nodeRepresentation", ""),),
    "set-one": (twice(_SET),),
    "set-node": (drop("//r:RegistryObjectList/r:Classification"),),
    "entry-none": (drop(_ENTRY),),
    "patient-differs": (put(SET_PATIENT, "value", _OTHER),),
    "link-ends": (put(_LINK, "targetObject", "x"),),
    "link-status": (drop(_LINK + "/r:Slot"),),
    "link-type": (put(_LINK, "associationType", "urn:x"),),
    "link-missing": (drop(_LINK),),
    "xdm-uri": (text(_value("URI"), "DOC0002.XML"),),
    "xdm-hash": (text(_value("hash"), "0" * 40),),
    "xdm-size": (text(_value("size"), "1"),),
    "entry-hash-form": (text(_value("hash"), "0"),),
    "entry-size-form": (text(_value("size"), "one"),),
    "agree-mime": (put(_ENTRY, "mimeType", "application/xslt+xml"),),
    "agree-id": (put(UNIQUE, "value", "1.2.3"),),
    "agree-title": (put(_ENTRY + "/r:Name/r:LocalizedString", "value", "Autre"),),
    "agree-language": (text(_value("languageCode"), "fr"),),
    "agree-creation": (text(_value("creationTime"), "20261124143005"),),
    "agree-start": (text(_value("serviceStartTime"), "20260902"),),
    "agree-stop": (drop(_slot("serviceStopTime")),),
    "agree-type": (put(TYPE, "nodeRepresentation", "11488-4"),),
    "agree-class": (put(CLASS, "nodeRepresentation", "11"),),
    "agree-format": (put(FORMAT, "nodeRepresentation", "urn:ihe:iti:xds-sd:text:2008"),),
    "agree-confidentiality": (put(SECRECY, "nodeRepresentation", "R"),),
    "agree-facility": (put(FACILITY, "nodeRepresentation", "SA05"),),
    "agree-sector": (put(SECTOR, "nodeRepresentation", "AMBULATOIRE"),),
    "agree-signer": (text(_value("legalAuthenticator"),
                          "810000000000^A^B^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"),),
    "agree-authors": (twice(AUTHOR), put(AUTHOR, "id", "other"),
                      text(f"{AUTHOR}//r:Slot[@name='authorPerson']//r:Value",
                           "810000000000^A^B^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS")),
    "agree-patient": (put(PATIENT, "value", _OTHER), put(SET_PATIENT, "value", _OTHER)),
    "agree-source-patient": (text(_value("sourcePatientId"), _OTHER),),
    "entry-patient-form": (text(_value("sourcePatientId"), "99999"),),
    "agree-birth": (text(_slot("sourcePatientInfo") + "//r:Value[starts-with(.,'PID-7')]",
                         "PID-7|19610215"),),
    "agree-sex": (text(_slot("sourcePatientInfo") + "//r:Value[starts-with(.,'PID-8')]",
                       "PID-8|F"),),
    "agree-name": (text(_slot("sourcePatientInfo") + "//r:Value[starts-with(.,'PID-5')]",
                        "PID-5|AUTRE^MARCEL^^^^^L"),),
    "entry-time": (text(_value("creationTime"), "20261324"),),
    "entry-code": (drop(SECRECY),),
}  # fmt: skip
# What cannot be broken without breaking another rule with it.
WITH = {
    "entry-none": {"link-ends", "xdm-stray"},
    "set-one": {"rim-id-twice"},
    "xdm-uri": {"xdm-stray"},
    "link-ends": {"link-missing"},
    "link-type": {"link-missing"},
    "rim-required": {"link-type", "link-missing"},
    "rim-order-missing": {"entry-slot-values", "xdm-hash"},
    "entry-slot": {"agree-signer"},
    "entry-slot-values": {"agree-language"},
    "entry-id": {"agree-id"},
    "entry-oid": {"agree-id"},
    "entry-title": {"agree-title"},
    "entry-hash-form": {"xdm-hash"},
    "entry-size-form": {"xdm-size"},
    "entry-patient-form": {"agree-source-patient"},
    "entry-time": {"agree-creation"},
    "entry-code": {"agree-confidentiality"},
    "agree-language": {"entry-language"},
}


@pytest.mark.parametrize(
    "of", [letter(), letter(patient=WOMAN), second()], ids=["man", "woman", "second"]
)
def test_every_zip_of_ours_is_without_fault(of: object) -> None:
    report = check("x", render(of, shop(), FACE).files["ihe_xdm.zip"], leaving=True)  # type: ignore[arg-type]
    assert (report.kind, report.findings) == (Kind.XDM, ())


@pytest.mark.parametrize(
    ("rule", "steps"),
    METADATA_CASES.items(),
    ids=list(METADATA_CASES),
)
def test_each_rule_of_the_metadata_refuses_what_breaks_it(
    rule: str, steps: tuple[Step, ...]
) -> None:
    assert rules(described(*steps)) == {rule} | WITH.get(rule, set())


def test_every_rule_of_the_metadata_has_a_zip_that_breaks_it() -> None:
    written: set[str] = set()
    for name in ("rim.py", "xdm_metadata.py", "xdm_agreement.py"):
        source = (SOURCES / name).read_text(encoding="utf-8")
        written |= set(re.findall(r'(?:Fault|Rule)\(\s*"([a-z-]+)"', source))
        written |= set(re.findall(r'^\s*\(\s*"(agree-[a-z]+)"', source, re.MULTILINE))
    untold = {
        one
        for one in written
        if one not in METADATA_CASES and one not in set().union(*WITH.values())
    }
    assert untold == {"rim-list"}


def test_a_changed_document_no_longer_fits_its_metadata() -> None:
    assert rules(files() | {DOCUMENT: files()[DOCUMENT] + b"\n"}) == {"xdm-hash", "xdm-size"}


def test_a_document_that_is_no_xml_or_opens_files_is_told() -> None:
    evil = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    told = described(
        text(_value("hash"), hashlib.sha1(evil, usedforsecurity=False).hexdigest()),
        text(_value("size"), str(len(evil))),
    )
    assert rules(told | {DOCUMENT: evil}) == {"xml-doctype"}
    assert rules(files() | {METADATA: evil}) == {"xml-doctype", "xdm-stray"}


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        ("xdm-index", {"INDEX.HTM": None}),
        ("xdm-readme", {"README.TXT": None}),
        ("xdm-metadata", {METADATA: None}),
        ("xdm-stray", {SUBSET + "DOC0002.XML": b"x"}),
        ("xdm-name", {SUBSET + "document0001.xml": b"x"}),
        ("xdm-index-links", {"INDEX.HTM": b"<p>CH EXEMPLE envoie</p>"}),
        ("xdm-index-dead", {"INDEX.HTM": b'<p>un deux trois</p><a href="http://x.test/">x</a>'}),
        ("xdm-index-active", {"INDEX.HTM": b"<p>un deux trois</p><script>1</script>"}),
        ("xdm-index-words", {"INDEX.HTM": b'<a href="README.TXT">1</a>'}),
        ("xdm-readme-words", {"README.TXT": b"x"}),
        ("xdm-readme-utf-8", {"README.TXT": "é\r\nà\r\nè\r\n".encode("latin-1")}),
        ("rim-root", {METADATA: b"<x/>"}),
    ],
)
def test_what_is_missing_or_too_much_around_the_document_is_told(
    rule: str, content: dict[str, bytes | None]
) -> None:
    mixed = files() | content
    assert rule in rules({name: data for name, data in mixed.items() if data is not None})


def test_two_patients_in_one_zip_are_told() -> None:
    other = {
        name.replace("SUBSET01", "SUBSET02"): data
        for name, data in described(
            put(PATIENT, "value", _OTHER), put(SET_PATIENT, "value", _OTHER)
        ).items()
    }
    assert "xdm-patient" in rules(files() | other)


def test_a_metadata_file_alone_is_judged_by_itself() -> None:
    report = check("x", files()[METADATA], leaving=True)
    assert (report.kind, report.findings) == (Kind.METADATA, ())
    broken = changed(files()[METADATA], (drop(_LINK),), RIM)
    assert {one.rule for one in check("x", broken).grave} == {"link-missing"}


def test_a_zip_that_would_harm_is_not_unpacked_at_all() -> None:
    assert rules(files() | {"../EVIL.TXT": b"x"}) == {"zip-path"}


def test_a_finding_never_holds_a_value_of_the_metadata() -> None:
    for steps in METADATA_CASES.values():
        report = check("x", packed(described(*steps)))
        told = " ".join(one.place + one.sentence for one in report.findings)
        for secret in ("ESSAI", "MARCEL", "161029999900145", "26000123", "MODELE", "CH EXEMPLE"):
            assert secret not in told


@settings(max_examples=60)
@given(st.integers(0, 6000), st.binary(min_size=1, max_size=5))
def test_noise_in_the_metadata_never_raises(at: int, noise: bytes) -> None:
    metadata = files()[METADATA]
    check("x", packed(files() | {METADATA: metadata[:at] + noise + metadata[at + len(noise) :]}))
