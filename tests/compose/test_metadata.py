import hashlib
from typing import Any

import pytest
from lxml import etree

from engine.compose.metadata import entry_uuid, render_metadata, submission_oid
from engine.model.fact import Visibility
from engine.model.letter import Letter, LetterKind
from tests.support.letters import (
    PATIENT,
    PSYCHIATRIC,
    SOMATIC,
    UNIT,
    WOMAN,
    letter,
    second,
    shop,
    summary,
)

RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
NS = {"r": RIM[1:-1]}
CDA = b"<ClinicalDocument/>"

# rim.xsd, RegistryObjectType: a sequence.
ORDER = [
    "Slot", "Name", "Description", "VersionInfo", "Classification", "ExternalIdentifier",
]  # fmt: skip

CASES = {
    "arrival": letter(),
    "arrival without INS": letter(patient=WOMAN),
    "exit letter": letter(LetterKind.EXIT_LETTER),
    "second version, two authors": second(summary=summary(SOMATIC, PSYCHIATRIC)),
}


def made(of: Letter) -> etree._Element:
    return etree.fromstring(render_metadata(of, CDA, "DOC0001.XML", shop()))


def slot(parent: Any, name: str) -> list[str]:
    return [v.text for v in parent.findall(f"r:Slot[@name='{name}']/r:ValueList/r:Value", NS)]


def entry_of(root: etree._Element) -> Any:
    return root.find(".//r:ExtrinsicObject", NS)


@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_children_stand_in_the_order_of_the_schema(of: Letter) -> None:
    root = made(of)
    objects = root[0]
    assert [etree.QName(o).localname for o in objects] == [
        "RegistryPackage", "Classification", "ExtrinsicObject", "Association",
    ]  # fmt: skip
    for parent in root.iter(*(RIM + tag for tag in (
        "RegistryPackage", "ExtrinsicObject", "Classification", "ExternalIdentifier", "Association",
    ))):  # fmt: skip
        tags = [etree.QName(child).localname for child in parent]
        assert tags == sorted(tags, key=ORDER.index)


@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_every_id_is_unique_and_every_reference_leads_somewhere(of: Letter) -> None:
    root = made(of)
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    for name in ("classifiedObject", "registryObject", "sourceObject", "targetObject"):
        assert {e.get(name) for e in root.iter() if e.get(name)} <= set(ids)


@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_hash_and_size_are_those_of_the_document_in_the_zip(of: Letter) -> None:
    entry = entry_of(made(of))
    assert slot(entry, "hash") == [hashlib.sha1(CDA, usedforsecurity=False).hexdigest()]
    assert slot(entry, "size") == [str(len(CDA))]
    assert slot(entry, "URI") == ["DOC0001.XML"]


REQUIRED_CLASSES = {
    "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d": None,  # author
    "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a": "10",
    "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983": None,  # typeCode, by kind
    "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d": None,  # by the level: see below
    "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f": "N",
    "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1": "SA01",
    "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead": "ETABLISSEMENT",
}


@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_the_entry_has_every_attribute_that_the_national_model_requires(of: Letter) -> None:
    entry = entry_of(made(of))
    for name in (
        "creationTime", "languageCode", "legalAuthenticator", "serviceStartTime",
        "sourcePatientId", "sourcePatientInfo",
    ):  # fmt: skip
        assert slot(entry, name), name
    found = {c.get("classificationScheme"): c for c in entry.findall("r:Classification", NS)}
    assert set(found) == set(REQUIRED_CLASSES)
    for scheme, code in REQUIRED_CLASSES.items():
        assert code in (None, found[scheme].get("nodeRepresentation"))
    kinds = {LetterKind.ARRIVAL_NOTICE: "67851-6"}
    type_ = found["urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"].get("nodeRepresentation")
    assert type_ == kinds.get(of.kind, "11490-0")


def test_what_authors_hid_follows_the_confidentiality_of_the_document() -> None:
    scheme = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"

    def told(of: Letter) -> list[tuple[str, str]]:
        found = entry_of(made(of)).findall("r:Classification", NS)
        return [
            (one.get("nodeRepresentation"), *slot(one, "codingScheme"))
            for one in found
            if one.get("classificationScheme") == scheme
        ]

    normal = ("N", "2.16.840.1.113883.5.25")
    assert told(letter()) == [normal]
    hidden = letter(visibility=(Visibility.INVISIBLE_PATIENT,))
    assert told(hidden) == [normal, ("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13")]
    every = letter(visibility=tuple(Visibility))
    assert [code for code, _ in told(every)] == ["N", *Visibility]
    ids = [one.get("id") for one in made(every).iter() if one.get("id")]
    assert len(ids) == len(set(ids))


