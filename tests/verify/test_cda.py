import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.verify import check
from engine.verify.cda import RULES
from tests.support.golden import ROOT as GOLDEN
from tests.support.mutations import Step, changed, drop, put
from tests.verify.body_cases import BODY, GOOD
from tests.verify.cda_cases import HEADER

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "verify"
BASES = {
    "n1": (FIXTURES / "arrival-notice.xml").read_bytes(),
    "n3": (FIXTURES / "exit-letter.xml").read_bytes(),
}
SOURCES = Path(__file__).resolve().parents[2] / "engine" / "verify"


# Codes of the record that are not ours to mend: told, and no letter waits for them.
ADVISED = {"medicine-code", "translation-system"}


def broken(document: bytes) -> set[str]:
    """The rules that count against a document of ours."""
    findings = check("x", document, leaving=True).findings
    return {one.rule for one in findings if one.grave or one.rule in ADVISED}


KNOWN = {name: broken(content) for name, content in BASES.items()}


@pytest.mark.parametrize("name", BASES)
def test_the_two_documents_that_pass_the_national_kit_pass_here(name: str) -> None:
    report = check(name, BASES[name])
    assert report.grave == ()
    # What is said of them all the same: keys of invented numbers, a mailbox, an untagged PDF.
    assert {one.rule for one in report.findings} <= {
        "structure-finess-key", "person-rpps-key", "recipient-address", "pdf-tags",
    }  # fmt: skip
    assert (
        report.what
        == {
            "n1": "CDA R2, level 1",
            "n3": "CDA R2, level 3, exit letter (LDL-SES)",
        }[name]
    )


@pytest.mark.parametrize(("rule", "case"), HEADER.items(), ids=list(HEADER))
def test_each_rule_of_the_header_refuses_what_breaks_it_and_no_other_does(
    rule: str, case: tuple[str, tuple[Step, ...]]
) -> None:
    name, steps = case
    document = changed(BASES[name], steps)
    advice = {one.rule for one in check("x", document).findings if not one.grave}
    if rule == "person-rpps-key":  # an invented number is no fault
        assert rule in advice
        return
    assert broken(document) - KNOWN[name] == {rule}


@pytest.mark.parametrize(("rule", "steps"), BODY.items(), ids=list(BODY))
def test_each_rule_of_the_body_refuses_what_breaks_it_and_no_other_does(
    rule: str, steps: tuple[Step, ...]
) -> None:
    assert broken(changed(BASES["n3"], steps)) - KNOWN["n3"] == {rule}


@pytest.mark.parametrize("steps", GOOD.values(), ids=list(GOOD))
def test_what_the_model_allows_is_accepted(steps: tuple[Step, ...]) -> None:
    assert broken(changed(BASES["n3"], steps)) == KNOWN["n3"]


def test_every_rule_has_a_document_that_breaks_it() -> None:
    written = {rule.id for rule in RULES}
    for path in (SOURCES / "cda.py", SOURCES / "cda_body.py"):
        written |= set(re.findall(r'Fault\(\s*"([a-z0-9-]+)"', path.read_text(encoding="utf-8")))
    untold = written - HEADER.keys() - BODY.keys()
    # Told by other tests, or by the shape of the file itself.
    assert untold == {
        "structure-finess-key", "recipient-address", "doc-root", "doc-stylesheet", "doc-encoding",
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("letters/*/cda.xml")), ids=lambda path: path.parent.name
)
def test_every_golden_document_is_accepted(path: Path) -> None:
    # The golden has a mark in place of the PDF, whose bytes belong to a version of the engine.
    content = path.read_bytes().replace(b"(PDF)", b"JVBERi0xLjQK")
    report = check("x", content, leaving=True)
    found = [one for one in report.grave if not one.rule.startswith("pdf-")]
    assert found == []


