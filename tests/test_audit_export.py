"""Exports lose nothing, and each message has the form of DICOM PS3.15 A.5.1."""

import json
from base64 import b64decode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from engine.audit import GENESIS, hash_of, private_key_from_seed, verify
from engine.audit_export import (
    EVENTS,
    AuditSite,
    from_jsonl,
    to_atna,
    to_atna_document,
    to_jsonl,
)
from engine.model.trail import AuditEntry, AuditKind

SITE = AuditSite(source="relais-nord", enterprise="590000001")

KINDS = {
    "message-received": ("110107", "C", "0"),
    "message-duplicate": ("110107", "R", "0"),
    "message-quarantined": ("110107", "C", "4"),
    "message-processed": ("110110", "U", "0"),
    "decision": ("110110", "E", "0"),
    "consent-recorded": ("110110", "U", "0"),
    "gp-confirmed": ("110110", "U", "0"),
    "letter-queued": ("110106", "C", "0"),
    "attempt-opened": ("110106", "E", "0"),
    "attempt-closed": ("110106", "R", "0"),
    "delivery-moved": ("110106", "U", "0"),
    "task-raised": ("110110", "C", "0"),
    "task-closed": ("110110", "U", "0"),
    "human-act": ("110100", "E", "0"),
    "read": ("110112", "R", "0"),
    "config-loaded": ("110113", "U", "0"),
    "service-started": ("110100", "E", "0"),
    "service-stopped": ("110100", "E", "0"),
    "root-signed": ("110101", "C", "0"),
    "a kind of tomorrow": ("110100", "E", "0"),
}

# The structure of PS3.15 A.5.1, written for this test: which elements in which order, which
# attributes are required, which values are allowed. RELAX NG, compact in spirit, XML in form.
CODED = """
<attribute name="csd-code"/><attribute name="codeSystemName"/><attribute name="originalText"/>
<optional><attribute name="displayName"/></optional>
"""
SCHEMA = f"""
<element name="AuditMessage" xmlns="http://relaxng.org/ns/structure/1.0"
    datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <element name="EventIdentification">
    <optional><attribute name="EventActionCode"><choice><value>C</value><value>R</value>
      <value>U</value><value>D</value><value>E</value></choice></attribute></optional>
    <attribute name="EventDateTime"><data type="dateTime"/></attribute>
    <attribute name="EventOutcomeIndicator"><choice><value>0</value><value>4</value>
      <value>8</value><value>12</value></choice></attribute>
    <element name="EventID">{CODED}</element>
    <zeroOrMore><element name="EventTypeCode">{CODED}</element></zeroOrMore>
    <optional><element name="EventOutcomeDescription"><text/></element></optional>
  </element>
  <oneOrMore><element name="ActiveParticipant">
    <attribute name="UserID"/>
    <optional><attribute name="AlternativeUserID"/></optional>
    <optional><attribute name="UserName"/></optional>
    <attribute name="UserIsRequestor"><data type="boolean"/></attribute>
    <zeroOrMore><element name="RoleIDCode">{CODED}</element></zeroOrMore>
  </element></oneOrMore>
  <element name="AuditSourceIdentification">
    <optional><attribute name="AuditEnterpriseSiteID"/></optional>
    <attribute name="AuditSourceID"/>
    <zeroOrMore><element name="AuditSourceTypeCode"><attribute name="csd-code"><choice>
      <value>1</value><value>2</value><value>3</value><value>4</value><value>5</value>
      <value>6</value><value>7</value><value>8</value><value>9</value>
    </choice></attribute></element></zeroOrMore>
  </element>
  <zeroOrMore><element name="ParticipantObjectIdentification">
    <attribute name="ParticipantObjectID"/>
    <attribute name="ParticipantObjectTypeCode"><choice><value>1</value><value>2</value>
      <value>3</value><value>4</value></choice></attribute>
    <attribute name="ParticipantObjectTypeCodeRole"><data type="integer">
      <param name="minInclusive">1</param><param name="maxInclusive">24</param></data></attribute>
    <element name="ParticipantObjectIDTypeCode">{CODED}</element>
    <zeroOrMore><element name="ParticipantObjectDetail">
      <attribute name="type"/>
      <attribute name="value"><data type="base64Binary"/></attribute>
      <empty/>
    </element></zeroOrMore>
  </element></zeroOrMore>
</element>
"""
FORM = etree.RelaxNG(etree.fromstring(SCHEMA))


