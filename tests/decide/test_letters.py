"""From a decision to a letter: what its documents say, who said it, and what went before."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.decide.letters import address_for, message_id, mint_oid, write
from engine.decide.plan import Send
from engine.mapping.content import MOST_TEXT
from engine.model.config import Hospital
from engine.model.consent import ConsentState, Purpose
from engine.model.errors import ComposeError
from engine.model.fact import DocumentForm, Half, Visibility
from engine.model.letter import HEADINGS, Letter
from engine.model.people import Professional
from engine.model.policy import Mode
from engine.model.summary import (
    Contribution,
    Items,
    Narrative,
    Said,
    Source,
    Treatment,
    Vaccination,
)
from tests.support.patients import (
    BOX,
    DSP,
    POLICY,
    START,
    World,
    agreed,
    arrived,
    moved,
    released,
    written,
)

HOSPITAL = Hospital(
    name="CH d'Exempleville",
    finess="590000006",
    patient_oid="1.2.3",
    visit_oid="1.2.4",
    source_oid="1.2.5",
)
RESPONSIBLE = Professional(rpps="10999990046", family="EXEMPLE", given="Jean")
SUMMARY = Items(reason="Diabète.", treatments=(Treatment(label="METFORMINE 1000 mg"),))
CONTENTS = {
    "a" * 64: b"Texte somatique.",
    "b" * 64: SUMMARY.model_dump_json(exclude_defaults=True).encode(),
    "c" * 64: b"%PDF-1.7 pages",
    "d" * 64: b"Texte psychiatrique, d'abord.",
}


def left(**more: object) -> World:
    """A patient of both halves who left; the somatic half wrote a summary, the other one a text."""
    world = arrived()
    world.tell(moved("A02", START + timedelta(hours=1), "psy", care=DSP))
    world.now = START + timedelta(days=20)
    world.tell(
        written(Half.DSS, world.now, "D1", "b", form=DocumentForm.SUMMARY, author=RESPONSIBLE),
        written(Half.DSP, world.now, "D2", "d", **more),
    )
    released(world)
    return world


def due(world: World) -> Send:
    world.now += timedelta(hours=3)
    (send,) = (one.send for one in world.plan().threads if one.send)
    return send


def made(world: World, send: Send, contents: dict[str, bytes] | None = None) -> Letter:
    return write(world.scene(), send, contents or CONTENTS, HOSPITAL, world.now)


def test_each_document_becomes_what_one_half_said_and_the_somatic_half_comes_first() -> None:
    world = left()
    letter = made(world, due(world))
    somatic, psychiatric = letter.summary.contributions
    assert (somatic.half, psychiatric.half) == (Half.DSS, Half.DSP)
    assert somatic.items == SUMMARY
    assert psychiatric.items == Items(narratives=(Narrative(text="Texte psychiatrique, d'abord."),))
    assert somatic.said.source is Source.DOCUMENT
    assert somatic.said.reference == "D1"
    assert somatic.said.validated
    assert somatic.said.at == START + timedelta(days=20)
    assert letter.annexes == ()


def test_a_pdf_becomes_pages_under_the_heading_of_its_half() -> None:
    world = left(form=DocumentForm.PDF)
    contents = {**CONTENTS, "d" * 64: CONTENTS["c" * 64]}
    letter = made(world, due(world), contents)
    assert [one.half for one in letter.summary.contributions] == [Half.DSS]
    (annex,) = letter.annexes
    assert (annex.heading, annex.pdf) == (HEADINGS[Half.DSP], b"%PDF-1.7 pages")


def test_what_an_author_hid_goes_with_the_letter() -> None:
    assert made(left(), due(left())).visibility == ()
    world = left(visibility=(Visibility.INVISIBLE_PATIENT,))
    assert made(world, due(world)).visibility == (Visibility.INVISIBLE_PATIENT,)


def test_the_physician_of_the_settings_is_known_as_one_and_others_are_not() -> None:
    world = left(author=Professional(rpps="10999990053", family="INFIRMIER", given="Luc"))
    unit = world.policy.units["annoeullin"]
    doctor = unit.responsible.model_copy(update={"specialty_code": "G15_10/SM54"})
    world.policy = world.policy.model_copy(
        update={
            "units": {
                **world.policy.units,
                "annoeullin": unit.model_copy(update={"responsible": doctor}),
            }
        }
    )
    letter = made(world, due(world))
    told = [one.said.author for one in letter.summary.contributions]
    assert [one.specialty_code for one in told if one] == ["G15_10/SM54", None]


def test_what_messages_said_enriches_only_a_half_that_speaks_and_only_when_it_is_valid() -> None:
    world = left()
    send = due(world)
    scene = world.scene()
    (stay,) = scene.record.stays

    def heard(half: Half, *, validated: bool) -> Contribution:
        said = Said(source=Source.MESSAGE, reference="M", at=START, validated=validated)
        return Contribution(
            half=half, said=said, items=Items(vaccinations=(Vaccination(label="VHB"),))
        )

    background = (heard(Half.DSS, validated=True), heard(Half.DSP, validated=False))
    record = scene.record.model_copy(
        update={"stays": (stay.model_copy(update={"background": background}),)}
    )
    scene = replace(scene, record=record)
    letter = write(scene, send, CONTENTS, HOSPITAL, world.now)
    assert [one.said.source for one in letter.summary.contributions] == [
        Source.DOCUMENT,
        Source.DOCUMENT,
        Source.MESSAGE,
    ]
    alone = send.say.model_copy(
        update={"parts": tuple(p for p in send.say.parts if p.half is Half.DSP)}
    )
    other = Send(send.delivery, send.stay, alone, send.version, send.replaces)
    letter = write(scene, other, CONTENTS, HOSPITAL, world.now)
    assert [one.half for one in letter.summary.contributions] == [Half.DSP]


def replaced(world: World) -> Send:
    """The second version: the psychiatric half wrote its part anew."""
    world.act()
    world.tell(written(Half.DSP, world.now, "D2", "a"))
    world.now += timedelta(hours=1)
    (send,) = (one.send for one in world.plan().threads if one.send)
    assert send.version == 2
    return send


def test_a_second_version_knows_what_the_first_one_said() -> None:
    world = left()
    due(world)
    letter = made(world, replaced(world))
    assert letter.replaces is not None
    assert letter.replaces.halves == (Half.DSS, Half.DSP)
    assert letter.replaces.modified == (Half.DSP,)
    before = letter.replaces.summary
    assert before is not None
    assert [one.items for one in before.contributions] == [
        SUMMARY,
        Items(narratives=(Narrative(text="Texte psychiatrique, d'abord."),)),
    ]


def test_without_the_bytes_of_the_first_version_it_is_still_known_which_half_changed() -> None:
    world = left()
    due(world)
    send = replaced(world)
    letter = made(world, send, {k: v for k, v in CONTENTS.items() if k[0] != "d"})
    assert letter.replaces is not None
    assert letter.replaces.summary is None
    assert letter.replaces.modified == (Half.DSP,)


@pytest.mark.parametrize("content", [b"\xff\xfe", b'{"reason": 3}', b"{", b'{"secret": "MARTEL"}'])
def test_a_document_that_cannot_be_read_stops_the_letter_without_a_word_of_it(
    content: bytes,
) -> None:
    world = left()
    with pytest.raises(ComposeError) as caught:
        made(world, due(world), {**CONTENTS, "b" * 64: content})
    assert caught.value.__cause__ is None
    assert "MARTEL" not in str(caught.value)


def test_a_text_as_long_as_any_that_is_taken_in_loses_nothing() -> None:
    world = left()
    long = "mot " * (MOST_TEXT // 4)
    letter = made(world, due(world), {**CONTENTS, "d" * 64: long.encode()})
    (told,) = letter.summary.contributions[1].items.narratives
    assert told.text == long


def test_identifiers_are_the_same_for_the_same_parts() -> None:
    assert mint_oid("a", "b") == mint_oid("a", "b") != mint_oid("ab")
    assert message_id("d1", "relais@ch.example") == "<d1@ch.example>"


PSYCHIATRIST = Professional(rpps="10999990053", family="PSYCHIATRE", given="Odile")


@pytest.mark.parametrize("form", [DocumentForm.TEXT, DocumentForm.PDF])
def test_of_the_same_bytes_only_the_part_that_was_decided_on_leaves_and_once(
    form: DocumentForm,
) -> None:
    world = arrived(consents=None)
    for purpose in Purpose:
        refused = purpose is Purpose.EXIT_LETTER_PSYCHIATRIC
        state = ConsentState.REFUSED if refused else ConsentState.GRANTED
        world.tell(agreed(purpose, state, START))
    world.tell(moved("A02", START + timedelta(hours=1), "psy", care=DSP))
    world.now = START + timedelta(days=20)
    world.tell(
        written(Half.DSS, world.now, "D0", "a", form=form, validated=False, author=PSYCHIATRIST),
        written(Half.DSS, world.now, "D1", "a", form=form, author=RESPONSIBLE),
        written(Half.DSS, world.now, "D2", "a", form=form, author=RESPONSIBLE),
        written(Half.DSP, world.now, "D3", "a", form=form, author=PSYCHIATRIST),
        written(Half.DSS, world.now, "D4", "a", form=form, masked=True, author=PSYCHIATRIST),
    )
    released(world)
    send = due(world)
    letter = made(world, send, {"a" * 64: b"%PDF-1.7"})
    parts = letter.annexes or letter.summary.contributions
    assert [one.half for one in parts] == [Half.DSS]
    assert "PSYCHIATRE" not in letter.model_dump_json(exclude={"annexes": {"__all__": {"pdf"}}})


def test_what_the_other_half_does_with_the_same_bytes_changes_no_statement() -> None:
    world = left()
    world.tell(written(Half.DSP, world.now, "D9", "b", form=DocumentForm.SUMMARY, masked=True))
    before = due(world).say.statement
    world.tell(
        written(
            Half.DSP, world.now, "D9", "b", form=DocumentForm.SUMMARY, masked=True,
            author=PSYCHIATRIST,
        )
    )  # fmt: skip
    assert due(world).say.statement == before


def test_in_test_mode_every_letter_is_addressed_to_the_first_test_mailbox() -> None:
    test = POLICY.model_copy(
        update={"mode": Mode.TEST, "test_mailboxes": ("a@ch.example", "b@ch.example")}
    )
    assert address_for(BOX, test) == "a@ch.example"
    assert address_for(BOX, POLICY) == BOX.address