def test_the_body_of_a_model_that_is_not_known_gets_advice_alone() -> None:
    steps = (put("c:templateId[3]", "root", "1.2.250.1.213.1.1.1.13"),
             put("c:templateId[3]", "extension", "2024.01"), put("c:code", "code", "60591-5"),
             put("c:code", "displayName", "Synthèse médicale"),
             *BODY["reference-form"], *BODY["treatment-class"], *BODY["order-unknown"])  # fmt: skip
    report = check("x", changed(BASES["n3"], steps))
    assert report.what == "CDA R2, level 3, model 1.2.250.1.213.1.1.1.13"
    assert report.grave == ()
    assert {"reference-form", "order-unknown"} <= {one.rule for one in report.findings}
    assert "custodian" in "".join(
        one.sentence
        for one in check("x", changed(BASES["n3"], (*steps, drop("c:custodian")))).grave
    )


def test_a_style_sheet_and_another_encoding_are_told() -> None:
    body = BASES["n3"].partition(b"?>")[2]
    sheet = b'<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet href="a.xsl"?>' + body
    assert broken(sheet) - KNOWN["n3"] == {"doc-stylesheet"}
    latin = b'<?xml version="1.0" encoding="ISO-8859-1"?>' + body.decode().encode("latin-1")
    assert broken(latin) - KNOWN["n3"] == {"doc-encoding"}


def test_a_finding_never_holds_a_value_of_the_document() -> None:
    for steps in (*BODY.values(), *(case[1] for case in HEADER.values() if case[0] == "n3")):
        report = check("x", changed(BASES["n3"], steps))
        told = " ".join(one.place + one.sentence for one in report.findings)
        for secret in ("PAT-TROIS", "DOMINIQUE", "279035", "0012345678", "SOMATIQUE", "TRAITANTE"):
            assert secret not in told


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "xml-doctype"),
        (b'<!DOCTYPE a [<!ENTITY x "' + b"ha" * 9 + b'">]>', "xml-doctype"),
    ],
)
def test_a_document_type_is_refused_unread(content: bytes, rule: str) -> None:
    document = BASES["n3"].replace(b"<ClinicalDocument", content + b"<ClinicalDocument", 1)
    assert broken(document) == {rule}


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-32", "cp037"])
def test_no_encoding_hides_a_document_type(codec: str) -> None:
    evil = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    report = check("x", evil.encode(codec))
    assert report.grave
    declared = b'<?xml version="1.0" encoding="cp037"?><a/>'
    assert {one.rule for one in check("x", declared).grave} == {"xml-encoding"}


def test_elements_and_depth_are_bounded() -> None:
    assert broken(b"<a>" + b"<b/>" * 500_000 + b"</a>") == {"xml-size"}
    assert broken(b"<a>" * 5_000) == {"xml-form"}


def test_a_document_with_twenty_thousand_faults_is_told_in_short() -> None:
    start = time.process_time()
    odd = b"<addr>" + b"<city/><city/>" * 10_000 + b"</addr>"
    for noise in (odd, b"<odd/>" * 20_000, b'<id root="x"/>' * 20_000):
        document = BASES["n3"].replace(b"</recordTarget>", b"</recordTarget>" + noise)
        report = check("x", document)
        assert 0 < len(report.findings) <= 201
    assert time.process_time() - start < 10


@settings(max_examples=60)
@given(st.data())
def test_whatever_is_taken_away_gives_findings_and_never_an_exception(data: st.DataObject) -> None:
    names = ("id", "code", "text", "effectiveTime", "value", "name", "assignedEntity", "section",
             "templateId", "statusCode", "time", "component", "patient", "title")  # fmt: skip
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
    document = BASES["n3"]
    for name in chosen:
        if b"<" + name.encode() in document:
            document = changed(document, (drop(f"//c:{name}"),))
    assert check("x", document).findings


@settings(max_examples=60)
@given(st.integers(0, 20_000), st.binary(min_size=1, max_size=8))
def test_any_bytes_in_the_middle_never_raise(at: int, noise: bytes) -> None:
    document = BASES["n3"]
    check("x", document[:at] + noise + document[at + len(noise) :])