def line(**changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "seq": 12,
        "at": "2026-03-10T09:30:00.123456+00:00",
        "kind": "letter-queued",
        "actor": "relais",
        "patient": "9000001|1.2.250.1.999.1",
        "stay": "V1/nord/1",
        "subject": "delivery abc",
        "detail": {"channel": "mssante", "version": 2, "held": False, "why": None},
        "previous": bytes(range(32)),
        "hash": b"",
    }
    unsigned = AuditEntry(**(values | changes))
    return replace(unsigned, hash=hash_of(unsigned))


def message(entry: AuditEntry, site: AuditSite = SITE) -> etree._Element:
    parsed = etree.fromstring(to_atna(entry, site))
    FORM.assertValid(parsed)
    return parsed


def objects(parsed: etree._Element) -> dict[str, etree._Element]:
    return {
        str(each.get("ParticipantObjectID")): each
        for each in parsed.iterfind("ParticipantObjectIdentification")
    }


def details(element: etree._Element) -> dict[str, str]:
    return {
        str(each.get("type")): b64decode(str(each.get("value"))).decode()
        for each in element.iterfind("ParticipantObjectDetail")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_event_and_keeps_its_name(kind: str) -> None:
    parsed = message(line(kind=kind))
    event = parsed.find("EventIdentification")
    assert event is not None
    (identity,) = event.iterfind("EventID")
    assert (
        identity.get("csd-code"),
        event.get("EventActionCode"),
        event.get("EventOutcomeIndicator"),
    ) == KINDS[kind]
    assert identity.get("codeSystemName") == "DCM"
    assert event.get("EventDateTime") == "2026-03-10T09:30:00.123456+00:00"
    types = [(e.get("codeSystemName"), e.get("csd-code")) for e in event.iterfind("EventTypeCode")]
    assert ("Relais", kind) in types


@pytest.mark.parametrize(
    ("kind", "code"), [("service-started", "110120"), ("service-stopped", "110121")]
)
def test_start_and_stop_bear_the_type_codes_of_dicom(kind: str, code: str) -> None:
    parsed = message(line(kind=kind, patient=None, stay=None, subject="", detail={}))
    assert code in [e.get("csd-code") for e in parsed.iter("EventTypeCode")]


@pytest.mark.parametrize(
    ("outcome", "indicator"),
    [
        ("accepted", "0"),
        ("deferred", "4"),
        ("rejected", "4"),
        ("possibly-sent", "4"),
        ("cut", "4"),
        (None, "0"),
    ],
)
def test_an_attempt_that_failed_says_so(outcome: str | None, indicator: str) -> None:
    parsed = message(line(kind="attempt-closed", detail={"outcome": outcome}))
    event = parsed.find("EventIdentification")
    assert event is not None
    assert event.get("EventOutcomeIndicator") == indicator


def test_the_patient_is_a_person_object_and_the_delivery_a_system_object() -> None:
    found = objects(message(line()))
    patient = found["9000001|1.2.250.1.999.1"]
    assert patient.get("ParticipantObjectTypeCode") == "1"
    assert patient.get("ParticipantObjectTypeCodeRole") == "1"
    kind = patient.find("ParticipantObjectIDTypeCode")
    assert kind is not None
    assert (kind.get("csd-code"), kind.get("codeSystemName")) == ("2", "RFC-3881")
    letter = found["delivery abc"]
    assert letter.get("ParticipantObjectTypeCode") == "2"
    assert details(letter) == {
        "channel": "mssante",
        "version": "2",
        "held": "false",
        "why": "null",
    }


def test_the_message_is_tied_to_its_line_in_the_chain() -> None:
    entry = line()
    found = details(objects(message(entry))["12"])
    assert (found["previous"], found["hash"]) == (entry.previous.hex(), entry.hash.hex())


def test_a_line_about_nothing_keeps_its_detail() -> None:
    parsed = message(line(kind="service-started", subject="", detail={"version": "0.1.0"}))
    assert details(objects(parsed)["12"])["version"] == "0.1.0"


@pytest.mark.parametrize(
    ("kind", "actor", "roles"),
    [
        ("message-received", "dpi", [("dpi", "true", "110153"), ("relais", "false", "110152")]),
        ("letter-queued", "relais", [("relais", "true", "110153"), ("mssante", "false", "110152")]),
        ("human-act", "anna", [("anna", "true", None), ("relais", "false", "110150")]),
        ("decision", "relais", [("relais", "true", "110150")]),
    ],
)
def test_the_participants_are_who_acted_and_the_two_ends(
    kind: str, actor: str, roles: list[tuple[str, str, str | None]]
) -> None:
    parsed = message(line(kind=kind, actor=actor))
    found = []
    for each in parsed.iterfind("ActiveParticipant"):
        role = each.find("RoleIDCode")
        code = None if role is None else role.get("csd-code")
        found.append((each.get("UserID"), each.get("UserIsRequestor"), code))
    assert found == roles


def test_the_source_is_the_site() -> None:
    source = message(line()).find("AuditSourceIdentification")
    assert source is not None
    assert source.get("AuditSourceID") == "relais-nord"
    assert source.get("AuditEnterpriseSiteID") == "590000001"
    bare = message(line(), AuditSite("x")).find("AuditSourceIdentification")
    assert bare is not None
    assert bare.get("AuditEnterpriseSiteID") is None


TEXT = st.text(max_size=12)
LINES = st.builds(
    line,
    seq=st.integers(1, 10**9),
    kind=st.sampled_from(sorted(KINDS)) | TEXT,
    actor=TEXT,
    patient=st.none() | TEXT,
    stay=st.none() | TEXT,
    subject=TEXT,
    detail=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=4),
)