def test_every_author_has_a_classification_of_their_own() -> None:
    entry = entry_of(made(CASES["second version, two authors"]))
    people = [
        slot(c, "authorPerson")[0]
        for c in entry.findall("r:Classification", NS)
        if slot(c, "authorPerson")
    ]
    assert people == [
        "810999999997^MODÈLE^Claire^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
        "810999999989^EXEMPLE^Jean-Noël^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
    ]


@pytest.mark.parametrize(
    ("patient", "number"),
    [
        (PATIENT, "161029999900145^^^&1.2.250.1.213.1.4.10&ISO^NH"),
        (WOMAN, "26000777^^^&2.25.281474976710656900&ISO^PI"),
    ],
    ids=["with INS", "without"],
)
def test_set_and_entry_name_the_same_patient(patient: Any, number: str) -> None:
    root = made(letter(patient=patient))
    found = {
        e.find("r:Name/r:LocalizedString", NS).get("value"): e.get("value")  # type: ignore[union-attr]
        for e in root.iter(RIM + "ExternalIdentifier")
    }
    assert found["XDSSubmissionSet.patientId"] == number
    assert found["XDSDocumentEntry.patientId"] == number
    assert found["XDSDocumentEntry.uniqueId"] == "2.25.281474976710656001"
    assert found["XDSSubmissionSet.sourceId"] == shop().source_oid
    assert found["XDSSubmissionSet.uniqueId"] == submission_oid("2.25.281474976710656001")


def test_times_are_utc_without_an_offset() -> None:
    entry = entry_of(made(letter(LetterKind.EXIT_LETTER)))
    assert slot(entry, "serviceStartTime") == ["20260901081500"]
    assert slot(entry, "serviceStopTime") == ["20261124100000"]
    assert slot(entry, "creationTime") == ["20261124133005"]
    assert slot(entry_of(made(letter())), "serviceStopTime") == []


def test_a_delimiter_in_a_value_never_cuts_a_field() -> None:
    patient = PATIENT.model_copy(update={"birth_family": "A^B&C|D~E\\F", "ipp": "1^2&3"})
    unit = UNIT.model_copy(update={"hospital": "CH ^&| X"})
    root = made(letter(patient=patient, unit=unit))
    entry = entry_of(root)
    assert slot(entry, "sourcePatientInfo")[0] == "PID-5|A B C D E F^MARCEL^^^^^L"
    assert slot(entry, "sourcePatientId") == ["1 2 3^^^&2.25.281474976710656900&ISO^PI"]
    author = next(c for c in entry.findall("r:Classification", NS) if slot(c, "authorInstitution"))
    assert slot(author, "authorInstitution")[0].count("^") == 9


def test_registry_ids_are_the_same_for_the_same_document_and_differ_between_versions() -> None:
    assert entry_uuid("2.25.1", "entry") == entry_uuid("2.25.1", "entry")
    assert len({entry_uuid(o, r) for o in ("2.25.1", "2.25.2") for r in ("entry", "set")}) == 4
    assert len(submission_oid("2.25.1")) <= 64


def test_the_format_follows_the_level_of_the_document() -> None:
    scheme = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
    path = f"//r:Classification[@classificationScheme='{scheme}']/@nodeRepresentation"

    def format_of(of: Letter) -> list[str]:
        document = etree.fromstring(render_metadata(of, b"<x/>", "DOC0001.XML", shop()))
        return list(document.xpath(path, namespaces=NS))

    assert format_of(letter()) == ["urn:ihe:iti:xds-sd:pdf:2008"]
    assert format_of(letter(LetterKind.EXIT_LETTER)) == ["urn:asip:ci-sis:ldl-ses:2017"]
    in_pdf = letter(LetterKind.EXIT_LETTER, summary=summary())
    assert format_of(in_pdf) == ["urn:ihe:iti:xds-sd:pdf:2008"]
