"""Every item of a summary is shown once, under its path, in every rendering's one order."""

from datetime import UTC, date, datetime, time

from hypothesis import HealthCheck, given, settings

from engine.compose.outline import Cell, Pairs, Paragraphs, Table, blocks_of, cells, outline, parts
from engine.model.fact import Half
from engine.model.letter import HEADINGS
from engine.model.people import Professional
from engine.model.summary import (
    Appointment,
    Change,
    Code,
    Contribution,
    ExitSummary,
    Items,
    Narrative,
    Said,
    Source,
    Treatment,
)
from tests.support.any_summary import ITEMS, SUMMARIES, leaves
from tests.support.letters import PARIS

EASY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SAID = Said(
    source=Source.DOCUMENT,
    reference="D1",
    at=datetime(2026, 11, 23, 23, 30, tzinfo=UTC),
    author=Professional(rpps="10999999997", family="Modèle", given="Claire"),
    validated=True,
)


def shown(summary: ExitSummary) -> list[Cell]:
    return [cell for block in outline(summary, PARIS) for cell in cells(block)]


@EASY
@given(SUMMARIES)
def test_every_value_is_shown_by_exactly_one_cell_and_no_cell_shows_anything_else(
    summary: ExitSummary,
) -> None:
    wanted = {
        path: value
        for i, one in enumerate(summary.contributions)
        for path, value in leaves(one.items, str(i))
    }
    found = [cell for cell in shown(summary) if cell.path is not None]
    assert sorted(cell.path for cell in found if cell.path) == sorted(wanted)
    for cell in found:
        value = wanted[cell.path or ""]
        if isinstance(value, Code):
            assert value.code in cell.text
        elif type(value) is str:
            assert cell.text == value
        elif isinstance(value, date):
            assert cell.text == f"{value.day:02}/{value.month:02}/{value.year:04}"
        else:
            assert cell.text


@EASY
@given(SUMMARIES)
def test_a_cell_of_several_items_reads_as_its_parts_put_together(summary: ExitSummary) -> None:
    for block in outline(summary, PARIS):
        match block:
            case Paragraphs():
                told = [block.body]
            case Pairs():
                told = [cell for _, cell in block.rows]
            case Table():
                told = [cell for row in block.rows for cell in row]
        for cell in told:
            assert "".join(leaf.text for leaf in cell.leaves()) == cell.text
            assert not cell.parts or cell.path is None
            assert all(not leaf.parts for leaf in cell.leaves())


@EASY
@given(SUMMARIES)
def test_a_block_belongs_to_the_contribution_that_its_paths_name(summary: ExitSummary) -> None:
    for block in outline(summary, PARIS):
        paths = [cell.path for cell in cells(block) if cell.path]
        assert paths
        assert {path.split(".")[0] for path in paths} == {str(block.part)}


@EASY
@given(ITEMS)
def test_a_table_has_neither_empty_columns_nor_rows_of_another_length(items: Items) -> None:
    for block in blocks_of(items):
        if isinstance(block, Table):
            assert all(len(row) == len(block.head) for row in block.rows)
            for i in range(len(block.head)):
                assert any(row[i].text for row in block.rows)


def test_dates_hours_and_yes_or_no_are_told_in_french() -> None:
    items = Items(
        naloxone=False,
        transfusion=True,
        appointments=(
            Appointment(label="CMP", day=date(2026, 12, 1), hour=time(14, 5)),
            Appointment(label="Dentiste"),
        ),
    )
    words = {cell.text for block in blocks_of(items) for cell in cells(block)}
    assert {"Non", "Oui", "01/12/2026", "14 h 05", "à fixer"} <= words


def test_what_was_stopped_stands_in_a_table_of_its_own() -> None:
    items = Items(
        treatments=(
            Treatment(label="AMLODIPINE", change=Change.STARTED, reason="hypertension"),
            Treatment(label="TRAMADOL", change=Change.STOPPED, reason="inutile"),
        )
    )
    going, stopped = blocks_of(items)
    assert isinstance(going, Table)
    assert isinstance(stopped, Table)
    assert going.heading == "Traitements à la sortie"
    assert [c.text for c in going.rows[0]] == ["AMLODIPINE", "débuté : hypertension"]
    assert stopped.heading == "Traitements arrêtés"
    assert [c.text for c in stopped.rows[0]] == ["TRAMADOL", "arrêté : inutile"]


def test_a_plain_text_stands_alone_under_the_heading_of_its_half() -> None:
    summary = ExitSummary(
        contributions=(
            Contribution(
                half=Half.DSP, said=SAID, items=Items(narratives=(Narrative(text="Suivi."),))
            ),
            Contribution(
                half=Half.DSS, said=SAID, items=Items(narratives=(Narrative(text="Soins."),))
            ),
            Contribution(half=Half.DSS, said=SAID, items=Items()),
        )
    )
    somatic, psychiatric = parts(summary, PARIS)
    assert (somatic.index, psychiatric.index) == (1, 0)
    assert somatic.heading == HEADINGS[Half.DSS]
    assert somatic.byline == "Rédigé par Claire MODÈLE, le 24 novembre 2026"
    (block,) = somatic.blocks
    assert isinstance(block, Paragraphs)
    assert (block.heading, block.body) == ("", Cell("Soins.", "1.narratives.0.text"))


def test_what_messages_said_comes_after_what_was_written_and_says_where_it_is_from() -> None:
    message = SAID.model_copy(update={"source": Source.MESSAGE, "author": None})
    items = Items(reason="Douleur.")
    told = parts(
        ExitSummary(
            contributions=(
                Contribution(half=Half.DSS, said=message, items=items),
                Contribution(half=Half.DSP, said=SAID, items=items),
            )
        ),
        PARIS,
    )
    assert [part.index for part in told] == [1, 0]
    assert told[1].heading == "Prise en charge somatique : dossier du patient"
    assert told[1].byline == "Extrait du dossier du patient, au 24 novembre 2026"


def test_a_text_of_signs_that_nobody_sees_is_no_part_of_a_letter() -> None:
    unseen = "\u200b\u200b \n"
    blank = Items(synthesis=unseen, narratives=(Narrative(heading="Suivi", text=unseen),))
    assert blocks_of(blank) == ()
    whole = Contribution(half=Half.DSS, said=SAID, items=Items(synthesis="Suivi."))
    both = ExitSummary(contributions=(whole.model_copy(update={"items": blank}), whole))
    assert [one.index for one in parts(both, PARIS)] == [1]
