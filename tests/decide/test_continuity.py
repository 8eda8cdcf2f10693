from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.continuity import needs
from engine.decide.ladder import Rung as LetterRung
from engine.decide.reasons import Reason
from engine.decide.report import Release, ladders, sentence_of, total
from engine.model.continuity import Continuity, Need, Rung
from engine.model.summary import (
    Appointment,
    Change,
    Diagnosis,
    Items,
    LongActingInjection,
    Narrative,
    OpioidSubstitution,
    PlannedCare,
    Result,
    Screening,
    Treatment,
    Tuberculosis,
    Vaccination,
    Virus,
)
from tests.support.any_items import any_items

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
BEFORE, AFTER = date(2026, 11, 1), date(2026, 12, 1)


@pytest.mark.parametrize(
    ("items", "need"),
    [
        (Items(diagnoses=(Diagnosis(label="Asthme", chronic=True),)), Need.CHRONIC_DISEASE),
        (Items(tuberculosis=Tuberculosis(treatment="RIFAMPICINE")), Need.CHRONIC_DISEASE),
        (Items(treatments=(Treatment(label="METFORMINE"),)), Need.TREATMENT),
        (Items(opioid=OpioidSubstitution(drug="MÉTHADONE")), Need.TREATMENT),
        (Items(injections=(LongActingInjection(drug="X"),)), Need.TREATMENT),
        (
            Items(screenings=(Screening(virus=Virus.HCV, treatment="SOFOSBUVIR"),)),
            Need.TREATMENT,
        ),
        (Items(vaccinations=(Vaccination(label="Hépatite B", due=AFTER),)), Need.VACCINATION),
        (Items(results=(Result(label="VIH"),)), Need.EXAMINATION),
        (Items(plan=(PlannedCare(label="IRM", due=AFTER),)), Need.EXAMINATION),
        (Items(plan=(PlannedCare(label="IRM"),)), Need.EXAMINATION),
        (Items(appointments=(Appointment(label="CMP", day=AFTER),)), Need.APPOINTMENT),
        (Items(appointments=(Appointment(label="CMP"),)), Need.APPOINTMENT),
    ],
)
def test_each_part_of_the_studys_definition_is_a_need(items: Items, need: Need) -> None:
    assert needs([items], AT) == (need,)


@pytest.mark.parametrize(
    "items",
    [
        Items(),
        Items(narratives=(Narrative(text="Asthme, RDV au CMP."),)),
        Items(diagnoses=(Diagnosis(label="Angine"),)),
        Items(treatments=(Treatment(label="X", change=Change.STOPPED),), treatments_none=True),
        Items(vaccinations=(Vaccination(label="Tétanos", day=BEFORE),)),
        Items(results=(Result(label="VIH", value="négatif"),)),
        Items(appointments=(Appointment(label="CMP", day=BEFORE),)),
        Items(plan=(PlannedCare(label="IRM", due=BEFORE),)),
        Items(screenings=(Screening(virus=Virus.HIV, offered=True),)),
    ],
)
def test_what_is_over_or_said_in_free_text_is_no_need_that_a_machine_reads(items: Items) -> None:
    assert needs([items], AT) == ()


@given(st.lists(any_items(), max_size=3))
def test_more_words_never_take_a_need_away(said: list[Items]) -> None:
    for count in range(len(said)):
        assert set(needs(said[:count], AT)) <= set(needs(said, AT))


def released(**changes: Any) -> Release:
    stands = changes.pop("letter_stands", "")
    about = Continuity(**({"released_at": AT, "needs": ()} | changes))
    return Release("nord", "V1", about, stands)


lacks = st.none() | st.sampled_from(sorted(Reason)).map(lambda one: one.value)
any_release = st.builds(
    lambda needs, agreement, gp, letter, why, stands, unit: Release(
        unit,
        "V1",
        Continuity(
            released_at=AT,
            needs=needs,
            agreement_lacks=agreement,
            gp_lacks=gp,
            letter=letter,
            letter_lacks=None if letter else why.value,
        ),
        stands.value if letter else "",
        bool(letter) and stands in (LetterRung.DISPLAYED, LetterRung.FILED, LetterRung.CONFIRMED),
    ),
    st.sampled_from([(), (Need.TREATMENT,)]),
    lacks,
    lacks,
    st.none() | st.just("d1"),
    st.sampled_from(sorted(Reason)),
    st.sampled_from(sorted(LetterRung)),
    st.sampled_from(["nord", "sud"]),
)


@given(st.lists(any_release, max_size=12))
def test_no_rung_holds_more_than_the_one_below_and_units_add_up(found: list[Release]) -> None:
    whole, by_unit = total(found), ladders(found)
    for ladder in (whole, *by_unit.values()):
        for counts in (ladder.all, ladder.needing):
            heights = [counts[rung] for rung in Rung]
            assert heights == sorted(heights, reverse=True)
        assert all(ladder.needing[rung] <= ladder.all[rung] for rung in Rung)
    assert whole.all[Rung.RELEASED] == len(found)
    assert sum(one.need_without_letter for one in by_unit.values()) == whole.need_without_letter


@given(any_release)
def test_who_is_not_at_the_top_has_a_reason_that_can_be_said(release: Release) -> None:
    assert bool(release.lacks) is (release.rung is not Rung.PROVEN)
    assert release.lacks in release.chain or release.rung is Rung.PROVEN
    assert all(sentence_of(word) for word in release.chain)


def test_a_letter_that_left_was_agreed_to_whatever_came_after() -> None:
    one = released(letter="d1", agreement_lacks="consent-withdrawn", letter_stands="delivered")
    assert (one.rung, one.chain) == (Rung.LETTER_SENT, ("delivered",))


def test_the_chain_tells_all_that_lacks_and_the_rung_the_first() -> None:
    one = released(
        agreement_lacks="consent-not-asked", gp_lacks="gp-unknown", letter_lacks="gp-unknown"
    )
    assert one.rung is Rung.RELEASED
    assert one.lacks == "consent-not-asked"
    assert one.chain == ("consent-not-asked", "gp-unknown")
