"""Copies for the record: what other readers of HL7 see in them, and what they never ask for."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import hl7 as other
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compose.render import render
from engine.decide.admission import admit
from engine.model.flow import AckCode
from engine.model.people import INS_NIR_TEST, Ins
from engine.wire import hl7
from engine.wire.encapsulated import undo_base64
from engine.wire.hl7_check import check
from engine.wire.hl7_documents import Flag, flags_of, kept_from_doctors, participants_of
from engine.wire.hl7_events import RequiredFields
from engine.wire.mdm import Copy, Ends, write_mdm
from tests.support.letters import FACE, letter, second, shop


@cache
def a_cda() -> bytes:
    return render(letter(), shop(), FACE).files["cda.xml"]


ENDS = Ends("RELAIS", "590000006", "DPI", "CH", "T")
AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def a_copy(**changes: Any) -> Copy:
    values: dict[str, Any] = {
        "control_id": "0123456789abcdef0123",
        "at": AT,
        "ipp": "26000123",
        "ipp_oid": "2.25.281474976710656900",
        "assigner": "CH EXEMPLE",
        "ins": Ins(matricule="161029999900145", oid=INS_NIR_TEST),
        "family": "ESSAI",
        "given": "MARCEL",
        "given_all": "MARCEL JEAN",
        "birth_date": "19610214",
        "sex": "M",
        "status": "VALI",
        "visit": "26V000456",
        "visit_oid": "2.25.281474976710656901",
        "type_code": "67851-6",
        "type_name": "CR d'admission",
        "type_system": "2.16.840.1.113883.6.1",
        "document": "2.25.281474976710656001",
        "replaces": "",
        "sent_at": AT,
        "content": a_cda(),
        "is_cda": True,
        "hospital": "CH EXEMPLE",
        "finess": "990000028",
        "recipient_rpps": "10999999971",
        "recipient_name": "TÉMOIN^Paul",
        "recipient_address": "paul.temoin@cabinet-exemple.mssante.fr",
        "masked": False,
        "hidden_from_patient": True,
        "hidden_from_parents": False,
    }
    return Copy(**(values | changes))


def admitted(raw: bytes) -> tuple[AckCode, str]:
    verdict = admit(raw, required=RequiredFields(), aliases={})
    return verdict.ack, verdict.reason


def a_second_copy(replaces: str) -> Copy:
    """Of version 2, whose CDA names the one that it replaces."""
    of = second()
    assert of.replaces is not None
    return a_copy(
        content=render(of, shop(), FACE).files["cda.xml"],
        document=of.document_oid,
        replaces=of.replaces.document_oid if replaces else "",
        type_code="11490-0",
        type_name="Lettre de liaison",
    )


@pytest.mark.parametrize("replaces", ["", "2.25.281474976710656001"])
def test_our_own_door_which_asks_what_the_volet_asks_takes_it(replaces: str) -> None:
    raw = write_mdm(a_second_copy(replaces) if replaces else a_copy(), ENDS)
    assert admitted(raw) == (AckCode.AA, "")
    message = hl7.read(raw)
    event = "MDM^T10" if replaces else "MDM^T02"
    assert message.header.message_type == event
    assert message.value("ORC", 1) == ("RO" if replaces else "NW")
    assert message.value("TXA", 13) == replaces
    assert message.value("OBX", 11) == ("C" if replaces else "F")


def test_the_document_in_it_is_the_very_one_that_left() -> None:
    copy = a_copy()
    message = hl7.read(write_mdm(copy, ENDS))
    assert undo_base64(message.value("OBX", 5, 5)) == copy.content
    assert message.value("PID", 3, 1) == copy.ipp
    assert message.header.control_id == copy.control_id
    assert (message.header.accept_ack, message.header.application_ack) == ("AL", "AL")
    assert message.header.processing_id == "T"


def test_it_asks_nobody_to_send_it_again() -> None:
    message = hl7.read(write_mdm(a_copy(), ENDS))
    flags = {one.flag: one.value for one in flags_of(message)}
    for flag in (Flag.DESTDMP, Flag.DESTMSSANTEPS, Flag.DESTMSSANTEPAT):
        assert flags[flag] == "N"
    # Come back to our own listener, it is kept from every doctor: no letter is made of it.
    assert kept_from_doctors(flags_of(message), None)


def test_it_tells_who_got_it_and_hides_what_the_letter_hid() -> None:
    message = hl7.read(write_mdm(a_copy(), ENDS))
    addresses = [segment.value(15, 4) for segment in message.all("PRT")]
    assert addresses == ["", "paul.temoin@cabinet-exemple.mssante.fr"]
    assert len(list(participants_of(message))) == 2
    flags = {one.flag: one.value for one in flags_of(message)}
    assert flags[Flag.INVISIBLE_PATIENT] == "Y"
    assert flags[Flag.MASQUE_PS] == "N"
    paper = hl7.read(write_mdm(a_copy(recipient_address=""), ENDS))
    assert [segment.value(15, 4) for segment in paper.all("PRT")] == ["", ""]


def test_a_pdf_claims_no_profile_that_does_not_know_it() -> None:
    raw = write_mdm(a_copy(content=b"%PDF-1.4", is_cda=False), ENDS)
    message = hl7.read(raw)
    assert message.header.field(21) == ""
    assert message.value("OBX", 5, 3) == "PDF"
    assert undo_base64(message.value("OBX", 5, 5)) == b"%PDF-1.4"


def test_the_grammar_of_the_standard_minds_nothing_but_what_the_profile_takes_from_later() -> None:
    errors = [one.place for one in check(write_mdm(a_copy(), ENDS)) if one.severity == "error"]
    assert errors == ["PRT"]  # pre-adopted from v2.9 by the volet


def test_another_library_reads_the_same() -> None:
    parsed = other.parse(write_mdm(a_copy(), ENDS).decode())
    assert str(parsed["PID.F5.R1.C1"]) == "ESSAI"
    assert str(parsed["TXA.F12"]) == "2.25.281474976710656001"


_TEXTS = ("ipp", "family", "given", "given_all", "visit", "type_name", "hospital", "assigner")


@settings(max_examples=150)
@given(st.sampled_from(_TEXTS), st.text(max_size=40))
def test_no_text_of_others_makes_a_segment_a_field_or_a_component(name: str, text: str) -> None:
    plain, odd = a_copy(), replace(a_copy(), **{name: text})
    try:
        raw = write_mdm(odd, ENDS)
    except UnicodeEncodeError:
        return  # lone surrogates are no text: the letter's CDA could not hold them either
    message, usual = hl7.read(raw), hl7.read(write_mdm(plain, ENDS))
    assert [one.name for one in message.segments] == [one.name for one in usual.segments]
    flags = {one.flag: one.value for one in flags_of(message)}
    assert flags == {one.flag: one.value for one in flags_of(usual)}
    assert message.value("TXA", 12) == usual.value("TXA", 12)
    assert message.value("PID", 8) == usual.value("PID", 8)
    for segment, known in zip(message.segments, usual.segments, strict=True):
        assert segment.text.count("|") == known.text.count("|")
