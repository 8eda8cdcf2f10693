"""MDM and ORU to facts: which document, whose numbers, what it says, and from whom it is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose.cda import render_cda
from engine.decide.fold import fold
from engine.mapping.apply import apply
from engine.mapping.load import load_mapping
from engine.mapping.reading import Reading
from engine.mapping.schema import Dialect
from engine.model.errors import MessageError
from engine.model.fact import DocumentAction, DocumentForm, DocumentPublished, Half, Visibility
from engine.model.summary import Items
from engine.wire import hl7
from tests.support.adt import adt
from tests.support.documents import (
    FIXED,
    IPP_OID,
    LABEL,
    N1,
    N3,
    NEW,
    REQUIRED,
    RTF,
    TYPE,
    Cda,
    National,
    edited,
    encapsulated,
    fixture,
    flagged,
    joined,
    pdf,
    plain,
    without,
)
from tests.support.letters import shop
from tests.support.summaries import exit_letter, said

SILLAGE = load_mapping(Path(__file__).parents[2] / "mappings" / "sillage")
NOW = datetime(2026, 4, 1, tzinfo=UTC)
ORU = National("ORU^R01", documents=(Cda(), Cda(N3, structured=True)))
ORU_NEW = National(
    "ORU^R01",
    "RO",
    "C",
    (Cda(NEW, replaces=N1), Cda("1.2.250.1.999.2.71005", structured=True, replaces=N3)),
)
ORU_GONE = replace(ORU, orc_1="CA", obx_11="D")


def read(raw: bytes, dialect: Dialect = SILLAGE) -> Reading:
    return apply(hl7.read(raw), dialect, heard_at=NOW)


def documents(raw: bytes) -> list[DocumentPublished]:
    return [one.fact for one in read(raw).facts if isinstance(one.fact, DocumentPublished)]


def one(raw: bytes) -> DocumentPublished:
    (found,) = documents(raw)
    return found


@pytest.mark.parametrize(
    ("name", "number", "replaces", "action", "form"),
    [
        ("t02-n1", N1, None, DocumentAction.ADD, DocumentForm.PDF),
        ("t02-n3", N3, None, DocumentAction.ADD, DocumentForm.SUMMARY),
        ("t10-n1", NEW, N1, DocumentAction.REPLACE, DocumentForm.PDF),
        ("t04-n1", N1, None, DocumentAction.WITHDRAW, DocumentForm.TEXT),
        ("oru-n1-n3", N3, None, DocumentAction.ADD, DocumentForm.SUMMARY),
        ("plain-rtf", "1.2.250.1.999.2.DOC71", None, DocumentAction.ADD, DocumentForm.TEXT),
        ("plain-pdf", "1.2.250.1.999.2.DOC71", None, DocumentAction.ADD, DocumentForm.PDF),
        ("plain-text", "1.2.250.1.999.2.DOC71", None, DocumentAction.ADD, DocumentForm.TEXT),
    ],
)
def test_each_fixture_gives_its_document(
    name: str, number: str, replaces: str | None, action: DocumentAction, form: DocumentForm
) -> None:
    reading = read(fixture(name))
    assert reading.gaps == ()
    (found,) = (heard.fact for heard in reading.facts)
    assert isinstance(found, DocumentPublished)
    assert (found.document, found.replaces) == (number, replaces)
    assert (found.action, found.form) == (action, form)
    assert (found.half, found.type_code, found.visit) == (Half.DSS, TYPE, "V260071")
    assert (found.validated, found.masked, found.visibility) == (True, False, ())
    assert found.author is not None
    assert (found.author.rpps, found.author.family) == ("10999990038", "MODELE")
    assert found.written_at == datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert set(reading.blobs) == {found.content}


def test_a_letter_in_rtf_is_kept_as_its_text() -> None:
    reading = read(fixture("plain-rtf"))
    (text,) = reading.blobs.values()
    assert text.decode().splitlines() == [
        "Synthèse médicale",
        "Traitement ; Posologie",
        "Salbutamol ; à la demande",
        "L’évolution est favorable.",
    ]


def test_of_two_levels_the_structured_one_is_taken_whatever_their_order() -> None:
    other = replace(ORU, documents=ORU.documents[::-1])
    for raw in (ORU.bytes(), other.bytes()):
        found = one(raw)
        assert (found.document, found.also) == (N3, (N1,))
        (summary,) = read(raw).blobs.values()
        assert Items.model_validate_json(summary).reason == "Suivi d'un asthme ancien."


def in_force(*messages: bytes) -> set[str]:
    """Numbers of the documents of the stay, after an arrival and these messages."""
    arrival = edited(adt(family="VASSEUR"), "PID", 3, f"26000071^^^CHEX&{IPP_OID}&ISO^PI")
    arrival = edited(arrival, "PV1", 19, "V260071^^^CHEX^VN")
    arrival = edited(arrival, "ZBE", 7, "^^^^^^UF^^^5101")
    facts = []
    for n, raw in enumerate((arrival, *messages)):
        told = f"202603{n + 10}090000"
        timed = edited(raw, "MSH", 7, told)
        facts += read(edited(timed, "EVN", 2, told) if b"\rEVN|" in raw else timed).facts
    (patient,) = {heard.patient for heard in facts}
    window = timedelta(hours=24)
    (stay,) = fold(patient, [patient], facts, transfer_window=window, with_tests=False).stays
    return {document.document for document in stay.documents}


def test_what_is_said_of_one_level_is_said_of_the_other() -> None:
    new = "1.2.250.1.999.2.71005"
    assert in_force(ORU.bytes()) == {N3}
    assert in_force(ORU.bytes(), ORU_NEW.bytes()) == {new}
    assert in_force(ORU.bytes(), ORU_GONE.bytes()) == set()
    assert in_force(ORU.bytes(), fixture("t04-n1")) == set()
    assert in_force(ORU.bytes(), fixture("t10-n1")) == {NEW}
    assert in_force(fixture("t02-n1"), ORU_NEW.bytes()) == {new}
    assert in_force(ORU.bytes(), fixture("t04-n1"), ORU.bytes()) == {N3}


def test_a_withdrawal_withdraws_the_document_that_the_cda_names() -> None:
    raw = edited(fixture("t04-n1"), "TXA", 12, NEW)  # refused at the door; read by a replay
    assert one(raw).document == N1


@pytest.mark.parametrize("state", ["P", "R", "S", "I", ""])
def test_an_oru_that_is_not_final_is_not_validated(state: str) -> None:
    raw = edited(edited(National("ORU^R01").bytes(), "MSH", 21, ""), "OBX", 11, state)
    assert not one(raw).validated


@pytest.mark.parametrize("state", ["D", "W"])
def test_an_oru_may_withdraw(state: str) -> None:
    raw = edited(edited(National("ORU^R01").bytes(), "MSH", 21, ""), "OBX", 11, state)
    assert one(raw).action is DocumentAction.WITHDRAW


def test_an_oru_without_a_cda_takes_the_number_of_its_order() -> None:
    lines = [
        "MSH|^~\\&|SILLAGE|CHEX|||20260310090500||ORU^R01|D000073|P|2.5|||||FRA|UNICODE UTF-8",
        f"PID|1||26000071^^^CHEX&{IPP_OID}&ISO^PI",
        "PV1|1|I|5101^^^CHEX||||||||||||||||V260071",
        f"OBR|1||4711^SILLAGE|{TYPE}",
        encapsulated(RTF, "text", "RTF"),
    ]
    assert one(joined(lines)).document == "4711"
    lines[3] = f"OBR|1|||{TYPE}"
    assert [gap.place for gap in read(joined(lines)).gaps if gap.grave] == ["OBR-3"]


def test_results_without_a_document_are_left() -> None:
    lines = ["MSH|^~\\&|LABO|CHEX|||20260310||ORU^R01|1|P|2.5", "OBX|1|NM|718-7||13.2|g/dL"]
    reading = read(joined(lines))
    assert not reading.handled
    assert not reading.grave


def test_a_document_that_came_by_mail_is_left() -> None:
    reading = read(fixture("lps-t02"))
    assert not reading.handled
    assert reading.facts == ()


def test_a_document_of_another_type_bothers_nobody() -> None:
    raw = fixture("t02-n1").replace(TYPE.encode(), b"18748-4")
    assert not read(raw).grave
    assert documents(raw) == []
    assert not read(edited(raw, "PID", 3, "1^^^X^INS")).grave
    assert read(edited(fixture("t02-n1"), "PID", 3, "1^^^X^INS")).grave


# From whom it is kept.


@pytest.mark.parametrize(
    ("flags", "masked", "visibility"),
    [
        ({}, False, ()),
        ({"MASQUE_PS": "Y"}, True, (Visibility.MASQUE_PS,)),
        ({"DESTMSSANTEPS": "N"}, True, ()),
        ({"INVISIBLE_PATIENT": "Y"}, False, (Visibility.INVISIBLE_PATIENT,)),
        (
            {"INVISIBLE_REP_LEGAUX": "Y", "CONNEXION_SECRETE": "Y", "DESTDMP": "Y"},
            False,
            (Visibility.INVISIBLE_REPRESENTANTS_LEGAUX,),
        ),
    ],
)
def test_flags_keep_a_document_from_doctors_or_are_kept_with_it(
    flags: dict[str, str], masked: bool, visibility: tuple[Visibility, ...]
) -> None:
    found = one(flagged(fixture("t02-n1"), **flags))
    assert (found.masked, found.visibility) == (masked, visibility)


@pytest.mark.parametrize("flag", ["MASQUE_PS", "DESTMSSANTEPS"])
def test_an_absent_flag_is_no_permission(flag: str) -> None:
    assert one(without(fixture("t02-n1"), f"OBX:{flag}")).masked


def test_a_sender_without_the_profile_may_use_the_flags_alone() -> None:
    content = f"OBX|1|TX|{TYPE}^{LABEL}^LN||Texte.||||||F"
    flag = "OBX|{}|CE|{}^Libellé||{}||||||F".format
    assert not one(plain([content])).masked
    assert not one(plain([content, flag(2, "MASQUE_PS", "N")])).masked
    assert one(plain([content, flag(2, "MASQUE_PS", "Y")])).masked
    assert one(plain([content, flag(2, "MASQUE_PS", "O")])).masked
    assert one(plain([content, flag(2, "MASQUE_PS", "N"), flag(3, "DESTMSSANTEPS", "N")])).masked
    hidden = one(plain([content, flag(2, "INVISIBLE_REPRESENTANTS_LEGAUX", "Y")]))
    assert hidden.visibility == (Visibility.INVISIBLE_REPRESENTANTS_LEGAUX,)


def test_addresses_of_the_message_and_of_the_cda_make_no_recipient() -> None:
    stranger = (
        "<informationRecipient><intendedRecipient>"
        "<telecom value='mailto:autre@exemple.mssante.fr'/>"
        "</intendedRecipient></informationRecipient>"
    )
    raw = National(documents=(Cda(recipient=stranger),)).bytes()
    told = read(raw).facts[0].model_dump_json()
    assert "mssante.fr" not in told


# Another patient, and hostile input.


@pytest.mark.parametrize("claims", [True, False])
def test_a_document_of_another_patient_gives_nothing_even_when_replayed(claims: bool) -> None:
    stranger = Cda(patients=((IPP_OID, "26000999"),))
    raw = (
        National(documents=(stranger,)).bytes()
        if claims
        else plain([encapsulated(stranger.bytes(), "text", "XML")])
    )
    reading = read(raw)
    assert reading.grave
    assert reading.facts == ()
    assert reading.blobs == {}
    assert not any("26000999" in gap.what for gap in reading.gaps)


@pytest.mark.parametrize("count", [2, 3])
def test_several_files_in_one_mdm_are_not_chosen_from(count: int) -> None:
    raw = plain([encapsulated(pdf(), "AP", "PDF")] * count)
    assert read(raw).grave
    assert documents(raw) == []


@given(st.data())
def test_no_mutation_is_read_as_meant_for_a_doctor_without_the_flags_that_say_so(
    data: st.DataObject,
) -> None:
    name = data.draw(st.sampled_from(["t02-n1", "t02-n3", "t10-n1", "oru-n1-n3"]))
    gone = data.draw(st.sampled_from(["MASQUE_PS", "DESTMSSANTEPS"]))
    raw = bytearray(without(fixture(name), f"OBX:{gone}"))
    start = raw.index(b"\r") + 1
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(start, len(raw)))
        raw[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
    try:
        found = documents(bytes(raw))
    except MessageError:
        return
    assert all(document.masked for document in found)


@given(st.data())
def test_any_mutation_gives_facts_or_gaps(data: st.DataObject) -> None:
    raw = bytearray(fixture(data.draw(st.sampled_from(list(FIXED)))))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        raw[at : at + data.draw(st.integers(0, 200))] = data.draw(st.binary(max_size=60))
    try:
        reading = read(bytes(raw))
    except MessageError:
        return
    for heard in reading.facts:
        if isinstance(heard.fact, DocumentPublished):
            assert heard.fact.content in reading.blobs
            if heard.fact.form is DocumentForm.SUMMARY:
                Items.model_validate_json(reading.blobs[heard.fact.content])


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30)


@given(st.lists(_WORDS, max_size=4), st.sampled_from(["paragraph", "list", "td", "entry", "code"]))
def test_any_body_of_a_cda_gives_items_or_a_gap(words: list[str], tag: str) -> None:
    inner = "".join(
        f"<{tag} code='42349-1'>{word.replace('&', '').replace('<', '')}</{tag}>" for word in words
    )
    body = f"<structuredBody><component><section>{inner}<text>{inner}</text></section></component>"
    raw = National(documents=(Cda(N3, body=body + "</structuredBody>"),)).bytes()
    reading = read(raw)
    assert bool(reading.facts) != reading.grave


@pytest.mark.parametrize("flag", REQUIRED)
def test_what_a_message_hides_is_kept_by_code_wherever_it_stands(flag: str) -> None:
    lines = flagged(fixture("t02-n1"), **{flag: "Y"}).decode().split("\r")
    moved = next(line for line in lines if f"|{flag}^" in line)
    lines.remove(moved)
    raw = "\r".join([*lines[:-1], moved, ""]).encode()
    assert one(raw).visibility == one(flagged(fixture("t02-n1"), **{flag: "Y"})).visibility


def from_unit(raw: bytes, unit: str) -> bytes:
    """The message with the unit of its sender in PRT-8.10."""
    return raw.replace(b"FINEG^^^990000028", f"UF^^^{unit}".encode())


@pytest.mark.parametrize(
    ("place", "author", "half"),
    [
        ("5101", "5102", Half.DSS),
        ("5150", "5150", Half.DSP),
        ("5101", "9999", Half.DSS),
        ("9999", "5150", Half.DSP),
        ("5101", "5150", None),
        ("5150", "5101", None),
        ("9999", "9999", None),
    ],
)
def test_where_place_and_author_are_of_two_halves_no_half_is_told(
    place: str, author: str, half: Half | None
) -> None:
    raw = from_unit(edited(National().bytes(), "PV1", 3, f"{place}^^^CHEX"), author)
    assert one(raw).half is half
    assert bool(read(raw).gaps) is (half is None)


def by_a_doctor(specialty: str, role: str = "author", person: str = "assignedAuthor") -> str:
    return (
        f'<{role}><{person}><code code="{specialty}" codeSystem="1.2.250.1.213.1.1.4.5"/>'
        f"</{person}></{role}>"
    )


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize(
    ("specialty", "half"),
    [
        ("G15_10/SM27", Half.DSS),
        ("G15_10/SM42", None),
        ("G15_10/SM43", None),
        ("G15_10/SM92", None),
        ("G15_10/SM93", None),
        ("G15_10/C57", None),
    ],
)
def test_what_a_psychiatrist_wrote_is_never_filed_as_somatic(
    specialty: str, half: Half | None, structured: bool
) -> None:
    for who in (("author", "assignedAuthor"), ("legalAuthenticator", "assignedEntity")):
        cda = Cda(N3, structured=structured, recipient=by_a_doctor(specialty, *who))
        assert one(National(documents=(cda,)).bytes()).half is half
    somewhere = National(documents=(Cda(recipient=by_a_doctor(specialty)),)).bytes()
    assert one(edited(somewhere, "PV1", 3, "5150^^^CHEX")).half is Half.DSP


@pytest.mark.parametrize("joint", [False, True])
def test_a_joint_letter_of_ours_that_comes_back_is_of_no_half(joint: bool) -> None:
    parts = [said(Items(synthesis="Suivi somatique."))]
    if joint:
        parts.append(said(Items(suicide_risk="Un geste en mai."), Half.DSP))
    ours = render_cda(exit_letter(*parts), b"%PDF-1.4", shop())
    found = one(plain([encapsulated(ours, "text", "XML")]))
    assert found.half is (None if joint else Half.DSS)