@given(LINES)
def test_any_line_makes_a_message_of_the_right_form(entry: AuditEntry) -> None:
    message(entry)


@given(st.lists(LINES, max_size=4))
def test_a_document_holds_every_line(entries: list[AuditEntry]) -> None:
    parsed = etree.fromstring(b"".join(to_atna_document(entries, SITE)))
    assert parsed.tag == "AuditMessages"
    assert len(parsed) == len(entries)
    for each in parsed:
        FORM.assertValid(each)


@given(st.lists(LINES, max_size=4))
def test_json_lines_come_back_as_they_were(entries: list[AuditEntry]) -> None:
    lines = list(to_jsonl(entries))
    assert all("\n" not in each and "\r" not in each for each in lines)
    assert list(from_jsonl(lines)) == entries


def test_an_export_is_verified_away_from_the_store() -> None:
    entries: list[AuditEntry] = []
    for seq in range(1, 6):
        entries.append(line(seq=seq, previous=entries[-1].hash if entries else GENESIS))
    lines = list(to_jsonl(entries))
    public = private_key_from_seed(bytes(32)).public_key()
    assert verify(from_jsonl(lines), [], public).lines == 5
    forged = json.loads(lines[2]) | {"actor": "forger"}
    lines[2] = json.dumps(forged)
    assert verify(from_jsonl(lines), [], public).seq == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"previous": 1, "hash": ""}'])
def test_a_line_that_is_no_export_is_named_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="line 2") as caught:
        list(from_jsonl([*to_jsonl([line()]), text]))
    assert text == "" or text not in str(caught.value)


def test_every_kind_of_line_has_its_code_for_a_security_log() -> None:
    assert set(EVENTS) == {kind.value for kind in AuditKind}
